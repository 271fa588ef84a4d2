//! Why a rule cannot be used.

/// A rule file, or one rule in it, that cannot be used. The others go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {what}{}", place(*.line, .rule.as_deref()), then(.advice))]
pub struct LoadError {
    /// The file, as its [`crate::Source`] names it.
    pub file: String,
    /// The line in it, from 1; none where it is of the whole file.
    pub line: Option<usize>,
    /// The rule's title, where the file could be read so far.
    pub rule: Option<String>,
    /// What is wrong, in one clause.
    pub what: String,
    /// What to do about it, in one clause; may be empty.
    pub advice: String,
}

fn place(line: Option<usize>, rule: Option<&str>) -> String {
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    let rule = rule.map(|rule| format!(" (rule `{rule}`)")).unwrap_or_default();
    format!("{line}{rule}")
}

fn then(advice: &str) -> String {
    if advice.is_empty() { String::new() } else { format!("; {advice}") }
}
