//! What a policy logs that nobody needs, and what it does not log though nothing says so.

use super::{
    Remark, Weight, dead, known,
    space::{Probe, Space},
};
use crate::{
    decide::{Attributes, Target},
    model::{Level, Policy, Rule, Stage},
};

/// How many resources are named.
const NAMED: usize = 3;
/// The subresources whose requests last (`apiserver/pkg/server/config.go` and `cmd/kube-apiserver`,
/// `LongRunningFunc`), besides watches.
const LASTING: [&str; 5] = ["attach", "exec", "proxy", "log", "portforward"];

pub(super) fn remarks(policy: &Policy, space: &Space<'_>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    remarks.extend(twice(policy));
    remarks.extend(reads(policy, space));
    remarks.extend(managed_fields(policy));
    for stage in [Stage::ResponseStarted, Stage::ResponseComplete, Stage::Panic] {
        remarks.extend(omitted(policy, stage));
    }
    remarks.extend(unlogged(policy, space));
    remarks
}

/// The first stage, which repeats what a later one says.
fn twice(policy: &Policy) -> Option<Remark> {
    let mut lines = Vec::new();
    for (at, rule) in policy.rules.iter().enumerate() {
        if rule.level > Level::None && policy.logs_at(Some(at), Stage::RequestReceived) {
            lines.push(rule.line);
        }
    }
    let all = lines.len() == policy.rules.iter().filter(|rule| rule.level > Level::None).count();
    let first = *lines.first()?;
    let who =
        if all { "every request".to_owned() } else { format!("what is logged by {}", dead::said(&lines)) };
    Some(Remark::new(
        if all { 0 } else { first },
        Weight::Waste,
        "request-received",
        format!("{who} is there twice: stage RequestReceived says nothing that a later one does not repeat"),
        "add `omitStages: [RequestReceived]` above the rules",
    ))
}

/// Answers of reading requests: the bulk of a log.
fn reads(policy: &Policy, space: &Space<'_>) -> Vec<Remark> {
    let about = space.about(Probe { group: "", resource: "", verbs: &["get", "list"] });
    space.refill();
    let full = about.iter().filter(|piece| policy.rules[piece.rule].level == Level::RequestResponse);
    let reads = full.filter(|piece| space.taken_before(piece).is_none());
    let remark = |line| {
        Remark::new(
            line,
            Weight::Waste,
            "answers-of-reads",
            "RequestResponse logs everything that get and list answer with",
            "limit the rule to `verbs: [create, update, patch]`, so that reading goes on at Metadata",
        )
    };
    reads.map(|piece| remark(policy.rules[piece.rule].line)).collect()
}

fn managed_fields(policy: &Policy) -> Option<Remark> {
    let with = |rule: &&Rule| {
        rule.level >= Level::Request
            && rule.urls.is_empty()
            && !rule.omit_managed_fields.unwrap_or(policy.omit_managed_fields)
    };
    let lines: Vec<usize> = policy.rules.iter().filter(with).map(|rule| rule.line).collect();
    let first = *lines.first()?;
    Some(Remark::new(
        first,
        Weight::Waste,
        "managed-fields",
        format!(
            "bodies hold `metadata.managedFields`, which nothing reads: those logged by {}",
            dead::said(&lines)
        ),
        "add `omitManagedFields: true` above the rules",
    ))
}

/// A stage that is left out though it is the only one of some requests.
fn omitted(policy: &Policy, stage: Stage) -> Option<Remark> {
    let loses = |(at, rule): &(usize, &Rule)| {
        rule.level > Level::None && !policy.logs_at(Some(*at), stage) && matters(rule, stage)
    };
    let lines: Vec<usize> =
        policy.rules.iter().enumerate().filter(loses).map(|(_, rule)| rule.line).collect();
    let first = *lines.first()?;
    let (weight, what) = match stage {
        Stage::ResponseStarted => (
            Weight::Blind,
            "without stage ResponseStarted no 401 is logged, and watches, exec and logs only once they end",
        ),
        Stage::ResponseComplete => {
            (Weight::Blind, "without stage ResponseComplete most requests are not logged at all")
        }
        _ => (Weight::Lossy, "without stage Panic a request that makes the API server panic is not logged"),
    };
    let of_all = policy.omit_stages.contains(&stage);
    let fix = match (stage, of_all) {
        (_, true) => format!("take {} out of `omitStages` above the rules", stage.as_str()),
        (_, false) => format!("take {} out of `omitStages` of {}", stage.as_str(), dead::said(&lines)),
    };
    Some(Remark::new(if of_all { 0 } else { first }, weight, "omitted-stage", what, fix))
}

fn matters(rule: &Rule, stage: Stage) -> bool {
    if stage == Stage::ResponseComplete {
        // A watch is logged when it begins, with all that it is.
        return rule.verbs.is_empty() || rule.verbs.iter().any(|verb| verb != "watch");
    }
    if stage != Stage::ResponseStarted {
        return true;
    }
    let nobody = rule.users.is_empty() && rule.groups.is_empty();
    let verb = |verb: &str| rule.verbs.is_empty() || rule.verbs.iter().any(|v| v == verb);
    let objects = rule.urls.is_empty();
    let whole =
        rule.resources.iter().any(|one| one.resources.is_empty() || one.resources.iter().any(|p| p == "*"));
    let lasting = rule.resources.is_empty()
        || whole
        || rule.resources.iter().flat_map(|one| &one.resources).any(|pattern| {
            let sub = pattern.split_once('/').map_or("", |(_, sub)| sub);
            sub == "*" || LASTING.contains(&sub)
        });
    nobody || (objects && (verb("watch") || (lasting && (verb("get") || verb("create")))))
}

/// Requests that no rule fits.
fn unlogged(policy: &Policy, space: &Space<'_>) -> Option<Remark> {
    if space.takes_everything() {
        return None;
    }
    let user = Some(("somebody", &["system:authenticated"][..]));
    let missed = |target| {
        let request = Attributes { user, verb: "get", target };
        policy.decide(&request).rule.is_none()
    };
    let object = |group, resource, namespaced: bool| Target::Resource {
        group,
        resource,
        subresource: "",
        namespace: if namespaced { "some-namespace" } else { "" },
        name: "some-name",
    };
    let kinds: Vec<&str> = known::all()
        .filter(|known| missed(object(known.group, known.name, known.namespaced)))
        .map(|known| known.name)
        .collect();
    let mut lost = Vec::new();
    if !kinds.is_empty() {
        let named = kinds[..kinds.len().min(NAMED)].join(", ");
        lost.push(format!(
            "reading {} of {} kinds of Kubernetes' own, such as {named}",
            kinds.len(),
            known::all().count()
        ));
    }
    if missed(object("example.com", "examples", true)) {
        lost.push("custom resources".to_owned());
    }
    if missed(Target::Url("/version")) {
        lost.push("paths such as /version and /healthz".to_owned());
    }
    let nobody = Attributes { user: None, verb: "get", target: object("", "pods", true) };
    if policy.decide(&nobody).rule.is_none() {
        lost.push("401s".to_owned());
    }
    let what = match lost.as_slice() {
        [] => "a request that no rule fits is not logged, and there is no rule at the end that fits all"
            .to_owned(),
        lost => format!("a request that no rule fits is not logged: {}", lost.join("; ")),
    };
    Some(Remark::new(
        0,
        Weight::Lossy,
        "no-rule-for-the-rest",
        what,
        "end the rules with `- level: Metadata`",
    ))
}
