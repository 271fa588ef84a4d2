//! The built-in rules: one Sigma file each, with events beside it that must match and that must not.

use sundew_sigma::Source;

/// A built-in rule file with its events.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The path under `rules/`, such as `exec/shell.yml`.
    pub path: &'static str,
    /// The rule file.
    pub text: &'static str,
    /// Audit events, one a line, that its last rule must match.
    pub matching: &'static str,
    /// Audit events that none of its rules may match.
    pub passing: &'static str,
}

/// All of them, by path.
pub fn entries() -> &'static [Entry] {
    &[]
}

/// The files as sources.
pub fn sources() -> Vec<Source> {
    entries()
        .iter()
        .map(|entry| Source { name: format!("built-in {}", entry.path), text: entry.text.into() })
        .collect()
}
