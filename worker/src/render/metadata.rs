//! What a file says of itself in EXIF (CIPA DC-008). Of all of it only the orientation, the camera,
//! the time and, when asked for, the copyright are ever looked at; where the picture was taken is
//! not.

use std::io::Cursor;

use exif::{Exif, Field, In, Reader, Tag, Value};

use super::jpeg_header;
use super::orientation::Orientation;

/// Longer names are cut: they go into records.
const MAX_CHARACTERS: usize = 120;

/// What is taken over from EXIF.
#[derive(Default)]
pub(super) struct Metadata {
    exif: Option<Exif>,
}

/// Who owns a picture.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Ownership {
    pub(super) artist: Option<String>,
    pub(super) copyright: Option<String>,
}

impl Metadata {
    /// Of a whole file. Files without EXIF, or with a damaged one, say less.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut reader = Reader::new();
        reader.continue_on_error(true); // Editors damage other fields often enough.
        let exif = if bytes.starts_with(&[0xff, 0xd8]) {
            // The reader would search all scans.
            let Some(exif) = jpeg_header::exif(bytes) else {
                return Self::default();
            };
            reader.read_raw(exif.to_vec())
        } else {
            reader.read_from_container(&mut Cursor::new(bytes))
        };
        let exif = exif.or_else(|error| error.distill_partial_result(|_| ()));
        Self { exif: exif.ok() }
    }

    /// How the picture lies.
    pub(super) fn orientation(&self) -> Orientation {
        let value = self
            .field(Tag::Orientation)
            .and_then(|field| field.value.get_uint(0));
        Orientation::from_exif(value)
    }

    /// Maker and model: `Canon EOS 5D`.
    pub(super) fn camera(&self) -> Option<String> {
        let (make, model) = (self.text(Tag::Make), self.text(Tag::Model));
        match (make, model) {
            // Many makers repeat themselves.
            (Some(make), Some(model)) if model.to_lowercase().starts_with(&make.to_lowercase()) => {
                Some(model)
            }
            (Some(make), Some(model)) => Some(format!("{make} {model}")),
            (make, model) => model.or(make),
        }
    }

    /// When the shutter opened, in ISO 8601: local time, with its offset from UTC only where the
    /// camera knew it.
    pub(super) fn captured_at(&self) -> Option<String> {
        let text = self.text(Tag::DateTimeOriginal)?;
        let offset = self.text(Tag::OffsetTimeOriginal).unwrap_or_default();
        iso_time(&text, &offset)
    }

    /// Who made it and who owns it.
    pub(super) fn ownership(&self) -> Ownership {
        Ownership {
            artist: self.text(Tag::Artist),
            copyright: self.text(Tag::Copyright),
        }
    }

    fn field(&self, tag: Tag) -> Option<&Field> {
        self.exif.as_ref()?.get_field(tag, In::PRIMARY)
    }

    fn text(&self, tag: Tag) -> Option<String> {
        let Value::Ascii(lines) = &self.field(tag)?.value else {
            return None;
        };
        let text = String::from_utf8_lossy(lines.first()?);
        let printable = text.chars().filter(|character| !character.is_control());
        let text: String = printable.take(MAX_CHARACTERS).collect();
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }
}

/// `2024:05:01 12:34:56` and `+02:00`.
fn iso_time(text: &str, offset: &str) -> Option<String> {
    let (date, time) = text.split_once(' ')?;
    let local: jiff::civil::DateTime = format!("{}T{time}", date.replace(':', "-")).parse().ok()?;
    let is_offset = matches!(offset.as_bytes(), [b'+' | b'-', _, _, b':', _, _])
        && offset.bytes().filter(u8::is_ascii_digit).count() == 4;
    Some(format!("{local}{}", if is_offset { offset } else { "" }))
}

