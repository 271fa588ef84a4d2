//! The rules that log bodies: where a detection reads them, and not for whom none does.

use std::collections::{BTreeMap, BTreeSet};

use super::{granted, group, ordinary};
use crate::{
    model::{Level, Rule},
    need::{Needs, shapes::Thing},
};

/// What makes and changes an object.
const CHANGES: [&str; 3] = ["create", "update", "patch"];

/// The rules, those with most first.
pub(super) fn rules(needs: &Needs) -> Vec<Rule> {
    let wanted = wanted(needs);
    let mut rules = Vec::from_iter(copied(needs, &wanted));
    for ((level, verbs), things) in grouped(&wanted) {
        rules.push(Rule {
            verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
            resources: group::lines(needs, &things),
            comment: comment(level, &verbs, &things),
            ..Rule::new(level)
        });
    }
    rules
}

/// The level of each thing and verb that is more than Metadata.
type Wanted<'n> = BTreeMap<&'n Thing, BTreeMap<&'static str, Level>>;

fn wanted(needs: &Needs) -> Wanted<'_> {
    let mut wanted: Wanted<'_> = BTreeMap::new();
    for (at, shape) in needs.shapes().iter().enumerate() {
        let level = granted(needs, at);
        if level > Level::Metadata {
            wanted.entry(&shape.thing).or_default().insert(shape.verb, level);
        }
    }
    wanted
}

/// A level and the verbs that are logged at it.
type Logged = (Level, Vec<&'static str>);

/// Things by level and verbs, the highest level and the fewest verbs first: the first rule that fits decides.
fn grouped<'n>(wanted: &Wanted<'n>) -> Vec<(Logged, BTreeSet<&'n Thing>)> {
    let mut groups: BTreeMap<Logged, BTreeSet<&Thing>> = BTreeMap::new();
    for (thing, verbs) in wanted {
        for level in [Level::RequestResponse, Level::Request] {
            let of_level: Vec<&str> =
                verbs.iter().filter(|(_, of)| **of == level).map(|(verb, _)| *verb).collect();
            for verbs in split(&of_level, verbs, thing) {
                groups.entry((level, verbs)).or_default().insert(thing);
            }
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|((level, verbs), _)| (std::cmp::Reverse(*level), verbs.len()));
    groups
}

/// The verbs as rules have them: those that change an object together, others apart. Where one is not served, or was
/// decided on by a rule with more before this, it may as well stand here: so there are fewer rules.
fn split(
    verbs: &[&'static str],
    all: &BTreeMap<&'static str, Level>,
    thing: &Thing,
) -> Vec<Vec<&'static str>> {
    let (changes, others): (Vec<&str>, Vec<&str>) = verbs.iter().partition(|verb| CHANGES.contains(verb));
    let mut split: Vec<Vec<&'static str>> = others.into_iter().map(|verb| vec![verb]).collect();
    if changes.is_empty() {
        return split;
    }
    let free = |verb: &&str| !thing.verbs().contains(verb) || all.get(verb) == Some(&Level::RequestResponse);
    let any = |verb: &&str| changes.contains(verb) || free(verb);
    let several = changes.len() > 1 || thing.verbs().len() > 1 && all.len() > 1;
    let as_usual = CHANGES.into_iter().filter(|verb| changes.contains(verb));
    split.push(if several && CHANGES.iter().all(any) { CHANGES.to_vec() } else { as_usual.collect() });
    split
}

/// What controllers write is copied from what others wrote, and was seen then: names are enough, wherever no detection
/// reads what they write.
fn copied(needs: &Needs, wanted: &Wanted<'_>) -> Option<Rule> {
    let users = ordinary::controllers();
    let reads = |thing: &Thing, verb: &str| {
        let shape = needs.shape_of(thing, verb);
        shape.is_some_and(|shape| {
            users
                .iter()
                .any(|user| needs.special_asks_of(user, shape).iter().any(|ask| ask.level > Level::Metadata))
        })
    };
    let changes = |verbs: &BTreeMap<&'static str, Level>| verbs.keys().any(|verb| CHANGES.contains(verb));
    let things: BTreeSet<&Thing> = wanted
        .iter()
        .filter(|(thing, verbs)| changes(verbs) && is_copied(thing))
        .filter(|(thing, verbs)| !verbs.keys().any(|verb| CHANGES.contains(verb) && reads(thing, verb)))
        .map(|(thing, _)| *thing)
        .collect();
    (!things.is_empty()).then(|| Rule {
        users,
        verbs: CHANGES.map(str::to_owned).to_vec(),
        resources: group::lines(needs, &things),
        comment: "What Kubernetes' controllers write they copy from what others wrote: names are enough. Pods are not among this."
            .to_owned(),
        ..Rule::new(Level::Metadata)
    })
}

/// Whether controllers write such objects all day.
fn is_copied(thing: &Thing) -> bool {
    let Thing::Object { group, resource, subresource } = thing else { return false };
    match group.as_str() {
        "apps" | "batch" => true,
        "" => matches!(resource.as_str(), "namespaces" | "replicationcontrollers" | "services"),
        "rbac.authorization.k8s.io" => resource == "clusterroles" && subresource.is_empty(),
        _ => false,
    }
}

fn comment(level: Level, verbs: &[&str], things: &BTreeSet<&Thing>) -> String {
    let is = |name: &str| {
        things.iter().any(|thing| matches!(thing, Thing::Object { resource, .. } if resource == name))
    };
    let text = match (level, verbs) {
        (Level::RequestResponse, _) if is("pods") => {
            "Which account a pod runs as, which Secrets it takes, and its name where it asked for a generated one."
        }
        (Level::RequestResponse, _) if is("rolebindings") => {
            "Who is bound to what: the answer shows the whole binding where a patch shows a part."
        }
        (Level::RequestResponse, _) => "What detections read in the answer.",
        (_, ["delete"]) if is("pods") => "Whether a pod is deleted by force: its token ends then.",
        (_, ["create"]) if is("subjectaccessreviews") => {
            "Whose rights are asked about: the body names an account whose token was shown to a kubelet or another server."
        }
        (_, verbs) if verbs.len() == CHANGES.len() => "What detections read in what is made or changed.",
        _ => "What detections read in the request.",
    };
    text.to_owned()
}
