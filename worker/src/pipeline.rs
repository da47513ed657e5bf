//! What happens to a picture, in order. Nothing else knows the order.
//!
//! Every step may run twice, and a worker may die after any of them: the message comes back, and whoever gets it walks the
//! same way. Three things make that safe: variants are named after their content, one conditional write decides which
//! outcome stays ([`shared::record`]), and the message is deleted only after all of it.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::catalog::{Catalog, CatalogError, Recorded};
use shared::identity::{ImageId, ObjectRef, SourceUrl, SourceUrlError};
use shared::job::{Cause, Ingest, Job, Render};
use shared::record::{
    Cleanup, Guard, Moment, Picture, Reason, Record, Sequencer, Source, Status, StoredVariant,
    effective_sequencer,
};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

use crate::announce::{AnnounceError, Announcer};
use crate::ingest::{IngestError, Ingester};
use crate::metrics::Metrics;
use crate::render::{self, Rejection, RejectionCode, Rendered};
use crate::settings::Settings;
use crate::storage::{Description, Fetched, NamedVariant, Original, Storage, StorageError};
use crate::variant_key::{self, KeyParts};

/// How often one job looks again because the record changed under it. Each time somebody else has made progress.
const MAX_LOOKS: usize = 5;

/// The rooms that a job walks through.
#[derive(Debug)]
pub struct Pipeline {
    /// Records.
    pub catalog: Catalog,
    /// Originals and variants.
    pub storage: Storage,
    /// Downloads.
    pub ingester: Ingester,
    /// Announcements.
    pub announcer: Announcer,
    /// Stage times.
    pub metrics: Arc<Metrics>,
    /// One permit per core: more renders at a time would only take each other's caches.
    pub renders: Arc<Semaphore>,
    /// What to make, and of what.
    pub settings: Settings,
}

/// A job's end.
#[derive(Clone, Debug, Eq, PartialEq)]
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
    /// Somebody has recorded a newer event meanwhile.
    Superseded,
    /// The object was deleted after the event.
    Gone,
    /// The console's "create folder" makes an empty object whose key ends with a slash.
    Folder,
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
    #[error("the record changed {MAX_LOOKS} times while it was looked at")]
    Contended,
    /// Rendering panicked: a bug. The job fails, the worker goes on.
    #[error("rendering panicked")]
    Panicked(#[source] JoinError),
    /// The job took longer than any job should.
    #[error("the job took longer than {} s", .0.as_secs())]
    TimedOut(Duration),
}

impl JobError {
    /// How long somebody has asked us to wait before the next try.
    pub fn asked_delay(&self) -> Option<Duration> {
        match self {
            Self::Ingest(IngestError::Unavailable { retry_after, .. }) => *retry_after,
            _ => None,
        }
    }
}

/// What is to be recorded of an original.
enum Verdict {
    Ready(Picture, Vec<StoredVariant>),
    Rejected(Rejection),
    /// Given up, with what an earlier success has left.
    Failed(Reason, Option<Picture>, Vec<StoredVariant>),
}

impl Pipeline {
    /// Brings one job to its outcome. `receive_count` counts the receives of its message, this one included.
    pub async fn handle(&self, job: &Job, receive_count: u32) -> Result<Outcome, JobError> {
        match job {
            Job::Render(job) => self.render_object(job, receive_count).await,
            Job::Ingest(job) => self.ingest_url(job, receive_count).await,
        }
    }

    async fn render_object(&self, job: &Render, receive_count: u32) -> Result<Outcome, JobError> {
        let Render { object, cause } = job;
        self.check_bucket(object)?;
        let image_id = ImageId::of(object);
        for _ in 0..MAX_LOOKS {
            let started = Instant::now();
            // The record first, then the object: only so is the object at least as new as the record.
            let known = self.stage("look_up", self.catalog.get(&image_id)).await?;
            let sequencer = effective_sequencer(cause, known.as_ref());
            let answered = known
                .as_ref()
                .and_then(|record| record.answered_etag(cause, self.settings.recipe.id()));

            let (description, verdict) = match self
                .stage("fetch", self.storage.fetch(object, answered))
                .await?
            {
                Fetched::Gone => return Ok(Outcome::Skipped(Skip::Gone)),
                Fetched::Unchanged => match self.keep(known, &sequencer, receive_count).await? {
                    Some(outcome) => return Ok(outcome),
                    None => continue,
                },
                Fetched::TooLarge(description) => {
                    let rejection = Rejection::too_many_bytes(
                        &description.source,
                        self.settings.limits.max_bytes,
                    );
                    (description, Verdict::Rejected(rejection))
                }
                Fetched::Original(original) if is_folder(&original) => {
                    return Ok(Outcome::Skipped(Skip::Folder));
                }
                Fetched::Original(Original { description, bytes }) => {
                    let verdict = match self.render(bytes).await? {
                        Ok(rendered) => self.store(&image_id, object, rendered).await?,
                        Err(rejection) => Verdict::Rejected(rejection),
                    };
                    (description, verdict)
                }
            };

            let record = self.new_record(
                description,
                verdict,
                sequencer,
                known.as_ref(),
                receive_count,
                started.elapsed(),
            );
            return self.conclude(record).await;
        }
        Err(JobError::Contended)
    }

