//! Which pod had an address at a time: a watch over all pods that keeps only what tells them apart, in bounded memory.

mod book;
mod read;

use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

pub use self::book::{PodAt, Pods};
use self::read::Read;
use crate::{
    Connection, Reason,
    ask::{Asker, JSON},
    list::{Pages, read_pages},
    watch::{Event, Eye, State, Stop, Target, keep_watching, tell},
};

/// Pods of all namespaces.
const PATH: &str = "/api/v1/pods";
/// The most bytes of a page of pods. Of larger ones fewer are asked for at once.
const PAGE_BYTES: usize = 16 << 20;
/// The most bytes of one event: etcd takes 1.5 MiB for an object.
const EVENT_BYTES: usize = 4 << 20;

/// What the watch tells besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodsNews {
    /// All pods have been listed once: so many.
    Listed(usize),
    /// They cannot be watched at the moment; told once until they can be again, and anew where the reason is another.
    Trouble(Reason),
    /// They can be watched, for the first time or again.
    Watching,
}

/// Keeps `pods` up to date until `tell` is closed or this is dropped. Needs list and watch on pods.
///
/// Times are the server's where it names them, so that they fit its audit events.
pub async fn watch_pods(connection: Connection, pods: Arc<RwLock<Pods>>, tell: mpsc::Sender<PodsNews>) {
    let asker = connection.asker();
    let target = Target { path: PATH.into(), field_selector: None, accept: JSON, limit: EVENT_BYTES };
    let closed = tell.clone();
    let eye = PodsEye { asker: asker.clone(), connection, pods, tell, listed: false };
    tokio::select! {
        () = closed.closed() => {}
        () = keep_watching(asker, target, eye) => {}
    }
}

struct PodsEye {
    asker: Asker,
    connection: Connection,
    pods: Arc<RwLock<Pods>>,
    tell: mpsc::Sender<PodsNews>,
    listed: bool,
}

impl Eye for PodsEye {
    async fn look(&mut self) -> Result<Option<String>, Stop> {
        let pages = Pages { path: PATH, accept: JSON, kind: "Pod", limit: PAGE_BYTES };
        let mut round = self.with(|pods, _| pods.begin());
        let this = &*self;
        let version = read_pages(&self.asker, &pages, |page| {
            match page {
                Some(page) => page.into_iter().for_each(|item| drop(this.take(item, true))),
                None => round = this.with(|pods, _| pods.begin()),
            }
            Ok(())
        });
        let version = version.await.map_err(|refusal| Stop::of(refusal, PAGE_BYTES))?;
        let count = self.with(|pods, now| {
            pods.end(round, now);
            pods.len()
        });
        if !self.listed {
            self.listed = true;
            tell(&self.tell, PodsNews::Listed(count)).await?;
        }
        Ok(Some(version))
    }

    async fn heed(&mut self, event: Event<'_>) -> Result<Option<String>, Stop> {
        Ok(match event {
            Event::There(object) => self.take(object, true),
            Event::Gone(object) => self.take(object, false),
            Event::Bookmark(version) => Some(version),
        })
    }

    async fn tell(&mut self, state: State) -> Result<(), Stop> {
        let news = match state {
            State::Works => PodsNews::Watching,
            State::Troubled(reason) => PodsNews::Trouble(reason),
        };
        tell(&self.tell, news).await
    }
}

impl PodsEye {
    fn with<T>(&self, work: impl FnOnce(&mut Pods, Timestamp) -> T) -> T {
        let now = self.connection.now().unwrap_or_else(Timestamp::now);
        // Nothing panics while it holds the lock; if something did, the pods are no worse than a moment before.
        work(&mut self.pods.write().unwrap_or_else(PoisonError::into_inner), now)
    }

    /// Takes one pod in, and gives its version. One that cannot be read is counted.
    fn take(&self, object: &RawValue, there: bool) -> Option<String> {
        let read = match Read::of(object.get()) {
            Ok(read) => read,
            Err(error) => {
                tracing::debug!(line = error.line(), column = error.column(), "a pod cannot be read");
                self.with(|pods, _| pods.count_unreadable());
                return None;
            }
        };
        self.with(|pods, now| pods.take(&read, there, now));
        read.version.map(|version| version.into_owned())
    }
}
