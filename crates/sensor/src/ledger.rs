//! The store as the running sensor shares it: one connection, taken in turns, and never given up on.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sundew_store::{Commit, Store, StoreError};
use tokio::sync::Notify;

/// The first and the longest wait before a write that failed is tried again.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How often a wait looks whether the sensor is told to stop.
const LOOK: Duration = Duration::from_millis(100);

/// A shared store.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    store: Arc<Mutex<Store>>,
    /// Told when the outbox has something new.
    news: Arc<Notify>,
    /// When to stop trying to write, once the sensor is told to stop.
    deadline: Arc<Mutex<Option<Instant>>>,
}

impl Ledger {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store: Arc::new(Mutex::new(store)),
            news: Arc::new(Notify::new()),
            deadline: Arc::new(Mutex::new(None)),
        }
    }

    /// Writes `commit`, however long that takes: what it holds was read and is nowhere else. Meanwhile sources wait,
    /// and the webhook tells the API server to come again. False where the sensor was told to stop before the store
    /// could be written: then nothing of it was, and the next start reads it again.
    pub(crate) fn commit(&self, commit: &Commit) -> bool {
        let mut wait = FIRST_WAIT;
        loop {
            // A statement of its own: senders must have the store while this sleeps.
            let written = self.lock().commit(commit);
            let Err(error) = written else { return true };
            if self.is_late() {
                tracing::error!(%error, "cannot write to the store before the end; what was read last is read again at the next start");
                return false;
            }
            tracing::error!(%error, "cannot write to the store; nothing is lost, but alerts wait until it can be written");
            self.sleep(wait);
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// From `patience` from now on, a write that fails is not tried again.
    pub(crate) fn end_in(&self, patience: Duration) {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + patience);
    }

    /// Runs `work` on the store, off the asynchronous threads.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let ledger = self.clone();
        let result = tokio::task::spawn_blocking(move || work(&mut ledger.lock())).await;
        match result {
            Ok(result) => result,
            // The work above does not panic; a cancelled runtime is ending.
            Err(_) => std::future::pending().await,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Store> {
        // SQLite undoes what a panic left half done.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wake_senders(&self) {
        self.news.notify_waiters();
    }

    /// Completes when something is written to the outbox after this was called.
    pub(crate) fn news(&self) -> Arc<Notify> {
        Arc::clone(&self.news)
    }

    fn is_late(&self) -> bool {
        let deadline = *self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn sleep(&self, wait: Duration) {
        let until = Instant::now() + wait;
        while Instant::now() < until && !self.is_late() {
            std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
        }
    }
}
