//! The loop: polls for as many messages as there are free slots, starts every one at once, and
//! settles each as its jobs ended.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::identity::ImageId;
use shared::job::{self, Job, Unreadable};
use shared::queue::{MAX_BATCH, Message, Queue, QueueError, QueueSettings};
use shared::record::{Moment, Reason};
use shared::retry::{self, PollPauses};
use shared::telemetry::chain;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::http::Health;
use crate::lease::{Disposition, Held, Lease};
use crate::metrics::Metrics;
use crate::outcome::{JobError, Outcome};
use crate::pipeline::Pipeline;
use crate::settings::Settings;

/// The longest that any job may take. Far above the slowest picture; a job that reaches it hangs.
const JOB_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// How long handing back may take once the grace is over.
const LAST_CALLS: Duration = Duration::from_secs(10);

/// Room for as many messages.
type Slots = Vec<OwnedSemaphorePermit>;
/// What a poll has brought.
type Polled = Result<Vec<Message>, QueueError>;

/// Takes messages until told to stop.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    slots: Arc<Semaphore>,
    grace: Duration,
    health: Arc<Health>,
}

/// What every message in work needs.
#[derive(Debug)]
struct Shared {
    queue: Queue,
    queue_settings: QueueSettings,
    pipeline: Arc<Pipeline>,
    metrics: Arc<Metrics>,
}

/// Why a message is not done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// See [`Unreadable`].
    #[error("cannot read the message")]
    Unreadable(#[from] Unreadable),
    /// The error of the first of its jobs that failed.
    #[error(transparent)]
    Job(#[from] JobError),
    /// A bug outside rendering.
    #[error("the job panicked")]
    Panicked,
}

impl Consumer {
    /// Ready to run.
    pub fn new(
        queue: Queue,
        queue_settings: QueueSettings,
        pipeline: Pipeline,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
        settings: &Settings,
    ) -> Self {
        let shared = Shared {
            queue,
            queue_settings,
            pipeline: Arc::new(pipeline),
            metrics,
        };
        let slots = Arc::new(Semaphore::new(settings.slots));
        Self {
            shared: Arc::new(shared),
            slots,
            grace: settings.shutdown_grace,
            health,
        }
    }

    /// Polls until `shutdown` resolves, then waits for what is in flight.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        self.report_start();
        let (let_go, told_to_let_go) = watch::channel(false);
        let mut shutdown = pin!(shutdown);
        let mut messages = JoinSet::new();
        let mut pauses = PollPauses::default();
        while let Some((slots, polled)) = self.poll(shutdown.as_mut()).await {
            while messages.try_join_next().is_some() {}
            self.health.set_polls(polled.is_ok());
            match polled {
                Ok(received) => {
                    pauses.reset();
                    for (message, slot) in received.into_iter().zip(slots) {
                        let shared = Arc::clone(&self.shared);
                        messages.spawn(shared.work(message, slot, told_to_let_go.clone()));
                    }
                }
                Err(error) => {
                    let pause = self.report_failed_poll(&error, &mut pauses);
                    if timeout(pause, shutdown.as_mut()).await.is_ok() {
                        break;
                    }
                }
            }
        }
        self.start_draining();
        self.drain(messages, &let_go).await;
    }

    /// Takes free slots, then polls for as many messages. `None` once told to stop.
    async fn poll(
        &self,
        mut shutdown: Pin<&mut impl Future<Output = ()>>,
    ) -> Option<(Slots, Polled)> {
        let slots = tokio::select! {
            biased;
            () = &mut shutdown => return None,
            slots = self.take_slots() => slots,
        };
        let wait = self.shared.queue_settings.poll_wait;
        let mut poll = pin!(self.shared.queue.receive(slots.len(), wait));
        tokio::select! {
            biased;
            polled = &mut poll => Some((slots, polled)),
            () = &mut shutdown => {
                // It is answered all the same: dropping it would hide what it brings until its time is up.
                self.start_draining();
                if let Ok(Ok(received)) = timeout(wait + LAST_CALLS, poll).await {
                    let _ = timeout(LAST_CALLS, self.hand_back(received)).await;
                }
                None
            }
        }
    }

    /// Waits for one free slot and takes all others that are free, up to a batch.
    async fn take_slots(&self) -> Slots {
        let first = Arc::clone(&self.slots)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let more = std::iter::from_fn(|| Arc::clone(&self.slots).try_acquire_owned().ok());
        std::iter::once(first)
            .chain(more.take(MAX_BATCH - 1))
            .collect()
    }

    fn report_start(&self) {
        let QueueSettings {
            poll_wait,
            visibility_timeout,
            ..
        } = &self.shared.queue_settings;
        let max_receive_count = self.shared.max_receive_count();
        let slots = self.slots.available_permits();
        tracing::info!(
            ?visibility_timeout,
            ?poll_wait,
            max_receive_count,
            slots,
            "taking messages"
        );
        if max_receive_count.is_none() {
            tracing::warn!(
                "the queue has no dead-letter queue: what fails comes back until it expires"
            );
        }
    }

    fn report_failed_poll(&self, error: &QueueError, pauses: &mut PollPauses) -> Duration {
        let pause = pauses.next_pause();
        self.shared.metrics.poll_failures.inc();
        tracing::warn!(error = chain(error), ?pause, "cannot poll");
        pause
    }

    fn start_draining(&self) {
        self.health.set_draining();
        self.shared.metrics.draining.set(1);
    }

    async fn hand_back(&self, received: Vec<Message>) {
        for message in received {
            self.shared
                .lease(message)
                .settle(Disposition::HandBack)
                .await;
        }
    }

    async fn drain(&self, mut messages: JoinSet<()>, let_go: &watch::Sender<bool>) {
        while messages.try_join_next().is_some() {}
        tracing::info!(in_flight = messages.len(), grace = ?self.grace, "draining");
        if timeout(self.grace, all(&mut messages)).await.is_err() {
            tracing::warn!(
                in_flight = messages.len(),
                "the grace is over: handing back what is not done"
            );
            let_go.send_replace(true);
            if timeout(LAST_CALLS, all(&mut messages)).await.is_err() {
                tracing::warn!(
                    in_flight = messages.len(),
                    "left behind; their visibility timeout brings them back"
                );
            }
        }
        tracing::info!("drained");
    }
}

