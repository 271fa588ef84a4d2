//! Groups findings into incidents: same actor, same peer, close in time.

mod grow;
mod latest;

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use self::{
    grow::{grow, start},
    latest::{Latest, only_noted},
};
use crate::{advice, finding::Finding, incident::Incident, peer::Peer, steps::Stages, tripwire::rules};

/// How long the API server's note of a use waits for the use itself.
const NOTE_WAITS: SignedDuration = SignedDuration::from_millis(500);

/// How incidents are grouped and told.
#[derive(Debug, Clone, Copy)]
pub struct Grouping {
    /// Findings further apart than this belong to different incidents.
    pub window: SignedDuration,
    /// The shortest time between two updates about one incident. It doubles with each, up to `longest_quiet`.
    pub quiet: SignedDuration,
    /// The longest time between two updates while an incident grows.
    pub longest_quiet: SignedDuration,
    /// How many incidents may be open; over this the one longest silent is closed.
    pub max_open: usize,
}

impl Default for Grouping {
    fn default() -> Self {
        Self {
            window: SignedDuration::from_mins(15),
            quiet: SignedDuration::from_secs(30),
            longest_quiet: SignedDuration::from_mins(15),
            max_open: 10_000,
        }
    }
}

/// What an incident carries for its own growth, beside what people are told. Stored with it, opaque to the store.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Hashes of the events already counted, oldest first.
    seen: VecDeque<u64>,
    /// When the latest message is due or was.
    last_due: Option<Timestamp>,
    /// Seconds to wait after it.
    quiet: i64,
    /// When it was last told of, by the sensor's clock: events can be much older than that.
    #[serde(default)]
    touched: Option<Timestamp>,
    /// The drill that it is of.
    #[serde(default)]
    rehearsal: Option<String>,
    /// The latest events, so that the stages of one request are one step.
    #[serde(default)]
    stages: Stages,
}

/// An open incident.
#[derive(Debug, Clone)]
pub struct Open {
    /// What people are told.
    pub incident: Incident,
    /// What it carries for itself.
    pub state: State,
}

/// What a finding changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// A new incident.
    Opened,
    /// News that should not wait: a worse severity, or another decoy.
    Worse,
    /// More of the same.
    Grew,
}

/// The open incidents.
#[derive(Debug, Default)]
pub struct Incidents {
    grouping: Grouping,
    open: HashMap<String, Open>,
    latest: Latest,
}

impl Incidents {
    /// None open.
    pub fn new(grouping: Grouping) -> Self {
        Self { grouping, ..Self::default() }
    }

    /// Groups and tells by `grouping` from now on. An incident that is open keeps the pace it was told at.
    pub fn regroup(&mut self, grouping: Grouping) {
        self.grouping = grouping;
    }

    /// Takes back what was open before a restart.
    pub fn restore(&mut self, open: impl IntoIterator<Item = Open>) {
        let mut open: Vec<Open> = open.into_iter().collect();
        open.sort_by_key(|one| one.incident.last_seen);
        for one in open {
            self.latest.note_restored(&one.incident, one.state.rehearsal.as_deref());
            self.open.insert(one.incident.id.clone(), one);
        }
    }

    /// An open incident.
    pub fn get(&self, id: &str) -> Option<&Open> {
        self.open.get(id)
    }

