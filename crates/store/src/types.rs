//! What is put into the store in one commit, and what comes back out of it.

use jiff::Timestamp;
use sundew_detect::{Change, Incident, Severity, Sight};

#[cfg(doc)]
use crate::Store;

/// Everything that reading a piece of a source brought about. Written whole or not at all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Commit {
    /// How far each source has been read.
    pub positions: Vec<Position>,
    /// Incidents that began, grew or were closed.
    pub incidents: Vec<StoredIncident>,
    /// Messages that are now owed to sinks.
    pub outbox: Vec<Owed>,
    /// Input that could not be understood.
    pub rejects: Vec<Reject>,
    /// Touches that were no intrusion; counts add to what is there.
    pub suppressed: Vec<Suppressed>,
    /// Nonces of rehearsals that were seen in use, each with how often; counts add to what is there.
    pub rehearsals_used: Vec<(String, u64)>,
    /// As what drills were seen, each by its nonce, and the finding's time. The first of each kind stays.
    pub rehearsals_seen: Vec<(String, Sight, Timestamp)>,
    /// Named counters; values add to what is there.
    pub counters: Vec<(String, u64)>,
    /// What detection has learnt; a piece takes the place of the one before.
    pub memory: Vec<Remembered>,
}

impl Commit {
    /// True where there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
            && self.incidents.is_empty()
            && self.outbox.is_empty()
            && self.rejects.is_empty()
            && self.suppressed.is_empty()
            && self.rehearsals_used.is_empty()
            && self.rehearsals_seen.is_empty()
            && self.counters.is_empty()
            && self.memory.is_empty()
    }
}

/// How far a source has been read.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// The cluster whose events the source brings.
    pub cluster: String,
    /// The source's name in the configuration.
    pub source: String,
    /// The position, in a shape that only the source knows.
    pub at: serde_json::Value,
}

/// An incident with what the engine needs to let it grow after a restart.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredIncident {
    /// The incident as people are told about it.
    pub incident: Incident,
    /// The engine's own state for this incident; the store does not look inside.
    pub state: serde_json::Value,
    /// Set once nothing more joins it. A closed incident is no longer among
    /// [`Store::open_incidents`] and may be forgotten.
    pub closed: bool,
}

/// A message that a sink must be given.
#[derive(Debug, Clone, PartialEq)]
pub struct Owed {
    /// The sink's name in the configuration.
    pub sink: String,
    /// [`Incident::id`].
    pub incident_id: String,
    /// [`Incident::revision`] that this message tells.
    pub revision: u32,
    /// [`Incident::severity`] at that revision.
    pub severity: Severity,
    /// Whether the sink hears of the incident for the first time.
    pub change: Change,
    /// When to send it at the earliest.
    pub due: Timestamp,
    /// The incident at that revision.
    pub incident: Incident,
}

/// A piece of input that could not be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The cluster whose events the source brings.
    pub cluster: String,
    /// The source it came from.
    pub source: String,
    /// Why, as one of a small number of words: it is the key that rejects are counted by.
    pub reason: String,
    /// When it was read.
    pub at: Timestamp,
    /// The input, or its beginning; the store keeps the first 4,096 bytes.
    pub sample: Vec<u8>,
    /// The length of the whole input in bytes.
    pub bytes: u64,
}

/// A kept reject, as [`Store::rejects`] lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReject {
    /// Grows with each reject.
    pub id: i64,
    /// What was kept of it.
    pub reject: Reject,
}

/// How many rejects a source had for one reason, forgotten ones included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectCount {
    /// The cluster.
    pub cluster: String,
    /// The source.
    pub source: String,
    /// The reason.
    pub reason: String,
    /// How many there were.
    pub count: u64,
    /// Their length together, in bytes.
    pub bytes: u64,
}

/// Touches that were told apart from an intrusion, counted by who, what and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppressed {
    /// The cluster.
    pub cluster: String,
    /// Why it is no alert.
    pub reason: String,
    /// The decoy that was touched, as the inventory names it.
    pub decoy: Option<String>,
    /// Who touched it.
    pub actor: Option<String>,
    /// From where.
    pub peer: Option<String>,
    /// How many times.
    pub count: u64,
    /// The first time.
    pub first: Timestamp,
    /// The latest time.
    pub last: Timestamp,
}

/// A piece of what detection has learnt. The store does not look inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The cluster.
    pub cluster: String,
    /// What kind of piece; with the key, unique in its cluster.
    pub kind: String,
    /// Whose.
    pub key: String,
    /// The piece. Written empty, it is forgotten.
    pub body: Vec<u8>,
}

/// A message that waits to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// Names the message in [`Store::delivered`], [`Store::failed`] and [`Store::dead`]. Never used again.
    pub id: i64,
    /// The sink it is for.
    pub sink: String,
    /// [`Incident::id`].
    pub incident_id: String,
    /// The revision it tells. Give it back with the outcome.
    pub revision: u32,
    /// The severity at that revision.
    pub severity: Severity,
    /// Whether the sink hears of the incident for the first time.
    pub change: Change,
    /// When to send it at the earliest.
    pub due: Timestamp,
    /// Since when the sink has been owed something about this incident: the first `due` it was given.
    pub owed_since: Timestamp,
    /// How many attempts failed so far.
    pub attempts: u32,
    /// The incident at that revision.
    pub incident: Incident,
}

/// What [`Store::delivered`], [`Store::failed`] and [`Store::dead`] left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The outcome was noted.
    Done,
    /// The outcome was noted, and a newer revision, which came while this one was on its way, still waits.
    NewerWaits,
    /// No such message waits: it was settled before.
    Gone,
}

/// A message that was given up.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// Names it in [`Revive::One`].
    pub id: i64,
    /// The sink it was for.
    pub sink: String,
    /// [`Incident::id`].
    pub incident_id: String,
    /// The revision it tells.
    pub revision: u32,
    /// The severity at that revision, as it was written.
    pub severity: String,
    /// How many attempts failed.
    pub attempts: u32,
    /// What the last attempt said.
    pub error: String,
    /// When it was given up.
    pub at: Option<Timestamp>,
    /// The incident at that revision, as JSON.
    pub body: String,
}

/// Which dead letters to send again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revive {
    /// This one.
    One(i64),
    /// All of them.
    All,
}

/// How things stand with one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxSummary {
    /// The sink.
    pub sink: String,
    /// How many messages wait, those not yet due included.
    pub waiting: u64,
    /// How many messages were given up.
    pub dead: u64,
    /// Since when the oldest waiting message has been owed.
    pub oldest_waiting: Option<Timestamp>,
    /// The latest error among what waits or was given up.
    pub last_error: Option<String>,
    /// When a message was last delivered.
    pub last_delivered: Option<Timestamp>,
}

/// That a sink was told of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The sink.
    pub sink: String,
    /// The newest revision it was told.
    pub revision: u32,
    /// When the first message arrived.
    pub first: Timestamp,
    /// When the newest message arrived.
    pub last: Timestamp,
}
