//! The worst things in plain words: what a manager reads first.

use std::{cmp::Reverse, collections::HashMap};

use crate::report::{Finding, Report, View};

/// One of the worst things: the finding that stands for all of its rule.
pub(super) struct Headline<'a> {
    /// The worst of them.
    pub(super) finding: &'a Finding,
    /// How many more the rule found in the same view and at the same severity.
    pub(super) more: usize,
}

/// The worst things, each of another rule, worst first, at most `most`.
///
/// Roles and bindings are left out: whatever is wrong with them shows in what their subjects hold.
pub(super) fn worst(report: &Report, most: usize) -> Vec<Headline<'_>> {
    let mut groups: HashMap<_, Headline<'_>> = HashMap::new();
    for finding in report.counting().filter(|finding| !matches!(finding.view, View::Roles | View::Bindings)) {
        let key = (finding.rule.as_str(), finding.view, finding.severity);
        groups.entry(key).and_modify(|group| group.more += 1).or_insert(Headline { finding, more: 0 });
    }
    let mut groups: Vec<Headline<'_>> = groups.into_values().collect();
    groups.sort_by_key(|group| {
        let of = group.finding;
        (Reverse(of.severity), urgency(of.view), Reverse(group.more), &of.rule)
    });
    let mut rules: Vec<&str> = Vec::with_capacity(most);
    groups.retain(|group| {
        let new = rules.len() < most && !rules.contains(&group.finding.rule.as_str());
        if new {
            rules.push(&group.finding.rule);
        }
        new
    });
    groups
}

/// Of two equally bad things, the one that is nearer to an intruder comes first.
fn urgency(view: View) -> u8 {
    match view {
        View::Everyone => 0,
        View::Subjects => 1,
        View::Pods => 2,
        View::Privileged => 3,
        View::Nodes => 4,
        View::Tokens => 5,
        View::Bindings | View::Roles | View::Unused => 6,
    }
}
