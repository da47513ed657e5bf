//! Makes pictures smaller: Lanczos3, with colours weighted by their opacity.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::geometry::{Size, Window};
use super::pixels::Layout;

/// What to resize.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) size: Size,
    pub(super) layout: Layout,
}

/// The part of `source` that lies in `window`, given in pixels, at `size`.
pub(super) fn resize(source: Source<'_>, window: Window, size: Size) -> Vec<u8> {
    let Source {
        bytes,
        size: from,
        layout,
    } = source;
    if from == size && window == Window::WHOLE.of(size.extent()) {
        return bytes.to_vec();
    }
    let kind = match layout {
        Layout::Gray => PixelType::U8,
        Layout::Rgb => PixelType::U8x3,
        Layout::Rgba | Layout::Cmyk => PixelType::U8x4,
    };
    let image =
        ImageRef::new(from.width, from.height, bytes, kind).expect("the bytes have this size");
    let mut resized = Image::new(size.width, size.height, kind);
    let Window {
        left,
        top,
        width,
        height,
    } = within(window, from);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .use_alpha(layout == Layout::Rgba)
        .crop(left, top, width, height);
    Resizer::new()
        .resize(&image, &mut resized, &options)
        .expect("both have the same layout, and the window lies within");
    resized.into_vec()
}

/// Rounding must not lead out of the picture.
fn within(window: Window, size: Size) -> Window {
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    let (left, top) = (window.left.clamp(0.0, width), window.top.clamp(0.0, height));
    Window {
        left,
        top,
        width: (window.left + window.width).min(width) - left,
        height: (window.top + window.height).min(height) - top,
    }
}
