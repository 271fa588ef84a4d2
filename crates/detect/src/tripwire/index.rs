//! The inventory turned around: from what an event holds to the decoy it belongs to, each in one look.

use std::collections::{HashMap, HashSet};

use sundew_audit::{Event, Text};
use sundew_decoy::{Decoy, Inventory, Placement};

use super::PodName;
use crate::finding::DecoyRef;

/// Namespace and name.
type Named = (String, String);

/// A decoy, or one of its placements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) decoy: usize,
    pub(super) placement: Option<usize>,
}

/// The decoys of one cluster.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    cluster: String,
    decoys: Vec<Decoy>,
    users: HashMap<String, usize>,
    accounts: HashMap<Named, usize>,
    secrets: HashMap<Named, Place>,
    credentials: HashMap<String, Place>,
    pods: HashMap<Named, Place>,
    workloads: HashMap<Named, Place>,
    namespaces: HashSet<String>,
    bait: HashSet<String>,
    walkers: HashSet<String>,
}

impl Index {
    pub(super) fn by_cluster(inventory: &Inventory) -> HashMap<String, Self> {
        let mut clusters: HashMap<String, Self> = HashMap::new();
        for decoy in &inventory.decoys {
            Self::of(&mut clusters, inventory.cluster_of(decoy), inventory).add(decoy);
        }
        for bait in &inventory.namespaces {
            let cluster = bait.cluster.as_deref().unwrap_or(&inventory.cluster);
            Self::of(&mut clusters, cluster, inventory).bait.insert(bait.name.clone());
        }
        clusters
    }

