//! The same detection as the running sensor's, over files at the speed of the disk.
//!
//! Chunks are read one after another and understood side by side; what they say is put back into the order of the
//! input before anything is decided, so that the number of threads changes nothing but the time.

mod input;
mod mapped;

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;
use sundew_audit::{Event, Item, Reason, Reject, Unwrapper, plain, skim};
use sundew_detect::{
    Again, Clue, Detectors, Echo, Outcome, Quiet, Signal, Watch,
    desk::{SuppressedCount, SuppressedKey},
    echo::Heard,
};

use input::{Buffer, Kind, Reader};
pub use input::{Input, MAX_LINE};
use mapped::Mapped;

/// How events are read. All three find the same; they differ in what they check and remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// With the tripwire alone, passes over lines that hold no name of the inventory, checking that they are whole;
    /// with rules or habits, over those that differ from an earlier one in ids and times alone.
    Skim,
    /// Reads and checks every field of every event.
    Full,
    /// Reads every event with `serde_json`: the plain way, to compare with.
    Plain,
}

/// What a replay saw.
#[derive(Debug, Default)]
pub struct Summary {
    /// Audit events.
    pub events: u64,
    /// Bytes, after decompression.
    pub bytes: u64,
    /// Input that is no event, by reason.
    pub rejects: BTreeMap<Reason, u64>,
    /// The first pieces that were no event: input, reason with its place, and the beginning of the piece.
    pub samples: Vec<(String, Reject, String)>,
    /// Touches by duty.
    pub suppressed: BTreeMap<SuppressedKey, SuppressedCount>,
    /// Inputs that could not be read to their end, and why. What was read of them counts.
    pub failures: Vec<(String, io::Error)>,
}

/// How many samples of rejected input are kept, and how much of each.
const MAX_SAMPLES: usize = 20;
const SAMPLE_BYTES: usize = 300;

/// A replay.
#[derive(Debug)]
pub struct Replay<'r> {
    /// What looks at the events.
    pub detectors: &'r Detectors,
    /// The cluster that the logs are from.
    pub cluster: &'r str,
    /// How many threads understand chunks, at least 1.
    pub threads: usize,
    /// How events are read.
    pub reading: Reading,
    /// Grows with the bytes read, for a progress bar.
    pub progress: &'r AtomicU64,
}

/// What one chunk says.
#[derive(Default)]
struct Said {
    number: u64,
    input: usize,
    events: u64,
    bytes: u64,
    rejects: BTreeMap<Reason, u64>,
    samples: Vec<(Reject, String)>,
    notes: Vec<Note>,
    failure: Option<io::Error>,
}

/// What one event says.
enum Note {
    Clue(Clue),
    /// The same as an earlier one, at another time.
    Again(Again),
}

impl Note {
    fn clue(&self) -> Option<&Clue> {
        if let Self::Clue(clue) = self { Some(clue) } else { None }
    }
}

/// What one worker works with.
#[derive(Default)]
struct Desk {
    buffer: Buffer,
    unwrapper: Unwrapper,
    echo: Echo,
}

/// The inputs, and where reading has come to.
struct Feed<'f> {
    inputs: &'f [Input],
    /// Lines may be left where they are in a file: only the skim can pass over them there.
    map: bool,
    at: usize,
    reader: Option<Reader>,
    number: u64,
    /// For input that must be understood in order.
    unwrapper: Unwrapper,
    /// The over-long line at hand has been told of.
    told_long: bool,
    /// The input at hand has ended; what is left of partial lines was taken.
    finished: bool,
}

/// Puts what chunks say back into the order of the input, and decides it. Whichever worker has the next chunk does it,
/// so that no thread is woken for a chunk that says nothing.
struct Settler<'s, F> {
    inputs: &'s [Input],
    next: u64,
    waiting: BTreeMap<u64, Said>,
    detectors: &'s Detectors,
    cluster: &'s str,
    watch: &'s mut Watch,
    summary: Summary,
    outcome: F,
    /// Nobody wants to know more.
    stopped: bool,
}

impl<F: FnMut(Outcome) -> bool> Settler<'_, F> {
    fn take(&mut self, said: Said) {
        self.waiting.insert(said.number, said);
        while let Some(said) = self.waiting.remove(&self.next) {
            self.next += 1;
            self.settle(said);
        }
    }

    /// Adds what a chunk says to the whole, and decides its signals.
    fn settle(&mut self, said: Said) {
        let summary = &mut self.summary;
        let name = || self.inputs.get(said.input).map(Input::to_string).unwrap_or_default();
        summary.events += said.events;
        summary.bytes += said.bytes;
        for (reason, count) in said.rejects {
            *summary.rejects.entry(reason).or_default() += count;
        }
        let room = MAX_SAMPLES.saturating_sub(summary.samples.len());
        summary
            .samples
            .extend(said.samples.into_iter().take(room).map(|(reject, text)| (name(), reject, text)));
        summary.failures.extend(said.failure.map(|error| (name(), error)));
        let Self { detectors, cluster, watch, outcome, stopped, .. } = self;
        let mut tell = |told: Outcome| *stopped |= *stopped || !outcome(told);
        for note in said.notes {
            match note {
                Note::Clue(clue) => watch.decide(detectors, cluster, clue, &mut tell),
                Note::Again(again) => watch.again(detectors, cluster, &again, &mut tell),
            }
        }
    }
}

