//! The inventory turned around: from what an event holds to the decoy it belongs to, each in one look.

use std::collections::HashMap;

use sundew_audit::{Event, Text};
use sundew_decoy::{Decoy, Inventory, Placement, State};

use super::{
    PodName, body, entry,
    table::{Named, Table},
};
use crate::finding::DecoyRef;

/// The longest name of an object (RFC 1123). Longer ones are nobody's, however long a client makes them.
const MAX_NAME: usize = 253;

/// A decoy, or one of its placements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) decoy: usize,
    pub(super) placement: Option<usize>,
}

impl Place {
    /// The decoy as a whole.
    pub(super) fn whole(decoy: usize) -> Self {
        Self { decoy, placement: None }
    }
}

/// The decoys of one cluster.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    cluster: String,
    decoys: Vec<Decoy>,
    users: Table<usize>,
    accounts: Named<usize>,
    secrets: Named<Place>,
    /// The same by their names alone.
    secret_names: Table<Place>,
    credentials: Table<Place>,
    pods: Named<Place>,
    workloads: Named<Place>,
    namespaces: Table<()>,
    bait: Table<()>,
    walkers: Table<()>,
    strings: Vec<String>,
}

impl Index {
    pub(super) fn by_cluster(inventory: &Inventory) -> HashMap<String, Self> {
        let mut clusters: HashMap<String, Self> = HashMap::new();
        for decoy in &inventory.decoys {
            Self::of(&mut clusters, inventory.cluster_of(decoy), inventory).add(decoy);
        }
        for bait in &inventory.namespaces {
            let cluster = bait.cluster.as_deref().unwrap_or(&inventory.cluster);
            Self::of(&mut clusters, cluster, inventory).add_bait(&bait.name);
        }
        clusters
    }

