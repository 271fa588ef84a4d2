//! `sundew harden rbac`.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use jiff::Timestamp;
use sundew_harden::rbac::{Proof, Proved, Report, Row, Settings, narrow};
use sundew_posture::{Cluster, model::Subject, rbac::Rbac, usage};

use super::{asked, seen, write};
use crate::{
    args::{self, Margin, Output},
    exit::Exit,
    gather::{gather, logs},
    page::{self, Page},
    table::{count, counted},
};

/// How many words about what is lost a row has.
const MOST_WORDS: usize = 3;

pub(super) fn run(args: &args::HardenRbac) -> Result<Exit> {
    asked::rereadable(&args.seen)?;
    // Whatever is wrong in these is said before a large cluster is read.
    let policy = asked::policy(&args.seen)?;
    let config = seen::config(&args.seen)?;
    let decoys = seen::inventory(args.inventory.as_deref(), config.as_ref())?;
    let gathered = gather(&args.source, false)?;
    let cluster = &gathered.cluster;
    check(cluster)?;
    super::say_notices(cluster);
    namespaces(&args.namespace, cluster)?;
    let subjects = asked::subjects(&args.of, cluster)?;
    let Some(evidence) = seen::evidence(&args.seen)? else { bail!("no logs were read") };
    let settings = Settings {
        window: args.seen.window,
        margin: match args.margin {
            Margin::None => usage::Margin::None,
            Margin::Kin => usage::Margin::Kin,
            Margin::Resource => usage::Margin::Resource,
        },
        subjects: &subjects,
        namespaces: &args.namespace,
        policy: policy.as_ref(),
        decoys: decoys.as_ref(),
    };
    let narrowing = narrow(cluster, &evidence, &settings)?;
    drop(evidence);
    let after = narrowing.after(cluster);
    let proved = prove(cluster, &after, &args.seen)?;
    let report = Report::new(&narrowing, proved, cluster, &after, Timestamp::now());
    if let (Some(folder), Some(plan)) = (&args.made.out, &report.plan) {
        write::write(plan, &gathered.name, folder)?;
    }
    match args.made.output {
        Output::Json => page::print_json(&report)?,
        Output::Table => print(args, &report)?,
    }
    let is_left = !args.of.is_empty() && !report.left.is_empty();
    Ok(if !report.proof.holds() || gathered.damaged || is_left { Exit::Failed } else { Exit::Clean })
}

/// Refuses a cluster whose roles are not known: what is bound to them would look unused.
fn check(cluster: &Cluster) -> Result<()> {
    if cluster.bindings.is_empty() {
        bail!(
            "there are no role bindings in what was read; dump them with `kubectl get \
             clusterroles,clusterrolebindings,roles,rolebindings,serviceaccounts -A -o yaml`"
        );
    }
    Ok(())
}

/// Refuses a namespace of which nothing was read: that nobody in it holds too much would be no news.
fn namespaces(asked: &[String], cluster: &Cluster) -> Result<()> {
    let subjects = cluster.bindings.iter().flat_map(|binding| &binding.subjects).map(Subject::namespace);
    let metas = cluster.accounts.iter().map(|account| &*account.meta.namespace);
    let named = cluster.namespaces.iter().map(|namespace| &*namespace.meta.name);
    let known: BTreeSet<&str> = subjects.chain(metas).chain(named).collect();
    match asked.iter().find(|namespace| !known.contains(namespace.as_str())) {
        Some(none) => bail!("-n {none}: nothing of what was read is in a namespace {none}"),
        None => Ok(()),
    }
}

/// Asks every request of the logs once more, of the cluster as it is and as it would be.
fn prove(before: &Cluster, after: &Cluster, seen: &args::Seen) -> Result<Proved> {
    let (before, after) = (Rbac::new(before), Rbac::new(after));
    let mut proof = Proof::new(&before, &after);
    logs::read(&seen.logs, &mut |event, _| proof.record(event))?;
    Ok(proof.finish())
}

