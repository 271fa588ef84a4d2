//! Reads what a scan needs from a cluster, a few lists at a time, and hands every page on as it comes.

mod list;
mod plan;

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicUsize, Ordering},
};

use bytes::Bytes;
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    ask::Asker,
    connect::Connection,
    error::{ClusterError, must_be_label},
    resource::Resource,
    trouble::Reason,
};
use list::Outcome;
use plan::Wanted;

/// After so many lists in a row to which no answer came, the rest is not asked for.
const SILENT_LISTS: u32 = 4;

/// What to read, and how.
#[derive(Debug, Clone)]
pub struct CollectOptions {
    /// The namespaces to read; none means the whole cluster. What is in no namespace is always read.
    pub namespaces: Vec<String>,
    /// Whether to ask for the metadata of Secrets, which takes the right to read them.
    pub secrets: bool,
    /// How many objects to ask for at once. Fewer are asked for where a page would exceed `page_bytes`.
    pub page_size: u32,
    /// The most bytes that a page may have, unpacked.
    pub page_bytes: usize,
    /// How many lists are read at the same time, at least 1. At most two pages more than that are in memory.
    pub parallel: usize,
}

impl Default for CollectOptions {
    fn default() -> Self {
        Self { namespaces: Vec::new(), secrets: true, page_size: 500, page_bytes: 64 << 20, parallel: 4 }
    }
}

/// A page of a list: what the server sent, whole and well-formed JSON, its objects not looked at.
///
/// The pages of different lists come mixed; those of one list come in order. A list that grew too old while it was
/// read is begun anew, so **a page with a higher `attempt` replaces every page of its `list` with a lower one**.
#[derive(Debug, Clone)]
pub struct Page {
    /// What is in it. Its objects are of kind `resource.kind`, whatever kind they name: items of a list name none,
    /// and metadata names itself `PartialObjectMetadata`.
    pub resource: &'static Resource,
    /// The version that the server was asked for, such as `v1`.
    pub version: &'static str,
    /// The namespace, where only that one was asked for.
    pub namespace: Option<Arc<str>>,
    /// For Secrets: their type, if this list has only those of [`SERVICE_ACCOUNT_TOKEN`](crate::SERVICE_ACCOUNT_TOKEN).
    /// None for Secrets of any other type, and for everything that is no Secret.
    pub secret_type: Option<&'static str>,
    /// Which list this is a page of, counted from 0.
    pub list: usize,
    /// Which reading of that list this belongs to, counted from 1.
    pub attempt: u32,
    /// `{"kind": "…List", "metadata": {…}, "items": […]}`, UTF-8.
    pub bytes: Bytes,
}

/// A list that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What was read.
    pub resource: &'static Resource,
    /// The version that the server serves.
    pub version: &'static str,
    /// The namespace, where only that one was asked for.
    pub namespace: Option<Arc<str>>,
    /// As in [`Page::secret_type`].
    pub secret_type: Option<&'static str>,
    /// The list's number, as in [`Page::list`].
    pub list: usize,
    /// The attempt whose pages count.
    pub attempt: u32,
    /// How many objects it has.
    pub items: usize,
    /// The list kept growing too old, so its pages are of more than one moment: an object that was deleted and made
    /// anew under another name meanwhile can be missing.
    pub mixed: bool,
}

/// What is not known. Never to be taken as "there is none".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// What could not be read.
    pub resource: &'static Resource,
    /// The namespace, where only that one was asked for.
    pub namespace: Option<Arc<str>>,
    /// As in [`Page::secret_type`].
    pub secret_type: Option<&'static str>,
    /// The list's number, as in [`Page::list`].
    pub list: usize,
    /// How many pages of the last attempt were handed over before. They are right, and not all.
    pub pages: u32,
    /// Why.
    pub reason: Reason,
}

/// What was read, and what was not.
#[derive(Debug, Clone)]
pub struct Collected {
    /// What the server answered to `/version`, or why it is not known.
    pub version: Result<Bytes, Reason>,
    /// The lists that were read to their end, in the order of their numbers.
    pub lists: Vec<Listed>,
    /// What this server does not have at all, such as policies before the version that brought them: no gap.
    pub not_served: Vec<&'static Resource>,
    /// What could not be read, in the order of its lists' numbers.
    pub absent: Vec<Absence>,
}

