//! What the sensor says of itself and of its decoys: it cannot see, it hears nothing, a decoy is gone, a drill failed.

use jiff::Timestamp;

use crate::{
    finding::{DecoyRef, Detector, Finding},
    rule::Rule,
};

/// The sensor's rules. Their titles are the beginnings of sentences.
pub mod rules {
    use crate::{finding::Severity, rule::Rule};

    const fn rule(id: &'static str, attack: &'static [&'static str], title: &'static str) -> Rule {
        Rule { id, severity: Severity::High, attack, title }
    }

    /// Events were lost before they were read.
    pub const GAP: Rule = rule("sensor.gap", &["T1562.008"], "Events may be missing");
    /// A source cannot be read.
    pub const BLIND: Rule = rule("sensor.blind", &["T1562.008"], "The sensor cannot see");
    /// A source brings nothing.
    pub const SILENT: Rule = rule("sensor.silent", &["T1562.008"], "The sensor hears nothing");
    /// The API server noted a use that no audit event shows.
    pub const UNLOGGED: Rule = rule("sensor.unlogged", &["T1562.008"], "The audit log misses uses of decoys");
    /// A decoy's Secret is gone, or another one has its name.
    pub const DECOY_GONE: Rule = rule("sensor.decoy_gone", &["T1562.001"], "A decoy was taken away");
    /// A drill brought no alert, or not to everybody.
    pub const DRILL_MISSED: Rule = rule("sensor.drill_missed", &[], "A drill failed");
    /// A decoy was changed in a way that makes it a worse tripwire.
    pub const DECOY_CHANGED: Rule = rule("sensor.decoy_changed", &["T1562.001"], "A decoy was changed");
    /// All of them.
    pub const ALL: &[Rule] = &[GAP, BLIND, SILENT, UNLOGGED, DECOY_GONE, DRILL_MISSED, DECOY_CHANGED];
}

/// The finding that `rule` holds: `what` completes the rule's sentence. `source` is the name of the source that it is
/// about or was found by.
pub fn finding(
    cluster: &str,
    source: &str,
    rule: &Rule,
    what: &str,
    decoy: Option<DecoyRef>,
    now: Timestamp,
) -> Finding {
    Finding {
        time: now,
        cluster: cluster.to_owned(),
        severity: rule.severity,
        detector: Detector::Sensor,
        rule: rule.id.to_owned(),
        title: format!("{}: {what}", rule.title),
        audit_ids: Vec::new(),
        actor: Default::default(),
        decoy,
        attack: rule.attack.iter().map(|id| (*id).to_owned()).collect(),
        request: Default::default(),
        notes: Vec::new(),
        drill: false,
        rehearsal: None,
        stage: source.to_owned(),
        stage_time: now.to_string(),
    }
}
