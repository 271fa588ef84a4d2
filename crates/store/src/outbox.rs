//! The outbox: what each sink is owed, at most one waiting message for each sink and incident.
//!
//! A message describes the whole incident, so a newer revision takes the place of one that still waits. It may
//! do so while the older one is on its way: whoever delivers gives the revision back that was sent, and what
//! arrived in between stays owed.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sundew_detect::Change;

use crate::{
    DeadLetter, Delivery, OutboxSummary, Outgoing, Owed, Revive, Settled, Store, StoreError,
    read::{self, count, opt_time, time},
    write::{json, micros},
};

/// Longest error text kept with a message, in characters.
const ERROR_TEXT: usize = 1000;

/// Adds a message, or gives the one that waits a newer body.
///
/// - The earlier of two due times counts, except that a message which failed waits until its next attempt:
///   an intruder who keeps an incident growing must not make Sundew hammer a sink that asked for a pause.
/// - What was never delivered as opened stays opened, also where that message was given up, and where the sink was
///   not owed anything before: the incident became bad enough for it later, or the sink is new.
pub(crate) fn enqueue(connection: &Connection, owed: &Owed) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO outbox (sink, incident, state, revision, severity, change, body, due, asked_due, owed_since)
             VALUES (?1, ?2, 'waiting', ?3, ?4,
                 CASE WHEN EXISTS (SELECT 1 FROM outbox WHERE sink = ?1 AND incident = ?2
                                   AND state IN ('waiting', 'dead') AND change = 'opened')
                        OR NOT EXISTS (SELECT 1 FROM outbox WHERE sink = ?1 AND incident = ?2)
                      THEN 'opened' ELSE ?5 END,
                 ?6, ?7, ?7, ?7)
             ON CONFLICT (sink, incident, state) DO UPDATE SET
                 revision = excluded.revision, severity = excluded.severity, change = excluded.change,
                 body = excluded.body, asked_due = excluded.asked_due,
                 due = CASE WHEN attempts > 0 THEN due ELSE min(due, excluded.due) END,
                 owed_since = min(owed_since, excluded.owed_since)
             WHERE excluded.revision >= revision",
        )?
        .execute(params![
            owed.sink,
            owed.incident_id,
            owed.revision,
            owed.severity.as_str(),
            change_word(owed.change),
            json(&owed.incident)?,
            micros(owed.due),
        ])?;
    Ok(())
}

