//! A picture as JPEGs keep it: brightness at full size and two colour differences, mostly at half.
//!
//! Whoever decodes to these planes, resizes them and encodes them again never converts colours and
//! moves half the bytes.

use turbojpeg::Subsamp;

use super::geometry::{Extent, Size, Window};
use super::orientation::Orientation;
use super::pixels::{Layout, Pixels};
use super::resize::{self, Source};

/// Y, Cb and Cr, with all values used (JFIF, not video). The latter two are resized together.
#[derive(Clone, Debug)]
pub(super) struct Planes {
    pub(super) extent: Extent,
    /// Columns and rows of brightness for one of colour.
    pub(super) sampling: (u32, u32),
    pub(super) luma: Pixels,
    pub(super) chroma: Pixels,
}

impl Planes {
    pub(super) fn size(&self) -> Size {
        self.luma.size()
    }

    /// `window` of this picture at another size, its colours sampled as `sampling` says. As both
    /// lie in the file; `orientation` says where the upright picture begins, so that its columns of
    /// colour begin there too.
    pub(super) fn resized(
        &self,
        window: Window,
        size: Size,
        sampling: (u32, u32),
        orientation: Orientation,
    ) -> Self {
        let (columns, rows) = sampling;
        let chroma_size = Size::new(size.width.div_ceil(columns), size.height.div_ceil(rows));
        let covered = (chroma_size.width * columns, chroma_size.height * rows);
        let chroma_window = orientation.padded(window, size, covered);
        let chroma_extent = Extent {
            width: self.extent.width / f64::from(self.sampling.0),
            height: self.extent.height / f64::from(self.sampling.1),
        };
        Self {
            extent: size.extent(),
            sampling,
            luma: part_of(&self.luma, window.of(self.extent), size),
            chroma: part_of(&self.chroma, chroma_window.of(chroma_extent), chroma_size),
        }
    }

    /// As pixels (ITU-T T.871).
    pub(super) fn into_rgb(self) -> Pixels {
        let size = self.size();
        let Self { luma, chroma, .. } = if self.sampling == (1, 1) {
            self
        } else {
            self.resized(Window::WHOLE, size, (1, 1), Orientation::UPRIGHT)
        };
        let mut bytes = vec![[0; 3]; size.area()];
        let chroma = chroma.bytes().as_chunks().0;
        for ((pixel, luma), [blue, red]) in bytes.iter_mut().zip(luma.bytes()).zip(chroma) {
            *pixel = rgb(*luma, *blue, *red);
        }
        Pixels::new(size, Layout::Rgb, bytes.into_flattened())
    }

    /// Upright.
    pub(super) fn upright(self, orientation: Orientation) -> Self {
        let (luma, chroma) = (orientation.apply(self.luma), orientation.apply(self.chroma));
        let sampling = if orientation.swaps_sides() {
            (self.sampling.1, self.sampling.0)
        } else {
            self.sampling
        };
        Self {
            extent: luma.size().extent(),
            sampling,
            luma,
            chroma,
        }
    }
}

/// A window that may look beyond the plane, by a part of a pixel of the variant: there the outermost
/// column or row goes on.
fn part_of(plane: &Pixels, window: Window, size: Size) -> Pixels {
    let beyond = |excess: f64| (excess - 1e-6).max(0.0).ceil() as usize;
    let Extent { width, height } = plane.size().extent();
    let (left, top) = (beyond(-window.left), beyond(-window.top));
    let right = beyond(window.left + window.width - width);
    let bottom = beyond(window.top + window.height - height);
    let window = Window {
        left: window.left + left as f64,
        top: window.top + top as f64,
        ..window
    };
    let wider;
    let source = if [left, top, right, bottom] == [0; 4] {
        plane
    } else {
        wider = match plane.layout() {
            Layout::Gray => widened::<1>(plane, [left, top, right, bottom]),
            _ => widened::<2>(plane, [left, top, right, bottom]),
        };
        &wider
    };
    let source = Source {
        bytes: source.bytes(),
        size: source.size(),
        layout: source.layout(),
    };
    Pixels::new(size, source.layout, resize::resize(source, window, size))
}

/// The plane with its outermost columns and rows repeated.
pub(super) fn widened<const N: usize>(
    plane: &Pixels,
    [left, top, right, bottom]: [usize; 4],
) -> Pixels {
    let (width, height) = (plane.size().width as usize, plane.size().height as usize);
    let size = Size::new(
        (left + width + right) as u32,
        (top + height + bottom) as u32,
    );
    let rows = plane.bytes().as_chunks::<N>().0;
    let mut pixels = Vec::with_capacity(size.area());
    for y in 0..size.height as usize {
        let row = &rows[y.saturating_sub(top).min(height - 1) * width..][..width];
        pixels.resize(pixels.len() + left, row[0]);
        pixels.extend_from_slice(row);
        pixels.resize(pixels.len() + right, row[width - 1]);
    }
    Pixels::new(size, plane.layout(), pixels.into_flattened())
}

/// In 16.16 fixed point.
fn rgb(luma: u8, blue: u8, red: u8) -> [u8; 3] {
    let (luma, blue, red) = (
        i32::from(luma) << 16,
        i32::from(blue) - 128,
        i32::from(red) - 128,
    );
    let channel = |value: i32| ((value + (1 << 15)) >> 16).clamp(0, 255) as u8;
    [
        channel(luma + 91_881 * red),
        channel(luma - 22_554 * blue - 46_802 * red),
        channel(luma + 116_130 * blue),
    ]
}

/// Columns and rows of brightness for one of colour, where planes can be had.
pub(super) fn sampling(subsamp: Subsamp) -> Option<(u32, u32)> {
    match subsamp {
        Subsamp::None => Some((1, 1)),
        Subsamp::Sub2x1 => Some((2, 1)),
        Subsamp::Sub2x2 => Some((2, 2)),
        Subsamp::Sub1x2 => Some((1, 2)),
        Subsamp::Sub4x1 => Some((4, 1)),
        Subsamp::Sub1x4 => Some((1, 4)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_become_the_colours_that_they_stand_for() {
        let check = |ycc: [u8; 3], expected: [u8; 3]| {
            let found = rgb(ycc[0], ycc[1], ycc[2]);
            let far = found
                .iter()
                .zip(expected)
                .any(|(found, expected)| found.abs_diff(expected) > 1);
            assert!(!far, "{ycc:?}: {found:?}");
        };
        check([255, 128, 128], [255, 255, 255]);
        check([0, 128, 128], [0, 0, 0]);
        check([76, 85, 255], [254, 0, 0]);
        check([150, 44, 21], [0, 255, 1]);
        check([29, 255, 107], [0, 0, 254]);
    }
}
