//! The file source: follows an audit log through rotations, restarts, truncation and absence, and hands out its lines.
//!
//! A log is a sequence of files: backups from the oldest to the newest, then the live file. This reads one after the
//! other. Going on from one file to the next it opens the live file first and lists the backups afterwards: a backup
//! newer than the file just finished comes next; without one, nothing was rotated in between and the live file
//! comes next. So no number of rotations between two looks loses a file.
//!
//! After a restart the stored position's file is looked for: at the path, then among the backups, by inode and
//! first line, then by first line alone. Where it is gone, that is told as a gap ([`Notice::Missed`]), and reading
//! goes on with the oldest backup that is newer than every file that was read before ([`FilePosition::after`]).
//! Where in doubt lines are handed out twice rather than never: a position that was not stored yet, or a clock that
//! was put back between rotations, makes repeats.

mod backups;
mod notice;
mod open;
mod position;
mod resume;
mod wait;

use std::{
    collections::BTreeSet,
    fs, io, mem,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

pub use notice::{LongLine, Notice, ReadOutcome};
use open::{Filled, OpenFile, Watch};
use position::FileId;
pub use position::{FilePosition, StartAt};
use wait::{Look, Waiter};
pub use wait::{Waker, Woken};

/// Why a log cannot be followed at all. What may pass is a [`Notice`] instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TailError {
    /// The path ends in no name.
    #[error("`{}` names no file; give the path of the audit log itself, such as /var/log/kubernetes/audit.log", path.display())]
    NoName {
        /// The path.
        path: PathBuf,
    },
}

/// Sizes and times; [`Default`] is for production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailOptions {
    /// About how many bytes of lines one read hands out; 1 MiB.
    pub max_bytes: usize,
    /// From about how many bytes on a line is passed on in pieces; 16 MiB. Audit events can be megabytes, since the
    /// API server does not truncate by default.
    pub max_line: usize,
    /// How often the file is looked at where inotify says nothing; 1 s.
    pub poll: Duration,
    /// How long a log that was read may be gone before that is told as [`Notice::Gone`]; 30 s. A rotation leaves none
    /// for a moment.
    pub absence: Duration,
}

impl Default for TailOptions {
    fn default() -> Self {
        Self {
            max_bytes: 1 << 20,
            max_line: 16 << 20,
            poll: Duration::from_secs(1),
            absence: Duration::from_secs(30),
        }
    }
}

/// Follows one log. Blocks in [`FileTail::wait`] alone, so give it a thread: read until there is no more, wait, and
/// again.
pub struct FileTail {
    path: PathBuf,
    options: TailOptions,
    state: State,
    waiter: Waiter,
    position: Option<FilePosition>,
    /// Whether [`Notice::CaughtUp`] is still to be said.
    behind: bool,
    missing_since: Option<Instant>,
    /// Whether [`Notice::Missing`], [`Notice::Gone`] or [`Notice::Unreadable`] was said of the live file.
    absent: bool,
    /// Whether [`Notice::Gone`] was said of it.
    gone: bool,
    /// Of what [`Notice::Unreadable`] was said and is still true.
    unreadable: BTreeSet<PathBuf>,
    notices: Vec<Notice>,
    /// What the path looked like before it was last read.
    seen: Option<Look>,
}

enum State {
    /// Nothing found yet.
    Start(Begin),
    /// In this file.
    Reading(Box<OpenFile>),
    /// Through with a file; the oldest backup with a later stamp is next, or the live file.
    Between(Option<String>),
}

enum Begin {
    Resume(FilePosition),
    At(StartAt),
}

/// Whether a step brought something to hand out.
enum Step {
    /// Go on with the next step.
    Again,
    /// Return to the caller, who had better read again at once.
    HandOut(Option<LongLine>),
    /// Return to the caller, there is nothing more for now.
    Wait,
}

/// What is at the log's path now, compared with the file being read.
enum AtPath {
    Same,
    Another,
    Nothing,
    Unreadable(io::Error),
}

impl FileTail {
    /// Follows the log at `path`, from where `resume` says or, without it, from `start`. The file need not exist yet;
    /// nothing is read before the first [`FileTail::read`].
    ///
    /// # Errors
    ///
    /// [`TailError::NoName`] for a path such as `/` or one that ends in `..`.
    pub fn open(path: PathBuf, resume: Option<FilePosition>, start: StartAt) -> Result<Self, TailError> {
        Self::open_with(path, resume, start, TailOptions::default())
    }

