//! A log in a folder of its own, and a reader of it that remembers what it saw.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use sundew_sensor::source::file::{FilePosition, FileTail, LongLine, Notice, StartAt, TailOptions};
use tempfile::TempDir;

pub(crate) struct Log {
    pub(crate) folder: TempDir,
    pub(crate) path: PathBuf,
}

impl Log {
    /// A folder for a log that does not exist yet.
    pub(crate) fn missing() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        Self { folder, path }
    }

    pub(crate) fn with(text: &str) -> Self {
        let log = Self::missing();
        log.append(text);
        log
    }

    pub(crate) fn append(&self, text: &str) {
        append(&self.path, text);
    }

    pub(crate) fn backup(&self, n: u32) -> PathBuf {
        self.folder.path().join(format!("audit-2026-11-20T21-33-{n:02}.123.log"))
    }

    /// What the API server does, with `n` in the stamp; returns the backup's name.
    pub(crate) fn rotate(&self, n: u32) -> PathBuf {
        let backup = self.backup(n);
        fs::rename(&self.path, &backup).unwrap();
        File::create_new(&self.path).unwrap();
        backup
    }

    pub(crate) fn reader(&self, start: StartAt) -> Reader {
        Reader::new(self, None, start, TailOptions::default())
    }

    /// As after a restart: the position went through JSON.
    pub(crate) fn resumed(&self, position: &FilePosition) -> Reader {
        let json = serde_json::to_string(position).unwrap();
        let position = serde_json::from_str(&json).unwrap();
        Reader::new(self, Some(position), StartAt::End, TailOptions::default())
    }
}

pub(crate) fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Leaves the plain file where it is.
pub(crate) fn gzip_beside(path: &Path) -> PathBuf {
    let packed = PathBuf::from(format!("{}.gz", path.display()));
    let mut encoder = GzEncoder::new(File::create(&packed).unwrap(), Compression::fast());
    encoder.write_all(&fs::read(path).unwrap()).unwrap();
    encoder.finish().unwrap();
    packed
}

pub(crate) fn gzip(path: &Path) -> PathBuf {
    let packed = gzip_beside(path);
    fs::remove_file(path).unwrap();
    packed
}

pub(crate) fn zstd(path: &Path) -> PathBuf {
    let packed = PathBuf::from(format!("{}.zst", path.display()));
    fs::write(&packed, zstd::encode_all(File::open(path).unwrap(), 1).unwrap()).unwrap();
    fs::remove_file(path).unwrap();
    packed
}

pub(crate) struct Reader {
    pub(crate) tail: FileTail,
    pub(crate) position: Option<FilePosition>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) long_lines: Vec<LongLine>,
    /// What the watch on long lines was given, each line put together again.
    pub(crate) watched: Vec<Vec<u8>>,
    /// The largest buffer handed out.
    pub(crate) largest: usize,
}

impl Reader {
    pub(crate) fn new(log: &Log, resume: Option<FilePosition>, start: StartAt, options: TailOptions) -> Self {
        let tail = FileTail::open_with(log.path.clone(), resume, start, options).unwrap();
        let (position, notices, long_lines, watched) = (None, Vec::new(), Vec::new(), Vec::new());
        Self { tail, position, notices, long_lines, watched, largest: 0 }
    }

    /// One read: the lines, and whether there is more.
    pub(crate) fn once(&mut self) -> (String, bool) {
        let mut buffer = Vec::new();
        let watched = &mut self.watched;
        let outcome = self.tail.read(&mut buffer, &mut |at, part| {
            if at == 0 {
                watched.push(Vec::new());
            }
            let line = watched.last_mut().unwrap();
            assert_eq!(line.len() as u64, at, "pieces come in order");
            line.extend_from_slice(part);
        });
        self.position = outcome.position;
        self.notices.extend(outcome.notices);
        self.long_lines.extend(outcome.long_line);
        self.largest = self.largest.max(buffer.len());
        (String::from_utf8(buffer).unwrap(), outcome.more)
    }

    /// Reads until there is no more for now.
    pub(crate) fn all(&mut self) -> String {
        let mut text = String::new();
        loop {
            let (lines, more) = self.once();
            text.push_str(&lines);
            if !more {
                return text;
            }
        }
    }

    /// The notices since the last call, without those that only say that the end was reached.
    pub(crate) fn told(&mut self) -> Vec<Notice> {
        let told = std::mem::take(&mut self.notices);
        told.into_iter().filter(|notice| !matches!(notice, Notice::CaughtUp { .. })).collect()
    }
}
