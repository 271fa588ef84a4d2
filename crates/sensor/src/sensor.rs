//! The running sensor: starts what the configuration names, lets it be changed while it runs, and stops it cleanly.

mod checks;
mod detectors;
mod drills;
mod error;
mod sinks;
mod sources;

use std::{path::PathBuf, sync::Arc, thread::JoinHandle, time::Duration};

use sundew_decoy::Inventory;
use sundew_detect::{Incidents, Severity};
use sundew_notify::{Backoff, Sink};
use sundew_store::{Opened, Store};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

pub use self::error::SensorError;
use self::{
    checks::{check_clusters, stdin_of, warn_of_unseen},
    detectors::{detectors, recall},
    drills::{Drills, Plan},
    sinks::{Told, only_sinks, sinks, wants, warn_of_orphans},
    sources::{Running, stop_source},
};
use crate::{
    clock::{Clock, SystemClock},
    config::{Config, SourceConfig},
    delivery::{Couriers, Office},
    intake::{Input, Intake, Scanned},
    ledger::Ledger,
    patience::Patience,
    pipeline::Pipeline,
    posture::{Posture, PostureError},
    status::Counters,
};

/// How many batches may wait for the pipeline: at a mebibyte each, a bound on memory.
const INTAKE: usize = 8;
/// How often the pipeline looks at what time alone changes.
const TICK: Duration = Duration::from_secs(1);

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

/// A running sensor.
pub struct Sensor {
    config: Config,
    inventory: Arc<Inventory>,
    /// The store's file, for those who look at it beside the sensor.
    store: PathBuf,
    intake: Intake,
    pipeline: JoinHandle<()>,
    sources: Vec<(SourceConfig, Running)>,
    extra_sinks: Vec<Told>,
    couriers: Couriers,
    office: Office,
    drills: Drills,
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
        let path = store.path().to_owned();
        let office = Office {
            ledger: Ledger::new(store),
            clock: extras.clock.unwrap_or_else(|| Arc::new(SystemClock)),
            counters: Arc::new(Counters::default()),
            give_up_after: config.incidents.give_up_after,
            backoff: extras.backoff.unwrap_or_default(),
            farewell: extras.patience.delivery,
        };
        warn_of_orphans(&office.ledger, &sinks).await?;
        warn_of_unseen(&config, inventory);
        let incidents = Incidents::new(config.incidents.grouping());
        let detectors = Arc::new(detectors(&config, inventory, false));
        let watch = recall(&office.ledger, &detectors)?;
        let pipeline = Pipeline::new(detectors, watch, incidents, wants(&sinks), &office, open);
        let (intake, inputs) = mpsc::channel(INTAKE);
        let pipeline = std::thread::spawn(move || pipeline.run(inputs));
        let mut sensor = Self {
            config: Config { sources: Vec::new(), ..config.clone() },
            inventory: Arc::new(inventory.clone()),
            store: path,
            drills: Drills::start(intake.clone(), &office),
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
        sensor.plan_drills(&config);
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
    pub async fn set_inventory(&mut self, inventory: &Inventory) -> Result<(), SensorError> {
        check_clusters(&self.config, inventory)?;
        warn_of_unseen(&self.config, inventory);
        self.tell(Input::Detectors(Arc::new(detectors(&self.config, inventory, true)))).await;
        self.inventory = Arc::new(inventory.clone());
        self.set_decoys();
        self.plan_drills(&self.config);
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
        warn_of_unseen(&config, inventory);
        self.tell(Input::Detectors(Arc::new(detectors(&config, inventory, true)))).await;
        self.inventory = Arc::new(inventory.clone());
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
        self.plan_drills(&config);
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

    /// Lets the drills go by `config` from now on.
    fn plan_drills(&self, config: &Config) {
        let own = config.sinks.iter().map(|sink| sink.name().to_owned());
        let extra = self.extra_sinks.iter().map(|(sink, _)| sink.name().to_owned());
        self.drills.set(Plan {
            drill: config.drill.clone(),
            inventory: Arc::clone(&self.inventory),
            ways: self.ways(config),
            sinks: own.chain(extra).collect(),
            store: self.store.clone(),
        });
    }

    async fn read_out(&self) {
        if !self.sources.iter().all(|(_, running)| matches!(running, Running::Stdin)) {
            std::future::pending::<()>().await;
        }
        // Each reader holds a sender; ours, the ticker's and that of the drills are the last three.
        while self.intake.strong_count() > 3 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Reads no more, writes what was read, and lets deliveries on their way arrive. A store that cannot be written
    /// holds this up for some seconds only: what it lacks is read again at the next start.
    pub async fn stop(mut self) {
        self.office.ledger.end_in(self.patience.farewell);
        self.drills.stop().await;
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
}

/// The report that `config` names.
fn scanned(config: &Config) -> Result<Option<Scanned>, PostureError> {
    let Some(posture) = Posture::of(config)? else { return Ok(None) };
    let cluster = config.posture_cluster().to_owned();
    tracing::info!(scanned = %posture.time().strftime("%F %H:%M UTC"), cluster, "alerts say what identities could do");
    Ok(Some(Scanned { cluster, posture: Arc::new(posture) }))
}
