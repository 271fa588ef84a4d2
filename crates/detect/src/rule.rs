//! What is fixed about a rule: its id, how bad it is, its techniques and its sentence.

use crate::finding::Severity;

/// A rule of a detector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The stable id, `DETECTOR.NAME`.
    pub id: &'static str,
    /// How bad a finding of it is.
    pub severity: Severity,
    /// Technique ids of MITRE ATT&CK.
    pub attack: &'static [&'static str],
    /// The sentence for people; `{decoy}` stands for the decoy's name.
    pub title: &'static str,
}
