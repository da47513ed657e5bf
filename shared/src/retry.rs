//! When to try again: every delay of the project is decided here.
//!
//! `backoff` is unmaintained (RUSTSEC-2025-0012) and is used nowhere else, so that replacing it is
//! a change to one file.
//!
//! There are three layers and no more: the SDK repeats a call within seconds, the queue's
//! visibility timeout repeats a job within minutes ([`redelivery_delay`]), and a person repeats
//! what ended on the dead-letter queue.

use std::time::Duration;

use backoff::backoff::Backoff as _;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};

/// The first redelivery comes within this time: long enough for a hiccup to pass, short enough not
/// to be noticed.
const FIRST_REDELIVERY: Duration = Duration::from_secs(2);
/// No redelivery waits longer. Five receives then spread over minutes, an outage's usual length.
const LAST_REDELIVERY: Duration = Duration::from_secs(300);

/// How long a failed job stays hidden before its next receive: exponential in `receive_count`, with
/// full jitter (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>), never under one second, the queue's resolution.
pub fn redelivery_delay(receive_count: u32) -> Duration {
    let ceiling = FIRST_REDELIVERY
        .saturating_mul(2u32.saturating_pow(receive_count.min(16)))
        .min(LAST_REDELIVERY);
    Duration::from_millis(fastrand::u64(
        1_000..=u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX),
    ))
}

/// Growing pauses between failed polls, without end: half a second at first, half a minute at most.
pub struct PollPauses(ExponentialBackoff);

impl Default for PollPauses {
    fn default() -> Self {
        Self(
            ExponentialBackoffBuilder::new()
                .with_initial_interval(Duration::from_millis(500))
                .with_max_interval(Duration::from_secs(30))
                .with_multiplier(2.0)
                .with_randomization_factor(0.3)
                .with_max_elapsed_time(None)
                .build(),
        )
    }
}

impl PollPauses {
    /// The next pause.
    pub fn next_pause(&mut self) -> Duration {
        self.0.next_backoff().unwrap_or(self.0.max_interval)
    }

    /// A poll has succeeded.
    pub fn reset(&mut self) {
        self.0.reset();
    }
}

/// Pauses before the second, third, … attempt to settle a message. Their sum is small beside a
/// visibility timeout; when they are used up the message simply comes back.
pub fn settle_pauses() -> impl Iterator<Item = Duration> {
    [100, 400, 1_600].into_iter().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redelivery_delays_grow_and_stay_within_their_bounds() {
        let longest = |count| (0..500).map(|_| redelivery_delay(count)).max().unwrap();
        assert!(longest(1) <= Duration::from_secs(4));
        assert!(longest(5) > Duration::from_secs(30));
        for count in [0, 1, 5, 1_000, u32::MAX] {
            assert!(
                (Duration::from_secs(1)..=LAST_REDELIVERY).contains(&redelivery_delay(count)),
                "{count}"
            );
        }
    }

    #[test]
    fn poll_pauses_grow_without_end_and_start_over() {
        let mut pauses = PollPauses::default();
        let first = pauses.next_pause();
        let last = (0..100).map(|_| pauses.next_pause()).last().unwrap();
        assert!(first < Duration::from_secs(1) && last > Duration::from_secs(20));
        pauses.reset();
        assert!(pauses.next_pause() < Duration::from_secs(1));
    }
}
