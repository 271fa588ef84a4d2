//! The detectors that a configuration asks for, and what they remember from before.

use std::sync::Arc;

use sundew_decoy::Inventory;
use sundew_detect::{Detectors, Tripwire, Watch};
use sundew_store::Remembered;

use super::SensorError;
use crate::{
    config::{Config, habits_settings, rulebook},
    learnt::{self, WINDOWS},
    ledger::Ledger,
};

/// How many errors of rules are logged one by one: whoever names a wrong folder has thousands.
const LOGGED: usize = 20;

/// The detectors that `config` asks for, at the start or where it `changed`. A rule that cannot be used is logged and
/// left out.
pub(super) fn detectors(config: &Config, inventory: &Inventory, changed: bool) -> Detectors {
    let (rules, errors) = rulebook(config);
    for error in errors.iter().take(LOGGED) {
        if changed {
            tracing::error!("not used, and neither is what it was before: {error}");
        } else {
            tracing::warn!("not used: {error}");
        }
    }
    if let Some(more) = errors.len().checked_sub(LOGGED).filter(|more| *more > 0) {
        tracing::warn!("{more} more rules are not used; `sundew check` lists them all");
    }
    for note in &rules.notes {
        tracing::info!("{note}");
    }
    Detectors {
        tripwire: Arc::new(Tripwire::new(inventory)),
        rules: (!rules.is_empty()).then(|| Arc::new(rules)),
        habits: habits_settings(config),
    }
}

/// What the detectors remember from before.
pub(super) fn recall(ledger: &Ledger, detectors: &Detectors) -> Result<Watch, SensorError> {
    let mut watch = Watch::new(detectors);
    for Remembered { kind, key, body, .. } in learnt::recall(&ledger.lock(), &mut watch.memory)? {
        if (kind.as_str(), key.as_str()) == WINDOWS {
            watch.restore_windows(detectors, &body);
        } else {
            tracing::warn!(kind, "what was learnt of `{key}` cannot be read; it is learnt anew");
        }
    }
    Ok(watch)
}
