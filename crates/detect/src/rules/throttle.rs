//! Keeps a rule that fires all the time from burying the others: so many findings an hour, and the rest is counted.

use std::collections::HashMap;

use jiff::Timestamp;

/// How many hours of rules are remembered at a time: a thousand rules in ten clusters, or a log out of order.
const MOST: usize = 10_000;
const HOUR: i64 = 3600;

/// What becomes of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttled {
    /// It is told.
    Pass,
    /// It is the first too many: that the rule is throttled is told in its place.
    First,
    /// It is counted alone.
    Drop,
}

/// What was not told of one rule in one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The cluster.
    pub cluster: String,
    /// The rule's name.
    pub rule: String,
    /// Whom it was about; empty for whoever gave no credential.
    pub actor: String,
    /// When the hour began.
    pub since: Timestamp,
    /// How many findings were counted alone.
    pub count: u64,
}

impl Held {
    /// The same in a sentence.
    pub fn note(&self) -> String {
        let Self { rule, actor, since, count, .. } = self;
        let actor = if actor.is_empty() { "nobody known" } else { actor };
        let plural = if *count == 1 { "" } else { "s" };
        let hour = since.strftime("%Y-%m-%d %H:%M UTC");
        format!(
            "in the hour from {hour} {count} more finding{plural} of the rule {rule} about {actor} were counted and not told"
        )
    }
}

/// How often each rule has spoken, by cluster and hour of event time. Hours are those of the clock: events out of order,
/// or one with a clock in the future, are counted in their own hour and in no other's.
#[derive(Debug, Default)]
pub struct Throttle {
    hours: HashMap<Key, Hour>,
    /// What was forgotten to stay within the bound, and is still to be told.
    held: Vec<Held>,
    /// Grows with each finding, to know the longest silent.
    turn: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    cluster: Box<str>,
    rule: Box<str>,
    /// Who: one identity's noise must not cover another's deed.
    actor: Box<str>,
    /// Hours since 1970.
    hour: i64,
}

#[derive(Debug)]
struct Hour {
    told: u32,
    dropped: u64,
    turn: u64,
}

impl Throttle {
    /// What becomes of a finding of `rule` about `actor` in `cluster` at `time`, where `hourly` of a rule and an actor are
    /// told an hour. Whoever gave no credential is one actor.
    pub fn take(
        &mut self,
        cluster: &str,
        rule: &str,
        actor: &str,
        hourly: u32,
        time: Timestamp,
    ) -> Throttled {
        let hour = time.as_second().div_euclid(HOUR);
        let key = Key { cluster: cluster.into(), rule: rule.into(), actor: actor.into(), hour };
        self.turn += 1;
        if self.hours.len() >= MOST && !self.hours.contains_key(&key) {
            self.forget();
        }
        let of = self.hours.entry(key).or_insert(Hour { told: 0, dropped: 0, turn: 0 });
        of.turn = self.turn;
        if of.told < hourly {
            of.told += 1;
            return Throttled::Pass;
        }
        if of.told == hourly {
            // One more than are told, so that the next is not the first again.
            of.told = of.told.saturating_add(1);
            return Throttled::First;
        }
        of.dropped += 1;
        Throttled::Drop
    }

    /// What was not told in the hours that were over at `now`, and forgets them. `now` is the time that events have come
    /// to, or that of the clock.
    pub fn ended(&mut self, now: Timestamp) -> Vec<Held> {
        let hour = now.as_second().div_euclid(HOUR);
        let over: Vec<Key> = self.hours.keys().filter(|key| key.hour < hour).cloned().collect();
        over.iter().for_each(|key| self.end(key));
        let mut held = std::mem::take(&mut self.held);
        held.sort_by(|a, b| {
            (a.since, &a.cluster, &a.rule, &a.actor).cmp(&(b.since, &b.cluster, &b.rule, &b.actor))
        });
        held
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.hours.len()
    }

    fn end(&mut self, key: &Key) {
        let Some(Hour { dropped: count @ 1.., .. }) = self.hours.remove(key) else { return };
        let since = Timestamp::from_second(key.hour.saturating_mul(HOUR)).unwrap_or_default();
        let (cluster, rule, actor) = (key.cluster.to_string(), key.rule.to_string(), key.actor.to_string());
        self.held.push(Held { cluster, rule, actor, since, count });
    }

    /// Makes room: the quarter that was silent longest goes, so that this is rare.
    fn forget(&mut self) {
        let mut turns: Vec<u64> = self.hours.values().map(|hour| hour.turn).collect();
        let (_, oldest, _) = turns.select_nth_unstable(MOST / 4);
        let oldest = *oldest;
        let silent: Vec<Key> =
            self.hours.iter().filter(|(_, hour)| hour.turn <= oldest).map(|(key, _)| key.clone()).collect();
        silent.iter().for_each(|key| self.end(key));
        // Where nobody asks for what was held.
        self.held.truncate(MOST);
    }
}
