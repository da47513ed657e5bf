//! From rasters to files, without any metadata but the ownership that is asked for.

use super::Rejection;
use super::geometry::Size;
use super::metadata::Ownership;
use super::raster::Raster;
use super::recipe::Output;
use super::sniff::Format;

#[cfg(feature = "avif")]
mod avif;
mod gif;
mod jpeg;
mod png;
mod webp;

pub(super) use gif::Animation as GifAnimation;
pub(super) use jpeg::sampling;
pub(super) use webp::Animation as WebpAnimation;

/// What recipes may ask for.
#[cfg(feature = "avif")]
pub(super) const NAMES: &str = "auto, jpeg, png, webp, gif, avif";
/// What recipes may ask for.
#[cfg(not(feature = "avif"))]
pub(super) const NAMES: &str = "auto, jpeg, png, webp, gif";

/// A file in memory.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) format: Format,
    pub(super) bytes: Vec<u8>,
}

/// A format that can be written, by its name.
pub(super) fn format(name: &str) -> Option<Format> {
    let mut formats = vec![Format::Jpeg, Format::Png, Format::WebP, Format::Gif];
    if cfg!(feature = "avif") {
        formats.push(Format::Avif);
    }
    formats.into_iter().find(|format| format.name() == name)
}

/// Where photographs stop to gain visibly, on a format's own scale.
pub(super) fn default_quality(format: Format) -> u8 {
    match format {
        Format::Avif => 60,
        _ => 80,
    }
}

/// Encodes as `output` says. `quality` counts for JPEG, WebP and AVIF.
pub(super) fn encode(
    raster: Raster,
    output: Output,
    quality: Option<u8>,
    ownership: Option<&Ownership>,
) -> Result<Encoded, Rejection> {
    let size = raster.size();
    let exif = ownership.and_then(Ownership::exif);
    let format = match output {
        Output::Format(format) => format,
        Output::Auto if raster.is_opaque() => Format::Jpeg,
        Output::Auto => Format::WebP,
    };
    let exif = exif.as_deref();
    let quality = quality.unwrap_or(default_quality(format));
    let bytes = match format {
        Format::Png => png::encode(&raster.into_pixels(), exif),
        Format::WebP => webp::encode(raster.into_pixels(), quality, exif),
        Format::Gif => gif::encode(raster.into_pixels()),
        #[cfg(feature = "avif")]
        Format::Avif => avif::encode(raster.into_pixels(), quality, exif),
        _ => jpeg::encode(raster, quality, exif),
    };
    bytes
        .map(|bytes| Encoded { format, bytes })
        .map_err(|error| unwritable(size, &error))
}

/// What an encoder said.
pub(super) type EncodeError = Box<dyn std::error::Error + Send + Sync>;

/// Encoders only fail on sizes that they cannot write.
pub(super) fn unwritable(size: Size, error: &EncodeError) -> Rejection {
    Rejection::corrupt(format!(
        "no variant of {size} pixels can be written: {error}"
    ))
}
