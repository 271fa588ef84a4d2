//! The running sensor: starts what the configuration names, lets it be changed while it runs, and stops it cleanly.

use std::{collections::HashSet, sync::Arc, thread::JoinHandle, time::Duration};

use sundew_decoy::Inventory;
use sundew_detect::{Incidents, Severity, Tripwire};
use sundew_notify::{Backoff, Sink, SinkError};
use sundew_store::{Opened, Store, StoreError};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::{Clock, SystemClock},
    config::{Config, SourceConfig},
    delivery::{Couriers, Office},
    intake::{Input, Intake, Origin, Scanned, SinkWants},
    ledger::Ledger,
    patience::Patience,
    pipeline::Pipeline,
    posture::{Posture, PostureError},
    source::{file::TailError, follow::Follower, stdin, webhook::Receiver},
    status::Counters,
    tls::TlsError,
};

/// How many batches may wait for the pipeline: at a mebibyte each, a bound on memory.
const INTAKE: usize = 8;
/// How often the pipeline looks at what time alone changes.
const TICK: Duration = Duration::from_secs(1);

/// Why a sensor cannot start, or cannot take a change.
#[derive(Debug, Error)]
pub enum SensorError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A sink.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The report of what identities could do.
    #[error(transparent)]
    Posture(#[from] PostureError),
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
        source: Box<TlsError>,
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
    /// Standard input cannot be given back, and has one reader.
    #[error("a source of type stdin was added, changed or removed; that needs a restart")]
    StdinChanged,
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
    /// Sinks that no configuration names, each told from a severity on. They stay through every change of it.
    pub sinks: Vec<(Box<dyn Sink>, Severity)>,
    /// A store that is open already, instead of the one that the configuration names.
    pub store: Option<(Store, Opened)>,
    /// A clock, for tests.
    pub clock: Option<Arc<dyn Clock>>,
    /// How deliveries are spaced, for tests.
    pub backoff: Option<Backoff>,
    /// How long others are waited for, for tests.
    pub patience: Patience,
}

/// A sink and the severity from which on it is told.
type Told = (Arc<dyn Sink>, Severity);

