//! An incident: the findings that belong to one intruder.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    finding::{Actor, DecoyRef, Request, Severity},
    peer::Peer,
    tripwire::rules,
};

/// One thing that the intruder did, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// When it was done first.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// The id of the rule that spoke.
    pub rule: String,
    /// How bad this step is alone.
    pub severity: Severity,
    /// What was asked.
    pub request: Request,
    /// The decoy that this step touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoy: Option<DecoyRef>,
    /// How many times this same step was seen, at least 1.
    pub count: u64,
}

/// A command to run next, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NextStep {
    /// What it answers or stops, in a few words.
    pub why: String,
    /// The command, ready to paste; names from events are quoted for a POSIX shell.
    pub run: String,
}

/// The findings that belong to one intruder: same actor, same peer, close in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Incident {
    /// Stable: the same through all revisions and restarts.
    pub id: String,
    /// Grows by one with each change that is told to people, from 1.
    pub revision: u32,
    /// The cluster.
    pub cluster: String,
    /// The worst severity of its findings.
    pub severity: Severity,
    /// One sentence for people.
    pub title: String,
    /// Who: the first actor that was seen.
    pub actor: Actor,
    /// Every client string seen, first seen first, at most 16.
    pub clients: Vec<String>,
    /// The tool that the requests look like, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The time of the first finding.
    #[schemars(with = "String")]
    pub first_seen: Timestamp,
    /// The time of the latest finding.
    #[schemars(with = "String")]
    pub last_seen: Timestamp,
    /// The decoys touched, each with the placement where that is known; at most 64.
    pub decoys: Vec<DecoyRef>,
    /// What was done, in order of time; at most 50, those that were granted before those that were refused. The rest
    /// is counted in `findings`.
    pub steps: Vec<Step>,
    /// How many findings belong to it.
    pub findings: u64,
    /// How many findings of each rule.
    pub rules: BTreeMap<String, u64>,
    /// Technique ids of MITRE ATT&CK, sorted.
    pub attack: Vec<String>,
    /// What else a reader needs, a sentence each, at most 12: habits that were broken, what to do, what could not be seen.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What the stolen identity could do: its risks, worst first. Empty where that was not computed.
    pub could: Vec<String>,
    /// What stands behind the peer's address, where the cluster could be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Peer>,
    /// What to run next.
    pub next: Vec<NextStep>,
    /// Set where every finding is of a drill.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drill: bool,
}

impl Incident {
    /// Whether the sensor says all of it of itself: there is no intruder to tell of.
    pub fn is_of_sensor(&self) -> bool {
        !self.rules.is_empty() && self.rules.keys().all(|rule| rule.starts_with("sensor."))
    }

    /// Whose rights are in the wrong hands, as user names with groups: the actor's, then those of the identity that the
    /// actor put on. Where servers only told of a decoy's token, they are the decoy's, and not the servers'.
    pub fn identities(&self) -> Vec<(String, &[String])> {
        let told = [rules::TOKEN_LAST_USED.id, rules::TOKEN_CHECKED.id, rules::RUNS_AS_DECOY.id];
        if !self.rules.is_empty() && self.rules.keys().all(|rule| told.contains(&rule.as_str())) {
            let decoy = self.decoys.first().and_then(DecoyRef::user);
            return decoy.map(|user| (user, [].as_slice())).into_iter().collect();
        }
        let Actor { user, groups, impersonated, .. } = &self.actor;
        let user = user.iter().map(|user| (user.clone(), groups.as_slice()));
        // The first request of an intruder need not be the one that put the identity on.
        let later = || {
            let step = self.steps.iter().find(|step| step.rule == rules::IMPERSONATED.id)?;
            step.decoy.as_ref()?.user()
        };
        let impersonated = impersonated.clone().or_else(later).map(|user| (user, [].as_slice()));
        user.chain(impersonated).collect()
    }
}

/// Why a message about an incident is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// The first message about this incident.
    Opened,
    /// The incident grew.
    Updated,
}
