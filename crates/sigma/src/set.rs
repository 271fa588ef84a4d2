//! The rules that are in use, and what they say of one event.

mod build;

use smallvec::SmallVec;
use sundew_audit::Event;

use crate::{LoadError, Rule, RuleId, condition::Test, correlate::plan::Plan, field::Look, index::Index};

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
    /// Detections, and behind them correlations.
    rules: Vec<Rule>,
    /// Those of the detections, in the same order.
    tests: Vec<Test>,
    index: Index,
    plan: Plan,
    reads_volatile: bool,
}

impl RuleSet {
    /// Reads and compiles `sources`. A rule with an error is left out and told of; the rest is used. Of two rules with
    /// one name or id neither is used, as nobody can tell which was meant.
    pub fn load(sources: &[Source]) -> Loaded {
        build::load(sources)
    }

    /// All rules, in the order of their [`RuleId`]s: detections first, then correlations.
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
        let look = Look::new(event);
        self.index.each(&look, |at| {
            if self.tests[at].met(&look)
                && let Ok(rule) = u32::try_from(at).map(RuleId)
            {
                let keys = self.plan.keys(rule).iter().map(|field| look.text(field)).collect();
                hits.push(Hit { rule, keys });
            }
        });
    }

    /// Whether some correlation counts the hits of a rule.
    pub fn is_counted(&self, rule: RuleId) -> bool {
        !self.plan.feeds(rule).is_empty()
    }

    /// True where some rule reads what differs between two requests that are otherwise alike: the audit id, a time, a
    /// resource version. Then one verdict cannot stand for both.
    pub fn reads_volatile(&self) -> bool {
        self.reads_volatile
    }

    /// The tests of the detections, in the order of their [`RuleId`]s.
    pub(crate) fn tests(&self) -> &[Test] {
        &self.tests
    }

    /// What correlations need.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }
}
