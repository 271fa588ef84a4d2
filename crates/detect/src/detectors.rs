//! The three detectors together: what they say of one event ([`Detectors`], without a state), and what follows from
//! that in the order of the stream ([`Watch`]).

use std::sync::Arc;

use jiff::Timestamp;
use sundew_habits::{Seen, Settings};
use sundew_sigma::Hit;

use crate::{Finding, Signal, Tripwire, rules::Rulebook};

/// What one detector says of one event.
#[derive(Debug)]
pub enum Clue {
    /// The tripwire's word.
    Signal(Signal),
    /// Rules that the event met, and the finding that each of them would make, but for the rule's own words.
    Hits(Box<Finding>, Vec<Hit>),
    /// What habits and token checks need of it.
    Seen(Box<Seen<'static>>, Timestamp),
}

/// The detectors in use. Cheap to share; made anew when inventory, rules or configuration change.
#[derive(Debug, Clone)]
pub struct Detectors {
    /// Decoys.
    pub tripwire: Arc<Tripwire>,
    /// Rules; none where they are not used.
    pub rules: Option<Arc<Rulebook>>,
    /// Habits and token checks; none where they are not used.
    pub habits: Option<Settings>,
}

impl Detectors {
    /// The tripwire alone.
    pub fn tripwire(tripwire: Tripwire) -> Self {
        Self { tripwire: Arc::new(tripwire), rules: None, habits: None }
    }
}
