//! The running sensor: starts what the configuration names, lets it be changed while it runs, and stops it cleanly.

use std::{sync::Arc, thread::JoinHandle, time::Duration};

use sundew_decoy::Inventory;
use sundew_detect::{Incidents, Severity, Tripwire};
use sundew_notify::{Backoff, Sink, SinkError};
use sundew_store::{Opened, Store, StoreError};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::{Clock, SystemClock},
    config::{Config, SourceConfig},
    delivery::Courier,
    ledger::Ledger,
    pipeline::{Input, Pipeline, SinkWants, orphans},
    source::{Intake, Origin, file::TailError, follow::Follower, stdin, webhook::Receiver},
    status::Counters,
    tls::TlsError,
};

/// How many batches may wait for the pipeline: at a mebibyte each, a bound on memory.
const INTAKE: usize = 8;
/// How often the pipeline looks at what time alone changes.
const TICK: Duration = Duration::from_secs(1);
/// How long deliveries on their way may take when the sensor is told to stop.
const FAREWELL: Duration = Duration::from_secs(12);

/// Why a sensor cannot start, or cannot take a change.
#[derive(Debug, Error)]
pub enum SensorError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A sink.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// A file source.
    #[error("source `{name}`: {source}")]
    Tail {
        /// Its name.
        name: String,
        /// Why.
        source: TailError,
    },
    /// A webhook source.
    #[error("source `{name}`: {source}")]
    Listen {
        /// Its name.
        name: String,
        /// Why.
        source: TlsError,
    },
    /// The inventory and the sources are about different clusters.
    #[error(
        "no source is of cluster `{cluster}`, which the inventory has decoys in; sources are of: {known}. Set `cluster` in one of the two files"
    )]
    Cluster {
        /// The cluster that nothing watches.
        cluster: String,
        /// The clusters that sources name.
        known: String,
    },
    /// The configuration's store cannot change while the sensor runs.
    #[error("`store` changed; that needs a restart")]
    StoreChanged,
}

/// A source that runs.
enum Running {
    File(Follower),
    Webhook(Receiver),
    Stdin,
}

/// What a sensor can be given besides its configuration, by programs that hold it in their own process.
#[derive(Default)]
pub struct Extras {
    /// Sinks that no configuration names, each told from a severity on.
    pub sinks: Vec<(Box<dyn Sink>, Severity)>,
    /// A clock, for tests.
    pub clock: Option<Arc<dyn Clock>>,
    /// How deliveries are spaced, for tests.
    pub backoff: Option<Backoff>,
}

/// A running sensor.
pub struct Sensor {
    config: Config,
    intake: Intake,
    pipeline: JoinHandle<()>,
    sources: Vec<(SourceConfig, Running)>,
    couriers: TaskTracker,
    stop_couriers: CancellationToken,
    stop_ticks: CancellationToken,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    backoff: Backoff,
    counters: Arc<Counters>,
    /// How the store was found.
    pub opened: Opened,
}

impl Sensor {
    /// Starts everything that `config` names.
    ///
    /// # Errors
    ///
    /// Where something named cannot be opened. Nothing runs then.
    pub async fn start(config: Config, inventory: &Inventory, extras: Extras) -> Result<Self, SensorError> {
        check_clusters(&config, inventory)?;
        let sinks = sinks(&config)?;
        let (store, opened) = Store::open(&config.store)?;
        let clock = extras.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let counters = Arc::new(Counters::default());
        let open = store.open_incidents()?;
        let ledger = Ledger::new(store);
        let tripwire = Arc::new(Tripwire::new(inventory, Vec::new()));
        let all: Vec<_> = sinks.into_iter().chain(extras.sinks).collect();
        let wants = wants(&all);
        warn_of_orphans(&ledger, &wants)?;
        let incidents = Incidents::new(config.incidents.grouping());
        let pipeline = Pipeline::new(
            tripwire,
            incidents,
            wants,
            ledger.clone(),
            Arc::clone(&clock),
            Arc::clone(&counters),
            open,
        );
        let (intake, inputs) = mpsc::channel(INTAKE);
        let pipeline = std::thread::spawn(move || pipeline.run(inputs));
        let mut sensor = Self {
            config: Config { sources: Vec::new(), ..config.clone() },
            intake,
            pipeline,
            sources: Vec::new(),
            couriers: TaskTracker::new(),
            stop_couriers: CancellationToken::new(),
            stop_ticks: CancellationToken::new(),
            ledger,
            clock,
            backoff: extras.backoff.unwrap_or_default(),
            counters,
            opened,
        };
        sensor.send_couriers(all);
        sensor.start_ticking();
        if let Err(error) = sensor.set_sources(&config).await {
            sensor.stop().await;
            return Err(error);
        }
        sensor.config = config;
        Ok(sensor)
    }

