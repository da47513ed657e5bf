//! Pictures that move.

use super::decode;
use super::encode::{self, EncodeError, Encoded, GifAnimation, WebpAnimation};
use super::geometry::Size;
use super::pixels::Pixels;
use super::recipe::{Output, Target};
use super::{Format, Limits, Rejection, Stage, Variant, Watch};

/// Longer animations are films.
const MAX_DURATION_MS: u64 = 10 * 60 * 1_000;
/// Shorter ones are shown as long as browsers show them.
const LEAST_DURATION_MS: u32 = 20;
const DEFAULT_DURATION_MS: u32 = 100;

/// A frame as the canvas shows it, with all four channels.
pub(super) struct Frame {
    pub(super) pixels: Pixels,
    pub(super) duration_ms: u32,
}

/// An animation that is decoded frame by frame.
pub(super) struct Frames<'a> {
    /// Of the canvas, and of each frame.
    pub(super) size: Size,
    /// As the file says, or as were counted.
    pub(super) count: u32,
    /// How often it is shown; 0 is for ever.
    pub(super) loops: u32,
    pub(super) frames: Box<dyn Iterator<Item = Result<Frame, Rejection>> + 'a>,
}

/// A file whose first frame said that there are more.
pub(super) struct Original<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) format: Format,
    /// What its numbers mean, if it says so.
    pub(super) profile: Option<&'a [u8]>,
}

impl<'a> Frames<'a> {
    fn of(original: &Original<'a>, limits: &Limits) -> Result<Self, Rejection> {
        let bytes = original.bytes;
        let frames = match original.format {
            Format::Png => decode::png_frames(bytes, limits)?,
            Format::WebP => decode::webp_frames(bytes, limits)?,
            _ => decode::gif_frames(bytes, limits)?,
        };
        let pixels = frames.size.area() as u64 * u64::from(frames.count);
        if frames.count > limits.max_frames {
            Err(Rejection::too_many_frames(frames.count, limits))
        } else if pixels > limits.max_animation_pixels() {
            Err(Rejection::too_many_animation_pixels(pixels, limits))
        } else {
            Ok(frames)
        }
    }
}

/// Makes the moving variants of an animation. `finish` makes a resized frame what is to be seen.
pub(super) fn render(
    original: &Original<'_>,
    limits: &Limits,
    targets: &[&Target<'_>],
    exif: Option<&[u8]>,
    finish: impl Fn(&Pixels, &Target<'_>) -> Pixels,
    watch: &mut Watch<'_>,
) -> Result<Vec<Variant>, Rejection> {
    let Frames {
        count,
        loops,
        frames,
        ..
    } = Frames::of(original, limits)?;
    let start = |target| Moving::new(target, loops);
    let mut moving = targets
        .iter()
        .copied()
        .map(start)
        .collect::<Result<Vec<_>, _>>()?;
    let mut elapsed_ms = 0;
    for frame in frames.take(count as usize) {
        let Frame {
            pixels,
            duration_ms,
        } = frame?;
        let duration_ms = if duration_ms < LEAST_DURATION_MS {
            DEFAULT_DURATION_MS
        } else {
            duration_ms
        };
        elapsed_ms += u64::from(duration_ms);
        if elapsed_ms > MAX_DURATION_MS {
            return Err(Rejection::too_long_an_animation(MAX_DURATION_MS / 1_000));
        }
        watch(Stage::Decode)?;
        for variant in &mut moving {
            let frame = finish(&pixels, variant.target);
            watch(Stage::Resize)?;
            variant.push(frame, duration_ms)?;
            watch(Stage::Encode)?;
        }
    }
    moving
        .into_iter()
        .map(|variant| variant.finish(exif))
        .collect()
}

struct Moving<'a> {
    target: &'a Target<'a>,
    animation: Animation,
}

enum Animation {
    WebP(WebpAnimation),
    Gif(GifAnimation),
}

impl<'a> Moving<'a> {
    fn new(target: &'a Target<'a>, loops: u32) -> Result<Self, Rejection> {
        let animation = match target.wanted.output {
            Output::Format(Format::Gif) => {
                GifAnimation::new(target.size, Some(loops)).map(Animation::Gif)
            }
            _ => {
                let quality = target.wanted.quality;
                let quality = quality.unwrap_or(encode::default_quality(Format::WebP));
                WebpAnimation::new(target.size, loops, quality).map(Animation::WebP)
            }
        };
        match animation {
            Ok(animation) => Ok(Self { target, animation }),
            Err(error) => Err(encode::unwritable(target.size, &error)),
        }
    }

    fn push(&mut self, frame: Pixels, duration_ms: u32) -> Result<(), Rejection> {
        let pushed = match &mut self.animation {
            Animation::Gif(animation) => animation.push(frame, duration_ms),
            Animation::WebP(animation) => animation.push(frame, duration_ms),
        };
        pushed.map_err(|error| encode::unwritable(self.target.size, &error))
    }

    fn finish(self, exif: Option<&[u8]>) -> Result<Variant, Rejection> {
        let target = self.target;
        let finished: Result<_, EncodeError> = match self.animation {
            Animation::Gif(animation) => animation.finish().map(|bytes| (Format::Gif, bytes)),
            Animation::WebP(animation) => animation.finish(exif).map(|bytes| (Format::WebP, bytes)),
        };
        match finished {
            Ok((format, bytes)) => Ok(Variant::new(target, Encoded { format, bytes })),
            Err(error) => Err(encode::unwritable(target.size, &error)),
        }
    }
}
