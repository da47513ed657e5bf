//! The segments before a JPEG's first scan (ITU-T T.81, annex B).

/// A marker and what follows its length.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Segment<'a> {
    pub(super) marker: u8,
    pub(super) data: &'a [u8],
}

const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;
const START_OF_SCAN: u8 = 0xda;
/// Tables, frame headers and the restart interval: what decoding needs.
const NEEDED: [std::ops::RangeInclusive<u8>; 2] = [0xc0..=0xcf, 0xdb..=0xdf];

const PROFILE_NAME: &[u8] = b"ICC_PROFILE\0";

/// Those of a header, in order. Stray bytes between them are passed over.
#[derive(Clone, Debug)]
pub(super) struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Segments<'a> {
    /// Of a whole file.
    pub(super) fn of(file: &'a [u8]) -> Self {
        Self {
            rest: file.get(2..).unwrap_or_default(),
        }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        // 0xff may be repeated before a marker, and markers without content may stand alone.
        let is_marker =
            |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0x01 | 0xd0..=0xd8 | 0xff);
        let at = self.rest.windows(2).position(is_marker)?;
        let rest = &self.rest[at..];
        let (marker, length) = match rest {
            [_, START_OF_SCAN, ..] => return None,
            [_, marker, high, low, ..] => (*marker, usize::from(u16::from_be_bytes([*high, *low]))),
            _ => return None,
        };
        let data = rest.get(4..2 + length)?;
        self.rest = &rest[2 + length..];
        Some(Segment { marker, data })
    }
}

/// The embedded colour profile, whatever its segments' order (ICC.1:2022, annex B.4).
pub(super) fn profile(file: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<(u8, &[u8])> = Segments::of(file)
        .filter(|segment| segment.marker == APP2)
        .filter_map(|segment| segment.data.strip_prefix(PROFILE_NAME))
        .filter_map(|part| Some((*part.first()?, part.get(2..)?)))
        .collect();
    parts.sort_by_key(|(number, _)| *number);
    let whole = parts
        .iter()
        .map(|(_, data)| *data)
        .collect::<Vec<_>>()
        .concat();
    (!whole.is_empty()).then_some(whole)
}

/// The EXIF block, from its byte order on.
pub(super) fn exif(file: &[u8]) -> Option<&[u8]> {
    Segments::of(file)
        .filter(|segment| segment.marker == APP1)
        .find_map(|segment| segment.data.strip_prefix(b"Exif\0\0"))
}

/// Whether inks are stored inverted: Adobe's programs do so, and say so.
pub(super) fn has_adobe_marker(file: &[u8]) -> bool {
    Segments::of(file).any(|segment| segment.marker == APP14 && segment.data.starts_with(b"Adobe"))
}

/// The file with a header that has only what decoding needs. Some programs write segments that
/// decoders warn of, and a warning in the header cannot be told from damage.
pub(super) fn cleaned(file: &[u8]) -> Vec<u8> {
    let mut segments = Segments::of(file);
    let mut clean = b"\xff\xd8".to_vec();
    for Segment { marker, data } in segments.by_ref() {
        let data = match (marker, data) {
            // Version, density and thumbnail may be nonsense.
            (APP0, [b'J', b'F', b'I', b'F', 0, ..]) => b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0",
            (APP14, [b'A', b'd', b'o', b'b', b'e', .., 0..=2]) => data,
            _ if NEEDED.iter().any(|range| range.contains(&marker)) => data,
            _ => continue,
        };
        clean.extend([0xff, marker]);
        clean.extend((data.len() as u16 + 2).to_be_bytes());
        clean.extend(data);
    }
    let scan = segments
        .rest
        .windows(2)
        .position(|pair| pair == [0xff, START_OF_SCAN]);
    clean.extend(&segments.rest[scan.unwrap_or_default()..]);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
        [&[0xff, marker][..], &length, data].concat()
    }

    #[test]
    fn a_profile_in_parts_is_put_together_in_order() {
        let part =
            |number, data: &[u8]| segment(APP2, &[PROFILE_NAME, &[number, 2], data].concat());
        let file = [
            b"\xff\xd8".to_vec(),
            part(2, b"world"),
            vec![0xff],
            part(1, b"hello "),
            segment(START_OF_SCAN, b""),
        ];
        assert_eq!(profile(&file.concat()).unwrap(), b"hello world");
        assert_eq!(profile(b"\xff\xd8\xff\xda"), None);
    }

    #[test]
    fn a_cleaned_header_has_what_decoding_needs_and_the_scans_as_they_were() {
        let needed = [
            segment(0xdb, b"table"),
            segment(0xc2, b"frame"),
            segment(APP14, b"Adobe\0\x64\0\0\0\0\x01"),
        ]
        .concat();
        let scan = b"\xff\xda\0\x02pixels\xff\xd9".to_vec();
        let dirty = [
            b"\xff\xd8stray".to_vec(),
            segment(0xe1, b"Exif\0\0"),
            needed.clone(),
            segment(APP14, b"Adobe\0\x64\0\0\0\0\x07"),
            b"stray".to_vec(),
            scan.clone(),
        ];
        assert_eq!(
            cleaned(&dirty.concat()),
            [b"\xff\xd8".to_vec(), needed, scan].concat()
        );
    }

    #[test]
    fn a_cut_header_ends_the_walk() {
        let file = [
            b"\xff\xd8".to_vec(),
            segment(0xdb, b"table"),
            b"\xff\xc0\x01".to_vec(),
        ]
        .concat();
        assert_eq!(Segments::of(&file).count(), 1);
        assert_eq!(Segments::of(b"\xff").count(), 0);
    }
}
