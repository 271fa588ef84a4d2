//! Reading back: positions, incidents, suppressions, rejects and counters.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, Row, types::Type};

use crate::{Reject, RejectCount, Store, StoreError, StoredIncident, StoredReject, Suppressed};

impl Store {
    /// How far `source` of `cluster` has been read; nothing where it never was.
    ///
    /// # Errors
    ///
    /// [`StoreError::Content`] where the row holds no JSON.
    pub fn position(&self, cluster: &str, source: &str) -> Result<Option<serde_json::Value>, StoreError> {
        let text: Option<String> = self
            .connection
            .prepare_cached("SELECT at FROM positions WHERE cluster = ?1 AND source = ?2")
            .and_then(|mut statement| statement.query_row([cluster, source], |row| row.get(0)).optional())
            .map_err(self.failed_to("read a position"))?;
        text.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| StoreError::Content {
            path: self.path.clone(),
            place: format!("the position of source `{source}` of cluster `{cluster}`"),
            why: error.to_string(),
        })
    }

    /// The incidents that may still grow, earliest first. One that this release cannot read is left out and logged:
    /// what its intruder does next opens a new incident.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] and its like.
    pub fn open_incidents(&self) -> Result<Vec<StoredIncident>, StoreError> {
        self.incidents_by(
            "SELECT id, closed, body, state FROM incidents WHERE closed = 0 ORDER BY first_seen, id",
            [],
        )
    }

    /// The incidents that were last added to, latest first, closed ones included, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] and its like.
    pub fn recent_incidents(&self, limit: usize) -> Result<Vec<StoredIncident>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.incidents_by(
            "SELECT id, closed, body, state FROM incidents ORDER BY last_seen DESC, id LIMIT ?1",
            [limit],
        )
    }

    /// The incident with this id.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] and its like.
    pub fn incident(&self, id: &str) -> Result<Option<StoredIncident>, StoreError> {
        let found = self.incidents_by("SELECT id, closed, body, state FROM incidents WHERE id = ?1", [id])?;
        Ok(found.into_iter().next())
    }

    /// The incident that last touched the decoy `NAMESPACE/ACCOUNT` of a cluster: of those that are drills, or of those
    /// that are none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] and its like.
    pub fn latest_touch(
        &self,
        cluster: &str,
        decoy: &str,
        drill: bool,
    ) -> Result<Option<StoredIncident>, StoreError> {
        // What is no JSON is left out before its parts are asked for: CASE keeps that order, AND does not.
        let found = self.incidents_by(
            "SELECT id, closed, body, state FROM incidents
             WHERE CASE WHEN json_valid(body) THEN
                 body ->> '$.cluster' = ?1
                 AND coalesce(body ->> '$.drill', 0) = ?3
                 AND EXISTS (SELECT 1 FROM json_each(body, '$.decoys') AS touched
                             WHERE touched.value ->> '$.name' = ?2)
                 ELSE 0 END
             ORDER BY last_seen DESC, id LIMIT 1",
            (cluster, decoy, drill),
        )?;
        Ok(found.into_iter().next())
    }

    /// What was suppressed, latest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] and its like.
    pub fn suppressions(&self) -> Result<Vec<Suppressed>, StoreError> {
        list(
            &self.connection,
            "SELECT cluster, reason, decoy, actor, peer, count, first, last FROM suppressed
             ORDER BY last DESC, cluster, reason, decoy, actor, peer",
            [],
            |row| {
                Ok(Suppressed {
                    cluster: row.get(0)?,
                    reason: row.get(1)?,
                    decoy: name(row, 2)?,
                    actor: name(row, 3)?,
                    peer: name(row, 4)?,
                    count: count(row, 5)?,
                    first: time(row, 6)?,
                    last: time(row, 7)?,
                })
            },
        )
        .map_err(self.failed_to("read the suppressions"))
    }

    /// The rejects that are kept (the newest 1,000 at most), newest first, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] and its like.
    pub fn rejects(&self, limit: usize) -> Result<Vec<StoredReject>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        list(
            &self.connection,
            "SELECT id, cluster, source, reason, at, sample, bytes FROM rejects ORDER BY id DESC LIMIT ?1",
            [limit],
            |row| {
                let reject = Reject {
                    cluster: row.get(1)?,
                    source: row.get(2)?,
                    reason: row.get(3)?,
                    at: time(row, 4)?,
                    sample: row.get(5)?,
                    bytes: count(row, 6)?,
                };
                Ok(StoredReject { id: row.get(0)?, reject })
            },
        )
        .map_err(self.failed_to("read the rejects"))
    }

    /// How many rejects there ever were, by cluster, source and reason.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] and its like.
    pub fn reject_counts(&self) -> Result<Vec<RejectCount>, StoreError> {
        list(
            &self.connection,
            "SELECT cluster, source, reason, count, bytes FROM reject_counts ORDER BY cluster, source, reason",
            [],
            |row| {
                Ok(RejectCount {
                    cluster: row.get(0)?,
                    source: row.get(1)?,
                    reason: row.get(2)?,
                    count: count(row, 3)?,
                    bytes: count(row, 4)?,
                })
            },
        )
        .map_err(self.failed_to("read the rejects"))
    }

    /// All counters by name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] and its like.
    pub fn counters(&self) -> Result<Vec<(String, u64)>, StoreError> {
        list(&self.connection, "SELECT name, value FROM counters ORDER BY name", [], |row| {
            Ok((row.get(0)?, count(row, 1)?))
        })
        .map_err(self.failed_to("read the counters"))
    }

    /// A number that is another one once any other connection has written since: cheap to ask again and again.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] and its like.
    pub fn writes_of_others(&self) -> Result<i64, StoreError> {
        self.connection
            .query_row("PRAGMA data_version", [], |row| row.get(0))
            .map_err(self.failed_to("see whether it was written"))
    }

    fn incidents_by(&self, query: &str, params: impl Params) -> Result<Vec<StoredIncident>, StoreError> {
        let read = list(&self.connection, query, params, |row| {
            let id: String = row.get(0)?;
            Ok(stored_incident(row).map_err(|error| (id, error)))
        })
        .map_err(self.failed_to("read the incidents"))?;
        Ok(read.into_iter().filter_map(|incident| readable(&self.path, incident)).collect())
    }
}