impl Store {
    /// The messages for `sink` that are due at `now`: earliest due first, then oldest first, at most `limit`. Reads
    /// alone, so whoever delivers must not ask again before the outcome of what it was given is noted.
    ///
    /// A message that this release cannot read (which takes a damaged row or a downgrade) is given up with that
    /// reason instead of blocking those behind it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] and its like.
    pub fn due(&self, sink: &str, now: Timestamp, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        let failed = self.failed_to("read the outbox");
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT id, sink, incident, revision, severity, change, due, owed_since, attempts, body FROM outbox
                 WHERE sink = ?1 AND state = 'waiting' AND due <= ?2 ORDER BY due, id LIMIT ?3",
            )
            .map_err(&failed)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![sink, micros(now), limit]).map_err(&failed)?;
        let mut due = Vec::new();
        let mut unreadable = Vec::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            match outgoing(row) {
                Ok(message) => due.push(message),
                Err(why) => unreadable.push((row.get::<_, i64>(0).map_err(&failed)?, why.to_string())),
            }
        }
        for (id, why) in unreadable {
            tracing::error!(store = %self.path.display(), id, why, "a message in the outbox cannot be read and is given up");
            bury(&self.connection, id, now, &format!("cannot be read by this release: {why}"))
                .map_err(&failed)?;
        }
        Ok(due)
    }

    /// When the next message for `sink` becomes due; a time in the past where one already is.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] and its like.
    pub fn next_due(&self, sink: &str) -> Result<Option<Timestamp>, StoreError> {
        self.connection
            .prepare_cached("SELECT min(due) FROM outbox WHERE sink = ?1 AND state = 'waiting'")
            .and_then(|mut statement| statement.query_row([sink], |row| opt_time(row, 0)))
            .map_err(self.failed_to("read the outbox"))
    }

    /// Notes that the sink took `revision` of message `id`. Dead letters about the same incident go: the sink now
    /// knows more than they say.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_temporary`] errors leave the message waiting: it will be sent again.
    pub fn delivered(&mut self, id: i64, revision: u32, now: Timestamp) -> Result<Settled, StoreError> {
        self.settle(id, revision, |connection, message| {
            note_delivery(connection, message, revision, now)?;
            if message.revision > revision {
                connection
                    .prepare_cached(
                        "UPDATE outbox SET change = 'updated', due = asked_due, owed_since = asked_due,
                         attempts = 0, error = '' WHERE id = ?1",
                    )?
                    .execute([id])
            } else {
                connection.prepare_cached("DELETE FROM outbox WHERE id = ?1")?.execute([id])
            }
        })
    }

    /// Notes that `revision` of message `id` did not arrive and is to be tried again at `next`; so is a newer
    /// revision that came in between, since it goes to the same sink. The first 1,000 characters of `why` are kept.
    ///
    /// # Errors
    ///
    /// On any error the message waits as before.
    pub fn failed(
        &mut self,
        id: i64,
        revision: u32,
        next: Timestamp,
        why: &str,
    ) -> Result<Settled, StoreError> {
        self.settle(id, revision, |connection, _| {
            connection
                .prepare_cached(
                    "UPDATE outbox SET attempts = attempts + 1, due = ?2, error = ?3 WHERE id = ?1",
                )?
                .execute(params![id, micros(next), shorten(why)])
        })
    }

    /// Gives up `revision` of message `id`; it is kept among [`Store::dead_letters`]. A newer revision that came in
    /// between is not given up: it waits, with no attempts counted against it.
    ///
    /// # Errors
    ///
    /// On any error the message waits as before.
    pub fn dead(&mut self, id: i64, revision: u32, now: Timestamp, why: &str) -> Result<Settled, StoreError> {
        self.settle(id, revision, |connection, message| {
            if message.revision <= revision {
                return bury(connection, id, now, why);
            }
            connection
                .prepare_cached("UPDATE outbox SET attempts = 0, due = asked_due, error = ?2 WHERE id = ?1")?
                .execute(params![id, shorten(why)])
        })
    }

    /// The messages that were given up, newest first, at most `limit`. They are kept until revived, or until a newer
    /// message about the same incident is given up or delivered to the same sink.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] and its like.
    pub fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        read::list(
            &self.connection,
            "SELECT id, sink, incident, revision, severity, attempts, error, settled, body FROM outbox
             WHERE state = 'dead' ORDER BY settled DESC, id DESC LIMIT ?1",
            [limit],
            dead_letter,
        )
        .map_err(self.failed_to("read the dead letters"))
    }

    /// Makes dead letters due at `now`, with no attempts counted against them. One about which something newer waits
    /// is dropped instead. Returns how many wait now that did not before.
    ///
    /// # Errors
    ///
    /// On any error all stay as they were.
    pub fn revive(&mut self, which: Revive, now: Timestamp) -> Result<usize, StoreError> {
        let id = match which {
            Revive::One(id) => Some(id),
            Revive::All => None,
        };
        self.transact("revive dead letters", |connection| {
            connection.execute(
                "DELETE FROM outbox WHERE state = 'dead' AND id = coalesce(?1, id) AND EXISTS
                 (SELECT 1 FROM outbox AS newer WHERE newer.state = 'waiting'
                  AND newer.sink = outbox.sink AND newer.incident = outbox.incident)",
                [id],
            )?;
            connection.execute(
                "UPDATE outbox SET state = 'waiting', attempts = 0, due = ?2, asked_due = ?2, owed_since = ?2,
                 settled = NULL WHERE state = 'dead' AND id = coalesce(?1, id)",
                params![id, micros(now)],
            )
        })
    }

    /// How things stand with every sink that was ever owed something, by name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] and its like.
    pub fn outbox_summary(&self) -> Result<Vec<OutboxSummary>, StoreError> {
        read::list(
            &self.connection,
            "SELECT sink, sum(state = 'waiting'), sum(state = 'dead'),
                 min(CASE WHEN state = 'waiting' THEN owed_since END),
                 (SELECT error FROM outbox AS failed WHERE failed.sink = outbox.sink AND failed.error <> ''
                  ORDER BY coalesce(failed.settled, failed.due) DESC, failed.id DESC LIMIT 1),
                 max(CASE WHEN state = 'delivered' THEN settled END)
             FROM outbox GROUP BY sink ORDER BY sink",
            [],
            |row| {
                Ok(OutboxSummary {
                    sink: row.get(0)?,
                    waiting: count(row, 1)?,
                    dead: count(row, 2)?,
                    oldest_waiting: opt_time(row, 3)?,
                    last_error: row.get(4)?,
                    last_delivered: opt_time(row, 5)?,
                })
            },
        )
        .map_err(self.failed_to("read the outbox"))
    }

    /// Which sinks were told of an incident, and when; by sink.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] and its like.
    pub fn deliveries(&self, incident_id: &str) -> Result<Vec<Delivery>, StoreError> {
        read::list(
            &self.connection,
            "SELECT sink, revision, reached, settled FROM outbox WHERE incident = ?1 AND state = 'delivered'
             ORDER BY sink",
            [incident_id],
            |row| {
                Ok(Delivery {
                    sink: row.get(0)?,
                    revision: row.get(1)?,
                    first: time(row, 2)?,
                    last: time(row, 3)?,
                })
            },
        )
        .map_err(self.failed_to("read the outbox"))
    }

    fn settle(
        &mut self,
        id: i64,
        revision: u32,
        settle: impl FnOnce(&Connection, &Waiting) -> rusqlite::Result<usize>,
    ) -> Result<Settled, StoreError> {
        self.transact("note the outcome of a message", |connection| {
            let Some(message) = waiting(connection, id)? else { return Ok(Settled::Gone) };
            settle(connection, &message)?;
            Ok(if message.revision > revision { Settled::NewerWaits } else { Settled::Done })
        })
    }
}