impl Replay<'_> {
    /// Reads `inputs` to their end and calls `outcome` for everything to be told, in the order of the input. It
    /// returns false to stop early. `watch` holds what was known before, and what is known afterwards.
    pub fn run(
        &self,
        inputs: &[Input],
        watch: &mut Watch,
        outcome: impl FnMut(Outcome) -> bool + Send,
    ) -> Summary {
        let feed = Mutex::new(Feed::new(inputs, self.skims()));
        let settler = Mutex::new(Settler {
            inputs,
            next: 0,
            waiting: BTreeMap::new(),
            detectors: self.detectors,
            cluster: self.cluster,
            watch,
            summary: Summary::default(),
            outcome,
            stopped: false,
        });
        std::thread::scope(|scope| {
            for _ in 1..self.threads {
                scope.spawn(|| self.work(&feed, &settler));
            }
            self.work(&feed, &settler);
        });
        let mut settler = settler.into_inner().unwrap_or_else(PoisonError::into_inner);
        settler.summary.suppressed = settler.watch.desk.take_suppressed();
        settler.summary
    }

    /// Takes chunks and understands them until there are no more.
    fn work<F: FnMut(Outcome) -> bool>(&self, feed: &Mutex<Feed<'_>>, settler: &Mutex<Settler<'_, F>>) {
        let mut desk = Desk::default();
        loop {
            let mut said = Said::default();
            if !self.chunk(feed, &mut desk, &mut said) {
                return;
            }
            let mut settler = lock(settler);
            settler.take(said);
            if settler.stopped {
                return;
            }
        }
    }

    /// Takes one chunk and understands it. False where there are no more.
    fn chunk(&self, feed: &Mutex<Feed<'_>>, desk: &mut Desk, said: &mut Said) -> bool {
        let Desk { buffer, unwrapper, echo } = desk;
        let mut feed = lock(feed);
        let Some(kind) = feed.take(buffer, said) else { return said.failure.is_some() };
        let compressed = feed.reader.as_ref().is_some_and(Reader::is_compressed);
        said.bytes = buffer.len() as u64;
        if kind == Kind::Lines {
            drop(feed);
            match buffer.mapped.take() {
                Some(mapped) => self.mapped(&mapped, unwrapper, said),
                None => self.lines(buffer.bytes(), unwrapper, echo, said),
            }
            unwrapper.finish(&mut |item| self.item(item, said));
        } else {
            self.in_order(kind, buffer.bytes(), &mut feed, echo, said);
        }
        if !compressed {
            self.progress.fetch_add(said.bytes, Ordering::Relaxed);
        }
        true
    }

    fn in_order(&self, kind: Kind, buffer: &[u8], feed: &mut Feed<'_>, echo: &mut Echo, said: &mut Said) {
        match kind {
            Kind::TooLong(first) => {
                if first {
                    feed.told_long = false;
                }
                let reject = Reject::new(Reason::TooLong, MAX_LINE, "longer than the limit of 16 MiB");
                let before = said.notes.len();
                self.reject(&reject, buffer, None, said);
                // The parts of one line are one reject and at most one finding.
                if !first {
                    said.rejects.remove(&Reason::TooLong);
                    said.samples.clear();
                }
                if feed.told_long {
                    said.notes.truncate(before);
                }
                feed.told_long |= said.notes.len() > before;
            }
            Kind::Document => feed.unwrapper.line(buffer, &mut |item| self.item(item, said)),
            Kind::End => feed.unwrapper.finish(&mut |item| self.item(item, said)),
            Kind::Lines | Kind::OrderedLines => self.lines(buffer, &mut feed.unwrapper, echo, said),
        }
    }

    /// Whether lines that name no decoy can be passed over.
    fn skims(&self) -> bool {
        self.reading == Reading::Skim && self.detectors.only_tripwire()
    }

    fn lines(&self, chunk: &[u8], unwrapper: &mut Unwrapper, echo: &mut Echo, said: &mut Said) {
        match self.reading {
            Reading::Skim if self.detectors.only_tripwire() => {
                let passed = skim::skim(self.detectors.tripwire.names(), chunk, |line| {
                    unwrapper.line(&chunk[line], &mut |item| self.item(item, said));
                });
                said.events += passed;
            }
            Reading::Skim if self.detectors.may_remember() => {
                lines_of(chunk).for_each(|line| self.heard_line(line, unwrapper, echo, said));
            }
            Reading::Skim | Reading::Full => {
                for line in lines_of(chunk) {
                    unwrapper.line(line, &mut |item| self.item(item, said));
                }
            }
            Reading::Plain => lines_of(chunk).for_each(|line| self.plain_line(line, unwrapper, said)),
        }
    }

    /// One line, which need not be read where an earlier one says what it says.
    fn heard_line(&self, line: &[u8], unwrapper: &mut Unwrapper, echo: &mut Echo, said: &mut Said) {
        let print = match echo.hear(line) {
            Heard::Again(again) => {
                said.events += 1;
                said.notes.push(Note::Again(again));
                return;
            }
            Heard::New(print) => print,
        };
        let rejected = |said: &Said| said.rejects.values().sum::<u64>();
        let (events, rejects, notes) = (said.events, rejected(said), said.notes.len());
        unwrapper.line(line, &mut |item| self.item(item, said));
        let Some(print) = print.filter(|_| said.events == events + 1 && rejected(said) == rejects) else {
            return;
        };
        if let Some(quiet) = Quiet::standing_for(said.notes[notes..].iter().filter_map(Note::clue)) {
            echo.remember(print, quiet);
        }
    }

    fn mapped(&self, mapped: &Mapped, unwrapper: &mut Unwrapper, said: &mut Said) {
        let passed = mapped.skim(self.detectors.tripwire.names(), |line| {
            unwrapper.line(line, &mut |item| self.item(item, said));
        });
        match passed {
            Ok(passed) => said.events += passed,
            Err(_) => {
                // Lines of what was not there may have been understood; all is forgotten and read again.
                *unwrapper = Unwrapper::new();
                let (bytes, failure) = mapped.copy();
                let (number, input) = (said.number, said.input);
                *said = Said { number, input, bytes: bytes.len() as u64, failure, ..Said::default() };
                self.lines(&bytes, unwrapper, &mut Echo::default(), said);
            }
        }
    }

    /// One line by `serde_json`; what that refuses goes the usual way.
    fn plain_line(&self, line: &[u8], unwrapper: &mut Unwrapper, said: &mut Said) {
        let event = std::str::from_utf8(line).ok().and_then(|text| Some((text, plain::event(text).ok()?)));
        let view = event.as_ref().map(|(text, event)| (text, plain::PlainEvent::view(event)));
        match view.filter(|(_, event)| event.is_audit()) {
            Some((text, event)) => self.event(&event, text, said),
            None => unwrapper.line(line, &mut |item| self.item(item, said)),
        }
    }

    fn item(&self, item: Item<'_, '_>, said: &mut Said) {
        match item {
            Item::Event(event, json) => self.event(event, json, said),
            Item::Reject { reject, raw, partial } => self.reject(&reject, raw, partial, said),
        }
    }

    fn event(&self, event: &Event<'_>, json: &str, said: &mut Said) {
        said.events += 1;
        self.detectors.read(self.cluster, event, json, &mut |clue| said.notes.push(Note::Clue(clue)));
    }

    fn reject(&self, reject: &Reject, raw: &[u8], partial: Option<&Event<'_>>, said: &mut Said) {
        *said.rejects.entry(reject.reason).or_default() += 1;
        if said.samples.len() < MAX_SAMPLES {
            let head = String::from_utf8_lossy(&raw[..raw.len().min(SAMPLE_BYTES)]).into_owned();
            said.samples.push((reject.clone(), head));
        }
        // An old log says nothing of its time where the line does not: the start of time marks that.
        let now = Timestamp::UNIX_EPOCH;
        let finding = self.detectors.read_reject(self.cluster, reject, raw, partial, now);
        said.notes
            .extend(finding.map(|finding| Note::Clue(Clue::Signal(Box::new(Signal::Finding(finding))))));
    }
}

