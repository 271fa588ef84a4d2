//! Opening the store: the lock, private files, the health check, and what happens to a damaged file.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, config::DbConfig};

use crate::{
    Store, StoreError,
    schema::{self, Found},
};

/// How long a statement waits for another connection's lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// Owner alone: incidents name identities, peers and the decoys themselves.
const PRIVATE: u32 = 0o600;

/// A write-ahead log that once grew large is cut back to this many bytes at the next checkpoint.
const LOG_LIMIT: i64 = 16 << 20;

/// More statements than the crate has, so none is ever prepared twice.
const STATEMENTS: usize = 64;

/// In which state [`Store::open`] found the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// There was none; it has been made.
    Fresh,
    /// It was there and is sound.
    Existing,
    /// It was damaged. What it knew is lost to the sensor: positions, open incidents, undelivered messages.
    StartedAnew {
        /// Where the damaged file is now, with its `-wal` and `-shm` beside it.
        kept_aside: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl Store {
    /// Opens or makes the store at `path` and takes its lock (`PATH.lock`), for the one sensor that writes it. The
    /// folder must exist. A damaged file is renamed to `PATH.corrupt-TIME` and a new one begun.
    ///
    /// # Errors
    ///
    /// [`StoreError::Owned`] where another sensor has it, [`StoreError::TooNew`], [`StoreError::Foreign`],
    /// [`StoreError::Locked`] and [`StoreError::ReadOnly`] as they say, [`StoreError::Io`] where the operating
    /// system refuses.
    pub fn open(path: &Path) -> Result<(Self, Opened), StoreError> {
        Self::open_waiting(path, PATIENCE)
    }

    /// As [`Store::open`], but statements wait for `patience` instead of 5 s for a lock that another connection
    /// holds on the database.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn open_waiting(path: &Path, patience: Duration) -> Result<(Self, Opened), StoreError> {
        let lock = take_lock(path)?;
        let first = match mistaken_for_empty(path) {
            Some(why) => Err(StoreError::Corrupt { path: path.to_path_buf(), why }),
            None => prepare(path, patience),
        };
        let (connection, opened) = match first {
            Err(StoreError::Corrupt { why, .. }) => {
                let kept_aside = set_aside(path)?;
                (prepare(path, patience)?.0, Opened::StartedAnew { kept_aside, why })
            }
            other => other?,
        };
        Ok((Self { connection, path: path.to_path_buf(), _lock: Some(lock) }, opened))
    }

    /// Opens an existing store for reading alone, without its lock: for commands that look while a sensor runs.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] where there is no such file, [`StoreError::TooOld`] and [`StoreError::TooNew`] where
    /// its schema is another; any write later gives [`StoreError::ReadOnly`].
    pub fn open_reading(path: &Path) -> Result<Self, StoreError> {
        Self::open_unowned(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    /// Opens an existing store for reading and writing, without its lock: for commands that tell a running sensor
    /// something through its store, such as a new rehearsal or a dead letter to be sent again. Never migrates and
    /// never sets a damaged file aside.
    ///
    /// # Errors
    ///
    /// As [`Store::open_reading`].
    pub fn open_beside(path: &Path) -> Result<Self, StoreError> {
        Self::open_unowned(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    /// A store that lives as long as this value: for replay and tests.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] where memory is short.
    pub fn in_memory() -> Result<Self, StoreError> {
        let path = Path::new(":memory:");
        let failed = |error| StoreError::from_sqlite(path, "open a store in memory", error);
        let mut connection = Connection::open_in_memory().map_err(failed)?;
        settle(&connection, PATIENCE).map_err(failed)?;
        schema::migrate(&mut connection, 0).map_err(failed)?;
        Ok(Self { connection, path: path.to_path_buf(), _lock: None })
    }

    /// Caps the database file at about `bytes`, its write-ahead log not counted; a commit beyond gives
    /// [`StoreError::Full`]. A file that is already larger keeps its size. Holds until the store is closed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] and its like.
    pub fn limit_size(&self, bytes: u64) -> Result<(), StoreError> {
        let failed = self.failed_to("limit the size");
        let page: i64 =
            self.connection.query_row("PRAGMA page_size", [], |row| row.get(0)).map_err(&failed)?;
        let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page.max(1);
        // The pragma answers with the limit it set, so it is a query and not an update.
        let set = format!("PRAGMA max_page_count = {}", pages.clamp(1, 4_294_967_294));
        self.connection.query_row(&set, [], |_| Ok(())).map_err(&failed)
    }

    fn open_unowned(path: &Path, mode: OpenFlags) -> Result<Self, StoreError> {
        fs::metadata(path).map_err(io_error(path, "open"))?;
        let failed = |error| StoreError::from_sqlite(path, "open it", error);
        let connection =
            Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed)?;
        settle(&connection, PATIENCE).map_err(failed)?;
        let path = path.to_path_buf();
        let known = schema::VERSION;
        match schema::look(&connection).map_err(failed)? {
            Found::Foreign => Err(StoreError::Foreign { path }),
            Found::Nothing => Err(StoreError::TooOld { path, found: 0, known }),
            Found::Version(found) if found < known => Err(StoreError::TooOld { path, found, known }),
            Found::Version(found) if found > known => Err(StoreError::TooNew { path, found, known }),
            Found::Version(_) => Ok(Self { connection, path, _lock: None }),
        }
    }
}

fn prepare(path: &Path, patience: Duration) -> Result<(Connection, Opened), StoreError> {
    make_private(path)?;
    let failed = |doing: &'static str| move |error| StoreError::from_sqlite(path, doing, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed("open it"))?;
    // While the file may turn out to be damaged, closing must leave its write-ahead log for whoever repairs it.
    let keep_log = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(keep_log, true).map_err(failed("configure the connection"))?;
    settle(&connection, patience).map_err(failed("configure the connection"))?;

    let known = schema::VERSION;
    let (from, opened) = match schema::look(&connection).map_err(failed("read its header"))? {
        Found::Foreign => return Err(StoreError::Foreign { path: path.to_path_buf() }),
        Found::Version(found) if found > known => {
            return Err(StoreError::TooNew { path: path.to_path_buf(), found, known });
        }
        Found::Version(found) => {
            check_pages(&connection, path)?;
            (found, Opened::Existing)
        }
        Found::Nothing => (0, Opened::Fresh),
    };
    // SQLite falls back to reading alone, in silence, where it may not write.
    if connection.is_readonly("main").map_err(failed("open it for writing"))? {
        return Err(StoreError::ReadOnly { path: path.to_path_buf(), doing: "open it for writing".into() });
    }
    use_write_ahead_log(&connection, path)?;
    if from < known {
        schema::migrate(&mut connection, from).map_err(failed("bring its schema up to date"))?;
    }
    connection.set_db_config(keep_log, false).map_err(failed("configure the connection"))?;
    Ok((connection, opened))
}

/// Settings of the connection; nothing of this is written to the file.
fn settle(connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
    connection.busy_timeout(patience)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // FULL: a commit is on the disk when it returns, also where power fails.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // The container's root file system is read-only, there is no folder for temporary files.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.query_row(&format!("PRAGMA journal_size_limit = {LOG_LIMIT}"), [], |_| Ok(()))
}

fn use_write_ahead_log(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(|error| StoreError::from_sqlite(path, "turn on write-ahead logging", error))?;
    if mode == "wal" {
        return Ok(());
    }
    let why = format!("its volume allows journal mode `{mode}` alone; choose a path on a local volume");
    Err(io_error(path, "turn on write-ahead logging for")(io::Error::other(why)))
}

/// Reads every page once. The store is small, and a damaged page is better met here than in the middle of a commit.
fn check_pages(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| StoreError::from_sqlite(path, "check it for damage", error))?;
    if verdict != "ok" {
        return Err(StoreError::Corrupt { path: path.to_path_buf(), why: verdict });
    }
    // SQLite reads what is missing of the last page as zeros. Only where a log can still fill the page in, as after
    // a crash while it was written, is that no loss.
    let page: u64 = connection
        .query_row("PRAGMA page_size", [], |row| row.get::<_, u32>(0))
        .map_err(|error| StoreError::from_sqlite(path, "check it for damage", error))?
        .into();
    if length(path).is_multiple_of(page) || length(&beside(path, "-wal")) > 0 {
        return Ok(());
    }
    Err(StoreError::Corrupt { path: path.to_path_buf(), why: "the file ends in the middle of a page".into() })
}

/// Makes the file where it is missing, and takes everybody's access but the owner's from it and its companions.
/// SQLite gives the `-wal` and `-shm` that it makes the mode of the database.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let missing = !path.exists();
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(PRIVATE)
        .open(path)
        .map_err(io_error(path, "open"))?;
    if missing {
        sync_folder(path)?;
    }
    for file in [path.to_path_buf(), beside(path, "-wal"), beside(path, "-shm")] {
        let Ok(meta) = fs::metadata(&file) else { continue };
        if meta.permissions().mode() & 0o077 == 0 {
            continue;
        }
        // Not fatal: on a volume that an operator shares through its group, the owner may be another user.
        if let Err(error) = fs::set_permissions(&file, Permissions::from_mode(PRIVATE)) {
            tracing::warn!(file = %file.display(), %error, "the store can be read by others, and its mode could not be changed");
        }
    }
    Ok(())
}

/// The lock of an open store. It is given up in so many words when this is dropped: closing the file alone would
/// leave it with a child that another thread has forked and that has not yet come to its own program.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::debug!(%error, "the store's lock goes with its file");
        }
    }
}

