//! Rules that decide on nothing, because those before them take every request that they fit.

use super::{Remark, Weight, space::Space};
use crate::model::Policy;

/// How many lines are named.
const NAMED: usize = 4;

pub(super) fn remarks(policy: &Policy, space: &Space<'_>) -> Vec<Remark> {
    space.refill();
    (1..policy.rules.len()).filter_map(|at| dead(policy, space, at)).collect()
}

fn dead(policy: &Policy, space: &Space<'_>, at: usize) -> Option<Remark> {
    let pieces = space.of_rule(at);
    if pieces.is_empty() {
        return None;
    }
    let mut by = Vec::new();
    for piece in pieces {
        by.extend(space.taken_before(piece)?);
    }
    by.sort_unstable();
    by.dedup();
    let rule = &policy.rules[at];
    let same = by.iter().all(|earlier| policy.rules[*earlier].level == rule.level);
    let lines: Vec<usize> = by.iter().map(|earlier| policy.rules[*earlier].line).collect();
    let takes = if lines.len() == 1 { "takes" } else { "take" };
    let what = format!("this rule never decides: {} {takes} every request that it fits", said(&lines));
    let fix = if same {
        "take it out: the level is the same".to_owned()
    } else {
        let level = rule.level.as_str();
        format!(
            "put it before line {} if these requests are to have level {level}, or take it out",
            lines.first()?
        )
    };
    Some(Remark::new(rule.line, Weight::Dead, "dead-rule", what, fix))
}

/// The rules on these lines.
pub(super) fn said(lines: &[usize]) -> String {
    let words: Vec<String> = lines.iter().take(NAMED).map(ToString::to_string).collect();
    let more = lines.len().saturating_sub(NAMED);
    match (words.as_slice(), more) {
        ([one], _) => format!("the rule on line {one}"),
        (words, 0) => {
            let (last, rest) = words.split_last().map_or(("", &[][..]), |(last, rest)| (last.as_str(), rest));
            format!("the rules on lines {} and {last}", rest.join(", "))
        }
        (words, more) => format!("the rules on lines {} and {more} more", words.join(", ")),
    }
}
