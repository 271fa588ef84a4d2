//! A real kube-apiserver decides on requests, and writes of them, as this crate says that it does.
#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{IpAddr, Ipv4Addr},
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use sundew_policy::{Attributes, Cut, Level, Policy, Resources, Rule, Stage, Target, cut, read};
use sundew_testplane::{ControlPlane, Pki, Wanted, binaries};

/// Users with their groups, each with a token that is its name.
const USERS: &[(&str, &[&str])] = &[
    ("root", &["system:masters"]),
    ("alice", &["dev", "ops"]),
    ("bob", &["dev"]),
    ("system:serviceaccount:a:robot", &["system:serviceaccounts", "system:serviceaccounts:a"]),
];

/// Users of one level each, who may do everything.
const OF_LEVEL: [&str; 5] = ["l-full", "l-metadata", "l-request", "l-fields", "l-stages"];

fn tokens() -> String {
    let line = |(name, groups): &(&str, &[&str])| format!("{name},{name},uid,\"{}\"\n", groups.join(","));
    let masters = OF_LEVEL.map(|name| line(&(name, &["system:masters"])));
    USERS.iter().map(line).chain(masters).collect()
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
enum Who {
    /// One of `USERS`.
    User(usize),
    /// Root, who acts as alice.
    Impersonating,
    Anonymous,
    /// With a token that nobody has.
    Wrong,
}

#[derive(Debug, Clone)]
struct Request {
    who: Who,
    method: &'static str,
    uri: &'static str,
    verb: &'static str,
    target: Target<'static>,
    body: Option<&'static str>,
}

const fn object(
    group: &'static str,
    resource: &'static str,
    subresource: &'static str,
    namespace: &'static str,
    name: &'static str,
) -> Target<'static> {
    Target::Resource { group, resource, subresource, namespace, name }
}

const CONFIGMAP: &str =
    r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"},"data":{"a":"b"}}"#;
const REVIEW: &str = r#"{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"resourceAttributes":{"verb":"get"}}}"#;
const REQUEST: &str = r#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}"#;

