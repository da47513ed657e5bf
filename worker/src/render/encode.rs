//! From pixels to files, without any metadata.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _};
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

use super::pixels::{Layout, Pixels};
use super::{Format, Rejection};

/// Where photographs stop to gain visibly.
const JPEG_QUALITY: i32 = 80;
/// All that decides the bytes of an encoded picture, for the recipe's id.
pub(super) const SETTINGS: &str = "jpeg q80 4:2:0 optimised|png default adaptive";

/// Opaque pictures as JPEG, others as PNG.
pub(super) fn encode(pixels: &Pixels) -> Result<(Format, Vec<u8>), Rejection> {
    match pixels.layout() {
        Layout::Gray => Ok((
            Format::Jpeg,
            encode_jpeg(pixels, PixelFormat::GRAY, Subsamp::Gray)?,
        )),
        Layout::Rgb => Ok((
            Format::Jpeg,
            encode_jpeg(pixels, PixelFormat::RGB, Subsamp::Sub2x2)?,
        )),
        Layout::Rgba => Ok((Format::Png, encode_png(pixels)?)),
    }
}

fn encode_jpeg(
    pixels: &Pixels,
    format: PixelFormat,
    subsamp: Subsamp,
) -> Result<Vec<u8>, Rejection> {
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let image = Image {
        pixels: pixels.bytes(),
        width,
        pitch: width * format.size(),
        height,
        format,
    };
    let compress = || {
        let mut compressor = Compressor::new()?;
        compressor.set_quality(JPEG_QUALITY)?;
        compressor.set_subsamp(subsamp)?;
        compressor.set_optimize(true)?; // 5 % smaller for a millisecond.
        compressor.compress_to_vec(image)
    };
    compress().map_err(|error: turbojpeg::Error| unwritable(pixels, error))
}

fn encode_png(pixels: &Pixels) -> Result<Vec<u8>, Rejection> {
    let mut bytes = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive);
    let written = encoder.write_image(
        pixels.bytes(),
        pixels.width(),
        pixels.height(),
        ExtendedColorType::Rgba8,
    );
    written
        .map_err(|error| unwritable(pixels, error))
        .map(|()| bytes)
}

/// Only sizes can be wrong here: JPEG ends at 65,535 pixels a side.
fn unwritable(pixels: &Pixels, error: impl std::fmt::Display) -> Rejection {
    Rejection::corrupt(format!(
        "no variant of {}x{} pixels can be written: {error}",
        pixels.width(),
        pixels.height()
    ))
}