    fn of<'c>(clusters: &'c mut HashMap<String, Self>, cluster: &str, inventory: &Inventory) -> &'c mut Self {
        clusters.entry(cluster.to_owned()).or_insert_with(|| Self {
            cluster: cluster.to_owned(),
            walkers: inventory.walkers.iter().cloned().collect(),
            ..Self::default()
        })
    }

    fn add(&mut self, decoy: &Decoy) {
        let id = self.decoys.len();
        let named = |name: &str| (decoy.namespace.clone(), name.to_owned());
        self.users.insert(decoy.username(), id);
        self.accounts.insert(named(&decoy.account), id);
        self.namespaces.insert(decoy.namespace.clone());
        for (i, placement) in decoy.placements.iter().enumerate() {
            let place = Place { decoy: id, placement: Some(i) };
            if let Some(secret) = &placement.secret {
                self.secrets.insert(named(secret), place);
            }
            if let Some(credential) = &placement.credential_id {
                self.credentials.insert(credential.clone(), place);
            }
            let mounted = placement.mounted_by.as_ref();
            if let Some(pod) = mounted.and_then(|m| m.pod.as_ref()) {
                self.pods.insert(named(pod), place);
            }
            if let Some(workload) = mounted.and_then(|m| m.workload.as_ref()) {
                self.workloads.insert(named(workload), place);
            }
        }
        self.decoys.push(decoy.clone());
    }

    pub(super) fn cluster(&self) -> &str {
        &self.cluster
    }

    pub(super) fn len(&self) -> usize {
        self.decoys.len()
    }

    /// Every whole JSON string that an event about one of these decoys holds, one at least for each row of the
    /// table.
    pub(super) fn strings(&self) -> Vec<String> {
        let mut all: Vec<String> = self.users.keys().cloned().collect();
        all.extend(self.accounts.keys().map(|(_, account)| account.clone()));
        all.extend(self.credentials.keys().cloned());
        all.extend(self.pods.keys().map(|(_, pod)| pod.clone()));
        all.extend(self.bait.iter().cloned());
        for (namespace, secret) in self.secrets.keys() {
            all.push(secret.clone());
            // How the annotation of a token that was marked invalid names its Secret.
            all.push(format!("{secret}/{namespace}"));
        }
        all
    }

    /// The decoy, and the placement where one is known, as findings name them.
    pub(super) fn name(&self, place: Place) -> DecoyRef {
        let decoy = &self.decoys[place.decoy];
        let placement = place.placement.map(|i| &decoy.placements[i]);
        DecoyRef {
            name: decoy.name(),
            placement: placement.map(Placement::label),
            location: placement.and_then(|p| p.location.clone()),
        }
    }

    pub(super) fn placement(&self, place: Place) -> Option<&Placement> {
        self.decoys[place.decoy].placements.get(place.placement?)
    }

    pub(super) fn user(&self, name: Text<'_>) -> Option<usize> {
        if self.users.is_empty() || name.is_empty() { None } else { self.users.get(&*name.decode()).copied() }
    }

    pub(super) fn user_name(&self, name: &str) -> Option<usize> {
        self.users.get(name).copied()
    }

    pub(super) fn account(&self, namespace: &str, name: &str) -> Option<usize> {
        self.accounts.get(&(namespace.to_owned(), name.to_owned())).copied()
    }

    pub(super) fn secret(&self, namespace: &str, name: &str) -> Option<Place> {
        self.secrets.get(&(namespace.to_owned(), name.to_owned())).copied()
    }

    pub(super) fn credential(&self, id: &str) -> Option<Place> {
        self.credentials.get(id).copied()
    }

    /// The pod by its own name, or by its workload's: `NAME-…` for any prefix that ends before a hyphen.
    pub(super) fn pod(&self, namespace: &str, name: &str) -> Option<Place> {
        let own = self.pods.get(&(namespace.to_owned(), name.to_owned()));
        own.copied().or_else(|| self.workload_of(namespace, name))
    }

    pub(super) fn workload_of(&self, namespace: &str, pod: &str) -> Option<Place> {
        if self.workloads.is_empty() {
            return None;
        }
        let ends = pod.match_indices('-').map(|(end, _)| &pod[..end]).chain([pod]);
        ends.filter_map(|name| self.workloads.get(&(namespace.to_owned(), name.to_owned()))).next().copied()
    }

    pub(super) fn is_bait(&self, namespace: &str) -> bool {
        self.bait.contains(namespace)
    }

    pub(super) fn is_walker(&self, user: &str) -> bool {
        self.walkers.contains(user)
    }

    /// The pod that `event` made, where it says its name.
    pub(super) fn pod_made(&self, event: &Event<'_>) -> Option<PodName> {
        let object = event.object_ref?;
        let made = event.verb == "create" && object.resource == "pods" && object.subresource.is_empty();
        (made && !object.name.is_empty()).then(|| self.pod_name(object.namespace, object.name))
    }

    /// The pod that `event` enters, in a namespace with decoys.
    pub(super) fn maybe_entered(&self, event: &Event<'_>) -> Option<PodName> {
        let object = event.object_ref?;
        let entered = super::rows::enters(event) && self.namespaces.contains(&*object.namespace.decode());
        entered.then(|| self.pod_name(object.namespace, object.name))
    }

    fn pod_name(&self, namespace: Text<'_>, name: Text<'_>) -> PodName {
        (self.cluster.clone(), namespace.decode().into_owned(), name.decode().into_owned())
    }

    /// The decoy that unreadable input names, as a whole word. Only names that are a decoy's own are looked for: a
    /// bare account name such as `tiller` is a word of many lines.
    pub(super) fn named_in(&self, raw: &[u8]) -> Option<DecoyRef> {
        let words = |text: &[u8]| {
            let inside = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':' | b'=');
            let mut words = Vec::new();
            let mut start = None;
            for (i, b) in text.iter().chain([&b' ']).enumerate() {
                match (inside(*b), start) {
                    (true, None) => start = Some(i),
                    (false, Some(from)) => {
                        words.push(from..i);
                        start = None;
                    }
                    _ => {}
                }
            }
            words
        };
        // `\u0026` and its like would run into the word behind them.
        let text = String::from_utf8_lossy(raw).replace("\\u0026", " ").replace("\\n", " ");
        for range in words(text.as_bytes()) {
            let word = &text[range];
            let word = word.trim_end_matches(['.', ':', '-']);
            let secret = || self.secrets.iter().find(|((_, name), _)| name == word).map(|(_, place)| *place);
            let user = self.user_name(word).map(|decoy| Place { decoy, placement: None });
            if let Some(place) = user.or_else(|| self.credential(word)).or_else(secret) {
                return Some(self.name(place));
            }
        }
        None
    }
}
