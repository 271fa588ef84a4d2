//! The risks that come with the program cover what they are meant to cover, and nothing near to it.
//!
//! Grants are held against the parsed files by a matcher of this test's own, so that it stays true whatever the
//! evaluation does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

#[path = "risks/table.rs"]
mod table;

use std::{collections::BTreeSet, fs, sync::LazyLock};

use sundew_posture::{
    model::Version,
    risk::{Becomes, ExceptionFile, Grant, Risk, Scope, builtin, parse},
};
use table::{ADMISSION, AUTHENTICATION, CERTIFICATES, RBAC, Row, Rule, table};

/// The risks that come with the program, read once.
fn known() -> &'static [Risk] {
    static KNOWN: LazyLock<Vec<Risk>> = LazyLock::new(builtin);
    &KNOWN
}

fn is_met(grant: &Grant, (verb, group, resource, name): Rule<'_>) -> bool {
    let word = |rule: &str, asked: &String| rule == "*" || rule == asked;
    let kind = |asked: &String| {
        let of_any = resource.strip_prefix("*/").zip(asked.split_once('/'));
        word(resource, asked) || of_any.is_some_and(|(of, (_, asked))| of == asked)
    };
    // A name in a rule never fits a request that has none: `create` of an object, and `deletecollection`.
    let nameless = |asked: &String| asked == "deletecollection" || asked == "create";
    let whole = |asked: &String| !asked.contains('/');
    let named = name.is_empty() || grant.names.is_empty() || grant.names.iter().any(|wanted| wanted == name);
    grant.groups.iter().any(|asked| word(group, asked))
        && grant.verbs.iter().any(|v| {
            let fits = |r: &String| kind(r) && (name.is_empty() || !nameless(v) || !whole(r));
            word(verb, v) && grant.resources.iter().any(fits)
        })
        && named
}

fn is_held(risk: &Risk, rules: &[Rule<'_>], version: &str) -> bool {
    let version: Version = version.parse().unwrap();
    risk.kubernetes.holds(Some(version))
        && risk.grants.iter().all(|grant| rules.iter().any(|rule| is_met(grant, *rule)))
}

/// The ids of the risks that somebody with these rules holds.
fn held(rules: &[Rule<'_>], version: &str) -> BTreeSet<String> {
    known().iter().filter(|risk| is_held(risk, rules, version)).map(|risk| risk.id.clone()).collect()
}

#[test]
fn every_permission_that_matters_is_the_risk_it_should_be_and_no_other() {
    for Row { row, version, rules, risks } in table() {
        let expected: BTreeSet<String> = risks.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(held(&rules, version), expected, "{row}, {version}: {rules:?}");
    }
}

#[test]
fn every_risk_stands_for_a_permission_of_the_table() {
    let mut left: BTreeSet<String> = known().iter().map(|risk| risk.id.clone()).collect();
    for id in table().iter().flat_map(|row| row.risks) {
        left.remove(*id);
    }
    assert_eq!(left, BTreeSet::from(["everything".to_owned()]));
}

#[test]
fn who_may_do_everything_holds_every_risk_of_the_version() {
    for version in ["1.28", "1.34", "1.36"] {
        let of_version = |risk: &&Risk| risk.kubernetes.holds(Some(version.parse().unwrap()));
        let all: BTreeSet<String> = known().iter().filter(of_version).map(|risk| risk.id.clone()).collect();
        assert_eq!(held(&[("*", "*", "*", "")], version), all);
    }
    assert!(!held(&[("*", "", "*", "")], "1.36").contains("everything"), "of one API group only");
}

#[test]
fn what_only_looks_like_a_risk_is_none() {
    let nothing: &[&[Rule<'_>]] = &[
        &[("list", "", "pods", ""), ("get", "", "pods/log", "")],
        &[("create", "", "deployments", "")],
        &[("create", "apps", "pods", "")],
        &[("create", "", "pods/*", "")],
        &[("create", "", "secrets", "one")],
        &[("deletecollection", "", "secrets", "one")],
        &[("update", "", "secrets", "")],
        &[("create", "", "pods", "one")],
        &[("update", "batch", "jobs", ""), ("patch", "batch", "jobs", "")],
        &[("create", "", "pods/ephemeralcontainers", "")],
        &[("update", "", "persistentvolumes", "")],
        &[("impersonate", "", "groups", "")],
        &[("impersonate", AUTHENTICATION, "users", "")],
        &[("impersonate", AUTHENTICATION, "userextras/*", "")],
        &[("impersonate:user-info", AUTHENTICATION, "users", "")],
        &[("impersonate-on:user-info:list", "", "secrets", "")],
        &[("escalate", RBAC, "clusterroles", "")],
        &[("bind", RBAC, "clusterroles", "")],
        &[("create", RBAC, "clusterroles", ""), ("create", RBAC, "clusterrolebindings", "")],
        &[("update", CERTIFICATES, "certificatesigningrequests/approval", "")],
        &[("approve", CERTIFICATES, "signers", "")],
        &[("create", ADMISSION, "mutatingadmissionpolicies", "")],
        &[("get", "argoproj.io", "applications", "")],
    ];
    for rules in nothing {
        assert_eq!(held(rules, "1.36"), BTreeSet::new(), "{rules:?}");
    }
}

#[test]
fn the_page_about_risks_has_a_true_row_for_each_in_their_order() {
    let page = page();
    let (_, part) = page.split_once("## What comes with the program").unwrap();
    let mut rows = part.lines().filter(|line| line.starts_with("| `"));
    for risk in known() {
        assert_eq!(rows.next(), Some(documented(risk).as_str()));
    }
    assert_eq!(rows.next(), None);
}

#[test]
fn the_examples_of_the_page_about_risks_are_read() {
    let page = page();
    let mut examples = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let risk = parse("risks.md", examples.next().unwrap()).unwrap();
    assert_eq!((risk.id.as_str(), risk.becomes), ("ci-runs-create", Some(Becomes::NewPods)));
    let file = ExceptionFile::parse("risks.md", examples.next().unwrap()).unwrap();
    assert_eq!((file.exceptions.len(), file.off.as_slice()), (1, ["nodes-stats".to_owned()].as_slice()));
    let ids: BTreeSet<&str> = known().iter().map(|risk| risk.id.as_str()).collect();
    assert!(file.exceptions.iter().filter_map(|e| e.rule.as_deref()).all(|rule| ids.contains(rule)));
}

fn page() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/risks.md")).unwrap()
}

/// The row of a risk in `docs/risks.md`.
fn documented(risk: &Risk) -> String {
    let place = |name: &str| {
        let may_be = risk.scope == Scope::Namespace;
        let matters = risk.namespaces.is_empty() || risk.namespaces.iter().any(|n| n == name);
        if may_be && matters { risk.severity.at(name, false).as_str() } else { "–" }
    };
    let range = match (risk.kubernetes.from, risk.kubernetes.before) {
        (Some(from), _) => format!(" (From {from}.)"),
        (None, Some(before)) => format!(" (Before {before}.)"),
        (None, None) => String::new(),
    };
    let (cluster, system, namespace) = (risk.severity.cluster.as_str(), place("kube-system"), place("shop"));
    format!("| `{}` | {}{range} | {cluster} | {system} | {namespace} |", risk.id, risk.gives)
}
