//! The bytes of a replay: files, folders and standard input, cut into chunks of whole lines.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use sundew_audit::{
    decompress::{self, Compression},
    documents::{Framing, Piece, Splitter},
};

use super::mapped::{Mapped, Regular};

/// How much is read at once: large enough that reading costs little, small enough for the processor's cache.
pub(super) const CHUNK: usize = 256 << 10;
/// The longest line that is read whole, in bytes. A longer one is searched for names and not understood.
pub const MAX_LINE: usize = 16 << 20;
/// How far the parts of an over-long line overlap: no name is longer.
const OVERLAP: usize = 512;

/// Something to read events from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stdin,
    /// A file, plain or compressed.
    File(PathBuf),
}

impl std::fmt::Display for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Input {
    /// The inputs that `paths` name: `-` is standard input, a folder all files below it in order of their names.
    ///
    /// # Errors
    ///
    /// Where a path does not exist or a folder cannot be listed; the error names it.
    pub fn expand(paths: &[PathBuf]) -> Result<Vec<Self>, (PathBuf, io::Error)> {
        let mut inputs = Vec::new();
        for path in paths {
            if path.as_os_str() == "-" {
                inputs.push(Self::Stdin);
            } else {
                Self::add(path, &mut inputs).map_err(|error| (path.clone(), error))?;
            }
        }
        Ok(inputs)
    }

    fn add(path: &Path, inputs: &mut Vec<Self>) -> io::Result<()> {
        if !std::fs::metadata(path)?.is_dir() {
            inputs.push(Self::File(path.to_owned()));
            return Ok(());
        }
        let mut entries: Vec<_> = std::fs::read_dir(path)?.collect::<io::Result<_>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            // A link could lead back up; links given by name are followed, links found are not.
            if !entry.file_type()?.is_symlink() {
                Self::add(&entry.path(), inputs)?;
            }
        }
        Ok(())
    }

    /// How many bytes it has on disk, where that is known.
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::Stdin => None,
            Self::File(path) => std::fs::metadata(path).ok().map(|m| m.len()),
        }
    }
}

/// What a chunk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whole lines, each readable without those before it.
    Lines,
    /// Whole lines that must be read in order: parts of CRI lines.
    OrderedLines,
    /// One JSON document.
    Document,
    /// A part of an over-long line; true for its first.
    TooLong(bool),
    /// The input has ended.
    End,
}

/// A chunk's bytes. The room behind them is kept from chunk to chunk: making and clearing it anew for each would cost
/// as much as reading.
#[derive(Default)]
pub(super) struct Buffer {
    room: Vec<u8>,
    filled: usize,
    /// Lines that were not copied; then nothing is in the room.
    pub(super) mapped: Option<Mapped>,
}

impl Buffer {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.room[..self.filled]
    }

    /// How many bytes of input it stands for.
    pub(super) fn len(&self) -> usize {
        self.mapped.as_ref().map_or(self.filled, |mapped| mapped.len())
    }

    fn set(&mut self, bytes: &[u8]) {
        self.filled = 0;
        self.add(bytes);
    }

    fn add(&mut self, bytes: &[u8]) {
        let end = self.filled + bytes.len();
        self.make_room(end);
        self.room[self.filled..end].copy_from_slice(bytes);
        self.filled = end;
    }

    fn make_room(&mut self, wanted: usize) {
        if self.room.len() < wanted {
            self.room.reserve_exact(wanted - self.room.len());
            self.room.resize(wanted, 0);
        }
    }
}

/// An input being read.
pub(super) struct Reader {
    source: Box<dyn Read + Send>,
    compression: Compression,
    /// The file behind `source`, where that is one and not compressed.
    regular: Option<Arc<Regular>>,
    /// Whether lines may be left where they are in the file.
    map: bool,
    /// How many bytes of the input were read or mapped.
    read: u64,
    /// The file must be set to that place before it is read again.
    away: bool,
    framing: Option<Framing>,
    ordered: bool,
    /// Bytes after the last whole line.
    carry: Vec<u8>,
    ended: bool,
    /// Why reading broke off; told after what was read before it.
    failure: Option<io::Error>,
    in_long_line: bool,
    splitter: Splitter,
    documents: std::collections::VecDeque<(Vec<u8>, bool)>,
}

impl Reader {
    /// Opens `input`; `map` allows [`Buffer::mapped`] lines.
    pub(super) fn open(input: &Input, map: bool) -> io::Result<Self> {
        let (raw, regular): (Box<dyn Read + Send>, _) = match input {
            Input::Stdin => (Box::new(io::stdin()), None),
            Input::File(path) => {
                let file = File::open(path)?;
                let regular = Regular::new(&file)?;
                (Box::new(file), regular)
            }
        };
        let (compression, source) = decompress::reader(raw)?;
        Ok(Self {
            source,
            compression,
            regular: regular.filter(|_| compression == Compression::None),
            map,
            read: 0,
            away: false,
            framing: None,
            ordered: false,
            carry: Vec::new(),
            ended: false,
            failure: None,
            in_long_line: false,
            splitter: Splitter::new(MAX_LINE),
            documents: std::collections::VecDeque::new(),
        })
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.compression != Compression::None
    }

    /// Puts the next chunk into `buffer`. None at the end.
    pub(super) fn next(&mut self, buffer: &mut Buffer) -> io::Result<Option<Kind>> {
        buffer.filled = 0;
        buffer.mapped = None;
        if self.framing.is_none() {
            self.sniff();
        }
        let next = match self.framing {
            Some(Framing::Documents) => self.next_document(buffer),
            _ => self.next_window(buffer).or_else(|| self.next_lines(buffer)),
        };
        match next {
            Some(kind) => Ok(Some(kind)),
            None => self.failure.take().map_or(Ok(None), Err),
        }
    }

