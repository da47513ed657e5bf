//! AVIF through rav1e.

use ravif::{Encoder, Img, RGB8, RGBA8};

use super::super::pixels::{Layout, Pixels};
use super::EncodeError;

/// Of 1 to 10: slower ones save little.
const SPEED: u8 = 8;

pub(super) fn encode(
    pixels: Pixels,
    quality: u8,
    exif: Option<&[u8]>,
) -> Result<Vec<u8>, EncodeError> {
    let pixels = pixels.coloured();
    let (width, height) = (pixels.size().width as usize, pixels.size().height as usize);
    let mut encoder = Encoder::new()
        .with_quality(quality.into())
        .with_alpha_quality(quality.into())
        .with_speed(SPEED)
        .with_num_threads(Some(1));
    if let Some(exif) = exif {
        encoder = encoder.with_exif(exif);
    }
    let encoded = match pixels.layout() {
        Layout::Rgba => {
            let pixel = |&[r, g, b, a]: &[u8; 4]| RGBA8::new(r, g, b, a);
            let pixels: Vec<_> = pixels.bytes().as_chunks().0.iter().map(pixel).collect();
            encoder.encode_rgba(Img::new(&pixels[..], width, height))?
        }
        _ => {
            let pixel = |&[r, g, b]: &[u8; 3]| RGB8::new(r, g, b);
            let pixels: Vec<_> = pixels.bytes().as_chunks().0.iter().map(pixel).collect();
            encoder.encode_rgb(Img::new(&pixels[..], width, height))?
        }
    };
    Ok(encoded.avif_file)
}
