//! Drills that the sensor runs by itself: one placement at a time, in turns, and an alert where one fails.

mod turns;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sundew_bait::{
    BaitError,
    drill::{Drill, Use},
};
use sundew_cluster::Connection;
use sundew_decoy::Inventory;
use sundew_detect::{DecoyRef, sensor};
use sundew_store::{Commit, Position};
use tokio::{
    runtime::Handle,
    sync::watch,
    task::{JoinHandle, spawn_blocking},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use self::turns::{Turn, misnamed, none_because, turn};
use crate::{
    clock::Clock,
    config::DrillConfig,
    delivery::Office,
    intake::{Batch, Input, Intake, Origin, Payload},
    ledger::Ledger,
};

/// How often it is looked whether a drill is due.
const LOOK: Duration = Duration::from_secs(1);
/// Where the time of the last drill is kept: no source is of a cluster without a name.
const PLACE: (&str, &str) = ("", "drill");

/// The way to a cluster, once there is one.
pub(super) type Way = Arc<RwLock<Option<Connection>>>;

/// What drills go by.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) drill: Option<DrillConfig>,
    pub(super) inventory: Arc<Inventory>,
    /// By cluster.
    pub(super) ways: HashMap<String, Way>,
    /// The sinks that must be reached.
    pub(super) sinks: Vec<String>,
    pub(super) store: PathBuf,
}

/// The one who drills.
pub(super) struct Drills {
    plan: watch::Sender<Option<Plan>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Drills {
    /// Waits for a plan.
    pub(super) fn start(intake: Intake, office: &Office) -> Self {
        let (plan, told) = watch::channel(None);
        let stop = CancellationToken::new();
        let driller = Driller {
            intake,
            ledger: office.ledger.clone(),
            clock: Arc::clone(&office.clock),
            stop: stop.clone(),
        };
        let task = tokio::spawn(driller.run(told));
        Self { plan, stop, task }
    }

    /// Goes by `plan` from now on. A drill on its way ends by the plan before.
    pub(super) fn set(&self, plan: Plan) {
        if let Some(wrong) = plan.drill.as_ref().and_then(|drill| misnamed(drill, &plan)) {
            tracing::warn!("{wrong}; what is misspelt is never drilled");
        }
        self.plan.send_replace(Some(plan));
    }

    /// Breaks off, and waits for that.
    pub(super) async fn stop(&mut self) {
        self.stop.cancel();
        // The task ends by itself; one that panicked has ended too.
        let _ = (&mut self.task).await;
    }
}

/// When the last drill was, and whose turn is next.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Last {
    time: Timestamp,
    turn: usize,
}

/// What is known from one look to the next.
#[derive(Default)]
struct Known {
    last: Option<Last>,
    /// Since when a drill that is due waits for the way to its cluster.
    waiting: Option<Instant>,
}

struct Driller {
    intake: Intake,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
}

