//! Which variants to make.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use shared::identity::hex;

use super::encode;

/// Raised whenever the same recipe would give other bytes than before.
const RENDERER_VERSION: u32 = 1;
/// Wider variants than this are a typing error; JPEG ends at 65,535.
const MAX_WIDTH: u32 = 16_384;

/// The variants to make of every picture. Parsed once, from a text such as `thumb=150, phone=320`.
#[derive(Clone, Debug)]
pub struct Recipe {
    wanted: Vec<Wanted>,
    id: String,
}

#[derive(Clone, Debug)]
struct Wanted {
    name: String,
    width: u32,
}

/// A variant's size for one picture.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Why a text is not a recipe.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// No variants at all.
    #[error("names no variant: write for example {}", Recipe::DEFAULT)]
    Empty,
    /// Not of the form `name=width`.
    #[error("{0:?} is not of the form name=width, for example thumb=150")]
    Form(String),
    /// A name that would need escaping in a key.
    #[error("variant name {0:?} may only have letters, digits, dash and underscore")]
    Name(String),
    /// The same name twice.
    #[error("variant {0:?} is named twice")]
    Twice(String),
    /// Not a number, or out of bounds.
    #[error("width {0:?} is not a number from 1 to {MAX_WIDTH}")]
    Width(String),
}

impl Recipe {
    /// Widths in pixels that suit thumbnails, phones, tablets and desktops.
    pub const DEFAULT: &str = "thumb=150, phone=320, tablet=640, desktop=1024";

    /// Names all that decides the variants' bytes, besides the original: 16 hex digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The variants of an upright picture of this size, widest first, never larger than itself.
    pub(super) fn targets(&self, width: u32, height: u32) -> Vec<Target> {
        let target = |Wanted {
                          name,
                          width: wanted,
                      }: &Wanted| {
            let target_width = width.min(*wanted);
            Target {
                name: name.clone(),
                width: target_width,
                height: proportional(height, target_width, width),
            }
        };
        self.wanted.iter().map(target).collect()
    }

    /// Width and height of the widest variant of an upright picture of this size.
    pub(super) fn widest(&self, width: u32, height: u32) -> (u32, u32) {
        self.targets(width, height)
            .first()
            .map_or((width, height), |target| (target.width, target.height))
    }
}

/// `length * part / whole`, rounded, at least 1.
fn proportional(length: u32, part: u32, whole: u32) -> u32 {
    let (length, part, whole) = (u64::from(length), u64::from(part), u64::from(whole.max(1)));
    u32::try_from((length * part + whole / 2) / whole)
        .unwrap_or(u32::MAX)
        .max(1)
}

impl FromStr for Recipe {
    type Err = RecipeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        let mut wanted = parts.map(str::parse).collect::<Result<Vec<Wanted>, _>>()?;
        if wanted.is_empty() {
            return Err(RecipeError::Empty);
        }
        wanted.sort_by(|a, b| b.width.cmp(&a.width).then_with(|| a.name.cmp(&b.name)));
        let repeated = |(at, variant): (usize, &Wanted)| {
            wanted[..at].iter().any(|other| other.name == variant.name)
        };
        if let Some(at) = wanted.iter().enumerate().position(repeated) {
            return Err(RecipeError::Twice(wanted[at].name.clone()));
        }
        let id = id(&wanted);
        Ok(Self { wanted, id })
    }
}

fn id(wanted: &[Wanted]) -> String {
    let variants: String = wanted
        .iter()
        .map(|Wanted { name, width }| format!("|{name}={width}"))
        .collect();
    let text = format!("renderer {RENDERER_VERSION}|{}{variants}", encode::SETTINGS);
    hex(&Sha256::digest(text)[..8])
}

impl FromStr for Wanted {
    type Err = RecipeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, width) = text
            .split_once('=')
            .ok_or_else(|| RecipeError::Form(text.to_owned()))?;
        let (name, width) = (name.trim(), width.trim());
        if name.is_empty()
            || !name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        {
            return Err(RecipeError::Name(name.to_owned()));
        }
        match width.parse() {
            Ok(pixels @ 1..=MAX_WIDTH) => Ok(Self {
                name: name.to_owned(),
                width: pixels,
            }),
            _ => Err(RecipeError::Width(width.to_owned())),
        }
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variants: Vec<_> = self
            .wanted
            .iter()
            .map(|Wanted { name, width }| format!("{name}={width}"))
            .collect();
        f.write_str(&variants.join(", "))
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

    #[test]
    fn variants_keep_the_proportions_and_never_grow() {
        let sizes = |width, height| {
            let targets = recipe(Recipe::DEFAULT).targets(width, height);
            targets
                .into_iter()
                .map(|target| (target.width, target.height))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            sizes(4000, 3000),
            [(1024, 768), (640, 480), (320, 240), (150, 113)]
        );
        assert_eq!(
            sizes(200, 100),
            [(200, 100), (200, 100), (200, 100), (150, 75)]
        );
        assert_eq!(sizes(10_000, 1), [(1024, 1), (640, 1), (320, 1), (150, 1)]);
        assert_eq!(sizes(1, 10_000), [(1, 10_000); 4]);
    }

    #[test]
    fn the_id_depends_on_the_variants_and_not_on_how_they_are_written() {
        assert_eq!(recipe("a=1,b=2").id(), recipe(" b = 2 , a = 1, ").id());
        assert_ne!(recipe("a=1,b=2").id(), recipe("a=1,b=3").id());
        assert_eq!(recipe("a=1").id().len(), 16);
    }

    #[test]
    fn a_mistake_is_named() {
        assert!(error(" , ").starts_with("names no variant"));
        assert_eq!(
            error("thumb"),
            r#""thumb" is not of the form name=width, for example thumb=150"#
        );
        assert_eq!(
            error("a/b=1"),
            r#"variant name "a/b" may only have letters, digits, dash and underscore"#
        );
        assert_eq!(error("a=1,a=2"), r#"variant "a" is named twice"#);
        for width in ["0", "-1", "1.5", "wide", "16385", ""] {
            assert_eq!(
                error(&format!("a={width}")),
                format!("width {width:?} is not a number from 1 to 16384")
            );
        }
    }
}
