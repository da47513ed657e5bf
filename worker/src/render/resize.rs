//! Makes pictures smaller: Lanczos3, with colours weighted by their opacity.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::Rejection;
use super::pixels::{Layout, Pixels};

/// `pixels` at another size.
pub(super) fn resize(pixels: &Pixels, width: u32, height: u32) -> Result<Pixels, Rejection> {
    let kind = match pixels.layout() {
        Layout::Gray => PixelType::U8,
        Layout::Rgb => PixelType::U8x3,
        Layout::Rgba => PixelType::U8x4,
    };
    let source = ImageRef::new(pixels.width(), pixels.height(), pixels.bytes(), kind)
        .map_err(Rejection::corrupt)?;
    let mut target = Image::new(width, height, kind);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .use_alpha(true);
    Resizer::new()
        .resize(&source, &mut target, &options)
        .map_err(Rejection::corrupt)?;
    Ok(Pixels::new(
        width,
        height,
        pixels.layout(),
        target.into_vec(),
    ))
}
