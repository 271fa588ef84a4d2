//! Silence, told from quiet: uses that no audit event shows, drills that brought no alert; and, in [`silence`], sources
//! that bring nothing.

mod silence;

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use sundew_detect::{DecoyRef, Finding, sensor, tripwire::rules};
use sundew_store::StoredIncident;

use self::silence::Source;
use super::Pipeline;
use crate::intake::Origin;

/// How long the audit log may take to tell of a use that the API server noted: the webhook's batches wait for 30 s.
const UNLOGGED_AFTER: SignedDuration = SignedDuration::from_mins(2);
/// How long after its time a drill may still be told of: the audit log may be late.
const DRILL_GRACE: SignedDuration = SignedDuration::from_mins(2);
/// A label has no more than the day of a use.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Among how many of the latest incidents a use from before the start is looked for.
const RECENT: usize = 200;

/// Cluster and decoy.
type Used = (String, String);

/// What is expected, and what was heard.
pub(super) struct Heartbeat {
    started: Timestamp,
    sources: HashMap<Origin, Source>,
    /// When the audit log last told of a use, by the sensor's clock.
    logged: HashMap<Used, Timestamp>,
    /// The uses that the label showed and the audit log should tell of: since when, and of which copy.
    noted: BTreeMap<Used, (Timestamp, DecoyRef)>,
    /// When a failed drill of a decoy was last told of by the one who ran it.
    failed: HashMap<String, Timestamp>,
    /// When what was heard was last written, and whether there is more by now.
    kept: Option<Timestamp>,
    news: bool,
}

impl Heartbeat {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            started: now,
            sources: HashMap::new(),
            logged: HashMap::new(),
            noted: BTreeMap::new(),
            failed: HashMap::new(),
            kept: None,
            news: false,
        }
    }

    fn has_audit(&self, cluster: &str) -> bool {
        self.sources.values().any(|s| s.expected.audit && s.expected.origin.cluster == cluster)
    }
}

impl Pipeline {
    /// The audit log told of something.
    pub(super) fn logged(&mut self, finding: &Finding) {
        let told = [rules::TOKEN_USED.id, rules::TOKEN_CHECKED.id].contains(&finding.rule.as_str());
        if let Some(decoy) = finding.decoy.as_ref().filter(|_| told) {
            let used = (finding.cluster.clone(), decoy.name.clone());
            self.heartbeat.logged.insert(used, self.clock.now());
        }
    }

    /// A source found something by itself.
    pub(super) fn reported(&mut self, finding: &Finding) {
        let now = self.clock.now();
        if let Some(decoy) = &finding.decoy {
            if finding.rule == sensor::rules::DRILL_MISSED.id {
                self.heartbeat.failed.insert(decoy.name.clone(), now);
            }
            // The use of a tombstone is refused with an event that names nobody: no audit log tells of it.
            let tells = self.heartbeat.has_audit(&finding.cluster)
                && !self.detectors.tripwire.is_tombstoned(&finding.cluster, &decoy.name);
            if finding.rule == rules::TOKEN_LAST_USED.id && tells {
                let used = (finding.cluster.clone(), decoy.name.clone());
                self.heartbeat.noted.entry(used).or_insert_with(|| (now, decoy.clone()));
            }
        }
        self.finding(finding);
    }

    /// Tells of uses that the API server noted and the audit log did not tell of.
    pub(super) fn look_for_unlogged(&mut self) {
        let now = self.clock.now();
        let late = |since: Timestamp| now.duration_since(since).abs() >= UNLOGGED_AFTER;
        let noted = std::mem::take(&mut self.heartbeat.noted);
        let (due, waiting): (Vec<_>, Vec<_>) = noted.into_iter().partition(|(_, (since, _))| late(*since));
        self.heartbeat.noted.extend(waiting);
        for ((cluster, name), (since, decoy)) in due {
            let used = (cluster, name);
            let about = |time: &Timestamp| time.duration_since(since) >= -UNLOGGED_AFTER;
            let logged =
                self.heartbeat.logged.get(&used).is_some_and(about) || self.logged_before(&used, since);
            if logged || self.detectors.tripwire.is_tombstoned(&used.0, &used.1) {
                continue;
            }
            let (cluster, name) = used;
            let what = format!(
                "the API server noted a use of the token of {name} at {}, and within {} minutes no audit event of cluster `{cluster}` told of it. Either the audit policy does not log what the decoy does (a rule of level None comes before it), or the source does not bring what is logged (another API server's log, a webhook that drops)",
                since.strftime("%F %H:%M:%S UTC"),
                UNLOGGED_AFTER.as_mins()
            );
            let rule = &sensor::rules::UNLOGGED;
            self.finding(&sensor::finding(&cluster, &name, rule, &what, Some(decoy), now));
        }
    }

    /// Whether a label that was found right after the start is of a use that was told before it.
    fn logged_before(&self, (cluster, decoy): &Used, since: Timestamp) -> bool {
        if since.duration_since(self.heartbeat.started).abs() >= UNLOGGED_AFTER {
            return false;
        }
        let told = |stored: &StoredIncident| {
            let incident = &stored.incident;
            let rules = [rules::TOKEN_USED.id, rules::TOKEN_CHECKED.id];
            incident.cluster == *cluster
                && rules.iter().any(|rule| incident.rules.contains_key(*rule))
                && incident.decoys.iter().any(|touched| touched.name == *decoy)
                && since.duration_since(incident.last_seen) < DAY
        };
        let recent = self.ledger.lock().recent_incidents(RECENT);
        // A store that cannot be read makes an alert too many, never one too few.
        recent.is_ok_and(|recent| recent.iter().any(told))
    }

    /// Tells of drills that were announced and brought no alert.
    pub(super) fn look_for_missed_drills(&mut self) {
        let now = self.clock.now();
        let before = now.checked_sub(DRILL_GRACE).unwrap_or(now);
        let missed = self.ledger.lock().missed_drills(before);
        let missed = match missed {
            Ok(missed) => missed,
            Err(error) => return tracing::warn!(%error, "cannot see which drills were missed"),
        };
        for drill in missed {
            // It counts as used from now on: that it was missed is told once.
            self.pending.rehearsals_used.push((drill.nonce.clone(), 1));
            self.urgent = true;
            if self.heartbeat.failed.get(&drill.decoy).is_some_and(|told| *told >= drill.not_before) {
                continue;
            }
            let announced = Some(drill.cluster.as_str()).filter(|cluster| !cluster.is_empty());
            let cluster = announced.or_else(|| self.detectors.tripwire.clusters_with(&drill.decoy).next());
            let cluster =
                cluster.or_else(|| self.heartbeat.sources.keys().map(|o| o.cluster.as_str()).next());
            let cluster = cluster.unwrap_or_default().to_owned();
            let what = format!(
                "a drill of decoy {} was announced for the time from {} to {}, and nothing that it did was seen. Either it was broken off, or the alarm does not work: try it again",
                drill.decoy,
                drill.not_before.strftime("%F %H:%M:%S"),
                drill.not_after.strftime("%H:%M:%S UTC"),
            );
            let decoy = DecoyRef { name: drill.decoy.clone(), ..DecoyRef::default() };
            let rule = &sensor::rules::DRILL_MISSED;
            self.finding(&sensor::finding(&cluster, &drill.decoy, rule, &what, Some(decoy), now));
        }
    }
}
