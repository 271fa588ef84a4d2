//! What one identity could do, in a few lines: what an alert says of whoever was stolen.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use jiff::Timestamp;

use super::{Finding, Object, Path, Report, View};
use crate::{
    Severity,
    assess::words::{self, listed},
    model::Subject,
    rbac::{Identity, MASTERS},
};

/// The most lines about one identity.
pub const MOST_LINES: usize = 5;
/// The longest line, in characters.
const LINE: usize = 160;
/// The kinds from which rights follow.
const RBAC: [&str; 4] = ["clusterrolebindings", "clusterroles", "rolebindings", "roles"];
/// Said of an identity that was looked at, where nothing was found.
const NOTHING: &str = "nothing that the scan counts as a risk";

/// What the identities of a report could do, by their names.
#[derive(Debug)]
pub struct Could {
    time: Timestamp,
    /// By `KIND NAMESPACE/NAME`. What is only named has nothing.
    known: HashMap<String, Holds>,
    /// Kinds that could not be read and from which rights follow.
    unread: Vec<String>,
    /// Whether the report has all that the scan found about subjects.
    whole: bool,
}

/// What one subject of a report has.
#[derive(Debug, Default)]
struct Holds {
    risks: Vec<(Severity, String)>,
    way: Option<Way>,
}

/// A way to the whole cluster.
#[derive(Debug, Clone)]
struct Way {
    steps: usize,
    first: String,
    /// Whom an intruder becomes on it. A pod is gone through for its token, or to its node.
    becomes: Vec<String>,
}

impl Could {
    /// Picks out of a report what it says of identities. Accepted risks count: a thief does not mind why they were.
    pub fn new(report: &Report) -> Self {
        let mut known: HashMap<String, Holds> = HashMap::new();
        for finding in &report.findings {
            if let View::Subjects | View::Nodes = finding.view {
                let holds = known.entry(finding.object.to_string()).or_default();
                holds.risks.push((severity(finding), risks(report, finding)));
            }
            named(finding, &mut known);
        }
        for path in &report.paths {
            let holds = known.entry(path.from.to_string()).or_default();
            let way = Way::of(path);
            if holds.way.as_ref().is_none_or(|known| way.steps < known.steps) {
                holds.way = Some(way);
            }
            for step in path.steps.iter().filter(|step| step.becomes.kind == "ServiceAccount") {
                known.entry(step.becomes.to_string()).or_default();
            }
        }
        let unread = report.cluster.unread.iter().map(|unread| &unread.resource);
        // A file or a group of kinds that could not be read may have held any kind.
        let unread = unread.filter(|name| RBAC.contains(&name.as_str()) || name.contains(['.', '/']));
        Self { time: report.time, known, unread: unread.cloned().collect(), whole: is_whole(report) }
    }

    /// When the scan was made.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// What a user of these groups could do, worst first, in at most [`MOST_LINES`] lines of at most 160 characters.
    /// The groups that every such user is in, such as those of a ServiceAccount, need not be given.
    ///
    /// Empty where the report does not know the user; that there is no risk is said only where the report would know.
    pub fn of(&self, user: &str, groups: &[&str]) -> Vec<String> {
        self.at_most(MOST_LINES, user, groups)
    }

    /// As [`Could::of`], in at most `most` lines.
    pub fn at_most(&self, most: usize, user: &str, groups: &[&str]) -> Vec<String> {
        let own = own_names(user);
        let groups = groups_of(user, groups);
        let mut found: Vec<(Severity, String)> = Vec::new();
        let mut ways: Vec<(&Way, Option<&str>)> = Vec::new();
        let names = own.iter().map(|name| (name.clone(), None));
        for (name, group) in
            names.chain(groups.iter().map(|group| (format!("Group {group}"), Some(group.as_str()))))
        {
            let Some(holds) = self.known.get(&name) else { continue };
            ways.extend(holds.way.as_ref().map(|way| (way, group)));
            for (severity, risk) in &holds.risks {
                // By several groups it is no more than by one.
                if !found.iter().any(|(_, said)| said.starts_with(risk.as_str())) {
                    found.push((*severity, format!("{risk}{}", through(group))));
                }
            }
        }
        found.sort_by_key(|(severity, _)| Reverse(*severity));
        let mut lines: Vec<String> = found.into_iter().map(|(_, line)| line).collect();
        if let Some((way, group)) = ways.into_iter().min_by_key(|(way, _)| way.steps)
            && !(way.steps == 1 && lines.iter().any(|line| line.starts_with(way.first.as_str())))
        {
            lines.insert(0, way.line(group));
        }
        self.bounded(most, lines, &own)
    }

    fn bounded(&self, most: usize, mut lines: Vec<String>, own: &[String]) -> Vec<String> {
        let unread = (!self.unread.is_empty())
            .then(|| format!("{} could not be read by the scan", listed(&self.unread, RBAC.len())));
        match unread {
            Some(unread) if lines.is_empty() => lines.push(format!("unknown: {unread}")),
            Some(unread) => {
                cut(&mut lines, most.saturating_sub(1));
                lines.push(format!("perhaps more: {unread}"));
            }
            // Of people nobody knows all groups; those of an account follow from its name.
            None if lines.is_empty() => {
                let is_known =
                    |name: &String| name.starts_with("ServiceAccount ") && self.known.contains_key(name);
                if self.whole && own.iter().any(is_known) {
                    lines.push(NOTHING.to_owned());
                }
            }
            None => {}
        }
        cut(&mut lines, most);
        lines.iter_mut().for_each(shorten);
        lines
    }
}

