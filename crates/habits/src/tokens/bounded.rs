//! A table of so many entries and no more: past that, the one that was silent longest is forgotten.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, Hash},
    mem,
    ops::Range,
};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::clock::within;

/// No entry.
const NONE: u32 = u32::MAX;
/// How many keys are remembered of what was kept and is to be kept no more. What is past this stays kept, which costs
/// room on disk and nothing else.
const MOST_DROPPED: usize = 100_000;

#[derive(Debug)]
struct Slot<K, V> {
    key: K,
    value: V,
    newer: u32,
    older: u32,
    generation: u32,
    /// Stands in the queue of what changed.
    changed: bool,
    /// Is not quite what is kept, in counts alone.
    counted: bool,
    /// When it was last put into the queue, in seconds since 1970.
    changed_at: u32,
    /// Was given away to be kept, so that it must be said when it is forgotten.
    kept: bool,
}

impl<K, V> Slot<K, V> {
    fn new(key: K, value: V) -> Self {
        Self {
            key,
            value,
            newer: NONE,
            older: NONE,
            generation: 0,
            changed: false,
            counted: false,
            changed_at: 0,
            kept: false,
        }
    }
}

/// So many entries, in the order in which they were last touched.
#[derive(Debug)]
pub(super) struct Bounded<K, V> {
    most: usize,
    /// How many seconds counts may run ahead of what is kept of them.
    patience: u32,
    slots: Vec<Slot<K, V>>,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    newest: u32,
    oldest: u32,
    changed: VecDeque<u32>,
    dropped: VecDeque<K>,
    forgotten: u64,
}

/// Where an entry stands.
#[derive(Debug)]
pub(super) struct Entered<K, V> {
    pub(super) at: u32,
    pub(super) new: bool,
    /// What had to be forgotten to make room.
    pub(super) forgotten: Option<(K, V)>,
}

impl<K: Copy + Eq + Hash, V> Bounded<K, V> {
    /// Holds `most` entries, and at least one. What is kept of them may be `patience` seconds behind in counts.
    pub(super) fn new(most: usize, patience: u32) -> Self {
        Self {
            most: most.clamp(1, NONE as usize - 1),
            patience,
            slots: Vec::new(),
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            newest: NONE,
            oldest: NONE,
            changed: VecDeque::new(),
            dropped: VecDeque::new(),
            forgotten: 0,
        }
    }

    /// How many entries were forgotten to make room, since the start.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Where entries stand.
    pub(super) fn places(&self) -> Range<u32> {
        0..self.slots.len() as u32
    }

    /// Where the entry of `key` stands.
    pub(super) fn find(&self, key: &K) -> Option<u32> {
        let slots = &self.slots;
        self.index.find(self.hasher.hash_one(key), |at| slots[*at as usize].key == *key).copied()
    }

