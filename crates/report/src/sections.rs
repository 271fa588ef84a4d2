//! The parts of the page, each with its verdict.

use jiff::Timestamp;
use sundew_detect::Severity;
use sundew_posture::report::{Report, View};

use crate::{
    facts::{Concern, Decoy, Facts, Held, Looked, Sensor},
    first,
    page::{Page, Section, State, Table},
};

/// The most rows of one table: the commands that the page names list all.
const ROWS: usize = 20;

impl Page {
    /// The page that `facts` make.
    pub fn of(facts: &Facts) -> Self {
        let sections = vec![
            part("incidents", "Incidents", &facts.sensor, incidents),
            part("decoys", "Decoys and drills", &facts.decoys, |decoys| of_decoys(decoys, facts.now)),
            part("sensor", "The sensor", &facts.sensor, sensor),
            part("blind", "What blinds detection", &facts.blind, |concerns| {
                of_concerns(concerns, "Every detection sees what it needs.", "what detections do not see")
            }),
            part("posture", "What a stolen identity could do", &facts.posture, |report| {
                of_posture(report, facts.spared)
            }),
            part("settings", "Settings of the cluster", &facts.settings, |concerns| {
                of_concerns(concerns, "Nothing that could be seen is set amiss.", "what is set amiss")
            }),
        ];
        Self {
            title: facts.cluster.clone(),
            made: minute(facts.now),
            first: first::of(facts),
            quiet: quiet(&sections),
            sections,
        }
    }
}

/// What is said where nothing presses.
fn quiet(sections: &[Section]) -> String {
    let unseen: Vec<&str> = sections
        .iter()
        .filter(|section| section.state == State::Unknown)
        .map(|section| section.title)
        .collect();
    match unseen.len() {
        0 => "Nothing presses.".to_owned(),
        all if all == sections.len() => "Nothing was looked at, so nothing can be said.".to_owned(),
        _ => format!(
            "Nothing presses in what was looked at. Not looked at, or not all of it: {}.",
            unseen.join(", ")
        ),
    }
}

/// How something stands, without a name yet.
#[derive(Debug)]
struct Said {
    state: State,
    verdict: String,
    says: Vec<String>,
    tables: Vec<Table>,
}

fn part<T>(
    id: &'static str,
    title: &'static str,
    looked: &Looked<T>,
    say: impl FnOnce(&T) -> Said,
) -> Section {
    let said = match looked {
        Looked::At(seen) => say(seen),
        Looked::Not(why) => Said {
            state: State::Unknown,
            verdict: format!("Not looked at: {why}."),
            says: Vec::new(),
            tables: Vec::new(),
        },
    };
    let Said { state, verdict, says, tables } = said;
    Section { id, title, state, verdict, says, tables }
}

fn incidents(sensor: &Sensor) -> Said {
    let real: Vec<&Held> = sensor.incidents.iter().filter(|held| !held.incident.drill).collect();
    let open = real.iter().filter(|held| held.open).count();
    let worst = real.iter().filter(|held| held.open).map(|held| held.incident.severity).max();
    let verdict = match (real.len(), open) {
        (0, _) => "None is recorded.".to_owned(),
        (all, 0) => format!("{}, none of them open.", counted(all as u64, "incident")),
        (all, open) if all == open => format!("{}.", counted(all as u64, "open incident")),
        (all, open) => format!("{}, {open} of them open.", counted(all as u64, "incident")),
    };
    let row = |held: &&Held| {
        let incident = &held.incident;
        vec![
            minute(incident.last_seen),
            incident.severity.as_str().to_owned(),
            if held.open { "open" } else { "closed" }.to_owned(),
            incident.title.clone(),
            incident.attack.join(", "),
            incident.id.clone(),
        ]
    };
    let rows: Vec<_> = real.iter().map(row).collect();
    let headers = ["Latest", "Severity", "State", "What", "ATT&CK", "Incident"];
    Said {
        state: worst.map_or(State::Good, State::Bad),
        verdict,
        says: Vec::new(),
        tables: some(Table::of("The latest incidents", &headers, rows, ROWS)),
    }
}