/// A running sensor.
pub struct Sensor {
    config: Config,
    intake: Intake,
    pipeline: JoinHandle<()>,
    sources: Vec<(SourceConfig, Running)>,
    extra_sinks: Vec<Told>,
    couriers: Couriers,
    office: Office,
    stop_ticks: CancellationToken,
    patience: Patience,
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
        let scanned = scanned(&config)?;
        let extra_sinks: Vec<Told> =
            extras.sinks.into_iter().map(|(sink, least)| (Arc::from(sink), least)).collect();
        let sinks = sinks(&config, &extra_sinks)?;
        let (store, opened) = match extras.store {
            Some(given) => given,
            None => Store::open(&config.store)?,
        };
        let open = store.open_incidents()?;
        let office = Office {
            ledger: Ledger::new(store),
            clock: extras.clock.unwrap_or_else(|| Arc::new(SystemClock)),
            counters: Arc::new(Counters::default()),
            give_up_after: config.incidents.give_up_after,
            backoff: extras.backoff.unwrap_or_default(),
            farewell: extras.patience.delivery,
        };
        warn_of_orphans(&office.ledger, &sinks).await?;
        let incidents = Incidents::new(config.incidents.grouping());
        let tripwire = Arc::new(Tripwire::new(inventory));
        let pipeline = Pipeline::new(tripwire, incidents, wants(&sinks), &office, open);
        let (intake, inputs) = mpsc::channel(INTAKE);
        let pipeline = std::thread::spawn(move || pipeline.run(inputs));
        let mut sensor = Self {
            config: Config { sources: Vec::new(), ..config.clone() },
            intake,
            pipeline,
            sources: Vec::new(),
            extra_sinks,
            couriers: Couriers::default(),
            office,
            stop_ticks: CancellationToken::new(),
            patience: extras.patience,
            opened,
        };
        sensor.couriers.replace(only_sinks(sinks), &sensor.office);
        sensor.tell(Input::Posture(scanned)).await;
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
        &self.office.counters
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
        self.tell(Input::Decoys(Arc::new(Tripwire::new(inventory)))).await;
        Ok(())
    }

    /// Takes another configuration and inventory from now on. Sources that did not change go on undisturbed.
    ///
    /// # Errors
    ///
    /// Where the change cannot be taken at all, all goes on as before. Where a posture report cannot be read, that is
    /// logged, the one before stays, and everything else is taken. Where a source cannot be opened, the first such
    /// error is given and everything else is taken; the same configuration can be given again.
    pub async fn reconfigure(&mut self, config: Config, inventory: &Inventory) -> Result<(), SensorError> {
        if config.store != self.config.store {
            return Err(SensorError::StoreChanged);
        }
        if stdin_of(&config) != stdin_of(&self.config) {
            return Err(SensorError::StdinChanged);
        }
        check_clusters(&config, inventory)?;
        let sinks = sinks(&config, &self.extra_sinks)?;
        warn_of_orphans(&self.office.ledger, &sinks).await?;
        self.tell(Input::Decoys(Arc::new(Tripwire::new(inventory)))).await;
        self.tell(Input::Sinks(wants(&sinks))).await;
        self.tell(Input::Grouping(config.incidents.grouping())).await;
        match scanned(&config) {
            Ok(scanned) => self.tell(Input::Posture(scanned)).await,
            Err(error) => tracing::error!(
                "what identities could do is told from the report before, as the new one cannot be taken: {error}"
            ),
        }
        self.office.give_up_after = config.incidents.give_up_after;
        self.couriers.replace(only_sinks(sinks), &self.office);
        let set = self.set_sources(&config).await;
        self.config = config;
        set
    }

    /// Waits until there is nothing more to do: every source has ended by itself, as standard input does, or detection
    /// broke down, which a restart can mend. Otherwise for ever.
    pub async fn ended(&self) {
        tokio::select! {
            () = self.intake.closed() => tracing::error!("the detection thread has ended; restart the sensor"),
            () = self.read_out() => {}
        }
    }

    async fn read_out(&self) {
        if !self.sources.iter().all(|(_, running)| matches!(running, Running::Stdin)) {
            std::future::pending::<()>().await;
        }
        // Each reader holds a sender; ours and the ticker's are the last two.
        while self.intake.strong_count() > 2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Reads no more, writes what was read, and lets deliveries on their way arrive. A store that cannot be written
    /// holds this up for some seconds only: what it lacks is read again at the next start.
    pub async fn stop(mut self) {
        self.office.ledger.end_in(self.patience.farewell);
        for (_, running) in std::mem::take(&mut self.sources) {
            stop_source(running).await;
        }
        self.stop_ticks.cancel();
        let (done, written) = oneshot::channel();
        self.tell(Input::Stop(done)).await;
        // The pipeline ends after this message, or has ended.
        let _ = written.await;
        self.deliver_first().await;
        self.couriers.recall().await;
        let pipeline = self.pipeline;
        if let Ok(Err(_)) = tokio::task::spawn_blocking(move || pipeline.join()).await {
            tracing::error!(
                "detection ended by a panic; what it had not written is read again at the next start"
            );
        }
    }

    /// Gives what was written last a moment to leave: an alert should not wait for the next start.
    async fn deliver_first(&self) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(2);
        let Office { ledger, clock, .. } = &self.office;
        ledger.wake_senders();
        while tokio::time::Instant::now() < deadline {
            let (now, sinks) = (clock.now(), self.couriers.sinks());
            let untried = ledger.with(move |store| {
                for sink in sinks {
                    if store.due(&sink, now, 16)?.iter().any(|due| due.attempts == 0) {
                        return Ok(true);
                    }
                }
                Ok(false)
            });
            if !untried.await.unwrap_or(false) {
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

    /// Stops sources that are gone or changed, and starts those that are new. One that cannot be opened keeps no other
    /// from being.
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
        let mut first = Ok(());
        for source in &config.sources {
            if self.sources.iter().any(|(s, _)| s == source) {
                continue;
            }
            match self.start_source(config, source).await {
                Ok(running) => self.sources.push((source.clone(), running)),
                Err(error) => first = first.and(Err(error)),
            }
        }
        first
    }

    async fn start_source(&self, config: &Config, source: &SourceConfig) -> Result<Running, SensorError> {
        let name = source.name().to_owned();
        let origin = Origin { cluster: config.cluster_of(source).to_owned(), source: name.clone() };
        let intake = self.intake.clone();
        match source {
            SourceConfig::File(file) => {
                let key = origin.clone();
                let position =
                    self.office.ledger.with(move |store| store.position(&key.cluster, &key.source)).await?;
                Follower::start(file, origin, position, intake, self.patience.absence)
                    .map(Running::File)
                    .map_err(|source| SensorError::Tail { name, source })
            }
            SourceConfig::Webhook(webhook) => Receiver::start(webhook, origin, intake, self.patience)
                .await
                .map(Running::Webhook)
                .map_err(|source| SensorError::Listen { name, source: Box::new(source) }),
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

/// The report that `config` names.
fn scanned(config: &Config) -> Result<Option<Scanned>, PostureError> {
    let Some(posture) = Posture::of(config)? else { return Ok(None) };
    let cluster = config.posture_cluster().to_owned();
    tracing::info!(scanned = %posture.time().strftime("%F %H:%M UTC"), cluster, "alerts say what identities could do");
    Ok(Some(Scanned { cluster, posture: Arc::new(posture) }))
}

/// The sinks that `config` names, and those that it does not.
fn sinks(config: &Config, extra: &[Told]) -> Result<Vec<Told>, SinkError> {
    let env = |name: &str| std::env::var(name).ok();
    let build = |c| Ok((Arc::from(sundew_notify::build(c, &env)?), c.min_severity()));
    let mut all = config.sinks.iter().map(build).collect::<Result<Vec<Told>, SinkError>>()?;
    all.extend(extra.iter().cloned());
    let mut names = HashSet::new();
    match all.iter().find(|(sink, _)| !names.insert(sink.name())) {
        Some((sink, _)) => Err(SinkError::Twice { name: sink.name().to_owned() }),
        None => Ok(all),
    }
}

fn only_sinks(sinks: Vec<Told>) -> Vec<Arc<dyn Sink>> {
    sinks.into_iter().map(|(sink, _)| sink).collect()
}

fn wants(sinks: &[Told]) -> Vec<SinkWants> {
    sinks.iter().map(|(sink, least)| SinkWants { name: sink.name().to_owned(), least: *least }).collect()
}

/// A sink that was renamed or taken out may still be owed alerts: that must not pass in silence.
async fn warn_of_orphans(ledger: &Ledger, sinks: &[Told]) -> Result<(), StoreError> {
    let known: HashSet<&str> = sinks.iter().map(|(sink, _)| sink.name()).collect();
    let summary = ledger.with(|store| store.outbox_summary()).await?;
    for owed in summary.iter().filter(|s| s.waiting > 0 && !known.contains(s.sink.as_str())) {
        tracing::warn!(
            sink = owed.sink,
            "the store has messages for this sink, which the configuration does not name; they wait"
        );
    }
    Ok(())
}

/// What `config` says of standard input.
fn stdin_of(config: &Config) -> Option<(&SourceConfig, &str)> {
    let stdin = config.sources.iter().find(|source| matches!(source, SourceConfig::Stdin(_)))?;
    Some((stdin, config.cluster_of(stdin)))
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
