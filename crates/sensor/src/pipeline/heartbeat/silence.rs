//! Sources that bring nothing. When each was heard is kept in the store, so that no restart makes a dead one fresh.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sundew_detect::sensor;
use sundew_store::Position;

use super::Pipeline;
use crate::intake::{Expected, Origin, Payload};

/// Where it is kept: no source is of a cluster without a name.
const PLACE: (&str, &str) = ("", "heartbeat");
/// How often it is written that sources are still heard.
const KEEP_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// How long a source that was silent before a restart has to bring something after it: the sensor may have been away for
/// longer than the source may be silent.
const SETTLING: SignedDuration = SignedDuration::from_secs(30);

/// A source, and when it was heard.
pub(super) struct Source {
    pub(super) expected: Expected,
    heard: Heard,
    /// When this sensor began to listen to it.
    started: Timestamp,
    told: bool,
}

/// What is kept of a source.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Heard {
    /// When it last brought something.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    /// The first start of a sensor after that. The time before it does not count: nobody listened.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<Timestamp>,
}

/// By cluster and source.
type Kept = BTreeMap<String, BTreeMap<String, Heard>>;

impl Source {
    /// Since when it is silent, for all that is known. A clock that was set back must not make it wait longer.
    fn silent_since(&self, now: Timestamp) -> Timestamp {
        self.heard.waiting.or(self.heard.at).unwrap_or(self.started).min(now)
    }
}

impl Pipeline {
    /// Other sources from now on; those that stay are as silent as they were, before a restart too.
    pub(in crate::pipeline) fn expect(&mut self, expected: Vec<Expected>) {
        let now = self.clock.now();
        let mut kept = self.kept();
        let mut before = std::mem::take(&mut self.heartbeat.sources);
        for expected in expected {
            let origin = expected.origin.clone();
            let source = match before.remove(&origin) {
                Some(known) => Source { expected, ..known },
                None => {
                    let of_cluster = kept.get_mut(&origin.cluster);
                    let heard = of_cluster.and_then(|of| of.remove(&origin.source)).unwrap_or_default();
                    let waiting = Some(heard.waiting.unwrap_or(now));
                    Source { expected, heard: Heard { waiting, ..heard }, started: now, told: false }
                }
            };
            self.heartbeat.sources.insert(origin, source);
        }
        self.keep(now);
        // A sensor that is about to break has said since when nobody was heard.
        self.urgent = true;
    }

    /// A source brought something.
    pub(in crate::pipeline) fn hear(&mut self, origin: &Origin, payload: &Payload) {
        let something = match payload {
            Payload::Lines(bytes) | Payload::Document(bytes) => !bytes.is_empty(),
            Payload::LongPiece(..) | Payload::LongLine(..) => true,
            Payload::Finding(_) | Payload::Nothing | Payload::End => false,
        };
        let now = self.clock.now();
        let Some(source) = self.heartbeat.sources.get_mut(origin).filter(|_| something) else { return };
        let was_waiting = source.heard.waiting.is_some();
        source.heard = Heard { at: Some(now), waiting: None };
        if std::mem::take(&mut source.told) {
            tracing::info!(source = origin.source, "the source brings events again");
        }
        self.heartbeat.news = true;
        if was_waiting {
            self.keep(now);
        }
    }

    /// Tells of sources that have brought nothing for too long, each once.
    pub(in crate::pipeline) fn look_for_silence(&mut self) {
        let now = self.clock.now();
        let mut silent = Vec::new();
        for source in self.heartbeat.sources.values_mut() {
            // A clock that was set back must not make it wait longer.
            source.started = source.started.min(now);
            source.heard.at = source.heard.at.map(|at| at.min(now));
            source.heard.waiting = source.heard.waiting.map(|waiting| waiting.min(now));
            let Some(longest) = source.expected.silence.filter(|_| !source.told) else { continue };
            let since = source.silent_since(now);
            let settled = now.duration_since(source.started) >= SETTLING.min(longest);
            if !settled || now.duration_since(since) < longest {
                continue;
            }
            source.told = true;
            let Expected { origin, place, advice, .. } = &source.expected;
            let since = match source.heard.at {
                Some(at) => format!("since {}", at.strftime("%F %H:%M:%S UTC")),
                None => format!("since it was started, {}", since.strftime("%F %H:%M:%S UTC")),
            };
            let what = format!("source `{}` ({place}) has brought nothing {since}. {advice}", origin.source);
            let rule = &sensor::rules::SILENT;
            silent.push(sensor::finding(&origin.cluster, &origin.source, rule, &what, None, now));
        }
        silent.iter().for_each(|finding| {
            tracing::warn!("{}", finding.title);
            self.finding(finding);
        });
        let due = |kept: Timestamp| now.duration_since(kept).abs() >= KEEP_EVERY;
        if self.heartbeat.news && self.heartbeat.kept.is_none_or(due) {
            self.keep(now);
        }
    }

    /// What was heard goes with the next write.
    fn keep(&mut self, now: Timestamp) {
        let mut kept = Kept::new();
        for (origin, source) in &self.heartbeat.sources {
            let of = kept.entry(origin.cluster.clone()).or_default();
            of.insert(origin.source.clone(), source.heard.clone());
        }
        self.heartbeat.kept = Some(now);
        self.heartbeat.news = false;
        let Ok(at) = serde_json::to_value(kept) else { return };
        let (cluster, source) = PLACE;
        self.pending.positions.retain(|p| p.cluster != cluster || p.source != source);
        self.pending.positions.push(Position { cluster: cluster.into(), source: source.into(), at });
    }

    /// What the sensor before this one kept.
    fn kept(&self) -> Kept {
        let kept = self.ledger.lock().position(PLACE.0, PLACE.1);
        match kept {
            Ok(kept) => kept.and_then(|kept| serde_json::from_value(kept).ok()).unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "cannot see when the sources were last heard; their silence begins now");
                Kept::new()
            }
        }
    }
}
