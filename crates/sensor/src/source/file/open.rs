//! One open file of the log: lines out of it, whatever it is compressed with.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{
    FilePosition, LongLine, TailOptions,
    backups::{self, Backup, Form},
    position::{self, FileId, Identity},
};

/// How much is read at once, in bytes.
const CHUNK: u64 = 256 << 10;

/// How much of a line that is too long is kept, in bytes.
const LONG_HEAD: usize = 64 << 10;

/// Given the place in the line and the bytes there.
pub(super) type Watch<'a> = &'a mut dyn FnMut(u64, &[u8]);

enum Input {
    Plain(File),
    Packed(Box<dyn Read + Send>),
}

impl Read for Input {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(bytes),
            Self::Packed(reader) => reader.read(bytes),
        }
    }
}

pub(super) struct OpenFile {
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    /// The stamp, for a backup.
    pub(super) backup: Option<String>,
    /// The stamp of the newest backup before this file.
    pub(super) after: Option<String>,
    /// After the last line handed out.
    pub(super) offset: u64,
    input: Input,
    /// The first bytes of a plain file, as they were when last looked at.
    head: Vec<u8>,
    hash: String,
    /// How far `input` was read.
    read: u64,
    /// What was read after the last line handed out.
    partial: Vec<u8>,
    long: Option<LongLine>,
}

/// What [`OpenFile::fill`] came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// The buffer is full, there may be more.
    More,
    /// There is no more for now.
    End,
    /// A line too long to hold ended. The buffer is empty.
    Long(LongLine),
}

impl OpenFile {
    /// Opens a plain file at its beginning.
    pub(super) fn plain(path: &Path) -> io::Result<Self> {
        let file = backups::open_regular(path)?;
        let id = FileId::from(&file.metadata()?);
        let head = position::read_head(&file)?;
        let hash = position::hash_of_head(&head);
        Ok(Self::new(path, id, Input::Plain(file), head, hash))
    }

    /// Opens a backup at its beginning.
    pub(super) fn backup(backup: &Backup) -> io::Result<Self> {
        let mut open = if backup.form == Form::Plain {
            Self::plain(&backup.path)?
        } else {
            let Identity { hash, .. } = position::identify(backup)?;
            let file = backups::open_regular(&backup.path)?;
            let id = FileId::from(&file.metadata()?);
            let input = Input::Packed(backups::unpack(file, backup.form)?);
            Self::new(&backup.path, id, input, Vec::new(), hash)
        };
        open.backup = Some(backup.stamp.clone());
        Ok(open)
    }

    fn new(path: &Path, id: FileId, input: Input, head: Vec<u8>, hash: String) -> Self {
        Self {
            path: path.to_path_buf(),
            id,
            backup: None,
            after: None,
            offset: 0,
            input,
            head,
            hash,
            read: 0,
            partial: Vec::new(),
            long: None,
        }
    }

    pub(super) fn identity(&self) -> Identity {
        Identity { id: self.id, hash: self.hash.clone() }
    }

    pub(super) fn position(&self) -> FilePosition {
        FilePosition {
            device: self.id.device,
            inode: self.id.inode,
            first_line_hash: self.hash.clone(),
            offset: self.offset,
            backup: self.backup.clone(),
            after: self.after.clone(),
        }
    }

    /// Goes on at `offset`, which must be the beginning of a line. Where the file ends before, returns its length; then
    /// a plain file is still at its beginning, and a compressed one is used up.
    pub(super) fn skip_to(&mut self, offset: u64) -> io::Result<Option<u64>> {
        let length = match &mut self.input {
            Input::Plain(file) => {
                let length = file.metadata()?.len();
                if length >= offset {
                    file.seek(SeekFrom::Start(offset))?;
                }
                length
            }
            Input::Packed(reader) => io::copy(&mut reader.take(offset), &mut io::sink())?,
        };
        if length < offset {
            return Ok(Some(length));
        }
        self.offset = offset;
        self.read = offset;
        Ok(None)
    }

    /// Goes to the end of the last complete line of a plain file.
    pub(super) fn skip_to_last_line(&mut self) -> io::Result<()> {
        let Input::Plain(file) = &self.input else { return Ok(()) };
        let mut end = file.metadata()?.len();
        let mut block = vec![0; CHUNK as usize];
        while end > 0 {
            let start = end.saturating_sub(CHUNK);
            let block = &mut block[..(end - start) as usize];
            file.read_exact_at(block, start)?;
            if let line @ 1.. = after_last_newline(block) {
                end = start + line as u64;
                break;
            }
            end = start;
        }
        self.skip_to(end)?;
        Ok(())
    }

