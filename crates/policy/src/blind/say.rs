//! What is blinded, in words.

use std::collections::BTreeMap;

use sundew_detect::tripwire::rules::TOKEN_USED;

use super::{Blinded, Fault, Whom, walk::Request};
use crate::{
    lint::{Remark, Weight},
    model::{Level, Policy, Rule},
    need::{
        Detection, Needs,
        who::{By, kind},
    },
};

/// How many detections, kinds of requests and users are named.
const MOST: usize = 4;

pub(super) struct Saying<'s> {
    pub(super) policy: &'s Policy,
    pub(super) needs: &'s Needs,
    pub(super) requests: &'s [Request<'s>],
}

impl Saying<'_> {
    pub(super) fn remarks(&self, faults: &[(Fault<'_>, Vec<&str>, Blinded)]) -> Vec<Remark> {
        faults.iter().map(|(fault, users, blinded)| self.remark(fault, users, blinded)).collect()
    }

    fn remark(&self, fault: &Fault<'_>, users: &[&str], blinded: &Blinded) -> Remark {
        let rule = fault.rule.and_then(|at| self.policy.rules.get(at));
        let line = rule.map_or(0, |rule| rule.line);
        let requests = self.requests(blinded);
        let detections = self.detections(blinded);
        let whose = match fault.whom {
            Whom::Everybody | Whom::Nobody => String::new(),
            Whom::User(_) => format!(" by {}", some(users)),
            Whom::Group(group) => format!(" by whoever is in {group}"),
            Whom::There => rule.map_or_else(String::new, there),
        };
        let what = match (fault.whom, rule, fault.level) {
            (Whom::Nobody, ..) => format!(
                "a request whose credential is refused leaves no event (it has stage ResponseStarted alone, and no user), whatever it asks for; blind to it: {detections}"
            ),
            (_, None, _) => {
                format!("no rule fits {requests}, so nothing is logged; blind to it: {detections}")
            }
            (_, Some(_), Level::None) => {
                format!("nothing is logged of {requests}{whose}; blind there: {detections}")
            }
            (_, Some(_), level) => format!(
                "{requests}{whose}: logged at {}, and {} is needed by {detections}",
                level.as_str(),
                fault.needed.as_str()
            ),
        };
        let (weight, code) = weight(fault);
        Remark::new(line, weight, code, what, fix(fault))
    }

    /// `rules.a, rules.b and 12 more`, the worst first.
    fn detections(&self, blinded: &Blinded) -> String {
        let mut named: Vec<_> = blinded.detections.iter().map(|at| &self.needs.detections()[at]).collect();
        // Decoys first: what is blind to them is blind to what is certain.
        named.sort_by(|a, b| {
            let rank = |of: &Detection| (of.name == TOKEN_USED.id, of.severity, of.is_of_tripwire());
            rank(b).cmp(&rank(a)).then_with(|| a.name.cmp(&b.name))
        });
        some(&named.iter().map(|detection| detection.name.as_str()).collect::<Vec<_>>())
    }

    /// `create and patch of deployments.apps, pods and 3 more`.
    fn requests(&self, blinded: &Blinded) -> String {
        if blinded.requests.len() == self.requests.len() {
            return "any request".to_owned();
        }
        let mut verbs: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for request in blinded.requests.iter().map(|at| &self.requests[at]) {
            verbs.entry(request.thing.to_string()).or_default().push(request.verb);
        }
        let mut things: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
        for (thing, verbs) in &verbs {
            things.entry(verbs.clone()).or_default().push(thing);
        }
        let mut parts: Vec<_> = things.into_iter().collect();
        parts.sort_by_key(|(_, things)| std::cmp::Reverse(things.len()));
        let said: Vec<String> = parts.iter().take(2).map(|(verbs, things)| part(verbs, things)).collect();
        let rest: usize = parts.iter().skip(2).map(|(_, things)| things.len()).sum();
        let rest = if rest > 0 { format!("; and {rest} more") } else { String::new() };
        format!("{}{rest}", said.join("; "))
    }
}

/// Decoys are ServiceAccounts: what is left out of a group of those, or of everybody, is left out of decoys.
fn weight(fault: &Fault<'_>) -> (Weight, &'static str) {
    match fault.whom {
        Whom::Nobody => (Weight::Blind, "blind-to-401"),
        Whom::User(_) => (Weight::Lossy, "blind-to-user"),
        Whom::Group(group) if !holds_decoys(group) => (Weight::Lossy, "blind-to-group"),
        Whom::Group(_) => (Weight::Blind, "blind-to-decoys"),
        _ if fault.needed > Level::Metadata => (Weight::Blind, "no-body"),
        _ => (Weight::Blind, "not-logged"),
    }
}

/// Whether decoys are in a group.
pub(super) fn holds_decoys(group: &str) -> bool {
    group == "system:authenticated" || group.starts_with("system:serviceaccounts")
}

fn fix(fault: &Fault<'_>) -> String {
    let needed = fault.needed.as_str();
    match fault.whom {
        Whom::Nobody => "end the policy with `level: Metadata`, and leave ResponseStarted out of omitStages".to_owned(),
        Whom::Group(group) if holds_decoys(group) => {
            "name users of the control plane, or system:nodes, in place of the group: a decoy is in every group of ServiceAccounts".to_owned()
        }
        Whom::User(user) if kind(user) == By::Account => {
            "keep it if it is no decoy and worth its bytes: whoever steals this identity is not seen there".to_owned()
        }
        Whom::User(_) | Whom::Group(_) => format!("log these at {needed} in a rule before this one"),
        _ if fault.rule.is_none() => "end the policy with a rule that is `level: Metadata` alone".to_owned(),
        _ => format!("log these at {needed} in a rule before this one, as `sundew policy generate` does"),
    }
}

/// Where a rule holds, and for what of a name.
fn there(rule: &Rule) -> String {
    let quoted = |name: &String| if name.is_empty() { "\"\"".to_owned() } else { name.clone() };
    let names: Vec<String> = rule.resources.iter().flat_map(|of| &of.names).cloned().collect();
    let namespaces: Vec<String> = rule.namespaces.iter().map(quoted).collect();
    let said = |what: &str, list: &[String]| {
        let list: Vec<&str> = list.iter().map(String::as_str).collect();
        if list.is_empty() { String::new() } else { format!(" {what} {}", some(&list)) }
    };
    said("named", &names) + &said("in", &namespaces)
}

fn part(verbs: &[&str], things: &[&str]) -> String {
    let names = some(things);
    if verbs.len() >= 7 {
        format!("all requests for {names}")
    } else {
        format!("{} of {names}", joined(verbs))
    }
}

/// The first of them, and how many more.
fn some(words: &[&str]) -> String {
    match words.len() {
        0..=MOST => joined(words),
        more => format!("{} and {} more", words[..MOST].join(", "), more - MOST),
    }
}

fn joined(words: &[&str]) -> String {
    match words {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        words => words.concat(),
    }
}
