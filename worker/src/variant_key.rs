//! How variants are named in their bucket. Hides the placeholders of the template.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use shared::identity::hex;
use uuid::Uuid;

/// S3 allows no longer keys (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>).
const MAX_KEY_BYTES: usize = 1_024;

/// A text such as `{variant}/{path}-{fingerprint}.{ext}`.
#[derive(Clone, Debug)]
pub struct KeyTemplate(String);

/// Why a text is not a template.
#[derive(Debug, thiserror::Error)]
pub enum KeyTemplateError {
    /// Two pictures, or two variants of one, would get the same key.
    #[error("{{{0}}} is missing: different variants would get the same key")]
    Missing(&'static str),
    /// A placeholder that does not exist.
    #[error("{{{0}}} is unknown: use {{variant}}, {{path}}, {{fingerprint}} and {{ext}}")]
    Unknown(String),
    /// `{` without `}`, or the other way round.
    #[error("braces do not match")]
    Braces,
}

/// What fills in a template.
#[derive(Clone, Copy, Debug)]
pub struct KeyParts<'a> {
    /// The variant's name in the recipe.
    pub variant: &'a str,
    /// The source key without its prefix and extension.
    pub path: &'a str,
    /// See [`fingerprint`].
    pub fingerprint: &'a str,
    /// `jpg` or `png`.
    pub extension: &'a str,
}

impl KeyTemplate {
    /// Immutable names: other bytes get another name.
    pub const DEFAULT: &str = "{variant}/{path}-{fingerprint}.{ext}";

    /// The key of a variant. A long path is cut where the fingerprint keeps the key unique; `None`
    /// when it does not and the key would be longer than S3 allows.
    pub fn key(&self, parts: KeyParts<'_>) -> Option<String> {
        let fill = |path: &str| {
            let named = self
                .0
                .replace("{variant}", parts.variant)
                .replace("{fingerprint}", parts.fingerprint);
            named
                .replace("{ext}", parts.extension)
                .replace("{path}", path)
        };
        let key = fill(parts.path);
        let excess = key.len().saturating_sub(MAX_KEY_BYTES);
        if excess == 0 {
            return Some(key);
        }
        let cut = parts
            .path
            .len()
            .checked_sub(excess)
            .map(|end| parts.path.floor_char_boundary(end))?;
        self.is_immutable().then(|| fill(&parts.path[..cut]))
    }

    /// Whether other bytes get another name, so that a key can be cached for ever.
    pub fn is_immutable(&self) -> bool {
        self.0.contains("{fingerprint}")
    }
}

impl FromStr for KeyTemplate {
    type Err = KeyTemplateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, tail) = after.split_once('}').ok_or(KeyTemplateError::Braces)?;
            if before.contains('}') || name.contains('{') {
                return Err(KeyTemplateError::Braces);
            }
            if !matches!(name, "variant" | "path" | "fingerprint" | "ext") {
                return Err(KeyTemplateError::Unknown(name.to_owned()));
            }
            rest = tail;
        }
        if rest.contains('}') {
            return Err(KeyTemplateError::Braces);
        }
        match ["variant", "path"]
            .into_iter()
            .find(|name| !text.contains(&format!("{{{name}}}")))
        {
            Some(missing) => Err(KeyTemplateError::Missing(missing)),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for KeyTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The source key without its prefix and extension: `cats/1` for `images/cats/1.jpg`.
pub fn path<'a>(key: &'a str, prefix: &str) -> &'a str {
    let path = key.strip_prefix(prefix).unwrap_or(key);
    match path.rsplit_once('.') {
        Some((stem, extension))
            if !stem.is_empty() && !stem.ends_with('/') && !extension.contains('/') =>
        {
            stem
        }
        _ => path,
    }
}

/// Twelve hex digits that belong to one outcome of one image: to its content, the recipe, and the
/// event that led to it.
///
/// The image is part of it because `a.jpg` and `a.jpeg` have one path: with the same content they
/// would share variants, and retiring one's would take the other's. The event is part of it so that
/// a retired key never comes back to life: when a picture is replaced and then put back, its
/// variants get new names, and a worker that retires the old ones late does no harm.
pub fn fingerprint(outcome_id: &Uuid, content_sha256: &str) -> String {
    hex(&Sha256::digest(format!("{outcome_id}|{content_sha256}"))[..6])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> KeyTemplate {
        text.parse().unwrap()
    }

    fn parts(path: &str) -> KeyParts<'_> {
        KeyParts {
            variant: "thumb",
            path,
            fingerprint: "0123456789ab",
            extension: "jpg",
        }
    }

    #[test]
    fn the_default_template_names_variant_path_and_fingerprint() {
        assert_eq!(
            template(KeyTemplate::DEFAULT).key(parts("cats/1")).unwrap(),
            "thumb/cats/1-0123456789ab.jpg"
        );
    }

    #[test]
    fn a_path_that_looks_like_a_placeholder_stays_as_it_is() {
        assert_eq!(
            template(KeyTemplate::DEFAULT)
                .key(parts("{ext}/{variant}"))
                .unwrap(),
            "thumb/{ext}/{variant}-0123456789ab.jpg"
        );
    }

    #[test]
    fn the_path_is_the_key_without_prefix_and_extension() {
        let check = |key, expected| assert_eq!(path(key, "images/"), expected, "{key}");
        check("images/cats/1.jpg", "cats/1");
        check("images/v1.2/cat", "v1.2/cat");
        check("images/.hidden", ".hidden");
        check("images/a/.hidden", "a/.hidden");
        check("images/archive.tar.gz", "archive.tar");
        check("elsewhere/1.png", "elsewhere/1");
    }

    #[test]
    fn a_long_path_is_cut_only_where_the_fingerprint_keeps_it_unique() {
        let long = "ü".repeat(511);
        let key = template(KeyTemplate::DEFAULT).key(parts(&long)).unwrap();
        assert!(
            key.len() <= MAX_KEY_BYTES && key.ends_with("ü-0123456789ab.jpg"),
            "{key}"
        );
        assert_eq!(template("{variant}/{path}.{ext}").key(parts(&long)), None);
    }

    #[test]
    fn a_template_that_loses_variants_is_refused() {
        let error = |text: &str| text.parse::<KeyTemplate>().unwrap_err().to_string();
        assert_eq!(
            error("{path}.{ext}"),
            "{variant} is missing: different variants would get the same key"
        );
        assert!(error("{variant}/{fingerprint}").starts_with("{path} is missing"));
        assert!(error("{variant}/{path}/{size}").starts_with("{size} is unknown"));
        for text in [
            "{variant}/{path",
            "{variant}/{path}}",
            "}{variant}{path}",
            "{{variant}}/{path}",
        ] {
            assert_eq!(error(text), "braces do not match", "{text}");
        }
    }

    #[test]
    fn a_fingerprint_belongs_to_one_outcome_and_content() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(fingerprint(&one, "c"), fingerprint(&one, "c"));
        assert_eq!(fingerprint(&one, "c").len(), 12);
        assert_ne!(fingerprint(&one, "c"), fingerprint(&other, "c"));
        assert_ne!(fingerprint(&one, "c"), fingerprint(&one, "d"));
    }
}