    /// As [`FileTail::open`], with other sizes and times.
    ///
    /// # Errors
    ///
    /// As [`FileTail::open`].
    pub fn open_with(
        path: PathBuf,
        resume: Option<FilePosition>,
        start: StartAt,
        options: TailOptions,
    ) -> Result<Self, TailError> {
        if path.file_name().is_none() {
            return Err(TailError::NoName { path });
        }
        let begin = resume.clone().map_or(Begin::At(start), Begin::Resume);
        Ok(Self {
            // Before the first read, so that nothing can happen between that and the first wait.
            waiter: Waiter::new(&path),
            path,
            options,
            state: State::Start(begin),
            position: resume,
            behind: true,
            missing_since: None,
            absent: false,
            gone: false,
            unreadable: BTreeSet::new(),
            notices: Vec::new(),
            seen: None,
        })
    }

    /// Replaces what is in `lines` with the next complete lines, all of one file. The last line of a file that was
    /// rotated may lack its newline. A line longer than [`TailOptions::max_line`] is given to `long` in pieces as they
    /// come, each with its place in the line (0 begins one), and then named in [`ReadOutcome::long_line`].
    ///
    /// Never fails: what stands in the way is a [`Notice`], and is tried again with the next read.
    pub fn read(&mut self, lines: &mut Vec<u8>, long: &mut dyn FnMut(u64, &[u8])) -> ReadOutcome {
        lines.clear();
        let mut fresh = true;
        let (more, long_line) = loop {
            match self.step(lines, long, fresh) {
                Step::Again => fresh = false,
                Step::HandOut(long_line) => break (true, long_line),
                Step::Wait => break (false, None),
            }
        };
        if let State::Reading(file) = &self.state {
            self.position = Some(file.position());
        }
        ReadOutcome {
            position: self.position.clone(),
            more,
            notices: mem::take(&mut self.notices),
            long_line,
        }
    }

    /// Blocks until the log changes or `timeout` is over; no longer than [`TailOptions::poll`] while the log is missing
    /// or cannot be read. Read again in all cases.
    pub fn wait(&mut self, timeout: Duration) -> Woken {
        let reading = matches!(self.state, State::Reading(_)) && !self.absent && self.missing_since.is_none();
        let timeout = if reading { timeout } else { timeout.min(self.options.poll) };
        self.waiter.wait(self.seen, timeout, self.options.poll)
    }

    /// Ends a wait from another thread.
    pub fn waker(&self) -> Waker {
        self.waiter.waker()
    }

