//! Delivers what the outbox owes: one courier a sink, one message at a time, so that no sink waits for another.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use sundew_notify::{Backoff, DeliveryError, Message, Sink};
use sundew_store::{Outgoing, StoreError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{clock::Clock, ledger::Ledger, status::Counters};

/// How many messages are taken from the outbox at a time.
const TAKEN: usize = 16;
/// The longest sleep: a message due later is looked at again.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// A clock that went back by more than this has jumped.
const JUMP: SignedDuration = SignedDuration::from_secs(5);
/// A message that is too old is tried for this long all the same: the sensor may have been away all that time, or the
/// clock may have jumped.
const LAST_CHANCE: Duration = Duration::from_secs(600);

/// What all couriers have in common.
#[derive(Clone)]
pub(crate) struct Office {
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) give_up_after: SignedDuration,
    pub(crate) backoff: Backoff,
    /// How long a delivery on its way may take once its courier is called back.
    pub(crate) farewell: Duration,
}

/// A courier at work.
struct Working {
    stop: CancellationToken,
    task: JoinHandle<()>,
    farewell: Duration,
}

/// The couriers at work, by the name of their sink.
#[derive(Default)]
pub(crate) struct Couriers {
    working: HashMap<String, Working>,
}

impl Couriers {
    /// Sends one courier to each of `sinks` and calls all others back. None waits for another: a new courier sets out
    /// as soon as the one before it to the same sink is back.
    pub(crate) fn replace(&mut self, sinks: Vec<Arc<dyn Sink>>, office: &Office) {
        let mut before = std::mem::take(&mut self.working);
        for sink in sinks {
            let stop = CancellationToken::new();
            let name = sink.name().to_owned();
            let before = before.remove(&name).map(call_back);
            // One who takes over from another knows the same clock: what is not due yet can go on waiting.
            let at_once = before.is_none();
            let courier = Courier {
                sink,
                office: office.clone(),
                stop: stop.clone(),
                started: Instant::now(),
                at_once,
            };
            let task = tokio::spawn(async move {
                if let Some(before) = before {
                    before.await;
                }
                courier.run().await;
            });
            self.working.insert(name, Working { stop, task, farewell: office.farewell });
        }
        for gone in before.into_values() {
            tokio::spawn(call_back(gone));
        }
    }

    /// The sinks that are delivered to.
    pub(crate) fn sinks(&self) -> Vec<String> {
        self.working.keys().cloned().collect()
    }

    /// Calls all couriers back and waits for them, each with its last delivery.
    pub(crate) async fn recall(&mut self) {
        let all: Vec<_> = self.working.drain().map(|(_, one)| tokio::spawn(call_back(one))).collect();
        for one in all {
            // It does not panic.
            let _ = one.await;
        }
    }
}

/// Tells a courier to stop at once, and then waits for its last delivery, but not for ever.
fn call_back(courier: Working) -> impl Future<Output = ()> + Send {
    let Working { stop, mut task, farewell } = courier;
    stop.cancel();
    async move {
        if tokio::time::timeout(farewell, &mut task).await.is_err() {
            tracing::warn!("a delivery did not end in time; its message may be sent twice");
            task.abort();
        }
    }
}

/// Delivers to one sink.
struct Courier {
    sink: Arc<dyn Sink>,
    office: Office,
    stop: CancellationToken,
    started: Instant,
    /// Whether to begin with everything that waits, due or not.
    at_once: bool,
}

/// What came of the messages that were due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// All were delivered, and there may be more.
    More,
    /// There are no more, or the sink has trouble.
    Over,
}

