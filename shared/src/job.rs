//! What a message on the queue asks for. The only module that knows how the producer's jobs are
//! written down.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event;
use crate::identity::ObjectRef;
use crate::record::Sequencer;

/// The version of the jobs that this build writes and reads.
const JOB_VERSION: u32 = 1;

/// One thing to do. A message holds one, or one per record of an S3 event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Job {
    /// An object may have changed: make its record describe what is there now.
    Render(Render),
    /// A URL is to become an object in the source bucket.
    Ingest(Ingest),
}

/// Render what is at `object` now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Render {
    /// Where the original is.
    pub object: ObjectRef,
    /// Who asks for it.
    pub cause: Cause,
}

/// What made a render job.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cause {
    /// S3 said that the key changed. Its sequencer orders the events of one key.
    Event(Sequencer),
    /// A person asked to look again, or an event came without a sequencer: ordered as whatever is
    /// on record.
    Request,
}

/// Fetch `url` and keep it at `key` of the source bucket.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Ingest {
    /// The URL in its normal form.
    pub url: String,
    /// The key in the source bucket, derived from the URL.
    pub key: String,
}

/// A body that this build cannot read. It is never deleted: it goes to the dead-letter queue for a
/// person to see.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Not JSON.
    #[error("message body is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// JSON of some other kind.
    #[error("message is neither a job, nor an S3 event, nor one wrapped by SNS or EventBridge")]
    Unknown,
    /// Wrapped more often than any service does.
    #[error("message is wrapped more than {0} times")]
    Nested(u8),
    /// A job or an event that lacks what it must have.
    #[error("{kind} is malformed")]
    Malformed {
        /// What it claims to be.
        kind: &'static str,
        /// What is wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A job kind from the future, or a typo.
    #[error("job {0:?} is unknown: this build knows \"ingest\" and \"reprocess\"")]
    UnknownJob(String),
    /// A job written by a newer producer.
    #[error("job version {0} is not supported: this build reads version {JOB_VERSION}")]
    JobVersion(u32),
    /// S3 raises the major version when old readers would misread the event.
    #[error("S3 event version {0:?} is not supported: this build reads 2.x")]
    EventVersion(String),
}

impl Unreadable {
    /// A `kind` of message that lacks what it must have.
    pub(crate) fn malformed(
        kind: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Malformed {
            kind,
            source: source.into(),
        }
    }
}

#[derive(Deserialize, Serialize)]
struct Envelope {
    job: String,
    version: u32,
}

impl Ingest {
    /// The message body that asks for this.
    pub fn body(&self) -> String {
        body("ingest", self)
    }
}

/// The message body that asks to render `object` again.
pub fn reprocess_body(object: &ObjectRef) -> String {
    body("reprocess", object)
}

/// Reads a message body: the producer's jobs and S3 events in all their envelopes.
/// Empty when there is nothing to do, as for `s3:TestEvent` and for events that create nothing.
pub fn read(body: &str) -> Result<Vec<Job>, Unreadable> {
    let value: Value = serde_json::from_str(body).map_err(Unreadable::NotJson)?;
    if value.get("job").is_some() {
        Ok(vec![read_job(value)?])
    } else {
        event::read(value)
    }
}

fn read_job(value: Value) -> Result<Job, Unreadable> {
    let malformed = |error: serde_json::Error| Unreadable::malformed("job", error);
    let Envelope { job, version } = Envelope::deserialize(&value).map_err(malformed)?;
    if version != JOB_VERSION {
        return Err(Unreadable::JobVersion(version));
    }
    match job.as_str() {
        "ingest" => Ok(Job::Ingest(
            serde_json::from_value(value).map_err(malformed)?,
        )),
        "reprocess" => {
            let object = serde_json::from_value(value).map_err(malformed)?;
            Ok(Job::Render(Render {
                object,
                cause: Cause::Request,
            }))
        }
        _ => Err(Unreadable::UnknownJob(job)),
    }
}

fn body(job: &str, what: &impl Serialize) -> String {
    #[derive(Serialize)]
    struct Written<'a, T> {
        #[serde(flatten)]
        envelope: Envelope,
        #[serde(flatten)]
        what: &'a T,
    }
    let envelope = Envelope {
        job: job.to_owned(),
        version: JOB_VERSION,
    };
    serde_json::to_string(&Written { envelope, what })
        .expect("strings and numbers always serialise")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(body: &str) -> String {
        read(body).unwrap_err().to_string()
    }

    #[test]
    fn an_ingest_job_is_read_as_the_design_writes_it() {
        let body = r#"{"job":"ingest","version":1,"url":"https://e.com/a.jpg","key":"images/url/0/a.jpg"}"#;
        let ingest = Ingest {
            url: "https://e.com/a.jpg".into(),
            key: "images/url/0/a.jpg".into(),
        };
        assert_eq!(ingest.body(), body);
        assert_eq!(read(body).unwrap(), [Job::Ingest(ingest)]);
    }

    #[test]
    fn a_reprocess_job_has_no_sequencer_of_its_own() {
        let object = ObjectRef {
            bucket: "b".into(),
            key: "images/a b.jpg".into(),
        };
        assert_eq!(
            reprocess_body(&object),
            r#"{"job":"reprocess","version":1,"bucket":"b","key":"images/a b.jpg"}"#
        );
        let job = Job::Render(Render {
            object: object.clone(),
            cause: Cause::Request,
        });
        assert_eq!(read(&reprocess_body(&object)).unwrap(), [job]);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        assert_eq!(error("not json"), "message body is not JSON");
        assert!(error("{}").starts_with("message is neither a job"));
        assert!(error("[1]").starts_with("message is neither a job"));
        assert!(error(r#"{"job":"dance","version":1}"#).starts_with(r#"job "dance" is unknown"#));
        assert!(
            error(r#"{"job":"ingest","version":2,"url":"u","key":"k"}"#)
                .starts_with("job version 2 is not")
        );
        assert_eq!(
            error(r#"{"job":"ingest","version":1,"url":"u"}"#),
            "job is malformed"
        );
        assert_eq!(error(r#"{"job":7,"version":1}"#), "job is malformed");
    }
}