    /// All that are open, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Open> {
        self.open.values()
    }

    /// Adds a finding to the incident it belongs to. None where it repeats an event that was counted.
    pub fn add(&mut self, finding: &Finding) -> Option<(String, Growth)> {
        if let Some(id) = self.find(finding) {
            let open = self.open.get_mut(&id)?;
            let growth = grow(open, finding)?;
            self.latest.note_finding(&open.incident, finding);
            return Some((id, growth));
        }
        let open = start(finding, self.grouping.quiet);
        let id = open.incident.id.clone();
        self.latest.note_finding(&open.incident, finding);
        self.open.insert(id.clone(), open);
        Some((id, Growth::Opened))
    }

    /// Adds a 401 to an open incident that names its peer. None where there is none.
    pub fn join(&mut self, unauthorized: &Finding) -> Option<(String, Growth)> {
        let window = self.grouping.window;
        let near =
            |id: &&String| self.open.get(*id).is_some_and(|o| near(&o.incident, unauthorized.time, window));
        let id = self.latest.same_peer(unauthorized).find(near)?.clone();
        grow(self.open.get_mut(&id)?, unauthorized).map(|growth| (id, growth))
    }

    /// Writes into an incident what its identity could do, as `could` knows it now.
    pub fn set_could(&mut self, id: &str, could: impl FnOnce(&Incident) -> Vec<String>) {
        if let Some(Open { incident, .. }) = self.open.get_mut(id) {
            incident.could = could(incident);
        }
    }

    /// Writes into an incident what stands behind its peer's address, as `peer` knows it now.
    pub fn set_peer(&mut self, id: &str, peer: impl FnOnce(&Incident) -> Option<Peer>) {
        if let Some(Open { incident, .. }) = self.open.get_mut(id) {
            incident.peer = peer(incident);
        }
    }

    /// The incident is about to be told: gives it its next revision, and says when the message is due.
    pub fn schedule(&mut self, id: &str, growth: Growth, now: Timestamp) -> Option<(Incident, Timestamp)> {
        let Grouping { quiet, longest_quiet, .. } = self.grouping;
        let Open { incident, state } = self.open.get_mut(id)?;
        incident.revision += 1;
        incident.next = advice::next(incident);
        state.touched = Some(now);
        // A clock that was set back must not silence an incident.
        let longest = now.checked_add(longest_quiet).unwrap_or(now);
        let due = match state.last_due.filter(|_| growth == Growth::Grew) {
            Some(last) if last > now => last.min(longest),
            Some(last) => {
                // What was restored without its state has no wait of its own yet.
                let wait = state.quiet.max(quiet.as_secs()).min(longest_quiet.as_secs());
                state.quiet = wait.saturating_mul(2);
                last.checked_add(SignedDuration::from_secs(wait)).unwrap_or(now).max(now)
            }
            // The use that the API server noted is logged a moment after the note: one message tells both.
            None if growth == Growth::Opened && only_noted(incident) => {
                now.checked_add(NOTE_WAITS).unwrap_or(now)
            }
            None => now,
        };
        state.last_due = Some(due);
        Some((incident.clone(), due))
    }

    /// Closes and gives the incidents with nothing new since the window before `now`, and the longest silent ones
    /// where too many are open.
    pub fn close(&mut self, now: Timestamp) -> Vec<Open> {
        let since = now.checked_sub(self.grouping.window).unwrap_or(now);
        let mut done: Vec<(Timestamp, String)> = self
            .open
            .values()
            .map(|o| (o.state.touched.unwrap_or(o.incident.last_seen), o.incident.id.clone()))
            .collect();
        done.sort_unstable();
        let over = done.len().saturating_sub(self.grouping.max_open);
        let silent = done.iter().take_while(|(last, _)| *last < since).count();
        done.truncate(over.max(silent));
        let closed: Vec<Open> = done.into_iter().filter_map(|(_, id)| self.open.remove(&id)).collect();
        if !closed.is_empty() {
            let open = &self.open;
            self.latest.retain(|id| open.contains_key(id));
        }
        closed
    }

    /// The open incident that a finding belongs to.
    fn find(&self, finding: &Finding) -> Option<String> {
        let is = |id: &String, fits: &dyn Fn(&Incident) -> bool| {
            let incident = self.open.get(id).map(|open| &open.incident);
            incident.is_some_and(|i| near(i, finding.time, self.grouping.window) && fits(i))
        };
        // A drill is one incident, whatever shows it, and is never part of another. What the drill began is known by its id.
        if let Some(rehearsal) = &finding.rehearsal {
            return self.latest.same_drill(rehearsal).filter(|id| is(id, &|i| i.drill)).cloned();
        }
        let placed =
            |fits: &dyn Fn(&Incident) -> bool| self.latest.same_placement(finding).filter(|id| is(id, fits));
        if finding.rule == rules::TOKEN_LAST_USED.id {
            return placed(&|i| i.drill == finding.drill).cloned();
        }
        let own = self.latest.same(finding).filter(|id| is(id, &|i| i.drill == finding.drill));
        // The API server may note a token's use before the use itself is logged: that incident has no actor yet.
        let used = finding.rule == rules::TOKEN_USED.id;
        let orphan = || placed(&|i| only_noted(i) && i.drill == finding.drill);
        let elsewhere = || self.latest.same_actor(finding).filter(|id| is(id, &|i| !i.drill));
        own.or_else(|| orphan().filter(|_| used)).or_else(elsewhere).cloned()
    }
}

fn near(incident: &Incident, time: Timestamp, window: SignedDuration) -> bool {
    time.duration_since(incident.last_seen) <= window && incident.first_seen.duration_since(time) <= window
}
