//! The store as the running sensor shares it: one connection, taken in turns, and never given up on.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sundew_store::{Commit, Store, StoreError};
use tokio::sync::Notify;

/// The first and the longest wait before a write that failed is tried again.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A shared store.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    store: Arc<Mutex<Store>>,
    /// Told when the outbox has something new.
    news: Arc<Notify>,
}

impl Ledger {
    pub(crate) fn new(store: Store) -> Self {
        Self { store: Arc::new(Mutex::new(store)), news: Arc::new(Notify::new()) }
    }

    /// Writes `commit`, however long that takes: what it holds was read and is nowhere else. Meanwhile sources wait,
    /// and the webhook tells the API server to come again.
    pub(crate) fn commit(&self, commit: &Commit) {
        let mut wait = FIRST_WAIT;
        while let Err(error) = self.lock().commit(commit) {
            tracing::error!(%error, "cannot write to the store; nothing is lost, but alerts wait until it can be written");
            std::thread::sleep(wait);
            wait = (wait * 2).min(LONGEST_WAIT);
        }
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
}
