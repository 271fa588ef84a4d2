//! A cluster with decoys, and events as its API server writes them.

use std::{
    collections::BTreeMap,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sundew_audit::{Event, parse, skim};
use sundew_decoy::Inventory;
use sundew_detect::{Desk, Duty, Finding, Outcome, Signal, Tripwire};

pub(crate) const CLUSTER: &str = "prod";
pub(crate) const DECOY: &str = "system:serviceaccount:honeypot:backup-sa";
pub(crate) const JTI: &str = "JTI=4c1e6c0a-7d0f-4f0e-8d1c-0d8c6f1f2a33";
pub(crate) const THIEF: &str = "system:serviceaccount:shop:frontend";
pub(crate) const PEER: &str = "10.244.1.13";
pub(crate) const WALKER: &str = "system:serviceaccount:velero:velero";

pub(crate) const INVENTORY: &str = "
version: 1
cluster: prod
decoys:
- namespace: honeypot
  account: backup-sa
  placements:
  - secret: backup-sa-token
    location: /opt/backup of pod file-backup
    mountedBy: {pod: file-backup, nodes: [worker-1]}
  - {name: ci, credentialId: JTI=4c1e6c0a-7d0f-4f0e-8d1c-0d8c6f1f2a33, location: CI variable DEPLOY_TOKEN}
  - {secret: backup-agent-token, mountedBy: {workload: backup-agent}}
- {namespace: kube-system, account: tiller, placements: [{secret: tiller-token-x7k2p}]}
- {cluster: other, namespace: ops, account: deployer, placements: [{secret: deployer-token}]}
namespaces: [{name: vault}]
walkers: [system:serviceaccount:velero:velero, system:serviceaccount:kube-system:tiller]
";

pub(crate) static TRIPWIRE: LazyLock<Tripwire> =
    LazyLock::new(|| Tripwire::new(&Inventory::read(INVENTORY).unwrap()));

/// `seconds` after the first event of these tests.
pub(crate) fn at(seconds: i64) -> Timestamp {
    "2026-11-20T22:11:22.676439Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

/// An event, by default of the thief, allowed and complete.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    value: Value,
    /// JSON that stands in the line as it is here.
    raw: BTreeMap<&'static str, String>,
}

/// The order of keys on the wire, which is what the skim expects.
const KEYS: [&str; 19] = [
    "kind",
    "apiVersion",
    "level",
    "auditID",
    "stage",
    "requestURI",
    "verb",
    "user",
    "impersonatedUser",
    "authenticationMetadata",
    "sourceIPs",
    "userAgent",
    "objectRef",
    "responseStatus",
    "requestObject",
    "responseObject",
    "requestReceivedTimestamp",
    "stageTimestamp",
    "annotations",
];

pub(crate) fn request(verb: &str, uri: &str) -> Shape {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let value = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata",
        "auditID": format!("d5a9da5a-5840-4bd2-9c73-{id:012}"), "stage": "ResponseComplete",
        "requestURI": uri, "verb": verb, "sourceIPs": [PEER], "userAgent": "curl/8.5.0",
        "responseStatus": {"metadata": {}, "code": 200},
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""},
    });
    Shape { value, raw: BTreeMap::new() }.by(THIEF).at(0)
}

impl Shape {
    pub(crate) fn set(mut self, key: &str, value: Value) -> Self {
        self.value[key] = value;
        self
    }

    pub(crate) fn without(mut self, key: &str) -> Self {
        self.value.as_object_mut().unwrap().remove(key);
        self
    }

    pub(crate) fn get(&self, key: &str) -> &Value {
        &self.value[key]
    }

    /// A user with the groups that the authenticator gives it.
    pub(crate) fn by(self, user: &str) -> Self {
        let groups = match user.strip_prefix("system:serviceaccount:").and_then(|u| u.split_once(':')) {
            Some((namespace, _)) => json!([
                "system:serviceaccounts",
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated"
            ]),
            None if user.starts_with("system:node:") => json!(["system:nodes", "system:authenticated"]),
            None => json!(["system:authenticated"]),
        };
        self.set("user", json!({"username": user, "groups": groups}))
    }

    pub(crate) fn credential(mut self, id: &str) -> Self {
        self.value["user"]["extra"] = json!({"authentication.kubernetes.io/credential-id": [id]});
        self
    }

    pub(crate) fn at(self, seconds: i64) -> Self {
        let received = at(seconds).to_string();
        let complete = (at(seconds) + SignedDuration::from_millis(2)).to_string();
        self.set("requestReceivedTimestamp", json!(received)).set("stageTimestamp", json!(complete))
    }

    pub(crate) fn from(self, peer: &str) -> Self {
        self.set("sourceIPs", json!([peer]))
    }

    /// `RESOURCE[.GROUP][/SUBRESOURCE]`.
    pub(crate) fn object(self, resource: &str, namespace: &str, name: &str) -> Self {
        let (resource, sub) = resource.split_once('/').unwrap_or((resource, ""));
        let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
        let mut object = json!({"resource": resource, "apiVersion": "v1"});
        for (key, value) in
            [("namespace", namespace), ("name", name), ("apiGroup", group), ("subresource", sub)]
        {
            if !value.is_empty() {
                object[key] = json!(value);
            }
        }
        self.set("objectRef", object)
    }