/// What an outcome is compared with.
struct Waiting {
    sink: String,
    incident: String,
    revision: u32,
}

fn waiting(connection: &Connection, id: i64) -> rusqlite::Result<Option<Waiting>> {
    connection
        .prepare_cached("SELECT sink, incident, revision FROM outbox WHERE id = ?1 AND state = 'waiting'")?
        .query_row([id], |row| {
            Ok(Waiting { sink: row.get(0)?, incident: row.get(1)?, revision: row.get(2)? })
        })
        .optional()
}

fn note_delivery(
    connection: &Connection,
    message: &Waiting,
    revision: u32,
    now: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM outbox WHERE sink = ?1 AND incident = ?2 AND state = 'dead'")?
        .execute(params![message.sink, message.incident])?;
    connection
        .prepare_cached(
            "INSERT INTO outbox (sink, incident, state, revision, severity, change, body, due, asked_due, owed_since,
                 reached, settled)
             VALUES (?1, ?2, 'delivered', ?3, '', '', '', ?4, ?4, ?4, ?4, ?4)
             ON CONFLICT (sink, incident, state) DO UPDATE SET revision = excluded.revision, settled = excluded.settled",
        )?
        .execute(params![message.sink, message.incident, revision, micros(now)])?;
    Ok(())
}

/// Makes a waiting message the dead letter of its sink and incident; an older one says less and goes.
fn bury(connection: &Connection, id: i64, now: Timestamp, why: &str) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM outbox WHERE state = 'dead'
             AND (sink, incident) IN (SELECT sink, incident FROM outbox WHERE id = ?1)",
        )?
        .execute([id])?;
    connection
        .prepare_cached(
            "UPDATE outbox SET state = 'dead', attempts = attempts + 1, error = ?3, settled = ?2 WHERE id = ?1",
        )?
        .execute(params![id, micros(now), shorten(why)])
}

fn outgoing(row: &Row<'_>) -> rusqlite::Result<Outgoing> {
    Ok(Outgoing {
        id: row.get(0)?,
        sink: row.get(1)?,
        incident_id: row.get(2)?,
        revision: row.get(3)?,
        severity: read::parsed(row, 4, str::parse)?,
        change: read::parsed(row, 5, change_of)?,
        due: time(row, 6)?,
        owed_since: time(row, 7)?,
        attempts: row.get(8)?,
        incident: read::parsed(row, 9, |body| serde_json::from_str(body).map_err(|error| error.to_string()))?,
    })
}

fn dead_letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        id: row.get(0)?,
        sink: row.get(1)?,
        incident_id: row.get(2)?,
        revision: row.get(3)?,
        severity: row.get(4)?,
        attempts: row.get(5)?,
        error: row.get(6)?,
        at: opt_time(row, 7)?,
        body: row.get(8)?,
    })
}

fn change_word(change: Change) -> &'static str {
    match change {
        Change::Opened => "opened",
        Change::Updated => "updated",
    }
}

fn change_of(word: &str) -> Result<Change, String> {
    match word {
        "opened" => Ok(Change::Opened),
        "updated" => Ok(Change::Updated),
        other => Err(format!("`{other}` is no kind of change")),
    }
}

fn shorten(why: &str) -> String {
    why.chars().take(ERROR_TEXT).collect()
}
