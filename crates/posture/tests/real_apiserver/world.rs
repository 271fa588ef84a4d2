//! Random roles and bindings, in words that a cluster has and some that nobody would use.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::RBAC_API;

pub(crate) const NAMESPACES: &[&str] = &["shop", "yard", "kube-system", "default"];
pub(crate) const VERBS: &[&str] = &[
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "*",
    "impersonate",
    "bind",
    "escalate",
    "use",
    "",
];
pub(crate) const GROUPS: &[&str] =
    &["", "apps", "rbac.authorization.k8s.io", "coordination.k8s.io", "authorization.k8s.io", "batch", "*"];
pub(crate) const RESOURCES: &[&str] = &[
    "pods",
    "secrets",
    "deployments",
    "serviceaccounts",
    "configmaps",
    "nodes",
    "clusterroles",
    "leases",
    "endpoints",
    "subjectaccessreviews",
    "namespaces",
    "jobs",
    "*",
];
pub(crate) const SUBRESOURCES: &[&str] = &["", "", "", "exec", "token", "log", "status", "proxy", "*", "a/b"];
pub(crate) const NAMES: &[&str] =
    &["", "", "", "a", "b", "web", "kube-scheduler", "extension-apiserver-authentication", "*"];
pub(crate) const URLS: &[&str] = &[
    "/",
    "/metrics",
    "/metrics/slis",
    "/healthz",
    "/healthz/etcd",
    "/livez",
    "/version",
    "/version/",
    "/api",
    "/api/v1",
    "/openapi/v3",
    "/logs",
    "/a/x/b",
    "/a/*/b",
    "*",
    "/metrics*",
];
pub(crate) const RULE_RESOURCES: &[&str] = &[
    "pods",
    "secrets",
    "deployments",
    "*",
    "pods/exec",
    "pods/log",
    "*/exec",
    "*/status",
    "pods/*",
    "*/*",
    "*/",
    "serviceaccounts/token",
    "*/token",
    "nodes/proxy",
    "pods/a/b",
    "*/a/b",
    "leases",
    "jobs",
];
pub(crate) const RULE_URLS: &[&str] =
    &["*", "/metrics", "/metrics*", "/metrics/*", "/a/*/b", "/a/*", "/api*", "/logs**", "/health*z", "/"];
pub(crate) const ACCOUNTS: &[&str] = &["a", "b", "web", "default"];
pub(crate) const USERS: &[&str] = &[
    "ann",
    "bob",
    "system:serviceaccount:shop:a",
    "system:serviceaccount:yard:web",
    "system:anonymous",
    "system:kube-scheduler",
    "system:kube-controller-manager",
    "system:kube-proxy",
    "system:apiserver",
    "system:serviceaccount:shop:a:b",
    "system:serviceaccount::a",
    "system:serviceaccount:kube-system:token-cleaner",
    "system:serviceaccount:kube-system:generic-garbage-collector",
    "system:serviceaccount:kube-system:namespace-controller",
];
pub(crate) const TEAMS: &[&str] = &[
    "dev",
    "ops",
    "system:serviceaccounts",
    "system:serviceaccounts:shop",
    "system:serviceaccounts:kube-system",
    "system:authenticated",
    "system:unauthenticated",
    "system:monitoring",
    "system:nodes",
    "system:masters",
    "system:bootstrappers",
];
pub(crate) const ROLE_NAMES: &[&str] = &[
    "r0",
    "r1",
    "r2",
    "r3",
    "r4",
    "r5",
    "r6",
    "r7",
    "r8",
    "r9",
    "joined0",
    "joined1",
    "joined2",
    "view",
    "edit",
    "admin",
    "cluster-admin",
    "system:discovery",
    "system:node",
    "not-there",
];

pub(crate) fn pick<'w>(rng: &mut Rng, of: &[&'w str]) -> &'w str {
    of[rng.usize(..of.len())]
}

pub(crate) fn some<'w>(rng: &mut Rng, of: &[&'w str], least: usize, most: usize) -> Vec<&'w str> {
    (0..rng.usize(least..=most)).map(|_| pick(rng, of)).collect()
}

