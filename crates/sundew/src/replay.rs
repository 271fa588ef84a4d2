//! `sundew replay`: searches audit logs of the past, or learns from them.

mod detectors;
mod state;

use std::{
    io::{self, BufWriter, IsTerminal, Write},
    sync::atomic::{AtomicU64, Ordering},
    thread::available_parallelism,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use sundew_decoy::Inventory;
use sundew_detect::{Detectors, Finding, Grouping, Incident, Incidents, Outcome, Severity, Watch};
use sundew_sensor::{
    Posture,
    replay::{self as engine, Input, Reading, Summary},
};

pub(crate) use self::state::FILE as STATE_FILE;
use self::state::State;
use crate::{
    args::{self, Output},
    decoys,
    exit::Exit,
    table::{self, cell, count, counted},
};

/// How many incidents may be open at a time: past this the longest silent one is printed early.
const MAX_OPEN: usize = 100_000;
/// How wide the column of rules is: the longest name that comes with the program, which `sundew rules show` wants whole.
const RULE: usize = 42;

pub(crate) fn run(args: &args::Replay) -> Result<Exit> {
    let inventory = decoys::inventory(&args.decoys, args.cluster.as_deref())?;
    let cluster = cluster(args, inventory.as_ref())?;
    let detectors = detectors::of(args, inventory.as_ref())?;
    let inputs = Input::expand(&args.paths).map_err(|(path, error)| {
        anyhow::Error::new(error).context(format!("cannot read {}", path.display()))
    })?;
    let posture = args.posture.as_deref().map(Posture::load).transpose()?;
    let state = args.state.as_deref().map(|folder| State::open(folder, args.learn)).transpose()?;
    let mut watch = Watch::new(&detectors);
    if let Some(state) = &state {
        state.recall(&mut watch)?;
    }
    let started = Instant::now();
    let bytes = AtomicU64::new(0);
    let replay = engine::Replay {
        detectors: &detectors,
        cluster: &cluster,
        threads: args.threads.or(available_parallelism().ok()).map_or(1, std::num::NonZero::get),
        reading: match args.reading {
            args::Reading::Skim => Reading::Skim,
            args::Reading::Full => Reading::Full,
            args::Reading::Plain => Reading::Plain,
        },
        progress: &bytes,
    };
    let bar = progress_bar(&inputs);
    let mut printer = Printer::new(args, posture, bar.clone());
    printer.with_decoys = detectors.tripwire.decoys() > 0;
    let summary = with_progress(bar.as_ref(), &bytes, || {
        replay.run(&inputs, &mut watch, |outcome| args.learn || printer.take(&outcome))
    });
    printer.finish()?;
    report(args, &detectors, &watch, &summary, started.elapsed())?;
    if !summary.failures.is_empty() {
        return Ok(Exit::Failed);
    }
    if let Some(state) = state.filter(|_| args.learn) {
        state.keep(&mut watch)?;
    }
    let over = args.fail_on.is_some_and(|least| printer.worst.is_some_and(|worst| worst >= least));
    Ok(if over { Exit::Found } else { Exit::Clean })
}

fn cluster(args: &args::Replay, inventory: Option<&Inventory>) -> Result<String> {
    let Some(inventory) = inventory else {
        return Ok(args.cluster.clone().unwrap_or_else(|| "default".to_owned()));
    };
    let cluster = args.cluster.clone().unwrap_or_else(|| inventory.cluster.clone());
    if !inventory.clusters().contains(cluster.as_str()) {
        let known: Vec<&str> = inventory.clusters().into_iter().collect();
        bail!("the inventory has no decoys in cluster `{cluster}`; it has: {}", known.join(", "));
    }
    Ok(cluster)
}

/// Prints findings as they come, or gathers them into incidents.
struct Printer<'a> {
    args: &'a args::Replay,
    out: BufWriter<io::Stdout>,
    colour: bool,
    incidents: Incidents,
    posture: Option<Posture>,
    worst: Option<Severity>,
    findings: u64,
    /// Whether findings can be of decoys, so that a column for them is worth its room.
    with_decoys: bool,
    failed: Option<io::Error>,
    /// On a terminal that shows both, the bar makes room for each row.
    bar: Option<ProgressBar>,
}

