//! What is worth saying about rules that can be loaded: above all, why one can never match.

use crate::Source;

/// How much a remark matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Could be better.
    Advice,
    /// Matches what it does not mean, or misses what it means.
    Doubt,
    /// Can never match.
    Dead,
    /// Cannot be loaded.
    Broken,
}

/// One remark about one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The file.
    pub file: String,
    /// The line in it, from 1, where it can be told.
    pub line: Option<usize>,
    /// The rule's title.
    pub rule: String,
    /// How much it matters.
    pub weight: Weight,
    /// What is wrong, in one sentence.
    pub what: String,
    /// What to write instead; may be empty.
    pub fix: String,
}

/// Looks at `sources`, worst first within each file.
pub fn lint(sources: &[Source]) -> Vec<Remark> {
    let _ = sources;
    Vec::new()
}