pub(crate) fn rule(rng: &mut Rng, in_namespace: bool) -> Value {
    if !in_namespace && rng.u8(..4) == 0 {
        return json!({"verbs": some(rng, &["get", "*", "post", "head"], 1, 2),
            "nonResourceURLs": some(rng, RULE_URLS, 1, 2)});
    }
    let names = if rng.u8(..3) == 0 { some(rng, &["a", "b", "web", "*", ""], 1, 2) } else { Vec::new() };
    json!({
        "verbs": some(rng, &VERBS[..VERBS.len() - 1], 1, 4), "apiGroups": some(rng, GROUPS, 1, 3),
        "resources": some(rng, RULE_RESOURCES, 1, 3), "resourceNames": names,
    })
}

pub(crate) fn subject(rng: &mut Rng) -> Value {
    let group = "rbac.authorization.k8s.io";
    match rng.u8(..5) {
        0 | 1 => {
            json!({"kind": "ServiceAccount", "name": pick(rng, ACCOUNTS), "namespace": pick(rng, NAMESPACES)})
        }
        // Refused in a ClusterRoleBinding.
        2 => json!({"kind": "ServiceAccount", "name": pick(rng, ACCOUNTS)}),
        3 => json!({"kind": "User", "apiGroup": group, "name": pick(rng, USERS)}),
        _ => json!({"kind": "Group", "apiGroup": group, "name": pick(rng, &TEAMS[..TEAMS.len() - 2])}),
    }
}

/// Random roles and bindings: a path to post to, and what. Some of them the server refuses.
pub(crate) fn objects(rng: &mut Rng) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for number in 0..10 {
        let rules: Vec<Value> = (0..rng.usize(0..4)).map(|_| rule(rng, false)).collect();
        let labels = json!({"part": pick(rng, &["one", "two", "three"]), "rank": rng.u8(..3).to_string()});
        let role = json!({"metadata": {"name": format!("r{number}"), "labels": labels}, "rules": rules});
        all.push((format!("{RBAC_API}/clusterroles"), role));
        for namespace in &NAMESPACES[..2] {
            let rules: Vec<Value> = (0..rng.usize(0..4)).map(|_| rule(rng, true)).collect();
            let role = json!({"metadata": {"name": format!("r{number}")}, "rules": rules});
            all.push((format!("{RBAC_API}/namespaces/{namespace}/roles"), role));
        }
    }
    for (number, selectors) in [
        json!([{"matchLabels": {"part": "one"}}, {"matchLabels": {"part": "two", "rank": "1"}}]),
        json!([{"matchExpressions": [{"key": "rank", "operator": "In", "values": ["0", "2"]},
            {"key": "part", "operator": "NotIn", "values": ["three"]}]}]),
        // Those that no label tells apart from the ones above, and an aggregated one besides.
        json!([{"matchExpressions": [{"key": "rank", "operator": "DoesNotExist"},
            {"key": "joins", "operator": "Exists"}]}]),
    ]
    .into_iter()
    .enumerate()
    {
        let labels = if number < 2 { json!({"joins": "yes"}) } else { json!({}) };
        let role = json!({
            "metadata": {"name": format!("joined{number}"), "labels": labels},
            "aggregationRule": {"clusterRoleSelectors": selectors}, "rules": [],
        });
        all.push((format!("{RBAC_API}/clusterroles"), role));
    }
    for number in 0..40 {
        let subjects: Vec<Value> = (0..rng.usize(1..4)).map(|_| subject(rng)).collect();
        let namespace = (rng.u8(..3) > 0).then(|| pick(rng, NAMESPACES));
        let kind = if namespace.is_some() && rng.bool() { "Role" } else { "ClusterRole" };
        let path = match namespace {
            Some(namespace) => format!("{RBAC_API}/namespaces/{namespace}/rolebindings"),
            None => format!("{RBAC_API}/clusterrolebindings"),
        };
        // All of the cluster to everybody would leave little to ask.
        let widest = ROLE_NAMES.len() - if namespace.is_some() { 0 } else { 4 };
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind,
            "name": pick(rng, &ROLE_NAMES[..widest])});
        let binding =
            json!({"metadata": {"name": format!("b{number}")}, "roleRef": role, "subjects": subjects});
        all.push((path, binding));
    }
    all
}
