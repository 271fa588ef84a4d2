//! What to know before a token is taken away.

use super::{Do, Row, look::Look};
use crate::evidence::minute;

impl Look<'_> {
    /// What to know before anything is changed.
    pub(super) fn notes(&self, rows: &[Row]) -> Vec<String> {
        let mut notes = vec![format!(
            "What was used is known from {} to {} UTC. A workload that asks the API server more seldom, as for a failover, \
             looks as if it never did.",
            minute(self.window.from),
            minute(self.window.to)
        )];
        let Some(evidence) = self.question.evidence else {
            notes.push(
                "Habits tell of accounts and not of pods: with --logs, workloads that share an account are told apart."
                    .to_owned(),
            );
            return notes;
        };
        if !evidence.pods.names_pods() {
            notes.push(
                "The logs do not say which pod a token was of, so that every workload of an account counts as using it if \
                 one does."
                    .to_owned(),
            );
        }
        let checkers: Vec<&str> = evidence.pods.checkers().keys().map(|server| &**server).collect();
        let unclear = evidence.coverage.reviews().told == 0 && rows.iter().any(|row| row.step < Do::Leave);
        if !checkers.is_empty() && unclear {
            notes.push(format!(
                "{} asked the API server whose token they were shown (TokenReview), as Vault does. The logs do not say whose \
                 it was: look which workloads log in there before you take their token.",
                checkers.join(", ")
            ));
        }
        if self.question.policy.is_none() {
            notes.push(
                "What the audit policy leaves out of the logs is not known; give it as --audit-policy."
                    .to_owned(),
            );
        }
        if rows.iter().any(|row| matches!(row.step, Do::PatchAccount)) {
            notes.push(
                "A pod that runs keeps its token until it is made again; the setting of an account is for new pods only."
                    .to_owned(),
            );
        }
        notes
    }
}
