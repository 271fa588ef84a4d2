//! The assessment: who holds which risk, what runs with it, and where it leads.

mod build;
mod coverage;
mod cuts;
pub mod escape;
mod find;
mod graph;
mod held;
mod named;
mod points;
mod scene;
mod tokens;
pub(crate) mod words;

use std::{collections::BTreeMap, panic::resume_unwind, thread};

use hashbrown::{HashMap, HashSet};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

pub use coverage::{Extent, MOST_GRANTS};
pub(crate) use held::is_total;
pub use held::{Evidence, Held};
pub use tokens::{HeldToken, Way};

use self::{
    graph::{Graph, Patch, Ways},
    held::Holdings,
    scene::Scene,
    tokens::Tokens,
};
use crate::{
    model::{Account, Cluster, Workload, WorkloadKind},
    report::{About, Accepted, FORMAT, Finding, Report, RiskHeld, Scanned, Unread},
    risk::{ExceptionFile, NotExcepted, Risk, builtin},
};

/// What a scan is made with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The risks that are looked for.
    pub risks: Vec<Risk>,
    /// What is accepted, and what is turned off.
    pub exceptions: ExceptionFile,
    /// The time of the scan: ages and exceptions are judged by it.
    pub now: Timestamp,
    /// What the cluster is called.
    pub name: String,
}

impl Settings {
    /// The built-in risks, and nothing accepted.
    pub fn new(now: Timestamp) -> Self {
        Self { risks: builtin(), exceptions: ExceptionFile::default(), now, name: String::new() }
    }

    fn today(&self) -> Date {
        self.now.to_zoned(TimeZone::UTC).date()
    }
}

/// All that findings are made from.
struct Assessment<'a> {
    cluster: &'a Cluster,
    accounts: HashMap<(&'a str, &'a str), &'a Account>,
    holdings: Holdings<'a>,
    scene: Scene<'a>,
    graph: Graph,
    ways: Ways,
    now: Timestamp,
}