    fn of<'c>(clusters: &'c mut HashMap<String, Self>, cluster: &str, inventory: &Inventory) -> &'c mut Self {
        clusters.entry(cluster.to_owned()).or_insert_with(|| {
            let mut index = Self { cluster: cluster.to_owned(), ..Self::default() };
            inventory.walkers.iter().for_each(|walker| index.walkers.insert(walker, ()));
            index
        })
    }

    fn add(&mut self, decoy: &Decoy) {
        let id = self.decoys.len();
        let (namespace, username) = (decoy.namespace.as_str(), decoy.username());
        self.users.insert(&username, id);
        self.accounts.insert(namespace, &decoy.account, id);
        self.namespaces.insert(namespace, ());
        self.strings.extend([username, decoy.account.clone()]);
        for (i, placement) in decoy.placements.iter().enumerate() {
            self.add_placement(namespace, placement, Place { decoy: id, placement: Some(i) });
        }
        self.decoys.push(decoy.clone());
    }

    fn add_placement(&mut self, namespace: &str, placement: &Placement, place: Place) {
        if let Some(secret) = &placement.secret {
            self.secrets.insert(namespace, secret, place);
            self.secret_names.insert(secret, place);
            // The second is how the annotation of a token that was marked invalid names its Secret.
            self.strings.extend([secret.clone(), format!("{secret}/{namespace}")]);
        }
        if let Some(credential) = &placement.credential_id {
            self.credentials.insert(credential, place);
            self.strings.push(credential.clone());
        }
        let mounted = placement.mounted_by.as_ref();
        if let Some(pod) = mounted.and_then(|m| m.pod.as_ref()) {
            self.pods.insert(namespace, pod, place);
            self.strings.push(pod.clone());
        }
        if let Some(workload) = mounted.and_then(|m| m.workload.as_ref()) {
            self.workloads.insert(namespace, workload, place);
        }
    }

    fn add_bait(&mut self, namespace: &str) {
        self.bait.insert(namespace, ());
        self.strings.push(namespace.to_owned());
    }

    pub(super) fn cluster(&self) -> &str {
        &self.cluster
    }

    pub(super) fn len(&self) -> usize {
        self.decoys.len()
    }

    /// Every whole JSON string that an event about one of these decoys holds, one at least for each row of the
    /// table.
    pub(super) fn strings(&self) -> impl Iterator<Item = &str> {
        self.strings.iter().map(String::as_str)
    }

    /// The decoy, and the placement where one is known, as findings name them.
    pub(super) fn name(&self, place: Place) -> DecoyRef {
        let decoy = &self.decoys[place.decoy];
        let placement = place.placement.map(|i| &decoy.placements[i]);
        DecoyRef {
            name: decoy.name(),
            placement: placement.map(Placement::label),
            secret: placement.and_then(|p| p.secret.clone()),
            location: placement.and_then(|p| p.location.clone()),
        }
    }

    pub(super) fn placement(&self, place: Place) -> Option<&Placement> {
        self.decoys[place.decoy].placements.get(place.placement?)
    }

    pub(super) fn user(&self, name: Text<'_>) -> Option<usize> {
        if self.users.is_empty() || name.is_empty() { None } else { self.user_name(&name.decode()) }
    }

    pub(super) fn user_name(&self, name: &str) -> Option<usize> {
        self.users.get(name).copied()
    }

    pub(super) fn account(&self, namespace: &str, name: &str) -> Option<usize> {
        self.accounts.get(namespace, name).copied()
    }

    /// Whether the decoy's tokens are refused from now on, with an answer that names nobody.
    pub(super) fn is_tombstoned(&self, namespace: &str, name: &str) -> bool {
        self.account(namespace, name).is_some_and(|id| self.decoys[id].state == Some(State::Tombstoned))
    }

    pub(super) fn secret(&self, namespace: &str, name: &str) -> Option<Place> {
        self.secrets.get(namespace, name).copied()
    }

    /// A decoy's Secret of this name, in whichever namespace.
    pub(super) fn secret_anywhere(&self, name: &str) -> Option<Place> {
        self.secret_names.get(name).copied()
    }

    pub(super) fn credential(&self, id: &str) -> Option<Place> {
        self.credentials.get(id).copied()
    }

    /// The pod by its own name, or by its workload's: `NAME-…` for any prefix that ends before a hyphen.
    pub(super) fn pod(&self, namespace: &str, name: &str) -> Option<Place> {
        self.pods.get(namespace, name).copied().or_else(|| self.workload_of(namespace, name))
    }

    pub(super) fn workload_of(&self, namespace: &str, pod: &str) -> Option<Place> {
        if self.workloads.is_empty() || pod.len() > MAX_NAME {
            return None;
        }
        let ends = pod.match_indices('-').map(|(end, _)| &pod[..end]).chain([pod]);
        ends.filter_map(|name| self.workloads.get(namespace, name)).next().copied()
    }

    pub(super) fn is_bait(&self, namespace: &str) -> bool {
        self.bait.contains(namespace)
    }

    pub(super) fn is_walker(&self, user: &str) -> bool {
        self.walkers.contains(user)
    }

    /// The pod that `event` made, where it says its name. A request that was refused made none: its name may be that
    /// of somebody else's pod.
    pub(super) fn pod_made(&self, event: &Event<'_>) -> Option<PodName> {
        let object = event.object_ref?;
        let asked = event.verb == "create" && object.resource == "pods" && object.subresource.is_empty();
        let made = asked && event.code().is_some_and(|code| (200..300).contains(&code));
        let name = object.name.to_option().or_else(|| body::made_name(event).filter(|_| made))?;
        made.then(|| self.pod_name(object.namespace.decode().into_owned(), name))
    }

    /// The pod that `event` enters, in a namespace with decoys.
    pub(super) fn maybe_entered(&self, event: &Event<'_>) -> Option<PodName> {
        let (namespace, name) = entry::pod(event)?;
        self.namespaces.contains(&namespace).then(|| self.pod_name(namespace, name))
    }

    fn pod_name(&self, namespace: String, name: String) -> PodName {
        (self.cluster.clone(), namespace, name)
    }

    /// The decoy that unreadable input names, as a whole word. Only names that are a decoy's own are looked for: a
    /// bare account name such as `tiller` is a word of many lines.
    pub(super) fn named_in(&self, raw: &[u8]) -> Option<DecoyRef> {
        // `\u0026` and its like would run into the word behind them.
        let text = String::from_utf8_lossy(raw).replace("\\u0026", " ").replace("\\n", " ");
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '=');
        let words = text.split(|c| !inside(c)).map(|word| word.trim_end_matches(['.', ':', '-']));
        let own = |word: &str| {
            let user = self.user_name(word).map(Place::whole);
            user.or_else(|| self.credential(word)).or_else(|| self.secret_anywhere(word))
        };
        words.filter(|word| !word.is_empty()).find_map(own).map(|place| self.name(place))
    }
}
