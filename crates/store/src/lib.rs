//! What must survive a crash: source positions, incidents, suppressions, rehearsals, what was learnt and the outbox, in
//! one SQLite file.
//!
//! The promise this crate keeps for the rest: [`Store::commit`] moves a source's position and everything that
//! reading up to it brought about in one transaction. So after a crash at any moment the position never says
//! "read" about an event whose alert is not also in the outbox.
//!
//! The interface is synchronous over one connection; an async caller runs it on a blocking thread.

mod commit;
mod error;
mod memory;
mod open;
mod outbox;
mod read;
mod rehearsal;
mod retain;
mod schema;
mod types;
mod write;

use std::path::{Path, PathBuf};

pub use error::StoreError;
pub use memory::Recall;
pub use open::Opened;
pub use retain::Forgotten;
pub use types::{
    Commit, DeadLetter, Delivery, OutboxSummary, Outgoing, Owed, Position, Reject, RejectCount, Remembered,
    Revive, Settled, StoredIncident, StoredReject, Suppressed,
};

/// The open store. Holds the file's lock until it is dropped.
#[derive(Debug)]
pub struct Store {
    connection: rusqlite::Connection,
    /// Names the store in errors.
    path: PathBuf,
    /// Held, never read.
    _lock: Option<open::Lock>,
}

impl Store {
    /// The file this store is in, `:memory:` for one without a file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Turns what SQLite said while `doing` into this crate's error.
    fn failed_to<'a>(&'a self, doing: &'a str) -> impl Fn(rusqlite::Error) -> StoreError + 'a {
        move |error| StoreError::from_sqlite(&self.path, doing, error)
    }
}
