//! Correlations: what several hits mean together. Bounded in memory, whatever the keys are.

use jiff::Timestamp;

use crate::{Hit, RuleId, RuleSet};

/// How much is remembered.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many groups of one correlation are open at a time; past this the longest silent one is forgotten.
    pub groups: usize,
    /// How many hits of one group are remembered.
    pub hits: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { groups: 10_000, hits: 1_000 }
    }
}

/// A correlation that was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correlated {
    /// Which.
    pub rule: RuleId,
    /// What was counted: hits, distinct values, or rules seen.
    pub count: u64,
    /// The group: each field of `group-by` with its value.
    pub group: Vec<(String, String)>,
    /// The time of the first hit that counts.
    pub first: Timestamp,
    /// The time of the last.
    pub last: Timestamp,
}

/// The hits that are remembered.
#[derive(Debug, Default)]
pub struct Correlator {
    limits: Limits,
}

impl Correlator {
    /// Remembers nothing yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }

    /// A hit in `cluster` at `time`. Gives what is met by it, once for each time a window fills: a group that was told
    /// is told again only after it has been below its threshold. Hits may come out of order and twice.
    pub fn take(&mut self, rules: &RuleSet, cluster: &str, time: Timestamp, hit: &Hit) -> Vec<Correlated> {
        let _ = (rules, cluster, time, hit, self.limits);
        Vec::new()
    }

    /// How many groups were forgotten to keep within the limits, since the start.
    pub fn forgotten(&self) -> u64 {
        0
    }

    /// What is remembered, to be kept over a restart.
    pub fn save(&self, rules: &RuleSet) -> Vec<u8> {
        let _ = rules;
        Vec::new()
    }

    /// Takes back what was saved, as far as the rules are still the same. Nothing is an error: what cannot be read is
    /// forgotten.
    pub fn restore(&mut self, rules: &RuleSet, saved: &[u8]) {
        let _ = (rules, saved);
    }
}
