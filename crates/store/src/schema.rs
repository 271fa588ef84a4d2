//! The tables, and how an older file is brought up to date.

use rusqlite::Connection;

/// Marks a file as a Sundew store (`PRAGMA application_id`): "SnDw".
pub(crate) const APPLICATION: i32 = 0x536e_4477;

/// One step for each schema version: step 0 makes version 1, and so on. A step that has been released is never
/// changed, a new one is added behind it.
const STEPS: [&str; 3] = [FIRST, REHEARSED, REMEMBERING];

/// The newest schema version, kept in `PRAGMA user_version`.
pub(crate) const VERSION: i64 = STEPS.len() as i64;

// Times are microseconds since 1970 in UTC: every timestamp that jiff can hold fits, and the API server's own
// timestamps are no finer. Absent names are empty strings, because NULLs would not be equal in a key.
const FIRST: &str = "
CREATE TABLE positions (
    cluster TEXT NOT NULL,
    source TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (cluster, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE incidents (
    id TEXT NOT NULL PRIMARY KEY,
    closed INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL
) STRICT;
CREATE INDEX incidents_open ON incidents (first_seen, id) WHERE closed = 0;
CREATE INDEX incidents_seen ON incidents (last_seen);

-- One row for each sink, incident and state at most: the message that waits, the last one that was given up,
-- and a note of the last one that arrived (with an empty body). No reference to incidents: what is owed goes
-- out even where the incident itself is gone.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sink TEXT NOT NULL,
    incident TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'dead', 'delivered')),
    revision INTEGER NOT NULL,
    severity TEXT NOT NULL,
    change TEXT NOT NULL,
    body TEXT NOT NULL,
    due INTEGER NOT NULL,
    asked_due INTEGER NOT NULL,
    owed_since INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    reached INTEGER,
    settled INTEGER,
    UNIQUE (sink, incident, state)
) STRICT;
CREATE INDEX outbox_due ON outbox (sink, due, id) WHERE state = 'waiting';
CREATE INDEX outbox_incident ON outbox (incident);
CREATE INDEX outbox_delivered ON outbox (settled) WHERE state = 'delivered';

CREATE TABLE rejects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cluster TEXT NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    sample BLOB NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;

CREATE TABLE reject_counts (
    cluster TEXT NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (cluster, source, reason)
) STRICT, WITHOUT ROWID;

CREATE TABLE suppressed (
    cluster TEXT NOT NULL,
    reason TEXT NOT NULL,
    decoy TEXT NOT NULL,
    actor TEXT NOT NULL,
    peer TEXT NOT NULL,
    count INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (cluster, reason, decoy, actor, peer)
) STRICT, WITHOUT ROWID;

CREATE TABLE counters (
    name TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE rehearsals (
    nonce TEXT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    decoy TEXT NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    used INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
";

// What a rehearsal is good for, and as what it was seen. An empty cluster is any, an empty Secret none in particular.
const REHEARSED: &str = "
ALTER TABLE rehearsals ADD COLUMN cluster TEXT NOT NULL DEFAULT '';
ALTER TABLE rehearsals ADD COLUMN secret TEXT NOT NULL DEFAULT '';
ALTER TABLE rehearsals ADD COLUMN awaited INTEGER;
ALTER TABLE rehearsals ADD COLUMN seen_request INTEGER;
ALTER TABLE rehearsals ADD COLUMN seen_audited INTEGER;
ALTER TABLE rehearsals ADD COLUMN seen_label INTEGER;
";

// What detection has learnt. The pieces are many, small and always asked for by their whole key.
const REMEMBERING: &str = "
CREATE TABLE memory (
    cluster TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (cluster, kind, key)
) STRICT, WITHOUT ROWID;
";

/// What a file says about itself.
pub(crate) enum Found {
    /// No tables at all.
    Nothing,
    /// A store of this schema version.
    Version(i64),
    /// Somebody else's database.
    Foreign,
}

/// Looks at what the file is, without writing.
pub(crate) fn look(connection: &Connection) -> rusqlite::Result<Found> {
    let application: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if application == APPLICATION {
        return Ok(Found::Version(version));
    }
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(if application == 0 && version == 0 && tables == 0 { Found::Nothing } else { Found::Foreign })
}

/// Brings the schema from version `from` to [`VERSION`] in one transaction.
pub(crate) fn migrate(connection: &mut Connection, from: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for step in STEPS.iter().skip(usize::try_from(from).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
