//! One request from the beginning: who, what is new about it, what is told of it; then it is a habit.

use jiff::Timestamp;

use super::{Memory, Slots, seconds};
use crate::{
    Class, Novelty, Seen,
    cluster::Cluster,
    entry::{Aspect, Key},
    facets::Facets,
    identity::{HOURLY, Identity, Known, NOWHERE},
    judge::{Judge, Kind, News},
    tokens::Spot,
    words::Words,
};

impl Memory {
    /// The time to write down for an event of a cluster.
    pub(super) fn see(&mut self, cluster: u32, time: Timestamp) -> u32 {
        let clock = &mut self.clusters[cluster as usize].clock;
        let time = clock.see(seconds(time));
        if clock.is_due() {
            self.age(cluster);
        }
        time
    }

    /// Notes a namespace that is made, unless a workload was there before: then it is made once more.
    pub(super) fn add_young(&mut self, cluster: u32, namespace: &str, time: u32) {
        let workload = |one: &Identity| one.cluster == cluster && one.class == Class::Workload;
        let known = self.names.find(namespace).is_some_and(|name| {
            let key = Key::of(Aspect::Namespace, name);
            self.crowd.iter().any(|(_, one)| workload(one) && one.find(&key).is_some())
        });
        if !known {
            self.clusters[cluster as usize].add_young(namespace, time);
        }
    }

    pub(super) fn find_or_add(&mut self, cluster: u32, seen: &Seen<'_>, time: u32) -> u32 {
        if let Some(at) = self.crowd.find(cluster, &seen.user) {
            return at;
        }
        let watched = self.clusters[cluster as usize].clock.watched();
        self.add(Identity::new(cluster, &seen.user, seen.class, time, watched))
    }

    /// What is new about a request, where its identity is known well enough.
    pub(super) fn news(&self, at: u32, seen: &Seen<'_>, facets: &Facets, time: u32) -> News {
        let Some(identity) = self.crowd.get(at).filter(|_| !self.settings.teaching) else {
            return News::default();
        };
        let cluster = &self.clusters[identity.cluster as usize];
        if identity.known(&self.settings, cluster.clock.watched()) != Known::Yes {
            return News::default();
        }
        Judge { identity, cluster, names: &self.names, seen, facets, time }.news()
    }

    /// Notes what somebody took up that others may take up, too.
    pub(super) fn follow(&mut self, at: u32, facets: &Facets, news: &News, time: u32) {
        if news.all.is_empty() {
            return;
        }
        let Some(identity) = self.crowd.get_mut(at) else { return };
        let cluster = &mut self.clusters[identity.cluster as usize];
        for aspect in [Aspect::Client, Aspect::Range, Aspect::Request] {
            let key = facets.keys[aspect as usize].filter(|_| news.fresh[aspect as usize]);
            if let Some(key) = key.filter(|key| identity.find(key).is_none()) {
                cluster.take_up(Some(key), time);
            }
        }
        if news.all.iter().any(|new| new.kind == Kind::Refused) {
            let spell = identity.begin_spell(time);
            if !std::mem::replace(&mut spell.refused, true) {
                cluster.take_up(None, time);
            }
        }
    }

    /// What is told of what is new: the same once, and no more in an hour than anybody reads.
    pub(super) fn told(
        &mut self,
        at: u32,
        seen: &Seen<'_>,
        facets: &Facets,
        news: &News,
        time: u32,
    ) -> Option<Novelty> {
        let severity = news.severity()?;
        let identity = self.crowd.get_mut(at)?;
        let spell = identity.begin_spell(time);
        let signature = facets.signature();
        if spell.told.len() >= HOURLY || spell.told.contains(&signature) {
            return None;
        }
        spell.told.push(signature);
        let last = spell.told.len() == HOURLY;
        let identity = self.crowd.get(at)?;
        let words = Words { identity, names: &self.names, seen, facets, news, time };
        let mut attack: Vec<&str> = news.all.iter().map(|new| new.kind.attack()).collect();
        attack.sort_unstable();
        attack.dedup();
        Some(Novelty { rule: news.rule(), severity, attack, title: words.title(), notes: words.notes(last) })
    }

    pub(super) fn learn(&mut self, at: u32, facets: &Facets, news: &News, time: u32) -> Slots {
        let teaching = self.settings.teaching;
        let Some(identity) = self.crowd.get_mut(at) else { return Slots::default() };
        let before = identity.entries.len();
        identity.count(time, facets.refused, teaching);
        let learnt = identity.learn(facets, news.fresh, time, teaching, &mut self.names);
        self.entries += identity.entries.len() - before;
        share_range(identity, learnt.places, &mut self.clusters[identity.cluster as usize], time);
        let cluster = identity.cluster;
        let mut generation = identity.generation;
        if let Some(left) = learnt.left {
            left.iter().for_each(|entry| self.let_go(cluster, entry));
            generation = self.next_generation();
            self.renew(at, generation);
        }
        if learnt.added {
            self.mark_changed(at);
        }
        self.mark_moved(at);
        let (entries, refused) = (learnt.places, facets.refused);
        Slots { identity: at, generation, entries, refused, token: Spot::Nothing }
    }
}

/// A workload that has been on a network for a while, or was so before it was watched, is at home there.
fn share_range(identity: &mut Identity, places: [u16; Aspect::COUNT], cluster: &mut Cluster, time: u32) {
    let place = places[Aspect::Range as usize];
    if place == NOWHERE || identity.class != Class::Workload {
        return;
    }
    let Some(entry) = identity.entries.get_mut(usize::from(place)) else { return };
    if entry.is_shared() || entry.marks < 2 || entry.is_fresh(time) {
        return;
    }
    if let Some(range) = entry.network() {
        entry.share();
        cluster.share(range);
    }
}