    /// Reads until `buffer` holds `wanted` bytes, or the source ends or breaks.
    fn fill(&mut self, buffer: &mut Buffer, wanted: usize) {
        if self.ended {
            return;
        }
        let had = buffer.filled;
        let filled = self.go_back().and_then(|()| fill(&mut self.source, buffer, wanted));
        self.read += (buffer.filled - had) as u64;
        let failure = match filled {
            Ok(true) => return,
            Ok(false) => self.regular.as_ref().and_then(|file| file.ended_at(self.read)),
            Err(error) => Some(error),
        };
        self.ended = true;
        self.failure = self.failure.take().or(failure);
    }

    /// Sets the file behind what windows have shown.
    fn go_back(&mut self) -> io::Result<()> {
        match &self.regular {
            Some(file) if std::mem::take(&mut self.away) => file.go_to(self.read),
            _ => Ok(()),
        }
    }

    /// Looks at the first bytes to tell lines from documents.
    fn sniff(&mut self) {
        let mut head = Buffer::default();
        self.fill(&mut head, CHUNK);
        let head = head.bytes();
        let framing = Framing::of(head, self.ended);
        let first = head.iter().find(|b| !b.is_ascii_whitespace());
        self.ordered = framing == Framing::Documents || !matches!(first, None | Some(b'{' | b'['));
        self.framing = Some(framing);
        self.carry.extend_from_slice(head);
    }

    /// Whole lines without copying them, where that can be.
    fn next_window(&mut self, buffer: &mut Buffer) -> Option<Kind> {
        let file = self.regular.as_ref()?;
        if !self.map || self.ordered || self.in_long_line || self.ended {
            return None;
        }
        // The beginning of a line may have been read already.
        let from = self.read - self.carry.len() as u64;
        match file.window(from) {
            Ok(mapped) => {
                let mapped = mapped?;
                self.read = from + mapped.len() as u64;
                self.away = true;
                self.carry.clear();
                buffer.mapped = Some(mapped);
                Some(Kind::Lines)
            }
            // What is left of it can still be copied.
            Err(_) => {
                self.failure = self.failure.take().or_else(|| file.shortened());
                None
            }
        }
    }

    fn next_lines(&mut self, buffer: &mut Buffer) -> Option<Kind> {
        buffer.set(&self.carry);
        self.carry.clear();
        let mut wanted = CHUNK;
        loop {
            self.fill(buffer, wanted);
            if let Some(end) = memchr::memrchr(b'\n', buffer.bytes()) {
                return Some(self.whole_lines(buffer, end + 1));
            }
            if self.ended {
                let kind = if self.in_long_line { Kind::TooLong(false) } else { self.lines() };
                return (buffer.filled > 0).then_some(kind);
            }
            if self.in_long_line || buffer.filled >= MAX_LINE {
                let first = !std::mem::replace(&mut self.in_long_line, true);
                self.carry.extend_from_slice(&buffer.bytes()[buffer.filled - OVERLAP..]);
                return Some(Kind::TooLong(first));
            }
            // Doubling keeps the cost of a long line in proportion to its length.
            wanted = (buffer.filled * 2).clamp(CHUNK, MAX_LINE);
        }
    }

    /// Leaves whole lines in `buffer`, or the end of an over-long one.
    fn whole_lines(&mut self, buffer: &mut Buffer, mut end: usize) -> Kind {
        let mut kind = self.lines();
        if std::mem::take(&mut self.in_long_line) {
            end = memchr::memchr(b'\n', buffer.bytes()).map_or(end, |first| first + 1);
            kind = Kind::TooLong(false);
        }
        self.carry.extend_from_slice(&buffer.bytes()[end..]);
        buffer.filled = end;
        kind
    }

    fn lines(&self) -> Kind {
        if self.ordered { Kind::OrderedLines } else { Kind::Lines }
    }

    fn next_document(&mut self, buffer: &mut Buffer) -> Option<Kind> {
        loop {
            if let Some((document, too_long)) = self.documents.pop_front() {
                buffer.set(&document);
                return Some(if too_long { Kind::TooLong(true) } else { Kind::Document });
            }
            if self.carry.is_empty() && !self.ended {
                // Small steps bound how many documents wait.
                self.fill(buffer, CHUNK);
                self.carry.extend_from_slice(buffer.bytes());
                buffer.filled = 0;
            }
            let documents = &mut self.documents;
            let mut keep = |piece: Piece<'_>| match piece {
                Piece::Document(text) => documents.push_back((text.to_owned(), false)),
                Piece::TooLong(head) => documents.push_back((head.to_owned(), true)),
            };
            if !self.carry.is_empty() {
                self.splitter.feed(&self.carry, &mut keep);
                self.carry.clear();
            } else {
                self.splitter.finish(&mut keep);
                if self.documents.is_empty() {
                    return None;
                }
            }
        }
    }
}

/// Reads until `buffer` holds `wanted` bytes; false at the end of the source.
fn fill(source: &mut dyn Read, buffer: &mut Buffer, wanted: usize) -> io::Result<bool> {
    buffer.make_room(wanted);
    while buffer.filled < wanted {
        match source.read(&mut buffer.room[buffer.filled..wanted]) {
            Ok(0) => return Ok(false),
            Ok(n) => buffer.filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
