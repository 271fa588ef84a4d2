//! How long to wait between two tries at one delivery: exponential, with full jitter.

use std::time::Duration;

/// Waiting times that double with each failed try, up to a cap. The wait itself is drawn evenly from nothing to
/// that bound, so that many messages that failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
}

impl Backoff {
    /// The bound after the first failed try, and the bound that is never passed.
    pub fn new(base: Duration, cap: Duration) -> Self {
        Self { base: base.min(cap), cap }
    }

    /// The longest wait after `attempt` failed tries, counted from 1 (0 is taken as 1).
    pub fn bound(&self, attempt: u32) -> Duration {
        let factor = 1u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }

    /// How long to wait after `attempt` failed tries, counted from 1. Depends on nothing but its arguments.
    pub fn delay(&self, attempt: u32, rng: &mut fastrand::Rng) -> Duration {
        let bound = u64::try_from(self.bound(attempt).as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(rng.u64(0..=bound))
    }
}

impl Default for Backoff {
    /// From one second to five minutes.
    fn default() -> Self {
        Self::new(Duration::from_secs(1), Duration::from_secs(300))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn the_bound_doubles_from_one_second_to_five_minutes() {
        let seconds: Vec<u64> = (1..=11).map(|n| Backoff::default().bound(n).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    #[test]
    fn waits_are_spread_over_the_whole_range_below_the_bound() {
        let mut rng = fastrand::Rng::with_seed(7);
        let quarters = (0..1000).fold([0; 4], |mut seen, _| {
            let wait = Backoff::default().delay(4, &mut rng);
            seen[(wait.as_secs() / 2).min(3) as usize] += 1;
            seen
        });
        assert!(quarters.iter().all(|&n| n > 200), "{quarters:?}");
    }

    proptest! {
        #[test]
        fn a_wait_never_passes_the_bound_and_the_bound_never_shrinks(
            base in any::<u64>(), cap in any::<u64>(), attempt in any::<u32>(), seed in any::<u64>(),
        ) {
            let backoff = Backoff::new(Duration::from_nanos(base), Duration::from_nanos(cap));
            let wait = backoff.delay(attempt, &mut fastrand::Rng::with_seed(seed));
            prop_assert!(wait <= backoff.bound(attempt));
            prop_assert!(backoff.bound(attempt) <= Duration::from_nanos(cap));
            prop_assert!(backoff.bound(attempt) <= backoff.bound(attempt.saturating_add(1)));
        }

        #[test]
        fn the_same_seed_gives_the_same_wait(attempt in 0u32..40, seed in any::<u64>()) {
            let wait = |seed| Backoff::default().delay(attempt, &mut fastrand::Rng::with_seed(seed));
            prop_assert_eq!(wait(seed), wait(seed));
        }
    }
}
