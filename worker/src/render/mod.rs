//! From the bytes of a picture to its variants: pure, without I/O and without a clock.
//!
//! JPEGs are decoded at the smallest of 1/8, 1/4, 1/2 and 1 that is still wide enough, every
//! variant is made from the smallest picture so far that is clearly larger, and orientation is
//! applied to the small pictures. Most of the time goes into entropy decoding, which nothing can
//! avoid.

use sha2::{Digest as _, Sha256};
use shared::identity::hex;
use shared::record::Picture;

mod decode;
mod encode;
mod orientation;
mod pixels;
mod recipe;
mod rejection;
mod resize;
mod sniff;

pub use recipe::{Recipe, RecipeError};
pub use rejection::{Rejection, RejectionCode};
pub use sniff::{Format, sniff};

use decode::Decoded;
use orientation::Orientation;
use pixels::Pixels;
use recipe::Target;

/// What is too much for one original. Checked before memory is taken.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the file.
    pub max_bytes: u64,
    /// Width times height.
    pub max_pixels: u64,
}

/// A picture and what was made of it.
#[derive(Debug)]
pub struct Rendered {
    /// What the decoder saw.
    pub picture: Picture,
    /// One for each of the recipe's, widest first.
    pub variants: Vec<Variant>,
}

/// A resized picture, encoded and without metadata.
#[derive(Debug)]
pub struct Variant {
    /// Its name in the recipe.
    pub name: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// What it is encoded as.
    pub format: Format,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Makes every variant of `recipe`. Opaque pictures become JPEG, others PNG.
pub fn render(bytes: &[u8], recipe: &Recipe, limits: &Limits) -> Result<Rendered, Rejection> {
    let format = sniff(bytes)?;
    let orientation = Orientation::of(bytes);
    let Decoded {
        pixels,
        width,
        height,
    } = decode::decode(bytes, format, limits, |width, height| {
        let (width, height) = orientation.upright(width, height);
        let (width, height) = recipe.widest(width, height);
        orientation.upright(width, height)
    })?;
    let (width, height) = orientation.upright(width, height);
    let has_alpha = pixels.has_alpha();
    let pixels = if has_alpha {
        pixels
    } else {
        pixels.without_alpha()
    };
    let picture = Picture {
        content_sha256: hex(&Sha256::digest(bytes)),
        width,
        height,
        format: format.name().to_owned(),
        orientation: orientation.exif(),
        has_alpha,
    };
    let variants = cascade(pixels, &recipe.targets(width, height), orientation)?;
    Ok(Rendered { picture, variants })
}

/// Each from the smallest picture made so far that is at least this many times as wide: closer ones
/// would blur twice.
const CASCADE_RATIO: u32 = 2;

fn cascade(
    base: Pixels,
    targets: &[Target],
    orientation: Orientation,
) -> Result<Vec<Variant>, Rejection> {
    let mut made = vec![base];
    let mut variants = Vec::with_capacity(targets.len());
    for target in targets {
        let (width, height) = orientation.upright(target.width, target.height); // Back to how the pixels lie.
        let wide_enough = |pixels: &&Pixels| {
            pixels.width() >= width * CASCADE_RATIO && pixels.height() >= height * CASCADE_RATIO
        };
        let source = made.iter().rev().find(wide_enough).unwrap_or(&made[0]);
        let small = resize::resize(source, width, height)?;
        let upright = orientation.apply(&small);
        let (format, bytes) = encode::encode(&upright)?;
        variants.push(Variant {
            name: target.name.clone(),
            width: upright.width(),
            height: upright.height(),
            format,
            bytes,
        });
        made.push(small);
    }
    Ok(variants)
}

#[cfg(test)]
mod tests;
