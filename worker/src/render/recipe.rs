//! Which variants to make: a text, and what it means for one picture.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use shared::identity::hex;

use super::Format;
use super::encode;
use super::geometry::{Size, Window};
use super::watermark::Watermark;

/// Raised whenever the same recipe would give other bytes than before.
const RENDERER_VERSION: u32 = 2;
/// WebP ends here; larger variants are typing errors anyway.
const MAX_SIDE: u32 = 16_383;
/// Pixels of a variant that is larger than its original.
const MAX_UPSCALED: usize = 1 << 26;

/// Names that stand for a width, for those who do not want to think about it.
const PRESETS: [(&str, u32); 4] = [
    ("thumb", 150),
    ("phone", 320),
    ("tablet", 640),
    ("desktop", 1024),
];

/// The variants to make of every picture, and what all of them share. Parsed once, from a text such
/// as `thumb, phone=400:webp, card=400x300:crop:q75`.
#[derive(Clone, Debug)]
pub struct Recipe {
    wanted: Vec<Wanted>,
    watermark: Option<Arc<Watermark>>,
    keeps_copyright: bool,
    id: String,
}

/// A variant as it is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Wanted {
    pub(super) name: String,
    width: u32,
    /// With a height the variant is made for a box.
    height: Option<u32>,
    fit: Fit,
    upscales: bool,
    pub(super) output: Output,
    /// Of its format's scale; else the format's own.
    pub(super) quality: Option<u8>,
    pub(super) animated: bool,
    pub(super) marked: bool,
}

/// How a picture gets into a box of other proportions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fit {
    /// All of it, as large as the box allows.
    Within,
    /// All of it, stretched to fill the box.
    Fill,
    /// Its middle, so that it fills the box.
    Crop,
}

/// What a variant is encoded as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Output {
    /// JPEG when opaque, WebP when not.
    Auto,
    /// Always this.
    Format(Format),
}

/// A variant's size for one picture, and the part of the picture that it shows.
#[derive(Clone, Debug)]
pub(super) struct Target<'a> {
    pub(super) wanted: &'a Wanted,
    pub(super) size: Size,
    pub(super) window: Window,
}

/// Why a text is not a recipe.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// No variants at all.
    #[error("names no variant: write for example {}", Recipe::DEFAULT)]
    Empty,
    /// Not of the form `name=width`, and no preset.
    #[error(
        "{0:?} is neither name=width, for example small=200, nor one of thumb, phone, tablet, desktop"
    )]
    Form(String),
    /// A name that would need escaping in a key.
    #[error("variant name {0:?} may only have letters, digits, dash and underscore")]
    Name(String),
    /// The same name twice.
    #[error("variant {0:?} is named twice")]
    Twice(String),
    /// Not a number, or out of bounds.
    #[error("size {0:?} is not a width or width x height in pixels, each from 1 to {MAX_SIDE}")]
    Size(String),
    /// An unknown word after a colon.
    #[error(
        "{option:?} of variant {variant:?} is none of fit, fill, crop, upscale, {formats}, q1 to q100, animated, unmarked",
        formats = encode::NAMES
    )]
    Option {
        /// The word.
        option: String,
        /// Whose.
        variant: String,
    },
    /// Two words that exclude each other.
    #[error("variant {0:?} has two options of one kind")]
    Conflict(String),
    /// A way to fit into a box, without a box.
    #[error("variant {0:?} needs a height to crop or fill: write for example {0}=400x300:crop")]
    Box(String),
    /// An animation in a format that cannot move.
    #[error("variant {0:?} cannot be animated: use webp, gif or auto")]
    Still(String),
}

impl Recipe {
    /// Widths in pixels that suit thumbnails, phones, tablets and desktops.
    pub const DEFAULT: &str = "thumb=150, phone=320, tablet=640, desktop=1024";

    /// Names all that decides the variants' bytes, besides the original: 16 hex digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The same variants, marked.
    pub fn with_watermark(self, watermark: Watermark) -> Self {
        let watermark = Some(Arc::new(watermark));
        Self { watermark, ..self }.identified()
    }

    /// The same variants, with the original's EXIF fields Artist and Copyright.
    pub fn with_copyright(self) -> Self {
        let keeps_copyright = true;
        Self {
            keeps_copyright,
            ..self
        }
        .identified()
    }

    pub(super) fn watermark(&self) -> Option<&Watermark> {
        self.watermark.as_deref()
    }