fn of_decoys(decoys: &[Decoy], now: Timestamp) -> Said {
    let wrong = decoys.iter().filter(|decoy| !decoy.wrong.is_empty()).count();
    let touched = decoys.iter().filter(|decoy| decoy.touched.is_some()).count();
    let asked = decoys.iter().all(|decoy| decoy.asked);
    let last = decoys.iter().filter_map(|decoy| decoy.drilled).max();
    let drilled = match last {
        Some(last) => format!("The last drill arrived on {} ({}).", minute(last), ago(last, now)),
        None => "No drill has ever arrived.".to_owned(),
    };
    let mut says = vec![drilled];
    if touched > 0 {
        says.push(format!("{touched} of them were touched by somebody: see the incidents."));
    }
    if !asked && !decoys.is_empty() {
        says.push("The cluster was not asked whether their objects are still as they were made.".to_owned());
    }
    let verdict = match (decoys.len(), wrong) {
        (0, _) => "There is none.".to_owned(),
        (all, 0) => format!("{}.", counted(all as u64, "decoy")),
        (all, wrong) => {
            format!("{}, {wrong} of them not as they were planted.", counted(all as u64, "decoy"))
        }
    };
    let state = match last {
        _ if decoys.is_empty() || wrong > 0 => State::Bad(Severity::High),
        None => State::Bad(Severity::High),
        Some(last) if first::is_stale(last, now) => State::Bad(Severity::Medium),
        Some(_) if !asked => State::Unknown,
        Some(_) => State::Good,
    };
    let none = || "–".to_owned();
    let row = |decoy: &Decoy| {
        vec![
            decoy.name.clone(),
            decoy.persona.clone(),
            decoy.state.clone(),
            decoy.planted.map_or_else(none, minute),
            decoy.drilled.map_or_else(none, minute),
            decoy.touched.as_ref().map_or_else(none, |(id, time)| format!("{} ({id})", minute(*time))),
            decoy.wrong.join("; "),
        ]
    };
    let headers = ["Decoy", "Persona", "State", "Planted", "Last drill", "Last touched", "Amiss"];
    let rows = decoys.iter().map(row).collect();
    Said { state, verdict, says, tables: some(Table::of("The decoys", &headers, rows, ROWS)) }
}

fn sensor(sensor: &Sensor) -> Said {
    let given_up: u64 = sensor.sinks.iter().map(|(_, _, dead)| dead).sum();
    let waiting: u64 = sensor.sinks.iter().map(|(_, waiting, _)| waiting).sum();
    let mut says = Vec::new();
    if sensor.rejects > 0 {
        says.push(format!(
            "{} of input were no events; sundew status says of which sources.",
            counted(sensor.rejects, "piece")
        ));
    }
    for (reason, count) in &sensor.suppressed {
        says.push(format!("Not told {}: {reason}.", times(*count)));
    }
    let (state, verdict) = match (sensor.sinks.len(), given_up, waiting) {
        (0, ..) => (State::Bad(Severity::High), "Alerts go nowhere: it has no sink.".to_owned()),
        (_, 1.., _) => (
            State::Bad(Severity::High),
            format!("{} could not be delivered and were given up.", counted(given_up, "message")),
        ),
        (_, _, 1..) => {
            (State::Bad(Severity::Medium), format!("{} not delivered yet.", counted(waiting, "message")))
        }
        _ => (State::Good, "Every message was delivered.".to_owned()),
    };
    let sources = sensor.sources.iter().map(|(name, to)| vec![name.clone(), to.clone()]).collect();
    let sinks = sensor
        .sinks
        .iter()
        .map(|(name, waiting, dead)| vec![name.clone(), waiting.to_string(), dead.to_string()]);
    let tables = [
        Table::of("Sources", &["Source", "Has come to"], sources, ROWS),
        Table::of("Sinks", &["Sink", "Waiting", "Given up"], sinks.collect(), ROWS),
    ];
    Said { state, verdict, says, tables: tables.into_iter().flat_map(some).collect() }
}

