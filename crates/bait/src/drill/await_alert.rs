//! Waits in the sensor's store for the alert about one use, and for each sink to have it.
//!
//! Everything is told apart by what stood in the store before, never by times: the server's clock, the sensor's and
//! this machine's need not agree.

use std::{
    collections::{BTreeMap, HashSet},
    path::PathBuf,
    time::{Duration, Instant},
};

use sundew_detect::{Incident, tripwire::rules};
use sundew_store::{Store, StoreError, StoredIncident};

use crate::BaitError;

/// How often the store is looked at. Looking costs nothing while nobody has written.
const LOOK: Duration = Duration::from_millis(20);
/// Among how many of the latest incidents the alert is looked for.
const LATEST: usize = 200;
/// How long the API server's note of a use waits for an event that shows the use itself: the note may be of the use
/// before, and come late.
const NOTE_WAITS: Duration = Duration::from_secs(1);

/// What is waited for.
pub(super) struct Alert {
    pub(super) store: PathBuf,
    pub(super) decoy: String,
    pub(super) placement: String,
    pub(super) nonce: String,
    pub(super) sinks: Vec<String>,
}

/// What came of it.
pub(super) struct Awaited {
    /// The incident's id.
    pub(super) incident: Option<String>,
    pub(super) named: bool,
    /// Whether only the API server's note of the use told of it.
    pub(super) by_note: bool,
    pub(super) found: Option<f64>,
    pub(super) delivered: BTreeMap<String, Option<f64>>,
    /// Where no incident came: what to look at.
    pub(super) unheard: String,
    /// Where a sink was not reached: which, and what to look at.
    pub(super) undelivered: Option<String>,
}

impl Awaited {
    /// Whether nothing is left to wait for.
    fn is_whole(&self, sent: Instant) -> bool {
        let Some(found) = self.found else { return false };
        let settled = !self.by_note || sent.elapsed().as_secs_f64() - found >= NOTE_WAITS.as_secs_f64();
        settled && self.delivered.values().all(|at| at.is_some())
    }
}

/// The store as it stands before the use.
pub(super) struct Watch {
    alert: Alert,
    store: Store,
    /// The incidents that are there already. Each drill opens one of its own; what joins an older one, such as the
    /// 401 of a refused token, is no alert about it.
    known: HashSet<String>,
    /// As the store counts the writes of others.
    written: i64,
}

impl Alert {
    /// Looks at the store before the use.
    pub(super) async fn watch(self) -> Result<Watch, BaitError> {
        off_the_runtime(move || {
            let store = Store::open_reading(&self.store)?;
            let mut known = store.open_incidents()?;
            known.append(&mut store.recent_incidents(LATEST)?);
            let known = known.into_iter().map(|stored| stored.incident.id).collect();
            let written = store.writes_of_others()?;
            Ok(Watch { alert: self, store, known, written })
        })
        .await
    }

    /// Whether the incident names the placement.
    fn names(&self, incident: &Incident) -> bool {
        let fits = |placement: &Option<String>| placement.as_deref() == Some(&*self.placement);
        incident.decoys.iter().any(|decoy| decoy.name == self.decoy && fits(&decoy.placement))
    }
}

impl Watch {
    /// Waits for the alert until everything is there or `patience` is over.
    pub(super) async fn wait(self, sent: Instant, patience: Duration) -> Result<Awaited, BaitError> {
        off_the_runtime(move || self.look_on(sent, patience)).await
    }

    fn look_on(self, sent: Instant, patience: Duration) -> Result<Awaited, StoreError> {
        let mut awaited = self.nothing();
        let mut written = None;
        loop {
            let late = sent.elapsed() >= patience;
            let now = self.store.writes_of_others()?;
            if written != Some(now) {
                written = Some(now);
                self.look(&mut awaited, sent)?;
            }
            if awaited.is_whole(sent) {
                return Ok(awaited);
            }
            if late {
                break;
            }
            std::thread::sleep(LOOK);
        }
        awaited.unheard = self.unheard(written.is_some_and(|now| now != self.written), patience);
        awaited.undelivered = self.undelivered(&awaited, patience)?;
        Ok(awaited)
    }

