//! How jobs end, and why they do not.

use std::time::Duration;

use shared::catalog::CatalogError;
use shared::identity::SourceUrlError;
use tokio::task::JoinError;

use crate::announce::AnnounceError;
use crate::ingest::IngestError;
use crate::render::RejectionCode;
use crate::storage::StorageError;

/// A job's end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Variants and record are there.
    Ready,
    /// It can never succeed; the record says why.
    Rejected(RejectionCode),
    /// The URL's picture is in the source bucket; its own event carries on.
    Ingested,
    /// There was nothing to do.
    Skipped(Skip),
}

/// Why there was nothing to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Skip {
    /// The record says already what this job would find.
    Current,
    /// Somebody has recorded a newer outcome meanwhile.
    Superseded,
    /// The object was deleted after the event.
    Gone,
    /// The console's "create folder" makes an empty object whose key ends with a slash.
    Folder,
}

impl Outcome {
    /// For logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Rejected(_) => "rejected",
            Self::Ingested => "ingested",
            Self::Skipped(_) => "skipped",
        }
    }

    /// Why it is not simply a success, for logs and metrics.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Ready | Self::Ingested => None,
            Self::Rejected(code) => Some(code.as_str()),
            Self::Skipped(Skip::Current) => Some("current"),
            Self::Skipped(Skip::Superseded) => Some("superseded"),
            Self::Skipped(Skip::Gone) => Some("gone"),
            Self::Skipped(Skip::Folder) => Some("folder"),
        }
    }
}

/// Why a job has not come to an outcome.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The job can never be done by this fleet, and says nothing about a picture.
    #[error("this fleet does not do such a job: {0}")]
    Misdirected(String),
    /// The URL in a job is not one that a producer would have sent.
    #[error("the URL of the job is not acceptable")]
    Url(#[from] SourceUrlError),
    /// See [`IngestError`].
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// See [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// See [`CatalogError`].
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// See [`AnnounceError`].
    #[error(transparent)]
    Announce(#[from] AnnounceError),
    /// Others were faster, again and again.
    #[error("the record changed {0} times while it was looked at")]
    Contended(usize),
    /// Rendering panicked: a bug. The job fails, the worker goes on.
    #[error("rendering panicked")]
    Panicked(#[source] JoinError),
    /// The job took longer than any job should.
    #[error("the job took longer than {} s", .0.as_secs())]
    TimedOut(Duration),
}

impl JobError {
    /// Whether another try must end the same way.
    pub fn is_hopeless(&self) -> bool {
        matches!(self, Self::Misdirected(_) | Self::Url(_))
    }

    /// How long somebody has asked us to wait before the next try.
    pub fn asked_delay(&self) -> Option<Duration> {
        match self {
            Self::Ingest(IngestError::Unavailable { retry_after, .. }) => *retry_after,
            _ => None,
        }
    }
}
