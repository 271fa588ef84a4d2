//! The thread that follows one log file and hands its lines to the pipeline.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::file::{FilePosition, FileTail, StartAt, TailError, TailOptions, Waker};
use crate::{
    config::{FileSource, Start},
    intake::{Batch, Input, Intake, Origin, Payload},
};

/// How long to wait for a change before looking at the stop flag again; changes and stops end it at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running follower.
#[derive(Debug)]
pub(crate) struct Follower {
    stop: Arc<AtomicBool>,
    waker: Waker,
    thread: JoinHandle<()>,
}

impl Follower {
    /// Follows `source` from `position`; a log that was read is missed once it is gone for `absence`.
    pub(crate) fn start(
        source: &FileSource,
        origin: Origin,
        position: Option<serde_json::Value>,
        intake: Intake,
        absence: Duration,
    ) -> Result<Self, TailError> {
        let resume: Option<FilePosition> = position.and_then(|value| serde_json::from_value(value).ok());
        let start = match source.start {
            Start::Beginning => StartAt::Beginning,
            Start::End => StartAt::End,
            Start::OldestBackup => StartAt::OldestBackup,
        };
        let options = TailOptions { absence, ..TailOptions::default() };
        let tail = FileTail::open_with(source.path.clone(), resume, start, options)?;
        let stop = Arc::new(AtomicBool::new(false));
        let waker = tail.waker();
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || follow(tail, &Arc::new(origin), &intake, &stopped));
        Ok(Self { stop, waker, thread })
    }

    /// Ends the thread and waits for it.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.waker.wake();
        if self.thread.join().is_err() {
            tracing::error!(
                "a follower ended by a panic; what it had not handed on is read again at the next start"
            );
        }
    }
}

fn follow(mut tail: FileTail, origin: &Arc<Origin>, intake: &Intake, stop: &AtomicBool) {
    let mut known = None;
    while !stop.load(Ordering::Acquire) {
        let mut lines = Vec::new();
        let mut long = |at: u64, piece: &[u8]| {
            let payload = Payload::LongPiece(piece.to_vec(), at == 0);
            // A closed pipeline is seen below.
            let _ = intake.blocking_send(Input::Batch(Batch::new(origin, payload)));
        };
        let outcome = tail.read(&mut lines, &mut long);
        let payload = match outcome.long_line {
            Some(line) => Payload::LongLine(line.head, line.bytes),
            None => Payload::Lines(lines),
        };
        let empty = matches!(&payload, Payload::Lines(lines) if lines.is_empty());
        let moved = outcome.position != known;
        if !empty || moved || !outcome.notices.is_empty() {
            known.clone_from(&outcome.position);
            let mut batch = Batch::new(origin, payload);
            batch.position = outcome.position.and_then(|p| serde_json::to_value(p).ok());
            batch.notices = outcome.notices;
            if intake.blocking_send(Input::Batch(batch)).is_err() {
                return;
            }
        }
        if !outcome.more {
            tail.wait(PATIENCE);
        }
    }
}
