//! What is wrong with an audit policy, each with its line and what to do.

mod dead;
mod known;
mod leaks;
mod space;
mod volume;
mod words;

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    model::Policy,
    read::{PolicyError, Read, read},
};
use space::Space;

/// How much a remark matters, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Weight {
    /// The API server does not start with it.
    Broken,
    /// Credentials go into the log.
    Leak,
    /// A detection does not see what it needs.
    Blind,
    /// Events can be lost, or come late.
    Lossy,
    /// What is written has no effect, or not the one that it seems to have.
    Dead,
    /// The log holds what nobody needs.
    Waste,
}

impl Weight {
    /// All of them, worst first.
    pub const ALL: [Self; 6] = [Self::Broken, Self::Leak, Self::Blind, Self::Lossy, Self::Dead, Self::Waste];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Leak => "leak",
            Self::Blind => "blind",
            Self::Lossy => "lossy",
            Self::Dead => "dead",
            Self::Waste => "waste",
        }
    }

    /// Whether a policy with such a remark must not be used as it is.
    pub fn is_serious(self) -> bool {
        self <= Self::Blind
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Remark {
    /// The line of the file it is about, from 1; 0 where it is about the whole.
    pub line: usize,
    /// How much it matters.
    pub weight: Weight,
    /// What kind of remark it is: a word that stays the same, such as `dead-rule`.
    pub code: &'static str,
    /// What is wrong: one sentence.
    pub what: String,
    /// What to do: one sentence.
    pub fix: String,
}

impl Remark {
    /// A remark.
    pub fn new(
        line: usize,
        weight: Weight,
        code: &'static str,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { line, weight, code, what: what.into(), fix: fix.into() }
    }
}

/// Looks at a policy's text: what the API server would not start with, or else what it would ignore, which rules write
/// credentials into the log, which never decide, and what is logged or left out for nothing. Worst first, then by
/// line.
///
/// What the policy hides from detections is for [`crate::blind`]. The policy comes back where there is one.
pub fn lint(name: &str, text: &str) -> (Option<Policy>, Vec<Remark>) {
    match read(name, text) {
        Ok(Read { policy, mut remarks }) => {
            remarks.extend(structure(&policy));
            sort(&mut remarks);
            (Some(policy), remarks)
        }
        Err(PolicyError::Broken { mut remarks, .. }) => {
            sort(&mut remarks);
            (None, remarks)
        }
        Err(error) => {
            let fix = "make rules for groups of users and resources";
            (None, vec![Remark::new(0, Weight::Broken, "too-large", error.to_string(), fix)])
        }
    }
}

/// What is wrong with a policy that the API server starts with.
pub fn structure(policy: &Policy) -> Vec<Remark> {
    let space = Space::new(&policy.rules);
    let mut remarks = leaks::remarks(policy, &space);
    remarks.extend(words::remarks(&policy.rules));
    remarks.extend(dead::remarks(policy, &space));
    remarks.extend(volume::remarks(policy, &space));
    remarks
}

/// Worst first, then by line.
pub fn sort(remarks: &mut [Remark]) {
    remarks.sort_by_key(|remark| (remark.weight, remark.line));
}