fn readable<T>(path: &Path, incident: Result<T, (String, rusqlite::Error)>) -> Option<T> {
    incident
        .inspect_err(|(id, error)| {
            tracing::error!(store = %path.display(), id, %error, "an incident cannot be read and is left out");
        })
        .ok()
}

fn stored_incident(row: &Row<'_>) -> rusqlite::Result<StoredIncident> {
    Ok(StoredIncident {
        closed: row.get(1)?,
        incident: parsed(row, 2, |body| serde_json::from_str(body).map_err(|error| error.to_string()))?,
        state: parsed(row, 3, |state| serde_json::from_str(state).map_err(|error| error.to_string()))?,
    })
}

/// Runs a query and reads all of its rows.
pub(crate) fn list<T>(
    connection: &Connection,
    query: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare_cached(query)?.query_map(params, read)?.collect()
}

/// A text column in a shape of its own.
pub(crate) fn parsed<T>(
    row: &Row<'_>,
    column: usize,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).map_err(|why| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.into()))
}

pub(crate) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    timestamp(column, row.get(column)?)
}

pub(crate) fn opt_time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column)?.map(|micros| timestamp(column, micros)).transpose()
}

fn timestamp(column: usize, micros: i64) -> rusqlite::Result<Timestamp> {
    Timestamp::from_microsecond(micros)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, Box::new(error)))
}

/// Counts are never written below zero.
pub(crate) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

fn name(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    Ok(Some(row.get(column)?).filter(|name: &String| !name.is_empty()))
}
