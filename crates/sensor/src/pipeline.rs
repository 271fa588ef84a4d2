//! The one thread where batches become incidents: judged in order, and written in one transaction with the position
//! they were read up to.

mod events;
mod heartbeat;
mod learnt;
mod peer;
mod rehearsed;
mod trouble;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, RwLock, atomic::Ordering},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use sundew_audit::{Item, Unwrapper};
use sundew_cluster::Pods;
use sundew_detect::{
    Change, Detectors, Duty, Echo, Finding, Growth, Incident, Incidents, Purpose, Watch,
    incidents::{Open, State},
};
use sundew_store::{Commit, Owed, Position, StoredIncident, Suppressed};
use tokio::sync::{mpsc, oneshot};

use self::{heartbeat::Heartbeat, learnt::Learnt, trouble::LongLine};
use crate::{
    clock::Clock,
    delivery::Office,
    intake::{Batch, Input, Origin, Payload, Scanned, SinkWants},
    ledger::Ledger,
    status::Counters,
};

/// How many batches are judged before they are written together.
const MAX_GATHERED: usize = 32;
/// How long a position alone may wait to be written: reading again what it stands for costs nothing but time.
const POSITION_PATIENCE: Duration = Duration::from_secs(1);
/// How long closed incidents, rejected input and suppressions are kept, and how often old ones are let go.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// The state between batches.
pub(crate) struct Pipeline {
    detectors: Arc<Detectors>,
    watch: Watch,
    /// Of each cluster, the requests that need not be read again.
    echoes: hashbrown::HashMap<String, Echo>,
    incidents: Incidents,
    sinks: Vec<SinkWants>,
    posture: Option<Scanned>,
    /// The pods of each cluster that is watched.
    pods: HashMap<String, Arc<RwLock<Pods>>>,
    heartbeat: Heartbeat,
    learnt: Learnt,
    unwrappers: HashMap<Origin, Unwrapper>,
    long_lines: HashMap<Origin, LongLine>,
    /// What is owed to the store.
    pending: Commit,
    /// Told once the pending part is written.
    waiting: Vec<oneshot::Sender<()>>,
    /// Incidents that grew since the last write, and how.
    grown: HashMap<String, Growth>,
    /// Sources whose first position is written or about to be: that must not wait, or a source that begins at the end
    /// of its log would begin at another end after a crash.
    placed: HashSet<Arc<Origin>>,
    /// Something is pending that must not wait.
    urgent: bool,
    last_write: Instant,
    last_forgot: Instant,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
}

impl Pipeline {
    pub(crate) fn new(
        detectors: Arc<Detectors>,
        watch: Watch,
        mut incidents: Incidents,
        sinks: Vec<SinkWants>,
        office: &Office,
        open: Vec<StoredIncident>,
    ) -> Self {
        incidents.restore(open.into_iter().filter_map(reopen));
        Self {
            detectors,
            watch,
            echoes: Default::default(),
            incidents,
            sinks,
            posture: None,
            pods: HashMap::new(),
            heartbeat: Heartbeat::new(office.clock.now()),
            learnt: Learnt::default(),
            unwrappers: HashMap::new(),
            long_lines: HashMap::new(),
            pending: Commit::default(),
            waiting: Vec::new(),
            grown: HashMap::new(),
            placed: HashSet::new(),
            urgent: false,
            last_write: Instant::now(),
            last_forgot: Instant::now(),
            ledger: office.ledger.clone(),
            clock: Arc::clone(&office.clock),
            counters: Arc::clone(&office.counters),
        }
    }

    /// Works until told to stop, or until nobody can tell it anything any more.
    pub(crate) fn run(mut self, mut inputs: mpsc::Receiver<Input>) {
        while let Some(input) = inputs.blocking_recv() {
            if let Some(done) = self.take(input) {
                return self.end(done);
            }
            for _ in 1..MAX_GATHERED {
                match inputs.try_recv() {
                    Ok(input) => {
                        if let Some(done) = self.take(input) {
                            return self.end(done);
                        }
                    }
                    Err(_) => break,
                }
            }
            self.write_if_due();
        }
        self.keep_learnt(true);
        self.write();
    }

    fn end(mut self, done: oneshot::Sender<()>) {
        self.keep_learnt(true);
        self.write();
        // Whoever asked may have stopped waiting.
        let _ = done.send(());
    }

