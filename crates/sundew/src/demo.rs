//! `sundew demo`: a recorded theft played to the real sensor, with no cluster.
//!
//! The log was written by a real API server while a small cluster did its ordinary work and the tokens of two decoys
//! were stolen and used. It is played line by line into a file that a sensor follows as it would follow an API
//! server's own; only the sink is the demo's.

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, File},
    io::{self, Read, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use sundew_audit::parse;
use sundew_decoy::Inventory;
use sundew_detect::Severity;
use sundew_notify::{DeliveryError, Message, Sink, render_terminal};
use sundew_sensor::{Config, Extras, Sensor};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, sleep, sleep_until},
};

use crate::{args, exit::Exit, logging, table};

const RECORDING: &[u8] = include_bytes!("../../../recordings/theft/audit.log.gz");

const INVENTORY: &str = "
version: 1
cluster: demo
decoys:
- namespace: honeypot
  account: backup-sa
  persona: backup
  placements:
  - secret: backup-sa-token
    location: /opt/backup/token in pod honeypot/file-backup
    mountedBy: {pod: file-backup, nodes: [worker-1]}
- namespace: kube-system
  account: tiller
  persona: tiller
  placements: [{secret: tiller-token-x7k2p, location: Secret kube-system/tiller-token-x7k2p}]
";

/// What must be told: rule and decoy of every step of the theft, as `recordings/theft/truth.csv` has them.
const EXPECTED: [(&str, &str); 9] = [
    ("tripwire.token_used", "honeypot/backup-sa"),
    ("tripwire.token_used", "kube-system/tiller"),
    ("tripwire.token_last_used", "honeypot/backup-sa"),
    ("tripwire.impersonated", "honeypot/backup-sa"),
    ("tripwire.token_requested", "honeypot/backup-sa"),
    ("tripwire.pod_entered", "honeypot/backup-sa"),
    ("tripwire.secret_touched", "honeypot/backup-sa"),
    ("tripwire.secret_touched", "kube-system/tiller"),
    ("tripwire.role_bound", "kube-system/tiller"),
];

/// The administrator has made the decoys by then; before that there is nothing to steal.
const PLANTED: &str = "2026-11-20T22:09:50Z";
/// The theft begins, and is over.
const THEFT: [&str; 2] = ["2026-11-20T22:11:22.5Z", "2026-11-20T22:11:26.5Z"];
/// How much faster than it happened ordinary work is played, and how much faster the theft.
const ORDINARY_SPEED: f64 = 30.0;
const THEFT_SPEED: f64 = 0.6;
/// How long the last alerts may take after the last line.
const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) fn run(args: &args::Demo) -> Result<Exit> {
    logging::start("error");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    runtime.block_on(demo(args))
}

async fn demo(args: &args::Demo) -> Result<Exit> {
    let lines = script()?;
    // Listened for before there is anything that would be left behind.
    let mut stop = Stop::listen()?;
    let folder = Folder::new()?;
    let log = folder.0.join("audit.log");
    let mut file = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
    let config = folder.0.join("sundew.yaml");
    let text = "{version: 1, cluster: demo, incidents: {quiet: 3s}, sources: [{type: file, name: audit, path: audit.log, silence: never}]}";
    let config = Config::read(text, &config)?;
    let inventory = Inventory::read(INVENTORY)?;
    let told = Told::default();
    let sink = Terminal { told: told.clone(), colour: table::colour() };
    let extras = Extras { sinks: vec![(Box::new(sink), Severity::Medium)], ..Extras::default() };
    say(&format!(
        "An API server's audit log is being written to {}\nTwo accounts in it are decoys: no workload uses them. Sundew follows the log.\n",
        log.display()
    ))?;
    let sensor = Sensor::start(config, &inventory, extras).await?;
    let played = tokio::select! {
        played = play(&lines, &mut file, args.speed) => played?,
        () = stop.asked() => false,
    };
    let complete = played && all_told(&told).await;
    let events = sensor.counters().events.load(std::sync::atomic::Ordering::Relaxed);
    if played {
        say(&farewell(&told, complete, events))?;
    }
    if played && !args.once {
        say("The sensor goes on watching that file; end it with Ctrl-C.")?;
        stop.asked().await;
    }
    sensor.stop().await;
    match (args.once, complete) {
        (true, false) => {
            let missing: Vec<String> =
                told.missing().iter().map(|(rule, decoy)| format!("{rule} of {decoy}")).collect();
            bail!("expected alerts did not come: {}", missing.join(", "))
        }
        _ => Ok(Exit::Clean),
    }
}

