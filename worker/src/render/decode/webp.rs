//! WebP through libwebp.

use webpx::{AnimationDecoder, ColorMode, DecoderConfig, ImageInfo, Limits as WebpLimits};

use super::super::animation::{Frame, Frames};
use super::super::geometry::Size;
use super::super::pixels::{Layout, Pixels};
use super::super::raster::Raster;
use super::super::{Limits, Rejection, colour};
use super::{Decoded, checked_size};

/// libwebp averages while it decodes. What it leaves must still be this many times as large as what
/// is needed, for the better filter to do the rest.
const MARGIN: u32 = 2;

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
    let mut decoder = webpx::Decoder::new(bytes).map_err(corrupt)?.config(config);
    let enough = Size::new(needed.width * MARGIN, needed.height * MARGIN);
    let half_the_width = size.width / 2 >= enough.width && size.height / 2 >= enough.height;
    let size = if half_the_width {
        Size::new(size.width / 2, size.height / 2)
    } else {
        size
    };
    if half_the_width {
        decoder = decoder.scale(size.width, size.height);
    }
    if info.has_alpha {
        let (samples, ..) = decoder.decode_rgba_raw().map_err(corrupt)?;
        Ok(Pixels::new(size, Layout::Rgba, samples))
    } else {
        let (samples, ..) = decoder.decode_rgb_raw().map_err(corrupt)?;
        Ok(Pixels::new(size, Layout::Rgb, samples))
    }
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
