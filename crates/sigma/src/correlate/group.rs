//! The hits of one group, in the order of their time, and the windows that they fill.

use std::collections::VecDeque;

use super::plan::Correlation;

/// The newest arrivals by which a group judges what is long past. One event with a wrong clock among them changes
/// nothing.
const WITNESSES: usize = 8;

/// How much longer than its window a hit is kept for those that come late, in microseconds. An API server's webhook
/// repeats what it could not deliver for about 80 seconds.
const LATE: (i64, i64) = (120_000_000, 600_000_000);

/// What is left of a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Microseconds since 1970.
    pub(crate) time: i64,
    /// Which event it was.
    pub(crate) event: u64,
    /// What makes it differ from others: the hash of the value that is counted, or the place of its rule.
    pub(crate) what: u64,
    /// True where the window that ends with it is enough.
    pub(crate) met: bool,
}

/// How far a window reaches back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// Microseconds.
    pub(crate) span: i64,
    /// True where windows begin at whole multiples of the span, false where one ends with every hit.
    pub(crate) aligned: bool,
}

impl Window {
    /// Where the window that ends at `end` begins.
    pub(crate) fn start(self, end: i64) -> i64 {
        let back = if self.aligned { end.rem_euclid(self.span) } else { self.span };
        end.saturating_sub(back)
    }

    /// How long hits are kept.
    fn kept(self) -> i64 {
        self.span.saturating_add(self.span.clamp(LATE.0, LATE.1))
    }
}

/// A window that is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Met {
    pub(crate) count: u64,
    pub(crate) first: i64,
    pub(crate) last: i64,
}

/// The hits of one group.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) marks: VecDeque<Mark>,
    /// The times of the last arrivals, whatever they say.
    arrived: [i64; WITNESSES],
    arrivals: usize,
    /// The turn of the last arrival, among those of all groups.
    pub(crate) touched: u64,
}

impl Group {
    /// A group that was kept.
    pub(crate) fn of(marks: VecDeque<Mark>, touched: u64) -> Self {
        Self { marks, touched, ..Self::default() }
    }

    /// One more hit. Gives the window that it fills, unless that was told already.
    pub(crate) fn take(&mut self, of: &Correlation, most: usize, mark: Mark) -> Option<Met> {
        let from = self.marks.partition_point(|known| known.time < mark.time);
        let at = self.marks.partition_point(|known| known.time <= mark.time);
        let same = |known: &Mark| known.event == mark.event && known.what == mark.what;
        if self.marks.range(from..at).any(same) {
            return None;
        }
        self.marks.insert(at, mark);
        let met = self.judge(of, at);
        // Not before room is short: what is taken away is missed by what comes late, and by repeats.
        if of.need.thins() && self.marks.len() > most / 2 {
            self.thin(of, at);
        }
        self.forget_old(of.window, mark.time);
        while self.marks.len() > most.max(1) {
            self.forget_farthest(mark.time);
        }
        met
    }

    /// Judges each window that the hit at `at` is in. In a stream that is in order this is one.
    fn judge(&mut self, of: &Correlation, at: usize) -> Option<Met> {
        let mut told = None;
        let time = self.marks[at].time;
        for end in at..self.marks.len() {
            let last = self.marks[end].time;
            let start = of.window.start(last);
            if start > time {
                break;
            }
            if self.marks[end].met && of.need.rises() {
                continue;
            }
            let from = self.marks.partition_point(|known| known.time < start);
            let (count, met) = of.need.judge(self.marks.range(from..=end));
            let was = std::mem::replace(&mut self.marks[end].met, met);
            // A run of windows that are enough is told once: when the first of them is found.
            if met && !was && told.is_none() && !self.told_beside(of.window, end) {
                told = Some(Met { count, first: self.marks[from].time, last });
            }
        }
        told
    }

    fn told_beside(&self, window: Window, end: usize) -> bool {
        let met = |at: usize| self.marks.get(at).is_some_and(|mark| mark.met);
        let joined = |at: usize| match (self.marks.get(at), self.marks.get(at + 1)) {
            (Some(one), Some(next)) => window.start(next.time) <= one.time,
            _ => false,
        };
        let before = end.checked_sub(1).is_some_and(|before| met(before) && joined(before));
        before || (met(end + 1) && joined(end))
    }

    /// Takes away hits whose kind stands on both sides of them within one window: whatever window such a hit is in,
    /// one of its neighbours is in it too.
    fn thin(&mut self, of: &Correlation, at: usize) {
        let what = self.marks[at].what;
        let kin = |(index, mark): (usize, &Mark)| (mark.what == what).then_some(index);
        let mut before = self.marks.iter().enumerate().take(at).rev().filter_map(kin);
        let (one, two) = (before.next(), before.next());
        let next = self.marks.iter().enumerate().skip(at + 1).find_map(kin);
        if let (Some(one), Some(next)) = (one, next)
            && self.drop_between(of, one, at, next)
        {
            return;
        }
        if let (Some(two), Some(one)) = (two, one) {
            self.drop_between(of, two, one, at);
        }
    }

    fn drop_between(&mut self, of: &Correlation, before: usize, middle: usize, after: usize) -> bool {
        // Where the order of rules matters, so does what stands between.
        let parted = of.need.ordered() && after - before > 2;
        let dropped = !parted && of.window.start(self.marks[after].time) <= self.marks[before].time;
        if dropped {
            self.marks.remove(middle);
        }
        dropped
    }

    /// Forgets what all of the last arrivals agree is long past, or far ahead.
    fn forget_old(&mut self, window: Window, time: i64) {
        self.arrived[self.arrivals % WITNESSES] = time;
        self.arrivals += 1;
        if self.arrivals < WITNESSES {
            return;
        }
        let oldest = self.arrived.iter().min().map_or(i64::MIN, |time| time.saturating_sub(window.kept()));
        let newest = self.arrived.iter().max().map_or(i64::MAX, |time| time.saturating_add(window.kept()));
        while self.marks.front().is_some_and(|mark| mark.time < oldest) {
            self.marks.pop_front();
        }
        while self.marks.back().is_some_and(|mark| mark.time > newest) {
            self.marks.pop_back();
        }
    }

    /// Makes room: what is farthest from the present goes first.
    fn forget_farthest(&mut self, time: i64) {
        let ahead = self.marks.back().map_or(0, |mark| mark.time.saturating_sub(time));
        let past = self.marks.front().map_or(0, |mark| time.saturating_sub(mark.time));
        if ahead > past {
            self.marks.pop_back();
        } else {
            self.marks.pop_front();
        }
    }

    /// Whether an event at `time` could still make a window with what is kept.
    pub(crate) fn open(&self, window: Window, time: i64) -> bool {
        self.marks.iter().any(|mark| window.kept() >= time.saturating_sub(mark.time))
    }
}
