//! Where clues become findings, in the order of the stream: what an event means can depend on what came before.

use std::sync::Arc;

use jiff::Timestamp;
use sundew_audit::{Event, parse};
use sundew_habits::{Memory, Novelty};
use sundew_sigma::{Correlated, Correlator, Hit, Limits, Rule, correlate::request_of};

use crate::{
    Desk, Detector, Detectors, Duty, Finding, Outcome, Severity,
    detectors::Clue,
    echo::Again,
    report,
    rules::{Held, Rulebook, Throttle, Throttled},
};

/// What the detectors remember of the stream.
#[derive(Debug, Default)]
pub struct Watch {
    /// What the tripwire remembers, and what was no intrusion.
    pub desk: Desk,
    /// What identities normally do, and where tokens are used from.
    pub memory: Memory,
    correlator: Correlator,
    throttle: Throttle,
}

impl Watch {
    /// Remembers nothing yet.
    pub fn new(detectors: &Detectors) -> Self {
        Self {
            memory: Memory::new(detectors.habits.unwrap_or_default()),
            correlator: Correlator::new(Limits::default()),
            ..Self::default()
        }
    }

    /// Other detectors from now on: what is remembered stays, as far as the rules are still the same.
    pub fn change(&mut self, from: &Detectors, to: &Detectors) {
        self.memory.set(to.habits.unwrap_or_default());
        if let (Some(from), Some(to)) = (&from.rules, &to.rules)
            && !Arc::ptr_eq(from, to)
        {
            let saved = self.correlator.save(&from.set);
            self.correlator = Correlator::new(Limits::default());
            self.correlator.restore(&to.set, &saved);
        }
    }

    /// What was counted of windows that are not over, to be kept over a restart.
    pub fn save_windows(&self, detectors: &Detectors) -> Vec<u8> {
        detectors.rules.as_ref().map(|rules| self.correlator.save(&rules.set)).unwrap_or_default()
    }

    /// Takes back what [`Watch::save_windows`] gave.
    pub fn restore_windows(&mut self, detectors: &Detectors, saved: &[u8]) {
        if let Some(rules) = &detectors.rules {
            self.correlator.restore(&rules.set, saved);
        }
    }

    /// What throttled rules did not tell in the hours that were over at `now`.
    pub fn held(&mut self, now: Timestamp) -> Vec<Held> {
        self.throttle.ended(now)
    }

    /// Decides what one clue means, and calls `tell` for each thing to be told.
    pub fn decide(
        &mut self,
        detectors: &Detectors,
        cluster: &str,
        clue: Clue,
        tell: &mut dyn FnMut(Outcome),
    ) {
        match clue {
            Clue::Signal(signal) => self.desk.decide(*signal).into_iter().for_each(tell),
            Clue::Hits(hits, told) => {
                let Some(rules) = &detectors.rules else { return };
                let finding = unsaid(cluster, &told.json, Detector::Rules);
                for hit in &hits {
                    let rule = rules.set.rule(hit.rule);
                    self.tell(rules, rule, worded(&finding, rule, Vec::new()), tell);
                    self.count(rules, cluster, hit, (told.time, told.request), || finding.clone(), tell);
                }
            }
            Clue::Quiet(quiet, told) => {
                if let Some(rules) = &detectors.rules {
                    for hit in &quiet.hits {
                        let finding = || unsaid(cluster, &told.json, Detector::Rules);
                        self.count(rules, cluster, hit, (told.time, told.request), finding, tell);
                    }
                }
                let Some(seen) = &quiet.seen else { return };
                let observed = self.memory.observe(cluster, seen, told.time);
                quiet.count_at(observed.slots);
                if observed.novelties.is_empty() {
                    return;
                }
                let finding = unsaid(cluster, &told.json, Detector::Habits);
                for new in observed.novelties {
                    self.tell_new(detectors, novel(&finding, new), tell);
                }
            }
        }
    }

    /// A request was made that is like an earlier one.
    pub fn again(
        &mut self,
        detectors: &Detectors,
        cluster: &str,
        again: &Again,
        tell: &mut dyn FnMut(Outcome),
    ) {
        let Again { quiet, time, .. } = again;
        if let (Some(rules), Some(json)) = (&detectors.rules, &quiet.json) {
            let request = request_of(again.audit_id());
            for hit in &quiet.hits {
                let finding = || dated(again, unsaid(cluster, json, Detector::Rules));
                self.count(rules, cluster, hit, (*time, request), finding, tell);
            }
        }
        let Some(seen) = &quiet.seen else { return };
        if self.memory.again(quiet.slots(), *time) {
            return;
        }
        // Something may follow from it in spite of all: its pod may be gone by now.
        let observed = self.memory.observe(cluster, seen, *time);
        quiet.count_at(observed.slots);
        for new in observed.novelties {
            let finding = dated(again, report::unsaid_of(cluster, seen, Detector::Habits));
            self.tell_new(detectors, novel(&finding, new), tell);
        }
    }

