//! Writing a [`Commit`]: everything in it, or nothing.

use rusqlite::{Connection, params};
use sundew_detect::Sight;

use crate::{
    Commit, Position, Reject, Store, StoreError, StoredIncident, Suppressed, memory, outbox,
    write::{integer, json, micros},
};

/// How much of a reject is kept, in bytes.
const SAMPLE: usize = 4096;

/// How many rejects are kept.
const REJECTS: i64 = 1000;

impl Store {
    /// Writes all of `change` in one transaction that is on the disk when this returns. Writes nothing where
    /// there is nothing in it.
    ///
    /// # Errors
    ///
    /// On any error nothing of `change` is written. [`StoreError::is_temporary`] tells where the same commit is
    /// worth trying again.
    pub fn commit(&mut self, change: &Commit) -> Result<(), StoreError> {
        if change.is_empty() {
            return Ok(());
        }
        self.transact("commit", |connection| write(connection, change))
    }
}

fn write(connection: &Connection, change: &Commit) -> rusqlite::Result<()> {
    for position in &change.positions {
        write_position(connection, position)?;
    }
    for incident in &change.incidents {
        write_incident(connection, incident)?;
    }
    for owed in &change.outbox {
        outbox::enqueue(connection, owed)?;
    }
    for reject in &change.rejects {
        write_reject(connection, reject)?;
    }
    if !change.rejects.is_empty() {
        bound_rejects(connection)?;
    }
    for suppressed in &change.suppressed {
        write_suppressed(connection, suppressed)?;
    }
    for (nonce, times) in &change.rehearsals_used {
        connection
            .prepare_cached(
                "UPDATE rehearsals SET used = used + min(?2, 9223372036854775807 - used) WHERE nonce = ?1",
            )?
            .execute(params![nonce, integer(*times)])?;
    }
    for (nonce, sight, at) in &change.rehearsals_seen {
        let set = match sight {
            Sight::Request => {
                "UPDATE rehearsals SET seen_request = coalesce(seen_request, ?2) WHERE nonce = ?1"
            }
            Sight::Audited => {
                "UPDATE rehearsals SET seen_audited = coalesce(seen_audited, ?2) WHERE nonce = ?1"
            }
            Sight::Label => "UPDATE rehearsals SET seen_label = coalesce(seen_label, ?2) WHERE nonce = ?1",
        };
        connection.prepare_cached(set)?.execute(params![nonce, micros(*at)])?;
    }
    for (name, value) in &change.counters {
        connection
            .prepare_cached(
                "INSERT INTO counters (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE
                 SET value = value + min(excluded.value, 9223372036854775807 - value)",
            )?
            .execute(params![name, integer(*value)])?;
    }
    for piece in &change.memory {
        memory::write(connection, piece)?;
    }
    Ok(())
}

fn write_position(connection: &Connection, position: &Position) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO positions (cluster, source, at) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET at = excluded.at",
        )?
        .execute(params![position.cluster, position.source, position.at.to_string()])?;
    Ok(())
}

fn write_incident(connection: &Connection, stored: &StoredIncident) -> rusqlite::Result<()> {
    let incident = &stored.incident;
    connection
        .prepare_cached(
            "INSERT INTO incidents (id, closed, first_seen, last_seen, body, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET closed = excluded.closed, first_seen = excluded.first_seen,
             last_seen = excluded.last_seen, body = excluded.body, state = excluded.state",
        )?
        .execute(params![
            incident.id,
            stored.closed,
            micros(incident.first_seen),
            micros(incident.last_seen),
            json(incident)?,
            stored.state.to_string(),
        ])?;
    Ok(())
}

fn write_reject(connection: &Connection, reject: &Reject) -> rusqlite::Result<()> {
    let sample = reject.sample.get(..SAMPLE).unwrap_or(&reject.sample);
    let bytes = integer(reject.bytes);
    connection
        .prepare_cached(
            "INSERT INTO rejects (cluster, source, reason, at, sample, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            reject.cluster,
            reject.source,
            reject.reason,
            micros(reject.at),
            sample,
            bytes
        ])?;
    connection
        .prepare_cached(
            "INSERT INTO reject_counts (cluster, source, reason, count, bytes) VALUES (?1, ?2, ?3, 1, ?4)
             ON CONFLICT DO UPDATE SET count = count + 1,
             bytes = bytes + min(excluded.bytes, 9223372036854775807 - bytes)",
        )?
        .execute(params![reject.cluster, reject.source, reject.reason, bytes])?;
    Ok(())
}

/// Ids have no gaps, since a transaction that is rolled back gives its ids back: the newest thousand are those
/// above the highest less a thousand, with no need to count rows.
fn bound_rejects(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM rejects WHERE id <= (SELECT max(id) FROM rejects) - ?1")?
        .execute([REJECTS])?;
    Ok(())
}

fn write_suppressed(connection: &Connection, suppressed: &Suppressed) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO suppressed (cluster, reason, decoy, actor, peer, count, first, last)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last),
             count = count + min(excluded.count, 9223372036854775807 - count)",
        )?
        .execute(params![
            suppressed.cluster,
            suppressed.reason,
            suppressed.decoy.as_deref().unwrap_or(""),
            suppressed.actor.as_deref().unwrap_or(""),
            suppressed.peer.as_deref().unwrap_or(""),
            integer(suppressed.count),
            micros(suppressed.first),
            micros(suppressed.last),
        ])?;
    Ok(())
}
