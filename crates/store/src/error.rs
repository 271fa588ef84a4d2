//! What can go wrong with the store, told apart by what the operator or the caller has to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

use rusqlite::ErrorCode;

/// Why the store could not do as asked. Nothing is half done: the transaction was rolled back.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process owns the store.
    #[error(
        "{} is in use by another sensor{}; stop that one, or give this one a file of its own",
        path.display(),
        holder.map(|id| format!(" (process {id})")).unwrap_or_default()
    )]
    Owned {
        /// The store's file.
        path: PathBuf,
        /// The process id that the owner left in the lock file. It means nothing across containers.
        holder: Option<u32>,
    },
    /// Another connection held a lock on the database for longer than this one waits. Worth trying again.
    #[error(
        "{} is locked by another program (while trying to {doing}); close whatever has it open, such as a \
         `sqlite3` shell or a backup, and try again",
        path.display()
    )]
    Locked {
        /// The store's file.
        path: PathBuf,
        /// What was being done.
        doing: String,
    },
    /// The disk, the volume's quota or the store's size limit is used up. Worth trying again once there is room.
    #[error("no room left for {} (while trying to {doing}); free space on its volume or make it larger", path.display())]
    Full {
        /// The store's file.
        path: PathBuf,
        /// What was being done.
        doing: String,
    },
    /// The file is damaged. [`Store::open`](crate::Store::open) sets such a file aside and starts anew.
    #[error("{} is damaged: {why}; start the sensor again, it sets the file aside and begins a new one", path.display())]
    Corrupt {
        /// The store's file.
        path: PathBuf,
        /// What SQLite found.
        why: String,
    },
    /// A newer release wrote the file.
    #[error(
        "{} was written by a newer release (schema {found}, this one knows up to {known}); use that release, \
         or give this one a file of its own",
        path.display()
    )]
    TooNew {
        /// The store's file.
        path: PathBuf,
        /// The schema version in the file.
        found: i64,
        /// The newest schema version that this release knows.
        known: i64,
    },
    /// The file has an older schema, or none yet, and this way of opening does not migrate.
    #[error(
        "{} has schema {found}, this release reads {known}; start this release's sensor once, it brings the \
         file up to date",
        path.display()
    )]
    TooOld {
        /// The store's file.
        path: PathBuf,
        /// The schema version in the file, 0 where there is none yet.
        found: i64,
        /// The schema version that this release reads.
        known: i64,
    },
    /// A sound SQLite database that belongs to some other program.
    #[error("{} is a database of another program; give the sensor a file of its own", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file or its folder cannot be written.
    #[error(
        "{} cannot be written (while trying to {doing}); give the sensor's user write access to the file and \
         its folder, and check that the volume is not mounted read-only",
        path.display()
    )]
    ReadOnly {
        /// The store's file.
        path: PathBuf,
        /// What was being done.
        doing: String,
    },
    /// The operating system refused.
    #[error("could not {doing} {}: {source}{}", path.display(), hint(source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done to it.
        doing: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// A row holds what this release cannot read.
    #[error("{}: {place} cannot be read: {why}", path.display())]
    Content {
        /// The store's file.
        path: PathBuf,
        /// The table and row.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// Anything else that SQLite reports.
    #[error("{}: could not {doing}: {source}", path.display())]
    Sqlite {
        /// The store's file.
        path: PathBuf,
        /// What was being done.
        doing: String,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

impl StoreError {
    /// Whether the same call may well succeed later with nothing but time or room given to it.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Locked { .. } | Self::Full { .. })
    }

    pub(crate) fn from_sqlite(path: &Path, doing: &str, source: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        let doing = doing.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path, doing },
            Some(ErrorCode::DiskFull) => Self::Full { path, doing },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt { path, why: source.to_string() }
            }
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { path, doing },
            _ => Self::Sqlite { path, doing, source },
        }
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; create the folder first, or correct the path",
        io::ErrorKind::PermissionDenied => "; give the sensor's user access to the file and its folder",
        io::ErrorKind::ReadOnlyFilesystem => "; choose a path on a volume that can be written",
        _ => "",
    }
}
