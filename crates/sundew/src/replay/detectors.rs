//! The detectors that a replay is asked for.

use std::sync::Arc;

use anyhow::{Result, bail};
use sundew_decoy::Inventory;
use sundew_detect::{Detectors, RuleSettings, Rulebook, Tripwire, Watch};
use sundew_habits::Settings;

use crate::{
    args::{self, DetectorKind},
    table::counted,
};

/// The detectors that `args` ask for, with decoys where there are any.
pub(super) fn of(args: &args::Replay, inventory: Option<&Inventory>) -> Result<Detectors> {
    let has = |kind| args.detectors.contains(&kind);
    if args.learn {
        return Ok(Detectors { habits: Some(Settings { teaching: true, ..Settings::default() }), ..none()? });
    }
    if inventory.is_none() && args.detectors == [DetectorKind::Tripwire] {
        bail!("no decoys to look for; give --inventory FILE, or --decoy NAMESPACE/ACCOUNT[:SECRET]");
    }
    if !args.rules.is_empty() && !has(DetectorKind::Rules) {
        bail!("--rules gives rules, but --detectors leaves them out; add `rules` to --detectors");
    }
    let tripwire = match inventory.filter(|_| has(DetectorKind::Tripwire)) {
        Some(inventory) => Tripwire::new(inventory),
        None => none()?.tripwire.as_ref().clone(),
    };
    Ok(Detectors {
        tripwire: Arc::new(tripwire),
        rules: if has(DetectorKind::Rules) { Some(Arc::new(rulebook(args)?)) } else { None },
        habits: has(DetectorKind::Habits).then(Settings::default),
    })
}

/// No detectors: a tripwire without decoys.
fn none() -> Result<Detectors> {
    Ok(Detectors::tripwire(Tripwire::new(&Inventory::of("default", Vec::new(), Vec::new())?)))
}

/// The built-in rules and those that `args` name. One that cannot be used ends the replay: who searches the past wants
/// to know that nothing was left out.
fn rulebook(args: &args::Replay) -> Result<Rulebook> {
    let own = sundew_sensor::config::rule_sources(&args.rules)?;
    let (rules, errors) = Rulebook::new(&own, RuleSettings { hourly: u32::MAX, ..RuleSettings::default() });
    if let [first, rest @ ..] = errors.as_slice() {
        let more = if rest.is_empty() { String::new() } else { format!(" ({} more)", rest.len()) };
        bail!("{first}{more}; `sundew rules lint` lists everything");
    }
    Ok(rules)
}

/// What looked at the events, for the last line.
pub(super) fn said(detectors: &Detectors, watch: &Watch) -> String {
    let mut said = Vec::new();
    if detectors.tripwire.decoys() > 0 || detectors.only_tripwire() {
        said.push(counted(detectors.tripwire.decoys() as u64, "decoy"));
    }
    said.extend(detectors.rules.as_ref().map(|rules| counted(rules.set.rules().len() as u64, "rule")));
    if detectors.habits.is_some() {
        said.push(match watch.memory.identities().len() as u64 {
            1 => "habits of 1 identity".to_owned(),
            many => format!("habits of {} identities", crate::table::count(many)),
        });
    }
    said.join(", ")
}
