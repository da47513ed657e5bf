//! What happens to a picture, in order. Nothing else knows the order.
//!
//! Every step may run twice, and a worker may die after any of them: the message comes back, and
//! whoever gets it walks the same way. Three things make that safe: variants are named after the
//! outcome that they belong to, one conditional write decides which outcome stays
//! ([`shared::record`]), and the message is deleted only after all of it.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use shared::catalog::{Catalog, CatalogError, Recorded};
use shared::identity::{ImageId, ObjectRef, SourceUrl};
use shared::job::{Cause, Ingest, Job, Render};
use shared::record::{
    Guard, Moment, Picture, Reason, Record, Sequencer, Source, Status, StoredVariant,
    effective_sequencer,
};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::announce::Announcer;
use crate::ingest::{IngestError, Ingester};
use crate::metrics::Metrics;
use crate::outcome::{JobError, Outcome, Skip};
use crate::render::{Rejection, Rendered, Variant};
use crate::renderer::Renderer;
use crate::settings::Settings;
use crate::storage::{Description, Fetched, NamedVariant, Original, Storage};
use crate::turns::Turns;
use crate::variant_key::{self, KeyParts};

/// How often one job looks again because the record changed under it. Each time somebody else has
/// made progress.
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
    /// Copies of one event wait for each other.
    pub turns: Turns,
    /// What to make of a picture.
    pub renderer: Renderer,
    /// Where from and where to.
    pub settings: Settings,
}

/// An image as a job finds it.
struct Look {
    image_id: ImageId,
    object: ObjectRef,
    /// The record, as it was before the object was read: only so is the object at least as new as
    /// the record.
    known: Option<Record>,
    /// What an outcome of this job answers.
    sequencer: Sequencer,
    receive_count: u32,
    started: Instant,
}

/// What is to be recorded of an original.
enum Verdict {
    Ready(Picture, Vec<StoredVariant>),
    Rejected(Rejection),
    /// Given up. What an earlier success has left is kept.
    Failed(Reason),
}

impl Pipeline {
    /// Brings one job to its outcome. `receive_count` counts the receives of its message, this one
    /// included.
    pub async fn handle(&self, job: &Job, receive_count: u32) -> Result<Outcome, JobError> {
        let object = self.object_of(job);
        self.check_bucket(&object)?;
        let _turn = self.turns.take(ImageId::of(&object)).await;
        match job {
            Job::Render(Render { cause, .. }) => self.picture(&object, cause, receive_count).await,
            Job::Ingest(ingest) => self.url(&object, ingest, receive_count).await,
        }
    }

    /// The object that a job is about.
    pub fn object_of(&self, job: &Job) -> ObjectRef {
        match job {
            Job::Render(render) => render.object.clone(),
            Job::Ingest(ingest) => ObjectRef {
                bucket: self.settings.source_bucket.clone(),
                key: ingest.key.clone(),
            },
        }
    }

    async fn picture(
        &self,
        object: &ObjectRef,
        cause: &Cause,
        receive_count: u32,
    ) -> Result<Outcome, JobError> {
        for _ in 0..MAX_LOOKS {
            let look = self.look_up(object, cause, receive_count).await?;
            if let Some(known) = look.known.as_ref().filter(|known| known.answers(cause)) {
                return self.skip(known, receive_count > 1).await;
            }
            let outcome = match self.fetch(&look, cause).await? {
                Fetched::Original(original) => Some(self.process(&look, original).await?),
                Fetched::TooLarge(description) => Some(self.reject_size(&look, description).await?),
                Fetched::Gone => Some(Outcome::Skipped(Skip::Gone)),
                Fetched::Unchanged => self.keep(&look).await?,
            };
            if let Some(outcome) = outcome {
                return Ok(outcome);
            }
        }
        Err(JobError::Contended(MAX_LOOKS))
    }

    async fn process(&self, look: &Look, original: Original) -> Result<Outcome, JobError> {
        if original.is_folder() {
            return Ok(Outcome::Skipped(Skip::Folder));
        }
        let Original { description, bytes } = original;
        let verdict = match self.render(bytes).await? {
            Ok(rendered) => self.store(look, &description, rendered).await?,
            Err(rejection) => Verdict::Rejected(rejection),
        };
        self.conclude(look, description, verdict).await
    }

