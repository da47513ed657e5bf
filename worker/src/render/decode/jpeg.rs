//! JPEG through libjpeg-turbo.

use turbojpeg::{
    Colorspace, DecompressHeader, Decompressor, Image, PixelFormat, ScalingFactor, YuvImage,
};

use super::super::geometry::{Extent, Size};
use super::super::jpeg_header;
use super::super::pixels::{Layout, Pixels};
use super::super::planes::{self, Planes};
use super::super::raster::Raster;
use super::super::{Limits, Rejection};
use super::{Decoded, checked_size};

/// A progressive JPEG can make a decoder work through the whole picture once per scan; honest
/// encoders use about ten (<https://libjpeg-turbo.org/pmwiki/uploads/About/TwoIssueswiththeJPEGStandard.pdf>).
const MAX_SCANS: u32 = 100;
/// DCT scaling by other factors shows artefacts in the chroma.
const SCALES: [ScalingFactor; 4] = [
    ScalingFactor::ONE_EIGHTH,
    ScalingFactor::ONE_QUARTER,
    ScalingFactor::ONE_HALF,
    ScalingFactor::ONE,
];

/// DCT scaling filters coarsely: fine patterns would show. What it leaves must be so many times as
/// large as what is needed, for the better filter to do the rest.
const MARGIN: (u32, u32) = (9, 8);

/// What libjpeg says of files that have bytes between their segments, as some cameras leave them.
const HARMLESS_WARNING: &str = "extraneous bytes before marker";

pub(super) fn decode(
    bytes: &[u8],
    limits: &Limits,
    needed: impl Fn(Size) -> Size,
) -> Result<Decoded, Rejection> {
    let mut decoder = decoder().map_err(Rejection::corrupt)?;
    let cleaned;
    let (header, readable) = match decoder.read_header(bytes) {
        Ok(header) => (header, bytes),
        Err(_) => {
            cleaned = jpeg_header::cleaned(bytes);
            // An error leaves the old one in the middle of the file.
            decoder = self::decoder().map_err(Rejection::corrupt)?;
            let header = decoder.read_header(&cleaned).map_err(Rejection::corrupt)?;
            (header, &cleaned[..])
        }
    };
    let size = checked_size(header.width as u64, header.height as u64, limits)?;
    let profile = jpeg_header::profile(bytes);
    let decoded = |raster| Decoded {
        raster,
        size,
        profile,
        animated: false,
    };
    if header.is_lossless || header.is_arithmetic {
        return Err(Rejection::unsupported(
            "JPEG with lossless or arithmetic coding",
        ));
    }
    let scale = scale(&header, needed(size));
    decoder
        .set_scaling_factor(scale)
        .map_err(Rejection::corrupt)?;
    let sampling = planes::sampling(header.subsamp);
    let raster = match (header.colorspace, sampling) {
        (Colorspace::YCbCr, Some(sampling)) => {
            let planes = decode_planes(&mut decoder, readable, &header, scale, sampling)?;
            Raster::Planes(planes)
        }
        (Colorspace::CMYK | Colorspace::YCCK, _) => {
            let mut inks =
                decode_pixels(&mut decoder, readable, &header, scale, PixelFormat::CMYK)?;
            if !jpeg_header::has_adobe_marker(bytes) {
                return Ok(decoded(Raster::Pixels(inks)));
            }
            inks.bytes_mut()
                .iter_mut()
                .for_each(|ink| *ink = 255 - *ink);
            Raster::Pixels(inks)
        }
        (Colorspace::Gray, _) => {
            let gray = decode_pixels(&mut decoder, readable, &header, scale, PixelFormat::GRAY)?;
            Raster::Pixels(gray)
        }
        _ => {
            let rgb = decode_pixels(&mut decoder, readable, &header, scale, PixelFormat::RGB)?;
            Raster::Pixels(rgb)
        }
    };
    Ok(decoded(raster))
}

fn decoder() -> turbojpeg::Result<Decompressor> {
    let mut decoder = Decompressor::new()?;
    decoder.set_scan_limit(MAX_SCANS)?;
    Ok(decoder)
}

