//! GIF.

use std::io::Cursor;

use gif::{ColorOutput, DecodeOptions, Decoder, MemoryLimit, Repeat};
use image::AnimationDecoder as _;
use image::ImageDecoder as _;
use image::codecs::gif::GifDecoder;

use super::super::animation::Frames;
use super::super::geometry::Size;
use super::super::pixels::{Layout, Pixels};
use super::super::raster::Raster;
use super::super::{Limits, Rejection};
use super::{Decoded, checked_size, other};

type Source<'a> = Decoder<Cursor<&'a [u8]>>;

/// The first frame, as the canvas shows it.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, Rejection> {
    let mut decoder = open(bytes, limits, false)?;
    let frame = decoder.next_frame_info().map_err(Rejection::corrupt)?;
    let frame = frame.ok_or_else(|| Rejection::corrupt("it has no picture"))?;
    let frame_size = checked_size(frame.width.into(), frame.height.into(), limits)?;
    let (left, top, transparent) = (frame.left, frame.top, frame.transparent);
    let canvas = canvas(&decoder, limits)?.unwrap_or(frame_size);
    let palette = decoder.palette().map_err(Rejection::corrupt)?.to_vec();
    let mut indices = vec![0; decoder.buffer_size()];
    decoder
        .read_into_buffer(&mut indices)
        .map_err(Rejection::corrupt)?;

    let colours = colours(&palette, transparent);
    let placed = Placed {
        size: frame_size,
        left: left.into(),
        top: top.into(),
        indices: &indices,
    };
    let pixels = placed.on(canvas, &colours);
    let animated = count(bytes, limits, 2)? > 1;
    Ok(Decoded {
        raster: Raster::Pixels(pixels),
        size: canvas,
        profile: None,
        animated,
    })
}

fn open<'a>(bytes: &'a [u8], limits: &Limits, skim: bool) -> Result<Source<'a>, Rejection> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.skip_frame_decoding(skim);
    let max_frame_bytes = limits
        .max_pixels
        .try_into()
        .unwrap_or(std::num::NonZeroU64::MIN);
    options.set_memory_limit(MemoryLimit::Bytes(max_frame_bytes));
    options
        .read_info(Cursor::new(bytes))
        .map_err(Rejection::corrupt)
}

/// `None` when the file leaves it open, as some do.
fn canvas(decoder: &Source<'_>, limits: &Limits) -> Result<Option<Size>, Rejection> {
    match (decoder.width(), decoder.height()) {
        (0, _) | (_, 0) => Ok(None),
        (width, height) => checked_size(width.into(), height.into(), limits).map(Some),
    }
}

/// How many frames there are, at most `enough`.
fn count(bytes: &[u8], limits: &Limits, enough: u32) -> Result<u32, Rejection> {
    let mut decoder = open(bytes, limits, true)?;
    let mut found = 0;
    // What is damaged beyond the frames that are wanted does not matter.
    while found < enough && matches!(decoder.next_frame_info(), Ok(Some(_))) {
        found += 1;
    }
    Ok(found)
}

/// A colour for each of the 256 indices. Those beyond the palette are transparent.
fn colours(palette: &[u8], transparent: Option<u8>) -> [[u8; 4]; 256] {
    let mut colours = [[0; 4]; 256];
    for (colour, [red, green, blue]) in colours.iter_mut().zip(palette.as_chunks().0) {
        *colour = [*red, *green, *blue, u8::MAX];
    }
    if let Some(index) = transparent {
        colours[usize::from(index)] = [0; 4];
    }
    colours
}

/// A frame and where on the canvas it is; it may exceed it.
struct Placed<'a> {
    size: Size,
    left: usize,
    top: usize,
    indices: &'a [u8],
}

impl Placed<'_> {
    fn on(&self, canvas: Size, colours: &[[u8; 4]; 256]) -> Pixels {
        let covers = self.left == 0 && self.top == 0 && self.size.covers(canvas);
        let opaque = |index: &u8| colours[usize::from(*index)][3] == u8::MAX;
        if covers && self.size == canvas && self.indices.iter().all(opaque) {
            let colour = |index: &u8| {
                let [red, green, blue, _] = colours[usize::from(*index)];
                [red, green, blue]
            };
            let bytes = self.indices.iter().flat_map(colour).collect();
            return Pixels::new(canvas, Layout::Rgb, bytes);
        }
        let mut pixels = vec![[0; 4]; canvas.area()];
        let width = canvas.width as usize;
        let rows = self.indices.chunks_exact(self.size.width as usize);
        for (row, indices) in pixels.chunks_exact_mut(width).skip(self.top).zip(rows) {
            for (pixel, index) in row.iter_mut().skip(self.left).zip(indices) {
                *pixel = colours[usize::from(*index)];
            }
        }
        Pixels::new(canvas, Layout::Rgba, pixels.concat()).without_idle_alpha()
    }
}

/// All frames of an animation.
pub(in super::super) fn frames<'a>(
    bytes: &'a [u8],
    limits: &Limits,
) -> Result<Frames<'a>, Rejection> {
    let mut skimmed = open(bytes, limits, true)?;
    // Where it loops stands before its first frame.
    skimmed.next_frame_info().map_err(Rejection::corrupt)?;
    let loops = match skimmed.repeat() {
        Repeat::Infinite => 0,
        Repeat::Finite(times) => u32::from(times),
    };
    let mut decoder = GifDecoder::new(Cursor::new(bytes)).map_err(Rejection::corrupt)?;
    let (width, height) = decoder.dimensions();
    let size = checked_size(width.into(), height.into(), limits)?;
    decoder
        .set_limits(other::allocations(limits))
        .map_err(Rejection::corrupt)?;
    Ok(Frames {
        size,
        count: count(bytes, limits, limits.max_frames.saturating_add(1))?,
        loops,
        frames: other::frames(decoder.into_frames()),
    })
}
