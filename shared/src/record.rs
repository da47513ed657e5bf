//! What is known of an image, and the rules that keep it true: pure, without a database.
//!
//! Workers may handle the events of a key twice, late, out of order and at the same time. Whoever
//! reads an object after its event `n` reads version `n` or a newer one, so a write that is ordered
//! by the event's [`Sequencer`] can only be replaced by one that has seen at least as much.
//! `shared/tests/it/model.rs` tries every interleaving of these rules.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::identity::{ImageId, ObjectRef};
use crate::job::Cause;

/// Sequencers are stored with this many digits. S3 uses 16 to 18 today and documents no bound.
const SEQUENCER_DIGITS: usize = 32;

/// Orders the events of one key: hexadecimal, padded on the right with zeros, so that text order is
/// event order (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>).
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String")]
pub struct Sequencer(String);

/// A text that is not a sequencer.
#[derive(Debug, thiserror::Error)]
#[error("sequencer {0:?} is not 1 to {SEQUENCER_DIGITS} hexadecimal digits")]
pub struct SequencerError(String);

impl Sequencer {
    /// Before every event: for what is known of an image that no event has spoken of.
    pub fn zero() -> Self {
        Self("0".repeat(SEQUENCER_DIGITS))
    }

    /// The padded digits, as they are stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Sequencer {
    type Err = SequencerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = (1..=SEQUENCER_DIGITS).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !digits {
            return Err(SequencerError(text.to_owned()));
        }
        Ok(Self(format!(
            "{:0<SEQUENCER_DIGITS$}",
            text.to_ascii_uppercase()
        )))
    }
}

impl TryFrom<String> for Sequencer {
    type Error = SequencerError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// How an image ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Variants are there.
    Ready,
    /// It can never succeed as it is; the reason says why.
    Rejected,
    /// It could not be done in as many receives as the queue allows. Its message is on the
    /// dead-letter queue.
    Failed,
}

impl Status {
    /// As it is written everywhere: `ready`, `rejected`, `failed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why an image is not ready.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Reason {
    /// From a closed set, for programs: `corrupt`, `too_large`, …
    pub code: String,
    /// For people: names the input, the limit and what to do.
    pub detail: String,
}

/// The original: what was in the source bucket when the record was written.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Source {
    /// Where it is.
    #[serde(flatten)]
    pub object: ObjectRef,
    /// The ETag of what was read, without quotes. Absent when an ingest was rejected before
    /// anything was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// As the uploader declared it. A hint for people; the bytes decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The last part of the key.
    pub file_name: String,
    /// When this version was put into the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded_at: Option<Moment>,
}

impl Source {
    /// What is known of an original before it has been read.
    pub fn unread(object: ObjectRef) -> Self {
        let file_name = object.key.rsplit('/').next().unwrap_or_default().to_owned();
        Self {
            object,
            etag: None,
            size: None,
            content_type: None,
            file_name,
            uploaded_at: None,
        }
    }
}

/// What the decoder saw.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Picture {
    /// SHA-256 of the original's bytes, in hex.
    pub content_sha256: String,
    /// Pixels, after orientation.
    pub width: u32,
    /// Pixels, after orientation.
    pub height: u32,
    /// `jpeg`, `png`, `gif`, `webp`, `tiff`, `bmp` or `avif`, by its bytes.
    pub format: String,
    /// The EXIF orientation that was applied, 1 to 8; 1 is upright.
    pub orientation: u8,
    /// Whether any pixel is less than opaque.
    pub has_alpha: bool,
    /// Whether it has more than one frame.
    #[serde(default)]
    pub animated: bool,
    /// Maker and model, from EXIF.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<String>,
    /// When it was taken, from EXIF: ISO 8601, local time, with an offset only where the camera knew
    /// one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captured_at: Option<String>,
    /// ThumbHash (<https://evanw.github.io/thumbhash/>), in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbhash: Option<String>,
    /// `#rrggbb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dominant_colour: Option<String>,
}