    /// The path being followed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn step(&mut self, lines: &mut Vec<u8>, watch: Watch<'_>, fresh: bool) -> Step {
        match mem::replace(&mut self.state, State::Between(None)) {
            State::Start(begin) => self.begin(begin),
            State::Between(floor) => self.go_on(floor),
            State::Reading(file) if file.backup.is_some() => self.read_backup(file, lines, watch),
            State::Reading(file) => self.read_live(file, lines, watch, fresh),
        }
    }

    fn read_live(
        &mut self,
        mut file: Box<OpenFile>,
        lines: &mut Vec<u8>,
        watch: Watch<'_>,
        fresh: bool,
    ) -> Step {
        // Looked at before the last bytes are read: what was renamed by then is not written to any more.
        let at_path = self.look_at_path(file.id);
        if fresh {
            match file.rewind_if_rewritten() {
                Ok(None) => {}
                Ok(Some((from, to))) => self.tell_shrunk(&file, from, to),
                Err(error) => return self.lose_live(&file, &error),
            }
        }
        let filled = match file.fill(lines, &self.options, watch) {
            Ok(filled) => filled,
            Err(error) => return self.lose_live(&file, &error),
        };
        if matches!(at_path, AtPath::Same) {
            self.live_is_there();
        }
        match (filled, at_path) {
            (Filled::Long(line), _) => return self.hand_out_long(file, line),
            (Filled::More, _) => return self.hand_out(file),
            (Filled::End, _) if !lines.is_empty() => return self.hand_out(file),
            (Filled::End, AtPath::Another) => return self.finish_live(file, lines),
            (Filled::End, AtPath::Same) => {
                if mem::take(&mut self.behind) {
                    self.tell(Notice::CaughtUp { file: self.path.clone() });
                }
            }
            (Filled::End, AtPath::Nothing) => self.note_missing(),
            (Filled::End, AtPath::Unreadable(error)) => self.tell_unreadable(&self.path.clone(), &error),
        }
        self.state = State::Reading(file);
        Step::Wait
    }

    /// The live file is read to its end, and another is at its path.
    fn finish_live(&mut self, mut file: Box<OpenFile>, lines: &mut Vec<u8>) -> Step {
        self.missing_since = None;
        if file.has_rest() {
            return self.hand_out_rest(file, lines);
        }
        let floor = match self.backup_of(&file.identity()) {
            Some(backup) => {
                file.backup = Some(backup.stamp.clone());
                self.tell(Notice::Rotated { to: backup.path });
                Some(backup.stamp)
            }
            None => {
                self.tell(Notice::Replaced { file: self.path.clone() });
                file.after.clone()
            }
        };
        self.position = Some(file.position());
        self.state = State::Between(floor);
        Step::Again
    }

    fn read_backup(&mut self, mut file: Box<OpenFile>, lines: &mut Vec<u8>, watch: Watch<'_>) -> Step {
        match file.fill(lines, &self.options, watch) {
            Ok(Filled::Long(line)) => return self.hand_out_long(file, line),
            Ok(Filled::More) => return self.hand_out(file),
            Ok(Filled::End) if !lines.is_empty() => return self.hand_out(file),
            Ok(Filled::End) if file.has_rest() => return self.hand_out_rest(file, lines),
            Ok(Filled::End) => {}
            Err(error) => {
                // Not tried again: it would keep everything behind it from being read.
                self.tell_unreadable(&file.path, &error);
                self.tell_unread_rest(&file.path, file.offset);
            }
        }
        self.position = Some(file.position());
        self.state = State::Between(file.backup.clone());
        if lines.is_empty() { Step::Again } else { Step::HandOut(None) }
    }

    fn hand_out(&mut self, file: Box<OpenFile>) -> Step {
        self.state = State::Reading(file);
        Step::HandOut(None)
    }

    /// A last line without its newline. The file stays, the next step finds no more in it.
    fn hand_out_rest(&mut self, mut file: Box<OpenFile>, lines: &mut Vec<u8>) -> Step {
        match file.take_rest(lines) {
            Some(line) => self.hand_out_long(file, line),
            None => self.hand_out(file),
        }
    }

    fn hand_out_long(&mut self, file: Box<OpenFile>, line: LongLine) -> Step {
        self.tell_long(&file, &line);
        self.state = State::Reading(file);
        Step::HandOut(Some(line))
    }

    /// Reading the live file failed. It is looked for anew, from where reading stopped.
    fn lose_live(&mut self, file: &OpenFile, error: &io::Error) -> Step {
        self.tell_unreadable(&self.path.clone(), error);
        let position = file.position();
        self.position = Some(position.clone());
        self.state = State::Start(Begin::Resume(position));
        Step::Wait
    }

    fn look_at_path(&mut self, id: FileId) -> AtPath {
        let meta = fs::metadata(&self.path);
        self.seen = meta.as_ref().ok().map(Look::from);
        match meta {
            Ok(meta) if FileId::from(&meta) == id => AtPath::Same,
            Ok(_) => AtPath::Another,
            Err(error) if error.kind() == io::ErrorKind::NotFound => AtPath::Nothing,
            Err(error) => AtPath::Unreadable(error),
        }
    }

    fn tell(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    fn tell_long(&mut self, file: &OpenFile, line: &LongLine) {
        let (file, offset, bytes) = (file.path.clone(), line.offset, line.bytes);
        self.tell(Notice::LineTooLong { file, offset, bytes });
    }

    fn tell_shrunk(&mut self, file: &OpenFile, from: u64, to: u64) {
        self.behind = true;
        self.tell(Notice::Shrunk { file: file.path.clone(), from, to });
    }

    fn tell_unread_rest(&mut self, file: &Path, offset: u64) {
        let what = format!("what follows byte {offset} of {} could not be read", file.display());
        self.tell(Notice::Missed { what });
    }

    fn tell_unreadable(&mut self, file: &Path, error: &io::Error) {
        self.absent |= file == self.path;
        if !self.unreadable.insert(file.to_path_buf()) {
            return;
        }
        let hint = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "; give the sensor's user read access, by running it as the log's owner or group"
            }
            _ => "",
        };
        self.tell(Notice::Unreadable { file: file.to_path_buf(), why: format!("{error}{hint}") });
    }

    fn live_is_there(&mut self) {
        self.missing_since = None;
        self.gone = false;
        self.unreadable.remove(&self.path);
        if mem::take(&mut self.absent) {
            self.tell(Notice::Appeared { file: self.path.clone() });
        }
    }

    /// There is no live file. Where one was read, here or before a restart, that is told once it lasts.
    fn note_missing(&mut self) {
        let since = *self.missing_since.get_or_insert_with(Instant::now);
        if self.position.is_none() {
            return self.tell_missing();
        }
        // One that could not be read before it went was told of.
        let known = self.gone || self.unreadable.contains(&self.path);
        if !known && since.elapsed() >= self.options.absence {
            self.gone = true;
            self.absent = true;
            self.tell(Notice::Gone { file: self.path.clone() });
        }
    }

    fn tell_missing(&mut self) {
        if !mem::replace(&mut self.absent, true) {
            self.tell(Notice::Missing { file: self.path.clone() });
        }
    }
}
