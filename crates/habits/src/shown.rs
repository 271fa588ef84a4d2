//! What is known of one identity, for people.

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    Settings,
    cluster::Cluster,
    entry::{Aspect, Entry},
    identity::{Identity, Known},
    names::Names,
    words::{self, number},
};

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
    /// Why it is not, where it is not: how much is missing. Of somebody who is known, what surprises nobody.
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

/// What is known of an identity.
pub(crate) fn show(identity: &Identity, cluster: &Cluster, names: &Names, settings: &Settings) -> Shown {
    let now = cluster.clock.now();
    let known = identity.known(settings, cluster.clock.watched());
    let mut entries: Vec<&Entry> = identity.entries.iter().collect();
    entries.sort_by_key(|entry| (entry.aspect(), std::cmp::Reverse(entry.times()), entry.first));
    Shown {
        cluster: cluster.name.to_string(),
        identity: identity.name.to_string(),
        class: identity.class.as_str().to_owned(),
        requests: identity.requests.into(),
        refused: identity.refused.into(),
        first: time(identity.first, now),
        last: time(identity.last, now),
        known: known == Known::Yes,
        missing: missing(identity, known, now),
        habits: entries.into_iter().map(|entry| habit(entry, names, now)).collect(),
    }
}

fn habit(entry: &Entry, names: &Names, now: u32) -> ShownHabit {
    ShownHabit {
        aspect: entry.aspect().as_str().to_owned(),
        what: words::shown(entry, names),
        allowed: entry.allowed.into(),
        refused: entry.refused.into(),
        first: time(entry.first, now),
        last: time(entry.last, now),
    }
}

/// What is missing, in a sentence.
fn missing(identity: &Identity, known: Known, now: u32) -> Option<String> {
    match known {
        Known::Time(seconds) => {
            let minutes = seconds.unsigned_abs().div_ceil(60);
            Some(if minutes < 120 {
                format!("it must be watched for {minutes} more minutes")
            } else {
                format!("it must be watched for {} more hours", number(minutes.div_ceil(60)))
            })
        }
        Known::Requests(requests) => Some(format!("{} more requests must be seen", number(requests))),
        Known::Yes => restless(identity, now),
    }
}

/// What an identity does something new of all the time, if anything.
fn restless(identity: &Identity, now: u32) -> Option<String> {
    let mut words: Vec<&str> = Aspect::ALL
        .into_iter()
        .filter(|aspect| *aspect != Aspect::Network && !identity.is_steady(*aspect, now))
        .map(Aspect::as_str)
        .collect();
    words.dedup();
    (!words.is_empty()).then(|| {
        format!("it has something new so often that nothing new is told of its: {}", words.join(", "))
    })
}

/// A time; what a wrong clock said is shown as the stream's.
fn time(seconds: u32, now: u32) -> Timestamp {
    let latest = if now == 0 { u32::MAX } else { now };
    Timestamp::from_second(seconds.min(latest).into()).unwrap_or_default()
}
