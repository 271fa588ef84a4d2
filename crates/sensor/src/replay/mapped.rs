//! Plain files at rest, whose lines are passed over in the page cache without copying them.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom},
    os::unix::fs::FileExt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use sundew_audit::{
    skim::Names,
    window::{Gone, PIECE, Window},
};

/// How far a window reaches, in bytes: mapping costs little beside reading so much, and eight of them with the pieces
/// that follow, which the last line may reach into, stay under 50 MB.
const REACH: u64 = 2 * PIECE;
/// The smallest rest of a file that is worth a window, in bytes.
const LEAST: u64 = 1 << 20;
/// How many bytes of a window one page fault should map for the window to cost less than copying. Where the page cache
/// holds the file in pieces as large as it can, a fault maps 2 MiB; where it holds single pages, 64 KiB at most.
const PER_FAULT: u64 = 256 << 10;
/// How much is copied after a window that cost too much before another is tried, in bytes: after each that costs too
/// much as well it is twice as much, up to this.
const MOST_COPIED: u64 = 128 << 20;

/// A regular file that is not compressed.
pub(super) struct Regular {
    file: File,
    /// Its size when it was opened, in bytes.
    size: u64,
    /// That it was shortened has been told.
    told: AtomicBool,
    /// Before this byte windows cost more than copying.
    copied: AtomicU64,
    /// How much is copied after the next such window.
    patience: AtomicU64,
}

/// Lines of a file, in a window.
pub(super) struct Mapped {
    window: Window,
    file: Arc<Regular>,
    from: u64,
}

