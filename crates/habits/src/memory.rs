//! All identities of all clusters, bounded.

use jiff::{SignedDuration, Timestamp};

use crate::{Novelty, Seen, Shown};

/// How habits are learnt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// True where nothing is to be told: everything seen is taken as ordinary, and who was seen often enough is known
    /// from then on, however short the time was.
    pub teaching: bool,
    /// How long an identity must have been watched before anything new is told of it.
    pub learn_for: SignedDuration,
    /// How many requests of it must have been seen.
    pub least_requests: u64,
    /// How many identities are remembered; past this the longest silent and least used are forgotten.
    pub identities: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            teaching: false,
            learn_for: SignedDuration::from_hours(24),
            least_requests: 20,
            identities: 100_000,
        }
    }
}

/// Where in the memory the habits of one request stand, for as long as nothing there was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Slots {
    identity: u32,
    generation: u32,
    entries: [u16; 6],
}

/// What came of one observation.
#[derive(Debug, Default)]
pub struct Observed {
    /// What is new.
    pub novelties: Vec<Novelty>,
    /// Where the same request is counted next time.
    pub slots: Slots,
}

/// A piece of the memory that is to survive a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The cluster.
    pub cluster: String,
    /// What kind of piece; with the key, unique in its cluster.
    pub kind: String,
    /// Whose.
    pub key: String,
    /// The piece; empty where it is to be forgotten.
    pub body: Vec<u8>,
}

/// Habits and tokens of all clusters.
#[derive(Debug, Default)]
pub struct Memory {
    settings: Settings,
}

impl Memory {
    /// Knows nobody yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Other settings from now on. Nothing that is known is lost, unless the bound is lower.
    pub fn set(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Takes in one request in `cluster` at `time` and says what is new about it.
    pub fn observe(&mut self, cluster: &str, seen: &Seen<'_>, time: Timestamp) -> Observed {
        let _ = (cluster, seen, time);
        Observed::default()
    }

    /// Takes in a request that is like the one that gave `slots` in every respect but its time. False where those
    /// slots are no longer valid: then it must be observed.
    pub fn again(&mut self, slots: Slots, time: Timestamp) -> bool {
        let _ = (slots, time);
        false
    }

    /// Up to `most` pieces that changed since they were last taken.
    pub fn take_changed(&mut self, most: usize) -> Vec<Kept> {
        let _ = most;
        Vec::new()
    }

    /// Takes a piece back. What cannot be read is forgotten, and false.
    pub fn restore(&mut self, kept: &Kept) -> bool {
        let _ = kept;
        false
    }

    /// What is known of an identity.
    pub fn show(&self, cluster: &str, identity: &str) -> Option<Shown> {
        let _ = (cluster, identity);
        None
    }

    /// Everybody who is known: cluster and identity, with the number of requests.
    pub fn identities(&self) -> Vec<(String, String, u64)> {
        Vec::new()
    }

    /// Forgets an identity, or everybody of a cluster. How many were forgotten.
    pub fn reset(&mut self, cluster: &str, identity: Option<&str>) -> usize {
        let _ = (cluster, identity);
        0
    }

    /// How many identities were forgotten to keep within the bound, since the start.
    pub fn forgotten(&self) -> u64 {
        0
    }
}
