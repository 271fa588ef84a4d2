//! Times as seconds, and what is near in them: events come late, twice, and from clocks that are wrong.

use jiff::Timestamp;

/// Seconds.
pub(super) const MINUTE: u32 = 60;
/// Seconds.
pub(super) const HOUR: u32 = 60 * MINUTE;
/// Seconds.
pub(super) const DAY: u32 = 24 * HOUR;

/// Whole seconds since 1970. None before 1971 and past 2106: such a time says nothing.
pub(super) fn seconds(time: Timestamp) -> Option<u32> {
    u32::try_from(time.as_second()).ok().filter(|at| *at > 365 * DAY)
}

/// Whether two times are at most `most` seconds apart, whichever is first. Never, for a time that is not set.
pub(super) fn within(a: u32, b: u32, most: u32) -> bool {
    a != 0 && b != 0 && a.abs_diff(b) <= most
}

/// The later of two times; but one far in the future, which only a wrong clock gives, is given up for a better one.
pub(super) fn later(known: u32, at: u32) -> u32 {
    if known > at.saturating_add(DAY) { at } else { known.max(at) }
}

/// From the first to the last of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: u32,
    pub(super) last: u32,
}

impl Span {
    /// Once.
    pub(super) fn at(at: u32) -> Self {
        Self { first: at, last: at }
    }

    /// Once more.
    pub(super) fn extend(&mut self, at: u32) {
        self.first = self.first.min(at);
        self.last = later(self.last, at);
    }

    /// Seconds between first and last.
    pub(super) fn length(self) -> u32 {
        self.last.saturating_sub(self.first)
    }

    /// Whether one of the two began before the other had ended: nothing that only follows something else does.
    pub(super) fn overlaps(self, other: Self) -> bool {
        self.first < other.last && other.first < self.last
    }
}

/// A time in words, such as `2026-11-20 22:06:05 UTC`.
pub(super) fn words(at: u32) -> String {
    Timestamp::from_second(at.into())
        .map_or_else(|_| at.to_string(), |at| at.strftime("%F %T UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_say_nothing_are_none() {
        for (text, read) in [
            ("1970-01-01T00:00:00Z", false),
            ("1969-01-01T00:00:00Z", false),
            ("2026-11-20T22:06:05Z", true),
            ("2099-01-01T00:00:00Z", true),
            ("9999-01-01T00:00:00Z", false),
        ] {
            assert_eq!(seconds(text.parse().unwrap()).is_some(), read, "{text}");
        }
    }

    #[test]
    fn a_time_in_the_future_is_given_up_when_a_better_one_comes() {
        let mut span = Span::at(4_000_000_000);
        span.extend(1_000_000_000);
        assert_eq!(span, Span::at(1_000_000_000));
        span.extend(1_000_000_050);
        span.extend(1_000_000_010);
        assert_eq!((span.last, span.length()), (1_000_000_050, 50));
    }

    #[test]
    fn what_follows_does_not_overlap() {
        let (early, late) = (Span { first: 0, last: 10 }, Span { first: 10, last: 20 });
        assert!(!early.overlaps(late) && !late.overlaps(early));
        assert!(early.overlaps(Span::at(5)) && Span::at(5).overlaps(early));
        assert!(!Span::at(5).overlaps(Span::at(5)));
    }

    #[test]
    fn a_time_is_written_for_people() {
        assert_eq!(words(1_795_212_365), "2026-11-20 22:06:05 UTC");
    }
}