impl Driller {
    async fn run(self, mut told: watch::Receiver<Option<Plan>>) {
        let mut known = Known::default();
        loop {
            let planned = told.borrow_and_update().clone().and_then(|plan| Some((plan.drill.clone()?, plan)));
            let wait = match planned {
                Some((drill, plan)) => {
                    if let Err(error) = self.drill_if_due(&drill, plan, &mut known).await {
                        tracing::error!(%error, "cannot keep the time of the last drill; trying again");
                    }
                    LOOK
                }
                None => Duration::MAX,
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                changed = told.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn drill_if_due(
        &self,
        drill: &DrillConfig,
        plan: Plan,
        known: &mut Known,
    ) -> Result<(), sundew_store::StoreError> {
        let now = self.clock.now();
        let last = match known.last {
            Some(last) => last,
            None => match self.read().await? {
                Some(last) => last,
                // The first drill is due after the usual time: a sensor that was started this moment has other work.
                None => self.keep(Last { time: now, turn: 0 }).await?,
            },
        };
        // A clock that was set back must not put drills off.
        let time = last.time.min(now);
        known.last = Some(Last { time, ..last });
        if now.duration_since(time) < drill.every {
            return Ok(());
        }
        let Some(turn) = turn(drill, &plan, last.turn) else {
            known.last = Some(self.keep(Last { time: now, ..last }).await?);
            let what =
                format!("nothing could be drilled for {:#}: {}", drill.every, none_because(drill, &plan));
            self.tell_missed(&plan.inventory.cluster, &what, None).await;
            return Ok(());
        };
        let way = plan.ways.get(&turn.cluster);
        let connection = way.and_then(|way| way.read().unwrap_or_else(PoisonError::into_inner).clone());
        let Some(connection) = connection else {
            let since = *known.waiting.get_or_insert_with(Instant::now);
            if since.elapsed() >= drill.patience {
                known.waiting = None;
                // Its turn stays: it was not tried.
                known.last = Some(self.keep(Last { time: now, ..last }).await?);
                let why = "there has been no connection to the cluster since it was due; see the alert or the log of its source";
                self.tell_problem(&turn, why).await;
            }
            return Ok(());
        };
        known.waiting = None;
        // Kept before it is tried, so that what breaks the sensor is not tried again and again.
        known.last = Some(self.keep(Last { time: now, turn: last.turn.wrapping_add(1) }).await?);
        self.drill(drill, plan, &turn, connection).await;
        Ok(())
    }

    async fn drill(&self, drill: &DrillConfig, plan: Plan, turn: &Turn, connection: Connection) {
        let Turn { cluster, decoy, placement, client } = turn;
        tracing::info!(decoy, placement, client = client.name(), "a drill: the decoy is used on purpose");
        let (cluster, decoys) = (cluster.clone(), vec![decoy.clone()]);
        let (placements, clients) = (vec![placement.clone()], vec![*client]);
        let (patience, stop) = (drill.patience, self.stop.clone());
        // It tells of its progress to what cannot go from thread to thread.
        let done = spawn_blocking(move || {
            let Plan { inventory, sinks, store, .. } = plan;
            let drill = Drill {
                connection: &connection,
                cluster: &cluster,
                inventory: &inventory,
                store: &store,
                decoys,
                placements,
                clients,
                sinks,
                patience,
            };
            let mut progress = |_: &Use| {};
            Handle::current().block_on(async {
                tokio::select! {
                    () = stop.cancelled() => None,
                    done = drill.run(&mut progress) => Some(done),
                }
            })
        });
        match done.await {
            Ok(Some(done)) => self.tell(turn, done).await,
            // It was broken off: nothing follows from that.
            Ok(None) => {}
            Err(_) => tracing::error!("a drill ended by a panic"),
        }
    }

    async fn tell(&self, turn: &Turn, done: Result<Vec<Use>, BaitError>) {
        let Turn { decoy, placement, .. } = turn;
        let problems: Vec<String> = match done {
            Ok(uses) => {
                for used in &uses {
                    let (seconds, skipped) = (&used.seconds, &used.skipped);
                    tracing::info!(decoy, placement, ?seconds, ?skipped, "the drill is over");
                }
                uses.into_iter().filter_map(|used| used.problem).collect()
            }
            Err(error) => vec![format!("it could not be tried: {error}")],
        };
        for problem in problems {
            self.tell_problem(turn, &problem).await;
        }
    }

    async fn tell_problem(&self, turn: &Turn, problem: &str) {
        let Turn { cluster, decoy, placement, client } = turn;
        let what = format!("decoy {decoy}, placement {placement}, as {}: {problem}", client.name());
        let decoy =
            DecoyRef { name: decoy.clone(), placement: Some(placement.clone()), ..DecoyRef::default() };
        self.tell_missed(cluster, &what, Some(decoy)).await;
    }

    async fn tell_missed(&self, cluster: &str, what: &str, decoy: Option<DecoyRef>) {
        tracing::error!("a drill failed: {what}");
        let origin = Arc::new(Origin { cluster: cluster.to_owned(), source: PLACE.1.to_owned() });
        let rule = &sensor::rules::DRILL_MISSED;
        let finding = sensor::finding(cluster, PLACE.1, rule, what, decoy, self.clock.now());
        let batch = Batch::new(&origin, Payload::Finding(Box::new(finding)));
        let _ = self.intake.send(Input::Batch(batch)).await;
    }

    async fn read(&self) -> Result<Option<Last>, sundew_store::StoreError> {
        let at = self.ledger.with(|store| store.position(PLACE.0, PLACE.1)).await?;
        Ok(at.and_then(|at| serde_json::from_value(at).ok()))
    }

    async fn keep(&self, last: Last) -> Result<Last, sundew_store::StoreError> {
        let at = serde_json::to_value(last).unwrap_or_default();
        let position = Position { cluster: PLACE.0.into(), source: PLACE.1.into(), at };
        let commit = Commit { positions: vec![position], ..Commit::default() };
        self.ledger.with(move |store| store.commit(&commit)).await?;
        Ok(last)
    }
}

#[cfg(test)]
mod tests;
