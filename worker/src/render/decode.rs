//! From files to pixels. Limits are checked on the header, before pixels are allocated.

use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::{ColorType, DynamicImage, ImageDecoder, Limits as ImageLimits};
use turbojpeg::{Colorspace, Decompressor, Image, PixelFormat, ScalingFactor};

use super::pixels::{Layout, Pixels};
use super::{Format, Limits, Rejection};

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

/// What reading a PNG's header may allocate: a row of any width, and any honest colour profile.
const MAX_PNG_HEADER_BYTES: u64 = 64 << 20;

/// What libjpeg says of files that have bytes between their segments, as some cameras leave them.
const HARMLESS_WARNING: &str = "extraneous bytes before marker";

/// A decoded picture.
#[derive(Debug)]
pub(super) struct Decoded {
    /// As they lie in the file, perhaps at a fraction of their size.
    pub(super) pixels: Pixels,
    /// Full size, as it lies in the file.
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Decodes a file that was sniffed as `format`. `widest` says, for a full size, the size of the
/// largest variant, both as they lie in the file: a decoder that can scale needs not give more.
pub(super) fn decode(
    bytes: &[u8],
    format: Format,
    limits: &Limits,
    widest: impl Fn(u32, u32) -> (u32, u32),
) -> Result<Decoded, Rejection> {
    match format {
        Format::Jpeg => decode_jpeg(bytes, limits, widest),
        Format::Png => decode_png(bytes, limits),
    }
}

fn decode_jpeg(
    bytes: &[u8],
    limits: &Limits,
    widest: impl Fn(u32, u32) -> (u32, u32),
) -> Result<Decoded, Rejection> {
    let mut decoder = Decompressor::new().map_err(Rejection::corrupt)?;
    decoder
        .set_scan_limit(MAX_SCANS)
        .map_err(Rejection::corrupt)?;
    let header = decoder.read_header(bytes).map_err(Rejection::corrupt)?;
    let (width, height) = checked_size(header.width as u64, header.height as u64, limits)?;
    let (wanted_width, wanted_height) = widest(width, height);
    let enough = |scale: &ScalingFactor| {
        let large = scale.scale(header.width) >= wanted_width as usize
            && scale.scale(header.height) >= wanted_height as usize;
        large && !header.is_lossless
    };
    let scale = SCALES
        .into_iter()
        .find(enough)
        .unwrap_or(ScalingFactor::ONE);
    decoder
        .set_scaling_factor(scale)
        .map_err(Rejection::corrupt)?;

    let (format, layout) = match header.colorspace {
        Colorspace::Gray => (PixelFormat::GRAY, Layout::Gray),
        Colorspace::CMYK | Colorspace::YCCK => (PixelFormat::CMYK, Layout::Rgb),
        _ => (PixelFormat::RGB, Layout::Rgb),
    };
    let (scaled_width, scaled_height) = (scale.scale(header.width), scale.scale(header.height));
    let pitch = scaled_width * format.size();
    let mut pixels = vec![0; pitch * scaled_height];
    let image = Image {
        pixels: &mut pixels[..],
        width: scaled_width,
        pitch,
        height: scaled_height,
        format,
    };
    decoder
        .decompress(bytes, image)
        .or_else(|error| tolerate(&error, bytes))?;
    if format == PixelFormat::CMYK {
        pixels = cmyk_to_rgb(&pixels, has_adobe_marker(bytes));
    }
    Ok(Decoded {
        pixels: Pixels::new(scaled_width as u32, scaled_height as u32, layout, pixels),
        width,
        height,
    })
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

/// Without a profile there is no right answer; this is the one that browsers give.
fn cmyk_to_rgb(cmyk: &[u8], inverted: bool) -> Vec<u8> {
    let ink = |value: u8| u16::from(if inverted { value } else { u8::MAX - value });
    let mix = |colour: u8, black: u8| ((ink(colour) * ink(black) + 127) / 255) as u8;
    cmyk.chunks_exact(4)
        .flat_map(|pixel| {
            [
                mix(pixel[0], pixel[3]),
                mix(pixel[1], pixel[3]),
                mix(pixel[2], pixel[3]),
            ]
        })
        .collect()
}

/// Adobe's programs store inks inverted, and say so with an APP14 segment.
fn has_adobe_marker(bytes: &[u8]) -> bool {
    let mut rest = &bytes[2..];
    while let [0xff, marker, high, low, ..] = *rest {
        let length = usize::from(u16::from_be_bytes([high, low]));
        if marker == 0xee && rest.get(4..9) == Some(b"Adobe") {
            return true;
        }
        match rest.get(2 + length..) {
            Some(next) if marker != 0xda => rest = next,
            _ => return false,
        }
    }
    false
}

fn decode_png(bytes: &[u8], limits: &Limits) -> Result<Decoded, Rejection> {
    // The constructor inflates an embedded profile, which a few bytes can make gigabytes of.
    let mut header_limits = ImageLimits::no_limits();
    header_limits.max_alloc = Some(MAX_PNG_HEADER_BYTES);
    let mut decoder =
        PngDecoder::with_limits(Cursor::new(bytes), header_limits).map_err(Rejection::corrupt)?;
    let (width, height) = decoder.dimensions();
    checked_size(width.into(), height.into(), limits)?;
    let mut allocations = ImageLimits::default();
    // Eight bytes a pixel at most, for the picture and once more for the decoder.
    allocations.max_alloc = Some(limits.max_pixels.saturating_mul(16));
    decoder
        .set_limits(allocations)
        .map_err(Rejection::corrupt)?;
    let gray = matches!(decoder.color_type(), ColorType::L8 | ColorType::L16);
    let opaque = !decoder.color_type().has_alpha();
    let image = DynamicImage::from_decoder(decoder).map_err(Rejection::corrupt)?;
    let pixels = match (gray, opaque) {
        (true, _) => Pixels::new(width, height, Layout::Gray, image.into_luma8().into_raw()),
        (false, true) => Pixels::new(width, height, Layout::Rgb, image.into_rgb8().into_raw()),
        (false, false) => Pixels::new(width, height, Layout::Rgba, image.into_rgba8().into_raw()),
    };
    Ok(Decoded {
        pixels,
        width,
        height,
    })
}

fn checked_size(width: u64, height: u64, limits: &Limits) -> Result<(u32, u32), Rejection> {
    match (u32::try_from(width), u32::try_from(height)) {
        (Ok(w @ 1..), Ok(h @ 1..)) if width.saturating_mul(height) <= limits.max_pixels => {
            Ok((w, h))
        }
        (Ok(0), _) | (_, Ok(0)) => Err(Rejection::corrupt("it has no pixels")),
        _ => Err(Rejection::too_many_pixels(width, height, limits)),
    }
}
