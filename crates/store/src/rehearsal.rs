//! Rehearsals: uses of a decoy that were announced beforehand, each under a nonce that only the store knows.

use jiff::Timestamp;
use rusqlite::{Row, params};
use sundew_detect::{Purpose, Rehearsal, Seen};

use crate::{
    Store, StoreError,
    read::{self, count, opt_time, time},
    write::{integer, micros},
};

/// In the order in which they are read and written here.
const COLUMNS: &str = "nonce, purpose, decoy, not_before, not_after, used, cluster, secret, awaited, seen_request, \
     seen_audited, seen_label";

impl Store {
    /// Announces a rehearsal; `used` is written as given. False where the nonce is taken, and nothing is written.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    pub fn add_rehearsal(&mut self, rehearsal: &Rehearsal) -> Result<bool, StoreError> {
        let added = self
            .connection
            .prepare_cached(&format!(
                "INSERT INTO rehearsals ({COLUMNS})
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING"
            ))
            .and_then(|mut statement| {
                statement.execute(params![
                    rehearsal.nonce,
                    rehearsal.purpose.as_str(),
                    rehearsal.decoy,
                    micros(rehearsal.not_before),
                    micros(rehearsal.not_after),
                    integer(rehearsal.used),
                    rehearsal.cluster,
                    rehearsal.secret.as_deref().unwrap_or(""),
                    rehearsal.awaited.map(micros),
                    rehearsal.seen.request.map(micros),
                    rehearsal.seen.audited.map(micros),
                    rehearsal.seen.label.map(micros),
                ])
            })
            .map_err(self.failed_to("announce a rehearsal"))?;
        Ok(added == 1)
    }

    /// Ends a rehearsal at `now`: what was done before is still judged by it. False where there is none, or it had ended.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    pub fn withdraw_rehearsal(&mut self, nonce: &str, now: Timestamp) -> Result<bool, StoreError> {
        let ended = self
            .connection
            .prepare_cached("UPDATE rehearsals SET not_after = ?2 WHERE nonce = ?1 AND not_after > ?2")
            .and_then(|mut statement| statement.execute(params![nonce, micros(now)]))
            .map_err(self.failed_to("withdraw a rehearsal"))?;
        Ok(ended == 1)
    }

    /// The rehearsals that are valid at `now`, by nonce.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] and its like.
    pub fn rehearsals(&self, now: Timestamp) -> Result<Vec<Rehearsal>, StoreError> {
        read::list(
            &self.connection,
            &format!(
                "SELECT {COLUMNS} FROM rehearsals WHERE not_before <= ?1 AND not_after >= ?1 ORDER BY nonce"
            ),
            [micros(now)],
            rehearsal,
        )
        .map_err(self.failed_to("read the rehearsals"))
    }

    /// The drills whose time was over before `now`, that nobody waits for any more and that nothing was covered by: alarms
    /// that did not ring. They stay, for an event that comes late.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] and its like.
    pub fn missed_drills(&self, now: Timestamp) -> Result<Vec<Rehearsal>, StoreError> {
        read::list(
            &self.connection,
            &format!(
                "SELECT {COLUMNS} FROM rehearsals
                 WHERE purpose = ?1 AND used = 0 AND max(not_after, coalesce(awaited, not_after)) < ?2
                 ORDER BY not_after, nonce"
            ),
            (Purpose::Drill.as_str(), micros(now)),
            rehearsal,
        )
        .map_err(self.failed_to("read the rehearsals"))
    }

    /// Removes the rehearsals whose time was over before `now`, and returns them. What was done under one is told from
    /// then on when its event is read.
    ///
    /// # Errors
    ///
    /// On any error nothing is removed.
    pub fn expire_rehearsals(&mut self, now: Timestamp) -> Result<Vec<Rehearsal>, StoreError> {
        self.transact("expire rehearsals", |connection| {
            read::list(
                connection,
                &format!("DELETE FROM rehearsals WHERE not_after < ?1 RETURNING {COLUMNS}"),
                [micros(now)],
                rehearsal,
            )
        })
    }
}

fn rehearsal(row: &Row<'_>) -> rusqlite::Result<Rehearsal> {
    let secret: String = row.get(7)?;
    Ok(Rehearsal {
        nonce: row.get(0)?,
        purpose: read::parsed(row, 1, str::parse)?,
        decoy: row.get(2)?,
        not_before: time(row, 3)?,
        not_after: time(row, 4)?,
        used: count(row, 5)?,
        cluster: row.get(6)?,
        secret: Some(secret).filter(|secret| !secret.is_empty()),
        awaited: opt_time(row, 8)?,
        seen: Seen { request: opt_time(row, 9)?, audited: opt_time(row, 10)?, label: opt_time(row, 11)? },
    })
}
