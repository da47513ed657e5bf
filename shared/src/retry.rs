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

/// The longest that the first redelivery waits: long enough for a hiccup to pass.
const FIRST_REDELIVERY: Duration = Duration::from_secs(15);
/// No redelivery waits longer. Five receives then spread over two to four minutes.
const LAST_REDELIVERY: Duration = Duration::from_secs(300);

/// How long a failed job stays hidden before its next receive: exponential in `receive_count`, half
/// of it fixed and half of it jitter (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>),
/// so that the receives that a queue allows are not spent on one short outage.
pub fn redelivery_delay(receive_count: u32) -> Duration {
    let doublings = receive_count.clamp(1, 16) - 1;
    let ceiling = FIRST_REDELIVERY
        .saturating_mul(1 << doublings)
        .min(LAST_REDELIVERY);
    ceiling.mul_f64(0.5 + fastrand::f64() / 2.0)
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
        let check = |count, least, most| {
            let bounds = Duration::from_secs_f64(least)..=Duration::from_secs_f64(most);
            for _ in 0..500 {
                let delay = redelivery_delay(count);
                assert!(bounds.contains(&delay), "{count}: {delay:?}");
            }
        };
        check(0, 7.5, 15.0);
        check(1, 7.5, 15.0);
        check(2, 15.0, 30.0);
        check(4, 60.0, 120.0);
        check(6, 150.0, 300.0);
        check(u32::MAX, 150.0, 300.0);
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
