//! Looks at a cluster as bait must fit into it, and which personas do.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use jiff::Timestamp;
use serde_json::Value;
use sundew_cluster::Connection;
use sundew_decoy::{
    persona::{Persona, SignKind},
    surroundings::{Surroundings, Thing},
};
use sundew_posture::{Cluster, model::Meta};

/// The most pods of one namespace that are asked for their images: enough to see what is usual there.
const PODS: u32 = 500;
/// Kinds whose objects run something.
const WORKLOADS: [&str; 6] = ["CronJob", "DaemonSet", "Deployment", "Job", "Pod", "StatefulSet"];

/// What planning looks at, from the collected objects. `images` are those of each namespace's pods; `now` is the
/// cluster's clock.
///
/// Which pod runs which image is not kept: the first workload of a namespace has all of its images.
pub fn surroundings(
    name: &str,
    cluster: &Cluster,
    images: &BTreeMap<String, Vec<String>>,
    now: Timestamp,
) -> Surroundings {
    let thing = |kind: SignKind, meta: &Meta| Thing {
        kind,
        namespace: meta.namespace.to_string(),
        name: meta.name.to_string(),
        created: meta.created,
        images: Vec::new(),
    };
    let mut told = BTreeSet::new();
    let workloads = cluster.workloads.iter().map(|workload| {
        let mut thing = thing(SignKind::Workload, &workload.meta);
        // One that has ended runs nothing any more.
        if let Some(images) = images.get(&thing.namespace)
            && !workload.ended
            && told.insert(workload.meta.namespace.clone())
        {
            thing.images.clone_from(images);
        }
        thing
    });
    let mut things: Vec<Thing> = workloads.collect();
    things.extend(cluster.namespaces.iter().map(|o| thing(SignKind::Namespace, &o.meta)));
    things.extend(cluster.accounts.iter().map(|o| thing(SignKind::Account, &o.meta)));
    things.extend(cluster.roles.iter().map(|o| thing(SignKind::Role, &o.meta)));
    things.extend(cluster.secrets.iter().map(|o| thing(SignKind::Secret, &o.meta)));
    let absent = cluster.absent.iter();
    let unseen = absent.map(|absent| (absent.resource.to_string(), absent.reason.clone())).collect();
    Surroundings { cluster: name.to_owned(), now, things, unseen }
}

/// The images that the pods of `namespaces` run, and in words what could not be read; bait goes without the images of
/// such a namespace. `agent` is the user agent of the requests: one for each namespace.
pub async fn images(
    connection: &Connection,
    agent: &str,
    namespaces: &[String],
) -> (BTreeMap<String, Vec<String>>, Vec<String>) {
    let hand = connection.hand(agent);
    let (mut images, mut unread) = (BTreeMap::new(), Vec::new());
    for namespace in namespaces {
        match hand.list("v1", "Pod", namespace, PODS).await {
            Ok(pods) => {
                let run: BTreeSet<&str> = pods.iter().flat_map(images_of).collect();
                images.insert(namespace.clone(), run.into_iter().map(str::to_owned).collect());
            }
            Err(error) => unread.push(error.to_string()),
        }
    }
    (images, unread)
}

fn images_of(pod: &Value) -> impl Iterator<Item = &str> {
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array);
    containers.into_iter().flatten().filter_map(|container| container.get("image")?.as_str())
}

/// A persona, and how it fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion<'p> {
    /// The persona.
    pub persona: &'p Persona,
    /// Why it fits, or why it must not be used, in a sentence.
    pub because: String,
    /// Whether it can be used here at all.
    pub usable: bool,
    /// Whether it is one to begin with: usable, and nothing that it looks for is missing or in its way.
    pub suggested: bool,
}

/// All personas, those that fit best first, those that must not be used last.
///
/// Best is one with the most signs that it fits; among equals one that needs no workload, as the accounts that people
/// use from outside have none by nature.
pub fn suggest<'p>(personas: &'p [Persona], around: &Surroundings) -> Vec<Suggestion<'p>> {
    let mut ranked: Vec<_> = personas
        .iter()
        .map(|persona| {
            let (suggestion, found) = judge(persona, around);
            let place = (!suggestion.usable, !suggestion.suggested, Reverse(found), has_workload(persona));
            (place, suggestion)
        })
        .collect();
    ranked.sort_by_key(|(place, suggestion)| (*place, suggestion.persona.id.clone()));
    ranked.into_iter().map(|(_, suggestion)| suggestion).collect()
}

/// The persona's place here, and how many signs of its fitting were found.
fn judge<'p>(persona: &'p Persona, around: &Surroundings) -> (Suggestion<'p>, usize) {
    let said = |usable, suggested, because| Suggestion { persona, because, usable, suggested };
    if let Some(thing) = persona.collides.iter().find_map(|sign| sign.find(around)) {
        let because = format!("there is {thing}: beside the real thing it would be a false alarm");
        return (said(false, false, because), 0);
    }
    let is_unseen = |resource: &str| around.unseen.iter().any(|(name, _)| name == resource);
    let home = persona.namespaces.iter().find(|name| has(around, SignKind::Namespace, "", name));
    if home.is_none() && !persona.namespaces.is_empty() && !is_unseen("namespaces") {
        let names = one_of(&persona.namespaces);
        let because = format!("there is no namespace {names}, and bait in a new one is not believed");
        return (said(false, false, because), 0);
    }
    let found: Vec<&Thing> = persona.fits.iter().filter_map(|sign| sign.find(around)).collect();
    let account = persona.words.get("account");
    let taken = home.zip(account).filter(|(home, account)| has(around, SignKind::Account, home, account));
    if let Some((home, account)) = taken {
        let because = format!(
            "ServiceAccount {home}/{account} is there already: it can only be used with another name, --set account=NAME"
        );
        return (said(true, false, because), found.len());
    }
    let count = found.len();
    let suggestion = match (home, found.first()) {
        (_, Some(thing)) => said(true, true, format!("there is {}", and_more(thing, count))),
        (_, None) if !persona.fits.is_empty() => {
            let looked = persona.fits.iter().map(|sign| sign.name.clone()).collect::<Vec<_>>();
            said(true, false, format!("nothing here speaks for it: there is no {}", one_of(&looked)))
        }
        (Some(home), None) => said(true, true, format!("its namespace {home} is there")),
        (None, None) if persona.namespaces.is_empty() => {
            said(true, true, "it can stand in any namespace".into())
        }
        (None, None) => {
            let because = format!(
                "whether there is a namespace {} could not be seen: namespaces could not be read",
                one_of(&persona.namespaces)
            );
            said(true, false, because)
        }
    };
    (suggestion, count)
}

fn has(around: &Surroundings, kind: SignKind, namespace: &str, name: &str) -> bool {
    around.things.iter().any(|t| t.kind == kind && t.namespace == namespace && t.name == name)
}

fn has_workload(persona: &Persona) -> bool {
    persona.objects.iter().any(|draft| {
        draft.manifest.get("kind").and_then(Value::as_str).is_some_and(|kind| WORKLOADS.contains(&kind))
    })
}

fn and_more(first: &Thing, count: usize) -> String {
    match count {
        0 | 1 => first.to_string(),
        _ => format!("{first}, and {} more of what it looks for", count - 1),
    }
}

fn one_of(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [name] => name.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