    async fn ingest_url(&self, job: &Ingest, receive_count: u32) -> Result<Outcome, JobError> {
        let started = Instant::now();
        let url: SourceUrl = job.url.parse()?;
        self.check_ingest_key(&url, &job.key)?;
        let rejection = match self.stage("ingest", self.ingester.download(&url)).await {
            Ok(download) => {
                let kept =
                    self.storage
                        .keep_original(&job.key, &url, download.format, download.bytes);
                self.stage("store", kept).await?;
                return Ok(Outcome::Ingested);
            }
            Err(IngestError::Rejected(rejection)) => rejection,
            Err(error) => return Err(error.into()),
        };
        let description = Description {
            source: Source::unread(self.ingested(job)),
            url: Some(url.as_str().to_owned()),
        };
        // Before every event: what an earlier ingest has left in the bucket keeps its record.
        let record = self.new_record(
            description,
            Verdict::Rejected(rejection),
            Sequencer::zero(),
            None,
            receive_count,
            started.elapsed(),
        );
        self.conclude(record).await
    }

    /// The record says already what this job would find: notes that it answers this event too. After a crash it makes sure of
    /// what may have been left undone. `None` when the record has changed since it was read.
    async fn keep(
        &self,
        known: Option<Record>,
        sequencer: &Sequencer,
        receive_count: u32,
    ) -> Result<Option<Outcome>, JobError> {
        let Some(known) = known else { return Ok(None) };
        if known.sequencer < *sequencer && !self.catalog.advance(&known, sequencer).await? {
            return Ok(None);
        }
        if receive_count > 1 {
            self.storage.restore(&known.variant_keys()).await?;
            self.stage("announce", self.announcer.announce(&known))
                .await?;
        }
        Ok(Some(Outcome::Skipped(Skip::Current)))
    }

    async fn render(&self, bytes: Vec<u8>) -> Result<Result<Rendered, Rejection>, JobError> {
        let permit = Arc::clone(&self.renders)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let (recipe, limits) = (self.settings.recipe.clone(), self.settings.limits);
        let started = Instant::now();
        // The permit goes along: a cancelled job's rendering runs on, and counts until it ends.
        let rendered = spawn_blocking(move || {
            let rendered = render::render(&bytes, &recipe, &limits);
            drop(permit);
            rendered
        });
        let rendered = rendered.await.map_err(JobError::Panicked)?;
        self.metrics.observe_stage("render", started.elapsed());
        Ok(rendered)
    }

    async fn store(
        &self,
        image_id: &ImageId,
        object: &ObjectRef,
        rendered: Rendered,
    ) -> Result<Verdict, JobError> {
        let Rendered { picture, variants } = rendered;
        let fingerprint =
            variant_key::fingerprint(image_id, &picture.content_sha256, self.settings.recipe.id());
        let path = variant_key::path(&object.key, &self.settings.source_prefix);
        let name = |variant: render::Variant| {
            let parts = KeyParts {
                variant: &variant.name,
                path,
                fingerprint: &fingerprint,
                extension: variant.format.extension(),
            };
            Some(NamedVariant {
                key: self.settings.variant_key.key(parts)?,
                variant,
            })
        };
        let Some(named) = variants.into_iter().map(name).collect::<Option<Vec<_>>>() else {
            return Ok(Verdict::Rejected(Rejection::key_too_long(
                &object.key,
                &self.settings.variant_key,
            )));
        };
        let variants = self.stage("store", self.storage.store_all(named)).await?;
        Ok(Verdict::Ready(picture, variants))
    }

    /// Record, tidy, announce.
    async fn conclude(&self, record: Record) -> Result<Outcome, JobError> {
        let guard = Guard::NotNewer {
            than: record.sequencer.clone(),
        };
        match self
            .stage("record", self.catalog.put(&record, &guard))
            .await?
        {
            Recorded::Won { replaced } => {
                self.clean_up(
                    &record,
                    Cleanup::after_winning(&record, replaced.as_deref()),
                )
                .await?;
                self.stage("announce", self.announcer.announce(&record))
                    .await?;
                Ok(outcome_of(&record))
            }
            Recorded::Lost { winner } => {
                let cleanup = winner
                    .map(|winner| Cleanup::after_losing(&record, &winner))
                    .unwrap_or_default();
                self.clean_up(&record, cleanup).await?;
                Ok(Outcome::Skipped(Skip::Superseded))
            }
        }
    }

