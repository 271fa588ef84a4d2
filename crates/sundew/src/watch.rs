//! `sundew watch`: runs the sensor until it is told to stop, and takes changes of its files while it runs.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, bail};
use sundew_decoy::Inventory;
use sundew_sensor::{
    Config, Extras, Sensor,
    config::{SourceConfig, rule_files},
};
use sundew_store::Opened;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    args, config, decoys,
    exit::{self, Exit},
    logging,
};

/// How often the files are looked at for a change. Watching folders would miss what Kubernetes does with mounted
/// ConfigMaps on some file systems; a look a second costs nothing that can be measured.
const LOOK: Duration = Duration::from_secs(1);

pub(crate) fn run(args: args::Watch) -> Result<Exit> {
    logging::start("info");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // One thread for sinks and one for the webhook are enough: detection has its own.
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    runtime.block_on(watch(args))
}

/// The files that a sensor was made from, and how they looked.
struct Files {
    args: args::Watch,
    inventory: Option<PathBuf>,
    posture: Option<PathBuf>,
    /// Rule files, and folders of them.
    rules: Vec<PathBuf>,
    seen: Vec<(PathBuf, Option<Look>)>,
}

/// What tells that a file was changed.
type Look = (SystemTime, u64, u64);

async fn watch(args: args::Watch) -> Result<Exit> {
    let (config, inventory) = load(&args)?;
    if config.sinks.is_empty() {
        tracing::warn!("no sinks are configured: findings are kept in the store, and nobody is told");
    }
    let mut files = Files { args, inventory: None, posture: None, rules: Vec::new(), seen: Vec::new() };
    files.follow(&config);
    let decoys = inventory.decoys.len();
    let sources = config.sources.len();
    // Standard input ends; a log and a webhook do not.
    let follows = config.sources.iter().any(|source| !matches!(source, SourceConfig::Stdin(_)));
    // The signals are taken before anything runs, so that none can kill a half-started sensor.
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let mut sensor = Sensor::start(config, &inventory, Extras::default()).await?;
    if let Opened::StartedAnew { kept_aside, why } = &sensor.opened {
        let kept = kept_aside.display();
        tracing::error!(%kept, why, "the store was damaged; it was kept aside and a new one started: positions and open incidents begin anew");
    }
    tracing::info!(decoys, sources, version = env!("CARGO_PKG_VERSION"), "watching");
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut by_itself = false;
    loop {
        let asked = tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = sensor.ended() => {
                by_itself = true;
                break;
            }
            _ = hangup.recv() => true,
            _ = look.tick() => false,
        };
        if files.changed() || asked {
            reload(&mut sensor, &mut files).await;
        }
    }
    tracing::info!("stopping: {}", sensor.counters().line());
    sensor.stop().await;
    if by_itself && follows {
        bail!(
            "detection ended by itself, which it should not; what it had not finished is read again at the next start"
        );
    }
    Ok(Exit::Clean)
}

/// Reads the files again. What is wrong with them is said, and the sensor goes on as it was.
async fn reload(sensor: &mut Sensor, files: &mut Files) {
    let (config, inventory) = match load(&files.args) {
        Ok(loaded) => loaded,
        Err(error) => {
            tracing::error!(
                "the change is not taken, and the sensor goes on as it was: {}",
                exit::sentence(&error)
            );
            return;
        }
    };
    files.follow(&config);
    let (decoys, sources) = (inventory.decoys.len(), config.sources.len());
    match sensor.reconfigure(config, &inventory).await {
        Ok(()) => tracing::info!(decoys, sources, "took the changed configuration"),
        Err(error) => tracing::error!("the change is not taken whole: {error}"),
    }
}

impl Files {
    /// Looks at the files that `config` names from now on.
    fn follow(&mut self, config: &Config) {
        self.inventory.clone_from(&config.inventory);
        self.posture.clone_from(&config.posture);
        self.rules.clone_from(&config.rules.paths);
        self.changed();
    }

    /// True if a file changed since the last call.
    fn changed(&mut self) -> bool {
        let own = self.args.decoys.inventory.as_ref().or(self.inventory.as_ref());
        let named = [Some(&self.args.config), own, self.posture.as_ref()].into_iter().flatten().cloned();
        // What cannot be read now is told when it is to be used.
        let (rules, _) = rule_files(&self.rules);
        let look = |path: PathBuf| {
            let look = look_at(&path);
            (path, look)
        };
        let now: Vec<(PathBuf, Option<Look>)> = named.chain(rules).map(look).collect();
        let changed = now != self.seen;
        self.seen = now;
        changed
    }
}

fn look_at(path: &Path) -> Option<Look> {
    use std::os::unix::fs::MetadataExt;
    let meta = fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len(), meta.ino()))
}

fn load(args: &args::Watch) -> Result<(Config, Inventory)> {
    let mut config = config::load(&args.config)?;
    if args.posture.is_some() {
        config.posture.clone_from(&args.posture);
    }
    let given = decoys::inventory(&args.decoys, Some(&config.cluster))?;
    let inventory = match (given, &config.inventory) {
        (Some(inventory), _) => inventory,
        (None, Some(path)) => decoys::read(path)?,
        // Rules and habits need no decoys.
        (None, None) if config.rules.builtin || !config.rules.paths.is_empty() || config.habits.enabled => {
            Inventory::of(&config.cluster, Vec::new(), Vec::new())?
        }
        (None, None) => bail!(
            "nothing to watch for: no decoys, no rules and no habits; set `inventory` in {}, or give --decoy NAMESPACE/ACCOUNT[:SECRET]",
            args.config.display()
        ),
    };
    Ok((config, inventory))
}
