//! Requests that Sundew itself makes against decoys: while planting, in a drill, and when it looks
//! after them.
//!
//! They are told apart by a nonce in the user agent that only the store knows, for a short time. A constant would be
//! the first thing that an intruder sends.

use std::{fmt, str::FromStr};

use jiff::Timestamp;

use crate::{
    finding::{DecoyRef, Finding},
    tripwire::rules,
};

/// Why a decoy is touched on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Sundew itself makes or changes the decoy: nothing to tell.
    Planting,
    /// The alarm is tried out: told, and marked.
    Drill,
    /// Sundew looks at a decoy's Secret by its name, or sets the label on it back: nothing to tell. Covers nothing else.
    Upkeep,
}

impl Purpose {
    /// The word used in the store and in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planting => "planting",
            Self::Drill => "drill",
            Self::Upkeep => "upkeep",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Purpose {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "planting" => Ok(Self::Planting),
            "drill" => Ok(Self::Drill),
            "upkeep" => Ok(Self::Upkeep),
            other => Err(format!("`{other}` is no purpose of a rehearsal; use planting, drill or upkeep")),
        }
    }
}

/// A touch that was announced beforehand.
#[derive(Clone, PartialEq, Eq)]
pub struct Rehearsal {
    /// At least [`Rehearsal::NONCE_LENGTH`] letters and digits that nobody can guess, which the rehearsing client
    /// carries in its user agent. Secret until used: an intruder who knew them could hide behind them.
    pub nonce: String,
    /// Why.
    pub purpose: Purpose,
    /// The decoy, `NAMESPACE/ACCOUNT`.
    pub decoy: String,
    /// From when on it holds.
    pub not_before: Timestamp,
    /// Until when it holds, this moment included.
    pub not_after: Timestamp,
    /// How many findings it covered so far.
    pub used: u64,
}

/// Leaves the nonce out, so that it is in no log.
impl fmt::Debug for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rehearsal")
            .field("purpose", &self.purpose)
            .field("decoy", &self.decoy)
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}

impl Rehearsal {
    /// The fewest characters of a nonce that is heeded: 128 bits in hexadecimal.
    pub const NONCE_LENGTH: usize = 32;

    /// Whether `finding` could be any rehearsal at all: cheap, and no for nearly everything.
    pub fn could_cover(finding: &Finding) -> bool {
        words(finding).any(|word| word.len() >= Self::NONCE_LENGTH)
    }

    /// Whether `finding` is this rehearsal.
    pub fn covers(&self, finding: &Finding) -> bool {
        let shown = words(finding).any(|word| word == self.nonce);
        let verb = finding.request.verb.as_str();
        let fits = match self.purpose {
            Purpose::Drill => true,
            // Whoever makes a decoy has no use for its credential.
            Purpose::Planting => finding.rule != rules::TOKEN_USED.id,
            Purpose::Upkeep => {
                finding.rule == rules::SECRET_TOUCHED.id && ["get", "list", "watch", "patch"].contains(&verb)
            }
        };
        self.nonce.len() >= Self::NONCE_LENGTH && shown && fits && self.is_about_and_now(finding)
    }

    /// Whether `finding` is the API server's note of a use that this drill may have made. A note has no client, so
    /// nothing but decoy and time can tell.
    pub fn may_have_made(&self, finding: &Finding) -> bool {
        self.purpose == Purpose::Drill
            && finding.rule == rules::TOKEN_LAST_USED.id
            && self.is_about_and_now(finding)
    }

    fn is_about_and_now(&self, finding: &Finding) -> bool {
        finding.decoy.as_ref().is_some_and(|touched| self.is_about(touched))
            && (self.not_before..=self.not_after).contains(&finding.time)
    }

    /// The decoy itself, or the bait namespace that it stands in.
    fn is_about(&self, touched: &DecoyRef) -> bool {
        let namespace = self.decoy.split_once('/').map(|(namespace, _)| namespace);
        touched.name == self.decoy || Some(touched.name.as_str()) == namespace
    }
}

/// The words of the user agent, among which a nonce stands.
fn words(finding: &Finding) -> impl Iterator<Item = &str> {
    let client = finding.actor.client.as_deref().unwrap_or_default();
    client.split(|c: char| !c.is_ascii_alphanumeric())
}
