//! Lists of what is there, risky or not.

use anyhow::Result;
use serde::Serialize;
use sundew_posture::{
    Cluster,
    questions::{Listed, SecretRead, Seen, SubjectRow, TokenRead, secrets_in_pods, subjects, tokens_in_pods},
    rbac::Rbac,
    report::Filter,
};

use super::{page_for, rows, said::more};
use crate::{
    args::{Format, List, Scan},
    gather::say,
    page,
    table::count,
};

pub(super) fn run(args: &Scan, cluster: &Cluster, list: List, filter: &Filter) -> Result<()> {
    match list {
        List::Subjects => {
            warn(cluster, &["clusterrolebindings", "rolebindings", "serviceaccounts"]);
            let rows = subjects(&Rbac::new(cluster));
            print(args, filter, rows, &["SUBJECT", "BINDINGS", "ROLES", "PODS"], subject)
        }
        List::TokensInPods => {
            warn(cluster, &["pods", "serviceaccounts", "secrets"]);
            let headers = ["POD", "ACCOUNT", "TOKEN", "SEEN BY"];
            print(args, filter, tokens_in_pods(cluster), &headers, token)
        }
        List::SecretsInPods => {
            warn(cluster, &["pods"]);
            let headers = ["POD", "SECRET", "HOW", "SEEN BY"];
            print(args, filter, secrets_in_pods(cluster), &headers, secret)
        }
    }
}

/// Says which of the kinds that a list is made from could not be read.
fn warn(cluster: &Cluster, needed: &[&str]) {
    for absent in &cluster.absent {
        if needed.contains(&&*absent.resource) {
            say(&format!(
                "{} could not be read, so the list is not whole: {}",
                absent.resource, absent.reason
            ));
        }
    }
}

fn print<R: Listed + Serialize>(
    args: &Scan,
    filter: &Filter,
    mut all: Vec<R>,
    headers: &[&str],
    row: impl Fn(&R) -> Vec<String>,
) -> Result<()> {
    all.retain(|one| one.is_shown(filter));
    let (mut page, out) = page_for(args);
    if args.shown.output == Format::Json {
        let mut text = Vec::new();
        for one in &all {
            serde_json::to_writer(&mut text, one)?;
            text.push(b'\n');
        }
        return page::deliver(&text, out);
    }
    if all.is_empty() {
        page.line("Nothing of this kind was found.");
        return page.finish(out);
    }
    let rows = rows(args, &page);
    let shown: Vec<Vec<String>> = all.iter().take(rows).map(row).collect();
    page.columns(headers, &shown);
    more(&mut page, all.len(), rows);
    page.finish(out)
}

fn subject(row: &SubjectRow) -> Vec<String> {
    let who = match row.members.as_str() {
        "" => row.subject.to_string(),
        members => format!("{} ({members})", row.subject),
    };
    let mut bindings: Vec<&str> = row.bindings.iter().map(|bound| bound.binding.as_str()).collect();
    bindings.dedup();
    let role = |bound: &sundew_posture::questions::Bound| match bound.dangling {
        true => format!("{} (does not exist)", bound.role),
        false => bound.role.clone(),
    };
    let mut roles: Vec<String> = row.bindings.iter().map(role).collect();
    roles.dedup();
    vec![who, bindings.join(", "), roles.join(", "), some(&row.pods)]
}

/// The first few, and how many more.
fn some(all: &[String]) -> String {
    const MOST: usize = 3;
    let shown = all.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(MOST) {
        0 => shown,
        left => format!("{shown} and {} more", count(left as u64)),
    }
}

fn token(row: &TokenRead) -> Vec<String> {
    vec![row.pod.to_string(), row.account.clone(), token_text(row), seen(&row.seen)]
}

/// How a pod comes by a token.
pub(super) fn token_text(token: &TokenRead) -> String {
    let mut said = token.way.clone();
    if let Some(secret) = &token.secret {
        said.push_str(&format!(" {secret}, long-lived"));
    }
    if let Some(seconds) = token.seconds {
        let audience = token.audience.as_deref().unwrap_or("the API server");
        said.push_str(&format!(" for {audience}, good for {seconds} s"));
    }
    if !token.for_api {
        said.push_str(", not for the API server");
    }
    said
}

fn secret(row: &SecretRead) -> Vec<String> {
    vec![row.pod.to_string(), row.secret.clone(), secret_text(row), seen(&row.seen)]
}

/// How a pod reads a Secret.
pub(super) fn secret_text(row: &SecretRead) -> String {
    let key = row.key.as_ref().map_or(String::new(), |key| format!(" {key}"));
    let token =
        row.token_of.as_ref().map_or(String::new(), |account| format!(", a long-lived token of {account}"));
    format!("{}{key}{token}", row.how)
}

/// Containers with where they see something.
pub(super) fn seen(seen: &[Seen]) -> String {
    if seen.is_empty() {
        return "no container".to_owned();
    }
    let each = |seen: &Seen| match seen.at.as_str() {
        "in the environment" => format!("{} (environment)", seen.container),
        at => format!("{} {at}", seen.container),
    };
    some(&seen.iter().map(each).collect::<Vec<_>>())
}