/// A rendered picture in the variants bucket.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StoredVariant {
    /// Its name in the recipe: `thumb`.
    pub name: String,
    /// The variants bucket.
    pub bucket: String,
    /// Its key there.
    pub key: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// `jpeg`, `png`, `webp`, `gif` or `avif`.
    pub format: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// What is known of an image.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Record {
    /// The table's key.
    pub image_id: ImageId,
    /// The original.
    pub source: Source,
    /// Where the original was ingested from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The newest event that this record answers.
    pub sequencer: Sequencer,
    /// How it ended.
    pub status: Status,
    /// Why it is not ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Names all that decided the variants' bytes, besides the original.
    pub recipe_id: String,
    /// What the decoder saw; absent when it could not.
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
    /// The variants, widest first. Of a `failed` record: those of its last success.
    pub variants: Vec<StoredVariant>,
    /// Names this outcome. The same in every announcement of it.
    pub notification_id: Uuid,
    /// How often the message had been received when this was written.
    pub attempts: u32,
    /// Who wrote this.
    pub worker: String,
    /// From the first byte fetched to the last variant stored.
    pub processing_ms: u64,
    /// When the image was first recorded.
    pub created_at: Moment,
    /// When this was written.
    pub updated_at: Moment,
}

impl Record {
    /// Whether a job with this `cause` has nothing to find out, whatever is in the bucket: somebody
    /// has read the object after its event. What has changed since has an event of its own.
    pub fn answers(&self, cause: &Cause) -> bool {
        match cause {
            Cause::Event(event) if self.status == Status::Failed => *event < self.sequencer,
            Cause::Event(event) => *event <= self.sequencer,
            Cause::Request => false,
        }
    }

    /// The ETag for which this record already says all that a job with this `cause` would find out,
    /// if there is one.
    ///
    /// A person who asks again about a rejected picture means it: limits may have been raised
    /// meanwhile.
    pub fn answered_etag(&self, cause: &Cause, recipe_id: &str) -> Option<&str> {
        let settled = match self.status {
            Status::Ready => true,
            Status::Rejected => matches!(cause, Cause::Event(_)),
            Status::Failed => false,
        };
        (settled && self.recipe_id == recipe_id)
            .then_some(self.source.etag.as_deref())
            .flatten()
    }

    /// What the conditions of a write look at.
    pub fn stamp(&self) -> Stamp<'_> {
        Stamp {
            sequencer: &self.sequencer,
            notification_id: self.notification_id,
        }
    }

    /// The keys of `self`'s variants that `other` does not name.
    pub fn variants_not_in(&self, other: &Self) -> Vec<String> {
        let foreign =
            |key: &&StoredVariant| !other.variants.iter().any(|variant| variant.key == key.key);
        self.variants
            .iter()
            .filter(foreign)
            .map(|variant| variant.key.clone())
            .collect()
    }

    /// The name of an outcome: what was read, under which recipe, as of which event. Everybody who
    /// comes to the same outcome gives it the same name. What replaces an outcome of the same
    /// event is named after it too, so that no name returns.
    pub fn outcome_id(
        image_id: &ImageId,
        etag: Option<&str>,
        recipe_id: &str,
        status: Status,
        sequencer: &Sequencer,
        known: Option<&Self>,
    ) -> Uuid {
        let replaces = known.filter(|known| known.sequencer == *sequencer);
        let replaces = replaces
            .map(|known| known.notification_id.to_string())
            .unwrap_or_default();
        let etag = etag.unwrap_or_default();
        image_id.derive(&format!(
            "{etag}|{recipe_id}|{status}|{}|{replaces}",
            sequencer.as_str()
        ))
    }
}

/// The sequencer under which a job with this `cause` reads and writes, given what is on record.
///
/// Sound only if the record was read *before* the object: then the object is at least as new as the
/// record.
pub fn effective_sequencer(cause: &Cause, known: Option<&Record>) -> Sequencer {
    match (cause, known) {
        (Cause::Event(sequencer), _) => sequencer.clone(),
        (Cause::Request, Some(record)) => record.sequencer.clone(),
        (Cause::Request, None) => Sequencer::zero(),
    }
}

/// The outcome of the very event `sequencer` that a job found on record, and may replace: it had
/// failed, or a person asks again.
fn replaceable(known: Option<&Record>, sequencer: &Sequencer) -> Option<Uuid> {
    known
        .filter(|known| known.sequencer == *sequencer)
        .map(|known| known.notification_id)
}

/// The part of a record that orders writes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stamp<'a> {
    /// See [`Record::sequencer`].
    pub sequencer: &'a Sequencer,
    /// See [`Record::notification_id`].
    pub notification_id: Uuid,
}

