//! Who had which address from when to when: the pods that run, and a bounded past.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet, VecDeque},
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use jiff::Timestamp;
use smallvec::SmallVec;

use super::read::{Addresses, Read, mapped};

/// How long a pod that went is remembered, in seconds.
const PAST: u32 = 60 * 60;
/// How many pods that went are remembered.
const PAST_PODS: usize = 50_000;
/// How far beyond its time with an address a pod is still named where no other had it: a node may be late to say that
/// a pod has one, or cut off while its pods are deleted, and clocks differ. In seconds.
const GRACE: u32 = 5 * 60;

/// A pod that had an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodAt {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The node that it runs on; empty where it was not known yet.
    pub node: String,
    /// The account that it runs as.
    pub account: String,
    /// What made it, as `Deployment/web`; empty for a pod that stands alone.
    pub owner: String,
    /// Whether it shares its node's address, as others may.
    pub host_network: bool,
    /// When it went, or gave the address back, where it has.
    pub gone: Option<Timestamp>,
}

/// Pods by address, with their recent past. It knows times to the second.
///
/// A cluster can have 100,000 pods and more, so that what is kept of one is as small as it may be.
#[derive(Debug, Default)]
pub struct Pods {
    running: HashMap<u128, Running>,
    stays: HashMap<Ipv6Addr, SmallVec<[Stay; 1]>>,
    /// Those that went, the earliest first.
    past: VecDeque<Past>,
    nodes: Shared<Box<str>>,
    workloads: Shared<Workload>,
    /// The number of the latest list.
    round: u32,
    unreadable: u64,
}

/// What is known of a pod.
#[derive(Debug)]
struct Pod {
    uid: u128,
    name: Box<str>,
    node: Arc<Box<str>>,
    workload: Arc<Workload>,
}

/// What the pods of one owner have in common.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Workload {
    namespace: Box<str>,
    account: Box<str>,
    owner: Box<str>,
    host_network: bool,
}

#[derive(Debug)]
struct Running {
    pod: Arc<Pod>,
    addresses: Addresses,
    /// The list that it was seen in last, or before.
    round: u32,
}

/// A pod's time with an address, in seconds since 1970.
#[derive(Debug)]
struct Stay {
    pod: Arc<Pod>,
    from: u32,
    /// [`STILL`] where it has it still.
    to: u32,
}

const STILL: u32 = u32::MAX;

#[derive(Debug)]
struct Past {
    uid: u128,
    to: u32,
    addresses: Addresses,
}

/// Seconds since 1970: enough until 2106.
fn seconds(time: Timestamp) -> u32 {
    time.as_second().clamp(0, i64::from(STILL) - 1).try_into().unwrap_or(0)
}

impl Pods {
    /// The pods that had `address` at `time`, latest first: those that share their node's address last. Where none
    /// had it then, those that had it shortly before or after, the nearest first.
    pub fn at(&self, address: IpAddr, time: Timestamp) -> Vec<PodAt> {
        let time = seconds(time);
        let Some(stays) = self.stays.get(&mapped(address)) else { return Vec::new() };
        let mut near: Vec<_> = stays.iter().map(|stay| (stay.distance(time), stay)).collect();
        let nearest = near.iter().map(|(distance, _)| *distance).min();
        let reach = if nearest == Some(0) { 0 } else { GRACE };
        near.retain(|(distance, _)| *distance <= reach);
        near.sort_by_key(|(distance, stay)| (stay.pod.workload.host_network, *distance, Reverse(stay.from)));
        near.into_iter().map(|(_, stay)| stay.told()).collect()
    }

    /// How many pods run.
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many pods that went are remembered: for an hour, and at most 50,000.
    pub fn past(&self) -> usize {
        self.past.len()
    }

