//! `sundew harden tokens`.

use anyhow::{Context, Result};
use jiff::{Span, Timestamp, Unit, tz::TimeZone};
use sundew_harden::tokens::{self, Availability, Exceptions, LongLived, Question, Rules, TokenReport, Uses};
use sundew_posture::{Settings, report::Could};

use super::{
    seen::{self, Habits},
    write,
};
use crate::{
    args::{self, Output},
    exit::Exit,
    gather::gather,
    page::{Page, print_json},
    table::{count, counted},
};

/// How many lines of what an account could do are told.
const COULD: usize = 2;

pub(super) fn run(args: &args::HardenTokens) -> Result<Exit> {
    let now = Timestamp::now();
    // Whatever is wrong in these is said before a large cluster is read.
    let rules = rules(args, now)?;
    let config = seen::config(&args.seen)?;
    let decoys = seen::inventory(args.inventory.as_deref(), config.as_ref())?;
    let habits = Habits::read(&args.seen, config.as_ref())?;
    let gathered = gather(&args.source, true)?;
    let evidence = seen::evidence(&args.seen)?;
    let cluster = &gathered.cluster;
    super::say_notices(cluster);
    // Without bindings nothing is known of anybody's rights, and not that there are none.
    let could = (!cluster.bindings.is_empty())
        .then(|| Could::new(&sundew_posture::scan(cluster, &Settings::new(now))));
    let report = tokens::assess(&Question {
        cluster,
        evidence: evidence.as_ref(),
        window: args.seen.window,
        habits: &|user| habits.as_ref().and_then(|habits| habits.of(user)),
        could: &|user| could.as_ref().map_or_else(Vec::new, |could| could.at_most(COULD, user, &[])),
        decoys: decoys.as_ref(),
        now,
        rules: &rules,
    })?;
    if let Some(folder) = &args.made.out {
        write::write(&report.plan, &gathered.name, folder)?;
    }
    match args.made.output {
        Output::Json => print_json(&report)?,
        Output::Table => print(args, &report, decoys.is_some())?,
    }
    Ok(if gathered.damaged { Exit::Failed } else { Exit::Clean })
}

fn rules(args: &args::HardenTokens, now: Timestamp) -> Result<Rules> {
    let rules = Rules {
        exceptions: Exceptions {
            users: args.allow_user.clone(),
            groups: args.allow_group.clone(),
            namespaces: args.allow_namespace.clone(),
        },
        deny: args.deny,
        longest: args.longest.map(|longest| seconds(longest, now)).transpose()?,
    };
    rules.check()?;
    Ok(rules)
}

/// How many seconds a span is, from now on.
fn seconds(span: Span, now: Timestamp) -> Result<i64> {
    let total = span.total((Unit::Second, &now.to_zoned(TimeZone::UTC)));
    #[allow(clippy::cast_possible_truncation, reason = "a span of centuries has fewer seconds than 2^53")]
    total.map(|total| total as i64).context("--longest is longer than time is known; write it as 24h")
}

fn print(args: &args::HardenTokens, report: &TokenReport, has_inventory: bool) -> Result<()> {
    let mut page = Page::new(None);
    long_lived(&mut page, report);
    others(&mut page, report);
    noted(&mut page, report);
    page.heading("What to know", "");
    if !has_inventory {
        page.indented(2, "No inventory was given: a decoy of this cluster would be listed, and changed, like any other. --inventory FILE leaves decoys out.");
    }
    report.plan.notes.iter().for_each(|note| page.indented(2, note));
    page.heading("The plan", &format!(", {}", counted(report.plan.steps.len() as u64, "step")));
    page.indented(2, &policy(args, report));
    match &args.made.out {
        Some(folder) => page.indented(2, &format!(
            "Written to {}: README.md has the steps in their order, each with its reason and its way back.",
            folder.display()
        )),
        None => page.indented(2, "--out DIR writes the policies, a file for each change, and a page with every step and its way back."),
    }
    page.finish(None)
}

fn policy(args: &args::HardenTokens, report: &TokenReport) -> String {
    let what = match report.admission_policies {
        Availability::BuiltIn | Availability::Unknown => "A ValidatingAdmissionPolicy",
        Availability::Gated | Availability::Missing => "A policy for Kyverno",
    };
    let does = if args.deny {
        "denies new ones"
    } else if report.admission_policies.is_worth_trying() {
        "warns of new ones, and notes them in the audit log; --deny denies them"
    } else {
        "reports new ones; --deny denies them"
    };
    let excepted = args.allow_user.len() + args.allow_group.len() + args.allow_namespace.len();
    let except = match excepted {
        0 => "nobody is excepted (--allow-user, --allow-group, --allow-namespace; name there who plants decoys)".to_owned(),
        1 => "1 exception stands in it".to_owned(),
        many => format!("{many} exceptions stand in it"),
    };
    format!("{what} {does}; {except}.")
}