/// The condition under which a write may happen. The catalog turns it into DynamoDB's words.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Guard {
    /// For outcomes: what is on record answers an older event, or it is the one that may be
    /// replaced.
    Newer {
        /// The event that the write answers.
        sequencer: Sequencer,
        /// The outcome of the same event that the job found on record, if it did.
        replaces: Option<Uuid>,
    },
    /// For changes to what is on record: it still is what was seen, and answers nothing newer.
    Unchanged {
        /// The event that the write answers.
        sequencer: Sequencer,
        /// `None` when there was no record.
        seen: Option<Uuid>,
    },
}

impl Guard {
    /// For an outcome that answers `sequencer`, of a job that found `known` on record.
    pub fn newer(sequencer: &Sequencer, known: Option<&Record>) -> Self {
        Self::Newer {
            sequencer: sequencer.clone(),
            replaces: replaceable(known, sequencer),
        }
    }

    /// For a change that answers `sequencer`, of a job that found `known` on record.
    pub fn unchanged(sequencer: &Sequencer, known: Option<&Record>) -> Self {
        let seen = known.map(|known| known.notification_id);
        Self::Unchanged {
            sequencer: sequencer.clone(),
            seen,
        }
    }

    /// Whether a write under this guard happens when `existing` is on record.
    pub fn admits(&self, existing: Option<Stamp<'_>>) -> bool {
        let same = |seen: &Option<Uuid>| *seen == existing.map(|stamp| stamp.notification_id);
        match (self, existing) {
            (Self::Newer { .. }, None) => true,
            (
                Self::Newer {
                    sequencer,
                    replaces,
                },
                Some(stamp),
            ) => stamp.sequencer < sequencer || (stamp.sequencer == sequencer && same(replaces)),
            (Self::Unchanged { sequencer, seen }, existing) => {
                same(seen) && existing.is_none_or(|stamp| stamp.sequencer <= sequencer)
            }
        }
    }
}

/// A point in time, written in RFC 3339 with exactly three decimals and `Z`, so that text order is
/// time order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment(Timestamp);

impl Moment {
    /// This moment.
    pub fn now() -> Self {
        Self(Timestamp::now())
    }

    /// From milliseconds since 1970; `None` outside the years -9999 to 9999.
    pub fn from_millis(millis: i64) -> Option<Self> {
        Timestamp::from_millisecond(millis).ok().map(Self)
    }