impl<'f> Feed<'f> {
    fn new(inputs: &'f [Input], map: bool) -> Self {
        Self {
            inputs,
            map,
            at: 0,
            reader: None,
            number: 0,
            unwrapper: Unwrapper::new(),
            told_long: false,
            finished: false,
        }
    }

    /// The next chunk of the input at hand, or of the next. A failure ends an input and is told with what was read.
    fn take(&mut self, buffer: &mut Buffer, said: &mut Said) -> Option<Kind> {
        while self.at < self.inputs.len() {
            let next = match &mut self.reader {
                Some(reader) => reader.next(buffer),
                None => match Reader::open(&self.inputs[self.at], self.map) {
                    Ok(reader) => {
                        self.reader = Some(reader);
                        continue;
                    }
                    Err(error) => Err(error),
                },
            };
            said.input = self.at;
            match next {
                Ok(Some(kind)) => {
                    said.number = self.number;
                    self.number += 1;
                    return Some(kind);
                }
                Ok(None) if !self.finished => {
                    self.finished = true;
                    said.number = self.number;
                    self.number += 1;
                    return Some(Kind::End);
                }
                Ok(None) => self.leave(),
                Err(error) => {
                    said.failure = Some(error);
                    said.number = self.number;
                    self.number += 1;
                    if self.reader.is_some() && !self.finished {
                        // Parts of a line whose end is lost still count.
                        self.finished = true;
                        return Some(Kind::End);
                    }
                    self.leave();
                    return None;
                }
            }
        }
        None
    }

    fn leave(&mut self) {
        self.at += 1;
        self.reader = None;
        self.finished = false;
        self.unwrapper = Unwrapper::new();
    }
}

/// What a thread that panicked left behind is as sound as it was: feed and settler only ever move forward.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lines_of(chunk: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = chunk;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        Some(line)
    })
}