fn take_lock(path: &Path) -> Result<Lock, StoreError> {
    let name = beside(path, ".lock");
    let mut lock = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(PRIVATE)
        .open(&name)
        .map_err(io_error(&name, "open the lock file"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::Owned { path: path.to_path_buf(), holder: read_holder(&mut lock) });
        }
        Err(TryLockError::Error(error)) => return Err(io_error(&name, "lock")(error)),
    }
    // The id only makes the other sensor's error more useful; the lock holds without it.
    let noted = lock.set_len(0).and_then(|()| write!(lock, "{}", std::process::id()));
    if let Err(error) = noted {
        tracing::debug!(%error, "the process id could not be noted in the lock file");
    }
    Ok(Lock(lock))
}

fn read_holder(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Damage that SQLite takes for an empty database: it would begin anew over it without a word.
fn mistaken_for_empty(path: &Path) -> Option<String> {
    match length(path) {
        0 if length(&beside(path, "-wal")) > 0 => {
            Some("the file is missing or empty, its write-ahead log is not".to_owned())
        }
        // The smallest page that SQLite knows has 512 bytes.
        bytes @ 1..512 => Some(format!("the file ends after {bytes} bytes, in the middle of its header")),
        _ => None,
    }
}

/// Renames the database and its companions so that they still belong together under the new name.
fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let target = free_name(path);
    for suffix in ["", "-wal", "-shm"] {
        let from = beside(path, suffix);
        match fs::rename(&from, beside(&target, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io_error(&from, "set aside the damaged file")(error));
            }
            _ => {}
        }
    }
    sync_folder(path)?;
    Ok(target)
}

fn free_name(path: &Path) -> PathBuf {
    let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let name = beside(path, &format!(".corrupt-{stamp}"));
    let taken = |name: &Path| ["", "-wal", "-shm"].iter().any(|suffix| beside(name, suffix).exists());
    if !taken(&name) {
        return name;
    }
    (1u32..).map(|n| beside(&name, &format!(".{n}"))).find(|name| !taken(name)).unwrap_or(name)
}

fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io_error(folder, "write to disk the folder"))
}

/// In bytes, 0 where there is no such file.
fn length(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |meta| meta.len())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn io_error<'a>(path: &'a Path, doing: &'static str) -> impl Fn(io::Error) -> StoreError + 'a {
    move |source| StoreError::Io { path: path.to_path_buf(), doing, source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

    use super::*;

    #[test]
    fn a_lock_that_a_forked_child_still_has_open_is_free_once_its_owner_gives_it_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sundew.db");
        let lock = take_lock(&path).unwrap();
        // What a child of another thread holds between fork and exec.
        let inherited = lock.0.try_clone().unwrap();
        assert!(matches!(take_lock(&path), Err(StoreError::Owned { .. })));
        drop(lock);
        take_lock(&path).unwrap();
        drop(inherited);
    }
}
