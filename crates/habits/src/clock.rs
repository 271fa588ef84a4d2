//! The time of one cluster's stream, which one wrong clock cannot move.

/// How far events may lie apart and still be of one time, in seconds: batches come late and out of order.
const NEAR: u32 = 6 * 3600;
/// How many events in a row must agree on another time before it is taken for the time: so a log of last month, or the
/// time after an outage, is believed, and one of several API servers with a wrong clock is not.
const AGREE: u32 = 64;
/// After how much time that was watched counts are halved, in seconds.
pub(crate) const AGE: u64 = 30 * 86_400;

/// The time of a stream. All times are seconds since 1970.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Clock {
    now: u32,
    /// For how long the stream was watched, without the gaps, since the process began.
    watched: u64,
    /// The same since counts were last halved.
    aged: u64,
    elsewhere: u32,
    agreed: u32,
}

impl Clock {
    /// Takes in the time of an event and gives the time to write down for it: its own, or the stream's where nobody
    /// else says such a time.
    pub(crate) fn see(&mut self, time: u32) -> u32 {
        if self.now == 0 {
            self.now = time;
        }
        if time.abs_diff(self.now) <= NEAR {
            let passed = u64::from(time.saturating_sub(self.now));
            self.watched += passed;
            self.aged += passed;
            self.now = self.now.max(time);
            self.agreed = 0;
            return time;
        }
        self.agreed = if time.abs_diff(self.elsewhere) <= NEAR { self.agreed + 1 } else { 1 };
        self.elsewhere = time;
        if self.agreed < AGREE {
            return self.now;
        }
        // What lies between was not watched, and ages nobody.
        self.now = time;
        self.agreed = 0;
        time
    }

    /// The latest time of the stream.
    pub(crate) fn now(&self) -> u32 {
        self.now
    }

    /// For how long the stream was watched, in seconds.
    pub(crate) fn watched(&self) -> i64 {
        i64::try_from(self.watched).unwrap_or(i64::MAX)
    }

    /// For how long it was watched since counts were last halved, in seconds.
    pub(crate) fn aged(&self) -> u64 {
        self.aged
    }

    /// Takes up where an earlier process was.
    pub(crate) fn resume(&mut self, now: u32, aged: u64) {
        if self.now == 0 {
            self.now = now;
        }
        self.aged = self.aged.max(aged.min(AGE));
    }

    /// True once each time that counts are to be halved.
    pub(crate) fn is_due(&mut self) -> bool {
        let due = self.aged >= AGE;
        if due {
            self.aged = 0;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u32 = 1_795_000_000;
    const YEAR: u32 = 365 * 86_400;

    #[test]
    fn one_clock_in_the_future_is_not_believed() {
        let mut clock = Clock::default();
        for second in 0..1000 {
            assert_eq!(clock.see(NOW + second), NOW + second);
            assert_eq!(clock.see(NOW + YEAR + second), NOW + second);
        }
        assert_eq!((clock.now(), clock.watched()), (NOW + 999, 999));
    }

    #[test]
    fn a_first_event_from_the_future_is_soon_outvoted() {
        let mut clock = Clock::default();
        clock.see(NOW + YEAR);
        for second in 0..100 {
            clock.see(NOW + second);
        }
        assert_eq!(clock.now(), NOW + 99);
        assert!(clock.watched() < 100);
    }

    #[test]
    fn a_gap_is_believed_and_ages_nobody() {
        let mut clock = Clock::default();
        clock.see(NOW);
        for second in 0..100 {
            clock.see(NOW + YEAR + second);
        }
        assert_eq!(clock.now(), NOW + YEAR + 99);
        assert!(clock.watched() < 100 && !clock.is_due());
    }

    #[test]
    fn counts_are_halved_once_in_thirty_days() {
        let mut clock = Clock::default();
        let due = (0..61 * 24).filter(|hour| {
            clock.see(NOW + hour * 3600);
            clock.is_due()
        });
        assert_eq!(due.count(), 2);
    }
}
