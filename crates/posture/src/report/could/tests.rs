//! What is said of whom, from reports made by hand.

use serde_json::{Value, json};

use super::*;

/// The account that most is asked about.
const ORDERS: &str = "system:serviceaccount:shop:orders";

fn finding(view: &str, object: &str, scope: &str, risks: &[(&str, &str)]) -> Value {
    let (kind, path) = object.split_once(' ').unwrap();
    let (namespace, name) = path.split_once('/').unwrap_or(("", path));
    let risks: Vec<Value> =
        risks.iter().map(|(id, severity)| json!({"id": id, "severity": severity})).collect();
    json!({
        "id": "0123456789abcdef", "view": view, "rule": "rule", "risks": risks, "severity": "info", "scope": scope,
        "object": {"kind": kind, "namespace": namespace, "name": name}, "title": "its own title", "gives": "",
        "because": [], "fix": "",
    })
}

/// What every cluster that was read whole has.
fn built_in() -> Vec<Value> {
    vec![
        finding("subjects", "Group system:masters", "cluster", &[("everything", "critical")]),
        finding("everyone", "ClusterRoleBinding system:discovery", "", &[]),
    ]
}

fn path(from: &str, steps: &[(&str, &str)]) -> Value {
    let object = |text: &str| {
        let (kind, path) = text.split_once(' ').unwrap();
        let (namespace, name) = path.split_once('/').unwrap_or(("", path));
        json!({"kind": kind, "namespace": namespace, "name": name})
    };
    let steps: Vec<Value> =
        steps.iter().map(|(act, becomes)| json!({"act": act, "becomes": object(becomes)})).collect();
    json!({"from": object(from), "count": 1, "steps": steps})
}

fn report(findings: &[Value], paths: &[Value], unread: &[&str]) -> Report {
    let about = |title: &str| json!({"title": title, "gives": "", "fix": ""});
    let unread: Vec<Value> =
        unread.iter().map(|resource| json!({"resource": resource, "reason": "forbidden"})).collect();
    let report = json!({
        "format": 1, "time": "2026-11-21T08:00:00Z", "summary": {},
        "cluster": {"version": "1.35", "counts": {}, "unread": unread, "notices": []},
        "findings": findings, "paths": paths, "cuts": [],
        "risks": {
            "everything": about("does everything"), "secrets-list": about("lists Secrets"),
            "pods-create": about("creates pods"), "pods-exec": about("runs commands in pods"),
        },
    });
    serde_json::from_value(report).unwrap()
}

fn could(findings: impl AsRef<[Value]>, paths: impl AsRef<[Value]>) -> Could {
    Could::new(&report(findings.as_ref(), paths.as_ref(), &[]))
}

#[test]
fn what_an_account_could_do_is_said_worst_first_with_where() {
    let account = "ServiceAccount shop/orders";
    let could = could(
        vec![
            finding("subjects", account, "namespace web", &[("pods-exec", "medium")]),
            finding(
                "subjects",
                account,
                "namespace shop",
                &[("secrets-list", "high"), ("pods-create", "high"), ("pods-exec", "low")],
            ),
            finding("subjects", "ServiceAccount shop/other", "cluster", &[("everything", "critical")]),
            finding("pods", account, "cluster", &[("everything", "critical")]),
        ],
        vec![],
    );
    let said =
        ["lists Secrets, creates pods, and 1 more (namespace shop)", "runs commands in pods (namespace web)"];
    assert_eq!(could.of(ORDERS, &[]), said);
    assert_eq!(could.time(), "2026-11-21T08:00:00Z".parse().unwrap());
}

#[test]
fn the_way_to_the_whole_cluster_comes_first_with_those_whom_an_intruder_becomes() {
    let way = [
        ("creates pods (namespace shop); makes the pod privileged", "Node worker-1"),
        ("enters the pod from its node", "Pod argocd/app-0"),
        ("uses the token of ServiceAccount argocd/app, mounted by default", "ServiceAccount argocd/app"),
        ("does everything (cluster)", "Cluster cluster-admin"),
    ];
    let could = could(
        vec![finding("subjects", "ServiceAccount shop/orders", "namespace shop", &[("pods-create", "high")])],
        vec![path("ServiceAccount shop/orders", &way), path("Deployment shop/orders", &way[2..])],
    );
    let said = [
        "reaches the whole cluster in 4 steps: creates pods (namespace shop) → Node worker-1 → ServiceAccount argocd/app",
        "creates pods (namespace shop)",
    ];
    assert_eq!(could.of(ORDERS, &[]), said);
}

#[test]
fn a_way_of_one_step_is_not_said_beside_the_risk_that_it_is() {
    let all = finding("subjects", "User alice", "cluster", &[("everything", "critical")]);
    let way = path("User alice", &[("does everything (cluster)", "Cluster cluster-admin")]);
    let known = could(vec![all], [way]);
    assert_eq!(known.of("alice", &[]), ["does everything (cluster)"]);
    let way = path("User bob", &[("escalates cluster roles (cluster)", "Cluster cluster-admin")]);
    let said = ["reaches the whole cluster in 1 step: escalates cluster roles (cluster)"];
    assert_eq!(could([], [way]).of("bob", &[]), said);
}