    fn take(&mut self, input: Input) -> Option<oneshot::Sender<()>> {
        match input {
            Input::Batch(batch) => self.batch(batch),
            Input::Detectors(detectors) => self.change(detectors),
            Input::Sinks(sinks) => self.sinks = sinks,
            Input::Grouping(grouping) => self.incidents.regroup(grouping),
            Input::Posture(posture) => self.posture = posture,
            Input::Sources(expected) => self.expect(expected),
            Input::Pods(cluster, Some(pods)) => _ = self.pods.insert(cluster, pods),
            Input::Pods(cluster, None) => _ = self.pods.remove(&cluster),
            Input::Tick => self.tick(),
            Input::Stop(done) => return Some(done),
        }
        None
    }

    fn batch(&mut self, batch: Batch) {
        let origin = batch.origin;
        for notice in &batch.notices {
            self.notice(&origin, notice);
        }
        self.hear(&origin, &batch.payload);
        match batch.payload {
            Payload::Lines(lines) => self.lines(&origin, &lines),
            Payload::Document(document) => {
                self.counters.bytes.fetch_add(document.len() as u64, Ordering::Relaxed);
                let mut unwrapper = Unwrapper::new();
                unwrapper.line(&document, &mut |item| self.item(&origin, item));
            }
            Payload::LongPiece(piece, first) => self.long_piece(&origin, &piece, first),
            Payload::LongLine(head, bytes) => self.long_line(&origin, &head, bytes),
            Payload::Finding(finding) => self.reported(&finding),
            Payload::Nothing => {}
            Payload::End => {
                let mut unwrapper = self.unwrappers.remove(&origin).unwrap_or_default();
                unwrapper.finish(&mut |item| self.item(&origin, item));
            }
        }
        // A partial line is in memory alone: up to it, nothing may count as read.
        let waiting = self.unwrappers.get(&*origin).is_some_and(Unwrapper::is_waiting);
        if let Some(at) = batch.position.filter(|_| !waiting) {
            self.pending.positions.retain(|p| p.cluster != origin.cluster || p.source != origin.source);
            self.urgent |= self.placed.insert(Arc::clone(&origin));
            let Origin { cluster, source } = (*origin).clone();
            self.pending.positions.push(Position { cluster, source, at });
        }
        self.waiting.extend(batch.done);
    }

    fn lines(&mut self, origin: &Arc<Origin>, lines: &[u8]) {
        self.counters.bytes.fetch_add(lines.len() as u64, Ordering::Relaxed);
        let mut unwrapper = self.unwrappers.remove(&**origin).unwrap_or_default();
        for line in lines.split(|b| *b == b'\n') {
            self.line(origin, line, &mut unwrapper);
        }
        self.unwrappers.insert((**origin).clone(), unwrapper);
    }

