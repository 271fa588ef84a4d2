//! Retention: forgetting what nobody is owed any more.

use jiff::Timestamp;

use crate::{Store, StoreError, write::micros};

/// How much [`Store::forget_before`] removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Closed incidents.
    pub incidents: usize,
    /// Notes that a sink was told of an incident.
    pub deliveries: usize,
    /// Rejects; how many there were by reason stays counted.
    pub rejects: usize,
    /// Suppressions.
    pub suppressions: usize,
}

impl Store {
    /// Removes what is older than `time`: closed incidents last seen before it about which no message waits or is
    /// dead, notes of deliveries made before it, rejects read before it, suppressions last seen before it. Open
    /// incidents, waiting messages and dead letters stay whatever their age.
    ///
    /// # Errors
    ///
    /// On any error nothing is removed.
    pub fn forget_before(&mut self, time: Timestamp) -> Result<Forgotten, StoreError> {
        let time = micros(time);
        self.transact("forget what is old", |connection| {
            Ok(Forgotten {
                incidents: connection.execute(
                    "DELETE FROM incidents WHERE closed = 1 AND last_seen < ?1 AND NOT EXISTS
                     (SELECT 1 FROM outbox WHERE incident = incidents.id AND state <> 'delivered')",
                    [time],
                )?,
                deliveries: connection
                    .execute("DELETE FROM outbox WHERE state = 'delivered' AND settled < ?1", [time])?,
                rejects: connection.execute("DELETE FROM rejects WHERE at < ?1", [time])?,
                suppressions: connection.execute("DELETE FROM suppressed WHERE last < ?1", [time])?,
            })
        })
    }
}