fn long_lived(page: &mut Page, report: &TokenReport) {
    page.heading("Tokens that never expire", &format!(", {}", count(report.tokens.len() as u64)));
    if report.tokens.is_empty() {
        let none = if report.secrets_read { "None." } else { "Not known: the Secrets could not be read." };
        page.indented(2, none);
        left_out(page, report);
        return;
    }
    let row = |token: &LongLived| {
        vec![
            format!("{}/{}", token.namespace, token.account),
            token.secret.clone(),
            token.days.map_or_else(|| "-".to_owned(), |days| format!("{days} d")),
            token.last_used.clone().unwrap_or_else(|| "-".to_owned()),
            from(token, report),
            token.next.clone(),
        ]
    };
    let headers = ["OWNER", "SECRET", "AGE", "LAST USE", "USED FROM", "NEXT STEP"];
    page.columns(&headers, &report.tokens.iter().map(row).collect::<Vec<_>>());
    left_out(page, report);
    let risky: Vec<&LongLived> = report.tokens.iter().filter(|token| !token.could.is_empty()).collect();
    if !risky.is_empty() {
        page.heading("What a thief of one could do", "");
        let mut told = std::collections::BTreeSet::new();
        for token in risky {
            let owner = format!("{}/{}", token.namespace, token.account);
            if told.insert(owner.clone()) {
                page.indented(2, &format!("{owner}: {}", token.could.join("; ")));
            }
        }
    }
}

/// How many Secrets are decoys', which nothing else of this says.
fn left_out(page: &mut Page, report: &TokenReport) {
    if report.left_out > 0 {
        page.faint(2, &format!("{} left out", count(report.left_out as u64)));
    }
}

/// Where a token is used from, in a cell: exactly, or else as its account's habits say.
fn from(token: &LongLived, report: &TokenReport) -> String {
    if let Some(used) = &token.used {
        return exactly(used);
    }
    let readers: Vec<String> = token.readers.iter().map(|reader| reader.object()).collect();
    if let Some(reader) = readers.first() {
        return match readers.len() {
            1 => reader.clone(),
            many => format!("{reader} and {} more", many - 1),
        };
    }
    if report.window_covered {
        return "nowhere, in the logs".to_owned();
    }
    match &token.habits {
        Some(habits) => format!("{} (account)", few(habits.networks.iter().map(String::as_str))),
        None => "not known".to_owned(),
    }
}

fn exactly(used: &Uses) -> String {
    let peers = few(used.peers.iter().map(|peer| peer.what.as_str()));
    let client = used.clients.first().map_or_else(String::new, |client| format!(" with {}", client.what));
    let which = if used.exact { "" } else { " (account)" };
    format!("{peers}{client}{which}")
}

fn few<'t>(all: impl Iterator<Item = &'t str>) -> String {
    let all: Vec<&str> = all.collect();
    match all.len() {
        0 => "not known".to_owned(),
        1..=2 => all.join(", "),
        many => format!("{}, {} and {} more", all[0], all[1], many - 2),
    }
}

fn others(page: &mut Page, report: &TokenReport) {
    if report.others.is_empty() {
        return;
    }
    page.heading("Tokens that expire, and live as long", &format!(", {}", count(report.others.len() as u64)));
    let rows: Vec<Vec<String>> = report
        .others
        .iter()
        .map(|other| {
            vec![format!("{}/{}", other.namespace, other.account), other.what.clone(), other.next.clone()]
        })
        .collect();
    page.columns(&["OWNER", "WHAT", "NEXT STEP"], &rows);
}

fn noted(page: &mut Page, report: &TokenReport) {
    if report.noted.is_empty() {
        return;
    }
    page.heading("What the policies noted", "");
    let rows: Vec<Vec<String>> = report
        .noted
        .iter()
        .map(|noted| {
            let objects = few(noted.objects.iter().map(|object| object.what.as_str()));
            vec![noted.user.clone(), count(noted.requests), count(noted.refused), objects]
        })
        .collect();
    page.columns(&["USER", "REQUESTS", "REFUSED", "WHAT"], &rows);
}
