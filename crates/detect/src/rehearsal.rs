//! Requests that Sundew itself makes against decoys: while planting, and in a drill.
//!
//! They are told apart by a nonce in the user agent that only the store knows, for a short time. A constant would be
//! the first thing that an intruder sends.

use jiff::Timestamp;

use crate::{
    finding::{DecoyRef, Finding},
    tripwire::rules,
};

/// Why a decoy is touched on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The decoy is being made: nothing to tell.
    Planting,
    /// The alarm is tried out: told, and marked.
    Drill,
}

/// A rehearsed touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsal {
    /// At least 32 characters that nobody can guess, of letters and digits.
    pub nonce: String,
    /// Why.
    pub purpose: Purpose,
    /// The decoy, `NAMESPACE/ACCOUNT`.
    pub decoy: String,
    /// From when on it holds.
    pub from: Timestamp,
    /// Until when it holds.
    pub until: Timestamp,
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
        // Whoever makes a decoy has no use for its credential.
        let fits = self.purpose == Purpose::Drill || finding.rule != rules::TOKEN_USED.id;
        self.nonce.len() >= Self::NONCE_LENGTH
            && shown
            && fits
            && finding.decoy.as_ref().is_some_and(|touched| self.is_about(touched))
            && (self.from..=self.until).contains(&finding.time)
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
