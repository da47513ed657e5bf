//! PNG, row by row, so that nothing is in memory twice.

use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::{AnimationDecoder as _, ImageDecoder as _};
use png::{BitDepth, ColorType, Decoder, InterlaceInfo, Reader, Transformations};

use super::super::animation::Frames;
use super::super::geometry::Size;
use super::super::pixels::{Layout, Pixels};
use super::super::raster::Raster;
use super::super::{Limits, Rejection, colour};
use super::{Decoded, checked_size, other};

/// What may be allocated besides the picture: a row of any width, and a profile, which a few bytes
/// can make gigabytes of.
const MAX_OTHER_BYTES: usize = colour::MAX_PROFILE_BYTES + (2 << 20);

type Source<'a> = Reader<Cursor<&'a [u8]>>;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, Rejection> {
    let mut reader = open(bytes, limits)?;
    let size = checked_size(
        reader.info().width.into(),
        reader.info().height.into(),
        limits,
    )?;
    let profile = reader
        .info()
        .icc_profile
        .as_ref()
        .map(|profile| profile.to_vec());
    let animated = reader
        .info()
        .animation_control
        .is_some_and(|control| control.num_frames > 1);
    let (colour, depth) = reader.output_color_type();
    let samples = match depth {
        BitDepth::Sixteen => read_rounded(&mut reader, size, colour)?,
        _ => read_frame(&mut reader)?,
    };
    let pixels = match colour {
        ColorType::Grayscale => Pixels::new(size, Layout::Gray, samples),
        ColorType::GrayscaleAlpha => Pixels::new(size, Layout::Rgba, spread(&samples)),
        ColorType::Rgba => Pixels::new(size, Layout::Rgba, samples),
        _ => Pixels::new(size, Layout::Rgb, samples),
    };
    Ok(Decoded {
        raster: Raster::Pixels(pixels.without_idle_alpha()),
        size,
        profile,
        animated,
    })
}

fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Source<'a>, Rejection> {
    let header = png::Limits {
        bytes: MAX_OTHER_BYTES,
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), header);
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(Transformations::EXPAND);
    let info = decoder.read_header_info().map_err(Rejection::corrupt)?;
    checked_size(info.width.into(), info.height.into(), limits)?;
    match decoder.read_info() {
        Ok(reader) => Ok(reader),
        Err(png::DecodingError::LimitsExceeded) => {
            Err(Rejection::too_much_metadata(MAX_OTHER_BYTES))
        }
        Err(error) => Err(Rejection::corrupt(error)),
    }
}

fn read_frame(reader: &mut Source<'_>) -> Result<Vec<u8>, Rejection> {
    let length = reader.output_buffer_size();
    let mut samples = vec![0; length.expect("the size has been checked")];
    reader
        .next_frame(&mut samples)
        .map_err(Rejection::corrupt)?;
    Ok(samples)
}

/// Sixteen bits a sample, rounded a row at a time: all of them would be twice the picture.
fn read_rounded(
    reader: &mut Source<'_>,
    size: Size,
    colour: ColorType,
) -> Result<Vec<u8>, Rejection> {
    let channels = colour.samples();
    let stride = size.width as usize * channels;
    let mut samples = vec![0; stride * size.height as usize];
    let mut rows = samples.chunks_exact_mut(stride);
    if !reader.info().interlaced {
        while let Some(row) = reader.next_row().map_err(Rejection::corrupt)? {
            let target = rows.next().expect("no more rows than there are");
            round_all(row.data(), target);
        }
        return match rows.next() {
            None => Ok(samples),
            Some(_) => Err(Rejection::corrupt("it ends too early")),
        };
    }
    let mut rounded = vec![0; stride];
    while let Some(row) = reader.next_interlaced_row().map_err(Rejection::corrupt)? {
        let InterlaceInfo::Adam7(pass) = row.interlace() else {
            continue;
        };
        let rounded = &mut rounded[..row.data().len() / 2];
        round_all(row.data(), rounded);
        png::expand_interlaced_row(&mut samples, stride, rounded, pass, 8 * channels as u8);
    }
    Ok(samples)
}

fn round_all(row: &[u8], target: &mut [u8]) {
    for (target, sample) in target.iter_mut().zip(row.as_chunks().0) {
        *target = round(*sample);
    }
}

/// From 16 bits to the nearest of 8.
fn round(sample: [u8; 2]) -> u8 {
    ((u32::from(u16::from_be_bytes(sample)) * 255 + 32_767) / 65_535) as u8
}

/// From gray with alpha to colour with alpha.
fn spread(samples: &[u8]) -> Vec<u8> {
    let pixel = |&[gray, alpha]: &[u8; 2]| [gray, gray, gray, alpha];
    samples.as_chunks().0.iter().flat_map(pixel).collect()
}

/// All frames of an animated PNG.
pub(in super::super) fn frames<'a>(
    bytes: &'a [u8],
    limits: &Limits,
) -> Result<Frames<'a>, Rejection> {
    let reader = open(bytes, limits)?;
    let control = reader.info().animation_control;
    let control = control.ok_or_else(|| Rejection::corrupt("it has no animation"))?;
    drop(reader);
    let mut decoder = PngDecoder::with_limits(Cursor::new(bytes), other::allocations(limits))
        .map_err(Rejection::corrupt)?;
    let (width, height) = decoder.dimensions();
    decoder
        .set_limits(other::allocations(limits))
        .map_err(Rejection::corrupt)?;
    let frames = decoder.apng().map_err(Rejection::corrupt)?.into_frames();
    Ok(Frames {
        size: Size::new(width, height),
        count: control.num_frames,
        loops: control.num_plays,
        frames: other::frames(frames),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_are_rounded_to_the_nearest_of_eight() {
        for (sample, expected) in [
            (0, 0),
            (128, 0),
            (129, 1),
            (257, 1),
            (65_535, 255),
            (65_406, 254),
            (65_407, 255),
        ] {
            assert_eq!(round(u16::to_be_bytes(sample)), expected, "{sample}");
        }
    }
}