/// What can be asked: method, URI, verb, what it is about, body.
type Asked = (&'static str, &'static str, &'static str, Target<'static>, Option<&'static str>);

#[rustfmt::skip]
const ASKED: &[Asked] = &[
    ("GET", "/api/v1/namespaces/a/pods", "list", object("", "pods", "", "a", ""), None),
    ("GET", "/api/v1/pods?limit=5", "list", object("", "pods", "", "", ""), None),
    ("GET", "/api/v1/namespaces/a/pods/one", "get", object("", "pods", "", "a", "one"), None),
    ("HEAD", "/api/v1/namespaces/a/pods/one", "get", object("", "pods", "", "a", "one"), None),
    ("GET", "/api/v1/namespaces/a/pods/one/log", "get", object("", "pods", "log", "a", "one"), None),
    ("GET", "/api/v1/namespaces/b/pods?watch=1&timeoutSeconds=1", "watch", object("", "pods", "", "b", ""), None),
    ("GET", "/api/v1/watch/namespaces/b/pods?timeoutSeconds=1", "watch", object("", "pods", "", "b", ""), None),
    ("POST", "/api/v1/namespaces/a/configmaps", "create", object("", "configmaps", "", "a", ""), Some(CONFIGMAP)),
    ("POST", "/api/v1/namespaces/b/configmaps?dryRun=All", "create", object("", "configmaps", "", "b", ""), Some(CONFIGMAP)),
    ("POST", "/api/v1/namespaces/a/configmaps/one", "create", object("", "configmaps", "", "a", "one"), Some(CONFIGMAP)),
    ("PUT", "/api/v1/namespaces/a/configmaps/one", "update", object("", "configmaps", "", "a", "one"), Some(CONFIGMAP)),
    ("PATCH", "/api/v1/namespaces/a/configmaps/one", "patch", object("", "configmaps", "", "a", "one"), Some("{\"data\":{\"c\":\"d\"}}")),
    ("DELETE", "/api/v1/namespaces/a/configmaps/two", "delete", object("", "configmaps", "", "a", "two"), None),
    ("DELETE", "/api/v1/namespaces/b/configmaps", "deletecollection", object("", "configmaps", "", "b", ""), None),
    ("GET", "/api/v1/secrets?fieldSelector=metadata.name%3Dtwo", "list", object("", "secrets", "", "", "two"), None),
    ("GET", "/api/v1/namespaces/a/secrets/one", "get", object("", "secrets", "", "a", "one"), None),
    ("GET", "/api/v1/namespaces/a", "get", object("", "namespaces", "", "a", "a"), None),
    ("GET", "/api/v1/namespaces/a/status", "get", object("", "namespaces", "status", "a", "a"), None),
    ("GET", "/api/v1/nodes/one", "get", object("", "nodes", "", "", "one"), None),
    ("GET", "/api/v1/nodes/one/proxy/pods", "get", object("", "nodes", "proxy", "", "one"), None),
    ("POST", "/api/v1/namespaces/a/serviceaccounts/default/token", "create", object("", "serviceaccounts", "token", "a", "default"), Some(REQUEST)),
    ("GET", "/apis/apps/v1/namespaces/a/deployments/one", "get", object("apps", "deployments", "", "a", "one"), None),
    ("GET", "/apis/apps/v1/namespaces/b/deployments/one/scale", "get", object("apps", "deployments", "scale", "b", "one"), None),
    ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "create", object("authorization.k8s.io", "selfsubjectaccessreviews", "", "", ""), Some(REVIEW)),
    ("GET", "/apis/example.com/v1/namespaces/a/things/one/part", "get", object("example.com", "things", "part", "a", "one"), None),
    ("OPTIONS", "/api/v1/namespaces/a/pods/one", "", object("", "pods", "", "a", "one"), None),
    ("GET", "/version", "get", Target::Url("/version"), None),
    ("GET", "/healthz/ping?verbose", "get", Target::Url("/healthz/ping"), None),
    ("GET", "/healthz%2Fping", "get", Target::Url("/healthz/ping"), None),
    ("GET", "/apis/apps", "get", Target::Url("/apis/apps"), None),
    ("GET", "/api/v1", "get", Target::Url("/api/v1"), None),
    ("POST", "/nothing/here", "post", Target::Url("/nothing/here"), Some("{}")),
    ("PUT", "/nothing/here", "put", Target::Url("/nothing/here"), Some("{}")),
];

