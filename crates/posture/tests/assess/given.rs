//! Clusters in few words, and what a scan says of them in few words.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sundew_posture::{
    Cluster, Reader, Settings,
    read::Assume,
    report::{Finding, Report, View},
    scan,
};

/// The time of every scan.
pub(crate) const NOW: &str = "2026-03-01T12:00:00Z";

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// A cluster from documents of YAML.
pub(crate) fn cluster<S: AsRef<str>>(documents: &[S]) -> Cluster {
    reader(documents).finish()
}

/// The same, not yet finished, so that something can be missing.
pub(crate) fn reader<S: AsRef<str>>(documents: &[S]) -> Reader {
    let text = documents.iter().map(AsRef::as_ref).collect::<Vec<_>>().join("\n---\n");
    let mut reader = Reader::new();
    reader.add("cluster.yaml", text.as_bytes(), &Assume::default()).unwrap_or_else(|e| panic!("{e}\n{text}"));
    reader
}

pub(crate) fn scanned<S: AsRef<str>>(documents: &[S]) -> Report {
    scan(&cluster(documents), &Settings::new(now()))
}

/// A rule of a role from `VERBS RESOURCES [of GROUPS] [only NAMES]`, lists with commas; `of core` is the core group.
fn rule(text: &str) -> String {
    let (text, names) = text.split_once(" only ").map_or((text, None), |(text, names)| (text, Some(names)));
    let (text, groups) = text.split_once(" of ").unwrap_or((text, "core"));
    let (verbs, resources) = text.split_once(' ').unwrap();
    let list = |words: &str| {
        let words: Vec<String> =
            words.split(',').map(|word| format!("\"{}\"", if word == "core" { "" } else { word })).collect();
        format!("[{}]", words.join(", "))
    };
    let names = names.map_or(String::new(), |names| format!(", resourceNames: {}", list(names)));
    format!(
        "- {{verbs: {}, apiGroups: {}, resources: {}{names}}}",
        list(verbs),
        list(groups),
        list(resources)
    )
}

/// `{kind: …, name: …}` from `KIND NAME` or `KIND NAMESPACE/NAME`.
fn subject(text: &str) -> String {
    let (kind, name) = text.split_once(' ').unwrap();
    match (kind, name.split_once('/')) {
        ("ServiceAccount", Some((namespace, name))) => {
            format!("{{kind: ServiceAccount, name: \"{name}\", namespace: \"{namespace}\"}}")
        }
        _ => format!("{{kind: {kind}, name: \"{name}\", apiGroup: rbac.authorization.k8s.io}}"),
    }
}

/// A role of a namespace, or where that is `cluster`, of the cluster.
pub(crate) fn role(name: &str, at: &str, rules: &[&str]) -> String {
    let (kind, namespace) =
        if at == "cluster" { ("ClusterRole", String::new()) } else { ("Role", format!(", namespace: {at}")) };
    let rules: Vec<String> = rules.iter().map(|text| rule(text)).collect();
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: \"{name}\"{namespace}}}\nrules:\n{}",
        rules.join("\n")
    )
}

/// A binding of `ROLE` or `ClusterRole ROLE` in a namespace, or in the cluster.
pub(crate) fn binding(name: &str, at: &str, role: &str, to: &[&str]) -> String {
    let wide = at == "cluster";
    let (of, role) = role.split_once(' ').unwrap_or((if wide { "ClusterRole" } else { "Role" }, role));
    let namespace = if wide { String::new() } else { format!(", namespace: {at}") };
    let kind = if wide { "ClusterRoleBinding" } else { "RoleBinding" };
    let subjects: Vec<String> = to.iter().map(|text| subject(text)).collect();
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: \"{name}\"{namespace}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {of}, name: \"{role}\"}}\nsubjects: [{}]",
        subjects.join(", ")
    )
}

/// A role and a binding of its name.
pub(crate) fn rights(name: &str, at: &str, to: &str, rules: &[&str]) -> String {
    format!("{}\n---\n{}", role(name, at, rules), binding(name, at, name, &[to]))
}

