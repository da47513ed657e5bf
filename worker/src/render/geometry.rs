//! Sizes of pictures and parts of them.

use std::fmt;

/// Width and height in pixels, at least one each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Size {
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Size {
    pub(super) fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Pixels in all.
    pub(super) fn area(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// Width and height exchanged.
    pub(super) fn turned(self) -> Self {
        Self::new(self.height, self.width)
    }

    /// Whether `other` fits into it.
    pub(super) fn covers(self, other: Self) -> bool {
        self.width >= other.width && self.height >= other.height
    }

    /// The smaller of both widths, and of both heights.
    pub(super) fn min(self, other: Self) -> Self {
        Self::new(self.width.min(other.width), self.height.min(other.height))
    }

    /// The larger of both widths, and of both heights.
    pub(super) fn max(self, other: Self) -> Self {
        Self::new(self.width.max(other.width), self.height.max(other.height))
    }

    /// The largest size of these proportions that fits into `limit`.
    pub(super) fn fitted(self, limit: Self) -> Self {
        let (width, height) = (u64::from(self.width), u64::from(self.height));
        let by_width = u64::from(limit.width) * height <= u64::from(limit.height) * width;
        if by_width {
            Self::new(
                limit.width,
                proportional(self.height, limit.width, self.width),
            )
        } else {
            Self::new(
                proportional(self.width, limit.height, self.height),
                limit.height,
            )
        }
    }

    /// As lengths.
    pub(super) fn extent(self) -> Extent {
        Extent {
            width: self.width.into(),
            height: self.height.into(),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// `length * part / whole`, rounded, at least 1.
fn proportional(length: u32, part: u32, whole: u32) -> u32 {
    let (length, part, whole) = (u64::from(length), u64::from(part), u64::from(whole.max(1)));
    u32::try_from((length * part + whole / 2) / whole)
        .unwrap_or(u32::MAX)
        .max(1)
}

/// How much of a raster is picture. A decoder that scales fills the last column and row up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Extent {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A part of a picture, as fractions of its width and height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Window {
    /// All of it.
    pub(super) const WHOLE: Self = Self {
        left: 0.0,
        top: 0.0,
        width: 1.0,
        height: 1.0,
    };

    /// The largest window in the middle of `picture` that has the proportions of `shape`.
    pub(super) fn centred(picture: Size, shape: Size) -> Self {
        let ratio = |size: Size| f64::from(size.width) / f64::from(size.height);
        let part = ratio(shape) / ratio(picture);
        let (width, height) = (part.min(1.0), part.recip().min(1.0));
        Self {
            left: (1.0 - width) / 2.0,
            top: (1.0 - height) / 2.0,
            width,
            height,
        }
    }

    /// The same part, in pixels of a raster with this extent.
    pub(super) fn of(self, extent: Extent) -> Self {
        Self {
            left: self.left * extent.width,
            top: self.top * extent.height,
            width: self.width * extent.width,
            height: self.height * extent.height,
        }
    }

    /// How large the whole picture must be for this part of it to have `size`.
    pub(super) fn whole(self, size: Size) -> Size {
        let whole = |length: u32, part: f64| (f64::from(length) / part - 1e-6).ceil() as u32;
        Size::new(
            whole(size.width, self.width),
            whole(size.height, self.height),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proportions_are_kept_as_well_as_whole_pixels_can() {
        let check = |size: (u32, u32), limit: (u32, u32), expected: (u32, u32)| {
            let fitted = Size::new(size.0, size.1).fitted(Size::new(limit.0, limit.1));
            assert_eq!(
                (fitted.width, fitted.height),
                expected,
                "{size:?} in {limit:?}"
            );
        };
        check((4000, 3000), (1024, u32::MAX), (1024, 768));
        check((4000, 3000), (400, 400), (400, 300));
        check((3000, 4000), (400, 400), (300, 400));
        check((10_000, 1), (150, 150), (150, 1));
    }

    #[test]
    fn a_window_in_the_middle_has_the_shape_that_is_asked_for() {
        let window = Window::centred(Size::new(400, 200), Size::new(100, 100));
        assert_eq!(
            window,
            Window {
                left: 0.25,
                top: 0.0,
                width: 0.5,
                height: 1.0
            }
        );
        assert_eq!(window.whole(Size::new(100, 100)), Size::new(200, 100));
        let window = Window::centred(Size::new(200, 400), Size::new(100, 100));
        assert_eq!(
            window,
            Window {
                left: 0.0,
                top: 0.25,
                width: 1.0,
                height: 0.5
            }
        );
    }
}
