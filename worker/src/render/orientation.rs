//! How a picture must be turned to stand upright, by its EXIF (CIPA DC-008, tag 0x0112).

use super::geometry::{Size, Window};
use super::pixels::Pixels;

/// One of the eight ways a picture can lie.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Orientation(u8);

impl Orientation {
    /// Nothing to turn.
    pub(super) const UPRIGHT: Self = Self(1);

    /// As EXIF writes it; upright when that makes no sense.
    pub(super) fn from_exif(value: Option<u32>) -> Self {
        match value {
            Some(value @ 1..=8) => Self(value as u8),
            _ => Self::UPRIGHT,
        }
    }

    /// 1 to 8; 1 is upright.
    pub(super) fn exif(self) -> u8 {
        self.0
    }

    /// The upright size of a picture that lies as `size`. Also the way back.
    pub(super) fn upright(self, size: Size) -> Size {
        if self.swaps_sides() {
            size.turned()
        } else {
            size
        }
    }

    /// Whether width and height change places.
    pub(super) fn swaps_sides(self) -> bool {
        self.0 >= 5
    }

    /// Whether the upright picture begins on the right, or at the bottom, of the lying one.
    fn begins_at_the_end(self) -> (bool, bool) {
        (
            matches!(self.0, 2 | 3 | 7 | 8),
            matches!(self.0, 3 | 4 | 6 | 7),
        )
    }

    /// Where a window of the upright picture is in the lying one.
    pub(super) fn lying(self, window: Window) -> Window {
        let Window {
            left,
            top,
            width,
            height,
        } = window;
        let (from_right, from_bottom) = self.begins_at_the_end();
        let (left, top, width, height) = if self.swaps_sides() {
            (top, left, height, width)
        } else {
            (left, top, width, height)
        };
        Window {
            left: if from_right { 1.0 - left - width } else { left },
            top: if from_bottom { 1.0 - top - height } else { top },
            width,
            height,
        }
    }

    /// `window`, grown from what shows `size` pixels to what shows `padded` ones, away from where
    /// the upright picture begins. All as they lie.
    pub(super) fn padded(self, window: Window, size: Size, padded: (u32, u32)) -> Window {
        let (from_right, from_bottom) = self.begins_at_the_end();
        let width = window.width * f64::from(padded.0) / f64::from(size.width);
        let height = window.height * f64::from(padded.1) / f64::from(size.height);
        let back = |from_end: bool, start: f64, old: f64, new: f64| {
            if from_end { start + old - new } else { start }
        };
        Window {
            left: back(from_right, window.left, window.width, width),
            top: back(from_bottom, window.top, window.height, height),
            width,
            height,
        }
    }

    /// The picture, upright.
    pub(super) fn apply(self, pixels: Pixels) -> Pixels {
        if self == Self::UPRIGHT {
            return pixels;
        }
        match pixels.layout().channels() {
            1 => self.turned::<1>(&pixels),
            2 => self.turned::<2>(&pixels),
            3 => self.turned::<3>(&pixels),
            _ => self.turned::<4>(&pixels),
        }
    }

    fn turned<const N: usize>(self, pixels: &Pixels) -> Pixels {
        let lying = pixels.size();
        let upright = self.upright(lying);
        let width = lying.width as usize;
        let (source, _) = pixels.bytes().as_chunks::<N>();
        // Along an upright row, the lying position moves by a constant step.
        let (from_right, from_bottom) = self.begins_at_the_end();
        let column_step = if from_right { -1 } else { 1 };
        let row_step = if from_bottom {
            -(width as isize)
        } else {
            width as isize
        };
        let origin = (if from_right { width - 1 } else { 0 })
            + (if from_bottom {
                (lying.height as usize - 1) * width
            } else {
                0
            });
        let (step, line_step) = if self.swaps_sides() {
            (row_step, column_step)
        } else {
            (column_step, row_step)
        };
        let mut bytes = Vec::with_capacity(pixels.bytes().len());
        for y in 0..upright.height as isize {
            let start = origin as isize + y * line_step;
            for x in 0..upright.width as isize {
                bytes.extend_from_slice(&source[(start + x * step) as usize]);
            }
        }
        Pixels::new(upright, pixels.layout(), bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::pixels::Layout;
    use super::*;

    /// A picture of 3 x 2 gray pixels, as it lies, for each orientation of the upright `1 2 3 / 4 5
    /// 6`.
    const LYING: [(u8, u32, [u8; 6]); 8] = [
        (1, 3, [1, 2, 3, 4, 5, 6]),
        (2, 3, [3, 2, 1, 6, 5, 4]), // mirrored
        (3, 3, [6, 5, 4, 3, 2, 1]), // upside down
        (4, 3, [4, 5, 6, 1, 2, 3]), // mirrored upside down
        (5, 2, [1, 4, 2, 5, 3, 6]), // mirrored along the main diagonal
        (6, 2, [3, 6, 2, 5, 1, 4]), // needs a quarter turn clockwise
        (7, 2, [6, 3, 5, 2, 4, 1]), // mirrored along the other diagonal
        (8, 2, [4, 1, 5, 2, 6, 3]), // needs a quarter turn counterclockwise
    ];

    #[test]
    fn every_orientation_comes_out_upright() {
        for (orientation, width, bytes) in LYING {
            let lying = Pixels::new(Size::new(width, 6 / width), Layout::Gray, bytes.to_vec());
            let upright = Orientation(orientation).apply(lying);
            assert_eq!(upright.size(), Size::new(3, 2), "{orientation}");
            assert_eq!(upright.bytes(), [1, 2, 3, 4, 5, 6], "{orientation}");
        }
    }

    #[test]
    fn a_window_of_the_upright_picture_is_found_in_the_lying_one() {
        // The upper right pixel, a 3.
        let window = Window {
            left: 2.0 / 3.0,
            top: 0.0,
            width: 1.0 / 3.0,
            height: 0.5,
        };
        for (orientation, width, bytes) in LYING {
            let size = Size::new(width, 6 / width);
            let Window { left, top, .. } = Orientation(orientation).lying(window).of(size.extent());
            let at = (top.round() as u32 * width + left.round() as u32) as usize;
            assert_eq!(bytes[at], 3, "{orientation}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_upright() {
        for value in [None, Some(0), Some(9), Some(65_536 + 6)] {
            assert_eq!(Orientation::from_exif(value), Orientation::UPRIGHT);
        }
    }
}
