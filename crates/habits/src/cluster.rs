//! What is known of a cluster as a whole: its time, the networks that many share, and its young namespaces.

use hashbrown::HashMap;

use crate::{Seen, clock::Clock, entry::Key, network::Network};

/// The namespace that a request makes, if any. Not every policy logs who asks for it, but the controller that puts its
/// certificate into every new namespace is seen by most (`root-ca-cert-publisher`).
pub(crate) fn made<'s>(seen: &'s Seen<'_>) -> Option<&'s str> {
    if seen.verb != "create" || seen.code >= 300 {
        return None;
    }
    match &*seen.resource {
        "namespaces" => Some(&seen.name),
        "configmaps" if seen.name == "kube-root-ca.crt" => Some(&seen.namespace),
        _ => None,
    }
}

/// From how many workloads on a network is one of the cluster's own: that of its pods, or of its gateway.
const SHARED_BY: u32 = 3;
/// For how long a namespace is young, in seconds.
const YOUNG: u32 = 24 * 3600;
/// How many young namespaces, and how many things that came up, are remembered.
const MOST: usize = 1024;
/// From how many identities on that took up the same new thing within a day it is the cluster that changed: an upgrade of
/// all kubelets, another gateway, an API server that refuses everybody while it starts.
const TREND: u32 = 5;
/// That day, in seconds.
const DAY: u32 = 24 * 3600;

/// A cluster.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) name: Box<str>,
    pub(crate) clock: Clock,
    networks: HashMap<Network, u32>,
    young: HashMap<Box<str>, u32>,
    /// What is new for somebody, with the time when it first was and for how many. None: to be refused something.
    trends: HashMap<Option<Key>, (u32, u32)>,
    /// The time when this was last given away to be kept, in seconds since 1970.
    pub(crate) kept_at: u32,
}

impl Cluster {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// One more workload is at home on a network.
    pub(crate) fn share(&mut self, network: Network) {
        *self.networks.entry(network).or_default() += 1;
    }

    /// One less.
    pub(crate) fn leave(&mut self, network: Network) {
        if let Some(count) = self.networks.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                self.networks.remove(&network);
            }
        }
    }

    /// Whether several workloads are at home on a network.
    pub(crate) fn is_shared(&self, network: Network) -> bool {
        self.networks.get(&network).is_some_and(|count| *count >= SHARED_BY)
    }

    /// One more took up something new at `time`.
    pub(crate) fn take_up(&mut self, what: Option<Key>, time: u32) {
        if self.trends.len() >= MOST {
            self.trends.retain(|_, (since, _)| time.abs_diff(*since) <= DAY);
        }
        if let Some((since, count)) = self.trends.get_mut(&what) {
            if time.abs_diff(*since) > DAY {
                (*since, *count) = (time, 0);
            }
            *count += 1;
        } else if self.trends.len() < MOST {
            self.trends.insert(what, (time, 1));
        }
    }

    /// Whether something new at `time` is so for many, and hence for the cluster and not for one.
    pub(crate) fn is_trend(&self, what: Option<Key>, time: u32) -> bool {
        self.trends.get(&what).is_some_and(|(since, count)| *count >= TREND && time.abs_diff(*since) <= DAY)
    }

    /// Remembers a namespace that was made at `time`.
    pub(crate) fn add_young(&mut self, namespace: &str, time: u32) {
        if namespace.is_empty() || namespace.len() > 63 {
            return;
        }
        if self.young.len() >= MOST {
            self.young.retain(|_, made| time.abs_diff(*made) <= YOUNG);
        }
        if self.young.len() < MOST {
            self.young.entry(namespace.into()).or_insert(time);
        }
    }

    /// Whether a namespace was made not long before `time`: that somebody acts there for the first time says nothing.
    pub(crate) fn is_young(&self, namespace: &str, time: u32) -> bool {
        self.young.get(namespace).is_some_and(|made| time.abs_diff(*made) <= YOUNG)
    }

    /// The young namespaces, each with the time when it was made.
    pub(crate) fn young(&self) -> impl Iterator<Item = (&str, u32)> {
        self.young.iter().map(|(namespace, made)| (&**namespace, *made))
    }
}
