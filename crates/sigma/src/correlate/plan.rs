//! Which rules each correlation counts, and what it needs to know of the events that they match.

use std::hash::{DefaultHasher, Hash, Hasher};

use rsigma_parser::CorrelationRule;

use super::{build, group::Window, need::Need};
use crate::{LoadError, Rule, RuleId, field::Field};

/// A correlation as it was read, before what it refers to is known.
#[derive(Debug)]
pub(crate) struct Draft {
    /// What it says about itself.
    pub(crate) rule: Rule,
    /// What it asks.
    pub(crate) parsed: CorrelationRule,
    /// The line in its file where it begins.
    pub(crate) line: Option<usize>,
}

/// A correlation, ready to count.
#[derive(Debug)]
pub(crate) struct Correlation {
    pub(crate) rule: RuleId,
    /// Names it across restarts: a hash of its name and of all that decides what it counts.
    pub(crate) print: u64,
    pub(crate) group_by: Vec<String>,
    pub(crate) window: Window,
    pub(crate) need: Need,
    /// True where only other correlations hear of it.
    pub(crate) silent: bool,
}

/// That the hits of one rule count in one correlation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Feed {
    /// The correlation's index in the plan.
    pub(crate) to: usize,
    /// The rule's place among those of the correlation.
    pub(crate) place: u32,
    /// Where each value of the group stands among the rule's keys.
    pub(crate) group: Vec<usize>,
    /// Where the values that are counted stand among the rule's keys.
    pub(crate) counted: Vec<usize>,
}

/// What one rule is needed for.
#[derive(Debug, Default)]
pub(crate) struct Needed {
    /// The fields whose values are a hit's keys. For a correlation: the names of its groups' values.
    pub(crate) names: Vec<String>,
    pub(crate) fields: Vec<Field>,
    pub(crate) feeds: Vec<Feed>,
}

/// All correlations of a rule set.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) correlations: Vec<Correlation>,
    /// By [`RuleId`].
    pub(crate) needed: Vec<Needed>,
}

impl Plan {
    /// Adds to `rules`, which are the detections, the correlations among `drafts` that can be used, and marks as silent
    /// what only correlations are to hear of. Gives the plan, and why the others cannot be used.
    pub(crate) fn build(rules: &mut Vec<Rule>, drafts: Vec<Draft>) -> (Self, Vec<LoadError>) {
        build::plan(rules, drafts)
    }

    /// What a hit of `rule` must carry as its keys, in this order. A field that the event does not have is an empty
    /// key, as an empty text is left out of an audit event; of several values the key is all of them, joined by `,`.
    pub(crate) fn keys(&self, rule: RuleId) -> &[Field] {
        self.needed.get(rule.0 as usize).map_or(&[], |needed| needed.fields.as_slice())
    }

    /// True where some key differs between two requests that are otherwise alike.
    pub(crate) fn reads_volatile(&self) -> bool {
        self.needed.iter().flat_map(|needed| &needed.fields).any(Field::is_volatile)
    }

    /// The rules whose hits the correlation `rule` counts; none where it is no correlation.
    pub(crate) fn counted_by(&self, rule: RuleId) -> impl Iterator<Item = RuleId> + '_ {
        let at = self.correlations.iter().position(|correlation| correlation.rule == rule);
        let feeds = move |needed: &Needed| needed.feeds.iter().any(|feed| Some(feed.to) == at);
        (0u32..).map(RuleId).zip(&self.needed).filter(move |(_, needed)| feeds(needed)).map(|(rule, _)| rule)
    }

    /// The correlations that count hits of `rule`.
    pub(crate) fn feeds(&self, rule: RuleId) -> &[Feed] {
        self.needed.get(rule.0 as usize).map_or(&[], |needed| needed.feeds.as_slice())
    }
}

/// A hash that is the same on every run.
pub(crate) fn print(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
