//! Which stretches of time the logs cover, and what kinds of requests they hold.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Span, Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sundew_audit::Event;
use thiserror::Error;

/// Minutes of a day, one bit each.
type Minutes = [u64; 23];

const MINUTES_A_DAY: i64 = 1440;
/// The most days that are remembered, the latest ones.
const MOST_DAYS: usize = 4000;
/// The most names of one kind that are remembered.
const MOST_NAMES: usize = 64;
/// A stretch without any event is taken as missing from this length on, however short the window is.
const LEAST_HOLE: SignedDuration = SignedDuration::from_hours(1);
/// The same as a part of the window.
const HOLE_PART: i64 = 20;

/// What audit policies often leave out because there is so much of it. Each cluster that runs has some of it.
const OFTEN_LEFT_OUT: [(&str, &str); 5] = [
    ("", "events"),
    ("events.k8s.io", "events"),
    ("coordination.k8s.io", "leases"),
    ("authentication.k8s.io", "tokenreviews"),
    ("authorization.k8s.io", "subjectaccessreviews"),
];

/// What the logs cover.
#[derive(Debug, Default)]
pub struct Coverage {
    days: BTreeMap<i64, Box<Minutes>>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    by_accounts: u64,
    read_by_accounts: u64,
    /// Leases by which each API server says that it is there.
    servers: BTreeSet<Box<str>>,
    seen: [bool; OFTEN_LEFT_OUT.len()],
    reviews: Reviews,
}

/// What servers asked about others' rights (SubjectAccessReviews).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reviews {
    /// How many have their body in the log, which says about whom and what was asked.
    pub told: u64,
    /// How many of those kubelets asked.
    pub told_by_kubelets: u64,
    /// How many have not.
    pub untold: u64,
    /// How many of those kubelets asked: about rights on `nodes/…`.
    pub untold_by_kubelets: u64,
    /// Who else asked those that are not told, up to a bound.
    pub by: BTreeSet<Box<str>>,
}

/// A stretch of time that the logs cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// Its begin.
    #[schemars(with = "String")]
    pub from: Timestamp,
    /// Its end, which is that of the logs.
    #[schemars(with = "String")]
    pub to: Timestamp,
}

/// Why the logs are too little to conclude anything from.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Shortage {
    /// There is no event with a time.
    #[error("the logs hold no event that says when it happened; give --logs the API server's audit logs")]
    Nothing,
    /// They begin too late.
    #[error(
        "the logs go from {} to {} UTC and do not cover the window of {window} before their end, so nothing is concluded \
         from them; give --logs older ones too, or a shorter --window", minute(*first), minute(*last)
    )]
    Late {
        /// Their first event.
        first: Timestamp,
        /// Their last event.
        last: Timestamp,
        /// What was asked for, in words.
        window: String,
    },
    /// A stretch in the middle is missing.
    #[error(
        "the logs hold no event of anybody from {} to {} UTC, so nothing is concluded from them; give --logs the files of \
         that time too, or a shorter --window", minute(*from), minute(*to)
    )]
    Hole {
        /// The last event before it.
        from: Timestamp,
        /// The first event after it.
        to: Timestamp,
    },
    /// Reading is not logged.
    #[error(
        "the logs hold no get, list or watch of any account, as those of GKE's admin activity or AKS's kube-audit-admin, \
         so what is read counts as unknown and nothing is concluded from them; turn on logs of data access (GKE) or \
         kube-audit (AKS), or an audit policy that logs reading"
    )]
    NoReading,
    /// The logs of some API servers are missing.
    #[error(
        "the logs are of {seen} of the cluster's {there} API servers, so nothing is concluded from them; give --logs those \
         of all of them"
    )]
    Servers {
        /// How many API servers renewed their Lease in them.
        seen: usize,
        /// How many the cluster has.
        there: usize,
    },
    /// The window is no stretch of time.
    #[error("the window of {0} reaches back further than time is known; write it as 14d")]
    Window(String),
}

/// `2026-11-20 22:04`.
pub(crate) fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M").to_string()
}

