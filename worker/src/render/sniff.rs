//! What a file is, by its first bytes. Names and content types are hints for people, never for the
//! decoder.

use super::Rejection;

/// A format that is read and written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// ISO/IEC 10918, in JFIF or EXIF.
    Jpeg,
    /// ISO/IEC 15948.
    Png,
}

impl Format {
    /// As it stands in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
        }
    }

    /// As files are called.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
        }
    }

    /// As HTTP calls it.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

/// The format of a file, or its rejection by name.
pub fn sniff(bytes: &[u8]) -> Result<Format, Rejection> {
    match bytes {
        [] => Err(Rejection::corrupt("the file is empty")),
        [0xff, 0xd8, 0xff, ..] => Ok(Format::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok(Format::Png),
        _ => Err(Rejection::unsupported(
            known_name(bytes).unwrap_or("a file that is no picture"),
        )),
    }
}

fn known_name(bytes: &[u8]) -> Option<&'static str> {
    let box_brand = bytes
        .get(4..8)
        .filter(|kind| *kind == b"ftyp")
        .and_then(|_| bytes.get(8..12));
    match (bytes, box_brand) {
        ([b'G', b'I', b'F', b'8', ..], _) => Some("GIF"),
        (
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ],
            _,
        ) => Some("WebP"),
        ([b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..], _) => Some("TIFF"),
        ([b'B', b'M', ..], _) => Some("BMP"),
        ([b'%', b'P', b'D', b'F', ..], _) => Some("PDF"),
        ([b'8', b'B', b'P', b'S', ..], _) => Some("PSD"),
        (_, Some(b"avif" | b"avis")) => Some("AVIF"),
        (_, Some(b"heic" | b"heix" | b"hevc" | b"heim" | b"mif1" | b"msf1")) => Some("HEIC"),
        _ if bytes.trim_ascii_start().starts_with(b"<svg") => Some("SVG"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(bytes: &[u8]) -> String {
        sniff(bytes).unwrap_err().detail
    }

    #[test]
    fn the_first_bytes_decide() {
        assert_eq!(sniff(b"\xff\xd8\xff\xe0"), Ok(Format::Jpeg));
        assert_eq!(sniff(b"\x89PNG\r\n\x1a\n"), Ok(Format::Png));
    }

    #[test]
    fn other_formats_are_rejected_by_name() {
        assert_eq!(detail(b"GIF89a"), "GIF is not supported: use JPEG or PNG");
        assert!(detail(b"\0\0\0\x18ftypheic").starts_with("HEIC"));
        assert!(detail(b"  <svg xmlns").starts_with("SVG"));
        assert!(detail(b"%PDF-1.7").starts_with("PDF"));
        assert!(detail(b"hello").starts_with("a file that is no picture"));
        assert_eq!(
            detail(b""),
            "the picture cannot be decoded: the file is empty"
        );
    }
}
