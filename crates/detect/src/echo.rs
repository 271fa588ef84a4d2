//! Requests that nobody is told of and that are made again and again: they are read once, and counted from then on.

use std::{
    hash::{BuildHasherDefault, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use hashbrown::HashMap;
use jiff::Timestamp;
use smallvec::SmallVec;
use sundew_audit::print::{Print, Printed, Printer};
use sundew_habits::{Seen, Slots};
use sundew_sigma::Hit;

use crate::detectors::Clue;

/// How many requests are remembered. An entry takes some 400 bytes, and one that correlations count a line more.
const MOST: usize = 1 << 16;

/// A request that no decoy and no rule by itself has anything to tell of.
#[derive(Debug, Default)]
pub struct Quiet {
    /// What habits and token checks need of it; none where they have nothing to learn from it.
    pub seen: Option<Seen<'static>>,
    /// The rules that it met, of which only correlations hear.
    pub hits: Vec<Hit>,
    /// The JSON of the first such event, where it met rules: what a correlation tells of is like it.
    pub json: Option<Box<str>>,
    slots: Mutex<Slots>,
}

/// One more request that is like an earlier one.
#[derive(Debug)]
pub struct Again {
    /// The earlier one.
    pub quiet: Arc<Quiet>,
    /// When it was received.
    pub time: Timestamp,
    /// Its audit id. A UUID needs no memory of its own.
    audit_id: SmallVec<[u8; 40]>,
}

impl Again {
    /// Its audit id.
    pub fn audit_id(&self) -> &str {
        // It was taken from a text.
        std::str::from_utf8(&self.audit_id).unwrap_or_default()
    }
}

impl Quiet {
    /// Counted nowhere yet. `json` is kept where there are `hits`.
    pub fn new(seen: Option<Seen<'static>>, hits: Vec<Hit>, json: &str) -> Self {
        let json = (!hits.is_empty()).then(|| json.into());
        Self { seen, hits, json, slots: Mutex::default() }
    }

    /// What stands for the next event like the one that gave `clues`; none where somebody may have to be told of that.
    pub fn standing_for<'c>(clues: impl IntoIterator<Item = &'c Clue>) -> Option<Arc<Self>> {
        let mut clues = clues.into_iter();
        match (clues.next(), clues.next()) {
            (None, _) => Some(Arc::default()),
            (Some(Clue::Quiet(quiet, _)), None) => Some(Arc::clone(quiet)),
            _ => None,
        }
    }

    /// Whether nothing is to be counted.
    pub fn is_empty(&self) -> bool {
        self.seen.is_none() && self.hits.is_empty()
    }

    /// Where it is counted.
    pub(crate) fn slots(&self) -> Slots {
        *self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count_at(&self, slots: Slots) {
        *self.slots.lock().unwrap_or_else(PoisonError::into_inner) = slots;
    }
}

/// What is known of a line.
#[derive(Debug)]
pub enum Heard {
    /// The same request as one before.
    Again(Again),
    /// A line that must be read, and its print if it has one.
    New(Option<Print>),
}

/// The requests that one reader has read.
#[derive(Debug, Default)]
pub struct Echo {
    printer: Printer,
    known: HashMap<Print, Arc<Quiet>, BuildHasherDefault<Hashed>>,
}

/// A print is a hash already.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u128(&mut self, print: u128) {
        self.0 = print as u64;
    }
}

impl Echo {
    /// Whether `line` differs from one that was remembered in ids and times alone.
    pub fn hear(&mut self, line: &[u8]) -> Heard {
        let Some(Printed { print, received, audit_id }) = self.printer.take(line) else {
            return Heard::New(None);
        };
        let Some(quiet) = self.known.get(&print) else { return Heard::New(Some(print)) };
        let audit_id = SmallVec::from_slice(audit_id.as_bytes());
        Heard::Again(Again { quiet: Arc::clone(quiet), time: received, audit_id })
    }

    /// Remembers that the line with this print is told to nobody.
    pub fn remember(&mut self, print: Print, quiet: Arc<Quiet>) {
        // Which of them will be asked again cannot be told: the busy ones are soon back.
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.insert(print, quiet);
    }
}
