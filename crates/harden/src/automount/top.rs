//! What a person edits to change a pod: the end of its chain of owners.

use hashbrown::HashMap;
use sundew_posture::{
    Cluster,
    model::{Meta, PodSpec, Workload, WorkloadKind},
};

/// Kind, namespace and name.
pub(super) type Key = (String, String, String);

/// What a person edits, with the pods that come of it.
#[derive(Debug)]
pub(super) struct Top<'c> {
    pub(super) key: Key,
    /// Its own description; none where only its pods are known.
    pub(super) own: Option<&'c Workload>,
    /// Its pods and what lies between, without those that have ended.
    pub(super) parts: Vec<&'c Workload>,
}

impl<'c> Top<'c> {
    /// What its pods are like: as its template says, or where that is not known, one of its pods.
    pub(super) fn spec(&self) -> Option<&'c PodSpec> {
        self.own.or_else(|| self.parts.first().copied()).map(|workload| &workload.spec)
    }

    /// The pods of it that run.
    pub(super) fn pods(&self) -> impl Iterator<Item = &'c Workload> {
        self.own.into_iter().chain(self.parts.iter().copied()).filter(|part| part.kind == WorkloadKind::Pod)
    }

    /// Its description.
    pub(super) fn meta(&self) -> Option<&'c Meta> {
        self.own.or_else(|| self.parts.first().copied()).map(|workload| &workload.meta)
    }

    /// Whether a pod of this name comes of it, as controllers name them, also where it is gone already.
    pub(super) fn names(&self, pod: &str) -> bool {
        let (kind, _, name) = &self.key;
        let rest = |of: &str| pod.strip_prefix(of).and_then(|rest| rest.strip_prefix('-')).map(str::to_owned);
        match kind.as_str() {
            "Pod" => pod == name,
            // NAME-HASH-RANDOM, or NAME-MINUTE-RANDOM.
            "Deployment" | "CronJob" | "Rollout" => {
                rest(name).is_some_and(|rest| rest.split('-').count() == 2)
            }
            "StatefulSet" => rest(name).is_some_and(|rest| rest.bytes().all(|c| c.is_ascii_digit())),
            _ => rest(name).is_some_and(|rest| !rest.contains('-')),
        }
    }
}

/// All of them, by name.
pub(super) fn tops(cluster: &Cluster) -> Vec<Top<'_>> {
    let known: HashMap<Key, &Workload> = cluster.workloads.iter().map(|w| (key(w), w)).collect();
    let mut tops: HashMap<Key, Top<'_>> = HashMap::new();
    for workload in cluster.workloads.iter().filter(|w| w.kind != WorkloadKind::PodTemplate) {
        let of = top(&known, workload);
        // What has ended makes no pods any more, and its owner has a description of its own.
        if workload.ended && of == key(workload) {
            continue;
        }
        let own = known.get(&of).copied();
        let top = tops.entry(of.clone()).or_insert_with(|| Top { key: of, own, parts: Vec::new() });
        if own.is_none_or(|own| !std::ptr::eq(own, workload)) && !workload.ended {
            top.parts.push(workload);
        }
    }
    let mut tops: Vec<Top<'_>> = tops.into_values().collect();
    for top in &mut tops {
        // Pods are what most is known from.
        top.parts.sort_by_key(|part| (part.kind != WorkloadKind::Pod, part.meta.name.clone()));
    }
    tops.sort_by(|a, b| a.key.cmp(&b.key));
    tops
}

fn key(workload: &Workload) -> Key {
    (workload.kind.as_str().to_owned(), workload.meta.namespace.to_string(), workload.meta.name.to_string())
}

/// The end of the chain of owners.
fn top(known: &HashMap<Key, &Workload>, workload: &Workload) -> Key {
    let mut at = key(workload);
    let mut owner = workload.owner.as_ref();
    // A chain has three links at most; a circle of owners must not hang.
    for _ in 0..8 {
        let Some(of) = owner else { break };
        at = (of.kind.to_string(), at.1, of.name.to_string());
        owner = match known.get(&at) {
            Some(workload) => workload.owner.as_ref(),
            None => {
                at = beyond(known, at);
                None
            }
        };
    }
    at
}

/// What stands behind an owner that is not described: controllers name what they make after themselves.
fn beyond(known: &HashMap<Key, &Workload>, at: Key) -> Key {
    let above = match at.0.as_str() {
        "ReplicaSet" => "Deployment",
        "Job" => "CronJob",
        _ => return at,
    };
    let Some((name, _)) = at.2.rsplit_once('-') else { return at };
    let above = (above.to_owned(), at.1.clone(), name.to_owned());
    if known.contains_key(&above) { above } else { at }
}
