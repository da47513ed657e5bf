//! A message is ours for a while: the heartbeat that keeps it so, and the settling that ends it.
//!
//! One task makes all calls on a receipt handle, one after the other, so that a heartbeat can
//! neither overtake a delete nor undo a retry delay.

use std::sync::Arc;
use std::time::Duration;

use shared::queue::{Message, Queue, QueueError, Receipt};
use shared::{retry, telemetry};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior, interval_at, sleep};

use crate::metrics::Metrics;

/// SQS counts the hours from the receive and refuses to hide a message for longer
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>).
const LONGEST_LEASE: Duration = Duration::from_secs(12 * 60 * 60);

/// A received message, from its receive to its settling.
#[derive(Debug)]
pub struct Lease {
    queue: Queue,
    message: Message,
    visibility_timeout: Duration,
    received: tokio::time::Instant,
    heartbeat: Interval,
    metrics: Arc<Metrics>,
}

/// How the time in which a message was held ended.
#[derive(Debug)]
pub enum Held<T> {
    /// The job came to its end.
    Finished(T),
    /// The job panicked.
    Panicked,
    /// The message is no longer ours; the job has been cancelled.
    Lost,
    /// The worker is told to let go; the job has been cancelled.
    Interrupted,
}

/// What to do with a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Disposition {
    /// Its outcome is recorded.
    Delete,
    /// It failed: hide it for this long, then try again.
    Retry(Duration),
    /// It was not worked on, or not to the end: somebody else may have it at once.
    HandBack,
}

impl Lease {
    /// Holds `message` from now on.
    pub fn new(
        queue: Queue,
        message: Message,
        visibility_timeout: Duration,
        metrics: Arc<Metrics>,
    ) -> Self {
        let received = tokio::time::Instant::now();
        let period = (visibility_timeout / 3).max(Duration::from_millis(300));
        let mut heartbeat = interval_at(received + period, period);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            queue,
            message,
            visibility_timeout,
            received,
            heartbeat,
            metrics,
        }
    }

    /// The message.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// Keeps the message hidden until `job` ends. Cancels it when the message is lost or `let_go`
    /// turns true.
    pub async fn keep_while<T>(
        &mut self,
        mut job: JoinHandle<T>,
        let_go: &mut watch::Receiver<bool>,
    ) -> Held<T> {
        let cancelled = loop {
            tokio::select! {
                ended = &mut job => return ended.map_or(Held::Panicked, Held::Finished),
                _ = self.heartbeat.tick() => if self.extend().await == Some(Receipt::Lost) { break Held::Lost },
                () = told(let_go) => break Held::Interrupted,
            }
        };
        job.abort();
        // It ends at its next await, and before that it may have finished.
        match (job.await, cancelled) {
            (Ok(outcome), Held::Interrupted) => Held::Finished(outcome),
            (_, cancelled) => cancelled,
        }
    }

    /// Does with the message what was decided. When SQS cannot be reached it tries again for a
    /// while and keeps the message hidden meanwhile; then the message comes back by itself, and
    /// finds its outcome recorded.
    pub async fn settle(mut self, disposition: Disposition) {
        let mut pauses = retry::settle_pauses();
        loop {
            match self.attempt(disposition).await {
                Ok(receipt) => return self.note(disposition, receipt),
                Err(error) => match pauses.next() {
                    Some(pause) => self.pause(pause).await,
                    None => return self.give_up(disposition, &error),
                },
            }
        }
    }

    async fn attempt(&self, disposition: Disposition) -> Result<Receipt, QueueError> {
        match disposition {
            Disposition::Delete => self.queue.delete(&self.message).await,
            Disposition::Retry(delay) => {
                self.queue
                    .hide(&self.message, delay.min(self.longest_extension()))
                    .await
            }
            Disposition::HandBack => self.queue.hide(&self.message, Duration::ZERO).await,
        }
    }

    async fn pause(&mut self, pause: Duration) {
        let end = sleep(pause);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return,
                _ = self.heartbeat.tick() => { self.extend().await; }
            }
        }
    }

    /// Hides the message again. `None` when SQS did not answer: the next heartbeat tries again.
    async fn extend(&self) -> Option<Receipt> {
        let answer = self
            .queue
            .hide(
                &self.message,
                self.visibility_timeout.min(self.longest_extension()),
            )
            .await;
        let result = match &answer {
            Ok(Receipt::Valid) => "extended",
            Ok(Receipt::Lost) => "lost",
            Err(error) => {
                tracing::warn!(
                    message_id = self.message.id,
                    error = telemetry::chain(error),
                    "cannot extend the visibility timeout"
                );
                "failed"
            }
        };
        self.metrics.heartbeats.with_label_values(&[result]).inc();
        answer.ok()
    }

    fn longest_extension(&self) -> Duration {
        LONGEST_LEASE.saturating_sub(self.received.elapsed() + Duration::from_secs(1))
    }

    fn note(&self, disposition: Disposition, receipt: Receipt) {
        if receipt == Receipt::Lost {
            tracing::debug!(
                message_id = self.message.id,
                "the message was no longer ours when it was settled"
            );
        }
        let how = match disposition {
            Disposition::Delete => "deleted",
            Disposition::Retry(_) => "retried",
            Disposition::HandBack => "handed_back",
        };
        self.metrics
            .messages_settled
            .with_label_values(&[how])
            .inc();
    }

    fn give_up(&self, disposition: Disposition, error: &QueueError) {
        let error = telemetry::chain(error);
        tracing::warn!(
            message_id = self.message.id,
            ?disposition,
            error,
            "cannot settle the message: it will come back"
        );
        self.metrics
            .messages_settled
            .with_label_values(&["unsettled"])
            .inc();
    }
}

/// Also when the consumer is gone: then nobody is left to tell.
async fn told(let_go: &mut watch::Receiver<bool>) {
    let _ = let_go.wait_for(|told| *told).await;
}
