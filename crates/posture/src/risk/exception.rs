//! Exceptions: what was looked at and accepted, by whom it concerns, why, and until when.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sundew_decoy::yaml;

use super::rule::RiskError;

/// The file of exceptions and of risks that are turned off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ExceptionFile {
    /// What is accepted.
    #[serde(default)]
    pub exceptions: Vec<Exception>,
    /// Ids of risks that are not looked for.
    #[serde(default)]
    pub off: Vec<String>,
}

/// One acceptance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Exception {
    /// The rule of the finding, as `secrets-read`; all of them where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What the finding is about, as `ServiceAccount velero/velero`; a `*` stands for any characters.
    pub about: String,
    /// Why it is accepted.
    pub reason: String,
    /// The last day on which it is; after that the finding comes back.
    #[schemars(with = "String")]
    pub until: Date,
}

/// Why a finding stays although an exception names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotExcepted {
    /// No exception names it.
    Unnamed,
    /// One does, and its last day is over.
    Expired(Date),
}

impl ExceptionFile {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// Where it has another shape, or an exception has no reason.
    pub fn parse(file: &str, text: &str) -> Result<Self, RiskError> {
        let read: Self =
            yaml::read(text).map_err(|source| RiskError::Shape { file: file.to_owned(), source })?;
        for exception in &read.exceptions {
            if exception.reason.trim().is_empty() || exception.about.trim().is_empty() {
                let problem =
                    format!("the exception for `{}` needs what it is about, and a reason", exception.about);
                return Err(RiskError::Sense { file: file.to_owned(), problem });
            }
        }
        Ok(read)
    }

    /// The exception that holds on `today` for a finding.
    ///
    /// # Errors
    ///
    /// Where none does: none names the finding, or the last that did has expired.
    pub fn find(&self, rule: &str, about: &str, today: Date) -> Result<&Exception, NotExcepted> {
        let named =
            |e: &&Exception| e.rule.as_deref().is_none_or(|of| of == rule) && is_like(&e.about, about);
        let Some(latest) = self.exceptions.iter().filter(named).max_by_key(|e| e.until) else {
            return Err(NotExcepted::Unnamed);
        };
        if latest.until < today { Err(NotExcepted::Expired(latest.until)) } else { Ok(latest) }
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any characters.
pub(crate) fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(before) = last.replace(part) {
            let Some(at) = rest.find(before) else { return false };
            rest = &rest[at + before.len()..];
        }
    }
    last.map_or(rest.is_empty(), |end| rest.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text, fits) in [
            ("a/b", "a/b", true),
            ("a/b", "a/bc", false),
            ("a/*", "a/b", true),
            ("*/b", "a/b", true),
            ("*", "", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abde", false),
            ("a*a", "a", false),
            ("*b*", "abc", true),
        ] {
            assert_eq!(is_like(pattern, text), fits, "{pattern} {text}");
        }
    }
}