    pub(super) fn keeps_copyright(&self) -> bool {
        self.keeps_copyright
    }

    /// The variants of an upright picture of this size, widest first.
    pub(super) fn targets(&self, picture: Size) -> Vec<Target<'_>> {
        self.wanted
            .iter()
            .map(|wanted| wanted.target(picture))
            .collect()
    }

    fn identified(mut self) -> Self {
        let watermark = self.watermark.as_ref().map(|watermark| watermark.id());
        let text = format!(
            "renderer {RENDERER_VERSION}|{self}|{}|{}",
            self.keeps_copyright,
            watermark.unwrap_or_default()
        );
        self.id = hex(&Sha256::digest(text)[..8]);
        self
    }
}

impl Wanted {
    fn target(&self, picture: Size) -> Target<'_> {
        let limit = Size::new(MAX_SIDE, MAX_SIDE);
        let bounds = if self.upscales {
            limit
        } else {
            picture.min(limit)
        };
        let (size, window) = match (self.height, self.fit) {
            (None, _) => {
                let width = Size::new(self.width, MAX_SIDE);
                (picture.fitted(width.min(bounds)), Window::WHOLE)
            }
            (Some(height), Fit::Within) => {
                let wanted = Size::new(self.width, height);
                (picture.fitted(wanted.min(bounds)), Window::WHOLE)
            }
            (Some(height), fit) => {
                let wanted = Size::new(self.width, height);
                // A box that is larger than the picture shrinks, and keeps its shape.
                let size = if bounds.covers(wanted) {
                    wanted
                } else {
                    wanted.fitted(bounds)
                };
                let window = match fit {
                    Fit::Crop => Window::centred(picture, size),
                    _ => Window::WHOLE,
                };
                (size, window)
            }
        };
        Target {
            wanted: self,
            size: bounded(size, picture),
            window,
        }
    }

    /// Sorts the widest first, then the tallest.
    fn order(&self) -> (std::cmp::Reverse<(u32, u32)>, &str) {
        let height = self.height.unwrap_or(u32::MAX);
        (std::cmp::Reverse((self.width, height)), &self.name)
    }
}

/// What grows must not grow without end, whatever the proportions.
fn bounded(size: Size, picture: Size) -> Size {
    let max = MAX_UPSCALED.max(picture.area());
    if size.area() <= max {
        return size;
    }
    let part = (max as f64 / size.area() as f64).sqrt();
    let side = |length: u32| ((f64::from(length) * part) as u32).max(1);
    Size::new(side(size.width), side(size.height))
}

impl FromStr for Recipe {
    type Err = RecipeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split(',').map(str::trim);
        let parts = parts.filter(|part| !part.is_empty());
        let mut wanted = parts.map(str::parse).collect::<Result<Vec<Wanted>, _>>()?;
        if wanted.is_empty() {
            return Err(RecipeError::Empty);
        }
        wanted.sort_by(|a, b| a.order().cmp(&b.order()));
        let repeated = |(at, variant): (usize, &Wanted)| {
            wanted[..at].iter().any(|other| other.name == variant.name)
        };
        if let Some(at) = wanted.iter().enumerate().position(repeated) {
            return Err(RecipeError::Twice(wanted[at].name.clone()));
        }
        let recipe = Self {
            wanted,
            watermark: None,
            keeps_copyright: false,
            id: String::new(),
        };
        Ok(recipe.identified())
    }
}

impl FromStr for Wanted {
    type Err = RecipeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(':').map(str::trim);
        let head = parts.next().unwrap_or_default();
        let (name, width, height) = named_size(head)?;
        let options = parts.map(|word| match word.parse() {
            Ok(option) => Ok(option),
            Err(()) => Err(RecipeError::Option {
                option: word.to_owned(),
                variant: name.to_owned(),
            }),
        });
        let options = options.collect::<Result<Vec<Word>, _>>()?;
        let kinds = options.iter().map(std::mem::discriminant);
        let mut seen = Vec::new();
        for kind in kinds {
            if seen.contains(&kind) {
                return Err(RecipeError::Conflict(name.to_owned()));
            }
            seen.push(kind);
        }
        let mut wanted = Self {
            name: name.to_owned(),
            width,
            height,
            fit: Fit::Within,
            upscales: false,
            output: Output::Auto,
            quality: None,
            animated: false,
            marked: true,
        };
        for option in options {
            match option {
                Word::Fit(fit) => wanted.fit = fit,
                Word::Output(output) => wanted.output = output,
                Word::Quality(quality) => wanted.quality = Some(quality),
                Word::Upscale => wanted.upscales = true,
                Word::Animated => wanted.animated = true,
                Word::Unmarked => wanted.marked = false,
            }
        }
        wanted.checked()
    }
}

