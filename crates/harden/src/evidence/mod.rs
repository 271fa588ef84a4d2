//! What audit logs tell that hardening rests on: who used what, from where, with which credential, and for how long.

mod coverage;
mod pods;
mod secrets;

use sundew_audit::Event;
use sundew_posture::usage::Usage;

pub(crate) use coverage::minute;
pub use coverage::{Coverage, Reviews, Shortage, Window};
pub use pods::{AccountUse, PodUses};
pub use secrets::{Failure, Issued, Loose, Maker, SecretUse, SecretUses, Stale, Tally, Uses};

/// What the logs tell. Bounded: what it does not remember it says so of.
#[derive(Debug, Default)]
pub struct Evidence {
    /// What each identity used of what it has.
    pub usage: Usage,
    /// Which stretches of time the logs cover.
    pub coverage: Coverage,
    /// Where each long-lived token was used from.
    pub secrets: SecretUses,
    /// Which pods used the API, and which accounts were shown to others.
    pub pods: PodUses,
}

impl Evidence {
    /// Takes one event, in any order.
    pub fn record(&mut self, event: &Event<'_>) {
        self.usage.record(event);
        self.coverage.record(event);
        self.secrets.record(event);
        self.pods.record(event);
    }
}
