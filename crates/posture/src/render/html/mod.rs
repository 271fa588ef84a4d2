//! The report as one page that needs nothing else: no network, no server, and scripts only to sort and to search.
//!
//! Whatever comes from the cluster is escaped by [`escape::Untrusted`], in every place of every template. `safe` is
//! said only of the style, the script and of parts that are templates themselves. The page's policy allows that
//! style and those scripts by their hashes, and nothing else.

pub(crate) mod escape;
mod headline;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, prelude::BASE64_STANDARD};

use self::headline::Headline;
use super::RenderError;
use crate::{
    Severity,
    report::{About, Change, Finding, Path, Report, View, Worse},
    usage::{GrantUse, Narrowed},
};

/// The style of the pages.
pub const STYLE: &str = include_str!("../../../templates/report.css");
const SCRIPT: &str = include_str!("../../../templates/report.js");

/// Runs before the tables are there: it marks the page as one whose script is still to come.
const EARLY: &str = "document.documentElement.classList.add(\"loading\");";

/// The most findings of one table. A browser is still quick with it, and nobody reads more; JSON has all.
const MOST_FINDINGS: usize = 1000;
/// The most findings of Kubernetes' own in one table.
const MOST_OWN: usize = 200;
/// The most ways: each is drawn.
const MOST_PATHS: usize = 500;
/// The most notices.
const MOST_NOTICES: usize = 200;
/// The most identities with rights that they never used.
const MOST_IDLE: usize = 500;
/// How many bindings the first screen asks to remove; the others are in a fold.
const FIRST_CUTS: usize = 5;
/// How many of the worst things are told in words.
const HEADLINES: usize = 3;

/// The report as one HTML page; with `change`, it begins with what is new since an earlier one.
///
/// Each table is bounded (1,000 findings, 500 ways), worst first, and says what it leaves out.
///
/// # Errors
/// [`RenderError::Html`] where a template cannot be filled.
pub fn html(report: &Report, change: Option<&Change>) -> Result<String, RenderError> {
    Ok(Page::new(report, change).render()?)
}

type Risks = BTreeMap<String, About>;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    policy: String,
    report: &'a Report,
    title: String,
    tiles: Vec<Tile>,
    bars: Vec<Bar>,
    worst: Vec<Headline<'a>>,
    sections: Vec<Section<'a>>,
    paths: Ways<'a>,
    own_paths: Ways<'a>,
    own: usize,
    accepted: Findings<'a>,
    idle: Vec<Idle<'a>>,
    change: Option<Changed<'a>>,
    namespaces: BTreeSet<&'a str>,
    kinds: BTreeSet<&'a str>,
}

/// An identity with what it never used.
struct Idle<'a> {
    identity: &'a Narrowed,
    unused: Vec<&'a GrantUse>,
}

impl<'a> Idle<'a> {
    /// Identities with rules that the logs never saw used, those with most first.
    fn all(report: &'a Report) -> Vec<Self> {
        let identities = report.usage.iter().flat_map(|usage| &usage.identities);
        let idle = identities
            .map(|identity| Self { identity, unused: identity.grants.iter().filter(|g| !g.used).collect() });
        idle.filter(|idle| !idle.unused.is_empty()).collect()
    }

    /// The first rule, and how many more there are.
    fn first(&self) -> String {
        match &self.unused[..] {
            [] => String::new(),
            [one] => one.rule.clone(),
            [one, more @ ..] => format!("{}, and {} more", one.rule, more.len()),
        }
    }
}

/// How many findings of a severity count.
struct Tile {
    severity: Severity,
    count: usize,
}

/// A part of the bar that shows the share of each severity, in thousandths of its length.
struct Bar {
    severity: Severity,
    from: usize,
    length: usize,
}

/// The findings of one view.
struct Section<'a> {
    view: View,
    about: &'static str,
    found: Findings<'a>,
    own: Findings<'a>,
}