impl Wanted {
    fn checked(self) -> Result<Self, RecipeError> {
        let moves = match self.output {
            Output::Auto => true,
            Output::Format(format) => matches!(format, Format::WebP | Format::Gif),
        };
        if self.animated && !moves {
            Err(RecipeError::Still(self.name))
        } else if self.height.is_none() && self.fit != Fit::Within {
            Err(RecipeError::Box(self.name))
        } else {
            Ok(self)
        }
    }
}

/// `name=width`, `name=widthxheight` or the name of a preset.
fn named_size(text: &str) -> Result<(&str, u32, Option<u32>), RecipeError> {
    let Some((name, size)) = text.split_once('=') else {
        let preset = PRESETS.into_iter().find(|(name, _)| *name == text);
        return match preset {
            Some((name, width)) => Ok((name, width, None)),
            None => Err(RecipeError::Form(text.to_owned())),
        };
    };
    let (name, size) = (name.trim(), size.trim());
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_safe) {
        return Err(RecipeError::Name(name.to_owned()));
    }
    let side = |text: &str| match text.parse() {
        Ok(pixels @ 1..=MAX_SIDE) => Ok(pixels),
        _ => Err(RecipeError::Size(size.to_owned())),
    };
    match size.split_once('x') {
        Some((width, height)) => Ok((name, side(width)?, Some(side(height)?))),
        None => Ok((name, side(size)?, None)),
    }
}

/// One option of a variant.
enum Word {
    Fit(Fit),
    Output(Output),
    Quality(u8),
    Upscale,
    Animated,
    Unmarked,
}

impl FromStr for Word {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let quality = text
            .strip_prefix('q')
            .and_then(|number| number.parse().ok());
        match (text, quality) {
            ("fit", _) => Ok(Self::Fit(Fit::Within)),
            ("fill", _) => Ok(Self::Fit(Fit::Fill)),
            ("crop", _) => Ok(Self::Fit(Fit::Crop)),
            ("upscale", _) => Ok(Self::Upscale),
            ("animated", _) => Ok(Self::Animated),
            ("unmarked", _) => Ok(Self::Unmarked),
            ("auto", _) => Ok(Self::Output(Output::Auto)),
            (_, Some(quality @ 1..=100)) => Ok(Self::Quality(quality)),
            _ => encode::format(text)
                .map(|format| Self::Output(Output::Format(format)))
                .ok_or(()),
        }
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, wanted) in self.wanted.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{wanted}")?;
        }
        Ok(())
    }
}

