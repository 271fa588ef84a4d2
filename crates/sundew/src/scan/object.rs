//! Everything about one object, as text for people.

use std::collections::BTreeMap;

use anyhow::Result;
use sundew_posture::{
    Cluster,
    questions::{About, Asked, Grant, about},
    rbac::Rbac,
    report::{Finding, Object, Report},
};

use super::{
    json,
    listed::{secret_text, seen, token_text},
    page_for,
    report::{Accepted, findings, head, path},
    rows,
    said::{Said, more},
    used,
};
use crate::{
    args::{Format, Scan},
    page::{self, Page},
    table::count,
};

pub(super) fn run(args: &Scan, cluster: &Cluster, report: &Report, asked: &Asked) -> Result<()> {
    let about = about(&Rbac::new(cluster), report, asked)?;
    let (mut page, out) = page_for(args);
    if args.shown.output == Format::Json {
        return page::deliver(&json(&about)?, out);
    }
    let rows = rows(args, &page);
    head(&mut page, &report.cluster, rows);
    print(&mut page, report, &about, rows);
    page.finish(out)
}

fn print(page: &mut Page, report: &Report, about: &About, rows: usize) {
    let object = &about.object;
    let created = object.created.map_or(String::new(), |at| format!(", made {}", at.strftime("%Y-%m-%d")));
    let place = if object.place.is_empty() { String::new() } else { format!(", {}", object.place) };
    page.heading(&object.to_string(), &format!("{created}{place}"));
    for is in &about.is {
        page.indented(2, is);
    }
    if !about.groups.is_empty() {
        page.indented(2, &format!("in the groups {}", about.groups.join(", ")));
    }
    let risks: Vec<&Finding> = about.findings.iter().collect();
    let mut said = Said::new(&report.risks, &about.findings);
    section(page, "Found", risks.len(), |page| findings(page, &risks, rows, Accepted::Listed, &mut said));
    if let Some(way) = &about.path {
        page.heading("The shortest way to the whole cluster", "");
        path(page, 0, way);
    }
    let bindings: Vec<Vec<String>> = about
        .bindings
        .iter()
        .map(|bound| {
            let role =
                if bound.dangling { format!("{} (does not exist)", bound.role) } else { bound.role.clone() };
            vec![bound.binding.clone(), role, bound.place.clone()]
        })
        .collect();
    table(page, "Bindings", &["BINDING", "ROLE", "READ FROM"], &bindings, rows);
    table(page, "Subjects", &[], &objects(&about.subjects), rows);
    grants(page, &about.rules, rows);
    table(page, "Pods", &[], &objects(&about.pods), rows);
    let tokens: Vec<Vec<String>> = about
        .tokens
        .iter()
        .map(|token| vec![token.pod.to_string(), token.account.clone(), token_text(token), seen(&token.seen)])
        .collect();
    table(page, "Tokens in pods", &["POD", "ACCOUNT", "TOKEN", "SEEN BY"], &tokens, rows);
    table(page, "Secrets with long-lived tokens of it", &[], &objects(&about.token_secrets), rows);
    let secrets: Vec<Vec<String>> =
        about.secrets.iter().map(|row| vec![row.secret.clone(), secret_text(row), seen(&row.seen)]).collect();
    table(page, "Secrets that it reads", &["SECRET", "HOW", "SEEN BY"], &secrets, rows);
    if let Some(usage) = &report.usage {
        used::whole(page, usage, object);
    }
    said.fixes(page);
}

fn section(page: &mut Page, title: &str, len: usize, body: impl FnOnce(&mut Page)) {
    if len > 0 {
        page.heading(title, &format!(" ({})", count(len as u64)));
        body(page);
    }
}

fn table(page: &mut Page, title: &str, headers: &[&str], all: &[Vec<String>], rows: usize) {
    section(page, title, all.len(), |page| {
        let shown = all.get(..rows.min(all.len())).unwrap_or_default();
        if headers.is_empty() {
            shown.iter().flatten().for_each(|line| page.indented(2, line));
        } else {
            page.columns(headers, shown);
        }
        more(page, all.len(), rows);
    });
}

fn objects(all: &[Object]) -> Vec<Vec<String>> {
    let one = |object: &Object| match object.place.as_str() {
        "" => vec![object.to_string()],
        place => vec![format!("{object}  {place}")],
    };
    all.iter().map(one).collect()
}

/// Rules, those of one binding together.
fn grants(page: &mut Page, all: &[Grant], rows: usize) {
    let mut by: BTreeMap<(&str, &str, &str, &str), Vec<&str>> = BTreeMap::new();
    for grant in all {
        by.entry((&grant.through, &grant.scope, &grant.binding, &grant.role)).or_default().push(&grant.rule);
    }
    section(page, "Rules", all.len(), |page| {
        for ((through, scope, binding, role), rules) in by {
            let mut from = role.to_owned();
            if !binding.is_empty() {
                from = format!("{scope}, by {binding} → {role}");
            }
            if !through.is_empty() {
                from.push_str(&format!(", as {through}"));
            }
            page.indented(2, &from);
            rules.iter().take(rows).for_each(|rule| page.indented(4, rule));
            more(page, rules.len(), rows);
        }
    });
}