/// A table of findings.
#[derive(Template)]
#[template(path = "findings.html")]
struct Findings<'a> {
    caption: String,
    rows: Vec<Row<'a>>,
    /// With those for which there is no room.
    total: usize,
    risks: &'a Risks,
    /// Whether the findings are shown with the reason for which they are accepted.
    accepted: bool,
}

struct Row<'a> {
    finding: &'a Finding,
    /// What it was, where that is known.
    worse: Option<&'a Worse>,
}

/// A table of ways to the whole cluster.
#[derive(Template)]
#[template(path = "paths.html")]
struct Ways<'a> {
    caption: String,
    rows: Vec<&'a Path>,
    total: usize,
}

/// What changed since an earlier report.
struct Changed<'a> {
    new: Findings<'a>,
    worse: Findings<'a>,
    gone: Findings<'a>,
    new_paths: Ways<'a>,
    gone_paths: Ways<'a>,
    incomparable: &'a [String],
}

impl<'a> Page<'a> {
    fn new(report: &'a Report, change: Option<&'a Change>) -> Self {
        let cluster = &report.cluster;
        let counted = |severity: Severity| report.summary.get(&severity).copied().unwrap_or_default();
        let tile = |severity| Tile { severity, count: counted(severity) };
        let tiles: Vec<Tile> = Severity::ALL.into_iter().rev().map(tile).collect();
        let all = report.findings.iter();
        let mut page = Self {
            policy: policy(),
            report,
            title: if cluster.name.is_empty() { "Manifests".to_owned() } else { cluster.name.clone() },
            bars: bars(&tiles),
            tiles,
            worst: headline::worst(report, HEADLINES),
            sections: View::ALL.into_iter().map(|view| Section::new(report, view)).collect(),
            paths: Ways::new("Ways to the whole cluster", report.paths.iter().filter(|path| !path.system)),
            own_paths: Ways::new("Ways of Kubernetes' own", report.paths.iter().filter(|path| path.system)),
            own: all.clone().filter(|finding| finding.system && finding.accepted.is_none()).count(),
            accepted: Findings::new("Accepted", report, all.filter(|f| f.accepted.is_some()), MOST_FINDINGS),
            idle: Idle::all(report),
            change: change.map(|change| Changed::new(report, change)),
            namespaces: BTreeSet::new(),
            kinds: BTreeSet::new(),
        };
        page.accepted.accepted = true;
        page.collect_choices();
        page
    }

    /// What can be chosen to filter by: only what is on the page.
    fn collect_choices(&mut self) {
        let mut add = |namespace: &'a str, kind: &'a str| {
            self.namespaces.insert(namespace);
            self.kinds.insert(kind);
        };
        let sections = self.sections.iter().flat_map(|section| [&section.found, &section.own]);
        let changed = self.change.iter().flat_map(|change| [&change.new, &change.worse, &change.gone]);
        for row in sections.chain(changed).chain([&self.accepted]).flat_map(|table| &table.rows) {
            add(&row.finding.object.namespace, &row.finding.object.kind);
        }
        for path in self.paths.rows.iter().chain(&self.own_paths.rows) {
            add(&path.from.namespace, &path.from.kind);
        }
    }

    fn ways_left(&self) -> usize {
        self.report.cuts.last().map_or(0, |cut| cut.left)
    }
}

impl<'a> Section<'a> {
    fn new(report: &'a Report, view: View) -> Self {
        let of_view = report.findings.iter().filter(move |f| f.view == view && f.accepted.is_none());
        let own = of_view.clone().filter(|finding| finding.system);
        Self {
            view,
            about: about(view),
            found: Findings::new(view.title(), report, of_view.filter(|f| !f.system), MOST_FINDINGS),
            own: Findings::new("Kubernetes' own", report, own, MOST_OWN),
        }
    }
}

