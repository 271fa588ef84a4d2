//! The stealth check: what in a plan would tell an intruder that it is bait.

mod fit;
mod marks;
mod runs;

use serde::Serialize;

use crate::{plan::Plan, surroundings::Surroundings};

/// How one point of the check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing gives it away.
    Fine,
    /// It could not be looked at.
    Unknown,
    /// Somebody careful could wonder.
    Doubtful,
    /// It gives the bait away: it is not made so.
    Refused,
}

/// One point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at, in a few words.
    pub point: &'static str,
    /// How it came out.
    pub verdict: Verdict,
    /// What was found, in one sentence.
    pub found: String,
}

/// Every point, in the same order each time, whatever it finds.
pub fn check(plan: &Plan, around: &Surroundings) -> Vec<Check> {
    vec![
        marks::words(plan),
        marks::namespace(plan),
        marks::tool(plan),
        marks::named_in_roles(plan),
        fit::age_of_namespace(plan, around),
        fit::times(plan),
        fit::account_name(plan, around),
        runs::programs(plan),
        runs::images(plan, around),
        runs::neighbours(plan, around),
        marks::last_used(plan, around),
        marks::audit_policy(plan),
    ]
}

fn point(point: &'static str, verdict: Verdict, found: impl Into<String>) -> Check {
    Check { point, verdict, found: found.into() }
}

/// Why a kind of thing could not be looked at, if it could not.
fn unseen(around: &Surroundings, what: &str) -> Option<String> {
    let (_, why) = around.unseen.iter().find(|(unseen, _)| unseen == what)?;
    Some(format!("{what} could not be looked at: {why}"))
}
