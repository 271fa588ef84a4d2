//! What everything that writes has in common: the transaction, and values as rows hold them.

use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior};

use crate::{Store, StoreError};

impl Store {
    /// Does all of `work`, or none of it; it is on the disk when this returns.
    pub(crate) fn transact<T>(
        &mut self,
        doing: &str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let path = &self.path;
        let failed = |error| StoreError::from_sqlite(path, doing, error);
        // Immediate: to be refused at the start, not in the middle, where another connection is writing.
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let done = work(&transaction).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        Ok(done)
    }
}

/// As text for a row; an error here is the value's own, such as a map with keys that are no strings.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// SQLite's integers end at 2⁶³−1; a count never gets there.
pub(crate) fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