impl<'a> Findings<'a> {
    fn new<F>(caption: &str, report: &'a Report, findings: F, most: usize) -> Self
    where
        F: Iterator<Item = &'a Finding> + Clone,
    {
        let total = findings.clone().count();
        let rows = findings.take(most).map(|finding| Row { finding, worse: None }).collect();
        Self { caption: caption.to_owned(), rows, total, risks: &report.risks, accepted: false }
    }

    fn worse(report: &'a Report, worse: &'a [Worse]) -> Self {
        let rows =
            worse.iter().take(MOST_FINDINGS).map(|worse| Row { finding: &worse.finding, worse: Some(worse) });
        Self {
            caption: "Worse".to_owned(),
            rows: rows.collect(),
            total: worse.len(),
            risks: &report.risks,
            accepted: false,
        }
    }

    /// A risk in words; its id where the report does not say them, as of a finding that is gone.
    fn words_of<'r>(&'r self, risk: &'r str) -> &'r str {
        self.risks.get(risk).map_or(risk, |about| &about.title)
    }

    fn is_dated(&self) -> bool {
        self.rows.iter().any(|row| row.finding.object.created.is_some())
    }

    fn is_scoped(&self) -> bool {
        self.rows.iter().any(|row| !row.finding.scope.is_empty())
    }
}

impl<'a> Ways<'a> {
    fn new(caption: &str, paths: impl Iterator<Item = &'a Path> + Clone) -> Self {
        let total = paths.clone().count();
        Self { caption: caption.to_owned(), rows: paths.take(MOST_PATHS).collect(), total }
    }
}

impl<'a> Changed<'a> {
    fn new(report: &'a Report, change: &'a Change) -> Self {
        Self {
            new: Findings::new("New", report, change.new.iter(), MOST_FINDINGS),
            worse: Findings::worse(report, &change.worse),
            gone: Findings::new("Gone", report, change.gone.iter(), MOST_FINDINGS),
            new_paths: Ways::new("New ways to the whole cluster", change.new_paths.iter()),
            gone_paths: Ways::new("Ways that are gone", change.gone_paths.iter()),
            incomparable: &change.incomparable,
        }
    }

    fn is_empty(&self) -> bool {
        let findings = [&self.new, &self.worse, &self.gone].iter().all(|table| table.total == 0);
        findings && self.new_paths.total == 0 && self.gone_paths.total == 0
    }
}

/// What the browser may do with the page: use this style and this script, and nothing else.
fn policy() -> String {
    let hash = |text: &str| BASE64_STANDARD.encode(digest(&SHA256, text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}' 'sha256-{}'; img-src data:; base-uri 'none'; \
         form-action 'none'; require-trusted-types-for 'script'",
        hash(STYLE),
        hash(EARLY),
        hash(SCRIPT)
    )
}

/// The bar over the counts. What is there at all gets a part that can be seen.
fn bars(tiles: &[Tile]) -> Vec<Bar> {
    const LEAST: usize = 8;
    let there: Vec<&Tile> = tiles.iter().filter(|tile| tile.count > 0).collect();
    let total: usize = there.iter().map(|tile| tile.count).sum();
    let room = 1000 - LEAST * there.len();
    let mut from = 0;
    let part = |tile: &&Tile| {
        let length = LEAST + tile.count * room / total.max(1);
        let bar = Bar { severity: tile.severity, from, length };
        from += length;
        bar
    };
    there.iter().map(part).collect()
}

/// What a view is about, for those who have never heard of it.
fn about(view: View) -> &'static str {
    match view {
        View::Subjects => {
            "Accounts, users and groups whose rights let them become more than they are. Whoever steals one has all of it."
        }
        View::Pods => {
            "Whoever breaks into one of these pods finds a token in it, and with it the rights below."
        }
        View::Nodes => {
            "Whoever takes a node has the tokens of all pods that run on it, and the node's own rights."
        }
        View::Privileged => "Pods whose settings let a process leave the container and take the node.",
        View::Tokens => "Tokens that live long, are used by nobody, or lie where they are not needed.",
        View::Everyone => "Rights of those who are not logged in, or of everybody who is.",
        View::Bindings => {
            "Bindings that hand out the rights above. Removing one takes them from all its subjects."
        }
        View::Roles => "Roles that hold the rights above, whoever they are bound to.",
        View::Unused => {
            "Roles and bindings that serve nobody today, and wait for whoever takes the missing name."
        }
    }
}