fn print(args: &args::HardenRbac, report: &Report) -> Result<()> {
    let mut page = Page::new(None);
    let time = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M").to_string();
    page.heading(
        "Rights that nothing needed",
        &format!(", {} to {} UTC", time(report.window.from), time(report.window.to)),
    );
    if report.identities.is_empty() && report.tight == 0 && !report.left.is_empty() {
        page.line("Nobody was looked at.");
    } else if report.identities.is_empty() {
        page.line("Nobody holds more than they need.");
    } else {
        let rows: Vec<Vec<String>> = report.identities.iter().map(row).collect();
        page.columns(&["IDENTITY", "REQUESTS", "RULES USED", "LOSES"], &rows);
    }
    match report.tight {
        0 => {}
        1 => page.faint(0, "1 more identity holds nothing that it does not need"),
        more => page
            .faint(0, &format!("{} more identities hold nothing that they do not need", count(more as u64))),
    }
    if !args.of.is_empty() {
        report.identities.iter().for_each(|row| whole(&mut page, row));
    }
    if !report.left.is_empty() {
        page.heading("Left alone", &format!(" ({})", count(report.left.len() as u64)));
        let rows: Vec<Vec<String>> =
            report.left.iter().map(|left| vec![left.subject.to_string(), left.why.clone()]).collect();
        page.columns(&["IDENTITY", "WHY"], &rows);
    }
    proof(&mut page, report);
    page.heading("Before you begin", "");
    report.notes.iter().for_each(|note| page.indented(2, note));
    if !report.idle.is_empty() {
        page.indented(2, &format!("Nothing would bind these any more: {}.", report.idle.join(", ")));
    }
    if report.plan.is_some() {
        page.gap();
        match &args.made.out {
            Some(folder) => page.line(&format!(
                "The plan is in {}: read README.md there. Nothing has been changed.",
                folder.display()
            )),
            None => page
                .line("--out DIR writes the plan: files, commands in their order, and how each is undone."),
        }
    }
    page.finish(None)
}

fn row(row: &Row) -> Vec<String> {
    let narrowed = &row.narrowed;
    let mut words: Vec<String> = Vec::new();
    if row.closes_way {
        words.push("its way to the whole cluster".to_owned());
    }
    let risks = row.risks.iter().map(|risk| format!("{} ({}, {})", risk.title, risk.severity, risk.scope));
    words.extend(risks.take(MOST_WORDS));
    if row.risks.is_empty() {
        words.extend(narrowed.loses.iter().take(MOST_WORDS).cloned());
    }
    let all = if row.risks.is_empty() { narrowed.loses.len() } else { row.risks.len() };
    if all > MOST_WORDS {
        words.push(format!("and {} more", all - MOST_WORDS));
    }
    vec![
        narrowed.subject.to_string(),
        count(narrowed.requests),
        format!("{} of {}", narrowed.rules_used, narrowed.rules),
        words.join("; "),
    ]
}

/// Everything about one identity.
fn whole(page: &mut Page, row: &Row) {
    let narrowed = &row.narrowed;
    page.heading(&narrowed.subject.to_string(), "");
    let mut list = |title: &str, lines: &[String]| {
        if !lines.is_empty() {
            page.entry(2, title, 10, &lines.join("; "));
        }
    };
    list("loses", &narrowed.loses);
    let kept: Vec<String> =
        narrowed.keeps.iter().map(|kept| format!("{} ({})", kept.what, kept.why)).collect();
    list("keeps", &kept);
    list("out of", &narrowed.out_of);
    list("is given", &narrowed.given);
    list("note", &narrowed.notes);
}

fn proof(page: &mut Page, report: &Report) {
    let proof = &report.proof;
    page.heading("Proof", "");
    if proof.holds() {
        page.indented(
            2,
            &format!(
                "All {} ({} different) of the logs that roles and bindings allowed would still be allowed.",
                counted(proof.requests, "request"),
                count(proof.different)
            ),
        );
    } else {
        page.warning(&format!(
            "{} of the logs would be refused, so no plan is offered; tell the project of it, with the roles that allow them:",
            counted(proof.would_be_refused, "request")
        ));
        for refused in &proof.refused {
            page.indented(2, &format!("{}: {}", refused.user, refused.request));
        }
    }
    let others = match proof.by_others {
        0 => return,
        1 => "1 request was".to_owned(),
        others => format!("{} requests were", count(others)),
    };
    page.indented(
        2,
        &format!(
            "{others} allowed by something other than these roles and bindings, such as the Node authorizer: not \
             changed by this."
        ),
    );
    if proof.by_gone_bindings > 0 {
        page.indented(
            2,
            &format!(
                "{} of them by bindings that are no longer there: the logs and the roles are of different times.",
                count(proof.by_gone_bindings)
            ),
        );
    }
}
