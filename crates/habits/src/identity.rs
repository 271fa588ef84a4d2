//! One identity and its habits.

use jiff::SignedDuration;

use crate::{
    Class, Settings,
    entry::{Aspect, Entry, FRESH, Key},
    facets::Facets,
    names::{Name, Names},
};

/// How many requests make somebody known whose requests are all taken as ordinary.
const TAUGHT_BY: u32 = 5;
/// How many findings of one identity are told an hour.
pub(crate) const HOURLY: usize = 24;
/// How often a kind of habit may have grown before its growing is a habit itself.
const GROWS: u8 = 3;
/// No entry.
pub(crate) const NOWHERE: u16 = u16::MAX;

/// One identity of one cluster.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) cluster: u32,
    pub(crate) name: Box<str>,
    pub(crate) class: Class,
    /// Enough of it was taken as ordinary on purpose.
    pub(crate) taught: bool,
    /// Something was learnt since it was last given away to be kept.
    pub(crate) changed: bool,
    /// Something was counted since then.
    pub(crate) moved: bool,
    /// It was given away to be kept, or came from there.
    pub(crate) kept: bool,
    /// The time when that was last, in seconds since 1970.
    pub(crate) kept_at: u32,
    /// Other than before whenever an entry stands for another habit than before.
    pub(crate) generation: u32,
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) requests: u32,
    pub(crate) refused: u32,
    /// In how many different minutes it was seen.
    pub(crate) minutes: u32,
    /// For how long its cluster had been watched when it was first seen, in seconds; below zero for what an earlier
    /// process has seen.
    pub(crate) since: i64,
    /// How many habits of each kind made room for others.
    pub(crate) more: [u16; Aspect::COUNT],
    /// On how many occasions each kind of habit grew once the identity was known.
    pub(crate) grown: [u8; Aspect::COUNT],
    pub(crate) entries: Vec<Entry>,
    pub(crate) spell: Option<Box<Spell>>,
}

/// An hour in which an identity did something new.
#[derive(Debug)]
pub(crate) struct Spell {
    pub(crate) since: u32,
    /// Whether it was refused something for the first time.
    pub(crate) refused: bool,
    /// What was told, so that it is told once.
    pub(crate) told: Vec<u64>,
}

/// How well an identity is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Well enough.
    Yes,
    /// Not for long enough: the seconds that are missing.
    Time(i64),
    /// Too few requests: how many are missing.
    Requests(u64),
}

impl Identity {
    pub(crate) fn new(cluster: u32, name: &str, class: Class, time: u32, watched: i64) -> Self {
        Self {
            cluster,
            name: name.into(),
            class,
            taught: false,
            changed: false,
            moved: false,
            kept: false,
            kept_at: 0,
            generation: 0,
            first: time,
            last: time,
            requests: 0,
            refused: 0,
            minutes: 0,
            since: watched,
            more: [0; Aspect::COUNT],
            grown: [0; Aspect::COUNT],
            entries: Vec::new(),
            spell: None,
        }
    }

    /// One more request.
    pub(crate) fn count(&mut self, time: u32, refused: bool, teaching: bool) {
        if teaching || self.requests == 0 || time / 60 != self.last / 60 {
            self.minutes = self.minutes.saturating_add(1);
        }
        self.requests = self.requests.saturating_add(1);
        self.refused = self.refused.saturating_add(u32::from(refused));
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        self.taught |= teaching && self.requests >= TAUGHT_BY;
    }

    /// Whether it was seen long and often enough.
    pub(crate) fn known(&self, settings: &Settings, watched: i64) -> Known {
        if self.taught {
            return Known::Yes;
        }
        let wanted = SignedDuration::as_secs(&settings.learn_for);
        let missing = wanted - (watched - self.since);
        if missing > 0 {
            return Known::Time(missing);
        }
        match settings.least_requests.saturating_sub(u64::from(self.requests)) {
            0 => Known::Yes,
            missing => Known::Requests(missing),
        }
    }

    /// How often in a hundred minutes in which it is active something new of this kind is to be expected, after Good and
    /// Turing: by how many of its habits were seen only once. What is new right now says nothing about before.
    pub(crate) fn restless(&self, aspect: Aspect, time: u32) -> u64 {
        let once = self.entries.iter().filter(|e| e.aspect() == aspect && e.marks < 2 && !e.is_fresh(time));
        let surprises = 2 * (once.count() as u64 + u64::from(self.more[aspect as usize])) + 1;
        (50 * surprises).div_ceil(u64::from(self.minutes.max(1)))
    }

    /// Whether something new of this kind is rare.
    pub(crate) fn is_settled(&self, aspect: Aspect, time: u32) -> bool {
        self.restless(aspect, time) <= RESTLESS
    }

    /// Whether something new of this kind would be a surprise: it is rare, and did not come again and again either.
    pub(crate) fn is_steady(&self, aspect: Aspect, time: u32) -> bool {
        self.grown[aspect as usize] < GROWS && self.is_settled(aspect, time)
    }