impl<'a> Printer<'a> {
    fn new(args: &'a args::Replay, posture: Option<Posture>, bar: Option<ProgressBar>) -> Self {
        Self {
            args,
            out: BufWriter::new(io::stdout()),
            colour: table::colour(),
            incidents: Incidents::new(Grouping { max_open: MAX_OPEN, ..Grouping::default() }),
            posture,
            worst: None,
            findings: 0,
            with_decoys: true,
            failed: None,
            bar: bar.filter(|_| io::stdout().is_terminal()),
        }
    }

    /// False once nobody reads what is printed.
    fn take(&mut self, outcome: &Outcome) -> bool {
        let printed = match self.bar.clone() {
            Some(bar) => bar.suspend(|| self.print(outcome).and_then(|()| self.out.flush())),
            None => self.print(outcome),
        };
        self.failed = printed.err();
        self.failed.is_none()
    }

    fn print(&mut self, outcome: &Outcome) -> io::Result<()> {
        match outcome {
            Outcome::Unauthorized(finding) => {
                self.incidents.join(finding);
                Ok(())
            }
            Outcome::Finding(finding) => {
                self.worst = self.worst.max(Some(finding.severity));
                self.findings += 1;
                if self.args.incidents {
                    self.incidents.add(finding);
                    // Closing looks at every open incident, so it is not done for each finding.
                    if !self.findings.is_multiple_of(1024) {
                        return Ok(());
                    }
                    return self.close(finding.time);
                }
                match self.args.output {
                    Output::Json => json_line(&mut self.out, finding),
                    Output::Table => self.row(finding),
                }
            }
        }
    }

    fn row(&mut self, finding: &Finding) -> io::Result<()> {
        if self.findings == 1 {
            let decoy = if self.with_decoys { format!("{:<27}  ", "DECOY") } else { String::new() };
            writeln!(
                self.out,
                "TIME                 SEVERITY  {:<RULE$}  {decoy}ACTOR, PEER, CLIENT AND REQUEST",
                "RULE"
            )?;
        }
        let time = finding.time.strftime("%Y-%m-%d %H:%M:%S");
        let rule = finding.rule.strip_prefix("tripwire.").unwrap_or(&finding.rule);
        let decoy = finding.decoy.as_ref().map(|d| d.name.as_str()).unwrap_or_default();
        let decoy = if self.with_decoys { format!("{:<27}  ", cell(decoy, 27)) } else { String::new() };
        let request = &finding.request;
        let asked = asked(request);
        let actor = &finding.actor;
        let as_decoy =
            |user: &str| user.strip_prefix("system:serviceaccount:").map(|u| u.replacen(':', "/", 1));
        let user = actor.user.as_deref().unwrap_or("unknown");
        let mut who = as_decoy(user).unwrap_or_else(|| user.to_owned());
        if let Some(other) = &actor.impersonated {
            who = format!("{who} as {}", as_decoy(other).unwrap_or_else(|| other.clone()));
        }
        writeln!(
            self.out,
            "{time}  {}  {:<RULE$}  {decoy}{} {} {}: {} {}{}",
            table::severity(finding.severity, self.colour),
            cell(rule, RULE),
            cell(&who, 60),
            cell(actor.ip.as_deref().unwrap_or("-"), 39),
            cell(actor.client.as_deref().unwrap_or("-").split(' ').next().unwrap_or_default(), 28),
            cell(&request.verb, 16),
            cell(&asked, 80),
            request.code.map(|code| format!(" {code}")).unwrap_or_default(),
        )
    }

    /// Prints the incidents that nothing can join any more.
    fn close(&mut self, now: jiff::Timestamp) -> io::Result<()> {
        let closed = self.incidents.close(now);
        self.print_incidents(closed.into_iter().map(|open| open.incident).collect())
    }

