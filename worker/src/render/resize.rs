//! Makes pictures smaller: Lanczos3.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, MulDiv, PixelType, ResizeAlg, ResizeOptions, Resizer};

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
    if source.size == size && window == Window::WHOLE.of(size.extent()) {
        return source.bytes.to_vec();
    }
    let kind = match source.layout {
        Layout::Gray => return resize_gray(source, window, size),
        Layout::Chroma => PixelType::U8x2,
        Layout::Rgb => PixelType::U8x3,
        Layout::Rgba | Layout::Premultiplied | Layout::Cmyk => PixelType::U8x4,
    };
    convolve(source.bytes, source.size, kind, window, size)
}

/// Rows of single bytes are the slowest to filter along; four of them, braided, are the fastest.
/// The result is the same.
fn resize_gray(source: Source<'_>, window: Window, size: Size) -> Vec<u8> {
    let Source {
        bytes, size: from, ..
    } = source;
    let all_columns = Window {
        left: 0.0,
        width: from.width.into(),
        ..window
    };
    let low = Size::new(from.width, size.height);
    let low_bytes = convolve(bytes, from, PixelType::U8, all_columns, low);
    let braid = Size::new(from.width, size.height.div_ceil(4));
    let all_rows = Window {
        top: 0.0,
        height: braid.height.into(),
        ..window
    };
    let narrow = Size::new(size.width, braid.height);
    let braided = convolve(
        &braided(&low_bytes, low),
        braid,
        PixelType::U8x4,
        all_rows,
        narrow,
    );
    unbraided(&braided, size)
}

/// Rows 4n to 4n + 3 as the channels of row n. The last row fills up.
fn braided(bytes: &[u8], size: Size) -> Vec<u8> {
    let width = size.width as usize;
    let mut braids = vec![[0; 4]; width * size.height.div_ceil(4) as usize];
    let groups = bytes.chunks(width * 4);
    for (braid, rows) in braids.chunks_exact_mut(width).zip(groups) {
        let last = rows.len() / width - 1;
        let [a, b, c, d] = [0, 1, 2, 3].map(|at: usize| &rows[at.min(last) * width..][..width]);
        for ((((pixel, a), b), c), d) in braid.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *pixel = [*a, *b, *c, *d];
        }
    }
    braids.into_flattened()
}

/// The way back.
fn unbraided(braids: &[u8], size: Size) -> Vec<u8> {
    let width = size.width as usize;
    let mut bytes = vec![0; size.area()];
    let groups = bytes.chunks_mut(width * 4);
    for (braid, rows) in braids.as_chunks::<4>().0.chunks_exact(width).zip(groups) {
        for (at, row) in rows.chunks_exact_mut(width).enumerate() {
            for (byte, pixel) in row.iter_mut().zip(braid) {
                *byte = pixel[at];
            }
        }
    }
    bytes
}

fn convolve(bytes: &[u8], from: Size, kind: PixelType, window: Window, size: Size) -> Vec<u8> {
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
        .use_alpha(false)
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

/// Weights the colours of RGBA pixels by their opacity.
pub(super) fn premultiply(bytes: &mut [u8], size: Size) {
    let image = Image::from_slice_u8(size.width, size.height, bytes, PixelType::U8x4);
    MulDiv::new()
        .multiply_alpha_inplace(&mut image.expect("the bytes have this size"))
        .expect("these pixels have alpha");
}

/// The way back.
pub(super) fn unpremultiply(bytes: &mut [u8], size: Size) {
    let image = Image::from_slice_u8(size.width, size.height, bytes, PixelType::U8x4);
    MulDiv::new()
        .divide_alpha_inplace(&mut image.expect("the bytes have this size"))
        .expect("these pixels have alpha");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braided_rows_come_out_as_if_they_had_not_been() {
        for (width, height) in [(100, 80), (33, 7), (5, 1), (1, 9)] {
            let from = Size::new(width, height);
            let bytes: Vec<u8> = (0..from.area()).map(|at| (at * at / 7) as u8).collect();
            let layout = Layout::Gray;
            for size in [Size::new(20, 10), Size::new(1, 1), Size::new(150, 3)] {
                let window = Window::WHOLE.of(from.extent());
                let source = Source {
                    bytes: &bytes,
                    size: from,
                    layout,
                };
                let plain = convolve(&bytes, from, PixelType::U8, window, size);
                assert_eq!(resize(source, window, size), plain, "{from} to {size}");
            }
        }
    }
}
