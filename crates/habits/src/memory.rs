//! All identities of all clusters, bounded.

mod bound;
mod learn;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use hashbrown::HashMap;
use jiff::{SignedDuration, Timestamp};

use crate::{
    Novelty, Seen, Shown,
    cluster::{self, Cluster},
    crowd::Crowd,
    entry::Aspect,
    facets::Facets,
    identity::Identity,
    names::Names,
    shown,
    tokens::{Spot, Tokens},
};

/// How habits are learnt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// True where nothing is to be told: everything seen is taken as ordinary, and who was seen often enough is known
    /// from then on, however short the time was.
    pub teaching: bool,
    /// How long an identity must have been watched before anything new is told of it.
    pub learn_for: SignedDuration,
    /// How many requests of it must have been seen.
    pub least_requests: u64,
    /// How many identities are remembered; past this the longest silent and least used are forgotten.
    pub identities: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            teaching: false,
            learn_for: SignedDuration::from_hours(24),
            least_requests: 20,
            identities: 100_000,
        }
    }
}

/// Where in the memory the habits of one request stand, for as long as nothing there was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Slots {
    identity: u32,
    /// 0 is never in use: slots that were not given by a memory are not valid.
    generation: u32,
    entries: [u16; Aspect::COUNT],
    refused: bool,
    token: Spot,
}

/// What came of one observation.
#[derive(Debug, Default)]
pub struct Observed {
    /// What is new.
    pub novelties: Vec<Novelty>,
    /// Where the same request is counted next time.
    pub slots: Slots,
}

/// A piece of the memory that is to survive a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The cluster.
    pub cluster: String,
    /// What kind of piece; with the key, unique in its cluster.
    pub kind: String,
    /// Whose.
    pub key: String,
    /// The piece; empty where it is to be forgotten.
    pub body: Vec<u8>,
}

/// Habits and tokens of all clusters.
#[derive(Debug, Default)]
pub struct Memory {
    pub(crate) settings: Settings,
    pub(crate) names: Names,
    pub(crate) clusters: Vec<Cluster>,
    by_name: HashMap<Box<str>, u32>,
    pub(crate) crowd: Crowd,
    pub(crate) tokens: Tokens,
    /// Who learnt something, and who was counted, since they were last given away to be kept.
    pub(crate) changed: VecDeque<u32>,
    pub(crate) moved: VecDeque<u32>,
    /// Whose piece is to be forgotten: cluster and name.
    pub(crate) gone: Vec<(u32, Box<str>)>,
    pub(crate) entries: usize,
    generation: u32,
    forgotten: u64,
}

impl Memory {
    /// Knows nobody yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Other settings from now on. Nothing that is known is lost, unless the bound is lower.
    pub fn set(&mut self, settings: Settings) {
        self.settings = settings;
        self.keep_within(u32::MAX);
    }

    /// Takes in one request in `cluster` at `time` and says what is new about it. Nothing is, while teaching.
    pub fn observe(&mut self, cluster: &str, seen: &Seen<'_>, time: Timestamp) -> Observed {
        let mut novelties = self.tokens.observe(cluster, seen, time);
        let token = self.tokens.spot();
        let cluster = self.cluster(cluster);
        let time = self.see(cluster, time);
        if let Some(namespace) = cluster::made(seen) {
            self.add_young(cluster, namespace, time);
        }
        let at = self.find_or_add(cluster, seen, time);
        let facets = Facets::of(seen, &mut self.names);
        let news = self.news(at, seen, &facets, time);
        self.follow(at, &facets, &news, time);
        novelties.extend(self.told(at, seen, &facets, &news, time));
        if self.settings.teaching {
            novelties.clear();
        }
        let slots = Slots { token, ..self.learn(at, &facets, &news, time) };
        facets.release(&mut self.names);
        self.keep_within(at);
        Observed { novelties, slots }
    }

    /// Takes in a request that is like the one that gave `slots` in every respect but its time. False where those
    /// slots are no longer valid: then it must be observed.
    pub fn again(&mut self, slots: Slots, time: Timestamp) -> bool {
        let valid = |one: &&mut Identity| slots.generation != 0 && one.generation == slots.generation;
        let Some(identity) = self.crowd.get_mut(slots.identity).filter(valid) else { return false };
        if !self.tokens.again(slots.token, time) {
            return false;
        }
        let cluster = identity.cluster;
        let clock = &mut self.clusters[cluster as usize].clock;
        let time = clock.see(seconds(time));
        let teaching = self.settings.teaching;
        for place in slots.entries {
            if let Some(entry) = identity.entries.get_mut(usize::from(place)) {
                entry.count(time, slots.refused, teaching);
            }
        }
        identity.count(time, slots.refused, teaching);
        if !identity.moved {
            identity.moved = true;
            self.moved.push_back(slots.identity);
        }
        if clock.is_due() {
            self.age(cluster);
        }
        true
    }

    /// What is known of an identity.
    pub fn show(&self, cluster: &str, identity: &str) -> Option<Shown> {
        let cluster = *self.by_name.get(cluster)?;
        let identity = self.crowd.get(self.crowd.find(cluster, identity)?)?;
        Some(shown::show(identity, &self.clusters[cluster as usize], &self.names, &self.settings))
    }

    /// Everybody who is known: cluster and identity, with the number of requests.
    pub fn identities(&self) -> Vec<(String, String, u64)> {
        let name = |one: &Identity| self.clusters[one.cluster as usize].name.to_string();
        self.crowd.iter().map(|(_, one)| (name(one), one.name.to_string(), one.requests.into())).collect()
    }

    /// Forgets an identity, or everybody of a cluster. How many were forgotten.
    pub fn reset(&mut self, cluster: &str, identity: Option<&str>) -> usize {
        let Some(at) = self.by_name.get(cluster).copied() else { return 0 };
        let who = match identity {
            Some(identity) => self.crowd.find(at, identity).into_iter().collect(),
            None => {
                self.tokens.reset(cluster);
                self.crowd.of(at)
            }
        };
        who.iter().for_each(|at| self.remove(*at));
        who.len()
    }

    /// How many identities were forgotten to keep within the bound, since the start.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The token checks.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// The number of a cluster, which it has for as long as the memory lives.
    pub(crate) fn cluster(&mut self, name: &str) -> u32 {
        if let Some(at) = self.by_name.get(name) {
            return *at;
        }
        // Clusters are named in the configuration: there are few.
        let at = u32::try_from(self.clusters.len()).unwrap_or(u32::MAX);
        self.clusters.push(Cluster::new(name));
        self.by_name.insert(name.into(), at);
        at
    }
}

/// Seconds since 1970, as habits count them.
fn seconds(time: Timestamp) -> u32 {
    u32::try_from(time.as_second().max(0)).unwrap_or(u32::MAX)
}
