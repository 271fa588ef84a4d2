//! What a plan takes from the cluster: the namespace, an image, and the names that are still free.

use std::collections::BTreeMap;

use super::{Choice, PlanError, Planned};
use crate::{
    kinds,
    persona::{Persona, SignKind},
    surroundings::{Surroundings, Thing},
};

/// The longest that the cluster's name becomes within other names, which end at 63 letters themselves.
const LONGEST_CLUSTER: usize = 32;

pub(super) fn namespace(
    persona: &Persona,
    around: &Surroundings,
    choice: &Choice,
) -> Result<String, PlanError> {
    let unseen = around.unseen.iter().any(|(what, _)| what == "namespaces");
    let there = |name: &str| unseen || exists(around, name);
    let missing = |namespace: String| Err(PlanError::NamespaceMissing { namespace });
    if let Some(chosen) = &choice.namespace {
        return if there(chosen) { Ok(chosen.clone()) } else { missing(chosen.clone()) };
    }
    match persona.namespaces.iter().find(|name| there(name)) {
        Some(name) => Ok(name.clone()),
        None if persona.namespaces.is_empty() => Err(PlanError::NoNamespace { persona: persona.id.clone() }),
        None => missing(persona.namespaces.join("` or `")),
    }
}

fn exists(around: &Surroundings, name: &str) -> bool {
    around.things.iter().any(|thing| thing.kind == SignKind::Namespace && thing.name == name)
}

/// Refuses a persona whose product is there.
pub(super) fn collisions(persona: &Persona, around: &Surroundings) -> Result<(), PlanError> {
    match persona.collides.iter().find_map(|sign| sign.find(around)) {
        Some(thing) => Err(PlanError::Collides { persona: persona.id.clone(), sign: thing.to_string() }),
        None => Ok(()),
    }
}

/// Refuses an object whose name is taken. `word` is the word that its name comes from.
pub(super) fn free(planned: &Planned, word: &str, around: &Surroundings) -> Result<(), PlanError> {
    let object = &planned.object;
    let Some(sign) = kinds::of(&object.kind).and_then(|kind| kind.sign) else { return Ok(()) };
    let namespace = object.namespace.as_deref().unwrap_or_default();
    // Pods are known by the name of their workload and a hyphen: a neighbour with a longer name would be taken for bait.
    let longer = format!("{}-", object.name);
    let in_the_way = |thing: &&Thing| {
        let alike = sign == SignKind::Workload && object.kind != "Pod" && thing.name.starts_with(&longer);
        thing.kind == sign && thing.namespace == namespace && (thing.name == object.name || alike)
    };
    match around.things.iter().find(in_the_way) {
        Some(thing) => Err(PlanError::Taken { object: thing.to_string(), word: word.to_owned() }),
        None => Ok(()),
    }
}

/// `cluster` as it fits into a name: small letters, digits and single hyphens.
pub(super) fn for_names(cluster: &str) -> String {
    let mut name = String::new();
    for c in cluster.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
        if name.len() == LONGEST_CLUSTER {
            break;
        }
    }
    let name = name.trim_end_matches('-');
    if name.is_empty() { "main".into() } else { name.into() }
}

/// The image that most workloads of `namespace` run, else of the cluster; the first by name of several.
pub(super) fn image(around: &Surroundings, namespace: &str) -> Option<String> {
    let most = |in_namespace: bool| {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let workloads = around.things.iter().filter(|thing| thing.kind == SignKind::Workload);
        for thing in workloads.filter(|thing| !in_namespace || thing.namespace == namespace) {
            for image in &thing.images {
                *counts.entry(image).or_default() += 1;
            }
        }
        // `max_by_key` takes the last of several.
        counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(image, _)| image.to_owned())
    };
    most(true).or_else(|| most(false))
}
