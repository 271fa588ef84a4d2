//! What reading the log brings: lines, a position, and what is worth telling besides.

use std::{fmt, path::PathBuf};

use super::FilePosition;

/// What one [`FileTail::read`](super::FileTail::read) brought, besides the lines in the buffer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOutcome {
    /// The position after what was handed out; to be stored together with what the lines brought about, also where
    /// there are no lines. Absent while no file has been found yet.
    pub position: Option<FilePosition>,
    /// Whether reading again at once is worthwhile. Otherwise [`FileTail::wait`](super::FileTail::wait) first.
    pub more: bool,
    /// What happened, in order.
    pub notices: Vec<Notice>,
    /// A line too long to be handed out whole; then the buffer is empty.
    pub long_line: Option<LongLine>,
}

/// A line that is longer than [`TailOptions::max_line`](super::TailOptions::max_line).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongLine {
    /// Its beginning, at most 64 KiB.
    pub head: Vec<u8>,
    /// Its length in bytes, the newline not counted.
    pub bytes: u64,
    /// Where in the file it begins, in bytes.
    pub offset: u64,
}

/// Something about the log that is not a line of it. `Display` makes a sentence of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// There is no file at the path, and none was read since the start; it is waited for.
    Missing {
        /// The log.
        file: PathBuf,
    },
    /// The file that was read is gone, with none in its place for [`TailOptions::absence`](super::TailOptions::absence);
    /// another is waited for. Said once until [`Notice::Appeared`].
    Gone {
        /// The log.
        file: PathBuf,
    },
    /// A file that was missing or unreadable can be read now.
    Appeared {
        /// The log.
        file: PathBuf,
    },
    /// The end of the live file was reached.
    CaughtUp {
        /// The log.
        file: PathBuf,
    },
    /// The file was rotated, and read to its end.
    Rotated {
        /// Its name as a backup.
        to: PathBuf,
    },
    /// Another file is in the place of the old one, which was read to its end and is not among the backups.
    Replaced {
        /// The log.
        file: PathBuf,
    },
    /// The file was truncated or written anew in place. It is read again from its beginning. What was written
    /// between the last read and then is lost.
    Shrunk {
        /// The file.
        file: PathBuf,
        /// How far it had been read, in bytes.
        from: u64,
        /// Its length now, in bytes.
        to: u64,
    },
    /// A gap: events that were logged were never read, and no longer can be.
    Missed {
        /// What is missing, in words.
        what: String,
    },
    /// A line was too long to be handed out whole.
    LineTooLong {
        /// The file.
        file: PathBuf,
        /// Where the line begins, in bytes.
        offset: u64,
        /// Its length in bytes.
        bytes: u64,
    },
    /// A file or folder cannot be read. Said once; the live file and its folder are tried again and again.
    Unreadable {
        /// The file or folder.
        file: PathBuf,
        /// Why, and what to do.
        why: String,
    },
}

impl Notice {
    /// Whether events may have been lost.
    pub fn is_gap(&self) -> bool {
        matches!(self, Self::Missed { .. } | Self::Shrunk { .. })
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { file } => write!(f, "{} does not exist; waiting for it", file.display()),
            Self::Gone { file } => write!(
                f,
                "{} is gone and no new file has come; what the API server logs now may be lost",
                file.display()
            ),
            Self::Appeared { file } => write!(f, "{} can be read now", file.display()),
            Self::CaughtUp { file } => write!(f, "{} is read to its end", file.display()),
            Self::Rotated { to } => {
                write!(f, "the log was rotated to {}, which is read to its end", to.display())
            }
            Self::Replaced { file } => {
                write!(f, "{} is another file now; the old one was read to its end", file.display())
            }
            Self::Shrunk { file, from, to } => write!(
                f,
                "{} was truncated from {from} or more to {to} bytes and is read from its beginning; what was \
                 written just before is lost",
                file.display()
            ),
            Self::Missed { what } => write!(f, "events were missed: {what}"),
            Self::LineTooLong { file, offset, bytes } => {
                write!(f, "{}: the line at byte {offset} is {bytes} bytes long", file.display())
            }
            Self::Unreadable { file, why } => write!(f, "{} cannot be read: {why}", file.display()),
        }
    }
}
