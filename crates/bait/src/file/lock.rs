//! The lock that keeps a second run away from an inventory.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::disk::{PRIVATE, beside, failed};
use crate::BaitError;

/// Held as long as it lives. It is given up in so many words: closing the file alone would leave it with a child that
/// another thread has forked and that has not yet come to its own program.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::debug!(%error, "the inventory's lock goes with its file");
        }
    }
}

impl Lock {
    /// Takes the lock of the inventory at `path`: `PATH.lock`.
    pub(super) fn take(path: &Path) -> Result<Self, BaitError> {
        let name = beside(path, ".lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(PRIVATE);
        let mut file = options.open(&name).map_err(failed("open the lock file", &name))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(BaitError::Busy { path: path.to_owned(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock", &name)(error)),
        }
        // The id only makes the other run's error more useful; the lock holds without it.
        if let Err(error) = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())) {
            tracing::debug!(%error, "the process id could not be noted in the lock file");
        }
        Ok(Self(file))
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
