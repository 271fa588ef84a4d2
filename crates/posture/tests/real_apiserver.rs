//! Thousands of random questions to a real API server, whose answers and ours are the same.
//!
//! Needs etcd, kube-apiserver and kube-controller-manager in the folder that `KUBEBUILDER_ASSETS` names; without them
//! the test says so and passes.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use fastrand::Rng;
use reqwest::Client;
use serde_json::{Value, json};
use sundew_posture::{
    Cluster, Reader,
    rbac::{Allowed, Identity, Rbac, Request, Target},
    read::Assume,
};
use sundew_testplane::{ControlPlane, Pki, Wanted, binaries};
use tokio::task::JoinSet;

const RBAC_API: &str = "/apis/rbac.authorization.k8s.io/v1";
const REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
const SEED: u64 = 20_261_121;
/// Questions about random subjects, and about nodes.
const QUESTIONS: usize = 4_000;
const OF_NODES: usize = 400;
const AT_ONCE: usize = 16;

const NAMESPACES: &[&str] = &["shop", "yard", "kube-system", "default"];
const VERBS: &[&str] = &[
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
const GROUPS: &[&str] =
    &["", "apps", "rbac.authorization.k8s.io", "coordination.k8s.io", "authorization.k8s.io", "batch", "*"];
const RESOURCES: &[&str] = &[
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
const SUBRESOURCES: &[&str] = &["", "", "", "exec", "token", "log", "status", "proxy", "*", "a/b"];
const NAMES: &[&str] =
    &["", "", "", "a", "b", "web", "kube-scheduler", "extension-apiserver-authentication", "*"];
const URLS: &[&str] = &[
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
const RULE_RESOURCES: &[&str] = &[
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
const RULE_URLS: &[&str] =
    &["*", "/metrics", "/metrics*", "/metrics/*", "/a/*/b", "/a/*", "/api*", "/logs**", "/health*z", "/"];
const ACCOUNTS: &[&str] = &["a", "b", "web", "default"];
const USERS: &[&str] = &[
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
const TEAMS: &[&str] = &[
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
const ROLE_NAMES: &[&str] = &[
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

fn pick<'w>(rng: &mut Rng, of: &[&'w str]) -> &'w str {
    of[rng.usize(..of.len())]
}

fn some<'w>(rng: &mut Rng, of: &[&'w str], least: usize, most: usize) -> Vec<&'w str> {
    (0..rng.usize(least..=most)).map(|_| pick(rng, of)).collect()
}

fn rule(rng: &mut Rng, in_namespace: bool) -> Value {
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

fn subject(rng: &mut Rng) -> Value {
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
fn objects(rng: &mut Rng) -> Vec<(String, Value)> {
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

/// Makes them; answers how many the server took.
async fn furnish(plane: &ControlPlane, rng: &mut Rng) -> usize {
    for name in &NAMESPACES[..2] {
        plane.make("/api/v1/namespaces", &json!({"metadata": {"name": name}})).await;
    }
    let admin = plane.admin();
    let mut taken = 0;
    for (path, object) in objects(rng) {
        let answer = admin.post(plane.url(&path)).json(&object).send().await.unwrap();
        let status = answer.status();
        assert!(status.is_success() || status == 422, "{path}: {status}: {}", answer.text().await.unwrap());
        taken += usize::from(status.is_success());
    }
    taken
}

/// What the server has of each kind of role and binding, as it answers.
async fn lists(plane: &ControlPlane) -> Vec<String> {
    let mut lists = Vec::new();
    for resource in ["roles", "clusterroles", "rolebindings", "clusterrolebindings"] {
        let answer = plane.admin().get(plane.url(&format!("{RBAC_API}/{resource}"))).send().await.unwrap();
        lists.push(answer.error_for_status().unwrap().text().await.unwrap());
    }
    lists
}

/// The same once the aggregated roles are joined and nothing changes any more.
async fn settled_lists(plane: &ControlPlane) -> Vec<String> {
    let mut before = Vec::new();
    for _ in 0..120 {
        let now = lists(plane).await;
        let roles: Value = serde_json::from_str(&now[1]).unwrap();
        let joined = roles["items"].as_array().unwrap().iter();
        let empty =
            joined.filter(|role| role["aggregationRule"].is_object() && role["rules"] == json!([])).count();
        let same = |(a, b): (&String, &String)| resource_versions(a) == resource_versions(b);
        if empty == 0 && before.len() == now.len() && before.iter().zip(&now).all(same) {
            return now;
        }
        before = now;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("the roles are not joined after a minute");
}

fn resource_versions(list: &str) -> BTreeSet<String> {
    let list: Value = serde_json::from_str(list).unwrap();
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|item| item["metadata"]["resourceVersion"].to_string() + &item["metadata"]["uid"].to_string())
        .collect()
}

fn read(lists: &[String]) -> Cluster {
    let mut reader = Reader::new();
    for list in lists {
        reader.add("the server", list.as_bytes(), &Assume::default()).unwrap();
    }
    reader.finish()
}

/// The same without what the server has joined, as manifests would say it.
fn unjoined(lists: &[String]) -> Vec<String> {
    let mut lists = lists.to_vec();
    let mut roles: Value = serde_json::from_str(&lists[1]).unwrap();
    for role in roles["items"].as_array_mut().unwrap() {
        if role["aggregationRule"].is_object() {
            role["rules"] = Value::Null;
        }
    }
    lists[1] = roles.to_string();
    lists
}

struct Question {
    who: Identity,
    request: Request<'static>,
}

fn target(rng: &mut Rng) -> Target<'static> {
    if rng.u8(..6) == 0 {
        return Target::Url(pick(rng, URLS));
    }
    let namespace = if rng.u8(..4) == 0 { "" } else { pick(rng, NAMESPACES) };
    Target::Resource {
        group: pick(rng, GROUPS),
        resource: pick(rng, RESOURCES),
        subresource: pick(rng, SUBRESOURCES),
        name: pick(rng, NAMES),
        namespace,
    }
}

fn asker(rng: &mut Rng) -> Identity {
    match rng.u8(..8) {
        0..=3 => Identity::account(pick(rng, NAMESPACES), pick(rng, ACCOUNTS)),
        4 => Identity::user(pick(rng, USERS), &[]),
        5 | 6 => {
            let teams = some(rng, TEAMS, 1, 3);
            Identity::user(pick(rng, USERS), &teams)
        }
        _ => Identity::group(pick(rng, TEAMS)),
    }
}

/// A question about something that a rule of the cluster names: random ones alone would mostly be refused.
fn near(rng: &mut Rng, cluster: &'static Cluster, request: &mut Request<'static>) {
    let role = &cluster.roles[rng.usize(..cluster.roles.len())];
    let Some(rule) = rng.choice(role.rules.iter()) else { return };
    let mut word = |of: &'static [Arc<str>]| rng.choice(of.iter()).map(|word| &**word);
    request.verb = word(&rule.verbs).filter(|verb| *verb != "*").unwrap_or(request.verb);
    match &mut request.target {
        Target::Url(path) => *path = word(&rule.urls).map_or(*path, |url| url.trim_end_matches('*')),
        Target::Resource { group, resource, subresource, name, .. } => {
            *group = word(&rule.groups).unwrap_or(group);
            if let Some(of) = word(&rule.resources) {
                (*resource, *subresource) = of.split_once('/').unwrap_or((of, ""));
            }
            *name = word(&rule.names).unwrap_or(name);
        }
    }
}

fn questions(rng: &mut Rng, cluster: &'static Cluster) -> Vec<Question> {
    let mut all = Vec::new();
    for number in 0..QUESTIONS + OF_NODES {
        let who = if number < QUESTIONS { asker(rng) } else { Identity::node(pick(rng, &["n1", "n2"])) };
        let verb = pick(rng, VERBS);
        let mut request = Request { verb, target: target(rng) };
        if rng.u8(..3) > 0 {
            near(rng, cluster, &mut request);
        }
        all.push(Question { who, request });
    }
    all
}

fn review(Question { who, request }: &Question) -> Value {
    let mut spec =
        json!({"user": &**who.name(), "groups": who.groups().iter().map(|g| &**g).collect::<Vec<_>>()});
    match request.target {
        Target::Url(path) => spec["nonResourceAttributes"] = json!({"path": path, "verb": request.verb}),
        Target::Resource { group, resource, subresource, name, namespace } => {
            spec["resourceAttributes"] = json!({
                "verb": request.verb, "group": group, "resource": resource, "subresource": subresource,
                "name": name, "namespace": namespace,
            });
        }
    }
    json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec})
}

async fn ask(client: &Client, url: &str, review: &Value) -> bool {
    let answer = client.post(url).json(review).send().await.unwrap();
    let status = answer.status();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert!(status.is_success(), "{review}: {answer}");
    answer["status"]["allowed"].as_bool().unwrap()
}

async fn answers(plane: &ControlPlane, questions: &[Question]) -> Vec<bool> {
    let reviews: Arc<[Value]> = questions.iter().map(review).collect();
    let mut askers = JoinSet::new();
    for first in 0..AT_ONCE {
        let (client, url, reviews) = (plane.admin(), plane.url(REVIEWS), reviews.clone());
        askers.spawn(async move {
            let mut answers = Vec::new();
            for number in (first..reviews.len()).step_by(AT_ONCE) {
                answers.push((number, ask(&client, &url, &reviews[number]).await));
            }
            answers
        });
    }
    let mut all: Vec<_> = askers.join_all().await.into_iter().flatten().collect();
    all.sort_unstable();
    all.into_iter().map(|(_, answer)| answer).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_answers_every_question_as_we_do() {
    let Some(binaries) = binaries() else { return };
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(&folder.path().join("pki"));
    let policy = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None}]\n";
    // RBAC alone, so that what nodes are given comes from bindings as everything else does.
    let flags = ["--authorization-mode=RBAC".to_owned()];
    let wanted = Wanted { folder: folder.path(), pki: &pki, policy, flags: &flags };
    let plane = ControlPlane::start(&binaries, &wanted).await;

    let mut rng = Rng::with_seed(SEED);
    let taken = furnish(&plane, &mut rng).await;
    assert!(taken > 60, "the server took {taken} objects");
    let lists = settled_lists(&plane).await;
    // Questions borrow their words from it.
    let cluster: &'static Cluster = Box::leak(Box::new(read(&lists)));
    let unjoined = read(&unjoined(&lists));
    let questions = questions(&mut rng, cluster);
    let answers = answers(&plane, &questions).await;
    assert_eq!(resource_versions(&lists[1]), resource_versions(&settled_lists(&plane).await[1]));

    for (which, cluster) in [("as it is", cluster), ("before it is joined", &unjoined)] {
        let rbac = Rbac::new(cluster);
        let mut differences = Vec::new();
        for (question, theirs) in questions.iter().zip(&answers) {
            let Question { who, request } = question;
            // The Node authorizer is not asked here, nor there.
            let ours = rbac.why(who, request).iter().any(|why| !matches!(why, Allowed::Node(_)));
            if ours != *theirs {
                differences.push(format!("{}: the server says {theirs}, we {ours}", review(question)));
            }
        }
        assert!(differences.is_empty(), "{which}: {}\n{}", differences.len(), differences.join("\n"));
    }
    let allowed = |of: &[bool]| of.iter().filter(|answer| **answer).count();
    for (of, answers) in [("anybody", &answers[..QUESTIONS]), ("nodes", &answers[QUESTIONS..])] {
        let (count, allowed) = (answers.len(), allowed(answers));
        eprintln!("{count} questions about {of}, {allowed} of them allowed, no difference");
        let enough = count / 10;
        assert!(
            of == "nodes" || (enough < allowed && allowed < count - enough),
            "{allowed} of {count} allowed"
        );
        assert!(0 < allowed && allowed < count);
    }
}
