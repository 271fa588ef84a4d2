//! Counts, days, sentences and addresses as the page writes them.

use std::{
    borrow::Borrow,
    fmt::{Display, Write},
};

use jiff::Timestamp;

use crate::{
    Severity,
    report::{Finding, Object, Step, View},
};

/// `12,345`.
pub(super) fn count(number: impl Display) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number that orders severities: 4 is the worst. The script compares it with what is chosen.
pub(super) fn rank(severity: impl Borrow<Severity>) -> u8 {
    *severity.borrow() as u8
}

/// `2026-01-31`, of the day in UTC.
pub(super) fn day(time: &Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

/// `2026-01-31 13:05 UTC`.
pub(super) fn minute(time: &Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A finding in a sentence: `ServiceAccount shop/orders reads Secrets in the whole cluster`.
pub(super) fn sentence(finding: &Finding) -> String {
    let mut said = format!("{} {}", finding.object, finding.title);
    match finding.scope.as_str() {
        "" => {}
        "cluster" => said.push_str(" in the whole cluster"),
        scope => {
            // Writing into a string cannot fail.
            let _ = write!(said, " in {scope}");
        }
    }
    said
}

/// A view's heading without its explanation.
pub(super) fn short(view: impl Borrow<View>) -> &'static str {
    let title = view.borrow().title();
    title.split_once(':').map_or(title, |(short, _)| short)
}

/// The word that says what a box of a way is, for its colour; its kind stands in it as text.
pub(super) fn sort(object: &Object) -> &'static str {
    match object.kind.as_str() {
        "ServiceAccount" | "User" | "Group" => "identity",
        "Node" => "node",
        "Cluster" => "cluster",
        _ => "pod",
    }
}

/// Whether any step says why it is possible.
pub(super) fn has_evidence(steps: &[Step]) -> bool {
    steps.iter().any(|step| !step.because.is_empty())
}

/// Whether a text may become a link: only what opens a page does.
pub(super) fn is_link(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

/// The page of an ATT&CK technique, as `T1552.007`; nothing for what does not look like one.
pub(super) fn technique(id: &str) -> Option<String> {
    let digits = |text: &str, len: usize| text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = id.strip_prefix('T')?;
    match number.split_once('.') {
        Some((major, minor)) if digits(major, 4) && digits(minor, 3) => {
            Some(format!("https://attack.mitre.org/techniques/T{major}/{minor}/"))
        }
        None if digits(number, 4) => Some(format!("https://attack.mitre.org/techniques/T{number}/")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_by_thousands() {
        let said: Vec<String> = [0, 999, 1000, 1_234_567].iter().map(count).collect();
        assert_eq!(said, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn only_what_looks_like_a_technique_gets_an_address() {
        assert_eq!(technique("T1552.007").unwrap(), "https://attack.mitre.org/techniques/T1552/007/");
        assert_eq!(technique("T1078").unwrap(), "https://attack.mitre.org/techniques/T1078/");
        for other in ["", "T", "T15", "T1552.", "T1552.7", "T1552/../x", "javascript:1"] {
            assert_eq!(technique(other), None, "{other}");
        }
    }
}
