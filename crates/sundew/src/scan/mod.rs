//! `sundew scan`: what each identity, pod and node could do if it were stolen.

mod changed;
mod listed;
mod object;
mod report;
mod said;
pub(crate) mod settings;
mod used;

use std::path::Path;

use anyhow::{Context, Result, bail};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use sundew_cluster::CollectorRole;
use sundew_posture::{
    Severity,
    render::{SarifOptions, html, sarif},
    report::{Change, Filter, Report, compare},
    usage::join,
};

use crate::{
    args::{Filters, Format, Scan, Show},
    exit::Exit,
    gather::{gather, logs},
    page::{self, Page},
};

/// How many objects a part of a table lists on a terminal, and findings of each, where nothing else is said.
const ROWS: usize = 10;

pub(crate) fn run(args: &Scan) -> Result<Exit> {
    if args.collector_role {
        let role = CollectorRole { secrets: !args.no_secrets, ..CollectorRole::default() };
        page::deliver(role.yaml()?.as_bytes(), args.shown.out.as_deref())?;
        return Ok(Exit::Clean);
    }
    let asks = args.questions.of.is_some() || args.questions.list.is_some();
    if asks && matches!(args.shown.output, Format::Sarif | Format::Html) {
        bail!("--of and --list are printed as a table or as JSON; leave --output out, or use --output json");
    }
    let now = Timestamp::now();
    // Whatever is wrong in these is said before a large cluster is read.
    let filter = filter(&args.filters, now)?;
    let mut settings = settings::settings(&args.rules, now)?;
    let baseline = args.rules.compare.as_deref().map(settings::baseline).transpose()?;
    let asked = args.questions.of.as_deref().map(str::parse).transpose()?;

    let gathered = gather(&args.source, !args.no_secrets)?;
    settings.name.clone_from(&gathered.name);
    let cluster = &gathered.cluster;
    let damaged = gathered.damaged;
    let done = |exit| if damaged { Exit::Failed } else { exit };
    if let Some(list) = args.questions.list {
        listed::run(args, cluster, list, &filter)?;
        return Ok(done(Exit::Clean));
    }
    let mut report = sundew_posture::scan(cluster, &settings);
    if !args.rules.logs.is_empty() {
        let usage = logs::usage(&args.rules.logs)?;
        join(&mut report, cluster, &settings.risks, &usage);
    }
    if let Some(path) = &args.shown.save {
        page::deliver(&json(&report)?, Some(path))?;
    }
    if let Some(asked) = asked {
        object::run(args, cluster, &report, &asked)?;
        return Ok(done(Exit::Clean));
    }
    select(args, &filter, &mut report);
    let change = baseline.map(|mut baseline| {
        // What is not looked at is neither new nor gone.
        select(args, &filter, &mut baseline);
        (baseline.time, compare(&baseline, &report))
    });
    print(args, &report, change.as_ref())?;
    let worst = match &change {
        Some((_, change)) => worst(change),
        None => report.worst(),
    };
    let over = args.rules.fail_on.is_some_and(|least| worst.is_some_and(|worst| worst >= least));
    // The program ends here: to free each of a large cluster's objects first would take a tenth of its time.
    std::mem::forget((report, gathered.cluster));
    Ok(done(if over { Exit::Found } else { Exit::Clean }))
}

/// The greatest severity among what is new or became worse.
fn worst(change: &Change) -> Option<Severity> {
    let worse = change.worse.iter().map(|worse| &worse.finding);
    change.new.iter().chain(worse).map(|finding| finding.severity).max()
}

fn filter(args: &Filters, now: Timestamp) -> Result<Filter> {
    let ago = |age: &jiff::Span| {
        let then = now.to_zoned(TimeZone::UTC).checked_sub(*age);
        then.map(|then| then.timestamp()).context("the age is longer than time is known; write it as 30d")
    };
    let views = args.show.iter().filter_map(|show| match show {
        Show::View(view) => Some(*view),
        Show::Paths => None,
    });
    Ok(Filter {
        views: views.collect(),
        namespaces: args.namespace.clone(),
        kinds: args.kind.clone(),
        name: args.name.clone(),
        severity: args.severity,
        after: args.younger_than.as_ref().map(ago).transpose()?,
        before: args.older_than.as_ref().map(ago).transpose()?,
    })
}

/// Leaves only what is asked for.
fn select(args: &Scan, filter: &Filter, report: &mut Report) {
    let show = &args.filters.show;
    if !show.is_empty() && !show.contains(&Show::Paths) {
        report.paths.clear();
        report.cuts.clear();
    }
    if !show.is_empty() && filter.views.is_empty() {
        report.findings.clear();
    }
    filter.apply(report);
}

fn print(args: &Scan, report: &Report, change: Option<&(Timestamp, Change)>) -> Result<()> {
    let out = args.shown.out.as_deref();
    match args.shown.output {
        Format::Table => match change {
            Some((since, change)) => changed::print(args, report, *since, change),
            None => report::print(args, report),
        },
        Format::Json => match change {
            Some((_, change)) => page::deliver(&json(change)?, out),
            None => page::deliver(&json(report)?, out),
        },
        Format::Html => page::deliver(html(report, change.map(|(_, change)| change))?.as_bytes(), out),
        Format::Sarif => {
            let options = SarifOptions { system: args.shown.system, ..SarifOptions::default() };
            page::deliver(sarif(report, options)?.as_bytes(), out)
        }
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

/// How many rows each part of a table has.
fn rows(args: &Scan, page: &Page) -> usize {
    match args.shown.limit {
        Some(0) => usize::MAX,
        Some(rows) => rows,
        None if page.is_terminal() => ROWS,
        None => usize::MAX,
    }
}

fn page_for(args: &Scan) -> (Page, Option<&Path>) {
    let out = args.shown.out.as_deref();
    (Page::new(out), out)
}
