//! How often a watch may send requests, whatever the server does.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::ask::Patience;

/// In the long run, one request in this time.
const STEP: Duration = Duration::from_secs(1);
/// So many may be sent at once where few were sent before: what ends a watch is followed by a look and a new watch.
const AT_ONCE: u32 = 3;
/// The longest rest.
const LONGEST: Duration = Duration::from_secs(30);

/// Keeps the pace.
pub(super) struct Pace {
    /// When the next request would be due if none had been saved up.
    due: Instant,
    first_rest: Duration,
    failures: u32,
}

impl Pace {
    pub(super) fn new(patience: &Patience) -> Self {
        Self { due: earliest(), first_rest: patience.first_wait, failures: 0 }
    }

    /// Waits until a request may be sent.
    pub(super) async fn turn(&mut self) {
        let due = self.due.max(earliest());
        self.due = due + STEP;
        sleep_until(due).await;
    }

    /// Rests after a failure: twice as long after each, and never as long as others do.
    pub(super) async fn rest(&mut self) {
        let doubled = self.first_rest.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        sleep(doubled.min(LONGEST).mul_f64(fastrand::f64().mul_add(0.5, 0.5))).await;
    }

    /// Rests before it is begun anew, but for the first time after something went well: that can be a long list.
    pub(super) async fn anew(&mut self) {
        match self.failures {
            0 => self.failures = 1,
            _ => self.rest().await,
        }
    }

    /// The next rest is a short one again.
    pub(super) fn went_well(&mut self) {
        self.failures = 0;
    }
}

/// The earliest time that a request can have been due at: what was saved up before is lost.
fn earliest() -> Instant {
    let now = Instant::now();
    now.checked_sub(STEP * (AT_ONCE - 1)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience() -> Patience {
        Patience { first_wait: Duration::from_millis(250), ..Patience::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_requests_may_follow_each_other_and_many_come_one_a_second() {
        sleep(Duration::from_secs(600)).await;
        let mut pace = Pace::new(&patience());
        for _ in 0..2 {
            let begin = Instant::now();
            for _ in 0..AT_ONCE {
                pace.turn().await;
            }
            assert!(begin.elapsed() < STEP);
            for _ in 0..60 {
                pace.turn().await;
            }
            assert!(begin.elapsed() >= 60 * STEP);
            sleep(Duration::from_secs(600)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rests_grow_to_thirty_seconds_and_begin_anew_after_what_went_well() {
        let mut pace = Pace::new(&patience());
        let mut rested = Vec::new();
        for _ in 0..12 {
            let begin = Instant::now();
            pace.rest().await;
            rested.push(begin.elapsed());
        }
        assert!(rested[0] <= Duration::from_millis(251) && rested[4] >= Duration::from_secs(2), "{rested:?}");
        let longest = rested.iter().max().unwrap();
        assert!((Duration::from_secs(15)..=Duration::from_millis(30_001)).contains(longest), "{rested:?}");
        pace.went_well();
        let begin = Instant::now();
        pace.rest().await;
        assert!(begin.elapsed() <= Duration::from_millis(251));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_begun_anew_again_and_again_is_begun_at_once_only_the_first_time() {
        let mut pace = Pace::new(&patience());
        for _ in 0..2 {
            let begin = Instant::now();
            pace.anew().await;
            assert_eq!(begin.elapsed(), Duration::ZERO);
            for _ in 0..10 {
                pace.anew().await;
            }
            assert!(begin.elapsed() > Duration::from_secs(30), "{:?}", begin.elapsed());
            pace.went_well();
        }
    }
}
