//! Whether Sundew itself did what a finding tells of.

use jiff::{SignedDuration, Timestamp};
use sundew_detect::{Finding, Purpose, Rehearsal};

use super::Pipeline;

/// How long rehearsals are kept after their time: a log can be read long after it was written.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Pipeline {
    /// Whether Sundew itself did this: why, and in which rehearsal. The store is asked when a nonce is shown, or a note of
    /// a use comes that shows none, and not before: a drill may have been announced a moment ago by another process.
    pub(super) fn rehearsed(&mut self, finding: &Finding) -> Option<(Purpose, String)> {
        if !Rehearsal::could_cover(finding) {
            return None;
        }
        let announced = self.ledger.lock().rehearsals(finding.time);
        // A store that cannot be read makes an alert too many, never one too few.
        let mut announced =
            announced.inspect_err(|error| tracing::error!(%error, "cannot read rehearsals")).ok()?;
        // What was seen and is not written yet.
        for (nonce, sight, time) in &self.pending.rehearsals_seen {
            announced.iter_mut().filter(|r| r.nonce == *nonce).for_each(|r| r.seen.note(*sight, *time));
        }
        if let Some(own) = Rehearsal::aside(&announced, finding) {
            return Some((own.purpose, own.id()));
        }
        let (covering, sight) = Rehearsal::covering(&announced, finding)?;
        let nonce = covering.nonce.clone();
        if let Some(sight) = sight {
            self.pending.rehearsals_seen.push((nonce.clone(), sight, finding.time));
        }
        self.pending.rehearsals_used.push((nonce, 1));
        Some((covering.purpose, covering.id()))
    }

    /// Whether a 401 is the answer to a drill of a tombstone: it has no place among what an intruder did.
    pub(super) fn is_of_drill(&self, unauthorized: &Finding) -> bool {
        let announced = || self.ledger.lock().rehearsals(unauthorized.time).unwrap_or_default();
        Rehearsal::could_cover(unauthorized) && Rehearsal::was_refused(&announced(), unauthorized)
    }

    /// Forgets rehearsals that no event can show any more.
    pub(super) fn forget_rehearsals(&self, now: Timestamp) {
        let before = now.checked_sub(KEPT).unwrap_or(Timestamp::UNIX_EPOCH);
        if let Err(error) = self.ledger.lock().expire_rehearsals(before) {
            tracing::warn!(%error, "cannot forget old rehearsals; they stay until that works");
        }
    }
}
