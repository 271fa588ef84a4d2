//! Rehearsals: uses of a decoy that were announced beforehand, each under a nonce that only the store knows.

use std::fmt;

use jiff::Timestamp;
use rusqlite::{Row, params};

use crate::{
    Store, StoreError,
    commit::micros,
    read::{self, count, time},
};

/// What a rehearsal is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Sundew itself makes or changes the decoy: no alert.
    Planting,
    /// A drill: an alert that says it is one.
    Drill,
}

impl Purpose {
    /// The word used in the store and in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planting => "planting",
            Self::Drill => "drill",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

fn purpose_of(word: &str) -> Result<Purpose, String> {
    match word {
        "planting" => Ok(Purpose::Planting),
        "drill" => Ok(Purpose::Drill),
        other => Err(format!("`{other}` is no purpose of a rehearsal")),
    }
}

/// An announced use of a decoy.
#[derive(Clone, PartialEq, Eq)]
pub struct Rehearsal {
    /// A random string that the rehearsing client carries. Secret until used: an intruder who knew it could hide
    /// behind it.
    pub nonce: String,
    /// What it is for.
    pub purpose: Purpose,
    /// The decoy, as the inventory names it.
    pub decoy: String,
    /// From when it is valid.
    pub not_before: Timestamp,
    /// Until when it is valid, this moment included.
    pub not_after: Timestamp,
    /// How many events carried the nonce so far; see [`Commit::rehearsals_used`](crate::Commit::rehearsals_used).
    pub used: u64,
}

/// Leaves the nonce out, so that it is in no log.
impl fmt::Debug for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rehearsal")
            .field("purpose", &self.purpose)
            .field("decoy", &self.decoy)
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Announces a rehearsal; `used` is written as given. False where the nonce is taken, and nothing is written.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    pub fn add_rehearsal(&mut self, rehearsal: &Rehearsal) -> Result<bool, StoreError> {
        let added = self
            .connection
            .prepare_cached(
                "INSERT INTO rehearsals (nonce, purpose, decoy, not_before, not_after, used)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    rehearsal.nonce,
                    rehearsal.purpose.as_str(),
                    rehearsal.decoy,
                    micros(rehearsal.not_before),
                    micros(rehearsal.not_after),
                    crate::commit::integer(rehearsal.used),
                ])
            })
            .map_err(self.failed_to("announce a rehearsal"))?;
        Ok(added == 1)
    }

    /// The rehearsals that are valid at `now`, by nonce.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] and its like.
    pub fn rehearsals(&self, now: Timestamp) -> Result<Vec<Rehearsal>, StoreError> {
        read::list(
            &self.connection,
            "SELECT nonce, purpose, decoy, not_before, not_after, used FROM rehearsals
             WHERE not_before <= ?1 AND not_after >= ?1 ORDER BY nonce",
            [micros(now)],
            rehearsal,
        )
        .map_err(self.failed_to("read the rehearsals"))
    }

    /// Removes the rehearsals whose time was over before `now`, and returns them: one of purpose drill that was
    /// never used is an alarm that did not ring.
    ///
    /// # Errors
    ///
    /// On any error nothing is removed.
    pub fn expire_rehearsals(&mut self, now: Timestamp) -> Result<Vec<Rehearsal>, StoreError> {
        self.transact("expire rehearsals", |connection| {
            read::list(
                connection,
                "DELETE FROM rehearsals WHERE not_after < ?1
                 RETURNING nonce, purpose, decoy, not_before, not_after, used",
                [micros(now)],
                rehearsal,
            )
        })
    }
}

fn rehearsal(row: &Row<'_>) -> rusqlite::Result<Rehearsal> {
    Ok(Rehearsal {
        nonce: row.get(0)?,
        purpose: read::parsed(row, 1, purpose_of)?,
        decoy: row.get(2)?,
        not_before: time(row, 3)?,
        not_after: time(row, 4)?,
        used: count(row, 5)?,
    })
}
