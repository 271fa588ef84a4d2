//! Where in the log reading stopped, and how a file is known again.

use std::{
    fs::{File, Metadata},
    io::{self, Read},
    os::unix::fs::{FileExt, MetadataExt},
};

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use super::backups::{self, Backup, Form};

/// How much of the first line identifies a file, in bytes.
pub(super) const HEAD: usize = 1024;

/// Where to begin where nothing was read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAt {
    /// With the oldest backup.
    OldestBackup,
    /// With the first line of the live file.
    Beginning,
    /// After the last complete line of the live file. A log that does not exist yet is read from its first line.
    End,
}

/// How far a log has been read. Stored as JSON; a file is known again by its first line and, where it was not
/// compressed or copied since, by its inode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePosition {
    /// The number of the device that the file is on.
    pub device: u64,
    /// The file's inode. Inodes are used again, so this alone says little.
    pub inode: u64,
    /// SHA-256 in hex of the first line with its newline, or of the first 1,024 bytes where it is longer. Empty while
    /// the file has neither; then `offset` is 0.
    pub first_line_hash: String,
    /// After the last line handed out, in bytes, of the uncompressed file.
    pub offset: u64,
    /// The stamp in the file's name, if it is known to be a backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
    /// The stamp of the newest backup that is older than the file, where there is one. Should the file itself be gone
    /// after a restart, whatever is newer than this has not been read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl FilePosition {
    pub(super) fn id(&self) -> FileId {
        FileId { device: self.device, inode: self.inode }
    }

    /// Backups with a later stamp have not been read.
    pub(super) fn floor(&self) -> Option<String> {
        self.backup.clone().or_else(|| self.after.clone())
    }
}

/// Device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl From<&Metadata> for FileId {
    fn from(meta: &Metadata) -> Self {
        Self { device: meta.dev(), inode: meta.ino() }
    }
}

/// What a file is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) id: FileId,
    /// Empty as in [`FilePosition::first_line_hash`].
    pub(super) hash: String,
}

impl Identity {
    /// Whether this is the file that the position is in. The first line decides, since a backup may have been
    /// compressed or copied; a file without one is known by its place alone.
    pub(super) fn is_in(&self, position: &FilePosition) -> bool {
        match position.first_line_hash.as_str() {
            "" => position.offset == 0 && self.id == position.id(),
            hash => self.hash == hash,
        }
    }
}

/// Identifies a backup; reads at most its first 1,024 bytes.
pub(super) fn identify(backup: &Backup) -> io::Result<Identity> {
    let file = backups::open_regular(&backup.path)?;
    let id = FileId::from(&file.metadata()?);
    let head = match backup.form {
        Form::Plain => read_head(&file)?,
        form => {
            let mut head = Vec::new();
            backups::unpack(file, form)?.take(HEAD as u64).read_to_end(&mut head)?;
            head
        }
    };
    Ok(Identity { id, hash: hash_of_head(&head) })
}

/// The first 1,024 bytes, or what there is.
pub(super) fn read_head(file: &File) -> io::Result<Vec<u8>> {
    let mut head = vec![0; HEAD];
    let mut length = 0;
    while length < HEAD {
        match file.read_at(&mut head[length..], length as u64) {
            Ok(0) => break,
            Ok(bytes) => length += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    head.truncate(length);
    Ok(head)
}

/// The hash of the first line in `head`, empty while that is incomplete.
pub(super) fn hash_of_head(head: &[u8]) -> String {
    let line = match head.iter().position(|&byte| byte == b'\n') {
        Some(newline) => &head[..=newline],
        None if head.len() >= HEAD => &head[..HEAD],
        None => return String::new(),
    };
    digest::digest(&digest::SHA256, line).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
