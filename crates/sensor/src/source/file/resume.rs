//! Which file comes next: at the start, after a restart, and when one is finished.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Begin, FilePosition, FileTail, Notice, StartAt, State, Step,
    backups::{self, Backup, Form},
    open::OpenFile,
    position::{self, FileId, Identity},
    wait::Look,
};

/// How often the backups are searched again because one was compressed meanwhile.
const SEARCHES: usize = 5;

impl FileTail {
    pub(super) fn begin(&mut self, begin: Begin) -> Step {
        self.seen = Look::at(&self.path);
        match begin {
            Begin::Resume(position) => self.resume(position),
            Begin::At(StartAt::OldestBackup) => {
                self.state = State::Between(None);
                Step::Again
            }
            Begin::At(start) => self.begin_live(start),
        }
    }

    fn begin_live(&mut self, start: StartAt) -> Step {
        // Opened before the backups are listed: see the module's first lines.
        let mut live = match OpenFile::plain(&self.path) {
            Ok(live) => live,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.note_missing();
                // Whatever is rotated until the log is seen for the first time is new.
                self.state = State::Between(self.list().pop().map(|newest| newest.stamp));
                return Step::Wait;
            }
            Err(error) => return self.retry(Begin::At(start), &error),
        };
        if start == StartAt::End
            && let Err(error) = live.skip_to_last_line()
        {
            return self.retry(Begin::At(start), &error);
        }
        let older = |backup: &Backup| !is_plain_file(backup, live.id);
        live.after = self.list().into_iter().rev().find(older).map(|backup| backup.stamp);
        self.read_from(live)
    }

    fn resume(&mut self, position: FilePosition) -> Step {
        // Opened before the backups are listed: see the module's first lines.
        let live = match OpenFile::plain(&self.path) {
            Ok(live) if live.identity().is_in(&position) => return self.resume_live(live, position),
            other => other,
        };
        if let Some(backup) = self.search_by(|identity| identity.is_in(&position)) {
            return self.resume_backup(&backup, &position);
        }
        if let Err(error) = live {
            // Nothing can be said yet, such as where the volume is not mounted.
            return self.retry(Begin::Resume(position), &error);
        }
        // Without a first line nothing of it was handed out, and it is read whole wherever it is now.
        if !position.first_line_hash.is_empty() {
            let what = format!(
                "the file that was read up to byte {} is neither at {} nor among its backups; its end may be lost",
                position.offset,
                self.path.display()
            );
            self.tell(Notice::Missed { what });
        }
        self.state = State::Between(position.floor());
        Step::Again
    }

    fn resume_live(&mut self, mut live: OpenFile, position: FilePosition) -> Step {
        match live.skip_to(position.offset) {
            Err(error) => return self.retry(Begin::Resume(position), &error),
            Ok(Some(length)) => self.tell_shrunk(&live, position.offset, length),
            Ok(None) => {}
        }
        live.after = position.after;
        self.read_from(live)
    }

    fn resume_backup(&mut self, backup: &Backup, position: &FilePosition) -> Step {
        let resumed = OpenFile::backup(backup).and_then(|mut file| {
            let Some(length) = file.skip_to(position.offset)? else { return Ok(file) };
            self.tell_shrunk(&file, position.offset, length);
            OpenFile::backup(backup)
        });
        match resumed {
            Ok(mut file) => {
                file.after.clone_from(&position.after);
                self.read_from(file)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Compressed or removed since it was found.
                self.state = State::Start(Begin::Resume(position.clone()));
                Step::Again
            }
            Err(error) => self.pass_over(backup, position.offset, &error),
        }
    }

    /// The oldest backup that is newer than `floor`, or the live file.
    pub(super) fn go_on(&mut self, floor: Option<String>) -> Step {
        self.seen = Look::at(&self.path);
        // Opened before the backups are listed: see the module's first lines.
        let live = OpenFile::plain(&self.path);
        if live.is_ok() {
            self.missing_since = None;
        }
        let newer = |backup: &Backup| floor.as_ref().is_none_or(|floor| backup.stamp > *floor);
        if let Some(backup) = self.list().into_iter().find(newer) {
            return self.go_on_to_backup(&backup, floor);
        }
        match live {
            Ok(mut live) => {
                live.after = floor;
                self.read_from(live)
            }
            Err(error) => {
                if error.kind() == io::ErrorKind::NotFound {
                    self.note_missing();
                } else {
                    self.tell_unreadable(&self.path.clone(), &error);
                }
                self.state = State::Between(floor);
                Step::Wait
            }
        }
    }

    fn go_on_to_backup(&mut self, backup: &Backup, floor: Option<String>) -> Step {
        match OpenFile::backup(backup) {
            Ok(mut file) => {
                self.behind = true;
                file.after = floor;
                self.read_from(file)
            }
            // Compressed or removed meanwhile, unless it is still listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.list().contains(backup) => {
                self.state = State::Between(floor);
                Step::Again
            }
            Err(error) => self.pass_over(backup, 0, &error),
        }
    }

    /// Not tried again: it would keep everything behind it from being read.
    fn pass_over(&mut self, backup: &Backup, offset: u64, error: &io::Error) -> Step {
        self.tell_unreadable(&backup.path, error);
        self.tell_unread_rest(&backup.path, offset);
        self.state = State::Between(Some(backup.stamp.clone()));
        Step::Again
    }

    /// Finds the backup that the live file became. That is still open, so that no other file has its inode.
    pub(super) fn backup_of(&mut self, live: &Identity) -> Option<Backup> {
        self.search_by(|found| found.id == live.id || !live.hash.is_empty() && found.hash == live.hash)
    }

    /// Newest first, since that is the likely one.
    fn search_by(&mut self, is: impl Fn(&Identity) -> bool) -> Option<Backup> {
        for _ in 0..SEARCHES {
            let mut vanished = false;
            for backup in self.list().into_iter().rev() {
                match position::identify(&backup) {
                    Ok(identity) if is(&identity) => return Some(backup),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::NotFound => vanished = true,
                    Err(error) => self.tell_unreadable(&backup.path, &error),
                }
            }
            if !vanished {
                break;
            }
        }
        None
    }

    /// The backups, oldest first; none where the folder cannot be listed.
    fn list(&mut self) -> Vec<Backup> {
        let real = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        match backups::list(&real) {
            Ok(backups) => backups,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                let folder = real.parent().map_or_else(PathBuf::new, Path::to_path_buf);
                self.tell_unreadable(&folder, &error);
                Vec::new()
            }
        }
    }

    fn read_from(&mut self, file: OpenFile) -> Step {
        self.state = State::Reading(Box::new(file));
        Step::Again
    }

    /// The live file cannot be opened for now.
    fn retry(&mut self, begin: Begin, error: &io::Error) -> Step {
        if error.kind() == io::ErrorKind::NotFound {
            self.tell_missing();
            self.note_missing();
        } else {
            self.tell_unreadable(&self.path.clone(), error);
        }
        self.state = State::Start(begin);
        Step::Wait
    }
}

fn is_plain_file(backup: &Backup, id: FileId) -> bool {
    backup.form == Form::Plain && fs::metadata(&backup.path).is_ok_and(|meta| FileId::from(&meta) == id)
}
