//! A cluster as a source, through its API: with no audit log at all, the use of a decoy's token is noticed by the label
//! that the API server sets on its Secret; and it is known which pod has which address.
//!
//! Its own requests carry nonces that only the store knows. What was seen of each Secret is the source's position, so a
//! use that fell into a restart is noticed after it.

mod known;
mod nonces;
mod put_back;
mod secret;
mod sight;
mod watched;
mod way;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sundew_cluster::{Connection, Pods, PodsNews, watch_pods};
use sundew_detect::sensor;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

pub(crate) use self::watched::{Watched, watched};
use self::{
    known::{Known, Position},
    nonces::Nonces,
    secret::Keeper,
    sight::Sight,
    way::Way,
};
use crate::{
    clock::Clock,
    config::ClusterSource,
    intake::{Batch, Input, Intake, Origin, Payload},
    ledger::Ledger,
    patience::Patience,
};

/// How often it is looked for trouble that lasts.
const LOOK: Duration = Duration::from_secs(1);
/// How often nonces are looked at: each is good for much longer.
const RENEWAL: Duration = Duration::from_secs(30);
/// What is in trouble where pods cannot be watched.
const PODS: &str = "pods";

/// A cluster that is being watched.
pub(crate) struct Watcher {
    decoys: watch::Sender<Vec<Watched>>,
    connection: Arc<RwLock<Option<Connection>>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// What the parts of a watcher have in common.
struct Shared {
    origin: Arc<Origin>,
    intake: Intake,
    clock: Arc<dyn Clock>,
    patience: Patience,
    position: tokio::sync::Mutex<Position>,
    nonces: Arc<Nonces>,
    sight: Mutex<Sight>,
    /// That labels cannot be set back was said.
    warned: AtomicBool,
}

/// What a watcher needs of the sensor.
pub(crate) struct Means {
    pub(crate) intake: Intake,
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) patience: Patience,
}

impl Watcher {
    /// Watches `source` with these decoys, from `position`. A server that is not there is waited for.
    pub(crate) fn start(
        source: ClusterSource,
        origin: Origin,
        position: Option<serde_json::Value>,
        decoys: Vec<Watched>,
        means: Means,
    ) -> Self {
        let Means { intake, ledger, clock, patience } = means;
        let position: Position = position.and_then(|at| serde_json::from_value(at).ok()).unwrap_or_default();
        let shared = Arc::new(Shared {
            nonces: Arc::new(Nonces::new(ledger, Arc::clone(&clock), &origin.cluster)),
            origin: Arc::new(origin),
            intake,
            clock,
            patience,
            position: tokio::sync::Mutex::new(position),
            sight: Mutex::default(),
            warned: AtomicBool::new(false),
        });
        let (decoys, told) = watch::channel(decoys);
        let connection = Arc::new(RwLock::new(None));
        let stop = CancellationToken::new();
        let (stopped, connected) = (stop.clone(), Arc::clone(&connection));
        let task = tokio::spawn(async move {
            let cluster = shared.origin.cluster.clone();
            let intake = shared.intake.clone();
            tokio::select! {
                () = stopped.cancelled() => {}
                () = shared.look_around() => {}
                () = run(Arc::clone(&shared), source, told, &connected) => {}
            }
            // Nobody keeps them up to date any more.
            let _ = intake.send(Input::Pods(cluster, None)).await;
        });
        Self { decoys, connection, stop, task }
    }

    /// Watches the Secrets of these decoys from now on; those that were watched go on undisturbed.
    pub(crate) fn set_decoys(&self, decoys: Vec<Watched>) {
        self.decoys.send_if_modified(|known| {
            let changed = *known != decoys;
            *known = decoys;
            changed
        });
    }

    /// The way to the cluster, once there is one.
    pub(crate) fn connection(&self) -> Arc<RwLock<Option<Connection>>> {
        Arc::clone(&self.connection)
    }

    /// Ends all watches, and waits for that.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        // The task ends by itself; one that panicked has ended too.
        let _ = self.task.await;
    }
}

/// Connects, and watches what the source says. Does not end by itself.
async fn run(
    shared: Arc<Shared>,
    source: ClusterSource,
    mut decoys: watch::Receiver<Vec<Watched>>,
    connected: &RwLock<Option<Connection>>,
) {
    let pods = Arc::new(RwLock::new(Pods::default()));
    let mut keepers = Keepers::new();
    let mut way = Way::new(&shared, &source);
    let mut connection = way.first().await;
    if source.pods {
        let cluster = shared.origin.cluster.clone();
        let _ = shared.intake.send(Input::Pods(cluster, Some(Arc::clone(&pods)))).await;
    }
    loop {
        *connected.write().unwrap_or_else(PoisonError::into_inner) = Some(connection.clone());
        let looks = source
            .pods
            .then(|| Task::spawn(keep_pods(Arc::clone(&shared), connection.clone(), Arc::clone(&pods))));
        let next = tokio::select! {
            next = way.anew() => next,
            () = keep_secrets(&shared, &connection, &mut decoys, &mut keepers), if source.secrets => return,
        };
        for task in looks.into_iter().chain(std::mem::take(&mut keepers).into_values().map(|(_, task)| task))
        {
            task.end().await;
        }
        connection = next;
    }
}

/// Those who look after a Secret each, by its key, and how they are told of changes in the inventory.
type Keepers = BTreeMap<String, (watch::Sender<Watched>, Task)>;

