//! Rows of needs that are written by hand.

use sundew_detect::{Severity, tripwire::rules::TOKEN_LAST_USED};

use super::{shapes::Thing, who::By};
use crate::model::Level;

/// What one detection needs of some requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// The finding's rule.
    pub(super) name: &'static str,
    /// How bad it is by itself.
    pub(super) severity: Severity,
    /// Whose requests.
    pub(super) by: &'static [By],
    /// The least level at which it sees what it is about.
    pub(super) level: Level,
    /// Which requests.
    pub(super) fits: fn(&Thing, &str) -> bool,
    /// Whether it is about who asks, and not about what is asked for.
    pub(super) anywhere: bool,
}

impl Row {
    /// Whether it is met by what the API server itself writes down of somebody else's request.
    pub(super) fn tells_of_others(&self) -> bool {
        self.name == TOKEN_LAST_USED.id
    }
}

/// Whether a thing is one of these resources, without a subresource.
pub(super) fn object(thing: &Thing, of: &str, names: &[&str]) -> bool {
    let Thing::Object { group, resource, subresource } = thing else { return false };
    group == of && subresource.is_empty() && names.contains(&resource.as_str())
}

/// Whether a verb makes or changes an object.
pub(super) fn makes(verb: &str) -> bool {
    matches!(verb, "create" | "update" | "patch")
}
