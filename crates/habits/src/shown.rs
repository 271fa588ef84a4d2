//! What is known of one identity, for people.

use jiff::Timestamp;
use serde::Serialize;

/// What is known of one identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// The cluster.
    pub cluster: String,
    /// `user.username`.
    pub identity: String,
    /// `workload`, `controller`, `node` or `human`.
    pub class: String,
    /// How many requests were seen, as far as they are not forgotten.
    pub requests: u64,
    /// How many of them were refused.
    pub refused: u64,
    /// The first request's time.
    pub first: Timestamp,
    /// The last request's time.
    pub last: Timestamp,
    /// Whether it is known well enough that something new is told.
    pub known: bool,
    /// Why it is not, where it is not: how much is missing.
    pub missing: Option<String>,
    /// The habits, most frequent first within each aspect.
    pub habits: Vec<ShownHabit>,
}

/// One habit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownHabit {
    /// `client`, `network`, `request`, `secret` …
    pub aspect: String,
    /// What, in words.
    pub what: String,
    /// How often it was allowed, as far as not forgotten.
    pub allowed: u64,
    /// How often it was refused.
    pub refused: u64,
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
}
