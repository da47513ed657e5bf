//! How images are named. Everybody who knows a key or a URL can compute the same names without
//! asking anyone.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;
use uuid::Uuid;

/// The file name of an ingested original is cut to this many bytes, far below the 1,024 of an S3
/// key.
const MAX_FILE_NAME_BYTES: usize = 100;

/// Longest URL that can be ingested, in bytes. It travels in the metadata of the original, which S3
/// limits to 2 KB in all (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>).
pub const MAX_URL_BYTES: usize = 1_900;

/// An object in a bucket, whatever its version.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ObjectRef {
    /// The bucket's name.
    pub bucket: String,
    /// The key as S3 knows it: decoded, without a leading slash of its own.
    pub key: String,
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// The identity of an image: `UUIDv5` (namespace URL, RFC 9562) of `s3://bucket/key`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(transparent)]
pub struct ImageId(Uuid);

impl ImageId {
    /// The image that lives at `object`.
    pub fn of(object: &ObjectRef) -> Self {
        Self(Uuid::new_v5(
            &Uuid::NAMESPACE_URL,
            object.to_string().as_bytes(),
        ))
    }

    /// A name within this image's own namespace: the same `text` always gives the same name.
    pub fn derive(&self, text: &str) -> Uuid {
        Uuid::new_v5(&self.0, text.as_bytes())
    }

    /// Which of `shards` equal parts this image belongs to.
    pub fn shard(&self, shards: u8) -> u8 {
        self.0.as_bytes()[15] % shards
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A URL that the fleet may be asked to ingest: http or https, with a host, without credentials,
/// without a fragment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SourceUrl(Url);

/// Why a text is not a URL to ingest.
#[derive(Debug, thiserror::Error)]
pub enum SourceUrlError {
    /// Not a URL at all.
    #[error("not a URL: {0}")]
    Unreadable(#[from] url::ParseError),
    /// A scheme such as `ftp` or `file`.
    #[error("scheme {0:?} is not supported: use http or https")]
    Scheme(String),
    /// `user:password@` in front of the host: it would end up in records.
    #[error("credentials in a URL are not allowed: use a presigned or public URL")]
    Credentials,
    /// Longer than [`MAX_URL_BYTES`].
    #[error("URL has {0} bytes, at most {MAX_URL_BYTES} are allowed")]
    TooLong(usize),
}

impl FromStr for SourceUrl {
    type Err = SourceUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut url = Url::parse(text.trim())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(SourceUrlError::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(SourceUrlError::Credentials);
        }
        url.set_fragment(None);
        match url.as_str().len() {
            len if len > MAX_URL_BYTES => Err(SourceUrlError::TooLong(len)),
            _ => Ok(Self(url)),
        }
    }
}

impl SourceUrl {
    /// Where the picture behind this URL is kept:
    /// `<prefix>url/<16 hex of sha256(url)>/<file name>`.
    pub fn key(&self, prefix: &str) -> String {
        let digest = hex(&Sha256::digest(self.0.as_str()));
        format!("{prefix}url/{}/{}", &digest[..16], self.file_name())
    }

    /// The URL in its normal form, query and all. Not for logs.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The parsed URL.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// The last part of the path, reduced to what is harmless in a key, a file name and a shell.
    fn file_name(&self) -> String {
        let last = self
            .0
            .path_segments()
            .and_then(|mut parts| parts.next_back())
            .unwrap_or_default();
        let decoded = percent_decode_str(last).decode_utf8_lossy();
        let mut name = String::new();
        for c in decoded.chars().map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '-'
            }
        }) {
            if !(c == '-' && name.ends_with('-')) {
                name.push(c);
            }
        }
        let name = name.trim_matches(['-', '.']);
        let start = name.len().saturating_sub(MAX_FILE_NAME_BYTES);
        match &name[start..] {
            "" => "image".to_owned(),
            end => end.to_owned(),
        }
    }
}

/// For people and logs: without the query, which may hold a signature or a token.
impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        shown.set_query(None);
        shown.fmt(f)
    }
}

/// Lower-case hexadecimal of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a String cannot fail");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(url: &str) -> String {
        url.parse::<SourceUrl>().unwrap().key("images/")
    }

    #[test]
    fn an_image_id_is_the_uuid_v5_of_its_s3_url() {
        let object = ObjectRef {
            bucket: "pictures".into(),
            key: "images/a b.jpg".into(),
        };
        // By Python: uuid.uuid5(uuid.NAMESPACE_URL, "s3://pictures/images/a b.jpg")
        assert_eq!(
            ImageId::of(&object).to_string(),
            "5a03c6fd-5b76-56ac-8b78-c542b00c3aae"
        );
    }

    #[test]
    fn a_url_is_kept_under_its_hash_and_its_file_name() {
        // printf https://example.com/cats/1.jpg | sha256sum
        assert_eq!(
            key("https://example.com/cats/1.jpg"),
            "images/url/90011fc0ddd1cc5b/1.jpg"
        );
    }

    #[test]
    fn a_fragment_does_not_make_another_image_but_a_query_does() {
        assert_eq!(
            key("https://example.com/a.jpg#top"),
            key("https://EXAMPLE.com:443/a.jpg")
        );
        assert_ne!(
            key("https://example.com/a.jpg?v=1"),
            key("https://example.com/a.jpg?v=2")
        );
    }

    #[test]
    fn a_file_name_is_made_harmless() {
        let name = |url: &str| key(url).rsplit('/').next().unwrap().to_owned();
        assert_eq!(
            name("https://e.com/caf%C3%A9%20%26%20bar.JPG"),
            "caf-bar.JPG"
        );
        assert_eq!(name("https://e.com/..%2F..%2Fetc%2Fpasswd"), "etc-passwd");
        assert_eq!(name("https://e.com/"), "image");
        assert_eq!(name("https://e.com/%2e%2e%2e"), "image");
        assert_eq!(
            name(&format!("https://e.com/{}.png", "x".repeat(300))).len(),
            MAX_FILE_NAME_BYTES
        );
    }

    #[test]
    fn only_plain_http_urls_are_accepted() {
        let error = |url: &str| url.parse::<SourceUrl>().unwrap_err().to_string();
        assert_eq!(
            error("ftp://e.com/a.jpg"),
            r#"scheme "ftp" is not supported: use http or https"#
        );
        assert!(error("https://me:secret@e.com/a.jpg").starts_with("credentials in a URL"));
        assert!(error("a.jpg").starts_with("not a URL"));
        assert_eq!(
            error(&format!("https://e.com/{}", "x".repeat(1_900))),
            "URL has 1914 bytes, at most 1900 are allowed"
        );
    }

    #[test]
    fn a_shown_url_keeps_its_query_to_itself() {
        let url: SourceUrl = "https://e.com/a.jpg?X-Amz-Signature=secret"
            .parse()
            .unwrap();
        assert_eq!(url.to_string(), "https://e.com/a.jpg");
    }
}
