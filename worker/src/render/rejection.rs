//! Why a picture can never succeed as it is.

use std::fmt;
use std::str::FromStr;

use shared::record::Reason;

use super::Limits;
use crate::variant_key::KeyTemplate;

/// For programs, metrics and filters: a closed set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RejectionCode {
    /// It claims to be a picture and cannot be decoded.
    Corrupt,
    /// It is not a picture, or not of a supported format.
    UnsupportedFormat,
    /// Too many bytes, pixels or frames.
    TooLarge,
    /// Rendering it takes too long.
    TooSlow,
    /// Its variants cannot be named.
    KeyTooLong,
    /// The server refuses it: 404, 403, …
    UrlRefused,
    /// It leads where the worker does not go: private addresses, other schemes, endless redirects.
    UrlForbidden,
}

impl RejectionCode {
    const ALL: [Self; 7] = [
        Self::Corrupt,
        Self::UnsupportedFormat,
        Self::TooLarge,
        Self::TooSlow,
        Self::KeyTooLong,
        Self::UrlRefused,
        Self::UrlForbidden,
    ];

    /// As it stands in records and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Corrupt => "corrupt",
            Self::UnsupportedFormat => "unsupported_format",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::KeyTooLong => "key_too_long",
            Self::UrlRefused => "url_refused",
            Self::UrlForbidden => "url_forbidden",
        }
    }
}

impl fmt::Display for RejectionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RejectionCode {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|code| code.as_str() == text)
            .ok_or(())
    }
}

/// A code for programs and a sentence for people.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{detail}")]
pub struct Rejection {
    /// Which kind.
    pub code: RejectionCode,
    /// What exactly, and what to do.
    pub detail: String,
}

impl Rejection {
    /// It cannot be decoded.
    pub fn corrupt(detail: impl fmt::Display) -> Self {
        Self {
            code: RejectionCode::Corrupt,
            detail: format!("the picture cannot be decoded: {detail}"),
        }
    }

    /// It is something else.
    pub fn unsupported(what: impl fmt::Display) -> Self {
        Self {
            code: RejectionCode::UnsupportedFormat,
            detail: format!("{what} is not supported: use JPEG, PNG, WebP, GIF, TIFF or BMP"),
        }
    }

    /// More bytes than allowed.
    pub fn too_many_bytes(size: u64, max_bytes: u64) -> Self {
        let detail = format!(
            "the file has {size} bytes, at most {max_bytes} are allowed: raise --max-source-bytes or upload a smaller one"
        );
        Self::too_large(detail)
    }

    /// More pixels than allowed.
    pub fn too_many_pixels(width: u64, height: u64, limits: &Limits) -> Self {
        let max = limits.max_pixels;
        let detail = format!(
            "{width}x{height} pixels are more than the {max} allowed: raise --max-pixels or upload a smaller picture"
        );
        Self::too_large(detail)
    }

    /// Wider or taller than any picture.
    pub(super) fn too_long(width: u64, height: u64, max_side: u32) -> Self {
        Self::too_large(format!(
            "{width}x{height} pixels are too long, no side may have more than {max_side}: upload a smaller picture"
        ))
    }

    /// More frames than allowed.
    pub(super) fn too_many_frames(frames: u32, limits: &Limits) -> Self {
        let max = limits.max_frames;
        Self::too_large(format!(
            "an animation of {frames} or more frames has more than the {max} allowed: raise --max-frames, upload a shorter one or make no animated variants"
        ))
    }

    /// More pixels in all frames than allowed.
    pub(super) fn too_many_animation_pixels(pixels: u64, limits: &Limits) -> Self {
        let max = limits.max_animation_pixels();
        Self::too_large(format!(
            "all frames together have {pixels} pixels, more than the {max} allowed (5 times --max-pixels): upload a smaller animation or make no animated variants"
        ))
    }

    /// Longer than allowed.
    pub(super) fn too_long_an_animation(max_seconds: u64) -> Self {
        Self::too_large(format!(
            "an animation may last {max_seconds} seconds: upload a shorter one or make no animated variants"
        ))
    }

    /// More metadata than any honest file has.
    pub(super) fn too_much_metadata(max_bytes: usize) -> Self {
        Self::too_large(format!(
            "its metadata is larger than the {max_bytes} bytes allowed: upload it without an embedded profile"
        ))
    }

    /// It takes longer than allowed.
    pub fn too_slow(max_seconds: u64) -> Self {
        Self {
            code: RejectionCode::TooSlow,
            detail: format!(
                "rendering takes longer than the {max_seconds} seconds allowed: raise --render-timeout or upload a simpler picture"
            ),
        }
    }

    fn too_large(detail: String) -> Self {
        Self {
            code: RejectionCode::TooLarge,
            detail,
        }
    }

    /// The names of its variants would be longer than S3 allows.
    pub fn key_too_long(key: &str, template: &KeyTemplate) -> Self {
        let detail = format!(
            "a key of {} bytes leaves no room for variants named {template}: upload under a shorter one",
            key.len()
        );
        Self {
            code: RejectionCode::KeyTooLong,
            detail,
        }
    }
}

impl From<Rejection> for Reason {
    fn from(Rejection { code, detail }: Rejection) -> Self {
        Self {
            code: code.as_str().to_owned(),
            detail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_read_as_it_is_written() {
        for code in RejectionCode::ALL {
            assert_eq!(code.as_str().parse(), Ok(code));
        }
        assert_eq!("failed".parse::<RejectionCode>(), Err(()));
    }
}