impl Way {
    fn of(path: &Path) -> Self {
        let first = path.steps.first().map(|step| step.act.as_str()).unwrap_or_default();
        let becomes = path.steps.iter().map(|step| &step.becomes);
        let becomes = becomes.filter(|who| ["ServiceAccount", "User", "Group", "Node"].contains(&&*who.kind));
        Self {
            steps: path.steps.len(),
            // An act that takes several is told by its first, as there is one line for all.
            first: first.split_once("; ").map_or(first, |(first, _)| first).to_owned(),
            becomes: becomes.map(Object::to_string).collect(),
        }
    }

    fn line(&self, group: Option<&str>) -> String {
        let Self { steps, first, becomes } = self;
        let plural = if *steps == 1 { "" } else { "s" };
        let mut line =
            format!("reaches the whole cluster in {steps} step{plural}{}: {first}", through(group));
        for stop in becomes {
            line.push_str(" → ");
            line.push_str(stop);
        }
        line
    }
}

fn through(group: Option<&str>) -> String {
    group.map(|group| format!(", through group {group}")).unwrap_or_default()
}

/// The names under which a report can know a user alone: as an account and by the user name, or as a node.
fn own_names(user: &str) -> Vec<String> {
    let subjects = Identity::user(user, &[]).subjects();
    let own = subjects.iter().filter(|subject| !matches!(subject, Subject::Group(_)));
    let mut names: Vec<String> = own.map(|subject| words::subject(subject).to_string()).collect();
    names.extend(user.strip_prefix("system:node:").map(|node| format!("Node {node}")));
    names
}

/// The groups that are given, and those that follow from the name.
fn groups_of(user: &str, given: &[&str]) -> Vec<String> {
    let identity = match user.strip_prefix("system:node:") {
        Some(node) => Identity::node(node),
        None => Identity::user(user, &[]),
    };
    let mut seen = HashSet::new();
    let all = given.iter().copied().chain(identity.groups().iter().map(|group| &**group));
    all.filter(|group| seen.insert(*group)).map(str::to_owned).collect()
}

/// How bad it is, whatever was accepted of it.
fn severity(finding: &Finding) -> Severity {
    finding.risks.iter().map(|risk| risk.severity).max().unwrap_or(finding.severity)
}

/// `lists Secrets, creates pods, and 3 more (namespace shop)`, with what was accepted.
fn risks(report: &Report, finding: &Finding) -> String {
    let titles =
        finding.risks.iter().map(|risk| report.risks.get(&risk.id).map(|about| about.title.as_str()));
    let line = match titles.take(2).collect::<Option<Vec<&str>>>() {
        Some(titles) if !titles.is_empty() => match finding.risks.len() - titles.len() {
            0 => titles.join(", "),
            more => format!("{}, and {more} more", titles.join(", ")),
        },
        _ => finding.title.clone(),
    };
    if finding.scope.is_empty() { line } else { format!("{line} ({})", finding.scope) }
}

/// Notes the accounts that a finding names: those were there when the scan was made.
fn named(finding: &Finding, known: &mut HashMap<String, Holds>) {
    // A binding may name an account that does not exist.
    if let View::Unused | View::Bindings = finding.view {
        return;
    }
    if finding.object.kind == "ServiceAccount" {
        known.entry(finding.object.to_string()).or_default();
    }
    for because in &finding.because {
        let mut rest = because.what.as_str();
        while let Some((_, after)) = rest.split_once("ServiceAccount ") {
            let end = after.find([' ', ',', ';']).unwrap_or(after.len());
            if after[..end].contains('/') {
                known.entry(format!("ServiceAccount {}", &after[..end])).or_default();
            }
            rest = &after[end..];
        }
    }
}

/// Whether the report has all subjects of a whole cluster, and not those alone that a filter left or a few manifests
/// name. Every API server binds its masters and what everybody may discover; no filter but one that leaves every
/// subject leaves the most and the least severe of these.
fn is_whole(report: &Report) -> bool {
    let has = |test: &dyn Fn(&Finding) -> bool| report.findings.iter().any(test);
    has(&|f| f.view == View::Subjects && f.object.kind == "Group" && f.object.name == MASTERS)
        && has(&|f| f.view == View::Everyone && f.severity == Severity::Info)
}

/// Leaves at most `most` lines; the last then says how many there were besides.
fn cut(lines: &mut Vec<String>, most: usize) {
    if lines.len() <= most {
        return;
    }
    let left = lines.len() + 1 - most;
    lines.truncate(most.saturating_sub(1));
    if most > 0 {
        lines.push(format!("and more in {left} other places"));
    }
}

fn shorten(line: &mut String) {
    if line.chars().count() > LINE {
        let end = line.char_indices().nth(LINE - 1).map_or(line.len(), |(at, _)| at);
        line.truncate(end);
        line.push('…');
    }
}

#[cfg(test)]
mod tests;
