//! Bounded counts of where requests came from, with what, and for what.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sundew_audit::Event;

/// The most different texts that are remembered of one thing.
const MOST: usize = 64;
/// The longest text that is kept, in characters.
const LONGEST: usize = 120;

/// How often each of a few texts was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    seen: BTreeMap<String, u64>,
    /// How often others were seen, of which no more than that is known.
    pub others: u64,
}

impl Tally {
    /// Counts a text, which may come from outside.
    pub fn add(&mut self, text: &str) {
        let text = clean(text);
        if let Some(times) = self.seen.get_mut(&text) {
            *times += 1;
        } else if self.seen.len() < MOST {
            self.seen.insert(text, 1);
        } else {
            self.others += 1;
        }
    }

    /// Each with its count, the most frequent first.
    pub fn most(&self) -> impl Iterator<Item = (&str, u64)> {
        let mut all: Vec<(&str, u64)> =
            self.seen.iter().map(|(text, times)| (text.as_str(), *times)).collect();
        all.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        all.into_iter()
    }

    /// How many different ones are remembered.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

/// Where requests came from, with what, for what, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses {
    /// How many requests.
    pub requests: u64,
    /// The addresses of the peers.
    pub peers: Tally,
    /// The clients, by the first word of what they say of themselves.
    pub clients: Tally,
    /// What was asked for, as `list pods`.
    pub asked: Tally,
    /// The first one's time.
    pub first: Option<Timestamp>,
    /// The last one's time.
    pub last: Option<Timestamp>,
}

impl Uses {
    /// Takes one event that is about a request that was answered, or is being.
    pub fn record(&mut self, event: &Event<'_>) {
        let time = event.time();
        self.first = [self.first, time].into_iter().flatten().min();
        self.last = [self.last, time].into_iter().flatten().max();
        // The end of a request that takes long is told in an event of its own.
        if event.stage == "ResponseStarted" {
            return;
        }
        self.requests += 1;
        self.peers.add(&event.peer().decode());
        let agent = event.user_agent.decode();
        self.clients.add(agent.split_whitespace().next().unwrap_or("(none)"));
        let verb = event.verb.decode();
        match &event.object_ref {
            Some(object) if !object.resource.is_empty() => {
                let (resource, subresource) = (object.resource.decode(), object.subresource.decode());
                let slash = if subresource.is_empty() { "" } else { "/" };
                self.asked.add(&format!("{verb} {resource}{slash}{subresource}"));
            }
            _ => self.asked.add(&format!("{verb} a path that is no resource")),
        }
    }
}

/// A text from outside without what acts on a terminal or is markup, and no longer than is read.
pub(super) fn clean(text: &str) -> String {
    let harmless = |c: char| !c.is_control() && !matches!(c, '`' | '<' | '>' | '|');
    text.chars().map(|c| if harmless(c) { c } else { '\u{fffd}' }).take(LONGEST).collect()
}