async fn all(messages: &mut JoinSet<()>) {
    while messages.join_next().await.is_some() {}
}

impl Shared {
    fn lease(&self, message: Message) -> Lease {
        Lease::new(
            self.queue.clone(),
            message,
            self.queue_settings.visibility_timeout,
            Arc::clone(&self.metrics),
        )
    }

    /// One message, from its receive to its settling. Holds the slot all the while.
    async fn work(
        self: Arc<Self>,
        message: Message,
        _slot: OwnedSemaphorePermit,
        mut told_to_let_go: watch::Receiver<bool>,
    ) {
        self.metrics.messages_received.inc();
        self.metrics.jobs_in_progress.inc();
        self.observe_lag(&message);
        let receive_count = message.receive_count;
        let jobs = tokio::spawn(Arc::clone(&self).do_jobs(message.clone()));
        let mut lease = self.lease(message);
        let done = match lease.keep_while(jobs, &mut told_to_let_go).await {
            Held::Finished(done) => Some(done),
            Held::Panicked => Some(Err(Failure::Panicked)),
            Held::Interrupted => None,
            Held::Lost => {
                self.metrics.leases_lost.inc();
                self.metrics.jobs_in_progress.dec();
                tracing::warn!(
                    message_id = lease.message().id,
                    receive_count,
                    "the message is no longer ours: its job is cancelled"
                );
                return;
            }
        };
        let disposition = done.map_or(Disposition::HandBack, |done| {
            disposition(&done, receive_count, self.max_receive_count())
        });
        lease.settle(disposition).await;
        self.metrics.jobs_in_progress.dec();
    }

    /// Does every job in the message, whatever becomes of the others, and returns the first
    /// failure.
    async fn do_jobs(self: Arc<Self>, message: Message) -> Result<(), Failure> {
        let jobs = job::read(&message.body)
            .inspect_err(|error| self.report_unreadable(&message, error))?;
        let mut first_failure = None;
        for job in &jobs {
            let started = Instant::now();
            let handled = timeout(
                JOB_TIMEOUT,
                self.pipeline.handle(job, message.receive_count),
            )
            .await;
            let handled = handled.unwrap_or(Err(JobError::TimedOut(JOB_TIMEOUT)));
            self.report(job, &message, &handled, started.elapsed());
            if let Err(error) = handled {
                self.give_up_if_last(job, &message, &error).await;
                first_failure.get_or_insert(error);
            }
        }
        first_failure.map_or(Ok(()), |error| Err(error.into()))
    }

    async fn give_up_if_last(&self, job: &Job, message: &Message, error: &JobError) {
        if !is_last(message.receive_count, self.max_receive_count()) {
            return;
        }
        let reason = Reason {
            code: "failed".to_owned(),
            detail: chain(error),
        };
        if let Err(error) = self
            .pipeline
            .record_failure(job, reason, message.receive_count)
            .await
        {
            tracing::warn!(
                message_id = message.id,
                error = chain(&error),
                "cannot record that the job is given up"
            );
        }
    }

    fn max_receive_count(&self) -> Option<u32> {
        self.queue_settings
            .redrive
            .as_ref()
            .map(|redrive| redrive.max_receive_count)
    }

    /// Redeliveries would say how long failures last, not how far behind the fleet is.
    fn observe_lag(&self, message: &Message) {
        if let (1, Some(sent_at)) = (message.receive_count, message.sent_at) {
            let lag = Moment::now()
                .as_millis()
                .saturating_sub(sent_at.as_millis())
                .max(0);
            self.metrics
                .queue_lag
                .observe(Duration::from_millis(lag.unsigned_abs()).as_secs_f64());
        }
    }

