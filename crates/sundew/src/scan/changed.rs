//! What changed since another report, as text for people.

use anyhow::Result;
use jiff::Timestamp;
use sundew_posture::report::{Change, Finding, Path, Report};

use super::{
    page_for,
    report::{Accepted, findings, head, path},
    rows,
    said::{Said, more},
};
use crate::{args::Scan, page::Page, table::count};

pub(super) fn print(args: &Scan, report: &Report, since: Timestamp, change: &Change) -> Result<()> {
    let (mut page, out) = page_for(args);
    let rows = rows(args, &page);
    head(&mut page, &report.cluster, rows);
    let worse: Vec<&Finding> = change.worse.iter().map(|worse| &worse.finding).collect();
    let new: Vec<&Finding> = change.new.iter().collect();
    let gone: Vec<&Finding> = change.gone.iter().collect();
    page.line(&format!(
        "Since {}: {} new, {} worse, {} gone; {} new and {} gone ways to the whole cluster",
        since.strftime("%Y-%m-%d %H:%M UTC"),
        count(new.len() as u64),
        count(worse.len() as u64),
        count(gone.len() as u64),
        count(change.new_paths.len() as u64),
        count(change.gone_paths.len() as u64),
    ));
    if !change.incomparable.is_empty() {
        page.warning(&format!(
            "Only one of the two could read {}: what seems new or gone there need not be",
            change.incomparable.join(", ")
        ));
    }
    let mut said = Said::new(&report.risks, new.iter().chain(&worse).copied());
    if !new.is_empty() {
        page.heading("New", &format!(" ({})", count(new.len() as u64)));
        findings(&mut page, &new, rows, Accepted::Counted, &mut said);
    }
    if !worse.is_empty() {
        page.heading("Worse", &format!(" ({})", count(worse.len() as u64)));
        for worse in change.worse.iter().take(rows) {
            findings(&mut page, &[&worse.finding], rows, Accepted::Counted, &mut said);
            let added = if worse.added.is_empty() {
                String::new()
            } else {
                format!("; new: {}", worse.added.join(", "))
            };
            page.indented(10, &format!("it was {}{added}", worse.was));
        }
        more(&mut page, worse.len(), rows);
    }
    paths(&mut page, "New ways to the whole cluster", &change.new_paths, rows);
    said.fixes(&mut page);
    if !gone.is_empty() {
        page.heading("Gone", &format!(" ({})", count(gone.len() as u64)));
        // Nothing is left to do about what is gone.
        findings(&mut page, &gone, rows, Accepted::Counted, &mut Said::new(&report.risks, []));
    }
    paths(&mut page, "Gone ways to the whole cluster", &change.gone_paths, rows);
    page.finish(out)
}

fn paths(page: &mut Page, title: &str, all: &[Path], rows: usize) {
    if all.is_empty() {
        return;
    }
    page.heading(title, &format!(" ({})", count(all.len() as u64)));
    for one in all.iter().take(rows) {
        path(page, 0, one);
    }
    more(page, all.len(), rows);
}
