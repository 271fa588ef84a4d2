//! What a rule should say about itself.

use rsigma_parser::{CorrelationRule, Related, SigmaRule, Status};

use super::{Flaw, find};
use crate::load::Document;

/// What rules and correlations say about themselves.
pub(super) struct About<'r> {
    id: Option<&'r str>,
    description: Option<&'r str>,
    has_level: bool,
    tags: &'r [String],
    status: Option<Status>,
    related: &'r [Related],
}

impl<'r> From<&'r SigmaRule> for About<'r> {
    fn from(rule: &'r SigmaRule) -> Self {
        Self {
            id: rule.id.as_deref(),
            description: rule.description.as_deref(),
            has_level: rule.level.is_some(),
            tags: &rule.tags,
            status: rule.status,
            related: &rule.related,
        }
    }
}

impl<'r> From<&'r CorrelationRule> for About<'r> {
    fn from(rule: &'r CorrelationRule) -> Self {
        Self {
            id: rule.id.as_deref(),
            description: rule.description.as_deref(),
            has_level: rule.level.is_some(),
            tags: &rule.tags,
            status: rule.status,
            related: &rule.related,
        }
    }
}

/// What is missing.
pub(super) fn of(document: &Document, about: &About<'_>) -> Vec<Flaw> {
    let empty = |text: Option<&str>| text.is_none_or(|text| text.trim().is_empty());
    let missing = [
        (empty(Some(document.title())), "title", "say in one sentence what happened"),
        (empty(about.id), "id", "give it a UUID, by which others can refer to it"),
        (empty(about.description), "description", "say what happened and why it matters"),
        (!about.has_level, "level", "say how bad it is; until then it is `medium`"),
        (about.tags.is_empty(), "tags", "name the technique, such as `attack.t1609`"),
    ];
    let missing = missing.into_iter().filter(|(is, ..)| *is).map(|(_, key, fix)| Flaw {
        line: find::key(document, key).or(Some(document.line)),
        what: format!("it has no `{key}`"),
        fix: fix.to_owned(),
    });
    missing.chain(unread(document, about)).collect()
}

/// What the parser passed over.
fn unread(document: &Document, about: &About<'_>) -> impl Iterator<Item = Flaw> {
    let status = find::key(document, "status").filter(|_| about.status.is_none()).map(|line| Flaw {
        line: Some(line),
        what: "its status is none that Sigma knows".to_owned(),
        fix: "write stable, test, experimental, deprecated or unsupported".to_owned(),
    });
    let related = find::key(document, "related").filter(|_| about.related.is_empty()).map(|line| Flaw {
        line: Some(line),
        what: "what it is related to cannot be read".to_owned(),
        fix: "list an `id` and a `type` each: derived, obsolete, merged, renamed or similar".to_owned(),
    });
    status.into_iter().chain(related)
}