/// The smallest at which the picture is large enough.
fn scale(header: &DecompressHeader, needed: Size) -> ScalingFactor {
    let spare = |length: u32| length.saturating_mul(MARGIN.0).div_ceil(MARGIN.1);
    let enough = Size::new(spare(needed.width), spare(needed.height));
    let enough = |scale: &ScalingFactor| scaled(header, *scale).covers(enough);
    SCALES
        .into_iter()
        .find(enough)
        .unwrap_or(ScalingFactor::ONE)
}

fn scaled(header: &DecompressHeader, scale: ScalingFactor) -> Size {
    let side = |length: usize| scale.scale(length) as u32;
    Size::new(side(header.width), side(header.height))
}

fn decode_planes(
    decoder: &mut Decompressor,
    bytes: &[u8],
    header: &DecompressHeader,
    scale: ScalingFactor,
    sampling: (u32, u32),
) -> Result<Planes, Rejection> {
    let size = scaled(header, scale);
    let mut image = YuvImage {
        pixels: Vec::new(),
        width: size.width as usize,
        align: 1,
        height: size.height as usize,
        subsamp: header.subsamp,
    };
    let (luma, chroma) = (image.y_size(), image.uv_size());
    image.pixels = vec![0; luma.0 * luma.1 + 2 * chroma.0 * chroma.1];
    decoder
        .decompress_to_yuv(bytes, image.as_deref_mut())
        .or_else(|error| tolerate(&error, bytes))?;
    let colour = &image.pixels[luma.0 * luma.1..];
    let (blue, red) = colour.split_at(chroma.0 * chroma.1);
    let pairs: Vec<_> = blue
        .iter()
        .zip(red)
        .map(|(blue, red)| [*blue, *red])
        .collect();
    let chroma = Size::new(chroma.0 as u32, chroma.1 as u32);
    image.pixels.truncate(luma.0 * luma.1);
    let part = |length: usize| (length * scale.num()) as f64 / scale.denom() as f64;
    Ok(Planes {
        extent: Extent {
            width: part(header.width),
            height: part(header.height),
        },
        sampling,
        chroma: Pixels::new(chroma, Layout::Chroma, pairs.into_flattened()),
        luma: Pixels::new(size, Layout::Gray, trimmed(image.pixels, luma.0, size)),
    })
}

/// Brightness comes in pairs or fours, as colour does. What is beyond the picture is noise.
fn trimmed(mut plane: Vec<u8>, stride: usize, size: Size) -> Vec<u8> {
    let width = size.width as usize;
    if stride == width {
        plane.truncate(size.area());
        return plane;
    }
    let rows = plane.chunks_exact(stride).take(size.height as usize);
    rows.flat_map(|row| &row[..width]).copied().collect()
}

fn decode_pixels(
    decoder: &mut Decompressor,
    bytes: &[u8],
    header: &DecompressHeader,
    scale: ScalingFactor,
    format: PixelFormat,
) -> Result<Pixels, Rejection> {
    let size = scaled(header, scale);
    let layout = match format {
        PixelFormat::GRAY => Layout::Gray,
        PixelFormat::CMYK => Layout::Cmyk,
        _ => Layout::Rgb,
    };
    let (width, height) = (size.width as usize, size.height as usize);
    let pitch = width * layout.channels();
    let mut pixels = vec![0; pitch * height];
    let image = Image {
        pixels: &mut pixels[..],
        width,
        pitch,
        height,
        format,
    };
    decoder
        .decompress(bytes, image)
        .or_else(|error| tolerate(&error, bytes))?;
    Ok(Pixels::new(size, layout, pixels))
}

/// A picture that is cut off or damaged is rejected: half of it in gray is not what anybody
/// uploaded. libjpeg tells only its first warning, so after a harmless one the end is looked for:
/// within a scan its bytes cannot occur.
fn tolerate(error: &turbojpeg::Error, bytes: &[u8]) -> Result<(), Rejection> {
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|pair| pair == marker);
    let ends = last([0xff, 0xd9]) > last([0xff, 0xda]);
    let text = error.to_string();
    if text.contains(HARMLESS_WARNING) && ends {
        Ok(())
    } else {
        Err(Rejection::corrupt(text))
    }
}
