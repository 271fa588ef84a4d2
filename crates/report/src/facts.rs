//! What a report is made of.

use jiff::Timestamp;
use sundew_detect::{Incident, Severity};
use sundew_posture::report::Report;

/// Something that was looked at, or not.
#[derive(Debug, Clone, PartialEq)]
pub enum Looked<T> {
    /// It was.
    At(T),
    /// It was not, and why: a sentence without a full stop that says what to give.
    Not(String),
}

impl<T> Looked<T> {
    /// What was seen.
    pub fn seen(&self) -> Option<&T> {
        match self {
            Self::At(seen) => Some(seen),
            Self::Not(_) => None,
        }
    }
}

/// All that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// What the cluster is called.
    pub cluster: String,
    /// When the report is made.
    pub now: Timestamp,
    /// The decoys of the inventory.
    pub decoys: Looked<Vec<Decoy>>,
    /// What the sensor's store holds.
    pub sensor: Looked<Sensor>,
    /// What each identity could do, without what is about decoys.
    pub posture: Looked<Report>,
    /// How many findings about decoys were left out of that.
    pub spared: usize,
    /// What a detection does not see, by the audit policy, the API server's flags and the configuration.
    pub blind: Looked<Vec<Concern>>,
    /// What is wrong with the cluster's settings.
    pub settings: Looked<Vec<Concern>>,
}

/// A decoy as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoy {
    /// `NAMESPACE/ACCOUNT`.
    pub name: String,
    /// The story it tells.
    pub persona: String,
    /// `planted`, `retired` …, or `by hand`.
    pub state: String,
    /// When it was planted.
    pub planted: Option<Timestamp>,
    /// What is wrong with it: objects that are gone or were changed, in words.
    pub wrong: Vec<String>,
    /// Whether the cluster itself was asked for its objects.
    pub asked: bool,
    /// The latest incident that touched it and was no drill: id and time.
    pub touched: Option<(String, Timestamp)>,
    /// The latest drill that arrived.
    pub drilled: Option<Timestamp>,
}

/// What the sensor's store holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sensor {
    /// The latest incidents, latest first.
    pub incidents: Vec<Held>,
    /// Where events come from: the name of each source, and how far it was read, in words.
    pub sources: Vec<(String, String)>,
    /// Where alerts go: the name of each sink, how many messages wait, and how many were given up.
    pub sinks: Vec<(String, u64, u64)>,
    /// How many pieces of input were no events.
    pub rejects: u64,
    /// How many touches were not told, by reason.
    pub suppressed: Vec<(String, u64)>,
}

/// An incident, and whether it may still grow.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Whether it may still grow.
    pub open: bool,
    /// The incident.
    pub incident: Incident,
}

/// Something that should be otherwise, or that could not be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concern {
    /// How bad it is; nothing where it could not be seen whether it is.
    pub severity: Option<Severity>,
    /// What it is, in one sentence.
    pub what: String,
    /// Where that was seen.
    pub evidence: String,
    /// What to do; may be empty.
    pub fix: String,
}
