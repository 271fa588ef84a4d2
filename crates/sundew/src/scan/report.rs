//! A report as text for people.

use std::collections::BTreeMap;

use anyhow::Result;
use sundew_posture::{
    Severity,
    report::{Because, Cut, Finding, Path, Report, RiskHeld, Scanned, View},
};

use super::{
    page_for, rows,
    said::{Said, more},
    used,
};
use crate::{
    args::Scan,
    page::Page,
    table::{count, counted},
};

/// The most reasons of one finding that are listed.
const REASONS: usize = 6;
/// Where the text of a finding begins.
const TEXT: usize = 10;

pub(super) fn print(args: &Scan, report: &Report) -> Result<()> {
    let (mut page, out) = page_for(args);
    let rows = rows(args, &page);
    head(&mut page, &report.cluster, rows);
    page.line(&summary(report));
    let mut said = Said::new(&report.risks, &report.findings);
    for view in View::ALL {
        let of: Vec<&Finding> = report.findings.iter().filter(|finding| finding.view == view).collect();
        section(&mut page, args, view, &of, rows, &mut said);
    }
    paths(&mut page, args, &report.paths, rows);
    cuts(&mut page, &report.cuts, rows);
    if let Some(usage) = report.usage.as_ref().filter(|_| args.filters.show.is_empty()) {
        used::print(&mut page, usage, rows);
    }
    said.fixes(&mut page);
    page.finish(out)
}

/// What was scanned, and what could not be.
pub(super) fn head(page: &mut Page, scanned: &Scanned, rows: usize) {
    let name = if scanned.name.is_empty() { "Files" } else { &scanned.name };
    let version = match &scanned.version {
        Some(version) => format!("Kubernetes {version}"),
        None => "version of Kubernetes not known, so that the worst is taken".to_owned(),
    };
    let counts = scanned.counts.iter().filter(|(_, n)| **n > 0);
    let counted = |(kind, n): (&String, &usize)| {
        let kind = if *n == 1 { kind.strip_suffix('s').unwrap_or(kind) } else { kind };
        format!("{} {kind}", count(*n as u64))
    };
    let counts: Vec<String> = counts.map(counted).collect();
    page.indented(0, &format!("{name}, {version}: {}", counts.join(", ")));
    let mut unread: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for missing in &scanned.unread {
        unread.entry(&missing.reason).or_default().push(&missing.resource);
    }
    for (reason, resources) in unread {
        page.warning(&format!("Not read, so nothing follows for it: {}: {reason}", resources.join(", ")));
    }
    for notice in scanned.notices.iter().take(rows) {
        page.warning(&format!("Notice: {notice}"));
    }
    if let Some(left @ 1..) = scanned.notices.len().checked_sub(rows) {
        page.warning(&format!("… and {} more notices: --limit 0 lists them", count(left as u64)));
    }
}

fn summary(report: &Report) -> String {
    let each = Severity::ALL.into_iter().rev().filter_map(|severity| {
        let count = report.summary.get(&severity).copied().filter(|n| *n > 0)?;
        Some(format!("{} {severity}", self::count(count as u64)))
    });
    let each: Vec<String> = each.collect();
    let ways = report.paths.iter().filter(|path| !path.system).count() as u64;
    match (each.is_empty(), ways) {
        (false, _) => format!("Found: {}", each.join(", ")),
        // Where only ways are asked for.
        (true, 1..) => format!("Found: {} to the whole cluster", counted(ways, "way")),
        (true, 0) => "Nothing found.".to_owned(),
    }
}

fn section<'r>(
    page: &mut Page,
    args: &Scan,
    view: View,
    all: &[&'r Finding],
    rows: usize,
    said: &mut Said<'r>,
) {
    let shown: Vec<&Finding> = all
        .iter()
        .copied()
        .filter(|f| (args.shown.system || !f.system) && (args.shown.accepted || f.accepted.is_none()))
        .collect();
    // What is both is folded as Kubernetes' own.
    let system = all.iter().filter(|f| f.system).count();
    let accepted = all.iter().filter(|f| !f.system && f.accepted.is_some()).count();
    if all.is_empty() {
        return;
    }
    page.heading(view.title(), &format!(" ({})", count(shown.len() as u64)));
    let accepted_too = if args.shown.accepted { Accepted::Listed } else { Accepted::Counted };
    findings(page, &shown, rows, accepted_too, said);
    if system > 0 && !args.shown.system {
        page.faint(0, &format!("{} of Kubernetes' own, folded: --system lists them", count(system as u64)));
    }
    if accepted > 0 && !args.shown.accepted {
        page.faint(0, &format!("{} accepted: --accepted lists them", count(accepted as u64)));
    }
}

/// At most `rows` findings, and of each as many risks.
pub(super) fn findings<'r>(
    page: &mut Page,
    all: &[&'r Finding],
    rows: usize,
    shown: Accepted,
    said: &mut Said<'r>,
) {
    for finding in all.iter().take(rows) {
        self::finding(page, finding, rows, shown, said);
    }
    more(page, all.len(), rows);
}

/// Whether risks that an exception accepts are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepted {
    Listed,
    Counted,
}

