//! From files to rasters. Limits are checked on the header, before pixels are allocated.

use super::geometry::Size;
use super::raster::Raster;
use super::{Format, Limits, Rejection};

#[cfg(feature = "avif")]
mod avif;
mod gif;
mod jpeg;
mod other;
mod png;
mod webp;

pub(super) use gif::frames as gif_frames;
pub(super) use png::frames as png_frames;
pub(super) use webp::frames as webp_frames;

/// Longer or wider pictures are no pictures: JPEG and GIF end here.
const MAX_SIDE: u32 = 65_535;

/// A decoded picture: of an animation, its first frame.
#[derive(Debug)]
pub(super) struct Decoded {
    /// As it lies in the file, perhaps at a fraction of its size.
    pub(super) raster: Raster,
    /// Full size, as it lies in the file.
    pub(super) size: Size,
    /// What its numbers mean, if the file says so.
    pub(super) profile: Option<Vec<u8>>,
    /// Whether there are further frames.
    pub(super) animated: bool,
}

/// Decodes a file that was sniffed as `format`. `needed` says, for a full size, how large the
/// picture must be for all variants, both as they lie in the file: a decoder that can scale needs
/// not give more.
pub(super) fn decode(
    bytes: &[u8],
    format: Format,
    limits: &Limits,
    needed: impl Fn(Size) -> Size,
) -> Result<Decoded, Rejection> {
    match format {
        Format::Jpeg => jpeg::decode(bytes, limits, needed),
        Format::Png => png::decode(bytes, limits),
        Format::Gif => gif::decode(bytes, limits),
        Format::WebP => webp::decode(bytes, limits, needed),
        Format::Tiff => other::decode_tiff(bytes, limits),
        Format::Bmp => other::decode_bmp(bytes, limits),
        #[cfg(feature = "avif")]
        Format::Avif => avif::decode(bytes, limits),
        #[cfg(not(feature = "avif"))]
        Format::Avif => Err(Rejection::unsupported("AVIF")),
    }
}

fn checked_size(width: u64, height: u64, limits: &Limits) -> Result<Size, Rejection> {
    let side = |length: u64| u32::try_from(length).ok().filter(|side| *side <= MAX_SIDE);
    match (side(width), side(height)) {
        (Some(0), _) | (_, Some(0)) => Err(Rejection::corrupt("it has no pixels")),
        (Some(w), Some(h)) if width * height <= limits.max_pixels => Ok(Size::new(w, h)),
        (Some(_), Some(_)) => Err(Rejection::too_many_pixels(width, height, limits)),
        _ => Err(Rejection::too_long(width, height, MAX_SIDE)),
    }
}
