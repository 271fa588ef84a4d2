//! What the running sensor counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start of the process.
#[derive(Debug, Default)]
pub struct Counters {
    /// Audit events judged.
    pub events: AtomicU64,
    /// Bytes of input.
    pub bytes: AtomicU64,
    /// Findings made.
    pub findings: AtomicU64,
    /// Pieces of input that were no event.
    pub rejects: AtomicU64,
    /// Touches by duty.
    pub suppressed: AtomicU64,
    /// Messages delivered.
    pub delivered: AtomicU64,
    /// Attempts at delivery that failed.
    pub failed: AtomicU64,
}

impl Counters {
    /// One line for the log.
    pub fn line(&self) -> String {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        format!(
            "{} events, {} findings, {} suppressed, {} rejected, {} delivered, {} failed attempts",
            get(&self.events),
            get(&self.findings),
            get(&self.suppressed),
            get(&self.rejects),
            get(&self.delivered),
            get(&self.failed)
        )
    }
}
