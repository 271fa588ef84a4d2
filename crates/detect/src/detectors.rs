//! The three detectors together, without a state: what they say of one event.

use std::sync::Arc;

use jiff::Timestamp;
use sundew_audit::{Event, Reject};
use sundew_habits::{Seen, Settings};
use sundew_sigma::Hit;

use crate::{Finding, Signal, Tripwire, echo::Quiet, rules::Rulebook};

/// What the detectors say of one event. What follows from it is [`crate::Watch`]'s to decide, in order.
#[derive(Debug)]
pub enum Clue {
    /// The tripwire's word.
    Signal(Box<Signal>),
    /// Rules that the event met and that are told of by themselves.
    Hits(Vec<Hit>, Box<Told>),
    /// What is counted: by correlations, habits and token checks.
    Quiet(Arc<Quiet>, Box<Told>),
}

/// An event that is needed again, and when it was.
#[derive(Debug)]
pub struct Told {
    /// The JSON that the event was read from.
    pub json: Box<str>,
    /// When the request arrived; the start of time where the event does not say.
    pub time: Timestamp,
    /// What tells the request from others of that time: see [`sundew_sigma::correlate::request`].
    pub request: u64,
}

/// The detectors in use. Cheap to share; made anew when inventory, rules or configuration change.
#[derive(Debug, Clone)]
pub struct Detectors {
    /// Decoys.
    pub tripwire: Arc<Tripwire>,
    /// Rules; none where they are not used.
    pub rules: Option<Arc<Rulebook>>,
    /// Habits and token checks; none where they are not used.
    pub habits: Option<Settings>,
}

impl Detectors {
    /// The tripwire alone.
    pub fn tripwire(tripwire: Tripwire) -> Self {
        Self { tripwire: Arc::new(tripwire), rules: None, habits: None }
    }

    /// Whether the tripwire is all there is: then lines that name no decoy need not be read.
    pub fn only_tripwire(&self) -> bool {
        self.rules.is_none() && self.habits.is_none()
    }

    /// Whether a line that differs from an earlier one in ids and times alone means the same.
    pub fn may_remember(&self) -> bool {
        !self.rules.as_ref().is_some_and(|rules| rules.set.reads_volatile())
    }

    /// What `event` of `cluster` means, as it was read from `json`.
    pub fn read(&self, cluster: &str, event: &Event<'_>, json: &str, clue: &mut dyn FnMut(Clue)) {
        let told = || {
            let time = event.time().unwrap_or(Timestamp::UNIX_EPOCH);
            Box::new(Told { json: json.into(), time, request: sundew_sigma::correlate::request(event) })
        };
        let mut touched = false;
        for signal in self.tripwire.judge(cluster, event) {
            touched |= matches!(signal, Signal::Finding(_));
            clue(Clue::Signal(Box::new(signal)));
        }
        let mut counted = Vec::new();
        if let Some(rules) = &self.rules {
            let mut hits = Vec::new();
            rules.set.judge(event, &mut hits);
            counted.extend(hits.extract_if(.., |hit| !rules.tells(hit.rule)));
            counted.retain(|hit| rules.set.is_counted(hit.rule));
            if !hits.is_empty() {
                clue(Clue::Hits(hits, told()));
            }
        }
        // Nobody is to learn from whoever holds a decoy that this is what they do.
        let learns = self.habits.is_some() && !touched;
        let seen = if learns { Seen::of(event).map(Seen::into_owned) } else { None };
        let quiet = Quiet::new(seen, counted, json);
        if !quiet.is_empty() {
            clue(Clue::Quiet(Arc::new(quiet), told()));
        }
    }

    /// What input that is no event means.
    pub fn read_reject(
        &self,
        cluster: &str,
        reject: &Reject,
        raw: &[u8],
        partial: Option<&Event<'_>>,
        now: Timestamp,
    ) -> Option<Finding> {
        self.tripwire.judge_reject(cluster, reject, raw, partial, now)
    }
}