/// Keeps a watch on the Secret of each decoy, until nobody says any more which these are.
async fn keep_secrets(
    shared: &Arc<Shared>,
    connection: &Connection,
    decoys: &mut watch::Receiver<Vec<Watched>>,
    keepers: &mut Keepers,
) {
    let mut looks = tokio::time::interval(RENEWAL);
    loop {
        let wanted = decoys.borrow_and_update().clone();
        let names: BTreeSet<String> = wanted.iter().map(|watched| watched.decoy.name.clone()).collect();
        let names: Vec<String> = names.into_iter().collect();
        while let Err(error) = shared.nonces.renew(&names, connection.now()).await {
            tracing::error!(
                source = shared.origin.source, %error,
                "cannot announce the look at decoys' Secrets; it waits"
            );
            tokio::time::sleep(LOOK).await;
        }
        shared.set_keepers(keepers, wanted, connection).await;
        tokio::select! {
            changed = decoys.changed() => if changed.is_err() { return },
            _ = looks.tick() => {}
        }
    }
}

/// A task that ends with its owner.
struct Task(JoinHandle<()>);

impl Task {
    fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }

    /// Ends it, and waits for that.
    async fn end(mut self) {
        self.0.abort();
        // That it was aborted is what is wanted.
        let _ = (&mut self.0).await;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Shared {
    /// One keeper for each of `wanted`; those that are there already are told how the inventory lists it now.
    async fn set_keepers(
        self: &Arc<Self>,
        keepers: &mut Keepers,
        wanted: Vec<Watched>,
        connection: &Connection,
    ) {
        let mut wanted: HashMap<String, Watched> = wanted.into_iter().map(|w| (w.key(), w)).collect();
        keepers.retain(|key, _| {
            let kept = wanted.contains_key(key);
            if !kept {
                self.found(&format!("Secret {key}"));
                self.found(&label_of(key));
            }
            kept
        });
        // What is not watched any more is not known any more.
        self.position.lock().await.secrets.retain(|key, _| wanted.contains_key(key));
        for (key, (now, _)) in keepers.iter() {
            if let Some(watched) = wanted.remove(key) {
                now.send_if_modified(|known| {
                    let changed = *known != watched;
                    *known = watched;
                    changed
                });
            }
        }
        for (key, watched) in wanted {
            let agent = self.nonces.agent(&watched.decoy.name);
            let (now, told) = watch::channel(watched);
            let keeper = Keeper::new(Arc::clone(self), connection.clone(), agent, told);
            keepers.insert(key, (now, Task::spawn(keeper.run())));
        }
    }

    fn sight(&self) -> MutexGuard<'_, Sight> {
        self.sight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn found(&self, thing: &str) {
        if self.sight().found(thing) {
            tracing::info!(source = self.origin.source, "{thing} can be seen again");
        }
    }

    /// Says once that labels cannot be set back.
    fn warn_of_labels(&self, why: &str) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                source = self.origin.source,
                "{why}: the label that shows the use of a decoy's token cannot be set back, so a second use on the same day will not be noticed by it; give the sensor's account `patch` on the decoys' Secrets"
            );
        }
    }

    /// Tells of trouble once it lasted.
    async fn look_around(&self) {
        let mut looks = tokio::time::interval(LOOK.min(self.patience.absence));
        loop {
            looks.tick().await;
            let due = self.sight().due(self.patience.absence);
            for what in due {
                let Origin { cluster, source } = &*self.origin;
                let what = format!("source `{source}`: {what}");
                let rule = &sensor::rules::BLIND;
                let finding = sensor::finding(cluster, source, rule, &what, None, self.clock.now());
                let batch = Batch::new(&self.origin, Payload::Finding(Box::new(finding)));
                let _ = self.intake.send(Input::Batch(batch)).await;
            }
        }
    }

    async fn known(&self, key: &str) -> Option<Known> {
        self.position.lock().await.secrets.get(key).cloned()
    }

    /// Hands on what was seen of a Secret, together with what is known of it now.
    async fn write(&self, watched: &Watched, known: Known, payload: Payload) {
        self.hand_on(watched, known, payload, None).await;
    }

    /// The same, and waits until it is written. False where it was not: then the sensor is ending.
    async fn write_and_wait(&self, watched: &Watched, known: Known, payload: Payload) -> bool {
        let (done, written) = oneshot::channel();
        self.hand_on(watched, known, payload, Some(done)).await;
        written.await.is_ok()
    }

    async fn hand_on(
        &self,
        watched: &Watched,
        known: Known,
        payload: Payload,
        done: Option<oneshot::Sender<()>>,
    ) {
        // Held until the batch is sent, so that no later position comes before it. Nothing is awaited once something
        // counts as known: who ends in between would have told nobody.
        let mut position = self.position.lock().await;
        // A closed pipeline is seen by the sensor.
        let Ok(place) = self.intake.reserve().await else { return };
        position.secrets.insert(watched.key(), known);
        let mut batch = Batch::new(&self.origin, payload);
        batch.position = serde_json::to_value(&*position).ok();
        batch.done = done;
        place.send(Input::Batch(batch));
    }
}

/// What is in trouble where the label of a Secret cannot be set back.
fn label_of(key: &str) -> String {
    format!("the label of Secret {key}")
}

/// Keeps the pods of the cluster.
async fn keep_pods(shared: Arc<Shared>, connection: Connection, pods: Arc<RwLock<Pods>>) {
    let (tell, mut news) = mpsc::channel(8);
    let telling = async {
        let source = shared.origin.source.as_str();
        while let Some(news) = news.recv().await {
            match news {
                PodsNews::Listed(count) => {
                    tracing::info!(source, count, "alerts name pods by their addresses");
                }
                PodsNews::Watching => {
                    shared.sight().found(PODS);
                    tracing::info!(source, "pods can be watched");
                }
                PodsNews::Trouble(reason) => {
                    shared.sight().missed(PODS, &reason);
                    tracing::warn!(source, "pods cannot be watched, so alerts may not name them: {reason}");
                }
            }
        }
    };
    tokio::join!(watch_pods(connection, pods, tell), telling);
}