    /// What it has counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The address of the first webhook source, where the configuration let the system choose the port.
    pub fn webhook_address(&self) -> Option<std::net::SocketAddr> {
        self.sources.iter().find_map(|(_, running)| match running {
            Running::Webhook(receiver) => Some(receiver.address),
            _ => None,
        })
    }

    /// Takes other decoys from now on.
    ///
    /// # Errors
    ///
    /// Where they are of clusters that nothing watches; the old ones stay.
    pub async fn set_inventory(&self, inventory: &Inventory) -> Result<(), SensorError> {
        check_clusters(&self.config, inventory)?;
        self.tell(Input::Decoys(Arc::new(Tripwire::new(inventory, Vec::new())))).await;
        Ok(())
    }

    /// Takes another configuration and inventory from now on. Sources that did not change go on undisturbed.
    ///
    /// # Errors
    ///
    /// Where something in it cannot be opened. What ran before goes on, but for sources whose settings changed.
    pub async fn reconfigure(&mut self, config: Config, inventory: &Inventory) -> Result<(), SensorError> {
        if config.store != self.config.store {
            return Err(SensorError::StoreChanged);
        }
        check_clusters(&config, inventory)?;
        let sinks = sinks(&config)?;
        self.tell(Input::Decoys(Arc::new(Tripwire::new(inventory, Vec::new())))).await;
        self.tell(Input::Sinks(wants(&sinks))).await;
        self.recall_couriers().await;
        self.send_couriers(sinks);
        let set = self.set_sources(&config).await;
        self.config = config;
        set
    }

    /// Waits until every source has ended by itself, as standard input does. Never where one of them cannot end.
    pub async fn ended(&self) {
        if !self.sources.iter().all(|(_, running)| matches!(running, Running::Stdin)) {
            std::future::pending::<()>().await;
        }
        // Each reader holds a sender; ours and the ticker's are the last two.
        while self.intake.strong_count() > 2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Reads no more, writes what was read, and lets deliveries on their way arrive.
    pub async fn stop(mut self) {
        for (_, running) in std::mem::take(&mut self.sources) {
            stop_source(running).await;
        }
        self.stop_ticks.cancel();
        let (done, written) = oneshot::channel();
        self.tell(Input::Stop(done)).await;
        // The pipeline ends after this message, or has ended.
        let _ = written.await;
        self.deliver_first().await;
        self.recall_couriers().await;
        let pipeline = self.pipeline;
        let _ = tokio::task::spawn_blocking(move || pipeline.join()).await;
    }

    /// Gives what was written last a moment to leave: an alert should not wait for the next start.
    async fn deliver_first(&self) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(2);
        self.ledger.wake_senders();
        while tokio::time::Instant::now() < deadline {
            let now = self.clock.now();
            let due = self.ledger.with(move |store| {
                let sinks = store.outbox_summary()?;
                let due = |s: &sundew_store::OutboxSummary| {
                    store.due(&s.sink, now, 1).is_ok_and(|due| due.iter().any(|d| d.attempts == 0))
                };
                Ok(sinks.iter().any(due))
            });
            if !due.await.unwrap_or(false) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn tell(&self, input: Input) {
        if self.intake.send(input).await.is_err() {
            tracing::error!("the detection thread has ended; restart the sensor");
        }
    }

    fn start_ticking(&self) {
        let (intake, stop) = (self.intake.clone(), self.stop_ticks.clone());
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(TICK);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = ticks.tick() => {}
                }
                // A full intake is busy enough to need no reminder.
                let _ = intake.try_send(Input::Tick);
            }
        });
    }

    fn send_couriers(&self, sinks: Vec<(Box<dyn Sink>, Severity)>) {
        for (sink, _) in sinks {
            let courier = Courier {
                sink,
                ledger: self.ledger.clone(),
                clock: Arc::clone(&self.clock),
                counters: Arc::clone(&self.counters),
                give_up_after: self.config.incidents.give_up_after,
                backoff: self.backoff,
                stop: self.stop_couriers.clone(),
            };
            self.couriers.spawn(courier.run());
        }
    }

    async fn recall_couriers(&mut self) {
        std::mem::take(&mut self.stop_couriers).cancel();
        let couriers = std::mem::take(&mut self.couriers);
        couriers.close();
        if tokio::time::timeout(FAREWELL, couriers.wait()).await.is_err() {
            tracing::warn!("a delivery did not end in time; its message may be sent twice");
        }
    }

    /// Stops sources that are gone or changed, and starts those that are new.
    async fn set_sources(&mut self, config: &Config) -> Result<(), SensorError> {
        let wanted = |source: &SourceConfig, cluster: &str| {
            config.sources.iter().any(|s| s == source && config.cluster_of(s) == cluster)
        };
        let old = std::mem::take(&mut self.sources);
        for (source, running) in old {
            if wanted(&source, self.config.cluster_of(&source)) {
                self.sources.push((source, running));
            } else {
                stop_source(running).await;
            }
        }
        for source in &config.sources {
            if self.sources.iter().any(|(s, _)| s == source) {
                continue;
            }
            let running = self.start_source(config, source).await?;
            self.sources.push((source.clone(), running));
        }
        Ok(())
    }

    async fn start_source(&self, config: &Config, source: &SourceConfig) -> Result<Running, SensorError> {
        let name = source.name().to_owned();
        let origin = Origin { cluster: config.cluster_of(source).to_owned(), source: name.clone() };
        let intake = self.intake.clone();
        match source {
            SourceConfig::File(file) => {
                let key = origin.clone();
                let position =
                    self.ledger.with(move |store| store.position(&key.cluster, &key.source)).await?;
                Follower::start(file, origin, position, intake)
                    .map(Running::File)
                    .map_err(|source| SensorError::Tail { name, source })
            }
            SourceConfig::Webhook(webhook) => Receiver::start(webhook, origin, intake)
                .await
                .map(Running::Webhook)
                .map_err(|source| SensorError::Listen { name, source }),
            SourceConfig::Stdin(_) => {
                stdin::start(origin, intake);
                Ok(Running::Stdin)
            }
        }
    }
}