    fn nothing(&self) -> Awaited {
        Awaited {
            incident: None,
            named: false,
            by_note: false,
            found: None,
            delivered: self.alert.sinks.iter().map(|sink| (sink.clone(), None)).collect(),
            unheard: String::new(),
            undelivered: None,
        }
    }

    fn look(&self, awaited: &mut Awaited, sent: Instant) -> Result<(), StoreError> {
        if awaited.incident.is_none() || awaited.by_note {
            match self.find()? {
                // What shows the use itself goes before the note of it.
                Some((incident, by_note)) if awaited.incident.is_none() || !by_note => {
                    *awaited = self.nothing();
                    awaited.found = Some(sent.elapsed().as_secs_f64());
                    awaited.by_note = by_note;
                    awaited.incident = Some(incident.id);
                }
                _ => {}
            }
        }
        let Some(id) = &awaited.incident else { return Ok(()) };
        // The first word may come from one event and the placement with the next.
        if !awaited.named
            && let Some(stored) = self.store.incident(id)?
        {
            awaited.named = self.alert.names(&stored.incident);
        }
        for delivery in self.store.deliveries(id)? {
            if let Some(at) = awaited.delivered.get_mut(&delivery.sink) {
                at.get_or_insert(sent.elapsed().as_secs_f64());
            }
        }
        Ok(())
    }

    /// The incident of this use; true beside it where only the API server's note told of it.
    fn find(&self) -> Result<Option<(Incident, bool)>, StoreError> {
        let mut latest = self.store.recent_incidents(LATEST)?;
        latest.retain(|stored| !self.known.contains(&stored.incident.id));
        let shows = |stored: &StoredIncident| {
            let incident = &stored.incident;
            incident.drill && incident.clients.iter().any(|client| client.contains(&self.alert.nonce))
        };
        if let Some(stored) = latest.iter().find(|stored| shows(stored)) {
            return Ok(Some((stored.incident.clone(), false)));
        }
        let noted = |stored: &StoredIncident| {
            let incident = &stored.incident;
            incident.rules.contains_key(rules::TOKEN_LAST_USED.id) && self.alert.names(incident)
        };
        Ok(latest.into_iter().find(noted).map(|stored| (stored.incident, true)))
    }

    fn unheard(&self, others_wrote: bool, patience: Duration) -> String {
        let seconds = patience.as_secs_f64();
        let store = self.alert.store.display();
        if others_wrote {
            return format!(
                "nothing of this use within {seconds} s, although the sensor was at work: see whether the audit policy logs every request at level Metadata, and with `sundew status` how far each source has been read"
            );
        }
        format!(
            "nothing within {seconds} s, and nobody wrote to the store meanwhile: see whether `sundew watch` runs with {store}, and whether its source brings events at all"
        )
    }

    fn undelivered(&self, awaited: &Awaited, patience: Duration) -> Result<Option<String>, StoreError> {
        let missing: Vec<&str> =
            awaited.delivered.iter().filter(|(_, at)| at.is_none()).map(|(sink, _)| &**sink).collect();
        if awaited.incident.is_none() || missing.is_empty() {
            return Ok(None);
        }
        let summary = self.store.outbox_summary()?;
        let each = missing.iter().map(|sink| {
            let of = summary.iter().find(|of| of.sink == **sink);
            match of.and_then(|of| of.last_error.as_deref()) {
                Some(error) => format!("{sink} ({error})"),
                None => format!("{sink} (no error so far)"),
            }
        });
        let each = each.collect::<Vec<_>>().join(", ");
        let seconds = patience.as_secs_f64();
        Ok(Some(format!(
            "within {seconds} s the alert did not reach {each}; `sundew status` shows what waits"
        )))
    }
}

/// SQLite waits for locks and reads files.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, BaitError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(BaitError::Wrong(format!("looking into the store ended by itself: {error}"))),
    }
}
