//! What to do first: what is happening, then what keeps one from noticing, then what makes it worse when it happens.

use jiff::{SignedDuration, Timestamp};
use sundew_detect::Severity;
use sundew_posture::report::{Finding, View};

use crate::{
    facts::{Concern, Facts},
    page::Todo,
    sections::{ago, counted},
};

/// The most that is said: what nobody reads to its end is not first.
const MOST: usize = 7;
/// A drill that is older than this says nothing about today.
const STALE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Whether a drill is too long ago.
pub(crate) fn is_stale(drill: Timestamp, now: Timestamp) -> bool {
    now.duration_since(drill) > STALE
}

/// What to do, most pressing first.
pub(crate) fn of(facts: &Facts) -> Vec<Todo> {
    let mut todos = Vec::new();
    todos.extend(incidents(facts));
    todos.extend(sinks(facts));
    todos.extend(decoys(facts));
    todos.extend(worst(facts.blind.seen()).map(|concern| Todo {
        severity: concern.severity.unwrap_or(Severity::Medium),
        what: "Let detection see what it needs".to_owned(),
        why: short(&concern.what),
        run: "sundew policy generate".to_owned(),
    }));
    let everyone = everyone(facts);
    // What everybody may do can be a finding, a setting and a way to the whole cluster at once: it is said once.
    let said = |name: &str| everyone.is_some_and(|finding| name.contains(&finding.object.name));
    todos.extend(everyone.map(|finding| Todo {
        severity: finding.severity,
        what: sentence(&finding.fix),
        why: sentence(&format!("{} {}: {}", finding.object, finding.title, finding.gives)),
        run: format!("sundew scan --show {}", View::Everyone.as_str()),
    }));
    let setting = worst(facts.settings.seen()).filter(|concern| concern.severity >= Some(Severity::High));
    todos.extend(setting.filter(|concern| !said(&concern.evidence)).map(|concern| Todo {
        severity: concern.severity.unwrap_or(Severity::High),
        what: sentence(if concern.fix.is_empty() { &concern.what } else { &concern.fix }),
        why: short(&concern.what),
        run: "sundew harden cluster".to_owned(),
    }));
    todos.extend(cut(facts).filter(|todo| !said(&todo.what)));
    todos.extend(tokens(facts));
    todos.truncate(MOST);
    todos
}

/// A sentence without its full stop, which the page adds.
fn sentence(text: &str) -> String {
    text.trim_end_matches('.').to_owned()
}

/// The beginning of a long sentence: the rest stands in the part that it is from.
fn short(what: &str) -> String {
    const MOST: usize = 200;
    match what.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", what[..end].trim_end()),
        None => sentence(what),
    }
}

fn incidents(facts: &Facts) -> Option<Todo> {
    let open = facts.sensor.seen()?.incidents.iter().filter(|held| held.open && !held.incident.drill);
    let open: Vec<_> = open.map(|held| &held.incident).collect();
    let worst = open.iter().max_by_key(|incident| (incident.severity, incident.last_seen))?;
    let run = worst.next.first().map(|next| next.run.clone()).unwrap_or_default();
    let others = match open.len() {
        1 => String::new(),
        2 => " (one more is open)".to_owned(),
        all => format!(" ({} more are open)", all - 1),
    };
    Some(Todo {
        severity: worst.severity,
        what: format!("Answer incident {}{others}", worst.id),
        why: format!("{}, last seen {}", worst.title, ago(worst.last_seen, facts.now)),
        run,
    })
}

fn sinks(facts: &Facts) -> Option<Todo> {
    let sensor = facts.sensor.seen()?;
    if sensor.sinks.is_empty() {
        return Some(Todo {
            severity: Severity::High,
            what: "Give the sensor a sink".to_owned(),
            why: "Nobody is told of anything: the configuration has no sink".to_owned(),
            run: String::new(),
        });
    }
    let (name, _, dead) =
        sensor.sinks.iter().filter(|(_, _, dead)| *dead > 0).max_by_key(|(_, _, dead)| *dead)?;
    Some(Todo {
        severity: Severity::High,
        what: format!("Mend the sink {name}, and send again what it missed"),
        why: format!("{} could not be delivered", counted(*dead, "message")),
        run: "sundew redeliver".to_owned(),
    })
}

fn decoys(facts: &Facts) -> Vec<Todo> {
    let Some(decoys) = facts.decoys.seen() else { return Vec::new() };
    let mut todos = Vec::new();
    if decoys.is_empty() {
        return vec![Todo {
            severity: Severity::High,
            what: "Plant a decoy".to_owned(),
            why: "There is no bait: a stolen token is noticed by rules and habits alone".to_owned(),
            run: "sundew personas".to_owned(),
        }];
    }
    if let Some(decoy) = decoys.iter().find(|decoy| !decoy.wrong.is_empty()) {
        todos.push(Todo {
            severity: Severity::High,
            what: format!("Look after the decoy {}", decoy.name),
            why: decoy.wrong.join("; "),
            run: "sundew status --here".to_owned(),
        });
    }
    let last = decoys.iter().filter_map(|decoy| decoy.drilled).max();
    let why = match last {
        None => "No drill has ever arrived: nobody knows whether the alarm works".to_owned(),
        Some(last) if is_stale(last, facts.now) => format!("The last drill arrived {}", ago(last, facts.now)),
        Some(_) => return todos,
    };
    todos.push(Todo {
        severity: if last.is_none() { Severity::High } else { Severity::Medium },
        what: "Hold a drill".to_owned(),
        why,
        run: "sundew drill".to_owned(),
    });
    todos
}

/// The worst concern; of equals the first, as their order is that of whoever knows them.
fn worst(concerns: Option<&Vec<Concern>>) -> Option<&Concern> {
    let bad = concerns?.iter().filter(|concern| concern.severity.is_some());
    bad.reduce(|worst, concern| if concern.severity > worst.severity { concern } else { worst })
}

/// The worst of what everybody may do.
fn everyone(facts: &Facts) -> Option<&Finding> {
    let report = facts.posture.seen()?;
    report.counting().find(|finding| finding.view == View::Everyone && finding.severity >= Severity::High)
}

fn cut(facts: &Facts) -> Option<Todo> {
    let cut = facts.posture.seen()?.cuts.first()?;
    Some(Todo {
        severity: Severity::High,
        what: format!("Take {} away, or narrow {}", cut.binding, cut.role),
        why: format!(
            "{} to the whole cluster end with it, {} are left",
            counted(cut.cuts as u64, "way"),
            cut.left
        ),
        run: "sundew harden rbac --logs AUDIT-LOGS".to_owned(),
    })
}

fn tokens(facts: &Facts) -> Option<Todo> {
    let report = facts.posture.seen()?;
    let tokens: Vec<_> = report.counting().filter(|finding| finding.view == View::Tokens).collect();
    let worst = tokens.first()?;
    Some(Todo {
        severity: worst.severity,
        what: "Replace tokens that do not end, and take away those that nobody needs".to_owned(),
        why: format!(
            "{}, such as {}: {}",
            counted(tokens.len() as u64, "finding"),
            worst.object,
            worst.title
        ),
        run: "sundew harden tokens".to_owned(),
    })
}