    fn item(&mut self, origin: &Origin, item: Item<'_, '_>) {
        match item {
            Item::Event(event, json) => _ = self.event(origin, event, json),
            Item::Reject { reject, raw, partial } => {
                self.reject(origin, &reject, raw, raw.len() as u64, partial);
            }
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let mut finding = finding.clone();
        match self.rehearsed(&finding) {
            Some((Purpose::Planting, _)) => return self.watch.desk.suppress(Duty::Planting, finding),
            Some((Purpose::Upkeep, _)) => return self.watch.desk.suppress(Duty::Upkeep, finding),
            Some((Purpose::Drill, id)) => {
                finding.drill = true;
                finding.rehearsal = Some(id);
            }
            None => {}
        }
        self.counters.findings.fetch_add(1, Ordering::Relaxed);
        let grown = self.incidents.add(&finding);
        self.note_growth(grown);
    }

    fn note_growth(&mut self, grown: Option<(String, Growth)>) {
        let Some((id, growth)) = grown else { return };
        let known = self.grown.entry(id).or_insert(growth);
        // The strongest of several in one batch counts.
        *known = match (*known, growth) {
            (Growth::Opened, _) | (_, Growth::Opened) => Growth::Opened,
            (Growth::Worse, _) | (_, Growth::Worse) => Growth::Worse,
            _ => Growth::Grew,
        };
    }

    fn tick(&mut self) {
        self.look_for_silence();
        self.look_for_unlogged();
        self.look_for_missed_drills();
        // What grew is told before anything is closed: the events of an old log are older than any window.
        if !self.grown.is_empty() {
            self.write();
        }
        for Open { incident, state } in self.incidents.close(self.clock.now()) {
            let state = serde_json::to_value(state).unwrap_or_default();
            self.pending.incidents.push(StoredIncident { incident, state, closed: true });
        }
        self.keep_learnt(false);
        if self.last_write.elapsed() >= POSITION_PATIENCE {
            self.write();
        }
        if self.last_forgot.elapsed() >= FORGET_EVERY {
            self.last_forgot = Instant::now();
            self.say_held();
            self.forget();
            self.forget_rehearsals(self.clock.now());
        }
    }

    /// Lets go of what is older than anybody asks for, so that the store does not grow for ever.
    fn forget(&self) {
        let before = self.clock.now().checked_sub(KEPT).unwrap_or(Timestamp::UNIX_EPOCH);
        match self.ledger.lock().forget_before(before) {
            Ok(gone) if gone.incidents + gone.rejects > 0 => {
                tracing::info!(
                    incidents = gone.incidents,
                    rejects = gone.rejects,
                    "forgot what is older than 90 days"
                );
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "cannot forget old incidents; trying again in an hour"),
        }
    }

    /// Writes at once what people or senders wait for; positions alone can wait a moment.
    fn write_if_due(&mut self) {
        let urgent = self.urgent || !self.grown.is_empty() || !self.pending.rejects.is_empty();
        if urgent || self.last_write.elapsed() >= POSITION_PATIENCE {
            self.write();
        } else {
            self.release();
        }
    }

    /// Tells the senders of batches that everything theirs means is written.
    fn release(&mut self) {
        for done in self.waiting.drain(..) {
            // A sender that has stopped waiting sends again.
            let _ = done.send(());
        }
    }

    fn write(&mut self) {
        let now = self.clock.now();
        let mut changed = BTreeSet::new();
        for (id, growth) in std::mem::take(&mut self.grown) {
            self.incidents.set_could(&id, |incident| could(self.posture.as_ref(), incident));
            self.incidents.set_peer(&id, |incident| peer::behind(&self.pods, incident));
            if let Some((incident, due)) = self.incidents.schedule(&id, growth, now) {
                let change = if growth == Growth::Opened { Change::Opened } else { Change::Updated };
                self.owe(&incident, change, due);
                changed.insert(id);
            }
        }
        for id in changed {
            let Some(Open { incident, state }) = self.incidents.get(&id) else { continue };
            let state = serde_json::to_value(state).unwrap_or_default();
            self.pending.incidents.push(StoredIncident { incident: incident.clone(), state, closed: false });
        }
        self.take_suppressed();
        self.last_write = Instant::now();
        self.urgent = false;
        if !self.ledger.commit(&self.pending) {
            // The sensor is ending. What could not be written stays together with the positions behind it.
            return;
        }
        if !std::mem::take(&mut self.pending).outbox.is_empty() {
            self.ledger.wake_senders();
        }
        self.release();
    }

    fn owe(&mut self, incident: &Incident, change: Change, due: Timestamp) {
        for sink in self.sinks.iter().filter(|sink| incident.severity >= sink.least) {
            self.pending.outbox.push(Owed {
                sink: sink.name.clone(),
                incident_id: incident.id.clone(),
                revision: incident.revision,
                severity: incident.severity,
                change,
                due,
                incident: incident.clone(),
            });
        }
    }

    fn take_suppressed(&mut self) {
        for (key, count) in self.watch.desk.take_suppressed() {
            self.counters.suppressed.fetch_add(count.count, Ordering::Relaxed);
            let some = |text: String| Some(text).filter(|t| !t.is_empty());
            self.pending.suppressed.push(Suppressed {
                cluster: key.cluster,
                reason: key.reason.as_str().to_owned(),
                decoy: some(key.decoy),
                actor: some(key.user),
                peer: some(key.peer),
                count: count.count,
                first: count.first,
                last: count.last,
            });
        }
    }
}

/// What the identities of an incident could do, where a report of its cluster was given.
fn could(scanned: Option<&Scanned>, incident: &Incident) -> Vec<String> {
    let scanned = scanned.filter(|scanned| scanned.cluster == incident.cluster);
    scanned.map(|scanned| scanned.posture.could(incident)).unwrap_or_default()
}

/// An incident as it was before a restart. One whose state this program does not know goes on without it: it may
/// count a repeated event twice.
fn reopen(stored: StoredIncident) -> Option<Open> {
    let state: State = serde_json::from_value(stored.state).unwrap_or_default();
    (!stored.closed).then_some(Open { incident: stored.incident, state })
}

#[cfg(test)]
mod tests;