/// Somebody wants the demo to end.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// A folder that goes away with the demo.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let name = format!("sundew-demo-{}-{}", std::process::id(), Timestamp::now().as_nanosecond());
        let path = std::env::temp_dir().join(name);
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The system empties its folder for temporary files; there is nobody left to tell.
        let _ = fs::remove_dir_all(Path::new(&self.0));
    }
}

/// The recording's lines from the planting on, with the seconds from one to the next as they are played.
fn script() -> Result<Vec<(f64, String)>> {
    let (_, mut reader) = sundew_audit::decompress::reader(RECORDING)?;
    let mut log = String::new();
    reader.read_to_string(&mut log)?;
    let planted: Timestamp = PLANTED.parse()?;
    let theft: [Timestamp; 2] = [THEFT[0].parse()?, THEFT[1].parse()?];
    let mut before = planted;
    let mut script = Vec::new();
    for line in log.lines() {
        let time = parse::event(line)?.time().unwrap_or(before);
        if time < planted {
            continue;
        }
        let stolen = theft[0] <= time && time <= theft[1];
        let speed = if stolen { THEFT_SPEED } else { ORDINARY_SPEED };
        // Events are written when they end, so that times can go back a little.
        let gap = time.duration_since(before).as_secs_f64().max(0.0) / speed;
        before = before.max(time);
        script.push((gap, line.to_owned()));
    }
    Ok(script)
}

/// Writes the lines as they came. True when all are written.
async fn play(lines: &[(f64, String)], file: &mut File, speed: f64) -> Result<bool> {
    let mut at = Instant::now();
    for (gap, line) in lines {
        at += Duration::from_secs_f64(gap / speed);
        if at > Instant::now() + Duration::from_millis(1) {
            sleep_until(at).await;
        }
        // One event is one write, as the API server does it.
        file.write_all(format!("{line}\n").as_bytes()).context("cannot write the demo's log")?;
    }
    Ok(true)
}

async fn all_told(told: &Told) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if told.missing().is_empty() {
            return true;
        }
        sleep(Duration::from_millis(100)).await;
    }
    false
}

/// What the sink was told.
#[derive(Debug, Clone, Default)]
struct Told(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    messages: u64,
    incidents: BTreeSet<String>,
    steps: BTreeSet<(String, String)>,
}

impl Told {
    fn add(&self, message: &Message) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.messages += 1;
        seen.incidents.insert(message.incident.id.clone());
        for step in &message.incident.steps {
            let decoy = step.decoy.as_ref().map(|d| d.name.clone()).unwrap_or_default();
            seen.steps.insert((step.rule.clone(), decoy));
        }
    }

    fn missing(&self) -> Vec<(&'static str, &'static str)> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told =
            |(rule, decoy): &(&str, &str)| seen.steps.contains(&((*rule).to_owned(), (*decoy).to_owned()));
        EXPECTED.into_iter().filter(|step| !told(step)).collect()
    }
}

/// Shows alerts on the terminal.
struct Terminal {
    told: Told,
    colour: bool,
}

#[async_trait::async_trait]
impl Sink for Terminal {
    fn name(&self) -> &str {
        "terminal"
    }

    fn kind(&self) -> &'static str {
        "terminal"
    }

    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        say(&render_terminal(message, self.colour))
            .map_err(|error| DeliveryError::Refused { why: format!("standard output: {error}") })?;
        self.told.add(message);
        Ok(())
    }
}

fn farewell(told: &Told, complete: bool, events: u64) -> String {
    let seen = told.0.lock().unwrap_or_else(PoisonError::into_inner);
    let found = if complete { format!("all {}", EXPECTED.len()) } else { "not all".into() };
    let (incidents, messages) = (seen.incidents.len(), seen.messages);
    format!(
        "The end of the recording: {events} events, {incidents} incidents told in {messages} messages, {found} expected steps found.

Next, with a real cluster:
  1. plant a decoy:   sundew plant
  2. watch it live:   sundew watch -c sundew.yaml
  3. try the alarm:   sundew drill
README.md has the smallest sundew.yaml and the flags that the API server needs."
    )
}

fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
