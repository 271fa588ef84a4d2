//! How the memory keeps within its bounds, ages, and notes what is to be kept.

use super::Memory;
use crate::{entry::Entry, identity::Identity};

/// How many habits there may be for each identity that there may be, on average.
const ROOM: usize = 40;

impl Memory {
    /// Puts in somebody who is not there.
    pub(crate) fn add(&mut self, mut identity: Identity) -> u32 {
        identity.generation = self.next_generation();
        self.entries += identity.entries.len();
        self.crowd.add(identity)
    }

    /// A number that was not given before. 0 stands for none.
    pub(super) fn next_generation(&mut self) -> u32 {
        self.generation = self.generation.wrapping_add(1).max(1);
        self.generation
    }

    /// Notes that somebody's piece is no longer what is kept.
    pub(crate) fn mark_changed(&mut self, at: u32) {
        let Some(identity) = self.crowd.get_mut(at) else { return };
        if !std::mem::replace(&mut identity.changed, true) {
            self.changed.push_back(at);
        }
        if self.changed.len() > self.crowd.len() * 2 + 64 {
            // Nobody takes them, and those who were forgotten still stand in line.
            let stays = self.crowd.iter().filter(|(_, one)| one.changed);
            self.changed = stays.map(|(at, _)| at).collect();
        }
    }

    /// Notes that somebody was counted.
    pub(super) fn mark_moved(&mut self, at: u32) {
        let Some(identity) = self.crowd.get_mut(at) else { return };
        if !std::mem::replace(&mut identity.moved, true) {
            self.moved.push_back(at);
        }
        if self.moved.len() > self.crowd.len() * 2 + 64 {
            let stays = self.crowd.iter().filter(|(_, one)| one.moved);
            self.moved = stays.map(|(at, _)| at).collect();
        }
    }

    /// Forgets until there are no more identities and habits than there may be, though never `but`.
    pub(crate) fn keep_within(&mut self, but: u32) {
        let most = self.settings.identities.max(1);
        while self.crowd.len() > most || self.entries > most.saturating_mul(ROOM) {
            let Some(least) = self.crowd.least(but) else { return };
            self.remove(least);
            self.forgotten += 1;
        }
    }

    pub(crate) fn remove(&mut self, at: u32) {
        let Some(identity) = self.crowd.remove(at) else { return };
        self.entries -= identity.entries.len();
        for entry in &identity.entries {
            self.let_go(identity.cluster, entry);
        }
        if identity.kept {
            self.gone.push((identity.cluster, identity.name));
        }
    }

    /// Makes slots that stand for somebody's habits no longer valid.
    pub(super) fn renew(&mut self, at: u32, generation: u32) {
        if let Some(identity) = self.crowd.get_mut(at) {
            identity.generation = generation;
        }
    }

    /// Lets go of what an entry holds that is no more.
    pub(super) fn let_go(&mut self, cluster: u32, entry: &Entry) {
        entry.release(&mut self.names);
        if entry.is_shared()
            && let Some(range) = entry.network()
        {
            self.clusters[cluster as usize].leave(range);
        }
    }

    /// Half as much of everything in a cluster.
    pub(super) fn age(&mut self, cluster: u32) {
        for at in self.crowd.of(cluster) {
            let generation = self.next_generation();
            let Some(identity) = self.crowd.get_mut(at) else { continue };
            let mut left = Vec::new();
            let stays = identity.age(&mut left);
            self.entries -= left.len();
            identity.generation = generation;
            self.mark_changed(at);
            for entry in left {
                self.let_go(cluster, &entry);
            }
            if !stays {
                self.remove(at);
            }
        }
    }
}
