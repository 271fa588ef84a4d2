//! All identities, found by cluster and name, and no more of them than there may be.

use std::{collections::VecDeque, hash::BuildHasher};

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::identity::Identity;

/// What part of the room newcomers may take before the oldest of them goes: one in so many. So a flood of names that are
/// never seen again passes by those who are known.
const NEWCOMERS: usize = 10;
/// How many are looked at to find one that can go.
const LOOKED_AT: usize = 16;

/// All identities.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    slots: Vec<Option<Identity>>,
    free: Vec<u32>,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    newcomers: VecDeque<u32>,
    dice: u64,
}

impl Crowd {
    /// Where an identity stands.
    pub(crate) fn find(&self, cluster: u32, name: &str) -> Option<u32> {
        let hash = self.hasher.hash_one((cluster, name));
        let is = |at: &u32| self.get(*at).is_some_and(|one| one.cluster == cluster && *one.name == *name);
        self.index.find(hash, is).copied()
    }

    pub(crate) fn get(&self, at: u32) -> Option<&Identity> {
        self.slots.get(at as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut Identity> {
        self.slots.get_mut(at as usize)?.as_mut()
    }

    /// Puts in somebody who is not there.
    pub(crate) fn add(&mut self, identity: Identity) -> u32 {
        let hash = self.hasher.hash_one((identity.cluster, &*identity.name));
        let at = if let Some(at) = self.free.pop() {
            self.slots[at as usize] = Some(identity);
            at
        } else {
            self.slots.push(Some(identity));
            // As many as Settings allow; each takes more than a hundred bytes, so that 32 bits never end.
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        };
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hash, at, |at| {
            slots[*at as usize].as_ref().map_or(0, |one| hasher.hash_one((one.cluster, &*one.name)))
        });
        if self.newcomers.len() > 2 * self.index.len() + 64 {
            let slots = &self.slots;
            self.newcomers.retain(|at| slots[*at as usize].as_ref().is_some_and(Identity::is_newcomer));
        }
        self.newcomers.push_back(at);
        at
    }

    /// Takes somebody out.
    pub(crate) fn remove(&mut self, at: u32) -> Option<Identity> {
        let identity = self.slots.get_mut(at as usize)?.take()?;
        let hash = self.hasher.hash_one((identity.cluster, &*identity.name));
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == at) {
            entry.remove();
        }
        self.free.push(at);
        Some(identity)
    }

    /// Who is to go to make room, and is not `but`: the oldest newcomer where there are many, else the longest silent and
    /// least used of some.
    pub(crate) fn least(&mut self, but: u32) -> Option<u32> {
        while self.newcomers.len() > self.index.len() / NEWCOMERS {
            let at = self.newcomers.pop_front()?;
            if at != but && self.get(at).is_some_and(Identity::is_newcomer) {
                return Some(at);
            }
        }
        let mut least = None;
        let mut looked = 0;
        for _ in 0..self.slots.len().min(LOOKED_AT * 16) {
            let at = self.roll();
            if at == but {
                continue;
            }
            let Some(worth) = self.get(at).map(Identity::worth) else { continue };
            if least.is_none_or(|(known, _)| worth < known) {
                least = Some((worth, at));
            }
            looked += 1;
            if looked == LOOKED_AT {
                break;
            }
        }
        let any = || self.iter().map(|(at, _)| at).find(|at| *at != but);
        least.map(|(_, at)| at).or_else(any)
    }

    /// Any place, the same sequence each time: chance that nobody must guess (Knuth's MMIX generator).
    fn roll(&mut self) -> u32 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let high = self.dice >> 33;
        u32::try_from(high % self.slots.len().max(1) as u64).unwrap_or(0)
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Identity)> {
        (0..).zip(&self.slots).filter_map(|(at, slot)| slot.as_ref().map(|one| (at, one)))
    }

    /// Everybody of a cluster.
    pub(crate) fn of(&self, cluster: u32) -> Vec<u32> {
        self.iter().filter(|(_, one)| one.cluster == cluster).map(|(at, _)| at).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Class;

    fn one(name: &str, requests: u32) -> Identity {
        Identity { requests, ..Identity::new(0, name, Class::Workload, 1000, 0) }
    }

    #[test]
    fn a_flood_of_names_passes_by_those_who_are_known() {
        let mut crowd = Crowd::default();
        for known in 0..90 {
            crowd.add(one(&format!("known-{known}"), 1000));
        }
        for flood in 0..10_000 {
            let at = crowd.add(one(&format!("flood-{flood}"), 1));
            if crowd.len() > 100 {
                let least = crowd.least(at).unwrap();
                crowd.remove(least);
            }
        }
        assert_eq!(crowd.len(), 100);
        assert!((0..90).all(|known| crowd.find(0, &format!("known-{known}")).is_some()));
        assert!(crowd.newcomers.len() < 300);
    }

    #[test]
    fn among_the_known_the_least_used_goes() {
        let mut crowd = Crowd::default();
        for known in 0..9 {
            crowd.add(one(&format!("known-{known}"), 1_000_000));
        }
        let rare = crowd.add(one("rare", 25));
        let now = crowd.add(one("now", 1));
        assert_eq!(crowd.least(now), Some(rare));
    }
}