/// Assesses a cluster.
pub fn scan(cluster: &Cluster, settings: &Settings) -> Report {
    let is_on =
        |risk: &&Risk| !settings.exceptions.off.contains(&risk.id) && risk.kubernetes.holds(cluster.version);
    let holdings = Holdings::new(cluster, settings.risks.iter().filter(is_on));
    let left_out = holdings.terms.left_out().iter().map(|risk| {
        format!("risk {} is not looked for: all risks together have more than {MOST_GRANTS} grants", risk.id)
    });
    let left_out: Vec<String> = left_out.collect();
    let scene = Scene::new(&holdings);
    let graph = Graph::new(&scene, &holdings);
    let ways = graph.ways(&Patch::default());
    let accounts = cluster.accounts_by_name();
    let assessment = Assessment { cluster, accounts, holdings, scene, graph, ways, now: settings.now };
    // Two questions to the same assessment, neither of which waits for the other.
    let (mut findings, (paths, cuts)) = thread::scope(|scope| {
        let ways = scope.spawn(|| {
            let built_in = assessment.built_in();
            (assessment.paths(&built_in), assessment.cuts(&built_in))
        });
        let findings = assessment.findings();
        (findings, ways.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    for finding in &mut findings {
        accept(finding, settings);
    }
    let rank = |f: &Finding| (std::cmp::Reverse(f.severity), f.view);
    findings.sort_by(|a, b| {
        rank(a)
            .cmp(&rank(b))
            .then_with(|| (&a.object, &a.rule, &a.scope).cmp(&(&b.object, &b.rule, &b.scope)))
    });
    let mut report = Report {
        format: FORMAT,
        time: settings.now,
        cluster: scanned(cluster, &settings.name),
        summary: BTreeMap::new(),
        risks: about(&findings, &settings.risks),
        findings,
        paths,
        cuts,
        usage: None,
    };
    report.cluster.notices.extend(left_out);
    report.summarise();
    report
}

/// Every pod that has not ended and every template, with the tokens it holds.
pub fn tokens_of(cluster: &Cluster) -> Vec<(&Workload, Vec<HeldToken>)> {
    let tokens = Tokens::new(cluster);
    cluster.workloads.iter().filter(|w| !w.ended).map(|workload| (workload, tokens.of(workload))).collect()
}

/// Marks what an exception accepts: each risk of a finding by itself, and the finding where nothing is left.
fn accept(finding: &mut Finding, settings: &Settings) {
    if settings.exceptions.exceptions.is_empty() {
        return;
    }
    let about = finding.object.to_string();
    let mut ended = None;
    let mut find = |rule: &str| match settings.exceptions.find(rule, &about, settings.today()) {
        Ok(exception) => Some(Accepted { reason: exception.reason.clone(), until: exception.until }),
        Err(NotExcepted::Expired(day)) => {
            ended = ended.max(Some(day));
            None
        }
        Err(NotExcepted::Unnamed) => None,
    };
    if finding.risks.is_empty() {
        finding.accepted = find(&finding.rule);
    }
    for risk in &mut finding.risks {
        risk.accepted = find(&risk.id);
    }
    finding.exception_ended = ended;
    let left: Vec<&RiskHeld> = finding.risks.iter().filter(|risk| risk.accepted.is_none()).collect();
    match left.first() {
        Some(_) if left.len() == finding.risks.len() => {}
        // The worst that is left.
        Some(worst) => {
            finding.severity = worst.severity;
            finding.rule.clone_from(&worst.id);
            let risk = |id: &str| settings.risks.iter().find(|risk| risk.id == id);
            let titles: Vec<&str> =
                left.iter().filter_map(|of| risk(&of.id)).map(|r| r.title.as_str()).collect();
            finding.title = words::titles(&titles);
            if let Some(risk) = risk(&worst.id) {
                finding.gives.clone_from(&risk.gives);
                finding.fix.clone_from(&risk.fix);
                finding.attack.clone_from(&risk.attack);
                finding.reference.clone_from(&risk.reference);
            }
        }
        None => {
            if let Some(risk) = finding.risks.first() {
                finding.accepted.clone_from(&risk.accepted);
            }
        }
    }
}

/// What the risks are that findings name.
fn about(findings: &[Finding], risks: &[Risk]) -> BTreeMap<String, About> {
    let named: HashSet<&str> =
        findings.iter().flat_map(|f| f.risks.iter().map(|risk| risk.id.as_str())).collect();
    let risks = risks.iter().filter(|risk| named.contains(risk.id.as_str()));
    let about = risks.map(|risk| {
        let about = About {
            title: risk.title.clone(),
            gives: risk.gives.clone(),
            fix: risk.fix.clone(),
            attack: risk.attack.clone(),
            reference: risk.reference.clone(),
        };
        (risk.id.clone(), about)
    });
    about.collect()
}

fn scanned(cluster: &Cluster, name: &str) -> Scanned {
    let roles = |wide: bool| cluster.roles.iter().filter(|role| role.cluster == wide).count();
    let bindings = |wide: bool| cluster.bindings.iter().filter(|binding| binding.cluster == wide).count();
    let pods = cluster.workloads.iter().filter(|w| w.kind == WorkloadKind::Pod).count();
    let counts = [
        ("roles", roles(false)),
        ("clusterroles", roles(true)),
        ("rolebindings", bindings(false)),
        ("clusterrolebindings", bindings(true)),
        ("serviceaccounts", cluster.accounts.len()),
        ("pods", pods),
        ("workloads", cluster.workloads.len() - pods),
        ("nodes", cluster.nodes.len()),
        ("namespaces", cluster.namespaces.len()),
        ("secrets", cluster.secrets.len()),
    ];
    let notices = cluster.notices.iter().map(|notice| {
        let place = cluster.place(notice.place);
        if place.is_empty() { notice.what.clone() } else { format!("{place}: {}", notice.what) }
    });
    let mut unread: Vec<_> = cluster.absent.iter().collect();
    unread.sort_unstable();
    Scanned {
        name: name.to_owned(),
        version: cluster.version.map(|version| version.to_string()),
        counts: counts.into_iter().map(|(kind, count)| (kind.to_owned(), count)).collect(),
        unread: unread
            .iter()
            .map(|a| Unread { resource: a.resource.to_string(), reason: a.reason.clone() })
            .collect(),
        notices: notices.collect(),
    }
}