/// An account from `NAMESPACE/NAME`.
pub(crate) fn account(path: &str) -> String {
    let (namespace, name) = path.split_once('/').unwrap();
    format!("apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: {namespace}}}")
}

pub(crate) fn namespace(name: &str, enforces: &str) -> String {
    let labels = match enforces {
        "" => String::new(),
        level => format!(", labels: {{pod-security.kubernetes.io/enforce: {level}}}"),
    };
    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}{labels}}}")
}

pub(crate) fn node(name: &str, control_plane: bool) -> String {
    let labels = if control_plane { ", labels: {node-role.kubernetes.io/control-plane: \"\"}" } else { "" };
    format!("apiVersion: v1\nkind: Node\nmetadata: {{name: {name}{labels}}}")
}

/// A pod that runs, with the token that admission mounts; `more` is added to its `spec`, in flow style.
pub(crate) fn pod(path: &str, account: &str, node: &str, more: &str) -> String {
    let (namespace, name) = path.split_once('/').unwrap();
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  \
         serviceAccountName: {account}\n  nodeName: {node}\n  containers:\n  - name: main\n    volumeMounts: \
         [{{name: kube-api-access-x1, mountPath: /var/run/secrets/kubernetes.io/serviceaccount}}]\n  volumes:\n  \
         - name: kube-api-access-x1\n    projected: {{sources: [{{serviceAccountToken: \
         {{expirationSeconds: 3607, path: token}}}}]}}\n{more}"
    )
}

/// A pod as a manifest has it, before admission wrote anything into it: `spec` is in flow style, without braces.
pub(crate) fn bare(path: &str, spec: &str) -> String {
    let (namespace, name) = path.split_once('/').unwrap();
    format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{{spec}}}")
}

/// A Secret with a long-lived token; `more` is added to its metadata, in flow style.
pub(crate) fn token(path: &str, account: &str, more: &str) -> String {
    let (namespace, name) = path.split_once('/').unwrap();
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}, annotations: \
         {{kubernetes.io/service-account.name: {account}}}{more}}}\ntype: kubernetes.io/service-account-token"
    )
}

/// The API server's answer to who it is.
pub(crate) fn version(minor: u16) -> String {
    format!("{{\"major\": \"1\", \"minor\": \"{minor}\", \"gitVersion\": \"v1.{minor}.0\"}}")
}

pub(crate) fn of_view(report: &Report, view: View) -> Vec<&Finding> {
    report.findings.iter().filter(|finding| finding.view == view).collect()
}

/// The one finding of a view about an object, as `ServiceAccount shop/a`.
pub(crate) fn about<'r>(report: &'r Report, view: View, object: &str) -> Option<&'r Finding> {
    let mut found = of_view(report, view).into_iter().filter(|finding| finding.object.to_string() == object);
    let first = found.next();
    assert!(found.next().is_none(), "more than one about {object}");
    first
}

/// What a subject holds: `RISK in SCOPE, SEVERITY`.
pub(crate) fn holds(report: &Report, subject: &str) -> BTreeSet<String> {
    let findings = of_view(report, View::Subjects).into_iter().filter(|f| f.object.to_string() == subject);
    let lines = findings.flat_map(|finding| {
        finding
            .risks
            .iter()
            .map(|risk| format!("{} in {}, {}", risk.id, finding.scope, risk.severity.as_str()))
    });
    lines.collect()
}

pub(crate) fn set(lines: &[&str]) -> BTreeSet<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

/// The stops on the way from an object to the whole cluster; nothing where there is no way.
pub(crate) fn way(report: &Report, from: &str) -> Option<Vec<String>> {
    let path = report.paths.iter().find(|path| path.from.to_string() == from)?;
    Some(path.steps.iter().map(|step| step.becomes.to_string()).collect())
}

pub(crate) fn stops(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

/// The end of every way.
pub(crate) const CLUSTER: &str = "Cluster cluster-admin";

/// The account `ops/root`, which may do everything, by a binding of its own.
pub(crate) fn root() -> String {
    rights("root", "cluster", "ServiceAccount ops/root", &["* * of *"])
}