fn of_concerns(concerns: &[Concern], good: &str, what: &str) -> Said {
    let worst = concerns.iter().filter_map(|concern| concern.severity).max();
    let bad = concerns.iter().filter(|concern| concern.severity.is_some()).count();
    let unknown = concerns.len() - bad;
    let state = match worst {
        Some(worst) => State::Bad(worst),
        None if unknown > 0 => State::Unknown,
        None => State::Good,
    };
    let verdict = match (bad, unknown) {
        (0, 0) => good.to_owned(),
        (0, unknown) => format!("{good} {} could not be seen.", counted(unknown as u64, "thing")),
        (bad, 0) => format!("{} to mend.", counted(bad as u64, "thing")),
        (bad, unknown) => {
            format!("{} to mend; {unknown} more could not be seen.", counted(bad as u64, "thing"))
        }
    };
    let mut sorted: Vec<(Severity, &Concern)> =
        concerns.iter().filter_map(|concern| Some((concern.severity?, concern))).collect();
    sorted.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
    let row = |(severity, concern): (Severity, &Concern)| {
        vec![
            severity.as_str().to_owned(),
            concern.what.clone(),
            concern.evidence.clone(),
            concern.fix.clone(),
        ]
    };
    let rows = sorted.into_iter().map(row).collect();
    let unseen: Vec<&str> =
        concerns.iter().filter(|c| c.severity.is_none()).map(|c| c.what.as_str()).collect();
    let says = if unseen.is_empty() { Vec::new() } else { vec![format!("Not seen: {}.", unseen.join("; "))] };
    let headers = ["Severity", "What", "Evidence", "What to do"];
    let caption = format!("{}{}", what[..1].to_uppercase(), &what[1..]);
    Said { state, verdict, says, tables: some(Table::of(&caption, &headers, rows, ROWS * 2)) }
}

fn of_posture(report: &Report, spared: usize) -> Said {
    let counts = Severity::ALL.into_iter().rev().filter_map(|severity| {
        let count = report.summary.get(&severity).copied().filter(|count| *count > 0)?;
        Some(format!("{count} {}", severity.as_str()))
    });
    let counts: Vec<String> = counts.collect();
    let ways = report.paths.iter().filter(|path| !path.system).count();
    let verdict = if counts.is_empty() {
        "Nothing was found.".to_owned()
    } else {
        format!("Findings: {}. {} to the whole cluster.", counts.join(", "), counted(ways as u64, "way"))
    };
    let mut says = Vec::new();
    if !report.cluster.unread.is_empty() {
        let unread: Vec<&str> = report.cluster.unread.iter().map(|unread| unread.resource.as_str()).collect();
        says.push(format!("Could not be read: {}. Nothing follows from their absence.", unread.join(", ")));
    }
    if spared > 0 {
        let what = counted(spared as u64, "finding");
        says.push(format!("Left out: {what} about decoys, whose rights are bait."));
    }
    // Whatever is wrong with roles and bindings shows in what their subjects hold.
    let told = report.counting().filter(|finding| !matches!(finding.view, View::Roles | View::Bindings));
    let row = |finding: &sundew_posture::report::Finding| {
        vec![
            finding.severity.as_str().to_owned(),
            finding.object.to_string(),
            finding.title.clone(),
            finding.scope.clone(),
            finding.fix.clone(),
        ]
    };
    let findings = told.map(row).collect();
    let cuts = report.cuts.iter().map(|cut| {
        vec![cut.binding.to_string(), cut.role.clone(), cut.cuts.to_string(), cut.left.to_string()]
    });
    let tables = [
        Table::of(
            "Bindings whose removal cuts most ways to the whole cluster",
            &["Binding", "Role", "Ways cut", "Ways left"],
            cuts.collect(),
            5,
        ),
        Table::of(
            "The worst findings",
            &["Severity", "Who or what", "What it is", "Where", "What to do"],
            findings,
            ROWS,
        ),
    ];
    Said {
        state: report.worst().map_or(State::Good, State::Bad),
        verdict,
        says,
        tables: tables.into_iter().flat_map(some).collect(),
    }
}

/// The table, unless it is empty.
fn some(table: Table) -> Vec<Table> {
    if table.rows.is_empty() { Vec::new() } else { vec![table] }
}

/// `1 incident`, `2 incidents`.
pub(crate) fn counted(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn times(n: u64) -> String {
    if n == 1 { "once".to_owned() } else { format!("{n} times") }
}

/// `2026-11-20 21:33 UTC`.
pub(crate) fn minute(time: Timestamp) -> String {
    time.strftime("%F %H:%M UTC").to_string()
}

/// `3 days ago`.
pub(crate) fn ago(time: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(time).as_mins().max(0).unsigned_abs();
    match minutes {
        0..120 => format!("{} ago", counted(minutes, "minute")),
        120..2880 => format!("{} ago", counted(minutes / 60, "hour")),
        _ => format!("{} ago", counted(minutes / 1440, "day")),
    }
}
