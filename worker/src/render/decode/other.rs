//! The long tail of formats, through the `image` crate.

use std::io::Cursor;

use image::codecs::bmp::BmpDecoder;
use image::codecs::tiff::TiffDecoder;
use image::{ColorType, DynamicImage, ImageDecoder, Limits as ImageLimits};

use tiff::TiffResult;
use tiff::decoder::ChunkType;
use tiff::tags::Tag;

use super::super::animation::Frame;
use super::super::geometry::Size;
use super::super::pixels::{Layout, Pixels};
use super::super::raster::Raster;
use super::super::{Limits, Rejection, colour};
use super::{Decoded, checked_size};

pub(super) fn decode_tiff(bytes: &[u8], limits: &Limits) -> Result<Decoded, Rejection> {
    if has_planes_in_tiles(bytes).unwrap_or_default() {
        return Err(Rejection::unsupported(
            "TIFF with colours apart and in tiles",
        ));
    }
    decode(
        TiffDecoder::new(Cursor::new(bytes)).map_err(refused)?,
        limits,
    )
}

/// The decoder panics at these (<https://github.com/image-rs/image-tiff/issues/403>).
fn has_planes_in_tiles(bytes: &[u8]) -> TiffResult<bool> {
    let mut file = tiff::decoder::Decoder::new(Cursor::new(bytes))?;
    let planes: Option<u16> = file.find_tag_unsigned(Tag::PlanarConfiguration)?;
    Ok(planes == Some(2) && file.get_chunk_type() == ChunkType::Tile)
}

pub(super) fn decode_bmp(bytes: &[u8], limits: &Limits) -> Result<Decoded, Rejection> {
    decode(
        BmpDecoder::new(Cursor::new(bytes)).map_err(refused)?,
        limits,
    )
}

fn decode(mut decoder: impl ImageDecoder, limits: &Limits) -> Result<Decoded, Rejection> {
    let (width, height) = decoder.dimensions();
    let size = checked_size(width.into(), height.into(), limits)?;
    decoder.set_limits(allocations(limits)).map_err(refused)?;
    let profile = decoder.icc_profile().ok().flatten();
    let profile = profile.filter(|profile| profile.len() <= colour::MAX_PROFILE_BYTES);
    let kind = decoder.color_type();
    let image = DynamicImage::from_decoder(decoder).map_err(refused)?;
    let pixels = match kind {
        ColorType::L8 | ColorType::L16 => {
            Pixels::new(size, Layout::Gray, image.into_luma8().into_raw())
        }
        kind if kind.has_alpha() => Pixels::new(size, Layout::Rgba, image.into_rgba8().into_raw()),
        _ => Pixels::new(size, Layout::Rgb, image.into_rgb8().into_raw()),
    };
    Ok(Decoded {
        raster: Raster::Pixels(pixels.without_idle_alpha()),
        size,
        profile,
        animated: false,
    })
}

/// What decoders may take for the largest picture allowed, in its widest form and once more while
/// they work.
pub(super) fn allocations(limits: &Limits) -> ImageLimits {
    let mut allocations = ImageLimits::default();
    allocations.max_alloc = Some(limits.max_pixels.saturating_mul(16).max(64 << 20));
    allocations
}

/// Animation frames of the `image` crate as ours.
pub(super) fn frames<'a>(
    frames: image::Frames<'a>,
) -> Box<dyn Iterator<Item = Result<Frame, Rejection>> + 'a> {
    Box::new(frames.map(|frame| {
        let frame = frame.map_err(refused)?;
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        let buffer = frame.into_buffer();
        let size = Size::new(buffer.width(), buffer.height());
        Ok(Frame {
            pixels: Pixels::new(size, Layout::Rgba, buffer.into_raw()),
            duration_ms: numerator / denominator.max(1),
        })
    }))
}

fn refused(error: image::ImageError) -> Rejection {
    match error {
        image::ImageError::Unsupported(error) => Rejection::unsupported(error),
        error => Rejection::corrupt(error),
    }
}
