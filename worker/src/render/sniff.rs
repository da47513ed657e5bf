//! What a file is, by its first bytes. Names and content types are hints for people, never for the
//! decoder.

use super::Rejection;

/// A picture format that is read, written, or both.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// ISO/IEC 10918, in JFIF or EXIF.
    Jpeg,
    /// ISO/IEC 15948, with the animations of its third edition (APNG).
    Png,
    /// GIF 87a and 89a.
    Gif,
    /// RFC 9649, still and animated.
    WebP,
    /// TIFF 6.0: the first page.
    Tiff,
    /// Windows bitmaps.
    Bmp,
    /// AV1 in HEIF, when built with the feature `avif`.
    Avif,
}

impl Format {
    /// As it stands in recipes and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::WebP => "webp",
            Self::Tiff => "tiff",
            Self::Bmp => "bmp",
            Self::Avif => "avif",
        }
    }

    /// As files are called.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            other => other.name(),
        }
    }

    /// As HTTP calls it.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
            Self::Tiff => "image/tiff",
            Self::Bmp => "image/bmp",
            Self::Avif => "image/avif",
        }
    }
}

/// The format of a file, or its rejection by name.
pub fn sniff(bytes: &[u8]) -> Result<Format, Rejection> {
    match bytes {
        [] => Err(Rejection::corrupt("the file is empty")),
        [0xff, 0xd8, 0xff, ..] => Ok(Format::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok(Format::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Ok(Format::Gif),
        [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => Ok(Format::Tiff),
        [b'I', b'I', b'+', 0, ..] | [b'M', b'M', 0, b'+', ..] => Ok(Format::Tiff), // BigTIFF
        _ if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") => Ok(Format::WebP),
        _ if is_bmp(bytes) => Ok(Format::Bmp),
        _ if cfg!(feature = "avif") && is_avif(bytes) => Ok(Format::Avif),
        _ => Err(Rejection::unsupported(
            known_name(bytes).unwrap_or("a file that is no picture"),
        )),
    }
}

/// Two letters are too few to tell a bitmap from a text: the size of its second header must be one
/// of the known ones.
fn is_bmp(bytes: &[u8]) -> bool {
    let known = [12, 40, 52, 56, 64, 108, 124];
    bytes.starts_with(b"BM")
        && matches!(bytes.get(14..18), Some([size, 0, 0, 0]) if known.contains(size))
}

fn is_avif(bytes: &[u8]) -> bool {
    brands(bytes).any(|brand| brand == b"avif" || brand == b"avis")
}

/// The brands of an ISO base media file: its major one and those it is compatible with.
fn brands(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let length = match bytes {
        [a, b, c, d, b'f', b't', b'y', b'p', ..] => u32::from_be_bytes([*a, *b, *c, *d]) as usize,
        _ => 0,
    };
    let end = length.min(bytes.len());
    let named = bytes.get(8..end).unwrap_or_default().chunks_exact(4);
    named
        .enumerate()
        .filter(|(at, _)| *at != 1)
        .map(|(_, brand)| brand) // The second is a version.
}

fn known_name(bytes: &[u8]) -> Option<&'static str> {
    let brand = |wanted: &[&[u8]]| brands(bytes).any(|brand| wanted.contains(&brand));
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = text.trim_ascii_start();
    match bytes {
        [b'%', b'P', b'D', b'F', ..] => Some("PDF"),
        [b'8', b'B', b'P', b'S', ..] => Some("PSD"),
        [0, 0, 1, 0, ..] => Some("ICO"),
        [b'P', b'K', 3, 4, ..] => Some("a ZIP archive"),
        [0xff, 0x0a, ..] | [0, 0, 0, 0x0c, b'J', b'X', b'L', b' ', ..] => Some("JPEG XL"),
        [0, 0, 0, 0x0c, b'j', b'P', b' ', b' ', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => {
            Some("JPEG 2000")
        }
        _ if is_avif(bytes) => Some("AVIF"),
        _ if brand(&[
            b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1",
        ]) =>
        {
            Some("HEIC")
        }
        _ if bytes.get(4..8) == Some(b"ftyp") => Some("a video"),
        _ if is_svg(text) => Some("SVG"),
        _ if bytes.starts_with(b"BM") => Some("BMP with this header"),
        _ => None,
    }
}

/// SVG may begin with an XML declaration, comments and a document type.
fn is_svg(text: &[u8]) -> bool {
    let is_markup = text.starts_with(b"<");
    let start = &text[..text.len().min(1_024)];
    is_markup
        && start
            .windows(4)
            .any(|tag| tag.eq_ignore_ascii_case(b"<svg"))
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
        assert_eq!(sniff(b"GIF87a"), Ok(Format::Gif));
        assert_eq!(sniff(b"RIFF\x10\0\0\0WEBPVP8X"), Ok(Format::WebP));
        assert_eq!(sniff(b"MM\0*\0\0\0\x08"), Ok(Format::Tiff));
        assert_eq!(sniff(b"BM........\x36\0\0\0\x28\0\0\0"), Ok(Format::Bmp));
    }

    #[test]
    fn other_formats_are_rejected_by_name() {
        let check = |bytes: &[u8], name: &str| {
            let detail = detail(bytes);
            assert!(
                detail.starts_with(&format!("{name} is not supported: use ")),
                "{detail}"
            );
        };
        check(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC");
        check(b"\0\0\0\x18ftypisom\0\0\0\0mp41mp42", "a video");
        check(b"  <svg xmlns", "SVG");
        check(
            b"\xef\xbb\xbf<?xml version='1.0'?><!-- a logo --><svg>",
            "SVG",
        );
        check(b"%PDF-1.7", "PDF");
        check(b"8BPS\0\x01", "PSD");
        check(b"hello", "a file that is no picture");
        check(b"BM is how this text begins", "BMP with this header");
        check(b"RIFF\x10\0\0\0WAVEfmt ", "a file that is no picture");
        assert_eq!(
            detail(b""),
            "the picture cannot be decoded: the file is empty"
        );
    }

    #[test]
    fn avif_is_found_by_any_of_its_brands() {
        let file = b"\0\0\0\x1cftypmif1\0\0\0\0avifmif1miaf";
        match sniff(file) {
            Ok(format) => assert_eq!(format, Format::Avif),
            Err(rejection) => assert!(rejection.detail.starts_with("AVIF"), "{rejection}"),
        }
    }
}