#[test]
fn groups_count_those_given_and_those_that_follow_from_the_name() {
    let risk = |group: &str| finding("subjects", group, "cluster", &[("secrets-list", "high")]);
    let findings = vec![
        risk("Group system:serviceaccounts:shop"),
        risk("Group ops"),
        finding("subjects", "Group system:authenticated", "namespace web", &[("pods-exec", "low")]),
        risk("Group system:nodes"),
        finding("nodes", "Node worker-1", "", &[]),
    ];
    let could = could(findings, []);
    let everybody = "runs commands in pods (namespace web), through group system:authenticated";
    assert_eq!(
        could.of(ORDERS, &[]),
        ["lists Secrets (cluster), through group system:serviceaccounts:shop", everybody]
    );
    assert_eq!(could.of("alice", &["ops"]), ["lists Secrets (cluster), through group ops", everybody]);
    assert_eq!(could.of("alice", &[]), [everybody]);
    assert_eq!(could.of("system:anonymous", &[]), [""; 0], "without a credential nobody is authenticated");
    let node = ["lists Secrets (cluster), through group system:nodes", everybody, "its own title"];
    assert_eq!(could.of("system:node:worker-1", &[]), node);
}

#[test]
fn the_same_risk_by_several_groups_is_said_once() {
    let risk = |group: &str| finding("subjects", group, "cluster", &[("secrets-list", "high")]);
    let could = could(vec![risk("Group ops"), risk("Group dev"), risk("User alice")], []);
    assert_eq!(could.of("alice", &["ops", "dev"]), ["lists Secrets (cluster)"]);
    assert_eq!(could.of("bob", &["dev", "ops"]), ["lists Secrets (cluster), through group dev"]);
}

#[test]
fn an_account_may_be_bound_by_its_user_name() {
    let by_name = finding("subjects", &format!("User {ORDERS}"), "cluster", &[("everything", "critical")]);
    assert_eq!(could(vec![by_name], []).of(ORDERS, &[]), ["does everything (cluster)"]);
}

#[test]
fn what_was_accepted_is_said_all_the_same() {
    let mut accepted =
        finding("subjects", "User alice", "cluster", &[("everything", "critical"), ("pods-exec", "medium")]);
    accepted["risks"][0]["accepted"] = json!({"reason": "break glass", "until": "2027-01-01"});
    accepted["title"] = json!("runs commands in pods");
    let other = finding("subjects", "User alice", "namespace web", &[("secrets-list", "high")]);
    let said = ["does everything, runs commands in pods (cluster)", "lists Secrets (namespace web)"];
    assert_eq!(could(vec![other, accepted], []).of("alice", &[]), said);
}

#[test]
fn there_are_at_most_five_lines_of_a_bounded_length() {
    let place = |n: usize| {
        let scope = format!("namespace {}", "x".repeat(n * 50));
        finding("subjects", "User alice", &scope, &[("secrets-list", "high")])
    };
    let could = could((0..9).map(place).collect::<Vec<_>>(), []);
    let said = could.of("alice", &[]);
    assert_eq!(said.len(), MOST_LINES);
    assert_eq!(said[4], "and more in 5 other places");
    assert!(said[3].ends_with('…') && said.iter().all(|line| line.chars().count() <= 160), "{said:?}");
    assert_eq!(could.at_most(2, "alice", &[])[1], "and more in 8 other places");
}

#[test]
fn of_an_identity_that_the_report_does_not_know_nothing_is_said() {
    let could = could(built_in(), []);
    assert_eq!(could.of(ORDERS, &[]), [""; 0]);
    assert_eq!(could.of("alice", &["ops"]), [""; 0]);
    assert_eq!(could.of("", &[]), [""; 0]);
}

#[test]
fn that_an_account_has_no_risk_is_said_only_where_the_report_would_know() {
    let mut token = finding("tokens", "Secret shop/orders-token", "", &[]);
    token["because"] = json!([{"what": "it is good for ServiceAccount shop/orders, and does not expire"}]);
    let nothing = ["nothing that the scan counts as a risk"];
    let all = || [built_in(), vec![token.clone()]].concat();
    assert_eq!(could(all(), []).of(ORDERS, &[]), nothing);
    // Another account whose name begins alike is not the one that was seen.
    assert_eq!(could(all(), []).of("system:serviceaccount:shop:order", &[]), [""; 0]);
    // Of a user with that name nobody knows the groups.
    assert_eq!(could(all(), []).of("shop/orders", &[]), [""; 0]);
    // What a filter left, or some manifests have.
    assert_eq!(could(vec![token.clone()], []).of(ORDERS, &[]), [""; 0]);
    for left in built_in() {
        assert_eq!(could(vec![token.clone(), left], []).of(ORDERS, &[]), [""; 0]);
    }
    // A binding to an account that need not exist.
    let mut dangling = finding("unused", "RoleBinding shop/old", "", &[]);
    dangling["because"] = json!([{"what": "ServiceAccount shop/orders"}]);
    assert_eq!(could([built_in(), vec![dangling]].concat(), []).of(ORDERS, &[]), [""; 0]);
}

#[test]
fn where_roles_or_bindings_could_not_be_read_that_is_said_instead_of_safety() {
    let seen = finding("tokens", "ServiceAccount shop/orders", "", &[]);
    let risky = finding("subjects", "User alice", "cluster", &[("secrets-list", "high")]);
    let findings = [built_in(), vec![seen, risky]].concat();
    let lacking = |unread: &[&str]| Could::new(&report(&findings, &[], unread));
    let could = lacking(&["clusterroles", "pods", "rolebindings"]);
    assert_eq!(could.of(ORDERS, &[]), ["unknown: clusterroles, rolebindings could not be read by the scan"]);
    let more =
        ["lists Secrets (cluster)", "perhaps more: clusterroles, rolebindings could not be read by the scan"];
    assert_eq!(could.of("alice", &[]), more);
    let damaged = lacking(&["dump/roles.yaml"]);
    assert_eq!(damaged.of(ORDERS, &[]), ["unknown: dump/roles.yaml could not be read by the scan"]);
    // Pods give no rights.
    assert_eq!(lacking(&["pods"]).of(ORDERS, &[]), [NOTHING]);
}