async fn stop_source(running: Running) {
    match running {
        Running::File(follower) => {
            // Stopping waits for a thread that may be waiting for the pipeline.
            let _ = tokio::task::spawn_blocking(move || follower.stop()).await;
        }
        Running::Webhook(receiver) => receiver.stop().await,
        Running::Stdin => {}
    }
}

fn sinks(config: &Config) -> Result<Vec<(Box<dyn Sink>, Severity)>, SinkError> {
    let env = |name: &str| std::env::var(name).ok();
    config.sinks.iter().map(|c| Ok((sundew_notify::build(c, &env)?, c.min_severity()))).collect()
}

fn wants(sinks: &[(Box<dyn Sink>, Severity)]) -> Vec<SinkWants> {
    sinks.iter().map(|(sink, least)| SinkWants { name: sink.name().to_owned(), least: *least }).collect()
}

/// A sink that was renamed or taken out may still be owed alerts: that must not pass in silence.
fn warn_of_orphans(ledger: &Ledger, wants: &[SinkWants]) -> Result<(), StoreError> {
    let summary = ledger.lock().outbox_summary()?;
    let owed = summary.iter().filter(|s| s.waiting > 0).map(|s| s.sink.as_str());
    for sink in orphans(owed, wants) {
        tracing::warn!(
            sink,
            "the store has messages for this sink, which the configuration does not name; they wait"
        );
    }
    Ok(())
}

/// Every cluster with decoys must have a source, or its decoys would never be heard of.
fn check_clusters(config: &Config, inventory: &Inventory) -> Result<(), SensorError> {
    let known: Vec<&str> = config.sources.iter().map(|s| config.cluster_of(s)).collect();
    let watched = |cluster: &str| known.contains(&cluster);
    let decoys = inventory.decoys.iter().map(|d| inventory.cluster_of(d));
    let bait = inventory.namespaces.iter().map(|n| n.cluster.as_deref().unwrap_or(&inventory.cluster));
    match decoys.chain(bait).find(|cluster| !watched(cluster)) {
        None => Ok(()),
        Some(cluster) => Err(SensorError::Cluster { cluster: cluster.into(), known: known.join(", ") }),
    }
}
