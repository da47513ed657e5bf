//! How a picture must be turned to stand upright, by its EXIF (CIPA DC-008, tag 0x0112).

use std::io::Cursor;

use exif::{In, Reader, Tag};

use super::pixels::Pixels;

/// One of the eight ways a picture can lie.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Orientation(u8);

impl Orientation {
    /// As the file's EXIF says; upright when it says nothing that makes sense.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut reader = Reader::new();
        reader.continue_on_error(true); // Editors damage other fields often enough.
        let exif = reader.read_from_container(&mut Cursor::new(bytes));
        let exif = exif
            .or_else(|error| error.distill_partial_result(|_| ()))
            .ok();
        let value = exif.and_then(|exif| {
            exif.get_field(Tag::Orientation, In::PRIMARY)?
                .value
                .get_uint(0)
        });
        Self(
            value
                .and_then(|value| u8::try_from(value).ok())
                .filter(|value| (1..=8).contains(value))
                .unwrap_or(1),
        )
    }

    /// 1 to 8; 1 is upright.
    pub(super) fn exif(self) -> u8 {
        self.0
    }

    /// The upright size of a picture that lies as `width` x `height`. Also the way back.
    pub(super) fn upright(self, width: u32, height: u32) -> (u32, u32) {
        if self.swaps_sides() {
            (height, width)
        } else {
            (width, height)
        }
    }

    fn swaps_sides(self) -> bool {
        self.0 >= 5
    }

    /// The picture, upright.
    pub(super) fn apply(self, pixels: &Pixels) -> Pixels {
        let (width, height) = self.upright(pixels.width(), pixels.height());
        let channels = pixels.layout().channels();
        let stride = pixels.width() as usize * channels;
        let mut bytes = Vec::with_capacity(pixels.bytes().len());
        for y in 0..height {
            for x in 0..width {
                let (from_x, from_y) = self.origin(x, y, pixels.width(), pixels.height());
                let at = from_y as usize * stride + from_x as usize * channels;
                bytes.extend_from_slice(&pixels.bytes()[at..at + channels]);
            }
        }
        Pixels::new(width, height, pixels.layout(), bytes)
    }

    /// Where the upright pixel `x`, `y` lies in a picture of `width` x `height`.
    fn origin(self, x: u32, y: u32, width: u32, height: u32) -> (u32, u32) {
        let (right, bottom) = (width - 1, height - 1);
        match self.0 {
            2 => (right - x, y),
            3 => (right - x, bottom - y),
            4 => (x, bottom - y),
            5 => (y, x),
            6 => (y, bottom - x),
            7 => (right - y, bottom - x),
            8 => (right - y, x),
            _ => (x, y),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pixels::Layout;
    use super::*;

    /// A picture of 3 x 2 gray pixels, as it lies, for each orientation of the upright `1 2 3 / 4 5
    /// 6`.
    fn check(orientation: u8, width: u32, lying: [u8; 6]) {
        let lying = Pixels::new(width, 6 / width, Layout::Gray, lying.to_vec());
        let upright = Orientation(orientation).apply(&lying);
        assert_eq!(
            (upright.width(), upright.height(), upright.bytes()),
            (3, 2, &[1, 2, 3, 4, 5, 6][..]),
            "{orientation}"
        );
    }

    #[test]
    fn every_orientation_comes_out_upright() {
        check(1, 3, [1, 2, 3, 4, 5, 6]);
        check(2, 3, [3, 2, 1, 6, 5, 4]); // mirrored
        check(3, 3, [6, 5, 4, 3, 2, 1]); // upside down
        check(4, 3, [4, 5, 6, 1, 2, 3]); // mirrored upside down
        check(5, 2, [1, 4, 2, 5, 3, 6]); // mirrored along the main diagonal
        check(6, 2, [3, 6, 2, 5, 1, 4]); // needs a quarter turn clockwise
        check(7, 2, [6, 3, 5, 2, 4, 1]); // mirrored along the other diagonal
        check(8, 2, [4, 1, 5, 2, 6, 3]); // needs a quarter turn counterclockwise
    }

    /// Orientation 6, then a GPS directory that lies beyond the end of the file.
    #[test]
    fn a_damaged_field_does_not_cost_the_orientation() {
        let orientation = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0];
        let gps = [0x88, 0x25, 0, 4, 0, 0, 0, 1, 0x7f, 0, 0, 0];
        let tiff = [b"MM\0*\0\0\0\x08\0\x02", &orientation[..], &gps, &[0; 4]].concat();
        let length = u16::try_from(2 + 6 + tiff.len()).unwrap().to_be_bytes();
        let file = [
            b"\xff\xd8\xff\xe1",
            &length[..],
            b"Exif\0\0",
            &tiff,
            b"\xff\xd9",
        ]
        .concat();
        assert_eq!(Orientation::of(&file), Orientation(6));
    }

    #[test]
    fn a_file_without_sensible_exif_is_upright() {
        assert_eq!(Orientation::of(b"\xff\xd8\xff\xd9"), Orientation(1));
        assert_eq!(Orientation::of(b""), Orientation(1));
    }
}
