//! The incident that the tests tell of: the token of honeypot/backup-sa, taken from its pod and used with curl.

use std::{fs, path::Path};

use serde_json::{Value, json};
use sundew_notify::{Message, Sink, SinkConfig, SinkError, build};

pub(crate) const ID: &str = "inc-7f3k9q2m";

fn step(time: &str, request: Value, count: u64) -> Value {
    json!({
        "time": time, "rule": "tripwire.token_used", "severity": "critical", "request": request, "count": count,
        "decoy": decoy(),
    })
}

fn decoy() -> Value {
    json!({
        "name": "honeypot/backup-sa",
        "placement": "backup-sa-token",
        "location": "Secret honeypot/backup-sa-token, mounted at /opt/backup in pod file-backup",
    })
}

/// The theft, as the first message about it.
pub(crate) fn theft() -> Message {
    from_incident(
        "opened",
        json!({
            "id": ID,
            "revision": 1,
            "cluster": "prod-eu",
            "severity": "critical",
            "title": "The token of decoy honeypot/backup-sa was used",
            "actor": {
                "user": "system:serviceaccount:honeypot:backup-sa", "ip": "127.66.0.66", "client": "curl/8.5.0",
            },
            "clients": ["curl/8.5.0"],
            "tool": "curl",
            "firstSeen": "2026-11-20T21:33:11.204Z",
            "lastSeen": "2026-11-20T21:34:58.917Z",
            "decoys": [decoy()],
            "steps": [
                step("2026-11-20T21:33:11.204Z", json!({
                    "verb": "list", "uri": "/api/v1/namespaces", "resource": "namespaces", "code": 403,
                }), 1),
                step("2026-11-20T21:33:40.001Z", json!({
                    "verb": "create", "uri": "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
                    "resource": "selfsubjectrulesreviews.authorization.k8s.io", "code": 201,
                }), 1),
                step("2026-11-20T21:34:02.730Z", json!({
                    "verb": "list", "uri": "/api/v1/namespaces/kube-system/secrets?limit=500",
                    "resource": "secrets", "namespace": "kube-system", "code": 403,
                }), 3),
                step("2026-11-20T21:34:30.112Z", json!({
                    "verb": "get", "uri": "/api/v1/namespaces/honeypot/secrets/backup-sa-token",
                    "resource": "secrets", "namespace": "honeypot", "name": "backup-sa-token", "code": 403,
                }), 1),
                step("2026-11-20T21:34:58.917Z", json!({"verb": "get", "uri": "/version", "code": 200}), 1),
            ],
            "findings": 7,
            "rules": {"tripwire.token_used": 7},
            "attack": ["T1528", "T1550.001", "T1613"],
            "could": ["nothing that the scan counts as a risk"],
            "next": [
                {"why": "Which pod or node has this address",
                 "run": "kubectl get pods,nodes --all-namespaces --output wide | grep --fixed-strings 127.66.0.66"},
                {"why": "Who could read the copy that leaked",
                 "run": "sundew who-can get secrets/backup-sa-token --namespace honeypot"},
                {"why": "Make this copy worthless, once you have seen enough",
                 "run": "kubectl --namespace honeypot delete secret backup-sa-token"},
            ],
        }),
    )
}

/// The same incident, grown to forty steps: the second update.
pub(crate) fn growing() -> Message {
    let mut message = theft();
    message.change = sundew_detect::Change::Updated;
    let incident = &mut message.incident;
    incident.revision = 3;
    let pattern = incident.steps[2].clone();
    for n in 0..35 {
        let mut step = pattern.clone();
        step.count = 1;
        step.time += std::time::Duration::from_secs(60 + n);
        step.request.namespace = format!("team-{n:02}");
        incident.steps.push(step);
    }
    incident.steps[17].request.code = Some(200);
    incident.last_seen = incident.steps[39].time;
    incident.findings = 60;
    incident.rules = [("tripwire.token_used".to_owned(), 58), ("rules.secrets_listed".to_owned(), 2)].into();
    message
}