    /// Somebody may come to name a variant while we retire it. So: retire, look again, restore what is named now.
    async fn clean_up(&self, record: &Record, cleanup: Cleanup) -> Result<(), JobError> {
        if !cleanup.retire.is_empty() {
            self.storage.retire(&cleanup.retire).await?;
            let named = self
                .catalog
                .get(&record.image_id)
                .await?
                .map(|now| now.variant_keys())
                .unwrap_or_default();
            let named: Vec<_> = cleanup
                .retire
                .into_iter()
                .filter(|key| named.contains(key))
                .collect();
            self.storage.restore(&named).await?;
        }
        self.storage.restore(&cleanup.restore).await?;
        Ok(())
    }

    /// Notes on the record that a job is given up, so that people can see why. Its message goes to the dead-letter queue.
    pub async fn record_failure(
        &self,
        job: &Job,
        reason: Reason,
        receive_count: u32,
    ) -> Result<(), JobError> {
        let (object, cause, url) = match job {
            Job::Render(Render { object, cause }) => (object.clone(), cause.clone(), None),
            Job::Ingest(ingest) => (
                self.ingested(ingest),
                Cause::Event(Sequencer::zero()),
                Some(ingest.url.clone()),
            ),
        };
        self.check_bucket(&object)?;
        let known = self.catalog.get(&ImageId::of(&object)).await?;
        let sequencer = effective_sequencer(&cause, known.as_ref());
        let guard = Guard::Unchanged {
            seen: known.as_ref().map(|record| record.notification_id),
            than: sequencer.clone(),
        };
        let source = known
            .as_ref()
            .map_or_else(|| Source::unread(object), |record| record.source.clone());
        let description = Description {
            source,
            url: url.or_else(|| known.as_ref()?.url.clone()),
        };
        let (picture, variants) = known
            .clone()
            .map(|record| (record.picture, record.variants))
            .unwrap_or_default();
        let verdict = Verdict::Failed(reason, picture, variants);
        let record = self.new_record(
            description,
            verdict,
            sequencer,
            known.as_ref(),
            receive_count,
            Duration::ZERO,
        );
        if let Recorded::Won { .. } = self.catalog.put(&record, &guard).await? {
            self.announcer.announce(&record).await?;
        }
        Ok(())
    }

    fn new_record(
        &self,
        description: Description,
        verdict: Verdict,
        sequencer: Sequencer,
        known: Option<&Record>,
        receive_count: u32,
        took: Duration,
    ) -> Record {
        let Description { source, url } = description;
        let (status, reason, picture, variants) = match verdict {
            Verdict::Ready(picture, variants) => (Status::Ready, None, Some(picture), variants),
            Verdict::Rejected(rejection) => {
                (Status::Rejected, Some(rejection.into()), None, Vec::new())
            }
            Verdict::Failed(reason, picture, variants) => {
                (Status::Failed, Some(reason), picture, variants)
            }
        };
        let image_id = ImageId::of(&source.object);
        let recipe_id = self.settings.recipe.id().to_owned();
        let now = Moment::now();
        Record {
            image_id,
            notification_id: Record::notification_id(
                &image_id,
                source.etag.as_deref(),
                &recipe_id,
                status,
                &sequencer,
            ),
            source,
            url,
            sequencer,
            status,
            reason,
            recipe_id,
            picture,
            variants,
            attempts: receive_count,
            worker: self.settings.worker.clone(),
            processing_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            created_at: known.map_or(now, |record| record.created_at),
            updated_at: now,
        }
    }

    fn check_bucket(&self, object: &ObjectRef) -> Result<(), JobError> {
        if object.bucket == self.settings.source_bucket {
            return Ok(());
        }
        Err(JobError::Misdirected(format!(
            "{object} is not in the source bucket {}",
            self.settings.source_bucket
        )))
    }

    /// A message could otherwise have anything written anywhere in the source bucket.
    fn check_ingest_key(&self, url: &SourceUrl, key: &str) -> Result<(), JobError> {
        let own = url.key("");
        if key.starts_with(&self.settings.source_prefix) && key.ends_with(&own) {
            return Ok(());
        }
        Err(JobError::Misdirected(format!(
            "key {key:?} is not {:?} below {:?}",
            own, self.settings.source_prefix
        )))
    }

    fn ingested(&self, job: &Ingest) -> ObjectRef {
        ObjectRef {
            bucket: self.settings.source_bucket.clone(),
            key: job.key.clone(),
        }
    }

    async fn stage<T>(&self, stage: &str, work: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let done = work.await;
        self.metrics.observe_stage(stage, started.elapsed());
        done
    }
}

fn outcome_of(record: &Record) -> Outcome {
    let code = record
        .reason
        .as_ref()
        .and_then(|reason| reason.code.parse().ok());
    code.map_or(Outcome::Ready, Outcome::Rejected)
}

fn is_folder(original: &Original) -> bool {
    original.bytes.is_empty() && original.description.source.object.key.ends_with('/')
}
