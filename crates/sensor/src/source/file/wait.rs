//! Waiting for the log to change: inotify on its folders, and a look at the file every second for where inotify
//! says nothing, as on network file systems.

use std::{
    ffi::OsString,
    fs::{self, Metadata},
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    time::{Duration, Instant},
};

use notify_watcher::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::position::FileId;

/// Why [`FileTail::wait`](super::FileTail::wait) returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Something happened to the log, or a [`Waker`] was used.
    Changed,
    /// The time is over.
    TimedOut,
}

/// Ends a [`FileTail::wait`](super::FileTail::wait) from another thread, such as at shutdown.
#[derive(Debug, Clone)]
pub struct Waker(SyncSender<()>);

impl Waker {
    /// Ends the wait that is going on, or else the next one.
    pub fn wake(&self) {
        // Full: it is being woken already. Closed: nobody waits any more.
        let _ = self.0.try_send(());
    }
}

/// What a look at the file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    id: FileId,
    length: u64,
}

impl Look {
    pub(super) fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().as_ref().map(Self::from)
    }
}

impl From<&Metadata> for Look {
    fn from(meta: &Metadata) -> Self {
        Self { id: FileId::from(meta), length: meta.len() }
    }
}

/// The watch on the log's folders.
pub(super) struct Waiter {
    path: PathBuf,
    /// The folders watched, each as it was then: one that is made anew must be watched anew.
    watched: Vec<(PathBuf, FileId)>,
    watcher: Option<RecommendedWatcher>,
    sender: SyncSender<()>,
    events: Receiver<()>,
}

impl Waiter {
    pub(super) fn new(path: &Path) -> Self {
        // Room for one: any number of events is one reason to look.
        let (sender, events) = sync_channel(1);
        let path = path.to_path_buf();
        let mut waiter = Self { path, watched: Vec::new(), watcher: None, sender, events };
        waiter.watch();
        waiter
    }

    pub(super) fn waker(&self) -> Waker {
        Waker(self.sender.clone())
    }

    /// Returns when something happened since the last time, when the file no longer looks like `known`, or after
    /// `timeout`. Looks at the file every `poll`.
    pub(super) fn wait(&mut self, known: Option<Look>, timeout: Duration, poll: Duration) -> Woken {
        let begun = Instant::now();
        loop {
            let left = timeout.saturating_sub(begun.elapsed());
            match self.events.recv_timeout(left.min(poll)) {
                Ok(()) => return Woken::Changed,
                // Not possible while this holds a sender; as a time-out it does no harm.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            self.watch();
            if Look::at(&self.path) != known {
                return Woken::Changed;
            }
            if begun.elapsed() >= timeout {
                return Woken::TimedOut;
            }
        }
    }

    /// Watches the folder of the path and, for a link, that of its target, unless they already are.
    fn watch(&mut self) {
        let mut logs = vec![self.path.clone()];
        logs.extend(fs::canonicalize(&self.path).ok().filter(|real| *real != self.path));
        let mut folders: Vec<_> = logs.iter().filter_map(|log| folder_of(log)).collect();
        folders.sort_by(|a, b| a.0.cmp(&b.0));
        folders.dedup_by_key(|folder| folder.1);
        if folders == self.watched {
            return;
        }
        match start(&logs, &folders, self.sender.clone()) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => {
                tracing::debug!(log = %self.path.display(), %error, "no inotify watch; the log is looked at once a second");
                self.watcher = None;
            }
        }
        self.watched = folders;
        // What happened before the new watch began was seen by none.
        self.waker().wake();
    }
}

fn folder_of(log: &Path) -> Option<(PathBuf, FileId)> {
    let folder = log.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let meta = fs::metadata(folder).ok()?;
    Some((folder.to_path_buf(), FileId::from(&meta)))
}

fn start(
    logs: &[PathBuf],
    folders: &[(PathBuf, FileId)],
    wake: SyncSender<()>,
) -> io::Result<RecommendedWatcher> {
    let names: Vec<OsString> = logs.iter().filter_map(|log| log.file_name().map(Into::into)).collect();
    let handler = move |event: notify_watcher::Result<Event>| {
        if event.map_or(true, |event| concerns(&event, &names)) {
            let _ = wake.try_send(());
        }
    };
    let mut watcher = notify_watcher::recommended_watcher(handler).map_err(io::Error::other)?;
    for (folder, _) in folders {
        watcher.watch(folder, RecursiveMode::NonRecursive).map_err(io::Error::other)?;
    }
    Ok(watcher)
}

/// Whether an event is about one of the logs: others may be written in the same folder, and the log is read, by this
/// program too, without news for it.
fn concerns(event: &Event, names: &[OsString]) -> bool {
    if matches!(event.kind, EventKind::Access(_)) {
        return false;
    }
    let is_log = |path: &PathBuf| {
        path.file_name().is_some_and(|name| names.iter().any(|log| log.as_bytes() == name.as_bytes()))
    };
    // No path: the kernel dropped events.
    event.paths.is_empty() || event.paths.iter().any(is_log)
}
