//! From the bytes of a picture to its variants: pure, without I/O and without a clock.
//!
//! JPEGs are decoded at the smallest of 1/8, 1/4, 1/2 and 1 that is still wide enough and stay in
//! planes of brightness and colour; every variant is made from the smallest picture so far that is
//! clearly larger; and what can be done late (colour profile, orientation, watermark) is done to
//! the small pictures. Most of the time goes into entropy decoding, which nothing can avoid.

use sha2::{Digest as _, Sha256};
use shared::identity::hex;
use shared::record::Picture;

mod animation;
mod colour;
mod decode;
mod encode;
mod geometry;
mod impression;
mod jpeg_header;
mod metadata;
mod orientation;
mod pixels;
mod planes;
mod raster;
mod recipe;
mod rejection;
mod resize;
mod sniff;
mod watermark;

pub use recipe::{Recipe, RecipeError};
pub use rejection::{Rejection, RejectionCode};
pub use sniff::{Format, sniff};
pub use watermark::{Watermark, WatermarkStyle, WatermarkStyleError};

use decode::Decoded;
use encode::Encoded;
use geometry::{Size, Window};
use impression::Impression;
use metadata::{Metadata, Ownership};
use orientation::Orientation;
use raster::Raster;
use recipe::Target;

/// What is too much for one original. Checked before memory is taken.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the file.
    pub max_bytes: u64,
    /// Width times height.
    pub max_pixels: u64,
    /// Of an animation that is to keep moving.
    pub max_frames: u32,
}

impl Limits {
    /// Of all frames of an animation together.
    fn max_animation_pixels(&self) -> u64 {
        self.max_pixels.saturating_mul(5)
    }
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

impl Variant {
    fn new(target: &Target<'_>, encoded: Encoded) -> Self {
        Self {
            name: target.wanted.name.clone(),
            width: target.size.width,
            height: target.size.height,
            format: encoded.format,
            bytes: encoded.bytes,
        }
    }
}

/// A part of the work.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Stage {
    /// Recognising the format, reading metadata, hashing the file.
    Inspect,
    /// From the file to pixels.
    Decode,
    /// To sRGB.
    Colour,
    /// Resizing, turning upright, marking.
    Resize,
    /// From pixels to files.
    Encode,
    /// Thumbhash and dominant colour.
    Impress,
}

/// Told after each stage; it may end the work. Who holds a clock can so measure and bound it: what
/// happens between two stages is bounded by the limits.
pub type Watch<'a> = dyn FnMut(Stage) -> Result<(), Rejection> + 'a;

/// Makes every variant of `recipe`.
pub fn render(bytes: &[u8], recipe: &Recipe, limits: &Limits) -> Result<Rendered, Rejection> {
    render_watched(bytes, recipe, limits, &mut |_| Ok(()))
}

/// Makes every variant of `recipe`, and tells `watch` how far it is.
pub fn render_watched(
    bytes: &[u8],
    recipe: &Recipe,
    limits: &Limits,
    watch: &mut Watch<'_>,
) -> Result<Rendered, Rejection> {
    let format = sniff(bytes)?;
    let metadata = Metadata::of(bytes);
    let content_sha256 = hex(&Sha256::digest(bytes));
    let orientation = metadata.orientation();
    watch(Stage::Inspect)?;

    let needed = |size: Size| orientation.upright(needed(recipe, orientation.upright(size)));
    let Decoded {
        raster,
        size,
        profile,
        animated,
    } = decode::decode(bytes, format, limits, needed)?;
    watch(Stage::Decode)?;

    let base = colour::to_srgb(raster, profile.as_deref(), needed(size));
    let has_alpha = !base.is_opaque();
    watch(Stage::Colour)?;

    let upright = orientation.upright(size);
    let targets = recipe.targets(upright);
    let moves = |target: &&Target<'_>| animated && target.wanted.animated;
    let (moving, still): (Vec<_>, Vec<_>) = targets.iter().partition(moves);
    let workshop = Workshop {
        recipe,
        orientation,
        ownership: recipe.keeps_copyright().then(|| metadata.ownership()),
    };
    let (mut variants, smallest) = workshop.cascade(base, &still, watch)?;
    if !moving.is_empty() {
        let original = animation::Original {
            bytes,
            format,
            profile: profile.as_deref(),
        };
        variants.extend(workshop.animate(&original, limits, &moving, watch)?);
        let place = |variant: &Variant| {
            targets
                .iter()
                .position(|target| target.wanted.name == variant.name)
        };
        variants.sort_by_key(place);
    }
    let impression = Impression::of(&smallest.upright(orientation));
    watch(Stage::Impress)?;

    let picture = Picture {
        content_sha256,
        width: upright.width,
        height: upright.height,
        format: format.name().to_owned(),
        orientation: orientation.exif(),
        has_alpha,
        animated,
        camera: metadata.camera(),
        captured_at: metadata.captured_at(),
        thumbhash: Some(impression.thumbhash),
        dominant_colour: Some(impression.dominant_colour),
    };
    Ok(Rendered { picture, variants })
}

