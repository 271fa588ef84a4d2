//! The steps of an incident: which of the things that an intruder did are kept, in order of time.

use std::{cmp::Reverse, collections::VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    finding::{Finding, Severity},
    incident::Step,
};

/// How many steps an incident keeps.
const MAX_STEPS: usize = 50;
/// How many stages of requests are remembered, so that a later stage finds the earlier one's step.
const MAX_STAGES: usize = 64;

/// The stages of the latest requests, and the steps they became.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Stages(VecDeque<Stage>);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stage {
    audit_id: String,
    /// When the request arrived: the API server's word, so a client that uses one audit id twice makes no two
    /// requests one.
    received: Timestamp,
    stage: String,
    step: usize,
}

impl Stage {
    fn is_of(&self, finding: &Finding) -> bool {
        self.received == finding.time && Some(&self.audit_id) == finding.audit_ids.first()
    }
}

/// Adds what `finding` tells to `steps`.
pub(crate) fn add(steps: &mut Vec<Step>, stages: &mut Stages, finding: &Finding) {
    let step = Step {
        time: finding.time,
        rule: finding.rule.clone(),
        severity: finding.severity,
        request: finding.request.clone(),
        decoy: finding.decoy.clone(),
        count: 1,
    };
    if let Some(at) = stages.same_event(steps, finding) {
        // Another rule speaks of the same event: one step, with the worse of the two.
        let known = &mut steps[at];
        if step.severity > known.severity {
            (known.rule, known.severity) = (step.rule, step.severity);
        }
        known.decoy = known.decoy.take().or(step.decoy);
        return;
    }
    let kept = match stages.earlier(steps, finding) {
        Some(at) => advance(steps, stages, finding, at, step),
        None => put(steps, stages, step),
    };
    if let Some(at) = kept {
        stages.remember(finding, at);
    }
}

/// Another stage of the request that step `at` has: not a step of its own, but it may know more.
fn advance(
    steps: &mut Vec<Step>,
    stages: &mut Stages,
    finding: &Finding,
    at: usize,
    mut step: Step,
) -> Option<usize> {
    let known = &mut steps[at];
    step.request.code = step.request.code.or(known.request.code);
    if known.severity > step.severity {
        step.rule.clone_from(&known.rule);
        step.severity = known.severity;
        step.decoy.clone_from(&known.decoy);
    }
    if step.request.name.is_empty() {
        step.request.name.clone_from(&known.request.name);
    }
    if is_same(known, &step) {
        return Some(at);
    }
    // The step may stand for other requests as well, which have not come so far: this one leaves it.
    known.count -= 1;
    let emptied = known.count == 0;
    let told = stages.take(finding, at);
    if emptied {
        remove(steps, stages, at);
    }
    let at = put(steps, stages, step)?;
    stages.0.extend(told.into_iter().map(|stage| Stage { step: at, ..stage }));
    Some(at)
}

/// Counts the step with those that are the same, or makes it one of its own. None where it is not kept.
fn put(steps: &mut Vec<Step>, stages: &mut Stages, step: Step) -> Option<usize> {
    if let Some(at) = steps.iter().position(|known| is_same(known, &step)) {
        steps[at].count += 1;
        return Some(at);
    }
    if steps.len() >= MAX_STEPS {
        let least = (0..steps.len()).min_by_key(|at| (worth(&steps[*at]), Reverse(*at)))?;
        if worth(&step) <= worth(&steps[least]) {
            return None;
        }
        remove(steps, stages, least);
    }
    let at = steps.partition_point(|known| known.time <= step.time);
    steps.insert(at, step);
    for stage in stages.0.iter_mut().filter(|stage| stage.step >= at) {
        stage.step += 1;
    }
    Some(at)
}

fn remove(steps: &mut Vec<Step>, stages: &mut Stages, at: usize) {
    steps.remove(at);
    stages.0.retain(|stage| stage.step != at);
    for stage in stages.0.iter_mut().filter(|stage| stage.step > at) {
        stage.step -= 1;
    }
}

/// What a step is worth to a reader: what was granted before what may yet be, and both before what was refused, or
/// fifty refusals would hide the one request that was not.
fn worth(step: &Step) -> (u8, Severity) {
    let granted = match step.request.code {
        Some(code) if code < 400 => 2,
        None => 1,
        Some(_) => 0,
    };
    (granted, step.severity)
}

fn is_same(a: &Step, b: &Step) -> bool {
    a.rule == b.rule && a.request == b.request && a.decoy == b.decoy
}

impl Stages {
    /// The step that this very event became by another rule's word.
    fn same_event(&self, steps: &[Step], finding: &Finding) -> Option<usize> {
        let mut own =
            self.0.iter().rev().filter(|stage| stage.is_of(finding) && stage.stage == finding.stage);
        let other = |step: &Step| step.rule != finding.rule && step.request == finding.request;
        own.find(|stage| steps.get(stage.step).is_some_and(|step| step.count == 1 && other(step)))
            .map(|one| one.step)
    }

    /// The step of an earlier stage of the finding's request. A stage that came already is of another request.
    fn earlier(&self, steps: &[Step], finding: &Finding) -> Option<usize> {
        let mut own = self.0.iter().filter(|stage| stage.is_of(finding));
        if own.clone().any(|stage| stage.stage == finding.stage) {
            return None;
        }
        let asked = |step: &Step| {
            (&step.request.verb, &step.request.uri) == (&finding.request.verb, &finding.request.uri)
        };
        own.find(|stage| steps.get(stage.step).is_some_and(asked)).map(|stage| stage.step)
    }

    fn remember(&mut self, finding: &Finding, step: usize) {
        // Input that is no event has no id, and no stages.
        let Some(audit_id) = finding.audit_ids.first().cloned() else { return };
        self.0.push_back(Stage { audit_id, received: finding.time, stage: finding.stage.clone(), step });
        if self.0.len() > MAX_STAGES {
            self.0.pop_front();
        }
    }

    /// Takes the stages of the finding's request that became step `at`.
    fn take(&mut self, finding: &Finding, at: usize) -> VecDeque<Stage> {
        let (own, others) = self.0.drain(..).partition(|stage| stage.step == at && stage.is_of(finding));
        self.0 = others;
        own
    }
}