    /// Milliseconds since 1970.
    pub fn as_millis(self) -> i64 {
        self.0.as_millisecond()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequencer(text: &str) -> Sequencer {
        text.parse().unwrap()
    }

    fn record(status: Status, keys: &[&str]) -> Record {
        let object = ObjectRef {
            bucket: "b".into(),
            key: "images/a.jpg".into(),
        };
        let image_id = ImageId::of(&object);
        let variant = |key: &&str| StoredVariant {
            name: "thumb".into(),
            bucket: "v".into(),
            key: (*key).into(),
            width: 1,
            height: 1,
            format: "jpeg".into(),
            bytes: 1,
        };
        Record {
            image_id,
            source: Source {
                etag: Some("e".into()),
                ..Source::unread(object)
            },
            url: None,
            sequencer: sequencer("5"),
            status,
            reason: None,
            recipe_id: "r".into(),
            picture: None,
            variants: keys.iter().map(variant).collect(),
            notification_id: image_id.derive("first"),
            attempts: 1,
            worker: "w".into(),
            processing_ms: 1,
            created_at: Moment::now(),
            updated_at: Moment::now(),
        }
    }

    #[test]
    fn a_shorter_sequencer_is_padded_on_the_right() {
        assert!(sequencer("0055AED6DCD9") < sequencer("0055AED6DCD90281E5"));
        assert!(sequencer("0055aed6dcd90281e6") > sequencer("0055AED6DCD90281E5"));
        assert_eq!(sequencer("0055AED6DCD9"), sequencer("0055AED6DCD900"));
        assert!(Sequencer::zero() < sequencer("1"));
    }

    #[test]
    fn what_is_not_a_sequencer_is_refused() {
        for text in ["", "xyz", "0x1", &"1".repeat(33)] {
            assert!(text.parse::<Sequencer>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_event_is_answered_once_somebody_has_read_the_object_after_it() {
        let answers = |status, event| record(status, &[]).answers(&Cause::Event(sequencer(event)));
        assert_eq!(
            ["4", "5", "6"].map(|event| answers(Status::Ready, event)),
            [true, true, false]
        );
        assert_eq!(
            ["4", "5", "6"].map(|event| answers(Status::Rejected, event)),
            [true, true, false]
        );
        assert_eq!(
            ["4", "5", "6"].map(|event| answers(Status::Failed, event)),
            [true, false, false]
        );
        assert!(!record(Status::Ready, &[]).answers(&Cause::Request));
    }

    #[test]
    fn a_record_answers_for_its_etag_and_recipe_unless_it_failed() {
        let event = Cause::Event(sequencer("9"));
        let check = |status, cause, recipe, expected: bool| {
            let record = record(status, &[]);
            assert_eq!(
                record.answered_etag(cause, recipe),
                expected.then_some("e"),
                "{status} {cause:?} {recipe}"
            );
        };
        check(Status::Ready, &event, "r", true);
        check(Status::Ready, &Cause::Request, "r", true);
        check(Status::Ready, &event, "other", false);
        check(Status::Rejected, &event, "r", true);
        check(Status::Rejected, &Cause::Request, "r", false);
        check(Status::Failed, &event, "r", false);
    }

    #[test]
    fn an_outcome_replaces_what_is_older_or_what_it_was_made_to_replace() {
        let existing = record(Status::Ready, &[]);
        let admits = |event, replaces| {
            Guard::Newer {
                sequencer: sequencer(event),
                replaces,
            }
            .admits(Some(existing.stamp()))
        };
        assert_eq!(
            ["4", "5", "6"].map(|event| admits(event, None)),
            [false, false, true]
        );
        assert_eq!(
            ["4", "5", "6"].map(|event| admits(event, Some(existing.notification_id))),
            [false, true, true]
        );
        assert!(
            Guard::Newer {
                sequencer: sequencer("4"),
                replaces: None
            }
            .admits(None)
        );
    }

    #[test]
    fn only_an_outcome_of_the_same_event_may_be_replaced_by_its_name() {
        let known = record(Status::Failed, &[]);
        let replaces = |event| match Guard::newer(&sequencer(event), Some(&known)) {
            Guard::Newer { replaces, .. } => replaces,
            Guard::Unchanged { .. } => panic!("not what was asked for"),
        };
        assert_eq!(
            ["5", "6"].map(replaces),
            [Some(known.notification_id), None]
        );
    }

    #[test]
    fn a_change_applies_only_to_what_was_seen() {
        let existing = record(Status::Ready, &[]);
        let guard = |event, seen| Guard::Unchanged {
            sequencer: sequencer(event),
            seen,
        };
        let same = Some(existing.notification_id);
        let admits = |event, seen| guard(event, seen).admits(Some(existing.stamp()));
        assert_eq!(
            ["4", "5", "6"].map(|event| admits(event, same)),
            [false, true, true]
        );
        assert!(!admits("6", Some(existing.image_id.derive("other"))));
        assert!(!admits("6", None));
        assert!(guard("6", None).admits(None));
        assert!(!guard("6", same).admits(None));
    }

    #[test]
    fn no_outcome_has_the_name_of_one_that_it_replaced() {
        let first = record(Status::Ready, &[]);
        let name = |event, known| {
            Record::outcome_id(
                &first.image_id,
                Some("e"),
                "r",
                Status::Ready,
                &sequencer(event),
                known,
            )
        };
        let second = Record {
            notification_id: name("5", Some(&first)),
            ..first.clone()
        };
        assert_eq!(name("5", Some(&first)), second.notification_id);
        assert_ne!(name("5", Some(&second)), second.notification_id);
        assert_eq!(
            name("6", Some(&first)),
            name("6", Some(&second)),
            "whoever answers an event names it alike"
        );
    }

    #[test]
    fn variants_that_the_other_record_names_too_are_not_superfluous() {
        let (old, new) = (
            record(Status::Ready, &["a", "b"]),
            record(Status::Ready, &["b", "c"]),
        );
        assert_eq!(old.variants_not_in(&new), ["a"]);
        assert_eq!(new.variants_not_in(&new), Vec::<String>::new());
    }

    #[test]
    fn moments_sort_as_text() {
        let texts = [0, 1, 10, 1_000, 1_767_225_600_000]
            .map(|millis| Moment::from_millis(millis).unwrap().to_string());
        assert_eq!(texts[1], "1970-01-01T00:00:00.001Z");
        assert!(texts.is_sorted());
    }
}
