//! Makes pictures smaller: Lanczos3.

use std::f64::consts::PI;
use std::sync::LazyLock;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::pixels::U16x4;
use fast_image_resize::{Filter, FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::geometry::{Size, Window};
use super::pixels::Layout;

/// Lanczos3 from a table: variants are so small that its sines would take as long as the filtering.
static FILTER: LazyLock<Filter> =
    LazyLock::new(|| Filter::new("Lanczos3", lanczos3, 3.0).expect("three is positive"));

const STEPS: usize = 1 << 12;

static LANCZOS3: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let sinc = |x: f64| {
        if x == 0.0 {
            1.0
        } else {
            (x * PI).sin() / (x * PI)
        }
    };
    let value = |step: usize| {
        let x = step as f64 / STEPS as f64;
        if x < 3.0 {
            sinc(x) * sinc(x / 3.0)
        } else {
            0.0
        }
    };
    (0..=3 * STEPS + 1).map(value).collect()
});

fn lanczos3(x: f64) -> f64 {
    let place = x.abs() * STEPS as f64;
    let step = (place as usize).min(3 * STEPS);
    let (before, after) = (LANCZOS3[step], LANCZOS3[step + 1]);
    before + (after - before) * (place - step as f64).min(1.0)
}

/// Pixels of a picture that is halved in eight bits first, to save memory.
const LARGE: usize = 1 << 24;

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
        Layout::Rgba => return resize_weighted(source, window, size),
        Layout::Cmyk => PixelType::U8x4,
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

/// Colours count as much as they can be seen. Their products with the opacity are kept whole: in
/// eight bits, soft shadows would become noise.
fn resize_weighted(source: Source<'_>, window: Window, size: Size) -> Vec<u8> {
    let from = source.size;
    let half = Size::new(from.width / 2, from.height / 2);
    if from.area() > LARGE && half.covers(Size::new(size.width * 2, size.height * 2)) {
        let options = options(Window::WHOLE.of(from.extent())).use_alpha(true);
        let halved = convolve_as(source.bytes, from, PixelType::U8x4, half, &options);
        let source = Source {
            bytes: &halved,
            size: half,
            ..source
        };
        let part = |whole: u32, half: u32| f64::from(half) / f64::from(whole);
        let (across, down) = (part(from.width, half.width), part(from.height, half.height));
        let window = Window {
            left: window.left * across,
            top: window.top * down,
            width: window.width * across,
            height: window.height * down,
        };
        return resize_weighted(source, window, size);
    }
    let weigh = |&[red, green, blue, alpha]: &[u8; 4]| {
        let weighed = |value: u8| u16::from(value) * u16::from(alpha);
        U16x4::new([weighed(red), weighed(green), weighed(blue), weighed(255)])
    };
    let pixels: Vec<_> = source.bytes.as_chunks().0.iter().map(weigh).collect();
    let image = ImageRef::from_pixels(from.width, from.height, &pixels);
    let image = image.expect("there are as many pixels as before");
    let mut resized = Image::new(size.width, size.height, PixelType::U16x4);
    Resizer::new()
        .resize(&image, &mut resized, &options(within(window, from)))
        .expect("both have the same layout, and the window lies within");
    let mut samples = resized
        .buffer()
        .as_chunks()
        .0
        .iter()
        .map(|sample| u32::from(u16::from_ne_bytes(*sample)));
    let mut bytes: Vec<u8> = vec![0; size.area() * 4];
    for pixel in bytes.as_chunks_mut::<4>().0 {
        let [red, green, blue, weight] = [0; 4].map(|_: u8| samples.next().unwrap_or_default());
        let seen = |value: u32| ((value * 255 + weight / 2) / weight.max(1)).min(255) as u8;
        *pixel = [
            seen(red),
            seen(green),
            seen(blue),
            ((weight + 127) / 255).min(255) as u8,
        ];
    }
    bytes
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
    convolve_as(bytes, from, kind, size, &options(within(window, from)))
}

fn convolve_as(
    bytes: &[u8],
    from: Size,
    kind: PixelType,
    size: Size,
    options: &ResizeOptions,
) -> Vec<u8> {
    let image =
        ImageRef::new(from.width, from.height, bytes, kind).expect("the bytes have this size");
    let mut resized = Image::new(size.width, size.height, kind);
    Resizer::new()
        .resize(&image, &mut resized, options)
        .expect("both have the same layout, and the window lies within");
    resized.into_vec()
}

fn options(window: Window) -> ResizeOptions {
    let Window {
        left,
        top,
        width,
        height,
    } = window;
    ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Custom(*FILTER)))
        .use_alpha(false)
        .crop(left, top, width, height)
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