    /// The entry of `key`.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.find(key).map(|at| self.at(at))
    }

    /// The entry that stands at `at`.
    pub(super) fn at(&self, at: u32) -> &V {
        &self.slots[at as usize].value
    }

    /// The entry that stands at `at`.
    pub(super) fn at_mut(&mut self, at: u32) -> &mut V {
        &mut self.slots[at as usize].value
    }

    /// The key of the entry that stands at `at`.
    pub(super) fn key(&self, at: u32) -> K {
        self.slots[at as usize].key
    }

    /// How often another entry took the place `at`; none where there is no such place.
    pub(super) fn generation(&self, at: u32) -> Option<u32> {
        self.slots.get(at as usize).map(|slot| slot.generation)
    }

    /// The entry of `key`, made by `make` if it is new. It is the newest now.
    pub(super) fn enter(&mut self, key: K, make: impl FnOnce() -> V) -> Entered<K, V> {
        if let Some(at) = self.find(&key) {
            self.touch(at);
            return Entered { at, new: false, forgotten: None };
        }
        let value = make();
        let (at, forgotten) = if self.slots.len() < self.most {
            let at = self.slots.len() as u32;
            self.slots.push(Slot::new(key, value));
            (at, None)
        } else {
            let at = self.oldest;
            (at, Some(self.replace(at, key, value)))
        };
        self.link(at);
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hasher.hash_one(key), at, |at| hasher.hash_one(slots[*at as usize].key));
        Entered { at, new: true, forgotten }
    }

    /// The entry at `at` is the newest now.
    pub(super) fn touch(&mut self, at: u32) {
        if self.newest != at {
            self.unlink(at);
            self.link(at);
        }
    }

    /// The entry at `at` changed at this time: in more than counts, if that is `news`.
    pub(super) fn note(&mut self, at: u32, news: bool, now: u32) {
        let slot = &mut self.slots[at as usize];
        slot.counted = true;
        if news || self.patience == 0 || !within(slot.changed_at, now, self.patience) {
            slot.changed_at = now;
            self.mark(at);
        }
    }

    /// What changed in counts alone is to be kept as well.
    pub(super) fn mark_counted(&mut self) {
        for at in self.places() {
            if self.slots[at as usize].counted {
                self.mark(at);
            }
        }
    }

    fn mark(&mut self, at: u32) {
        let slot = &mut self.slots[at as usize];
        if !mem::replace(&mut slot.changed, true) {
            self.changed.push_back(at);
        }
    }

    /// The entry at `at` is kept as it is.
    pub(super) fn is_kept(&mut self, at: u32) {
        self.slots[at as usize].kept = true;
    }

    /// The next key whose entry changed since it was last taken, and its value unless it is forgotten.
    pub(super) fn next_changed(&mut self) -> Option<(K, Option<&V>)> {
        if let Some(key) = self.dropped.pop_front() {
            // It can be back by now.
            let Some(at) = self.find(&key) else { return Some((key, None)) };
            self.mark(at);
        }
        let at = self.changed.pop_front()?;
        let slot = &mut self.slots[at as usize];
        (slot.changed, slot.counted, slot.kept) = (false, false, true);
        Some((slot.key, Some(&slot.value)))
    }

    /// Forgets every entry that `unwanted` says so of. How many they were.
    pub(super) fn forget(&mut self, unwanted: impl Fn(&K, &V) -> bool) -> usize {
        let mut old = mem::replace(self, Self::new(self.most, self.patience));
        self.forgotten = old.forgotten;
        self.dropped = mem::take(&mut old.dropped);
        // Places are given anew, so nobody may take one of before for one of these.
        let generation = 1 + old.slots.iter().map(|slot| slot.generation).max().unwrap_or(0);
        let mut order = Vec::with_capacity(old.slots.len());
        let mut at = old.oldest;
        while at != NONE {
            order.push(at);
            at = old.slots[at as usize].newer;
        }
        let mut slots: Vec<Option<Slot<K, V>>> = old.slots.into_iter().map(Some).collect();
        let mut gone = 0;
        for at in order {
            let Some(slot) = slots[at as usize].take() else { continue };
            if unwanted(&slot.key, &slot.value) {
                gone += 1;
                // All of them: what is forgotten on purpose must not come back.
                self.dropped.extend(slot.kept.then_some(slot.key));
                continue;
            }
            let at = self.enter(slot.key, || slot.value).at;
            let new = &mut self.slots[at as usize];
            (new.kept, new.generation) = (slot.kept, generation);
            (new.counted, new.changed_at) = (slot.counted, slot.changed_at);
            if slot.changed {
                self.mark(at);
            }
        }
        gone
    }

    fn replace(&mut self, at: u32, key: K, value: V) -> (K, V) {
        self.unlink(at);
        let old = self.slots[at as usize].key;
        if let Ok(entry) = self.index.find_entry(self.hasher.hash_one(old), |found| *found == at) {
            entry.remove();
        }
        self.forgotten += 1;
        let slot = &mut self.slots[at as usize];
        // A place stands in the queue once.
        let new = Slot {
            generation: slot.generation.wrapping_add(1),
            changed: slot.changed,
            ..Slot::new(key, value)
        };
        let Slot { key, value, kept, .. } = mem::replace(slot, new);
        self.drop_kept(key, kept);
        (key, value)
    }

    fn drop_kept(&mut self, key: K, kept: bool) {
        if kept && self.dropped.len() < MOST_DROPPED {
            self.dropped.push_back(key);
        }
    }

    fn unlink(&mut self, at: u32) {
        let (newer, older) = (self.slots[at as usize].newer, self.slots[at as usize].older);
        match newer {
            NONE => self.newest = older,
            newer => self.slots[newer as usize].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.slots[older as usize].newer = newer,
        }
    }

    fn link(&mut self, at: u32) {
        let older = mem::replace(&mut self.newest, at);
        let slot = &mut self.slots[at as usize];
        (slot.newer, slot.older) = (NONE, older);
        match older {
            NONE => self.oldest = at,
            older => self.slots[older as usize].newer = at,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_one_that_was_silent_longest_is_forgotten() {
        let mut table = Bounded::new(2, 0);
        table.enter(1, || "one");
        table.enter(2, || "two");
        table.enter(1, || "not made again");
        let entered = table.enter(3, || "three");
        assert_eq!(entered.forgotten, Some((2, "two")));
        assert_eq!((table.get(&1), table.get(&2), table.get(&3)), (Some(&"one"), None, Some(&"three")));
        assert_eq!(table.forgotten(), 1);
    }

    #[test]
    fn a_place_that_another_entry_took_has_another_generation() {
        let mut table = Bounded::new(1, 0);
        let first = table.enter(1, || ());
        let generation = table.generation(first.at);
        let second = table.enter(2, || ());
        assert_eq!(first.at, second.at);
        assert_ne!(generation, table.generation(second.at));
        assert_eq!(table.generation(7), None);
    }

    #[test]
    fn only_what_was_kept_is_said_to_be_forgotten() {
        let mut table = Bounded::new(1, 0);
        table.enter(1, || "one");
        table.enter(2, || "two");
        assert!(table.next_changed().is_none(), "nothing of this was ever kept");
        let at = table.find(&2).unwrap();
        table.note(at, true, 1);
        table.note(at, false, 2);
        assert_eq!(table.next_changed(), Some((2, Some(&"two"))));
        assert!(table.next_changed().is_none());
        table.enter(3, || "three");
        assert_eq!(table.next_changed(), Some((2, None)));
    }

    #[test]
    fn what_was_forgotten_and_came_back_is_kept_as_it_is_now() {
        let mut table = Bounded::new(1, 0);
        let at = table.enter(1, || "first").at;
        table.note(at, true, 1);
        assert_eq!(table.next_changed(), Some((1, Some(&"first"))));
        table.enter(2, || "other");
        table.enter(1, || "second");
        assert_eq!(table.next_changed(), Some((1, Some(&"second"))));
        assert!(table.next_changed().is_none());
    }

    #[test]
    fn counts_are_kept_late_unless_all_is_asked_for() {
        let mut table = Bounded::new(2, 100);
        let at = table.enter(1, || "one").at;
        table.note(at, false, 1000);
        assert!(table.next_changed().is_some(), "it was never kept");
        table.note(at, false, 1050);
        assert!(table.next_changed().is_none());
        table.mark_counted();
        assert!(table.next_changed().is_some());
        table.mark_counted();
        assert!(table.next_changed().is_none(), "nothing was counted since");
        table.note(at, true, 1060);
        assert!(table.next_changed().is_some());
        table.note(at, false, 1161);
        assert!(table.next_changed().is_some());
    }

    proptest! {
        #[test]
        fn it_holds_what_a_plain_list_would(keys in prop::collection::vec(0_u8..12, 0..200), most in 1_usize..8) {
            let mut table = Bounded::new(most, 0);
            let mut plain: Vec<u8> = Vec::new();
            for key in keys {
                table.enter(key, || key);
                plain.retain(|other| *other != key);
                plain.push(key);
                if plain.len() > most {
                    plain.remove(0);
                }
                prop_assert_eq!(table.places().len(), plain.len());
                for key in 0..12 {
                    prop_assert_eq!(table.get(&key).is_some(), plain.contains(&key));
                }
            }
            let odd = plain.iter().filter(|key| *key % 2 == 1).count();
            prop_assert_eq!(table.forget(|key, _| key % 2 == 1), odd);
            plain.retain(|key| key % 2 == 0);
            // What is left is still in its order.
            for new in 100..100 + (most - plain.len()) as u8 {
                table.enter(new, || new);
            }
            if let Some(oldest) = plain.first() {
                prop_assert_eq!(table.enter(200, || 200).forgotten.map(|(key, _)| key), Some(*oldest));
            }
        }
    }
}