impl Coverage {
    /// Takes one event.
    pub fn record(&mut self, event: &Event<'_>) {
        // When it was written, and not when the request arrived: a watch is told up to ten minutes later.
        let written = event.stage_timestamp.decode().parse().ok().or_else(|| event.time());
        if let Some(time) = written {
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
            self.last = Some(self.last.map_or(time, |last| last.max(time)));
            self.mark(time);
        }
        let user = event.user.username.decode();
        if user.starts_with("system:serviceaccount:") {
            self.by_accounts += 1;
            let reads = ["get", "list", "watch"].iter().any(|verb| event.verb == *verb);
            self.read_by_accounts += u64::from(reads && event.object_ref.is_some());
        }
        let Some(object) = &event.object_ref else { return };
        for (at, (group, resource)) in OFTEN_LEFT_OUT.into_iter().enumerate() {
            self.seen[at] |= object.resource == resource && object.api_group == group;
        }
        // Each API server renews a Lease of its own through its own loopback, which no other server logs
        // (`pkg/controlplane/apiserver/server.go`, APIServerIdentity, on since 1.26).
        if user == "system:apiserver" && object.resource == "leases" {
            let name = object.name.decode();
            if name.starts_with("apiserver-") && self.servers.len() < MOST_NAMES {
                self.servers.insert(name.into());
            }
        }
        if object.resource == "subjectaccessreviews" || object.resource == "localsubjectaccessreviews" {
            self.reviews.record(event, &user);
        }
    }

    fn mark(&mut self, time: Timestamp) {
        let minutes = time.as_second().div_euclid(60);
        let (day, minute) = (minutes.div_euclid(MINUTES_A_DAY), minutes.rem_euclid(MINUTES_A_DAY));
        // Both fit: a minute of a day is less than 1440.
        let (word, bit) = (usize::try_from(minute / 64).unwrap_or_default(), minute % 64);
        self.days.entry(day).or_default()[word] |= 1 << bit;
        if self.days.len() > MOST_DAYS {
            self.days.pop_first();
        }
    }

    /// The first and the last event's time.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.first.zip(self.last)
    }

    /// What servers asked about others' rights.
    pub fn reviews(&self) -> &Reviews {
        &self.reviews
    }

    /// Groups and resources that each cluster has requests for and these logs have none, so that they are not logged.
    pub fn left_out(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        OFTEN_LEFT_OUT.into_iter().zip(self.seen).filter(|(_, seen)| !seen).map(|(of, _)| of)
    }

    /// The window before the logs' end.
    ///
    /// # Errors
    ///
    /// Where the logs do not cover it: then nothing may be concluded from what they do not hold. `servers` is how many
    /// API servers the cluster is known to have, 0 where that is not known.
    pub fn window(&self, length: Span, servers: usize) -> Result<Window, Shortage> {
        let (first, last) = self.span().ok_or(Shortage::Nothing)?;
        let words = format!("{length:#}");
        let from = last.to_zoned(TimeZone::UTC).checked_sub(length);
        let from = from.map_err(|_| Shortage::Window(words.clone()))?.timestamp();
        if first > from {
            return Err(Shortage::Late { first, last, window: words });
        }
        if let Some((from, to)) = self.hole(from, last) {
            return Err(Shortage::Hole { from, to });
        }
        if self.read_by_accounts == 0 {
            return Err(Shortage::NoReading);
        }
        let seen = self.servers.len();
        if seen > 0 && seen < servers.min(MOST_NAMES) {
            return Err(Shortage::Servers { seen, there: servers });
        }
        Ok(Window { from, to: last })
    }

    /// The first stretch without events that is too long, from minute to minute.
    fn hole(&self, from: Timestamp, to: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let longest = LEAST_HOLE.max(to.duration_since(from) / i32::try_from(HOLE_PART).unwrap_or(20));
        let start = from.as_second().div_euclid(60);
        let mut before = start;
        for (day, minutes) in self.days.range(start.div_euclid(MINUTES_A_DAY)..) {
            for minute in (0..MINUTES_A_DAY).filter(|minute| is_set(minutes, *minute)) {
                let now = day * MINUTES_A_DAY + minute;
                if now < start {
                    continue;
                }
                let silent = SignedDuration::from_mins(now - before - 1);
                if silent > longest {
                    let time = |minute: i64| Timestamp::from_second(minute * 60).unwrap_or(to);
                    return Some((time(before), time(now)));
                }
                before = now;
            }
        }
        None
    }
}

fn is_set(minutes: &Minutes, minute: i64) -> bool {
    let word = usize::try_from(minute / 64).unwrap_or_default();
    minutes[word] >> (minute % 64) & 1 == 1
}

impl Reviews {
    fn record(&mut self, event: &Event<'_>, user: &str) {
        if event.verb != "create" || event.stage == "RequestReceived" {
            return;
        }
        let is_kubelet = user.starts_with("system:node:");
        if event.request_object.is_some() {
            self.told += 1;
            self.told_by_kubelets += u64::from(is_kubelet);
            return;
        }
        self.untold += 1;
        if is_kubelet {
            self.untold_by_kubelets += 1;
        } else if self.by.len() < MOST_NAMES {
            self.by.insert(user.into());
        }
    }
}