    /// One line and one count per outcome of a job.
    fn report(
        &self,
        job: &Job,
        message: &Message,
        handled: &Result<Outcome, JobError>,
        took: Duration,
    ) {
        let object = self.pipeline.object_of(job);
        let kind = match job {
            Job::Render(_) => "render",
            Job::Ingest(_) => "ingest",
        };
        let outcome = handled.as_ref().map_or("failed", |outcome| outcome.name());
        let reason = handled.as_ref().ok().and_then(|outcome| outcome.reason());
        self.metrics.count_job(kind, outcome, reason, took);
        let (image_id, key) = (ImageId::of(&object), &object.key);
        let (message_id, receive_count) = (&message.id, message.receive_count);
        let elapsed_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        match handled {
            Ok(_) => {
                tracing::info!(%image_id, key, message_id, receive_count, elapsed_ms, kind, outcome, reason, "job done");
            }
            Err(error) => {
                let error = chain(error);
                tracing::warn!(%image_id, key, message_id, receive_count, elapsed_ms, kind, outcome, error, "job failed");
            }
        }
    }

    fn report_unreadable(&self, message: &Message, error: &Unreadable) {
        self.metrics
            .jobs
            .with_label_values(&["unreadable", "failed"])
            .inc();
        let (message_id, receive_count) = (&message.id, message.receive_count);
        tracing::warn!(
            message_id,
            receive_count,
            error = chain(error),
            "cannot read the message: it goes to the dead-letter queue"
        );
    }
}

/// What is done with a message whose jobs ended like this.
pub fn disposition(
    done: &Result<(), Failure>,
    receive_count: u32,
    max_receive_count: Option<u32>,
) -> Disposition {
    let Err(failure) = done else {
        return Disposition::Delete;
    };
    // Waiting will not make these better; the dead-letter queue, where there is one, is where a
    // person finds them.
    let hopeless = match failure {
        Failure::Unreadable(_) => true,
        Failure::Job(error) => error.is_hopeless(),
        Failure::Panicked => false,
    };
    // Beyond the maximum that was read at start, somebody has changed it: then nothing may spin.
    let ends_there = max_receive_count.is_some_and(|max| receive_count <= max);
    if ends_there && (hopeless || is_last(receive_count, max_receive_count)) {
        return Disposition::Retry(Duration::ZERO);
    }
    let asked = match failure {
        Failure::Job(error) => error.asked_delay(),
        _ => None,
    };
    Disposition::Retry(retry::redelivery_delay(receive_count).max(asked.unwrap_or_default()))
}

fn is_last(receive_count: u32, max_receive_count: Option<u32>) -> bool {
    max_receive_count.is_some_and(|max| receive_count >= max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::IngestError;

    const MAX: Option<u32> = Some(5);

    fn unavailable(seconds: u64) -> Result<(), Failure> {
        let retry_after = Some(Duration::from_secs(seconds));
        let error = IngestError::Unavailable {
            url: "u".into(),
            status: reqwest::StatusCode::SERVICE_UNAVAILABLE,
            retry_after,
        };
        Err(Failure::Job(JobError::Ingest(error)))
    }

    #[test]
    fn a_message_is_deleted_only_when_its_jobs_came_to_an_outcome() {
        assert_eq!(disposition(&Ok(()), 1, MAX), Disposition::Delete);
        for done in [
            Err(Failure::Panicked),
            Err(Failure::Job(JobError::Contended(5))),
            Err(Failure::Unreadable(Unreadable::Unknown)),
        ] {
            assert!(
                matches!(disposition(&done, 1, MAX), Disposition::Retry(_)),
                "{done:?}"
            );
        }
    }

    #[test]
    fn what_waiting_cannot_help_goes_to_the_dead_letter_queue_without_delay() {
        let at_once = Disposition::Retry(Duration::ZERO);
        assert_eq!(
            disposition(&Err(Failure::Unreadable(Unreadable::Unknown)), 1, MAX),
            at_once
        );
        assert_eq!(
            disposition(
                &Err(Failure::Job(JobError::Misdirected("x".into()))),
                1,
                MAX
            ),
            at_once
        );
        assert_eq!(
            disposition(&Err(Failure::Job(JobError::Contended(5))), 5, MAX),
            at_once
        );
    }

    #[test]
    fn a_failed_job_waits_before_it_is_tried_again() {
        let check = |done, count, max| {
            let Disposition::Retry(delay) = disposition(&Err(done), count, max) else {
                panic!("deleted")
            };
            assert!(delay >= Duration::from_secs(1), "{count}: {delay:?}");
        };
        check(Failure::Job(JobError::Contended(5)), 1, MAX);
        check(Failure::Job(JobError::Contended(5)), 4, MAX);
        check(Failure::Panicked, 9, None);
        check(Failure::Unreadable(Unreadable::Unknown), 6, MAX); // The maximum has been raised since.
        check(Failure::Unreadable(Unreadable::Unknown), 9, None); // No dead-letter queue: it must not spin.
    }

    #[test]
    fn a_server_that_asks_for_time_gets_it() {
        assert_eq!(
            disposition(&unavailable(600), 1, MAX),
            Disposition::Retry(Duration::from_secs(600))
        );
    }
}
