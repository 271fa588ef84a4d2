//! One line, one event: what the detectors say of it, and what becomes of that.

use std::sync::{Arc, atomic::Ordering};

use sundew_audit::{Event, Item, Unwrapper};
use sundew_detect::{Detectors, Echo, Outcome, Quiet, echo::Heard};

use super::Pipeline;
use crate::intake::Origin;

impl Pipeline {
    /// Other detectors from now on.
    pub(super) fn change(&mut self, detectors: Arc<Detectors>) {
        self.watch.change(&self.detectors, &detectors);
        // What a line means has changed with them.
        self.echoes.clear();
        self.detectors = detectors;
    }

    /// One line, which need not be read where an earlier one says what it says.
    pub(super) fn line(&mut self, origin: &Origin, line: &[u8], unwrapper: &mut Unwrapper) {
        let remembers = self.detectors.may_remember();
        let print = match if remembers { self.echo(origin).hear(line) } else { Heard::New(None) } {
            Heard::Again(again) => {
                self.counters.events.fetch_add(1, Ordering::Relaxed);
                let (mut told, detectors) = (Vec::new(), Arc::clone(&self.detectors));
                self.watch.again(&detectors, &origin.cluster, &again, &mut |outcome| told.push(outcome));
                return told.into_iter().for_each(|outcome| self.outcome(outcome));
            }
            Heard::New(print) => print,
        };
        let (mut pieces, mut quiet) = (0, None);
        unwrapper.line(line, &mut |item| {
            pieces += 1;
            quiet = match item {
                Item::Event(event, json) => self.event(origin, event, json),
                other => {
                    self.item(origin, other);
                    None
                }
            };
        });
        if let (1, Some(quiet), Some(print)) = (pieces, quiet, print) {
            self.echo(origin).remember(print, quiet);
        }
    }

    /// Judges one event. Gives what stands for it where no decoy and no rule has anything to say of it.
    pub(super) fn event(&mut self, origin: &Origin, event: &Event<'_>, json: &str) -> Option<Arc<Quiet>> {
        self.counters.events.fetch_add(1, Ordering::Relaxed);
        let mut clues = Vec::new();
        self.detectors.read(&origin.cluster, event, json, &mut |clue| clues.push(clue));
        let quiet = Quiet::standing_for(&clues);
        let mut told = Vec::new();
        let detectors = Arc::clone(&self.detectors);
        for clue in clues {
            self.watch.decide(&detectors, &origin.cluster, clue, &mut |outcome| told.push(outcome));
        }
        for outcome in told {
            self.outcome(outcome);
        }
        quiet
    }

    /// What one cluster's line means, another's need not: they have other decoys.
    fn echo(&mut self, origin: &Origin) -> &mut Echo {
        self.echoes.entry_ref(origin.cluster.as_str()).or_default()
    }

    fn outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Finding(finding) => {
                self.logged(&finding);
                self.finding(&finding);
            }
            Outcome::Unauthorized(finding) if !self.is_of_drill(&finding) => {
                let grown = self.incidents.join(&finding);
                self.note_growth(grown);
            }
            Outcome::Unauthorized(_) => {}
        }
    }
}
