//! When something was seen, in little room.

use std::collections::BTreeSet;

/// How many ticks are told apart; then two become one.
const MOST: usize = 256;
/// In seconds.
const FIRST: u64 = 10;
/// Something steady is seen in so many ticks at least.
const LEAST: usize = 5;

/// The ticks of time in which something was seen; how long one is follows from how long it was seen.
#[derive(Debug, Clone)]
pub(super) struct Ticks {
    /// In seconds.
    length: u64,
    seen: BTreeSet<u64>,
}

impl Default for Ticks {
    fn default() -> Self {
        Self { length: FIRST, seen: BTreeSet::new() }
    }
}

impl Ticks {
    /// Takes in a time in seconds.
    pub(super) fn extend(&mut self, second: Option<u64>) {
        let Some(second) = second else { return };
        self.seen.insert(second / self.length);
        while self.seen.len() > MOST {
            self.length *= 2;
            self.seen = self.seen.iter().map(|tick| tick / 2).collect();
        }
    }

    /// Whether this was seen in most of the time in which anything was.
    pub(super) fn are_steady(&self, all: &Self) -> bool {
        let length = self.length.max(all.length);
        let count = |ticks: &Self| {
            let wide: BTreeSet<u64> = ticks.seen.iter().map(|tick| tick * ticks.length / length).collect();
            wide.len()
        };
        let (own, all) = (count(self), count(all));
        own >= LEAST.min(all) && own * 3 >= all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(seconds: impl Iterator<Item = u64>) -> Ticks {
        let mut ticks = Ticks::default();
        seconds.for_each(|second| ticks.extend(Some(second)));
        ticks
    }

    #[test]
    fn what_is_seen_all_the_time_is_steady_and_what_comes_in_a_burst_is_not() {
        let day = ticks((0..86_400).step_by(5));
        assert!(ticks((0..86_400).step_by(30)).are_steady(&day));
        assert!(!ticks(40_000..41_000).are_steady(&day));
        assert!(day.seen.len() <= MOST);
    }

    #[test]
    fn the_order_in_which_files_are_read_does_not_matter() {
        let forth = ticks((0..100_000).step_by(60));
        let mut seconds: Vec<u64> = (0..100_000).step_by(60).collect();
        seconds.reverse();
        let back = ticks(seconds.into_iter());
        assert_eq!(forth.seen, back.seen);
    }
}
