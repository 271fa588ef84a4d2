//! Delivers what the outbox owes to one sink, one message at a time, so that no other sink waits for it.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use sundew_notify::{Backoff, DeliveryError, Message, Sink};
use sundew_store::{Outgoing, StoreError};
use tokio_util::sync::CancellationToken;

use crate::{clock::Clock, ledger::Ledger, status::Counters};

/// How many messages are taken from the outbox at a time.
const TAKEN: usize = 16;
/// The longest sleep: a message due later is looked at again.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// A clock that went back by more than this has jumped.
const JUMP: SignedDuration = SignedDuration::from_secs(5);

/// Delivers to one sink.
pub(crate) struct Courier {
    pub(crate) sink: Box<dyn Sink>,
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) give_up_after: SignedDuration,
    pub(crate) backoff: Backoff,
    pub(crate) stop: CancellationToken,
}

impl Courier {
    /// Delivers until told to stop. A delivery on its way is finished first.
    pub(crate) async fn run(self) {
        let mut jump = JumpWatch::new(self.clock.now());
        // At the start everything that waits is tried at once, whatever clock it was written by.
        let mut anew = true;
        let news = self.ledger.news();
        loop {
            let notified = news.notified();
            tokio::pin!(notified);
            // Registered before the outbox is read, so that nothing written in between is missed.
            notified.as_mut().enable();
            let now = self.clock.now();
            // What a clock that went back would hold up is due now.
            let until = if jump.went_back(now) || std::mem::take(&mut anew) { Timestamp::MAX } else { now };
            let sleep = match self.round(until).await {
                Ok(true) => Duration::ZERO,
                Ok(false) => self.until_next().await.unwrap_or(LONGEST_SLEEP),
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

    /// Delivers what is due. True if there may be more.
    async fn round(&self, until: Timestamp) -> Result<bool, StoreError> {
        let name = self.sink.name().to_owned();
        let due = self.ledger.with(move |store| store.due(&name, until, TAKEN)).await?;
        let more = due.len() == TAKEN;
        for outgoing in due {
            if self.stop.is_cancelled() {
                return Ok(false);
            }
            self.deliver(outgoing).await;
        }
        Ok(more)
    }

    async fn deliver(&self, outgoing: Outgoing) {
        let Outgoing { id, revision, attempts, owed_since, change, incident, .. } = outgoing;
        let sink = self.sink.name();
        let message = Message { incident, change };
        let incident = message.incident.id.as_str();
        let now = || self.clock.now();
        match self.sink.deliver(&message).await {
            Ok(()) => {
                self.counters.delivered.fetch_add(1, Ordering::Relaxed);
                tracing::info!(sink, incident, revision, "delivered");
                let at = now();
                self.settle(move |store| store.delivered(id, revision, at).map(drop)).await;
            }
            Err(DeliveryError::Retry { after, why }) if self.may_try_again(owed_since) => {
                self.counters.failed.fetch_add(1, Ordering::Relaxed);
                let own = self.backoff.delay(attempts + 1, &mut fastrand::Rng::new());
                let wait = after.unwrap_or_default().max(own);
                tracing::warn!(sink, incident, revision, wait_s = wait.as_secs_f32(), "{why}");
                let next = now().saturating_add(SignedDuration::try_from(wait).unwrap_or_default());
                let next = next.unwrap_or(Timestamp::MAX);
                self.settle(move |store| store.failed(id, revision, next, &why).map(drop)).await;
            }
            Err(error) => {
                self.counters.failed.fetch_add(1, Ordering::Relaxed);
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
    }

    fn may_try_again(&self, owed_since: Timestamp) -> bool {
        self.clock.now().duration_since(owed_since) < self.give_up_after
    }

    /// Writes what came of a delivery. Until that is written the next one must wait, or this one would be sent again.
    async fn settle(
        &self,
        work: impl Fn(&mut sundew_store::Store) -> Result<(), StoreError> + Clone + Send + 'static,
    ) {
        while let Err(error) = self.ledger.with(work.clone()).await {
            tracing::error!(sink = self.sink.name(), %error, "cannot note what came of a delivery; trying again");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn until_next(&self) -> Option<Duration> {
        let name = self.sink.name().to_owned();
        let next = self.ledger.with(move |store| store.next_due(&name)).await.ok()??;
        let wait = next.duration_since(self.clock.now()).max(SignedDuration::ZERO);
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
