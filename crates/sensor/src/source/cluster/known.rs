//! What is known of a decoy's Secret from before, and what its looks now mean beside that.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sundew_cluster::SecretSeen;

use super::watched::Watched;

/// The position of a cluster source: what it knows of each Secret, by `NAMESPACE/NAME`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Position {
    pub(super) secrets: BTreeMap<String, Known>,
}

/// What is known of a Secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Known {
    /// Its uid; empty where it was never there.
    pub(super) uid: String,
    /// The label of last use, as it was seen last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_used: Option<String>,
    /// That the label is to be set back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) put_back: Option<PutBack>,
    /// That people were told that it is gone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) gone: bool,
    /// That people were told that its token is refused.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) refused: bool,
}

/// Where a label is to be set back, from which version of the Secret. A use that was told is set back in a second step:
/// after a crash between the two, the version says whether there was another use meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutBack {
    pub(super) version: String,
    /// The label before the use; none where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<String>,
}

/// What the looks of a Secret mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    /// What is known of it now.
    pub(super) known: Known,
    /// The uid of the one before, where this is another Secret of the same name.
    pub(super) replaced: Option<String>,
    /// Whether its token was used.
    pub(super) used: bool,
}

/// Compares how a Secret looks with what was known of it.
pub(super) fn look(before: Option<&Known>, seen: &SecretSeen, watched: &Watched) -> Look {
    let expected = before.map(|known| &known.uid).filter(|uid| !uid.is_empty()).or(watched.uid.as_ref());
    let replaced = expected.filter(|uid| **uid != seen.uid).cloned();
    let same = before.filter(|known| known.uid == seen.uid);
    let (from, used) = match same {
        // It is another one, or was never seen: whether the label is news follows from when it was planted.
        None => (None, replaced.is_some() && seen.last_used.is_some() || since_planted(seen, watched)),
        Some(known) => match &known.put_back {
            Some(back) if back.version == seen.resource_version => {
                return Look { known: known.clone(), replaced: None, used: false };
            }
            Some(back) => (back.to.clone(), newer(back.to.as_deref(), seen.last_used.as_deref())),
            None => (known.last_used.clone(), newer(known.last_used.as_deref(), seen.last_used.as_deref())),
        },
    };
    // What the inventory knows by another uid is not ours to change.
    let ours = watched.uid.as_ref().is_none_or(|uid| *uid == seen.uid);
    let put_back = (used && ours).then(|| PutBack { version: seen.resource_version.clone(), to: from });
    let refused = seen.invalid_since.is_some() && same.is_some_and(|known| known.refused);
    let known =
        Known { uid: seen.uid.clone(), last_used: seen.last_used.clone(), put_back, gone: false, refused };
    Look { known, replaced, used }
}

fn since_planted(seen: &SecretSeen, watched: &Watched) -> bool {
    watched.planted.is_some_and(|planted| day(seen.last_used.as_deref()).is_some_and(|used| used >= planted))
}

/// Whether `now` is a later day than `before`. What is no day is earlier than all.
fn newer(before: Option<&str>, now: Option<&str>) -> bool {
    day(now) > day(before)
}

fn day(label: Option<&str>) -> Option<Date> {
    label?.parse().ok()
}

#[cfg(test)]
mod tests;
