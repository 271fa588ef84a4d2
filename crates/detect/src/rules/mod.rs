//! The rules that are in use: the built-in pack and the user's own, what is switched off, and what is excepted.

mod exception;
mod load;
pub mod pack;
pub mod proof;
mod throttle;

use std::collections::HashSet;

use sundew_sigma::{Level, LoadError, Rule, RuleId, RuleSet, Source};

pub use self::{
    exception::Exception,
    load::with_pack,
    throttle::{Held, Throttle, Throttled},
};
use crate::Finding;

/// How rules are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSettings {
    /// Whether the built-in pack is used.
    pub builtin: bool,
    /// Names or ids of rules that are not told. Correlations of them go on.
    pub off: Vec<String>,
    /// Who may do what.
    pub exceptions: Vec<Exception>,
    /// How many findings of one rule about one actor are told an hour; the rest is counted, and that it is so is told.
    pub hourly: u32,
}

impl Default for RuleSettings {
    fn default() -> Self {
        Self { builtin: true, off: Vec::new(), exceptions: Vec::new(), hourly: 100 }
    }
}

/// The rules that are in use. Cheap to share; made anew when a file or the configuration changes.
#[derive(Debug, Default)]
pub struct Rulebook {
    /// The rules.
    pub set: RuleSet,
    /// How they are used.
    pub settings: RuleSettings,
    /// What is worth knowing about how they came together, and is no error, a sentence each.
    pub notes: Vec<String>,
    off: HashSet<RuleId>,
}

impl Rulebook {
    /// The built-in pack, where `settings` wants it, and `own` rules. Of two rules with one name or id the user's
    /// counts, and a note says so. What has an error is left out; a built-in rule whose place it would have taken is
    /// used then. A rule that `settings` names and that there is not is an error too.
    pub fn new(own: &[Source], settings: RuleSettings) -> (Self, Vec<LoadError>) {
        let builtin = if settings.builtin { pack::entries() } else { &[] };
        Self::with(builtin, own, settings)
    }

    /// As [`Rulebook::new`], with another pack.
    fn with(pack: &[pack::Entry], own: &[Source], settings: RuleSettings) -> (Self, Vec<LoadError>) {
        let load::Together { set, mut errors, mut notes } = load::together(pack, own);
        let mut off = HashSet::new();
        for name in &settings.off {
            let Some(id) = set.find(name) else {
                errors.push(load::unknown("rules.off", name, &set));
                continue;
            };
            off.insert(id);
            let rule = set.rule(id);
            if rule.silent || rule.level == Level::Informational {
                notes.push(format!(
                    "`rules.off` names `{name}`, which is never told by itself; switch off the correlation that uses it"
                ));
            }
        }
        for rule in settings.exceptions.iter().filter_map(|exception| exception.rule.as_ref()) {
            if set.find(rule).is_none() && !sundew_habits::novelty::RULES.contains(&rule.as_str()) {
                errors.push(load::unknown("rules.exceptions", rule, &set));
            }
        }
        (Self { set, settings, notes, off }, errors)
    }

    /// Whether it changes nothing: no rules, and no exceptions, which hold for habits as well.
    pub fn is_empty(&self) -> bool {
        self.set.rules().is_empty() && self.settings.exceptions.is_empty()
    }

    /// Whether a rule was switched off.
    pub fn is_off(&self, rule: RuleId) -> bool {
        self.off.contains(&rule)
    }

    /// Whether what meets a rule is a finding. Else only correlations hear of it.
    pub fn tells(&self, rule: RuleId) -> bool {
        let of = self.set.rule(rule);
        !of.silent && of.level > Level::Informational && !self.is_off(rule)
    }

    /// The exception by which a finding of `rule` is not told.
    pub fn excepted(&self, rule: &Rule, finding: &Finding) -> Option<&Exception> {
        self.settings.exceptions.iter().find(|exception| exception.holds(rule, finding))
    }

    /// The exception by which a finding of habits or token checks is not told.
    pub fn excepted_habit(&self, finding: &Finding) -> Option<&Exception> {
        self.settings.exceptions.iter().find(|exception| exception.holds_for_habit(finding))
    }
}

#[cfg(test)]
mod tests;
