//! Windows onto files: whole lines are passed over where they lie in the page cache, without being copied.
//!
//! What is mapped belongs to the file and not to this process: another program may shorten the file, which takes the
//! pages away, or write to it. So the bytes are shown to nothing but the [skim](crate::skim), lines that must be read
//! are copied first, and a window that lost pages says so in place of a result (see `guard`).

mod guard;

use std::{fs::File, io};

use guard::Pages;

use crate::skim::{self, Names};

/// Where windows should begin, in bytes of the file: the page cache keeps large files in pieces of up to this size, and
/// only pieces that are mapped whole are mapped at once. Elsewhere each 4 KiB costs about as much as copying them.
pub const PIECE: u64 = 2 << 20;
/// How many windows may be open at a time in this process, so that mapped memory is bounded.
pub const MOST: usize = guard::SLOTS;

/// How many bytes the system maps at once, at most, where the page cache holds single pages (`fault_around_bytes`).
pub const TOUCH: usize = 64 << 10;

/// The file was shortened, or could not be read, while a window onto it was open: pages of the window are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a part of the file went away while it was read")]
pub struct Gone;

/// Whole lines of a file.
#[derive(Debug)]
pub struct Window {
    pages: Pages,
    /// Where the lines begin in the pages.
    skipped: usize,
    length: usize,
}

impl Window {
    /// The lines of `file` from the byte `from` on, which begins a line: up to the first line end that leaves at least
    /// `enough` bytes in the window, or else the last one before that. None if the first `most` bytes have no line end
    /// at all. `most` must not reach over the file's end.
    ///
    /// # Errors
    ///
    /// `ResourceBusy` if [`MOST`] windows are open; `UnexpectedEof` if the file ends sooner; what the system says if
    /// the file cannot be mapped.
    pub fn open(file: &File, from: u64, enough: usize, most: usize) -> io::Result<Option<Self>> {
        let skipped = (from % PIECE) as usize;
        let pages = Pages::map(file, from - from % PIECE, skipped + most)?;
        let mut window = Self { pages, skipped, length: most };
        let end = window.read(|bytes| {
            let (sure, rest) = bytes.split_at(enough.clamp(1, most) - 1);
            match memchr::memchr(b'\n', rest) {
                Some(at) => Some(sure.len() + at),
                None => memchr::memrchr(b'\n', sure),
            }
        });
        let end = end.map_err(|gone| io::Error::new(io::ErrorKind::UnexpectedEof, gone))?;
        Ok(end.map(|end| {
            window.length = end + 1;
            window
        }))
    }

    /// Its length in bytes, the last line's end included.
    #[expect(clippy::len_without_is_empty, reason = "a window has at least one line")]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Reads one byte of each [`TOUCH`], and says how many of them were not mapped before: few where the page cache
    /// holds the file in large pieces, else nearly all, and then the window costs more than copying. None where the
    /// system does not count, or pages are gone.
    pub fn touch(&self) -> Option<u64> {
        let faults = self.read(|bytes| {
            let before = guard::faults()?;
            bytes.iter().step_by(TOUCH).for_each(|byte| _ = std::hint::black_box(*byte));
            Some(guard::faults()? - before)
        });
        faults.ok().flatten()
    }

    /// Passes over the lines as [`skim::skim`] does; `look` gets a copy of each line that must be read, without its
    /// end.
    ///
    /// # Errors
    ///
    /// If pages are gone: then whatever `look` was given counts for nothing, and what is left of the file must be read
    /// another way.
    pub fn skim(&self, names: &Names, mut look: impl FnMut(&[u8])) -> Result<u64, Gone> {
        let mut copy = Vec::new();
        self.read(|bytes| {
            skim::skim(names, bytes, |line| {
                copy.clear();
                copy.extend_from_slice(&bytes[line]);
                look(&copy);
            })
        })
    }

    /// What `pass` makes of the bytes, unless some of them were not the file's.
    ///
    /// `pass` may be shown one byte with two values, if somebody writes to the file meanwhile.
    fn read<T>(&self, pass: impl FnOnce(&[u8]) -> T) -> Result<T, Gone> {
        // SAFETY: `Pages` has mapped at least `skipped + length` bytes for as long as it lives; a page that the file
        // loses is replaced, so that every read succeeds. The promise that nobody changes the bytes is not ours to
        // give: `pass` is only ever one of the three above, none of which takes a second look at a byte to decide
        // whether a read or a write is in bounds.
        let bytes = unsafe { std::slice::from_raw_parts(self.pages.start().add(self.skipped), self.length) };
        let result = pass(bytes);
        if self.pages.lost() { Err(Gone) } else { Ok(result) }
    }
}
