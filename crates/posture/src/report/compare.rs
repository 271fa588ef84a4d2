//! Two reports side by side: what is new, what is gone, what became worse.

use std::collections::{HashMap, HashSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Finding, Path, Report};
use crate::Severity;

/// What changed from one report to the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Findings that were not there.
    pub new: Vec<Finding>,
    /// Findings that are there no more.
    pub gone: Vec<Finding>,
    /// Findings that are worse: their severity rose, or they have risks that they had not.
    pub worse: Vec<Worse>,
    /// Ways to the whole cluster for those who had none.
    pub new_paths: Vec<Path>,
    /// Those who have no way any more.
    pub gone_paths: Vec<Path>,
    /// Kinds that were read for only one of the two: their part of the comparison says nothing.
    pub incomparable: Vec<String>,
}

/// A finding that is worse than it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Worse {
    /// How bad it was.
    pub was: Severity,
    /// The ids of the risks that were added.
    pub added: Vec<String>,
    /// What it is now.
    pub finding: Finding,
}

/// What changed from `before` to `now`. Only findings that count are compared.
pub fn compare(before: &Report, now: &Report) -> Change {
    let old: HashMap<&str, &Finding> = before.counting().map(|f| (f.id.as_str(), f)).collect();
    let current: HashSet<&str> = now.counting().map(|f| f.id.as_str()).collect();
    let new = now.counting().filter(|f| !old.contains_key(f.id.as_str())).cloned().collect();
    let gone = before.counting().filter(|f| !current.contains(f.id.as_str())).cloned().collect();
    let worse = now.counting().filter_map(|f| {
        let was = old.get(f.id.as_str())?;
        let known: HashSet<&str> = was.risks.iter().map(|risk| risk.id.as_str()).collect();
        let added =
            f.risks.iter().filter(|risk| risk.accepted.is_none() && !known.contains(risk.id.as_str()));
        let added: Vec<String> = added.map(|risk| risk.id.clone()).collect();
        let is_worse = f.severity > was.severity || !added.is_empty();
        is_worse.then(|| Worse { was: was.severity, added, finding: f.clone() })
    });
    let worse = worse.collect();
    let paths = |from: &Report, without: &Report| -> Vec<Path> {
        let known: HashSet<String> = without.paths.iter().map(|path| path.from.to_string()).collect();
        from.paths
            .iter()
            .filter(|path| !path.system && !known.contains(&path.from.to_string()))
            .cloned()
            .collect()
    };
    let unread = |report: &Report| -> HashSet<String> {
        report.cluster.unread.iter().map(|unread| unread.resource.clone()).collect()
    };
    let (a, b) = (unread(before), unread(now));
    let mut incomparable: Vec<String> = a.symmetric_difference(&b).cloned().collect();
    incomparable.sort_unstable();
    Change { new, gone, worse, new_paths: paths(now, before), gone_paths: paths(before, now), incomparable }
}
