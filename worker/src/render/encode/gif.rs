//! GIF: 256 colours a frame, transparent or not.

use gif::{Encoder, Frame, Repeat};

use super::super::geometry::Size;
use super::super::pixels::Pixels;
use super::EncodeError;

/// NeuQuant looks at every tenth pixel, as its authors advise.
const SAMPLING: i32 = 10;
/// From this opacity on a pixel is shown.
const OPAQUE: u8 = 128;

pub(super) fn encode(pixels: Pixels) -> Result<Vec<u8>, EncodeError> {
    let mut animation = Animation::new(pixels.size(), None)?;
    animation.push(pixels, 0)?;
    animation.finish()
}

/// An animation under way.
pub(in super::super) struct Animation {
    encoder: Encoder<Vec<u8>>,
    size: (u16, u16),
}

impl Animation {
    /// `loops` is how often it is shown; 0 is for ever. A still picture has none.
    pub(in super::super) fn new(size: Size, loops: Option<u32>) -> Result<Self, EncodeError> {
        let size = (u16::try_from(size.width)?, u16::try_from(size.height)?);
        let mut encoder = Encoder::new(Vec::new(), size.0, size.1, &[])?;
        if let Some(loops) = loops {
            encoder.set_repeat(match u16::try_from(loops) {
                Ok(times @ 1..) => Repeat::Finite(times),
                _ => Repeat::Infinite,
            })?;
        }
        Ok(Self { encoder, size })
    }

    pub(in super::super) fn push(
        &mut self,
        frame: Pixels,
        duration_ms: u32,
    ) -> Result<(), EncodeError> {
        let mut pixels = frame.with_alpha().into_bytes();
        for pixel in pixels.as_chunks_mut::<4>().0 {
            *pixel = match *pixel {
                [red, green, blue, OPAQUE..=u8::MAX] => [red, green, blue, u8::MAX],
                _ => [0; 4],
            };
        }
        let mut frame = Frame::from_rgba_speed(self.size.0, self.size.1, &mut pixels, SAMPLING);
        frame.delay = u16::try_from(duration_ms.div_ceil(10))?;
        // What is transparent must not show the frame before.
        frame.dispose = gif::DisposalMethod::Background;
        self.encoder.write_frame(&frame)?;
        Ok(())
    }

    pub(in super::super) fn finish(self) -> Result<Vec<u8>, EncodeError> {
        Ok(self.encoder.into_inner()?)
    }
}