impl Request {
    /// Hands on what the policy looks at.
    fn with<T>(&self, then: impl FnOnce(&Attributes<'_>) -> T) -> T {
        let (name, groups) = match self.who {
            Who::User(at) => (USERS[at].0, [USERS[at].1, &["system:authenticated"]].concat()),
            Who::Impersonating => ("root", vec!["system:masters", "system:authenticated"]),
            Who::Anonymous => ("system:anonymous", vec!["system:unauthenticated"]),
            Who::Wrong => return then(&Attributes { user: None, verb: self.verb, target: self.target }),
        };
        then(&Attributes { user: Some((name, &groups)), verb: self.verb, target: self.target })
    }

    /// The stages that the API server reaches.
    fn stages(&self) -> BTreeSet<Stage> {
        let lasting = ["attach", "exec", "proxy", "log", "portforward"];
        let lasts = self.verb == "watch"
            || matches!(self.target, Target::Resource { subresource, .. } if lasting.contains(&subresource));
        let stages: &[Stage] = match self.who {
            Who::Wrong => &[Stage::ResponseStarted],
            _ if lasts => &[Stage::RequestReceived, Stage::ResponseStarted, Stage::ResponseComplete],
            _ => &[Stage::RequestReceived, Stage::ResponseComplete],
        };
        stages.iter().copied().collect()
    }

    async fn send(&self, plane: &ControlPlane, client: &Client, id: &str) {
        let method = Method::from_bytes(self.method.as_bytes()).unwrap();
        let mut request = client.request(method, plane.url(self.uri)).header("Audit-ID", id);
        request = match self.who {
            Who::User(at) => request.bearer_auth(USERS[at].0),
            Who::Impersonating => request.bearer_auth("root").header("Impersonate-User", "alice"),
            Who::Anonymous => request,
            Who::Wrong => request.bearer_auth("nobody"),
        };
        if let Some(body) = self.body {
            let kind = if self.verb == "patch" { "application/merge-patch+json" } else { "application/json" };
            request = request.header("Content-Type", kind).body(body);
        }
        // Whatever the answer is; it must be read so that the request ends.
        request.send().await.unwrap().bytes().await.unwrap();
    }
}

/// A few of these words; none about as often.
fn few(random: &mut fastrand::Rng, words: &[&str], asked_in: usize) -> Vec<String> {
    if random.usize(..asked_in) > 0 {
        return Vec::new();
    }
    let count = random.usize(1..=3.min(words.len()));
    (0..count).map(|_| words[random.usize(..words.len())].to_owned()).collect()
}

fn random_rule(random: &mut fastrand::Rng, level: Level) -> Rule {
    let users = ["root", "alice", "bob", "system:serviceaccount:a:robot", "system:anonymous", "*", ""];
    let groups = ["dev", "ops", "system:masters", "system:authenticated", "system:unauthenticated", "*"];
    let verbs =
        ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "post", "*", ""];
    let namespaces = ["a", "b", "", "*"];
    let names = ["one", "two", "default", "a"];
    let kinds = ["", "", "apps", "authorization.k8s.io", "example.com", "*", "v1"];
    let resources = [
        "pods",
        "pods/log",
        "pods/*",
        "*/log",
        "*",
        "*/*",
        "configmaps",
        "secrets",
        "namespaces",
        "namespaces/status",
        "nodes",
        "nodes/*",
        "*/proxy",
        "serviceaccounts",
        "serviceaccounts/token",
        "deployments",
        "deployments/scale",
        "*/scale",
        "selfsubjectaccessreviews",
        "things",
        "things/*",
        "pods/",
    ];
    let urls =
        ["/version", "/healthz", "/healthz*", "/healthz/*", "*", "/api*", "/apis/*", "/nothing/here", "/"];
    let mut rule = Rule {
        users: few(random, &users, 3),
        groups: few(random, &groups, 4),
        verbs: few(random, &verbs, 2),
        omit_stages: if random.usize(..3) == 0 { vec![Stage::ALL[random.usize(..4)]] } else { Vec::new() },
        omit_managed_fields: [None, Some(true), Some(false)][random.usize(..3)],
        ..Rule::new(level)
    };
    if random.usize(..4) == 0 {
        rule.urls = few(random, &urls, 1);
        return rule;
    }
    rule.namespaces = few(random, &namespaces, 4);
    for _ in 0..random.usize(1..3) {
        let resources = few(random, &resources, 1);
        let names = few(random, &names, 3);
        rule.resources.push(Resources {
            group: kinds[random.usize(..kinds.len())].to_owned(),
            resources,
            names,
        });
    }
    rule
}

