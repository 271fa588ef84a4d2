//! Correlations: what several hits mean together. Bounded in memory, whatever the keys are.
//!
//! ```text
//! CorrelationRule ─ Plan ─┬─ keys of each rule ─ Hit
//!                         └─ Correlation ─ Table ─ Group ─ Mark
//! ```
//!
//! Time is the events' own. A hit is put where its time says, and each window that it is in is looked at anew: so hits
//! may come late, and one whose clock is wrong makes a window of its own and leaves the others alone.

mod build;
mod group;
mod need;
pub(crate) mod plan;
mod saved;
mod table;

use std::{borrow::Cow, collections::VecDeque};

use hashbrown::HashMap;
use jiff::Timestamp;
use sundew_audit::Event;

pub(crate) use self::need::Bounds;
use self::{
    group::{Group, Mark, Met},
    plan::{Correlation, Feed, Plan, print},
    table::Table,
};
use crate::{Hit, RuleId, RuleSet};

/// How many hits are remembered in all, for each group that there may be.
const SHARED: usize = 25;

/// The hits of a group that are remembered however little its correlation counts to: they must outlast what comes late.
const LEAST: usize = 64;

/// How much is remembered. Of all groups together 25 hits for each group that a correlation may have, which with the
/// default is some 10 MB.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many groups of one correlation are open at a time; past this the longest silent ones are forgotten.
    pub groups: usize,
    /// How many hits of one group are remembered; more only where the correlation itself counts to more.
    pub hits: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { groups: 10_000, hits: 1_000 }
    }
}

/// A correlation that was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correlated {
    /// Which.
    pub rule: RuleId,
    /// What was counted: hits, distinct values, or rules seen.
    pub count: u64,
    /// The group: each field of `group-by` that the events have, with its value.
    pub group: Vec<(String, String)>,
    /// The time of the first hit that counts.
    pub first: Timestamp,
    /// The time of the last.
    pub last: Timestamp,
}

/// The hits that are remembered.
#[derive(Debug, Default)]
pub struct Correlator {
    limits: Limits,
    tables: HashMap<u64, Table>,
    marks: usize,
    turn: u64,
    forgotten: u64,
    key: String,
}

/// What tells a request from others of the same time: a hash of its audit id or, where it has none, of what else it
/// says. It is the same for all stages of a request and for every repeat of its events.
pub fn request(event: &Event<'_>) -> u64 {
    if !event.audit_id.is_empty() {
        return request_of(&event.audit_id.decode());
    }
    let object = event.object_ref.unwrap_or_default();
    let peer = event.peer();
    let said = [event.verb, event.request_uri, event.user.username, peer, event.user_agent, object.name];
    print(said.map(|text| text.decode().into_owned()))
}

/// The same of a request whose audit id is known.
pub fn request_of(audit_id: &str) -> u64 {
    print(audit_id)
}

/// A hit of a rule, or of a correlation, on its way to the correlations that count it.
struct Step<'h> {
    rule: RuleId,
    time: i64,
    event: u64,
    keys: Cow<'h, [Box<str>]>,
}

impl Correlator {
    /// Remembers nothing yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// A hit in `cluster` at `time`, made by the request that `event` tells from others (see [`request`]). Gives what is
    /// met by it, once for each time a window fills: a group that was told is told again only after it has been below
    /// its threshold. Hits may come out of order and twice: one of the same rule, time and `event` as one before counts
    /// no more. What only other correlations are to hear of is not given.
    pub fn take(
        &mut self,
        rules: &RuleSet,
        cluster: &str,
        time: Timestamp,
        event: u64,
        hit: &Hit,
    ) -> Vec<Correlated> {
        let plan = rules.plan();
        let mut told = Vec::new();
        if plan.feeds(hit.rule).is_empty() {
            return told;
        }
        let keys = Cow::Borrowed(&*hit.keys);
        let mut steps = vec![Step { rule: hit.rule, time: time.as_microsecond(), event, keys }];
        // A correlation never waits for itself, so this ends.
        while let Some(step) = steps.pop() {
            self.step(plan, cluster, &step, &mut steps, &mut told);
        }
        told
    }