    pub(crate) fn code(self, code: u16) -> Self {
        let status = match code {
            200..=399 => json!({"metadata": {}, "code": code}),
            401 => {
                json!({"metadata": {}, "status": "Failure", "message": "Unauthorized", "reason": "Unauthorized", "code": 401})
            }
            _ => json!({"metadata": {}, "status": "Failure", "message": "no", "code": code}),
        };
        self.set("responseStatus", status)
    }

    /// The stage `RequestReceived`: there is no answer yet.
    pub(crate) fn received(self) -> Self {
        let stamp = self.value["requestReceivedTimestamp"].clone();
        let shape = self.without("responseStatus").without("annotations");
        shape.set("stage", json!("RequestReceived")).set("stageTimestamp", stamp)
    }

    pub(crate) fn annotated(mut self, key: &str, value: &str) -> Self {
        self.value["annotations"][key] = json!(value);
        self
    }

    pub(crate) fn body(self, body: &Value) -> Self {
        self.raw_body(body.to_string())
    }

    pub(crate) fn raw_body(self, body: String) -> Self {
        self.raw("requestObject", body).set("level", json!("Request"))
    }

    pub(crate) fn raw(mut self, key: &'static str, json: String) -> Self {
        self.raw.insert(key, json);
        self
    }

    pub(crate) fn body_text(&self) -> Option<&str> {
        self.raw.get("requestObject").map(String::as_str)
    }

    /// The line in the log.
    pub(crate) fn line(&self) -> String {
        let text = |key: &&str| {
            let raw = self.raw.get(key).cloned().or_else(|| self.value.get(*key).map(Value::to_string));
            raw.map(|json| format!("\"{key}\":{json}"))
        };
        let members: Vec<String> = KEYS.iter().filter_map(text).collect();
        // Go's encoder escapes these three everywhere.
        let line = format!("{{{}}}", members.join(","));
        line.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e")
    }

    pub(crate) fn judge(&self) -> Vec<Signal> {
        let line = self.line();
        let event: Event<'_> = parse::event(&line).unwrap_or_else(|e| panic!("{e}: {line:.400}"));
        assert!(event.is_audit());
        TRIPWIRE.judge(CLUSTER, &event)
    }

    /// What the desk tells people of this event alone.
    pub(crate) fn told(&self) -> Option<Finding> {
        told_by(&mut Desk::default(), self)
    }

    pub(crate) fn finding(&self) -> Finding {
        self.told().unwrap_or_else(|| panic!("nothing is told of {:.600}", self.line()))
    }

    /// The duty that this event is taken for.
    pub(crate) fn duty(&self) -> Option<Duty> {
        self.judge().into_iter().find_map(|signal| match signal {
            Signal::Suppressed(suppressed) => Some(suppressed.reason),
            _ => None,
        })
    }

    /// Whether a pass over the log points at this line.
    pub(crate) fn is_pointed_at(&self) -> bool {
        is_pointed_at(&self.line())
    }
}

pub(crate) fn is_pointed_at(line: &str) -> bool {
    // A passed line before and behind it, as in a log.
    let quiet = request("get", "/healthz").line();
    let chunk = format!("{quiet}\n{line}\n{quiet}\n");
    let mut pointed = Vec::new();
    let passed =
        skim::skim(TRIPWIRE.names(), chunk.as_bytes(), |range| pointed.push(chunk[range].to_owned()));
    assert!(passed >= 2, "the quiet lines are pointed at as well, so this says nothing");
    pointed == [line]
}

pub(crate) fn told_by(desk: &mut Desk, shape: &Shape) -> Option<Finding> {
    let outcomes = shape.judge().into_iter().filter_map(|signal| desk.decide(signal));
    let findings: Vec<Finding> = outcomes
        .filter_map(|outcome| match outcome {
            Outcome::Finding(finding) => Some(finding),
            Outcome::Unauthorized(_) => None,
        })
        .collect();
    assert!(findings.len() < 2, "{findings:#?}");
    findings.into_iter().next()
}

/// A use of the decoy's token from its first placement.
pub(crate) fn use_of_token(verb: &str, uri: &str) -> Shape {
    request(verb, uri)
        .by(DECOY)
        .annotated("authentication.k8s.io/legacy-token", DECOY)
        .annotated("authentication.k8s.io/legacy-token-manual-secret", "backup-sa-token")
}

/// The API server's own note that the token was used.
pub(crate) fn note_of_use(secret: &str) -> Shape {
    request("patch", &format!("/api/v1/namespaces/honeypot/secrets/{secret}"))
        .by("system:apiserver")
        .from("127.0.0.1")
        .object("secrets", "honeypot", secret)
}

pub(crate) fn read_of_secret() -> Shape {
    request("get", "/api/v1/namespaces/honeypot/secrets/backup-sa-token").object(
        "secrets",
        "honeypot",
        "backup-sa-token",
    )
}
