//! From where each token is used: a pod has one address of each family and one node, and it ends when it is deleted.
//!
//! ```text
//! Seen ─ Tokens::observe ─┬─ bound to a pod ── Holder, Place, Network ── second address, other node, after deletion
//!                         ├─ any other ─────── Holder, Place ─────────── two networks at once
//!                         ├─ a kubelet's ───── Place, Node: which address is which node's
//!                         └─ delete of a pod ─ Holder: gone
//! ```
//!
//! None of it needs learning, but all of it needs to know which addresses are shared by many: that is seen in the
//! stream ([`place`]).

mod bounded;
mod clock;
mod holder;
mod id;
mod kept;
mod loose;
mod node;
mod place;
mod pods;
#[cfg(test)]
mod tests;
mod words;

use hashbrown::HashMap;
use jiff::Timestamp;
use serde::Deserialize;
use sundew_audit::{Event, ObjectRef};

use self::{
    bounded::{Bounded, Entered},
    clock::{DAY, MINUTE, seconds},
    holder::{GoneBy, Holder},
    id::{Address, HolderKey, Net, hash},
    node::{Network, Node},
    place::Place,
};
use crate::{Class, Novelty, Seen, clock::Clock};

/// What the names of kubelets begin with (`k8s.io/kubernetes/pkg/auth/nodeidentifier`).
const NODE: &str = "system:node:";
/// Deletes pods of nodes that are gone, without waiting (`pkg/controller/podgc/gc_controller.go`).
const POD_COLLECTOR: &str = "system:serviceaccount:kube-system:pod-garbage-collector";

/// What was silent for longer is forgotten, in seconds: no pod's token lives longer without being renewed and used.
const SILENT: u32 = 30 * DAY;

/// How much is remembered, of all clusters together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBounds {
    /// Pods and credentials, at about 150 bytes each.
    pub holders: usize,
    /// Addresses, at about 150 bytes each.
    pub addresses: usize,
    /// Nodes, and as many networks of pods, at about 200 bytes each.
    pub nodes: usize,
}

impl Default for TokenBounds {
    fn default() -> Self {
        Self { holders: 200_000, addresses: 100_000, nodes: 20_000 }
    }
}

/// Where in this memory the token of one request stands, for as long as nothing about it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Spot {
    /// The request says nothing about a token.
    #[default]
    Nothing,
    /// It must be looked at each time.
    Look,
    /// This token's use from this address.
    At { holder: u32, generation: u32, address: Address },
}

/// What is known of the tokens of all clusters, bounded.
#[derive(Debug)]
pub struct Tokens {
    clusters: Vec<Cluster>,
    holders: Bounded<HolderKey, Holder>,
    places: Bounded<(u16, Address), Place>,
    networks: Bounded<(u16, Net), Network>,
    nodes: Bounded<(u16, u64), Node>,
    /// Where in `holders` the latest pod of each name stands.
    names: HashMap<(u16, u64), u32>,
    spot: Spot,
    /// Addresses of single tokens that were forgotten.
    uses_forgotten: u64,
}

impl Default for Tokens {
    fn default() -> Self {
        Self::new(TokenBounds::default())
    }
}

#[derive(Debug)]
struct Cluster {
    name: Box<str>,
    clock: Clock,
    /// The time when what was silent for long was last forgotten, in seconds since 1970.
    swept: u32,
}

/// One request, as far as its token matters.
#[derive(Debug, Clone, Copy)]
struct Request<'s> {
    cluster: u16,
    seen: &'s Seen<'s>,
    address: Address,
    at: u32,
}

impl Tokens {
    /// Knows nothing yet.
    pub fn new(bounds: TokenBounds) -> Self {
        Self::patient(bounds, 5 * MINUTE)
    }

    /// The same; what is kept of it may be `patience` seconds behind in counts.
    fn patient(bounds: TokenBounds, patience: u32) -> Self {
        Self {
            clusters: Vec::new(),
            holders: Bounded::new(bounds.holders, patience),
            places: Bounded::new(bounds.addresses, patience),
            networks: Bounded::new(bounds.nodes, patience),
            nodes: Bounded::new(bounds.nodes, patience),
            names: HashMap::new(),
            spot: Spot::Nothing,
            uses_forgotten: 0,
        }
    }