    /// Counts a hit where correlations want it. `finding` makes what is told of the request, should one be met; of it
    /// only the rule's own words are missing.
    fn count(
        &mut self,
        rules: &Rulebook,
        cluster: &str,
        hit: &Hit,
        (time, request): (Timestamp, u64),
        finding: impl Fn() -> Finding,
        tell: &mut dyn FnMut(Outcome),
    ) {
        for met in self.correlator.take(&rules.set, cluster, time, request, hit) {
            let rule = rules.set.rule(met.rule);
            if !rules.is_off(met.rule) {
                self.tell(rules, rule, worded(&finding(), rule, counted(rule, &met)), tell);
            }
        }
    }

    /// Tells what is new, unless somebody may do this.
    fn tell_new(&mut self, detectors: &Detectors, finding: Finding, tell: &mut dyn FnMut(Outcome)) {
        let excepted = detectors.rules.as_ref().is_some_and(|rules| rules.excepted_habit(&finding).is_some());
        if excepted {
            return self.desk.suppress(Duty::Excepted, finding);
        }
        tell(Outcome::Finding(finding));
    }

    /// Tells, unless somebody may do this, or it was told too often.
    fn tell(&mut self, rules: &Rulebook, rule: &Rule, finding: Finding, tell: &mut dyn FnMut(Outcome)) {
        if finding.severity == Severity::Info {
            return;
        }
        if rules.excepted(rule, &finding).is_some() {
            return self.desk.suppress(Duty::Excepted, finding);
        }
        let hourly = rules.settings.hourly;
        let actor = finding.actor.user.as_deref().unwrap_or_default();
        match self.throttle.take(&finding.cluster, &rule.name, actor, hourly, finding.time) {
            Throttled::Pass => tell(Outcome::Finding(finding)),
            Throttled::First => {
                tell(Outcome::Finding(throttled(&finding, rule, hourly)));
                self.desk.suppress(Duty::Throttled, finding);
            }
            Throttled::Drop => self.desk.suppress(Duty::Throttled, finding),
        }
    }
}

/// What is told in the place of the first finding of `rule` too many.
fn throttled(finding: &Finding, rule: &Rule, hourly: u32) -> Finding {
    let name = &rule.name;
    Finding {
        rule: "rules.throttled".to_owned(),
        title: format!(
            "{} was found more than {hourly} times in one hour by the rule {name}",
            finding.actor.user.as_deref().unwrap_or("A client without a credential")
        ),
        attack: Vec::new(),
        notes: vec![
            format!("What {name} finds of them until the hour is over is counted and not told."),
            format!(
                "Who rightly does this goes into `rules.exceptions`; `rules.off: [{name}]` switches the rule off; \
                 `rules.hourly` sets how many findings of one rule about one actor are told."
            ),
        ],
        ..finding.clone()
    }
}

/// The finding of an earlier request as that of the one that is like it.
fn dated(again: &Again, finding: Finding) -> Finding {
    Finding {
        time: again.time,
        audit_ids: vec![again.audit_id().to_owned()],
        stage_time: again.time.to_string(),
        ..finding
    }
}

fn unsaid(cluster: &str, json: &str, detector: Detector) -> Finding {
    // What was an event once is one again.
    let event = parse::event(json).unwrap_or_else(|_| Event::default());
    report::unsaid(cluster, &event, detector)
}

fn novel(finding: &Finding, new: Novelty) -> Finding {
    Finding {
        rule: new.rule.to_owned(),
        severity: new.severity,
        title: new.title,
        attack: new.attack.into_iter().map(str::to_owned).collect(),
        notes: new.notes,
        ..finding.clone()
    }
}

fn worded(finding: &Finding, rule: &Rule, mut notes: Vec<String>) -> Finding {
    notes.extend(rule.fix.as_ref().map(|fix| format!("What to do ({}): {fix}", rule.name)));
    notes.extend(rule.unseen.as_ref().map(|unseen| format!("Not seen ({}): {unseen}", rule.name)));
    Finding {
        rule: format!("rules.{}", rule.name),
        severity: rule.level.severity(),
        title: rule.title.clone(),
        attack: rule.attack.clone(),
        notes,
        ..finding.clone()
    }
}

/// What a correlation counted, in a sentence.
fn counted(rule: &Rule, met: &Correlated) -> Vec<String> {
    let seconds = met.last.duration_since(met.first).as_secs();
    let of: Vec<String> = met.group.iter().map(|(field, value)| format!("{field} {value}")).collect();
    let of = if of.is_empty() { String::new() } else { format!(", all with {}", of.join(", ")) };
    vec![format!("{} counted {} within {seconds} seconds{of}.", rule.name, met.count)]
}
