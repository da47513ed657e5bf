//! WebP through libwebp, lossy.

use webpx::{AnimationEncoder, Encoder, Unstoppable};

use super::super::geometry::Size;
use super::super::pixels::{Layout, Pixels};
use super::EncodeError;

/// How hard libwebp tries, of 0 to 6. At 4, its default, files are 4 % smaller and take twice as long.
const METHOD: u8 = 2;

pub(super) fn encode(
    pixels: Pixels,
    quality: u8,
    exif: Option<&[u8]>,
) -> Result<Vec<u8>, EncodeError> {
    let pixels = pixels.coloured();
    let Size { width, height } = pixels.size();
    let encoder = match pixels.layout() {
        Layout::Rgba => Encoder::new_rgba(pixels.bytes(), width, height),
        _ => Encoder::new_rgb(pixels.bytes(), width, height),
    };
    let encoder = encoder.quality(quality.into()).method(METHOD);
    owned(encoder.encode(Unstoppable).map_err(plain)?, exif)
}

fn owned(bytes: Vec<u8>, exif: Option<&[u8]>) -> Result<Vec<u8>, EncodeError> {
    match exif {
        Some(exif) => webpx::embed_exif(&bytes, exif).map_err(plain),
        None => Ok(bytes),
    }
}

/// An animation under way.
pub(in super::super) struct Animation {
    encoder: AnimationEncoder,
    elapsed_ms: i32,
}

impl Animation {
    pub(in super::super) fn new(size: Size, loops: u32, quality: u8) -> Result<Self, EncodeError> {
        let mut encoder = AnimationEncoder::with_options(
            size.width,
            size.height,
            false,
            loops.min(u16::MAX.into()),
        )
        .map_err(plain)?;
        encoder.set_quality(quality.into());
        Ok(Self {
            encoder,
            elapsed_ms: 0,
        })
    }

    pub(in super::super) fn push(
        &mut self,
        frame: Pixels,
        duration_ms: u32,
    ) -> Result<(), EncodeError> {
        let frame = frame.with_alpha();
        self.encoder
            .add_frame_rgba(frame.bytes(), self.elapsed_ms)
            .map_err(plain)?;
        let duration_ms = i32::try_from(duration_ms).unwrap_or(i32::MAX);
        self.elapsed_ms = self.elapsed_ms.saturating_add(duration_ms);
        Ok(())
    }

    pub(in super::super) fn finish(self, exif: Option<&[u8]>) -> Result<Vec<u8>, EncodeError> {
        owned(self.encoder.finish(self.elapsed_ms).map_err(plain)?, exif)
    }
}

/// Without the place in the library's source that its errors carry.
#[expect(clippy::needless_pass_by_value, reason = "map_err gives it away")]
fn plain(error: webpx::At<webpx::Error>) -> EncodeError {
    error.error().to_string().into()
}