    /// How many times the server sent a pod that could not be read.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    pub(super) fn count_unreadable(&mut self) {
        self.unreadable += 1;
    }

    /// Begins a list of all pods.
    pub(super) fn begin(&mut self) -> u32 {
        self.round = self.round.wrapping_add(1);
        self.round
    }

    /// Ends a list: what ran and was not in it went meanwhile.
    pub(super) fn end(&mut self, round: u32, now: Timestamp) {
        let missing: Vec<u128> =
            self.running.iter().filter(|(_, running)| running.round != round).map(|(uid, _)| *uid).collect();
        for uid in missing {
            self.went(uid, now);
        }
        self.tidy(now);
    }

    /// Takes in how a pod looks now, or that it is not there any more.
    pub(super) fn take(&mut self, read: &Read<'_>, there: bool, now: Timestamp) {
        if !there || read.ended {
            // One that was never seen to run, as in a first list, went nobody knows when.
            self.went(read.uid, now);
            return self.tidy(now);
        }
        let known = self.running.remove(&read.uid);
        let (pod, before) = match known {
            Some(known) if known.pod.looks_like(read) => (known.pod, known.addresses),
            Some(known) => (self.renew(read, &known.addresses), known.addresses),
            None => (self.pod(read), Addresses::new()),
        };
        let moved = !before.is_empty();
        for address in before.iter().filter(|address| !read.addresses.contains(address)) {
            self.close(*address, read.uid, seconds(now));
        }
        // At its start it had another.
        let since = read.since.filter(|_| !moved).unwrap_or(now).min(now);
        for address in read.addresses.iter().filter(|address| !before.contains(address)) {
            let stay = Stay { pod: Arc::clone(&pod), from: seconds(since), to: STILL };
            self.stays.entry(*address).or_default().push(stay);
        }
        let left: Addresses =
            before.into_iter().filter(|address| !read.addresses.contains(address)).collect();
        if !left.is_empty() {
            self.past.push_back(Past { uid: read.uid, to: seconds(now), addresses: left });
        }
        let running = Running { pod, addresses: read.addresses.clone(), round: self.round };
        self.running.insert(read.uid, running);
    }

    /// A pod of which more is known now, such as its node.
    fn renew(&mut self, read: &Read<'_>, addresses: &Addresses) -> Arc<Pod> {
        let pod = self.pod(read);
        for address in addresses {
            for stay in self.stays.get_mut(address).into_iter().flatten() {
                if stay.pod.uid == read.uid {
                    stay.pod = Arc::clone(&pod);
                }
            }
        }
        pod
    }

    fn pod(&mut self, read: &Read<'_>) -> Arc<Pod> {
        Arc::new(Pod {
            uid: read.uid,
            name: (&*read.name).into(),
            node: self.nodes.get((&*read.node).into()),
            workload: self.workloads.get(Workload {
                namespace: (&*read.namespace).into(),
                account: (&*read.account).into(),
                owner: read.owner.as_str().into(),
                host_network: read.host_network,
            }),
        })
    }

    /// A pod does not run any more.
    fn went(&mut self, uid: u128, now: Timestamp) {
        let Some(running) = self.running.remove(&uid) else { return };
        let to = seconds(now);
        for address in &running.addresses {
            self.close(*address, uid, to);
        }
        if !running.addresses.is_empty() {
            self.past.push_back(Past { uid, to, addresses: running.addresses });
        }
    }

    fn close(&mut self, address: Ipv6Addr, uid: u128, to: u32) {
        for stay in self.stays.get_mut(&address).into_iter().flatten() {
            if stay.pod.uid == uid && stay.to == STILL {
                stay.to = to;
            }
        }
    }

    /// Forgets what is too old or too much.
    fn tidy(&mut self, now: Timestamp) {
        let oldest = seconds(now).saturating_sub(PAST);
        while self.past.len() > PAST_PODS || self.past.front().is_some_and(|past| past.to < oldest) {
            let Some(past) = self.past.pop_front() else { return };
            for address in &past.addresses {
                self.forget(*address, &past);
            }
        }
    }

    fn forget(&mut self, address: Ipv6Addr, past: &Past) {
        let Some(stays) = self.stays.get_mut(&address) else { return };
        stays.retain(|stay| stay.pod.uid != past.uid || stay.to != past.to);
        if stays.is_empty() {
            self.stays.remove(&address);
        }
    }
}

impl Pod {
    fn looks_like(&self, read: &Read<'_>) -> bool {
        let Workload { account, owner, host_network, .. } = &*self.workload;
        **self.node == *read.node
            && **account == *read.account
            && **owner == *read.owner
            && *host_network == read.host_network
    }
}

impl Stay {
    /// How far from its time with the address `time` is.
    fn distance(&self, time: u32) -> u32 {
        match time < self.from {
            true => self.from - time,
            false => time.saturating_sub(self.to),
        }
    }

    fn told(&self) -> PodAt {
        let Pod { name, node, workload, .. } = &*self.pod;
        let Workload { namespace, account, owner, host_network } = &**workload;
        let gone = (self.to != STILL).then(|| Timestamp::from_second(self.to.into()).ok()).flatten();
        PodAt {
            namespace: namespace.to_string(),
            name: name.to_string(),
            node: node.to_string(),
            account: account.to_string(),
            owner: owner.to_string(),
            host_network: *host_network,
            gone,
        }
    }
}

/// What many pods have in common, each kept once.
#[derive(Debug)]
struct Shared<T> {
    kept: HashSet<Arc<T>>,
    /// How many are kept before those that nobody uses any more are thrown away.
    enough: usize,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { kept: HashSet::new(), enough: 0 }
    }
}

impl<T: Eq + Hash> Shared<T> {
    fn get(&mut self, wanted: T) -> Arc<T> {
        if let Some(kept) = self.kept.get(&wanted) {
            return Arc::clone(kept);
        }
        if self.kept.len() >= self.enough {
            self.kept.retain(|kept| Arc::strong_count(kept) > 1);
            self.enough = 1024.max(2 * self.kept.len());
        }
        let new = Arc::new(wanted);
        self.kept.insert(Arc::clone(&new));
        new
    }
}

#[cfg(test)]
mod tests;
