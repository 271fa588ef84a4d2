//! The rules that are in use, and what they say of one event.

use smallvec::SmallVec;
use sundew_audit::Event;

use crate::{LoadError, Rule, RuleId};

/// The text of one rule file.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name in messages: a path, or a name in the built-in pack.
    pub name: String,
    /// YAML: one rule, or several documents.
    pub text: String,
}

/// What came of loading.
#[derive(Debug)]
pub struct Loaded {
    /// The rules that can be used.
    pub set: RuleSet,
    /// Those that cannot, and why.
    pub errors: Vec<LoadError>,
}

/// A rule that an event met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Which.
    pub rule: RuleId,
    /// What correlations of this rule need of the event, in an order that only this crate knows. Empty where none
    /// refers to it.
    pub keys: SmallVec<[Box<str>; 0]>,
}

/// Rules, compiled together. Cheap to share; made anew when a file changes.
#[derive(Debug, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
}

impl RuleSet {
    /// Reads and compiles `sources`. A rule with an error is left out and told of; the rest is used.
    pub fn load(sources: &[Source]) -> Loaded {
        let _ = sources;
        Loaded { set: Self::default(), errors: Vec::new() }
    }

    /// All rules, in the order of their [`RuleId`]s.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// One rule.
    pub fn rule(&self, id: RuleId) -> &Rule {
        &self.rules[id.0 as usize]
    }

    /// A rule by its name or id.
    pub fn find(&self, name: &str) -> Option<RuleId> {
        let at = self.rules.iter().position(|r| r.name == name || r.id.as_deref() == Some(name))?;
        u32::try_from(at).ok().map(RuleId)
    }

    /// Calls nothing but appends to `hits` every detection that `event` meets, in the order of their ids.
    pub fn judge(&self, event: &Event<'_>, hits: &mut Vec<Hit>) {
        let _ = (event, hits);
    }

    /// True where some rule reads what differs between two requests that are otherwise alike: the audit id, a time, a
    /// resource version. Then one verdict cannot stand for both.
    pub fn reads_volatile(&self) -> bool {
        false
    }
}