/// One rule for each user of a level.
fn of_level(user: &str) -> Rule {
    let rule =
        |level| Rule { users: vec![user.to_owned()], omit_managed_fields: Some(false), ..Rule::new(level) };
    match user {
        "l-metadata" => rule(Level::Metadata),
        "l-request" => rule(Level::Request),
        "l-fields" => Rule { omit_managed_fields: Some(true), ..rule(Level::RequestResponse) },
        "l-stages" => {
            Rule { omit_stages: vec![Stage::RequestReceived, Stage::ResponseStarted], ..rule(Level::Request) }
        }
        _ => rule(Level::RequestResponse),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_logged_as_decided_and_lower_levels_are_what_a_cut_leaves() {
    let Some(binaries) = binaries() else { return };
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(&folder.path().join("pki"));
    fs::write(folder.path().join("tokens.csv"), tokens()).unwrap();
    let mut random = fastrand::Rng::with_seed(6);
    let requests = requests(&mut random);
    let mut rules: Vec<Rule> = OF_LEVEL.map(of_level).into();
    while rules.len() < 100 {
        let rule = random_rule(&mut random, Level::ALL[rules.len() % 4]);
        // None that leaves nothing for the rest.
        if requests.iter().filter(|request| request.with(|attributes| rule.fits(attributes))).count() < 30 {
            rules.push(rule);
        }
    }
    let policy = Policy { omit_stages: Vec::new(), omit_managed_fields: true, rules };
    let yaml = policy.yaml();
    let policy = read("policy.yaml", &yaml).unwrap().policy;
    let flags = [format!("--token-auth-file={}", folder.path().join("tokens.csv").display())];
    let wanted = Wanted { folder: folder.path(), pki: &pki, policy: &yaml, flags: &flags };
    let plane = ControlPlane::start(&binaries, &wanted).await;
    for namespace in ["a", "b"] {
        plane.make("/api/v1/namespaces", &json!({"metadata": {"name": namespace}})).await;
    }

    let client = plane.stranger(IpAddr::V4(Ipv4Addr::LOCALHOST), "test");
    for chunk in requests.iter().enumerate().collect::<Vec<_>>().chunks(8) {
        let sent = chunk.iter().map(|(at, request)| {
            let (plane, client) = (&plane, &client);
            async move { request.send(plane, client, &format!("asked-{at}")).await }
        });
        futures(sent).await;
    }
    for user in OF_LEVEL {
        of_every_kind(&plane, &client, user).await;
    }
    let log = plane.log().to_owned();
    assert!(plane.shut_down());
    let log = fs::read_to_string(log).unwrap();
    as_decided(&policy, &requests, &log);
    as_cut(&log);
}

/// All of them at once.
async fn futures<F: Future<Output = ()>>(all: impl Iterator<Item = F>) {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        all.retain_mut(|one| one.as_mut().poll(context).is_pending());
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

/// Every request by everybody, in random order.
fn requests(random: &mut fastrand::Rng) -> Vec<Request> {
    let mut who: Vec<Who> = (0..USERS.len()).map(Who::User).collect();
    who.extend([Who::Impersonating, Who::Anonymous, Who::Wrong]);
    let mut requests = Vec::new();
    for who in who {
        requests.extend(ASKED.iter().map(|&(method, uri, verb, target, body)| Request {
            who,
            method,
            uri,
            verb,
            target,
            body,
        }));
    }
    random.shuffle(&mut requests);
    requests
}

fn as_decided(policy: &Policy, requests: &[Request], log: &str) {
    let mut logged: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for line in log.lines() {
        let event = sundew_audit::parse::event(line).unwrap();
        logged.entry(event.audit_id.decode().into_owned()).or_default().push(line);
    }
    let mut levels: BTreeMap<Level, usize> = BTreeMap::new();
    let mut rules = BTreeSet::new();
    for (at, request) in requests.iter().enumerate() {
        let decision = request.with(|attributes| policy.decide(attributes));
        *levels.entry(decision.level).or_default() += 1;
        rules.extend(decision.rule);
        let lines = logged.get(&format!("asked-{at}")).map_or(&[][..], Vec::as_slice);
        let mut expected = request.stages();
        expected.retain(|stage| decision.level > Level::None && policy.logs_at(decision.rule, *stage));
        let mut stages = BTreeSet::new();
        for line in lines {
            let event = sundew_audit::parse::event(line).unwrap();
            assert_eq!(event.level, decision.level.as_str(), "{request:?} {decision:?}\n{line}");
            stages.extend(Stage::ALL.into_iter().find(|stage| event.stage == stage.as_str()));
            // What the event tells of its request leads to the same rule.
            assert_eq!(
                Attributes::of(&event, |request| policy.decide(request)),
                decision,
                "{request:?}\n{line}"
            );
            // And what it holds is what this policy leaves of it.
            let same = Cut::Kept { line: (*line).into(), wanted: decision.level };
            assert_eq!(cut(policy, &event, line), same);
        }
        assert_eq!(stages, expected, "{request:?} {decision:?}\n{}", lines.join("\n"));
    }
    // The test would be worth little if most requests were of one level or one rule.
    assert!(levels.len() == 4 && levels.values().all(|count| *count > 5), "{levels:?}");
    assert!(rules.len() > 20, "{rules:?}");
}

/// Does the same as each user of a level, in a namespace of its own.
async fn of_every_kind(plane: &ControlPlane, client: &Client, user: &str) {
    let namespace = format!("ns-{user}");
    plane.make("/api/v1/namespaces", &json!({"metadata": {"name": namespace}})).await;
    let roles = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles");
    let role = |verb: &str| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "one"},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": [verb]}],
        })
        .to_string()
    };
    let one = format!("{roles}/one");
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let steps: &[(&str, String, &str, &str, String)] = &[
        ("POST", roles.clone(), "application/json", "application/json", role("get")),
        ("GET", one.clone(), "application/json", "application/json", String::new()),
        ("GET", roles.clone(), "application/json", "application/json", String::new()),
        ("GET", roles.clone(), "application/json", table, String::new()),
        (
            "GET",
            format!("{roles}?watch=1&timeoutSeconds=1"),
            "application/json",
            "application/json",
            String::new(),
        ),
        ("PUT", one.clone(), "application/json", "application/json", role("list")),
        (
            "PATCH",
            one.clone(),
            "application/merge-patch+json",
            "application/json",
            r#"{"metadata":{"labels":{"a":"b"}}}"#.into(),
        ),
        (
            "PATCH",
            format!("{one}?fieldManager=me&force=true"),
            "application/apply-patch+yaml",
            "application/json",
            role("watch"),
        ),
        ("GET", format!("{roles}/two"), "application/json", "application/json", String::new()),
        ("DELETE", one, "application/json", "application/json", String::new()),
        ("GET", "/version".to_owned(), "application/json", "application/json", String::new()),
    ];
    for (at, (method, path, kind, accept, body)) in steps.iter().enumerate() {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = client.request(method, plane.url(path)).bearer_auth(user).header("Accept", *accept);
        if !body.is_empty() {
            request = request.header("Content-Type", *kind).body(body.clone());
        }
        request.header("Audit-ID", format!("{user}-{at:02}")).send().await.unwrap().bytes().await.unwrap();
    }
}