/// What a reader of lists tells.
enum Said {
    Page(Page),
    End(usize, Outcome),
}

/// What the readers share.
struct Shared {
    asker: Asker,
    options: CollectOptions,
    wanted: Vec<Wanted>,
    /// The next list to read.
    next: AtomicUsize,
    /// How many lists in a row ended without an answer.
    silent: AtomicU32,
}

/// Reads everything that a scan needs and gives each page to `hand_over` as soon as it is there. Only reads (GET).
///
/// While `hand_over` works, the next pages are fetched. Dropping the future ends all requests.
///
/// # Errors
///
/// Where a namespace's name is none, or not one list could be read. A list that could not be read beside others that
/// could is no error but in [`Collected::absent`].
pub async fn collect(
    connection: &Connection,
    options: &CollectOptions,
    mut hand_over: impl FnMut(Page),
) -> Result<Collected, ClusterError> {
    for namespace in &options.namespaces {
        must_be_label(namespace, "namespace")?;
    }
    let asker = connection.asker();
    let served = plan::served(&asker).await;
    let wanted = plan::plan(options, &served);
    let (options, next, silent) = (options.clone(), AtomicUsize::new(0), AtomicU32::new(0));
    let shared = Arc::new(Shared { asker, options, wanted, next, silent });

    let (say, mut said) = mpsc::channel(1);
    let mut readers = JoinSet::new();
    for _ in 0..shared.options.parallel.max(1) {
        readers.spawn(read_lists(Arc::clone(&shared), say.clone()));
    }
    drop(say);
    let mut outcomes: Vec<Option<Outcome>> = shared.wanted.iter().map(|_| None).collect();
    while let Some(said) = said.recv().await {
        match said {
            Said::Page(page) => hand_over(page),
            Said::End(list, outcome) => outcomes[list] = Some(outcome),
        }
    }
    let collected = sum_up(connection, &shared.wanted, outcomes);
    if !collected.lists.is_empty() {
        return Ok(collected);
    }
    let (resource, why) = match collected.absent.into_iter().next() {
        Some(first) => (first.resource.name, first.reason),
        None => ("its lists", Reason::NotAsked),
    };
    Err(ClusterError::NothingRead {
        place: Box::new(connection.place().clone()),
        lists: shared.wanted.len(),
        resource,
        why,
    })
}

/// Reads one list after the other until none is left.
async fn read_lists(shared: Arc<Shared>, say: mpsc::Sender<Said>) {
    loop {
        let list = shared.next.fetch_add(1, Ordering::Relaxed);
        let Some(wanted) = shared.wanted.get(list) else { return };
        if shared.silent.load(Ordering::Relaxed) >= SILENT_LISTS {
            // What has no outcome was not asked for.
            return;
        }
        let outcome = list::read(&shared, list, wanted, &say).await;
        if let Outcome::Failed { reason: Reason::Silent { .. } | Reason::Unreachable { .. }, .. } = outcome {
            shared.silent.fetch_add(1, Ordering::Relaxed);
        } else {
            shared.silent.store(0, Ordering::Relaxed);
        }
        if say.send(Said::End(list, outcome)).await.is_err() {
            return;
        }
    }
}

fn sum_up(connection: &Connection, wanted: &[Wanted], outcomes: Vec<Option<Outcome>>) -> Collected {
    let version = connection.version().cloned().map_err(Clone::clone);
    let mut collected = Collected { version, lists: Vec::new(), not_served: Vec::new(), absent: Vec::new() };
    for (list, (wanted, outcome)) in wanted.iter().zip(outcomes).enumerate() {
        let (resource, namespace, secret_type) =
            (wanted.resource, wanted.namespace.clone(), wanted.secret_type);
        match outcome.unwrap_or(Outcome::Failed { reason: Reason::NotAsked, pages: 0 }) {
            Outcome::Read { version, attempt, items, mixed } => collected.lists.push(Listed {
                resource,
                version,
                namespace,
                secret_type,
                list,
                attempt,
                items,
                mixed,
            }),
            Outcome::NotServed if collected.not_served.contains(&resource) => {}
            Outcome::NotServed => collected.not_served.push(resource),
            Outcome::Failed { reason, pages } => {
                collected.absent.push(Absence { resource, namespace, secret_type, list, pages, reason });
            }
        }
    }
    collected
}