/// Everything that is not the default.
impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.width)?;
        if let Some(height) = self.height {
            write!(f, "x{height}")?;
        }
        f.write_str(match self.fit {
            Fit::Within => "",
            Fit::Fill => ":fill",
            Fit::Crop => ":crop",
        })?;
        if self.upscales {
            f.write_str(":upscale")?;
        }
        if let Output::Format(format) = self.output {
            write!(f, ":{}", format.name())?;
        }
        if let Some(quality) = self.quality {
            write!(f, ":q{quality}")?;
        }
        if self.animated {
            f.write_str(":animated")?;
        }
        f.write_str(if self.marked { "" } else { ":unmarked" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(text: &str) -> Recipe {
        text.parse().unwrap()
    }

    fn error(text: &str) -> String {
        text.parse::<Recipe>().unwrap_err().to_string()
    }

    fn sizes(text: &str, width: u32, height: u32) -> Vec<(u32, u32)> {
        let recipe = recipe(text);
        let targets = recipe.targets(Size::new(width, height));
        targets
            .iter()
            .map(|target| (target.size.width, target.size.height))
            .collect()
    }

    #[test]
    fn variants_keep_the_proportions_and_never_grow() {
        let check = |width, height, expected: &[_]| {
            assert_eq!(sizes(Recipe::DEFAULT, width, height), expected);
        };
        check(
            4000,
            3000,
            &[(1024, 768), (640, 480), (320, 240), (150, 113)],
        );
        check(200, 100, &[(200, 100), (200, 100), (200, 100), (150, 75)]);
        check(10_000, 1, &[(1024, 1), (640, 1), (320, 1), (150, 1)]);
        check(1, 10_000, &[(1, 10_000); 4]);
    }

    #[test]
    fn a_picture_gets_into_a_box_in_three_ways() {
        let check = |option: &str, picture: (u32, u32), expected: (u32, u32)| {
            let text = format!("card=400x300{option}");
            assert_eq!(
                sizes(&text, picture.0, picture.1),
                [expected],
                "{text} {picture:?}"
            );
        };
        check("", (4000, 2000), (400, 200));
        check("", (2000, 4000), (150, 300));
        check(":fit", (200, 100), (200, 100));
        check(":fit:upscale", (200, 100), (400, 200));
        check(":fill", (4000, 1000), (400, 300));
        check(":crop", (4000, 1000), (400, 300));
        check(":crop", (200, 200), (200, 150));
        check(":crop", (350, 1000), (350, 263));
        check(":crop:upscale", (200, 200), (400, 300));
    }

    #[test]
    fn a_crop_shows_the_middle() {
        let recipe = recipe("card=300x300:crop");
        let window = recipe.targets(Size::new(600, 300))[0].window;
        assert_eq!((window.left, window.width, window.height), (0.25, 0.5, 1.0));
    }

    #[test]
    fn no_variant_is_larger_than_every_format_allows() {
        assert_eq!(sizes("a=1000", 1_000, 60_000), [(273, 16_383)]);
        assert_eq!(sizes("a=16000:upscale", 10, 10), [(8_192, 8_192)]);
    }

    #[test]
    fn presets_and_options_can_be_combined_in_any_order() {
        let text = recipe("thumb:q60:webp, card=400x300:jpeg:crop:unmarked, moving=200:animated");
        assert_eq!(
            text.to_string(),
            "card=400x300:crop:jpeg:unmarked, moving=200:animated, thumb=150:webp:q60"
        );
        assert_eq!(
            recipe("thumb, phone, tablet, desktop").id(),
            recipe(Recipe::DEFAULT).id()
        );
    }

    #[test]
    fn the_id_depends_on_the_variants_and_not_on_how_they_are_written() {
        assert_eq!(
            recipe("a=1,b=2").id(),
            recipe(" b = 2:auto , a = 1:fit, ").id()
        );
        for other in ["a=1,b=3", "a=1,b=2:q81", "a=1:png,b=2", "a=1x1,b=2", "a=1"] {
            assert_ne!(recipe("a=1,b=2").id(), recipe(other).id(), "{other}");
        }
        assert_ne!(recipe("a=1").id(), recipe("a=1").with_copyright().id());
        assert_eq!(recipe("a=1").id().len(), 16);
    }

    #[test]
    fn what_is_shown_is_read_back_as_the_same() {
        let text = "a=9x9:fill:upscale:png:unmarked, b=3:gif:q7:animated";
        assert_eq!(recipe(text).to_string(), text);
    }

    #[test]
    fn a_mistake_is_named() {
        let check = |text: &str, expected: &str| assert_eq!(error(text), expected, "{text}");
        assert!(error(" , ").starts_with("names no variant"));
        check(
            "small",
            r#""small" is neither name=width, for example small=200, nor one of thumb, phone, tablet, desktop"#,
        );
        check(
            "a/b=1",
            r#"variant name "a/b" may only have letters, digits, dash and underscore"#,
        );
        check("a=1,a=2", r#"variant "a" is named twice"#);
        check("a=1:webp:png", r#"variant "a" has two options of one kind"#);
        check(
            "a=1:crop",
            r#"variant "a" needs a height to crop or fill: write for example a=400x300:crop"#,
        );
        check(
            "a=1:png:animated",
            r#"variant "a" cannot be animated: use webp, gif or auto"#,
        );
        for size in ["0", "-1", "1.5", "wide", "16384", "", "1x", "x1", "1x2x3"] {
            let expected = format!(
                "size {size:?} is not a width or width x height in pixels, each from 1 to 16383"
            );
            check(&format!("a={size}"), &expected);
        }
        for option in ["", "heic", "q0", "q101", "q", "Crop"] {
            let message = error(&format!("a=1:{option}"));
            assert!(
                message.starts_with(&format!("{option:?} of variant \"a\" is none of fit, ")),
                "{message}"
            );
        }
    }
}
