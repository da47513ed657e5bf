//! A picture as JPEGs keep it: brightness at full size and two colour differences, mostly at half.
//!
//! Whoever decodes to these planes, resizes them and encodes them again never converts colours and
//! moves half the bytes.

use std::borrow::Cow;

use turbojpeg::Subsamp;

use super::geometry::{Extent, Size, Window};
use super::orientation::Orientation;
use super::pixels::{Layout, Pixels};
use super::resize::{self, Source};

/// One component.
#[derive(Clone, Debug)]
pub(super) struct Plane {
    pub(super) size: Size,
    pub(super) bytes: Vec<u8>,
}

/// Y, Cb and Cr, with all values used (JFIF, not video).
#[derive(Clone, Debug)]
pub(super) struct Planes {
    pub(super) size: Size,
    pub(super) extent: Extent,
    /// Columns and rows of brightness for one of colour.
    pub(super) sampling: (u32, u32),
    pub(super) planes: [Plane; 3],
}

impl Planes {
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
        let [luma, blue, red] = &self.planes;
        let luma = Plane {
            size,
            bytes: resize_plane(luma, window.of(self.extent), size),
        };
        let chroma_size = Size::new(
            size.width.div_ceil(sampling.0),
            size.height.div_ceil(sampling.1),
        );
        let window = orientation.padded(
            window,
            size,
            (
                chroma_size.width * sampling.0,
                chroma_size.height * sampling.1,
            ),
        );
        let extent = Extent {
            width: self.extent.width / f64::from(self.sampling.0),
            height: self.extent.height / f64::from(self.sampling.1),
        };
        let chroma = |plane: &Plane| Plane {
            size: chroma_size,
            bytes: resize_plane(plane, window.of(extent), chroma_size),
        };
        Self {
            size,
            extent: size.extent(),
            sampling,
            planes: [luma, chroma(blue), chroma(red)],
        }
    }

    /// As pixels (ITU-T T.871).
    pub(super) fn into_rgb(self) -> Pixels {
        let whole = if self.sampling == (1, 1) && self.planes[0].size == self.size {
            self
        } else {
            self.resized(Window::WHOLE, self.size, (1, 1), Orientation::UPRIGHT)
        };
        let [luma, blue, red] = whole.planes.map(|plane| plane.bytes);
        let pixel = |((luma, blue), red): ((&u8, &u8), &u8)| rgb(*luma, *blue, *red);
        let bytes = luma.iter().zip(&blue).zip(&red).flat_map(pixel).collect();
        Pixels::new(whole.size, Layout::Rgb, bytes)
    }

    /// Upright.
    pub(super) fn upright(self, orientation: Orientation) -> Self {
        let turned = |plane: Plane| {
            let upright = orientation.apply(Pixels::new(plane.size, Layout::Gray, plane.bytes));
            Plane {
                size: upright.size(),
                bytes: upright.into_bytes(),
            }
        };
        let upright = orientation.upright(self.size);
        let sampling = if orientation.swaps_sides() {
            (self.sampling.1, self.sampling.0)
        } else {
            self.sampling
        };
        Self {
            size: upright,
            extent: upright.extent(),
            sampling,
            planes: self.planes.map(turned),
        }
    }
}

fn resize_plane(plane: &Plane, window: Window, size: Size) -> Vec<u8> {
    let (plane, window) = &widened(plane, window);
    let source = Source {
        bytes: &plane.bytes,
        size: plane.size,
        layout: Layout::Gray,
    };
    resize::resize(source, *window, size)
}

/// Where a window looks beyond the plane, by a part of a pixel of the variant, the outermost column
/// or row goes on.
fn widened(plane: &Plane, window: Window) -> (Cow<'_, Plane>, Window) {
    let beyond = |excess: f64| (excess - 1e-6).max(0.0).ceil() as usize;
    let (width, height) = (plane.size.width as usize, plane.size.height as usize);
    let (left, top) = (beyond(-window.left), beyond(-window.top));
    let right = beyond(window.left + window.width - width as f64);
    let bottom = beyond(window.top + window.height - height as f64);
    if [left, top, right, bottom] == [0; 4] {
        return (Cow::Borrowed(plane), window);
    }
    let size = Size::new(
        (left + width + right) as u32,
        (top + height + bottom) as u32,
    );
    let mut bytes = Vec::with_capacity(size.area());
    for y in 0..size.height as usize {
        let row = y.saturating_sub(top).min(height - 1) * width;
        let row = &plane.bytes[row..row + width];
        bytes.resize(bytes.len() + left, row[0]);
        bytes.extend_from_slice(row);
        bytes.resize(bytes.len() + right, row[width - 1]);
    }
    let window = Window {
        left: window.left + left as f64,
        top: window.top + top as f64,
        ..window
    };
    (Cow::Owned(Plane { size, bytes }), window)
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