/// How large an upright picture of this size must be for every variant to be made from it.
fn needed(recipe: &Recipe, size: Size) -> Size {
    let targets = recipe.targets(size);
    let sizes = targets
        .iter()
        .map(|target| target.window.whole(target.size));
    sizes.fold(Size::new(1, 1), Size::max).min(size)
}

/// Each from the smallest picture made so far that is at least this many times as wide: closer ones
/// would blur twice.
const CASCADE_RATIO: f64 = 2.0;

/// Where variants of one picture are made.
struct Workshop<'a> {
    recipe: &'a Recipe,
    orientation: Orientation,
    /// What is to be kept of it.
    ownership: Option<Ownership>,
}

impl Workshop<'_> {
    /// The still variants, and the smallest picture that shows all.
    fn cascade(
        &self,
        base: Raster,
        targets: &[&Target<'_>],
        watch: &mut Watch<'_>,
    ) -> Result<(Vec<Variant>, Raster), Rejection> {
        let mut whole = vec![base];
        let mut variants = Vec::with_capacity(targets.len());
        for target in targets {
            let size = self.orientation.upright(target.size); // Back to how the pixels lie.
            let window = self.orientation.lying(target.window);
            let large_enough = |raster: &&Raster| {
                let part = window.of(raster.extent());
                part.width >= f64::from(size.width) * CASCADE_RATIO
                    && part.height >= f64::from(size.height) * CASCADE_RATIO
            };
            let source = whole.iter().rev().find(large_enough).unwrap_or(&whole[0]);
            let sampling = encode::sampling(target.wanted.quality);
            let small = source.resized(window, size, sampling, self.orientation);
            let seen = small.clone().upright(self.orientation);
            if window == Window::WHOLE {
                whole.push(small);
            }
            let marked = self.marked(seen, target);
            watch(Stage::Resize)?;
            let wanted = target.wanted;
            let encoded = encode::encode(
                marked,
                wanted.output,
                wanted.quality,
                self.ownership.as_ref(),
            )?;
            watch(Stage::Encode)?;
            variants.push(Variant::new(target, encoded));
        }
        let smallest = whole.into_iter().min_by_key(|raster| raster.size().area());
        Ok((variants, smallest.expect("the base is one of them")))
    }

    fn animate(
        &self,
        original: &animation::Original<'_>,
        limits: &Limits,
        targets: &[&Target<'_>],
        watch: &mut Watch<'_>,
    ) -> Result<Vec<Variant>, Rejection> {
        let exif = self.ownership.as_ref().and_then(Ownership::exif);
        let finish = |frame: &pixels::Pixels, target: &Target<'_>| {
            let size = self.orientation.upright(target.size);
            let small = frame.resized(self.orientation.lying(target.window), size);
            let small = colour::to_srgb(Raster::Pixels(small), original.profile, size);
            self.marked(small.upright(self.orientation), target)
                .into_pixels()
        };
        animation::render(original, limits, targets, exif.as_deref(), finish, watch)
    }

    fn marked(&self, variant: Raster, target: &Target<'_>) -> Raster {
        match self.recipe.watermark() {
            Some(watermark) if target.wanted.marked && watermark.marks(target.size) => {
                Raster::Pixels(watermark.draw(variant.into_pixels()))
            }
            _ => variant,
        }
    }
}

#[cfg(test)]
mod tests;
