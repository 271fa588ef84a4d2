//! Exceptions: somebody may do what a rule tells of.

use jiff::Timestamp;
use sundew_sigma::Rule;

use crate::Finding;

/// Somebody may do what a rule tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// The rule's name or id, or that of a habit such as `habits.new_client`; none for every rule.
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

impl Exception {
    /// Whether a finding of `rule` is not told by it.
    pub fn holds(&self, rule: &Rule, finding: &Finding) -> bool {
        let of_rule = |named: &String| *named == rule.name || Some(named) == rule.id.as_ref();
        self.rule.as_ref().is_none_or(of_rule) && self.is_of(finding)
    }

    /// Whether a finding of habits or token checks is not told by it.
    pub fn holds_for_habit(&self, finding: &Finding) -> bool {
        self.rule.as_ref().is_none_or(|named| *named == finding.rule) && self.is_of(finding)
    }

    fn is_of(&self, finding: &Finding) -> bool {
        self.actor.as_ref().is_none_or(|actor| is_actor(actor, finding.actor.user.as_deref()))
            && self.namespace.as_ref().is_none_or(|namespace| *namespace == finding.request.namespace)
            && self.until.is_none_or(|until| finding.time <= until)
    }
}

/// A request that nobody authenticated for has no actor, whatever the pattern is.
fn is_actor(pattern: &str, user: Option<&str>) -> bool {
    let Some(user) = user else { return false };
    match pattern.strip_suffix('*') {
        Some(start) => user.starts_with(start),
        None => user == pattern,
    }
}