    fn print_incidents(&mut self, mut incidents: Vec<Incident>) -> io::Result<()> {
        incidents.sort_by(|a, b| (a.first_seen, &a.id).cmp(&(b.first_seen, &b.id)));
        for mut incident in incidents {
            incident.revision = incident.revision.max(1);
            incident.could = self.posture.as_ref().map(|p| p.could(&incident)).unwrap_or_default();
            incident.next = sundew_detect::advice::next(&incident);
            match self.args.output {
                Output::Json => json_line(&mut self.out, &incident)?,
                Output::Table => {
                    let message = sundew_notify::Message { incident, change: sundew_detect::Change::Opened };
                    writeln!(self.out, "{}", sundew_notify::render_terminal(&message, self.colour))?;
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        if self.args.incidents && self.failed.is_none() {
            let open = self.incidents.iter().map(|open| open.incident.clone()).collect();
            self.print_incidents(open)?;
        }
        if let Some(error) = self.failed.take() {
            return Err(error).context("cannot write to standard output");
        }
        self.out.flush().context("cannot write to standard output")
    }
}

/// What was asked for: resource and object, or the path.
fn asked(request: &sundew_detect::Request) -> String {
    let named: Vec<&str> = [&request.namespace, &request.name]
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(String::as_str)
        .collect();
    match (request.resource.as_str(), named.is_empty()) {
        ("", _) => request.uri.clone(),
        (resource, true) => resource.to_owned(),
        (resource, false) => format!("{resource} {}", named.join("/")),
    }
}

fn json_line(out: &mut impl Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// A progress bar, where somebody looks and there is enough to read for one to help.
fn progress_bar(inputs: &[Input]) -> Option<ProgressBar> {
    let total: u64 = inputs.iter().filter_map(Input::size).sum();
    if !io::stderr().is_terminal() || total < 64 << 20 {
        return None;
    }
    let bar = ProgressBar::new(total);
    if let Ok(style) =
        ProgressStyle::with_template("{bytes} of {total_bytes} [{wide_bar}] {bytes_per_sec}, {eta} left")
    {
        bar.set_style(style);
    }
    Some(bar)
}

/// Runs `work` while the bar follows `bytes`.
fn with_progress<T>(bar: Option<&ProgressBar>, bytes: &AtomicU64, work: impl FnOnce() -> T) -> T {
    let Some(bar) = bar else { return work() };
    std::thread::scope(|scope| {
        let (done, wait) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || {
            while wait.recv_timeout(Duration::from_millis(100))
                == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                bar.set_position(bytes.load(Ordering::Relaxed));
            }
        });
        let result = work();
        drop(done);
        bar.finish_and_clear();
        result
    })
}

/// Says on standard error what was read, what was not, and what was not told.
fn report(
    args: &args::Replay,
    detectors: &Detectors,
    watch: &Watch,
    summary: &Summary,
    took: Duration,
) -> io::Result<()> {
    let mut err = io::stderr().lock();
    for (input, error) in &summary.failures {
        writeln!(err, "sundew: {input}: {error}; what was read before that counts")?;
    }
    for (input, reject, text) in &summary.samples {
        writeln!(err, "sundew: {input}: {reject}: {}", cell(text, 100))?;
    }
    let rejects: u64 = summary.rejects.values().sum();
    if rejects > 0 {
        let each: Vec<String> =
            summary.rejects.iter().map(|(reason, n)| format!("{reason} {}", count(*n))).collect();
        writeln!(err, "sundew: input that is no event: {}: {}", counted(rejects, "piece"), each.join(", "))?;
    }
    let suppressed: u64 = summary.suppressed.values().map(|s| s.count).sum();
    if args.suppressed {
        for (key, s) in &summary.suppressed {
            let (user, peer) = (cell(&key.user, 60), cell(&key.peer, 39));
            writeln!(
                err,
                "not told: {:<19} {:>6}  {}  {user} {peer}",
                key.reason.as_str(),
                count(s.count),
                key.decoy
            )?;
        }
    } else if suppressed > 0 {
        writeln!(
            err,
            "sundew: not told, as somebody's duty, excepted, or told too often: {}; --suppressed lists it",
            count(suppressed)
        )?;
    }
    if watch.memory.forgotten() > 0 {
        writeln!(
            err,
            "sundew: more identities than are remembered: forgot {}, which were learnt anew",
            count(watch.memory.forgotten())
        )?;
    }
    let rate = summary.bytes as f64 / took.as_secs_f64().max(1e-6) / 1e6;
    writeln!(
        err,
        "sundew: {}, {:.1} MB, {}, {:.2} s ({rate:.0} MB/s)",
        counted(summary.events, "event"),
        summary.bytes as f64 / 1e6,
        detectors::said(detectors, watch),
        took.as_secs_f64(),
    )
}