/// The theft of a workload's token, with what that could do.
pub(crate) fn strong() -> Message {
    let mut message = theft();
    message.incident.could = [
        "reaches the whole cluster in 4 steps: creates pods (namespace shop) → Node worker-1 → ServiceAccount argocd/app",
        "lists Secrets, creates pods, and 3 more (namespace shop)",
        "reads Secrets (namespace <!channel> *web* `id`\u{202e}), through group ops & co\nRun next",
        "as of 2026-11-01, when the cluster was scanned",
    ]
    .map(str::to_owned)
    .to_vec();
    message
}

/// The theft, and the pods that had the peer's address.
pub(crate) fn placed() -> Message {
    let mut message = theft();
    let pod = |name: &str| sundew_detect::PeerPod {
        namespace: "shop".into(),
        name: name.into(),
        node: "worker-1".into(),
        account: "web".into(),
        owner: "Deployment/web".into(),
        gone: None,
    };
    let mut gone = pod("web-6d4f-2xk8p");
    gone.gone = Some("2026-11-20T21:34:00Z".parse().unwrap());
    let pods = vec![gone, pod("web-6d4f-9tqzm"), pod("web-6d4f-zzzzz")];
    message.incident.peer = Some(sundew_detect::Peer { node: None, pods, more: 2 });
    message
}

/// What the sensor tells of itself.
pub(crate) fn of_sensor() -> Message {
    let mut message = theft();
    let rule = sundew_detect::sensor::rules::SILENT;
    let what = "source `log` has brought nothing since 2026-11-20 21:00:00 UTC";
    let finding =
        sundew_detect::sensor::finding("prod-eu", "log", &rule, what, None, message.incident.last_seen);
    let mut incidents = sundew_detect::Incidents::default();
    let (id, growth) = incidents.add(&finding).unwrap();
    message.incident = incidents.schedule(&id, growth, finding.time).unwrap().0;
    message
}

/// An incident whose every text was chosen by somebody who wants to deceive its reader.
pub(crate) fn hostile(text: &str) -> Message {
    let mut message = theft();
    let incident = &mut message.incident;
    text.clone_into(&mut incident.title);
    text.clone_into(&mut incident.cluster);
    incident.actor.user = Some(text.to_owned());
    incident.actor.impersonated = Some(text.to_owned());
    incident.actor.ip = Some(text.to_owned());
    incident.clients = vec![text.to_owned(); 5];
    incident.tool = Some(text.to_owned());
    let mut decoy = incident.decoys[0].clone();
    text.clone_into(&mut decoy.name);
    decoy.placement = Some(text.to_owned());
    decoy.location = Some(text.to_owned());
    incident.decoys = vec![decoy; 5];
    let mut step = incident.steps[0].clone();
    text.clone_into(&mut step.request.verb);
    text.clone_into(&mut step.request.uri);
    text.clone_into(&mut step.request.resource);
    text.clone_into(&mut step.request.namespace);
    text.clone_into(&mut step.request.name);
    incident.steps = vec![step; 20];
    let pod = sundew_detect::PeerPod {
        namespace: text.to_owned(),
        name: text.to_owned(),
        node: text.to_owned(),
        account: text.to_owned(),
        owner: text.to_owned(),
        gone: None,
    };
    incident.peer = Some(sundew_detect::Peer { node: None, pods: vec![pod; 8], more: 3 });
    incident.attack = vec![text.to_owned(); 10];
    incident.rules = [(text.to_owned(), 9)].into();
    incident.could = vec![text.to_owned(); 10];
    for next in &mut incident.next {
        text.clone_into(&mut next.why);
        text.clone_into(&mut next.run);
    }
    message
}

fn from_incident(change: &str, incident: Value) -> Message {
    let wire = json!({"schema": sundew_notify::SCHEMA, "id": "", "revision": 0, "change": change, "incident": incident});
    serde_json::from_value(wire).unwrap()
}

pub(crate) fn config(config: Value) -> SinkConfig {
    serde_json::from_value(config).unwrap()
}

/// Builds a sink from its configuration, with nothing in the environment.
pub(crate) fn sink(value: Value) -> Result<Box<dyn Sink>, SinkError> {
    build(&config(value), &|_| None)
}

/// Writes a secret and gives its path.
pub(crate) fn secret(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