    /// Where the entry for `key` is.
    pub(crate) fn find(&self, key: &Key) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.is(key))
    }

    pub(crate) fn of(&self, aspect: Aspect) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.aspect() == aspect)
    }

    /// Counts the habits that `facets` consists of; what was not there is there from then on. `news` tells which of them
    /// are something new. Gives the places of the entries; true where one of them stands for another habit than before.
    pub(crate) fn learn(
        &mut self,
        facets: &Facets,
        news: [bool; Aspect::COUNT],
        time: u32,
        teaching: bool,
        names: &mut Names,
    ) -> Learnt {
        let mut learnt = Learnt { places: [NOWHERE; Aspect::COUNT], left: None, added: false };
        for (aspect, key) in Aspect::ALL.into_iter().zip(&facets.keys) {
            let Some(key) = key else { continue };
            let found = self.entries.iter().position(|entry| entry.is(key));
            let at = found.unwrap_or_else(|| {
                learnt.added = true;
                if news[aspect as usize] {
                    self.grow(aspect, time);
                }
                share_names(key, names);
                self.place(Entry::new(*key, time, news[aspect as usize]), &mut learnt.left)
            });
            let entry = &mut self.entries[at];
            match aspect {
                Aspect::Client => entry.place = facets.version.0,
                Aspect::Request if found.is_none() => entry.place = names.share(facets.namespace).0,
                Aspect::Request if entry.namespace() != facets.namespace => {
                    names.release(entry.namespace());
                    entry.place = Name::MANY.0;
                }
                _ => {}
            }
            entry.count(time, facets.refused, teaching);
            learnt.places[aspect as usize] = u16::try_from(at).unwrap_or(NOWHERE);
        }
        learnt
    }

    /// Puts in an entry. Where there are too many of its kind, the least established goes, into `left`.
    fn place(&mut self, entry: Entry, left: &mut Option<Vec<Entry>>) -> usize {
        let aspect = entry.aspect();
        if self.of(aspect).count() < aspect.most() {
            if self.entries.len() == self.entries.capacity() {
                // Most identities have few habits and many are remembered: doubling would waste a third of it all.
                self.entries.reserve_exact(2 + self.entries.len() / 4);
            }
            self.entries.push(entry);
            return self.entries.len() - 1;
        }
        let established = |entry: &Entry| (entry.marks.min(2), entry.last);
        let of_kind = self.entries.iter().enumerate().filter(|(_, entry)| entry.aspect() == aspect);
        let least = of_kind.min_by_key(|(_, entry)| established(entry)).map_or(0, |(at, _)| at);
        left.get_or_insert_default().push(std::mem::replace(&mut self.entries[least], entry));
        let more = &mut self.more[aspect as usize];
        *more = more.saturating_add(1);
        least
    }

    /// Notes that a kind of habit grows, once an occasion.
    fn grow(&mut self, aspect: Aspect, time: u32) {
        if !self.of(aspect).any(|entry| entry.is_fresh(time)) {
            let grown = &mut self.grown[aspect as usize];
            *grown = grown.saturating_add(1);
        }
    }

    /// The spell at `time`, if there is one.
    pub(crate) fn spell_at(&self, time: u32) -> Option<&Spell> {
        self.spell.as_deref().filter(|spell| time.abs_diff(spell.since) <= FRESH)
    }

    /// The spell at `time`, begun if there is none.
    pub(crate) fn begin_spell(&mut self, time: u32) -> &mut Spell {
        if self.spell_at(time).is_none() {
            self.spell = None;
        }
        self.spell.get_or_insert_with(|| Box::new(Spell { since: time, refused: false, told: Vec::new() }))
    }

    /// Half as much of everything; what was not seen for long goes, into `left`. False where nothing is left of it.
    pub(crate) fn age(&mut self, left: &mut Vec<Entry>) -> bool {
        self.requests /= 2;
        self.refused /= 2;
        self.minutes = self.minutes.div_ceil(2);
        self.more.iter_mut().for_each(|more| *more /= 2);
        self.grown.iter_mut().for_each(|grown| *grown /= 2);
        self.spell = None;
        self.entries.retain_mut(|entry| {
            let stays = entry.age();
            if !stays {
                left.push(*entry);
            }
            stays
        });
        self.entries.shrink_to_fit();
        !self.entries.is_empty()
    }

    /// How well established it is, in seconds: the last time, and six hours for each doubling of its requests.
    pub(crate) fn worth(&self) -> u64 {
        u64::from(self.last) + u64::from(u32::BITS - self.requests.leading_zeros()) * 6 * 3600
    }

    /// Whether too little of it was seen to be missed.
    pub(crate) fn is_newcomer(&self) -> bool {
        !self.taught && self.requests < 20
    }
}

/// From how many surprises in a hundred minutes on nothing is a surprise any more.
const RESTLESS: u64 = 10;

/// What learning a request did.
#[derive(Debug)]
pub(crate) struct Learnt {
    /// Where the entries are, in the order of [`Aspect::ALL`].
    pub(crate) places: [u16; Aspect::COUNT],
    /// The entries that made room.
    pub(crate) left: Option<Vec<Entry>>,
    /// Whether there is a habit that there was not.
    pub(crate) added: bool,
}

/// A new entry holds the names in its key; the namespace of a request is held when it is set.
fn share_names(key: &Key, names: &mut Names) {
    match key.aspect {
        Aspect::Client | Aspect::Request | Aspect::Namespace => {
            names.share(Name(key.what));
        }
        Aspect::Secret => {
            names.share(Name(key.what));
            names.share(Name(key.place));
        }
        Aspect::Network | Aspect::Range => {}
    }
}
