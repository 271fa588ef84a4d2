//! The rules that are in use: the built-in pack and the user's own, what is switched off, and what is excepted.

pub mod pack;

use jiff::Timestamp;
use sundew_sigma::{LoadError, RuleSet, Source};

/// Somebody may do what a rule tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// The rule's name or id; none for every rule.
    pub rule: Option<String>,
    /// `user.username`, which may end in `*`; none for everybody.
    pub actor: Option<String>,
    /// The namespace of the object; none for all.
    pub namespace: Option<String>,
    /// Why.
    pub reason: String,
    /// When it ends; none for never. An event after that is told again.
    pub until: Option<Timestamp>,
}

/// How rules are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSettings {
    /// Whether the built-in pack is used.
    pub builtin: bool,
    /// Names or ids of rules that are not used.
    pub off: Vec<String>,
    /// Who may do what.
    pub exceptions: Vec<Exception>,
    /// How many findings of one rule are told an hour; the rest is counted, and that it is so is told.
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
}

impl Rulebook {
    /// The built-in pack, where `settings` wants it, and `own` rules. Of two rules with one name the user's counts, and
    /// of two of the user's none: both are errors to be shown. What has an error is left out.
    pub fn new(own: &[Source], settings: RuleSettings) -> (Self, Vec<LoadError>) {
        let loaded = RuleSet::load(own);
        (Self { set: loaded.set, settings }, loaded.errors)
    }
}