impl Regular {
    /// None where `file` is a pipe, a device or the like.
    pub(super) fn new(file: &File) -> io::Result<Option<Arc<Self>>> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let regular = Self {
            file: file.try_clone()?,
            size: metadata.len(),
            told: AtomicBool::new(false),
            copied: AtomicU64::new(0),
            patience: AtomicU64::new(REACH),
        };
        Ok(Some(Arc::new(regular)))
    }

    /// The next lines from the byte `from` on, which begins one. None where copying does better or nothing else will
    /// do: near the end, in a line longer than a window, where windows have cost too much, in a file that cannot be
    /// mapped, with all windows in use.
    ///
    /// # Errors
    ///
    /// If the file was shortened at this very moment.
    pub(super) fn window(self: &Arc<Self>, from: u64) -> io::Result<Option<Mapped>> {
        if from < self.copied.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let left = self.file.metadata()?.len().saturating_sub(from);
        if left < LEAST {
            return Ok(None);
        }
        let enough = REACH - from % PIECE;
        let most = left.min(enough + PIECE);
        match Window::open(&self.file, from, enough as usize, most as usize) {
            Ok(window) => Ok(window.map(|window| Mapped { window, file: Arc::clone(self), from })),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Makes the next read of the file, by whatever handle, begin at the byte `at`.
    pub(super) fn go_to(&self, at: u64) -> io::Result<()> {
        (&self.file).seek(SeekFrom::Start(at)).map(drop)
    }

    /// At the end of the file, which was at the byte `end`: the failure to tell, if it once had more.
    pub(super) fn ended_at(&self, end: u64) -> Option<io::Error> {
        let size = self.file.metadata().map_or(0, |metadata| metadata.len());
        if size < self.size.max(end) { self.shortened() } else { None }
    }

    /// The failure to tell, the first time it is asked for.
    pub(super) fn shortened(&self) -> Option<io::Error> {
        let told = self.told.swap(true, Ordering::Relaxed);
        (!told)
            .then(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the file was shortened while it was read"))
    }
}

impl Mapped {
    /// Its length in bytes.
    pub(super) fn len(&self) -> usize {
        self.window.len()
    }

    /// Passes over the lines, as [`Window::skim`] does, and notes it if copying were better.
    pub(super) fn skim(&self, names: &Names, look: impl FnMut(&[u8])) -> Result<u64, Gone> {
        let file = &self.file;
        let length = self.len() as u64;
        if self.window.touch().is_some_and(|faults| faults * PER_FAULT <= length) {
            file.patience.store(REACH, Ordering::Relaxed);
        } else {
            let patience = file.patience.load(Ordering::Relaxed);
            file.patience.store(MOST_COPIED.min(patience * 2), Ordering::Relaxed);
            file.copied.fetch_max(self.from + length + patience, Ordering::Relaxed);
        }
        let passed = self.window.skim(names, look)?;
        // The page that a shortened file ends in stays, with zeros behind the end.
        let size = file.file.metadata().map_or(0, |metadata| metadata.len());
        if size < self.from + length { Err(Gone) } else { Ok(passed) }
    }

    /// After the window has lost pages: what the file still has of its bytes, copied, and the failure to tell.
    pub(super) fn copy(&self) -> (Vec<u8>, Option<io::Error>) {
        let mut bytes = vec![0; self.window.len()];
        let mut have = 0;
        let broken = loop {
            match self.file.file.read_at(&mut bytes[have..], self.from + have as u64) {
                Ok(0) => break None,
                Ok(n) => have += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Some(error),
            }
        };
        bytes.truncate(have);
        (bytes, broken.or_else(|| self.file.shortened()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A file of two windows and more, in lines of 64 bytes.
    fn file() -> (File, Vec<u8>) {
        let bytes = [[b'x'; 63].as_slice(), b"\n"].concat().repeat((3 * REACH / 64) as usize);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        (file, bytes)
    }

    #[test]
    fn of_a_window_that_lost_its_pages_the_rest_is_copied_and_told_once() {
        let (file, bytes) = file();
        let regular = Regular::new(&file).unwrap().unwrap();
        let first = regular.window(0).unwrap().unwrap();
        let from = first.len() as u64;
        let second = regular.window(from).unwrap().unwrap();
        let kept = from + 100_000;
        file.set_len(kept).unwrap();
        let names = Names::new(["exec"]);
        assert_eq!(second.skim(&names, |_| {}), Err(Gone));
        let (copy, failure) = second.copy();
        assert_eq!(copy, bytes[first.len()..kept as usize]);
        assert_eq!(failure.unwrap().kind(), io::ErrorKind::UnexpectedEof);
        let mut looks = 0;
        assert_eq!(first.skim(&names, |_| looks += 1), Ok(0), "the file still has what it shows");
        assert_eq!(looks, first.len() / 64);
        assert!(regular.ended_at(kept).is_none(), "it was told");
    }

    #[test]
    fn a_file_that_lost_only_its_last_bytes_under_a_window_is_read_again() {
        let (file, bytes) = file();
        let regular = Regular::new(&file).unwrap().unwrap();
        let window = regular.window(2 * REACH).unwrap().unwrap();
        file.set_len(bytes.len() as u64 - 30).unwrap();
        assert_eq!(window.skim(&Names::new(["exec"]), |_| {}), Err(Gone));
        assert_eq!(window.copy().0, bytes[2 * REACH as usize..bytes.len() - 30]);
    }

    #[test]
    fn a_file_that_was_shortened_between_windows_is_told_at_its_end() {
        let (file, _) = file();
        let regular = Regular::new(&file).unwrap().unwrap();
        file.set_len(REACH).unwrap();
        assert!(regular.window(REACH).unwrap().is_none(), "there is nothing left");
        assert!(regular.ended_at(REACH).is_some());
        assert!(regular.ended_at(REACH).is_none(), "once is enough");
    }

    #[test]
    fn a_file_that_grew_is_none_that_shrank() {
        let (mut file, bytes) = file();
        let regular = Regular::new(&file).unwrap().unwrap();
        file.write_all(b"more\n").unwrap();
        assert!(regular.ended_at(bytes.len() as u64 + 5).is_none());
    }
}