    /// Takes in one request in `cluster`, received at `time`, and says what is wrong with where, or when, its token
    /// was used.
    pub fn observe(&mut self, cluster: &str, seen: &Seen<'_>, time: Timestamp) -> Vec<Novelty> {
        self.spot = Spot::Nothing;
        let (Some(at), Some(cluster)) = (seconds(time), self.cluster(cluster)) else { return Vec::new() };
        self.clusters[usize::from(cluster)].clock.see(at);
        let ends = ends(seen);
        if let Some(by) = ends {
            self.pod_ended(cluster, seen, by, at);
        }
        let told = match Address::parse(&seen.peer) {
            Some(address) => self.used(&Request { cluster, seen, address, at }),
            None => Vec::new(),
        };
        if ends.is_some() {
            // A pod of the same name can be deleted again.
            self.spot = Spot::Look;
        }
        told
    }

    /// Where the token of the last request that was observed is counted.
    pub(crate) fn spot(&self) -> Spot {
        self.spot
    }

    /// Counts a request that is like the one that gave `spot` in every respect but its time. False where it must be
    /// observed, because something may follow from it.
    pub(crate) fn again(&mut self, spot: Spot, time: Timestamp) -> bool {
        let Spot::At { holder, generation, address } = spot else { return spot == Spot::Nothing };
        let Some(at) = seconds(time) else { return true };
        if self.holders.generation(holder) != Some(generation) {
            return false;
        }
        let known = self.holders.at_mut(holder);
        let Some(one) = known.uses.iter_mut().find(|one| one.address == address) else { return false };
        // Once a minute, so that address and node are known to live, too.
        if !known.settled || at / MINUTE != one.span.last / MINUTE {
            return false;
        }
        one.count = one.count.saturating_add(1);
        one.span.extend(at);
        self.holders.touch(holder);
        self.holders.note(holder, false, at);
        true
    }

    /// How many tokens, addresses and nodes were forgotten to keep within the bounds, since the start.
    pub fn forgotten(&self) -> u64 {
        let tables = [
            self.holders.forgotten(),
            self.places.forgotten(),
            self.networks.forgotten(),
            self.nodes.forgotten(),
        ];
        tables.iter().sum::<u64>() + self.uses_forgotten
    }

    /// Forgets all tokens of a cluster. How many they were.
    pub(crate) fn reset(&mut self, cluster: &str) -> usize {
        let Some(cluster) = self.clusters.iter().position(|known| *known.name == *cluster) else { return 0 };
        let is = |other: u16| usize::from(other) == cluster;
        let gone = self.holders.forget(|key, _| is(key.cluster));
        self.places.forget(|key, _| is(key.0));
        self.networks.forget(|key, _| is(key.0));
        self.nodes.forget(|key, _| is(key.0));
        self.find_names();
        gone
    }

    /// Forgets what was silent for long, once a day of the stream.
    fn sweep(&mut self) {
        let due = |cluster: &&mut Cluster| cluster.clock.now().abs_diff(cluster.swept) >= DAY;
        let swept =
            self.clusters.iter_mut().filter(due).map(|cluster| cluster.swept = cluster.clock.now()).count();
        if swept == 0 {
            return;
        }
        let clusters = &self.clusters;
        let is_old = |cluster: u16, last: u32| {
            clusters.get(usize::from(cluster)).is_some_and(|of| last.saturating_add(SILENT) < of.clock.now())
        };
        self.holders.forget(|key, holder| is_old(key.cluster, holder.last()));
        self.places.forget(|key, place| is_old(key.0, place.last()));
        self.networks.forget(|key, network| is_old(key.0, network.last));
        self.nodes.forget(|key, node| is_old(key.0, node.heard));
        self.find_names();
    }

    /// Finds the latest pod of each name anew: holders have other places.
    fn find_names(&mut self) {
        self.names.clear();
        for at in self.holders.places() {
            self.name(at);
        }
    }

    /// The number of a cluster; none for more clusters than anybody has.
    fn cluster(&mut self, name: &str) -> Option<u16> {
        let at = self.clusters.iter().position(|known| *known.name == *name).unwrap_or_else(|| {
            self.clusters.push(Cluster { name: name.into(), clock: Clock::default(), swept: 0 });
            self.clusters.len() - 1
        });
        u16::try_from(at).ok()
    }

    fn used(&mut self, request: &Request<'_>) -> Vec<Novelty> {
        let seen = request.seen;
        if let Some(uid) = seen.pod_uid.as_deref().filter(|uid| !uid.is_empty()) {
            return self.bound(request, uid);
        }
        // Whoever asks on the API server's own machine is a part of it, or works there: no network of its own.
        if seen.class == Class::Controller || request.address.is_own_machine() {
            return Vec::new();
        }
        if seen.class == Class::Node
            && let Some(name) = seen.user.strip_prefix(NODE)
        {
            self.kubelet(request, name);
            // Certificates of nodes are renewed, their names are not.
            return self.loose(request, HolderKey::of_credential(request.cluster, &seen.user));
        }
        match seen.credential.as_deref() {
            Some(id) if !id.is_empty() => self.loose(request, HolderKey::of_credential(request.cluster, id)),
            _ => {
                self.take_person(request, false);
                Vec::new()
            }
        }
    }