impl Courier {
    /// Delivers until told to stop. A delivery on its way is finished first.
    async fn run(self) {
        let clock = &self.office.clock;
        let mut jump = JumpWatch::new(clock.now());
        // At the start everything that waits is tried at once, whatever clock it was written by.
        let mut anew = self.at_once;
        let news = self.office.ledger.news();
        while !self.stop.is_cancelled() {
            let notified = news.notified();
            tokio::pin!(notified);
            // Registered before the outbox is read, so that nothing written in between is missed.
            notified.as_mut().enable();
            let now = clock.now();
            // What a clock that went back would hold up is due now.
            anew |= jump.went_back(now);
            let sleep = match self.round(if anew { Timestamp::MAX } else { now }).await {
                Ok(Round::More) => Duration::ZERO,
                Ok(Round::Over) => {
                    anew = false;
                    self.until_next().await.unwrap_or(LONGEST_SLEEP)
                }
                Err(error) => {
                    tracing::error!(sink = self.sink.name(), %error, "cannot read the outbox; trying again");
                    Duration::from_secs(1)
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = notified => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    /// Delivers some of what is due.
    async fn round(&self, until: Timestamp) -> Result<Round, StoreError> {
        let name = self.sink.name().to_owned();
        let due = self.office.ledger.with(move |store| store.due(&name, until, TAKEN)).await?;
        let mut round = if due.len() == TAKEN { Round::More } else { Round::Over };
        for outgoing in due {
            if self.stop.is_cancelled() {
                return Ok(Round::Over);
            }
            if !self.deliver(outgoing).await && until == Timestamp::MAX {
                // It is still among those that count as due, and would be tried again at once.
                round = Round::Over;
            }
        }
        Ok(round)
    }

    /// One try. True if the message is settled.
    async fn deliver(&self, outgoing: Outgoing) -> bool {
        let Outgoing { id, revision, attempts, owed_since, change, incident, .. } = outgoing;
        let sink = self.sink.name();
        let message = Message { incident, change };
        let incident = message.incident.id.as_str();
        let Office { counters, .. } = &self.office;
        let now = || self.office.clock.now();
        match self.sink.deliver(&message).await {
            Ok(()) => {
                counters.delivered.fetch_add(1, Ordering::Relaxed);
                tracing::info!(sink, incident, revision, "delivered");
                let at = now();
                self.settle(move |store| store.delivered(id, revision, at).map(drop)).await;
            }
            Err(DeliveryError::Retry { after, why }) if self.may_try_again(owed_since) => {
                counters.failed.fetch_add(1, Ordering::Relaxed);
                let own = self.office.backoff.delay(attempts + 1, &mut fastrand::Rng::new());
                let wait = after.unwrap_or_default().max(own);
                tracing::warn!(sink, incident, revision, wait_s = wait.as_secs_f32(), "{why}");
                let next = now().saturating_add(SignedDuration::try_from(wait).unwrap_or_default());
                let next = next.unwrap_or(Timestamp::MAX);
                self.settle(move |store| store.failed(id, revision, next, &why).map(drop)).await;
                return false;
            }
            Err(error) => {
                counters.failed.fetch_add(1, Ordering::Relaxed);
                let why = error.to_string();
                tracing::error!(
                    sink,
                    incident,
                    revision,
                    "given up: {why}; `sundew status` lists it, `sundew redeliver` tries again"
                );
                let at = now();
                self.settle(move |store| store.dead(id, revision, at, &why).map(drop)).await;
            }
        }
        true
    }

    fn may_try_again(&self, owed_since: Timestamp) -> bool {
        let give_up_after = self.office.give_up_after;
        let chance = Duration::try_from(give_up_after).unwrap_or_default().min(LAST_CHANCE);
        self.office.clock.now().duration_since(owed_since) < give_up_after || self.started.elapsed() < chance
    }

    /// Writes what came of a delivery. Until that is written the next one must wait, or this one would be sent again.
    async fn settle(
        &self,
        work: impl Fn(&mut sundew_store::Store) -> Result<(), StoreError> + Clone + Send + 'static,
    ) {
        while let Err(error) = self.office.ledger.with(work.clone()).await {
            tracing::error!(sink = self.sink.name(), %error, "cannot note what came of a delivery; trying again");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn until_next(&self) -> Option<Duration> {
        let name = self.sink.name().to_owned();
        let next = self.office.ledger.with(move |store| store.next_due(&name)).await.ok()??;
        let wait = next.duration_since(self.office.clock.now()).max(SignedDuration::ZERO);
        Some(Duration::try_from(wait).unwrap_or_default().clamp(Duration::from_millis(1), LONGEST_SLEEP))
    }
}

/// Tells when the clock went back, by comparing it with one that never does.
struct JumpWatch {
    wall: Timestamp,
    steady: Instant,
}

impl JumpWatch {
    fn new(now: Timestamp) -> Self {
        Self { wall: now, steady: Instant::now() }
    }

    fn went_back(&mut self, now: Timestamp) -> bool {
        let steady = Instant::now();
        let passed = SignedDuration::try_from(steady - self.steady).unwrap_or_default();
        let behind = passed.saturating_sub(now.duration_since(self.wall));
        *self = Self { wall: now, steady };
        behind > JUMP
    }
}