    /// Looks whether a plain file is still the one that was read so far, only longer. Otherwise goes back to its
    /// beginning and returns how far it had been read and how long it is.
    pub(super) fn rewind_if_rewritten(&mut self) -> io::Result<Option<(u64, u64)>> {
        let Input::Plain(file) = &mut self.input else { return Ok(None) };
        let length = file.metadata()?.len();
        let head = position::read_head(file)?;
        if length >= self.read && head.starts_with(&self.head) {
            self.hash = position::hash_of_head(&head);
            self.head = head;
            return Ok(None);
        }
        file.seek(SeekFrom::Start(0))?;
        let from = self.offset;
        self.hash = position::hash_of_head(&head);
        self.head = head;
        self.offset = 0;
        self.read = 0;
        self.partial.clear();
        self.long = None;
        Ok(Some((from, length)))
    }

    /// Fills the empty `lines` with complete lines: about `max_bytes`, or one line. A line over `max_line` is given to
    /// `watch` piece by piece instead.
    pub(super) fn fill(
        &mut self,
        lines: &mut Vec<u8>,
        options: &TailOptions,
        watch: Watch<'_>,
    ) -> io::Result<Filled> {
        if self.long.is_some() {
            return self.pass_long(options, watch);
        }
        // Not `append`: what is partial is mostly short, and the caller's buffer is the large one.
        lines.extend_from_slice(&self.partial);
        self.partial.clear();
        let mut complete = after_last_newline(lines);
        let ended = loop {
            let start = lines.len();
            let read = self.read_chunk(lines);
            if let end @ 1.. = after_last_newline(&lines[start..]) {
                complete = start + end;
            }
            match read {
                Err(error) => break Err(error),
                Ok(true) => break Ok(Filled::End),
                Ok(false) if complete > 0 && lines.len() >= options.max_bytes => break Ok(Filled::More),
                Ok(false) if complete == 0 && lines.len() > options.max_line => break Ok(Filled::More),
                Ok(false) => {}
            }
        };
        self.learn_head(lines);
        if complete == 0 && lines.len() > options.max_line {
            self.begin_long(lines, watch);
        } else {
            self.partial.extend_from_slice(&lines[complete..]);
            lines.truncate(complete);
            self.offset += complete as u64;
        }
        ended
    }

    /// What stands after the last newline of a file that nobody will write any more.
    pub(super) fn take_rest(&mut self, lines: &mut Vec<u8>) -> Option<LongLine> {
        if let Some(long) = self.long.take() {
            self.offset += long.bytes;
            return Some(long);
        }
        self.offset += self.partial.len() as u64;
        lines.append(&mut self.partial);
        None
    }

    /// Whether a line has begun that has not ended.
    pub(super) fn has_rest(&self) -> bool {
        self.long.is_some() || !self.partial.is_empty()
    }

    /// Appends up to a chunk; true at the end of the file.
    fn read_chunk(&mut self, into: &mut Vec<u8>) -> io::Result<bool> {
        let start = into.len();
        let result = (&mut self.input).take(CHUNK).read_to_end(into);
        let read = (into.len() - start) as u64;
        self.read += read;
        result.map(|_| read < CHUNK)
    }

    fn begin_long(&mut self, lines: &mut Vec<u8>, watch: Watch<'_>) {
        watch(0, lines);
        let bytes = lines.len() as u64;
        lines.truncate(LONG_HEAD);
        let head = std::mem::take(lines);
        self.long = Some(LongLine { head, bytes, offset: self.offset });
    }

    /// Reads on in a long line, about `max_line` bytes at once.
    fn pass_long(&mut self, options: &TailOptions, watch: Watch<'_>) -> io::Result<Filled> {
        let Some(mut long) = self.long.take() else { return Ok(Filled::More) };
        let mut chunk = Vec::new();
        let enough = long.bytes + options.max_line as u64;
        let ended = loop {
            chunk.clear();
            let read = self.read_chunk(&mut chunk);
            let newline = chunk.iter().position(|&byte| byte == b'\n');
            let part = &chunk[..newline.unwrap_or(chunk.len())];
            watch(long.bytes, part);
            long.bytes += part.len() as u64;
            if let Some(newline) = newline {
                self.offset += long.bytes + 1;
                self.partial.extend_from_slice(&chunk[newline + 1..]);
                // An error that came behind these bytes comes again with the next read.
                return Ok(Filled::Long(long));
            }
            match read {
                Err(error) => break Err(error),
                Ok(true) => break Ok(Filled::End),
                Ok(false) if long.bytes >= enough => break Ok(Filled::More),
                Ok(false) => {}
            }
        };
        self.long = Some(long);
        ended
    }

    /// Takes the file's first bytes from those that were read, while the first line is incomplete.
    fn learn_head(&mut self, lines: &[u8]) {
        if self.offset > 0 || self.head.len() >= lines.len().min(position::HEAD) {
            return;
        }
        self.head.clear();
        self.head.extend_from_slice(&lines[..lines.len().min(position::HEAD)]);
        self.hash = position::hash_of_head(&self.head);
    }
}

/// 0 where there is none.
fn after_last_newline(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1)
}