fn finding<'r>(page: &mut Page, finding: &'r Finding, rows: usize, shown: Accepted, said: &mut Said<'r>) {
    let scope = if finding.scope.is_empty() { String::new() } else { format!(" ({})", finding.scope) };
    let mut about = finding.object.place.clone();
    if finding.system {
        about = format!("Kubernetes' own  {about}");
    }
    page.severity(finding.severity, &format!("{}{scope}", finding.object), about.trim_end());
    if finding.risks.is_empty() {
        page.indented(TEXT, &format!("{}  [{}]", finding.title, finding.rule));
        if said.various.contains(finding.rule.as_str()) {
            page.indented(TEXT + 2, &format!("Do: {}", finding.fix));
        } else {
            said.fixes.insert(&finding.rule, ("", &finding.fix));
        }
    } else {
        page.indented(TEXT, &risks(finding, rows, shown, said));
        if let Some(text) = used::of(finding, said) {
            page.indented(TEXT, &text);
        }
    }
    if let Some(accepted) = &finding.accepted {
        page.indented(TEXT, &format!("accepted until {}: {}", accepted.until, accepted.reason));
    }
    if let Some(ended) = finding.exception_ended {
        page.indented(TEXT, &format!("its exception ended on {ended}"));
    }
    because(page, TEXT + 2, &finding.because);
}

/// `reads Secrets, creates pods; medium: evicts pods, and 3 more`.
fn risks<'r>(finding: &'r Finding, rows: usize, shown: Accepted, said: &mut Said<'r>) -> String {
    let whole = finding.accepted.is_some() || shown == Accepted::Listed;
    let of: Vec<&RiskHeld> = finding.risks.iter().filter(|risk| whole || risk.accepted.is_none()).collect();
    let mut text = String::new();
    let mut last = finding.severity;
    for risk in of.iter().take(rows) {
        if !text.is_empty() {
            text.push_str(if risk.severity == last { ", " } else { "; " });
        }
        if risk.severity != last {
            text.push_str(&format!("{}: ", risk.severity));
        }
        last = risk.severity;
        text.push_str(said.title(&risk.id));
        if risk.accepted.is_some() && finding.accepted.is_none() {
            text.push_str(" (accepted)");
        }
    }
    if let Some(left @ 1..) = of.len().checked_sub(rows) {
        text.push_str(&format!(", and {left} more"));
    }
    if let Some(left @ 1..) = finding.risks.len().checked_sub(of.len()) {
        text.push_str(&format!(" ({left} accepted)"));
    }
    text
}

/// Grants with binding and role.
pub(super) fn because(page: &mut Page, indent: usize, reasons: &[Because]) {
    for reason in reasons.iter().take(REASONS) {
        page.faint(indent, &reason_text(reason));
    }
    if let Some(left @ 1..) = reasons.len().checked_sub(REASONS) {
        page.faint(indent, &format!("… and {left} more"));
    }
}

fn reason_text(reason: &Because) -> String {
    let by = by(reason);
    match (reason.what.is_empty(), by.is_empty()) {
        (_, true) => reason.what.clone(),
        (true, false) => by,
        (false, false) => format!("{}: {by}", reason.what),
    }
}

/// `BINDING → ROLE  FILE:LINE`; empty for what comes from neither.
fn by(reason: &Because) -> String {
    let names = [&reason.binding, &reason.role].into_iter().filter(|name| !name.is_empty());
    let names: Vec<&str> = names.map(String::as_str).collect();
    let place = if reason.binding_place.is_empty() { &reason.role_place } else { &reason.binding_place };
    let place = if place.is_empty() { String::new() } else { format!("  {place}") };
    format!("{}{place}", names.join(" → "))
}

fn paths(page: &mut Page, args: &Scan, all: &[Path], rows: usize) {
    if all.is_empty() {
        return;
    }
    let shown: Vec<&Path> = all.iter().filter(|path| args.shown.system || !path.system).collect();
    page.heading("Ways to the whole cluster", &format!(" ({}), shortest first", count(shown.len() as u64)));
    for path in shown.iter().take(rows) {
        self::path(page, 0, path);
    }
    more(page, shown.len(), rows);
    if shown.len() < all.len() {
        let folded = count((all.len() - shown.len()) as u64);
        page.faint(0, &format!("{folded} of Kubernetes' own, folded: --system lists them"));
    }
}

/// One way, step by step.
pub(super) fn path(page: &mut Page, indent: usize, path: &Path) {
    let pods = if path.count > 1 {
        format!(", and {} like it", count(path.count as u64 - 1))
    } else {
        String::new()
    };
    page.indented(indent, &format!("{}{pods}: {}", path.from, counted(path.steps.len() as u64, "step")));
    for (number, step) in path.steps.iter().enumerate() {
        let to = if step.becomes.kind == "Cluster" {
            "the whole cluster".to_owned()
        } else {
            step.becomes.to_string()
        };
        page.indented(indent + 2, &format!("{}. {} → {to}", number + 1, step.act));
        because(page, indent + 5, &step.because);
    }
}

fn cuts(page: &mut Page, cuts: &[Cut], rows: usize) {
    if cuts.is_empty() {
        return;
    }
    page.heading("Bindings whose removal cuts most ways", ", each after those before it");
    let row = |cut: &Cut| {
        vec![cut.binding.to_string(), cut.role.clone(), count(cut.cuts as u64), count(cut.left as u64)]
    };
    let shown: Vec<Vec<String>> = cuts.iter().take(rows).map(row).collect();
    page.columns(&["BINDING", "ROLE", "CUTS", "LEFT"], &shown);
    more(page, cuts.len(), rows);
}
