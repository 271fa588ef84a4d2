//! Whether Sundew itself did what a finding tells of.

use jiff::{SignedDuration, Timestamp};
use sundew_detect::{Finding, Purpose, Rehearsal, tripwire::rules};

use super::Pipeline;

/// How long rehearsals are kept after their time: a log can be read long after it was written.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Pipeline {
    /// Whether Sundew itself did this. The store is asked when a nonce is shown, or a note of a use comes that shows
    /// none, and not before: a drill may have been announced a moment ago by another process.
    pub(super) fn rehearsed(&mut self, finding: &Finding) -> Option<Purpose> {
        let noted = finding.rule == rules::TOKEN_LAST_USED.id;
        if !noted && !Rehearsal::could_cover(finding) {
            return None;
        }
        let announced = self.ledger.lock().rehearsals(finding.time);
        // A store that cannot be read makes an alert too many, never one too few.
        let announced =
            announced.inspect_err(|error| tracing::error!(%error, "cannot read rehearsals")).ok()?;
        let covering = match noted {
            // A drill is one use. One that was seen has no further note to itself: that would be somebody else's use, and
            // the note of its own joins it by the time. Of several the latest is meant: they come one after the other.
            true => announced
                .into_iter()
                .filter(|r| r.may_have_made(finding) && r.used == 0 && !self.just_used(&r.nonce))
                .max_by_key(|r| r.not_before)?,
            false => announced.into_iter().find(|rehearsal| rehearsal.covers(finding))?,
        };
        self.pending.rehearsals_used.push((covering.nonce, 1));
        Some(covering.purpose)
    }

    /// Whether a rehearsal was seen in use by what is not written yet.
    fn just_used(&self, nonce: &str) -> bool {
        self.pending.rehearsals_used.iter().any(|(used, _)| used == nonce)
    }

    /// Forgets rehearsals that no event can show any more.
    pub(super) fn forget_rehearsals(&self, now: Timestamp) {
        let before = now.checked_sub(KEPT).unwrap_or(Timestamp::UNIX_EPOCH);
        if let Err(error) = self.ledger.lock().expire_rehearsals(before) {
            tracing::warn!(%error, "cannot forget old rehearsals; they stay until that works");
        }
    }
}
