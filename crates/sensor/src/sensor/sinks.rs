//! The sinks that a sensor tells, and those that it still owes something.

use std::{collections::HashSet, sync::Arc};

use sundew_detect::Severity;
use sundew_notify::{Sink, SinkError};
use sundew_store::StoreError;

use crate::{config::Config, intake::SinkWants, ledger::Ledger};

/// A sink and the severity from which on it is told.
pub(super) type Told = (Arc<dyn Sink>, Severity);

/// The sinks that `config` names, and those that it does not.
pub(super) fn sinks(config: &Config, extra: &[Told]) -> Result<Vec<Told>, SinkError> {
    let env = |name: &str| std::env::var(name).ok();
    let build = |c| Ok((Arc::from(sundew_notify::build(c, &env)?), c.min_severity()));
    let mut all = config.sinks.iter().map(build).collect::<Result<Vec<Told>, SinkError>>()?;
    all.extend(extra.iter().cloned());
    let mut names = HashSet::new();
    match all.iter().find(|(sink, _)| !names.insert(sink.name())) {
        Some((sink, _)) => Err(SinkError::Twice { name: sink.name().to_owned() }),
        None => Ok(all),
    }
}

pub(super) fn only_sinks(sinks: Vec<Told>) -> Vec<Arc<dyn Sink>> {
    sinks.into_iter().map(|(sink, _)| sink).collect()
}

pub(super) fn wants(sinks: &[Told]) -> Vec<SinkWants> {
    sinks.iter().map(|(sink, least)| SinkWants { name: sink.name().to_owned(), least: *least }).collect()
}

/// A sink that was renamed or taken out may still be owed alerts: that must not pass in silence.
pub(super) async fn warn_of_orphans(ledger: &Ledger, sinks: &[Told]) -> Result<(), StoreError> {
    let known: HashSet<&str> = sinks.iter().map(|(sink, _)| sink.name()).collect();
    let summary = ledger.with(|store| store.outbox_summary()).await?;
    for owed in summary.iter().filter(|s| s.waiting > 0 && !known.contains(s.sink.as_str())) {
        tracing::warn!(
            sink = owed.sink,
            "the store has messages for this sink, which the configuration does not name; they wait"
        );
    }
    Ok(())
}