    fn step(
        &mut self,
        plan: &Plan,
        cluster: &str,
        step: &Step<'_>,
        steps: &mut Vec<Step<'_>>,
        told: &mut Vec<Correlated>,
    ) {
        let value = |at: usize| step.keys.get(at).map_or("", |key| &**key);
        for feed in plan.feeds(step.rule) {
            let correlation = &plan.correlations[feed.to];
            let Some(what) = what(correlation, feed, value) else { continue };
            let mut key = std::mem::take(&mut self.key);
            table::write_key(&mut key, cluster, feed.group.iter().map(|at| value(*at)));
            let mark = Mark { time: step.time, event: step.event, what, met: false };
            if let Some(met) = self.count(correlation, &key, mark) {
                let event = print((correlation.print, &key, met.last));
                let keys = table::values(&key).map(Box::from).collect();
                steps.push(Step { rule: correlation.rule, time: met.last, event, keys });
                if !correlation.silent {
                    told.push(correlated(correlation, &key, met));
                }
            }
            self.key = key;
        }
    }

    fn count(&mut self, correlation: &Correlation, key: &str, mark: Mark) -> Option<Met> {
        let most = self.most(correlation);
        self.turn += 1;
        let table = self.tables.entry(correlation.print).or_default();
        let group = table.groups.entry_ref(key).or_default();
        group.touched = self.turn;
        let before = group.marks.len();
        let met = group.take(correlation, most, mark);
        let after = group.marks.len();
        table.marks = table.marks + after - before;
        self.marks = self.marks + after - before;
        self.make_room(correlation, mark.time);
        met
    }

    fn make_room(&mut self, correlation: &Correlation, time: i64) {
        let open = |group: &Group| group.open(correlation.window, time);
        if let Some(table) = self.tables.get_mut(&correlation.print)
            && table.groups.len() > self.limits.groups.max(1)
        {
            let before = table.marks;
            self.forgotten += table.forget(open);
            self.marks -= before - table.marks;
        }
        let most = self.limits.groups.saturating_mul(SHARED).max(2 * self.most(correlation));
        while self.marks > most {
            let Some(table) = self.tables.values_mut().max_by_key(|table| table.marks) else { return };
            let before = table.marks;
            self.forgotten += table.forget(|_| true);
            self.marks -= before - table.marks;
        }
    }

    /// Takes a group back.
    fn put(&mut self, print: u64, key: String, marks: VecDeque<Mark>) {
        self.turn += 1;
        self.marks += marks.len();
        let table = self.tables.entry(print).or_default();
        table.marks += marks.len();
        let group = Group::of(marks, self.turn);
        if let Some(old) = table.groups.insert(key, group) {
            table.marks -= old.marks.len();
            self.marks -= old.marks.len();
        }
    }

    /// How many hits of one group of `correlation` are remembered.
    fn most(&self, correlation: &Correlation) -> usize {
        let hits = self.limits.hits.max(1);
        match correlation.need.enough() {
            // Twice, as a value that is counted may stand twice; more, so that what comes late finds its window.
            Some(enough) => enough.saturating_mul(4).max(LEAST).min(hits).max(enough.saturating_mul(2)),
            None => hits,
        }
    }

    /// How many groups were forgotten to keep within the limits, since the start. One that was silent for longer than
    /// its window is not counted: it had nothing more to tell.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// What is remembered, to be kept over a restart.
    pub fn save(&self, rules: &RuleSet) -> Vec<u8> {
        saved::save(self, rules.plan())
    }

    /// Takes back what was saved, as far as the rules are still the same. Nothing is an error: what cannot be read is
    /// forgotten.
    pub fn restore(&mut self, rules: &RuleSet, saved: &[u8]) {
        saved::restore(self, rules.plan(), saved);
    }
}

/// What makes a hit differ from others in its group; none where the correlation has nothing to count in it.
fn what<'v>(correlation: &Correlation, feed: &Feed, value: impl Fn(usize) -> &'v str) -> Option<u64> {
    match correlation.need {
        need::Need::Hits(_) => Some(0),
        need::Need::Rules { .. } => Some(u64::from(feed.place)),
        need::Need::Values(_) => {
            let values: smallvec::SmallVec<[&str; 4]> = feed.counted.iter().map(|at| value(*at)).collect();
            (!values.iter().any(|value| value.is_empty())).then(|| print(values.as_slice()))
        }
    }
}

fn correlated(correlation: &Correlation, key: &str, met: Met) -> Correlated {
    let group = correlation.group_by.iter().zip(table::values(key)).filter(|(_, value)| !value.is_empty());
    let time = |time: i64| Timestamp::from_microsecond(time).unwrap_or_default();
    Correlated {
        rule: correlation.rule,
        count: met.count,
        group: group.map(|(field, value)| (field.clone(), value.to_owned())).collect(),
        first: time(met.first),
        last: time(met.last),
    }
}
