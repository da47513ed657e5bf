//! WebP through libwebp.

use webpx::{AnimationDecoder, ColorMode, DecoderConfig, ImageInfo, Limits as WebpLimits};

use super::super::animation::{Frame, Frames};
use super::super::geometry::Size;
use super::super::pixels::{Layout, Pixels};
use super::super::raster::Raster;
use super::super::{Limits, Rejection, colour};
use super::{Decoded, checked_size};

/// libwebp can average while it decodes. What it leaves must be so many times as large as what is
/// needed, for the better filter to do the rest.
const MARGIN: f64 = 1.5;

pub(super) fn decode(
    bytes: &[u8],
    limits: &Limits,
    needed: impl Fn(Size) -> Size,
) -> Result<Decoded, Rejection> {
    let info = ImageInfo::from_webp(bytes).map_err(corrupt)?;
    let size = checked_size(info.width.into(), info.height.into(), limits)?;
    let profile = webpx::get_icc_profile_with_limits(bytes, &metadata_limits());
    let pixels = if info.has_animation {
        first_frame(bytes, limits)?
    } else {
        still(bytes, &info, size, needed(size))?
    };
    Ok(Decoded {
        raster: Raster::Pixels(pixels.without_idle_alpha()),
        size,
        profile: profile.ok().flatten(),
        animated: info.has_animation,
    })
}

fn still(bytes: &[u8], info: &ImageInfo, size: Size, needed: Size) -> Result<Pixels, Rejection> {
    let config = DecoderConfig::new().limits(WebpLimits::none());
    let decoder = webpx::Decoder::new(bytes).map_err(corrupt)?.config(config);
    let layout = if info.has_alpha {
        Layout::Rgba
    } else {
        Layout::Rgb
    };
    let samples = match (scaled(size, needed), layout) {
        (Some(scaled), Layout::Rgba) => {
            let decoder = decoder.scale(scaled.width, scaled.height);
            let samples = decoder.decode_rgba_raw().map_err(corrupt)?.0;
            return Ok(Pixels::new(scaled, layout, samples));
        }
        (Some(scaled), _) => {
            let decoder = decoder.scale(scaled.width, scaled.height);
            let samples = decoder.decode_rgb_raw().map_err(corrupt)?.0;
            return Ok(Pixels::new(scaled, layout, samples));
        }
        (None, Layout::Rgba) => {
            let mut samples = vec![0; size.area() * 4];
            let decoded = decoder.decode_rgba_into(&mut samples, size.width * 4);
            decoded.map_err(corrupt)?;
            samples
        }
        (None, _) => {
            let mut samples = vec![0; size.area() * 3];
            let decoded = decoder.decode_rgb_into(&mut samples, size.width * 3);
            decoded.map_err(corrupt)?;
            samples
        }
    };
    Ok(Pixels::new(size, layout, samples))
}

/// A size that is still large enough, if it is clearly smaller than all.
fn scaled(size: Size, needed: Size) -> Option<Size> {
    let part = |needed: u32, whole: u32| f64::from(needed) * MARGIN / f64::from(whole);
    let part = part(needed.width, size.width).max(part(needed.height, size.height));
    let side = |length: u32| (f64::from(length) * part).ceil() as u32;
    (part * MARGIN < 1.0).then(|| Size::new(side(size.width), side(size.height)))
}

fn first_frame(bytes: &[u8], limits: &Limits) -> Result<Pixels, Rejection> {
    let Frames {
        size, mut frames, ..
    } = frames(bytes, limits)?;
    match frames.next() {
        Some(frame) => Ok(Pixels::new(size, Layout::Rgba, frame?.pixels.into_bytes())),
        None => Err(Rejection::corrupt("it has no frame")),
    }
}

/// All frames of an animation.
pub(in super::super) fn frames<'a>(
    bytes: &'a [u8],
    limits: &Limits,
) -> Result<Frames<'a>, Rejection> {
    let info = ImageInfo::from_webp(bytes).map_err(corrupt)?;
    let size = checked_size(info.width.into(), info.height.into(), limits)?;
    let none = WebpLimits::none();
    let mut decoder = AnimationDecoder::with_options_limits(bytes, ColorMode::Rgba, false, &none)
        .map_err(corrupt)?;
    let (count, loops) = (decoder.info().frame_count, decoder.info().loop_count);
    let next = move || {
        let frame = decoder.next_frame().map_err(corrupt).transpose()?;
        Some(frame.map(|frame| Frame {
            pixels: Pixels::new(size, Layout::Rgba, frame.data),
            duration_ms: frame.duration_ms,
        }))
    };
    Ok(Frames {
        size,
        count,
        loops,
        frames: Box::new(std::iter::from_fn(next)),
    })
}

fn metadata_limits() -> WebpLimits {
    let mut limits = WebpLimits::none();
    limits.max_metadata_bytes = u32::try_from(colour::MAX_PROFILE_BYTES).ok();
    limits
}

/// Without the place in the library's source that its errors carry.
#[expect(clippy::needless_pass_by_value, reason = "map_err gives it away")]
fn corrupt(error: webpx::At<webpx::Error>) -> Rejection {
    Rejection::corrupt(error.error())
}