    /// The kubelet of node `name` spoke.
    fn kubelet(&mut self, request: &Request<'_>, name: &str) {
        let at = request.at;
        let node = hash(&[name]);
        let entered = self.nodes.enter((request.cluster, node), Node::default).at;
        let known = self.nodes.at_mut(entered);
        known.heard = at;
        self.nodes.note(entered, false, at);
        let entered = self.places.enter((request.cluster, request.address), Place::default).at;
        let place = self.places.at_mut(entered);
        let news = place.take_kubelet(node, name, at);
        self.places.note(entered, news, at);
    }

    /// Somebody who is no pod spoke.
    fn take_person(&mut self, request: &Request<'_>, home: bool) {
        let entered = self.places.enter((request.cluster, request.address), Place::default).at;
        let place = self.places.at_mut(entered);
        let new = place.people.take(person(request.seen), request.at, home);
        self.places.note(entered, new, request.at);
    }

    fn enter_holder(&mut self, key: HolderKey, at: u32) -> (u32, bool) {
        let Entered { at, new, forgotten } = self.holders.enter(key, || Holder::new(at));
        if let Some((old, holder)) = forgotten
            && self.names.get(&(old.cluster, holder.pod)) == Some(&at)
        {
            self.names.remove(&(old.cluster, holder.pod));
        }
        (at, new)
    }

    /// Makes the pod at `at` known by its name. Of two pods of one name the one that was heard first is gone since the
    /// other was. The other pod, if it is that one.
    fn name(&mut self, at: u32) -> Option<u32> {
        let (key, holder) = (self.holders.key(at), self.holders.at(at));
        let (pod, first) = (holder.pod, holder.first);
        if pod == 0 {
            return None;
        }
        let other = self.names.insert((key.cluster, pod), at).filter(|other| *other != at)?;
        let (other_key, other_first) = (self.holders.key(other), self.holders.at(other).first);
        if (other_first, other_key.id) < (first, key.id) {
            // Within one second nobody can tell.
            let gone = other_first < first && self.holders.at_mut(other).is_gone(first, GoneBy::Successor);
            return gone.then_some(other);
        }
        self.names.insert((key.cluster, pod), other);
        if first < other_first {
            self.holders.at_mut(at).is_gone(other_first, GoneBy::Successor);
        }
        None
    }

    fn pod_ended(&mut self, cluster: u16, seen: &Seen<'_>, by: GoneBy, at: u32) {
        let pod = hash(&[&seen.namespace, &seen.name]);
        let Some(&known) = self.names.get(&(cluster, pod)) else { return };
        let holder = self.holders.at_mut(known);
        // A new pod of that name can be heard before the end of the old one, where several API servers write the log.
        if holder.first.saturating_add(10) <= at && holder.is_gone(at, by) {
            self.holders.note(known, true, at);
        }
    }
}

/// Whether a request deletes a pod without waiting for its containers (`DeleteOptions` of meta/v1, in the query or in a
/// body that was logged).
pub(crate) fn is_forced(event: &Event<'_>, object: &ObjectRef<'_>) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct DeleteOptions {
        grace_period_seconds: Option<i64>,
    }
    if event.verb != "delete" || object.resource != "pods" || !object.subresource.is_empty() {
        return false;
    }
    let uri = event.request_uri.decode();
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    let body = event.request_object.and_then(|body| serde_json::from_str::<DeleteOptions>(body).ok());
    query.split('&').any(|part| part == "gracePeriodSeconds=0")
        || body.is_some_and(|body| body.grace_period_seconds == Some(0))
}

/// Whether `seen` takes a pod away at once, and not after waiting for its containers.
fn ends(seen: &Seen<'_>) -> Option<GoneBy> {
    let deleted = seen.verb == "delete"
        && seen.resource == "pods"
        && !seen.name.is_empty()
        && (200..300).contains(&seen.code);
    if !deleted {
        return None;
    }
    // A kubelet deletes a pod when nothing of it runs any more (pkg/kubelet/status/status_manager.go, syncPod).
    if seen.class == Class::Node {
        return Some(GoneBy::Kubelet);
    }
    (seen.forced || seen.user == POD_COLLECTOR).then_some(GoneBy::Force)
}

/// Who somebody is among those who use an address.
fn person(seen: &Seen<'_>) -> u32 {
    hash(&[&seen.user]) as u32
}