    async fn url(
        &self,
        object: &ObjectRef,
        job: &Ingest,
        receive_count: u32,
    ) -> Result<Outcome, JobError> {
        let url: SourceUrl = job.url.parse()?;
        self.check_ingest_key(&url, &job.key)?;
        // Before every event: what an earlier ingest has left in the bucket keeps its record.
        let cause = Cause::Event(Sequencer::zero());
        let look = self.look_up(object, &cause, receive_count).await?;
        match self.stage("ingest", self.ingester.download(&url)).await {
            Ok(download) => {
                let kept =
                    self.storage
                        .keep_original(&job.key, &url, download.format, download.bytes);
                self.stage("store", kept).await?;
                Ok(Outcome::Ingested)
            }
            Err(IngestError::Rejected(rejection)) => {
                let description = Description::unread(object, Some(url.as_str()));
                self.conclude(&look, description, Verdict::Rejected(rejection))
                    .await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn look_up(
        &self,
        object: &ObjectRef,
        cause: &Cause,
        receive_count: u32,
    ) -> Result<Look, JobError> {
        let started = Instant::now();
        let image_id = ImageId::of(object);
        let known = self.stage("look_up", self.catalog.get(&image_id)).await?;
        let sequencer = effective_sequencer(cause, known.as_ref());
        Ok(Look {
            image_id,
            object: object.clone(),
            known,
            sequencer,
            receive_count,
            started,
        })
    }

    async fn fetch(&self, look: &Look, cause: &Cause) -> Result<Fetched, JobError> {
        let recipe_id = self.renderer.recipe_id();
        let answered = look
            .known
            .as_ref()
            .and_then(|known| known.answered_etag(cause, recipe_id));
        Ok(self
            .stage("fetch", self.storage.fetch(&look.object, answered))
            .await?)
    }

    /// The record says already what this job would find. It must say so: else a stalled worker with
    /// older bytes could overwrite it afterwards. `None` when it has changed since it was read.
    async fn keep(&self, look: &Look) -> Result<Option<Outcome>, JobError> {
        let Some(known) = &look.known else {
            return Ok(None);
        };
        let is_new = known.sequencer < look.sequencer;
        if is_new && !self.catalog.advance(known, &look.sequencer).await? {
            return Ok(None);
        }
        Ok(Some(
            self.skip(known, is_new || look.receive_count > 1).await?,
        ))
    }

    /// There is nothing to do but perhaps to tell: of a new event, or of an outcome whose worker may
    /// have died before it told. Copies of an event that is answered stay silent.
    async fn skip(&self, known: &Record, tell: bool) -> Result<Outcome, JobError> {
        // Written in a redelivery: that may have been the last before the dead-letter queue, and a
        // replayed message counts from one again.
        if tell || known.attempts > 1 {
            self.stage("announce", self.announcer.announce(known))
                .await?;
        }
        Ok(Outcome::Skipped(Skip::Current))
    }

    async fn render(&self, bytes: Vec<u8>) -> Result<Result<Rendered, Rejection>, JobError> {
        let permit = Arc::clone(&self.renders).acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        let renderer = self.renderer.clone();
        // The permit goes along: a cancelled job's rendering runs on, and counts until it ends.
        let rendered = spawn_blocking(move || {
            let _permit = permit;
            renderer.render(&bytes)
        });
        self.stage("render", rendered)
            .await
            .map_err(JobError::Panicked)
    }

    async fn store(
        &self,
        look: &Look,
        description: &Description,
        rendered: Rendered,
    ) -> Result<Verdict, JobError> {
        let Rendered { picture, variants } = rendered;
        let outcome_id = self.outcome_id(look, &description.source, Status::Ready);
        let fingerprint = variant_key::fingerprint(&outcome_id, &picture.content_sha256);
        let name = |variant: Variant| self.name(&look.object.key, &fingerprint, variant);
        let Some(named) = variants.into_iter().map(name).collect::<Option<Vec<_>>>() else {
            let rejection = Rejection::key_too_long(&look.object.key, &self.settings.variant_key);
            return Ok(Verdict::Rejected(rejection));
        };
        let stored = self.stage("store", self.storage.store_all(named)).await?;
        Ok(Verdict::Ready(picture, stored))
    }

    fn name(&self, key: &str, fingerprint: &str, variant: Variant) -> Option<NamedVariant> {
        let parts = KeyParts {
            variant: &variant.name,
            path: variant_key::path(key, &self.settings.source_prefix),
            fingerprint,
            extension: variant.format.extension(),
        };
        Some(NamedVariant {
            key: self.settings.variant_key.key(parts)?,
            variant,
        })
    }

    async fn reject_size(
        &self,
        look: &Look,
        description: Description,
    ) -> Result<Outcome, JobError> {
        let max_bytes = self.settings.render.limits.max_bytes;
        let rejection =
            Rejection::too_many_bytes(description.source.size.unwrap_or_default(), max_bytes);
        self.conclude(look, description, Verdict::Rejected(rejection))
            .await
    }

    /// Records the outcome, retires what nobody names any more, announces.
    async fn conclude(
        &self,
        look: &Look,
        description: Description,
        verdict: Verdict,
    ) -> Result<Outcome, JobError> {
        let outcome = verdict.outcome();
        let record = self.new_record(look, description, verdict);
        let guard = Guard::newer(&look.sequencer, look.known.as_ref());
        match self
            .stage("record", self.put(&record, &guard, look))
            .await?
        {
            Recorded::Won { replaced } => {
                let superfluous = replaced.map(|replaced| replaced.variants_not_in(&record));
                self.storage
                    .retire(&superfluous.unwrap_or_default())
                    .await?;
                self.stage("announce", self.announcer.announce(&record))
                    .await?;
                Ok(outcome)
            }
            Recorded::Lost { winner } => {
                let superfluous = winner.map(|winner| record.variants_not_in(&winner));
                self.storage
                    .retire(&superfluous.unwrap_or_default())
                    .await?;
                Ok(Outcome::Skipped(Skip::Superseded))
            }
        }
    }

    /// Who is refused because of the very outcome that it has come to has won, or as good as: the
    /// answer to its write was lost and the SDK has repeated it, or somebody else came to the same
    /// and may have died before it told.
    async fn put(
        &self,
        record: &Record,
        guard: &Guard,
        look: &Look,
    ) -> Result<Recorded, CatalogError> {
        match self.catalog.put(record, guard).await? {
            Recorded::Lost {
                winner: Some(winner),
            } if winner.notification_id == record.notification_id => Ok(Recorded::Won {
                replaced: look.known.clone().map(Box::new),
            }),
            recorded => Ok(recorded),
        }
    }

    /// Notes on the record that a job is given up, so that people can see why. Its message goes to
    /// the dead-letter queue.
    pub async fn record_failure(
        &self,
        job: &Job,
        reason: Reason,
        receive_count: u32,
    ) -> Result<(), JobError> {
        let object = self.object_of(job);
        self.check_bucket(&object)?;
        let (cause, url) = match job {
            Job::Render(render) => (render.cause.clone(), None),
            Job::Ingest(ingest) => (Cause::Event(Sequencer::zero()), Some(ingest.url.as_str())),
        };
        let look = self.look_up(&object, &cause, receive_count).await?;
        let description = match &look.known {
            Some(known) => Description {
                source: known.source.clone(),
                url: known.url.clone(),
            },
            None => Description::unread(&object, url),
        };
        let record = self.new_record(&look, description, Verdict::Failed(reason));
        let guard = Guard::unchanged(&look.sequencer, look.known.as_ref());
        if let Recorded::Won { .. } = self.put(&record, &guard, &look).await? {
            self.announcer.announce(&record).await?;
        }
        Ok(())
    }

    fn new_record(&self, look: &Look, description: Description, verdict: Verdict) -> Record {
        let Description { source, url } = description;
        let (status, reason, picture, variants) = match verdict {
            Verdict::Ready(picture, variants) => (Status::Ready, None, Some(picture), variants),
            Verdict::Rejected(rejection) => {
                (Status::Rejected, Some(rejection.into()), None, vec![])
            }
            Verdict::Failed(reason) => {
                let left = look
                    .known
                    .clone()
                    .map(|known| (known.picture, known.variants));
                let (picture, variants) = left.unwrap_or_default();
                (Status::Failed, Some(reason), picture, variants)
            }
        };
        let now = Moment::now();
        Record {
            image_id: look.image_id,
            notification_id: self.outcome_id(look, &source, status),
            source,
            url,
            sequencer: look.sequencer.clone(),
            status,
            reason,
            recipe_id: self.renderer.recipe_id().to_owned(),
            picture,
            variants,
            attempts: look.receive_count,
            worker: self.settings.worker.clone(),
            processing_ms: u64::try_from(look.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            created_at: look.known.as_ref().map_or(now, |known| known.created_at),
            updated_at: now,
        }
    }

    fn outcome_id(&self, look: &Look, source: &Source, status: Status) -> uuid::Uuid {
        let (etag, recipe_id) = (source.etag.as_deref(), self.renderer.recipe_id());
        let Look {
            image_id,
            sequencer,
            known,
            ..
        } = look;
        Record::outcome_id(image_id, etag, recipe_id, status, sequencer, known.as_ref())
    }

    /// Another bucket's objects are another fleet's; those of the variants bucket would be a loop.
    fn check_bucket(&self, object: &ObjectRef) -> Result<(), JobError> {
        let own = &self.settings.source_bucket;
        if object.bucket == *own {
            return Ok(());
        }
        Err(JobError::Misdirected(format!(
            "{object} is not in the source bucket {own}"
        )))
    }

    /// A message could otherwise have anything written anywhere in the source bucket.
    fn check_ingest_key(&self, url: &SourceUrl, key: &str) -> Result<(), JobError> {
        let (prefix, own) = (&self.settings.source_prefix, url.key(""));
        if key.starts_with(prefix) && key.ends_with(&own) {
            return Ok(());
        }
        Err(JobError::Misdirected(format!(
            "key {key:?} is not {own:?} below {prefix:?}"
        )))
    }

    async fn stage<T>(&self, stage: &str, work: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let done = work.await;
        self.metrics.observe_stage(stage, started.elapsed());
        done
    }
}

impl Verdict {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Rejected(rejection) => Outcome::Rejected(rejection.code),
            Self::Ready(..) | Self::Failed(_) => Outcome::Ready,
        }
    }
}