impl Ownership {
    /// As an EXIF block, from its byte order on. `None` when there is nothing to say.
    pub(super) fn exif(&self) -> Option<Vec<u8>> {
        let entries = [(0x013b_u16, &self.artist), (0x8298, &self.copyright)];
        let entries: Vec<_> = entries
            .into_iter()
            .filter_map(|(tag, text)| text.as_ref().map(|text| (tag, format!("{text}\0"))))
            .collect();
        let mut directory = (entries.len() as u16).to_be_bytes().to_vec();
        let mut texts = Vec::new();
        // Header, count, entries of twelve bytes, and the end of the directory.
        let texts_at = 8 + 2 + 12 * entries.len() + 4;
        for (tag, text) in &entries {
            let at = (texts_at + texts.len()) as u32;
            directory.extend(tag.to_be_bytes());
            directory.extend(2_u16.to_be_bytes()); // ASCII
            directory.extend((text.len() as u32).to_be_bytes());
            // Up to four bytes stand in the entry itself.
            if let Some(padding) = 4_usize.checked_sub(text.len()) {
                directory.extend(text.as_bytes());
                directory.extend(vec![0; padding]);
            } else {
                directory.extend(at.to_be_bytes());
                texts.extend(text.as_bytes());
            }
        }
        directory.extend([0; 4]);
        let header = b"MM\0*\0\0\0\x08";
        (!entries.is_empty()).then(|| [&header[..], &directory, &texts].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A JPEG of nothing but EXIF.
    fn file(exif: &[u8]) -> Vec<u8> {
        let length = u16::try_from(2 + 6 + exif.len()).unwrap().to_be_bytes();
        [
            b"\xff\xd8\xff\xe1",
            &length[..],
            b"Exif\0\0",
            exif,
            b"\xff\xd9",
        ]
        .concat()
    }

    /// Orientation 6, then a GPS directory that lies beyond the end of the file.
    #[test]
    fn a_damaged_field_does_not_cost_the_orientation() {
        let orientation = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0];
        let gps = [0x88, 0x25, 0, 4, 0, 0, 0, 1, 0x7f, 0, 0, 0];
        let tiff = [b"MM\0*\0\0\0\x08\0\x02", &orientation[..], &gps, &[0; 4]].concat();
        assert_eq!(Metadata::of(&file(&tiff)).orientation().exif(), 6);
    }

    #[test]
    fn a_file_without_sensible_exif_says_nothing() {
        for bytes in [&b"\xff\xd8\xff\xd9"[..], b""] {
            let metadata = Metadata::of(bytes);
            assert_eq!(metadata.orientation(), Orientation::UPRIGHT);
            assert_eq!((metadata.camera(), metadata.captured_at()), (None, None));
            assert_eq!(metadata.ownership().exif(), None);
        }
    }

    #[test]
    fn ownership_is_read_as_it_is_written() {
        let check = |artist: Option<&str>, copyright: Option<&str>| {
            let ownership = Ownership {
                artist: artist.map(str::to_owned),
                copyright: copyright.map(str::to_owned),
            };
            let read = Metadata::of(&file(&ownership.exif().unwrap())).ownership();
            assert_eq!(read, ownership);
        };
        check(
            Some("Ada Lovelace"),
            Some("(c) 2026 Ada Lovelace, all rights reserved"),
        );
        check(None, Some("CC0"));
        check(Some("A"), None);
    }

    #[test]
    fn times_are_iso() {
        let check =
            |text, offset, expected| assert_eq!(iso_time(text, offset).as_deref(), expected);
        check(
            "2024:05:01 12:34:56",
            "+02:00",
            Some("2024-05-01T12:34:56+02:00"),
        );
        check("2024:05:01 12:34:56", "", Some("2024-05-01T12:34:56"));
        check(
            "2024:05:01 12:34:56",
            "+2; drop",
            Some("2024-05-01T12:34:56"),
        );
        check("0000:00:00 00:00:00", "", None);
        check("    :  :     :  :  ", "", None);
    }
}