/// What was logged of one user's requests, without what differs between two who ask the same.
fn plain(line: &str, user: &str) -> Value {
    fn blank(value: &mut Value) {
        match value {
            Value::Object(members) => {
                for key in [
                    "auditID",
                    "user",
                    "requestReceivedTimestamp",
                    "stageTimestamp",
                    "uid",
                    "resourceVersion",
                    "creationTimestamp",
                    "time",
                    // A table shows times.
                    "cells",
                ] {
                    if let Some(value) = members.get_mut(key) {
                        *value = Value::Null;
                    }
                }
                members.values_mut().for_each(blank);
            }
            Value::Array(values) => values.iter_mut().for_each(blank),
            _ => {}
        }
    }
    let mut value = serde_json::from_str(&line.replace(user, "USER")).unwrap();
    blank(&mut value);
    value
}

fn as_cut(log: &str) {
    let of = |user: &str| {
        let mut lines: BTreeMap<(String, String), &str> = BTreeMap::new();
        for line in log.lines() {
            let event = sundew_audit::parse::event(line).unwrap();
            let id = event.audit_id.decode().into_owned();
            if let Some(at) = id.strip_prefix(&format!("{user}-")) {
                lines.insert((at.to_owned(), event.stage.decode().into_owned()), line);
            }
        }
        lines
    };
    let full = of("l-full");
    assert!(full.len() > 20 && log.contains("managedFields"), "{full:?}");
    for user in &OF_LEVEL[1..] {
        let rule = Rule { users: Vec::new(), ..of_level(user) };
        let policy = Policy { rules: vec![rule], ..Policy::default() };
        let mut expected = BTreeMap::new();
        for (key, line) in &full {
            if let Cut::Kept { line, .. } = cut(&policy, &sundew_audit::parse::event(line).unwrap(), line) {
                expected.insert(key.clone(), plain(&line, "l-full"));
            }
        }
        let seen: BTreeMap<_, _> = of(user).into_iter().map(|(key, line)| (key, plain(line, user))).collect();
        assert!(seen.keys().eq(expected.keys()), "{user}: {:?} {:?}", seen.keys(), expected.keys());
        for (key, event) in &seen {
            assert_eq!(*event, expected[key], "{user} {key:?}");
        }
    }
}
