//! An API server that has nothing but pods, which it makes up as they are asked for.

use std::{
    io::{BufRead, BufReader, BufWriter, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::{Value, json};

/// How many pods are deleted and made anew.
pub(crate) const RENEWED: u32 = 60_000;
const NODES: u32 = 2_000;
const OWNERS: u32 = 10_000;
const NAMESPACES: u32 = 300;

/// The IPv4 address of a pod.
pub(crate) fn address(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + number).into()
}

/// Serves until it is killed; prints its URL.
pub(crate) fn serve(count: u32) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    let template = Template::new();
    let watches = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for stream in listener.incoming() {
            let (template, watches) = (&template, &watches);
            // Whoever asked may have gone.
            scope.spawn(move || drop(answer(stream.unwrap(), template, count, watches)));
        }
    });
}

fn answer(stream: TcpStream, template: &Template, count: u32, watches: &AtomicU32) -> std::io::Result<()> {
    let mut from = BufReader::new(stream.try_clone()?);
    let mut to = BufWriter::with_capacity(1 << 16, stream);
    loop {
        let mut first = String::new();
        if from.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let mut line = String::new();
        while from.read_line(&mut line)? > 2 {
            line.clear();
        }
        let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let query = |name: &str| {
            form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value)
        };
        if path == "/version" {
            whole(&mut to, "{}")?;
        } else if query("watch").is_some() {
            let watch = watches.fetch_add(1, Ordering::Relaxed);
            return follow(&mut to, template, count, watch);
        } else {
            // After the first watch, the first pods are those that were made anew.
            let again = watches.load(Ordering::Relaxed) > 0;
            let first = if again { RENEWED } else { 0 };
            let at = query("continue").map_or(0, |at| at.parse().unwrap());
            let limit: u32 = query("limit").map_or(count, |limit| limit.parse().unwrap());
            let end = count.min(at + limit);
            let next = if end < count { end.to_string() } else { String::new() };
            let mut page = format!(
                r#"{{"kind":"PodList","apiVersion":"v1","metadata":{{"resourceVersion":"7","continue":"{next}"}},"items":["#
            );
            for number in at..end {
                if number > at {
                    page.push(',');
                }
                template.push(&mut page, first + number);
            }
            page.push_str("]}");
            whole(&mut to, &page)?;
        }
    }
}

fn whole(to: &mut impl Write, body: &str) -> std::io::Result<()> {
    write!(to, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
    to.flush()
}

/// The first watch renews the first pods and then is too old; the second one adds a last pod.
fn follow(to: &mut impl Write, template: &Template, count: u32, watch: u32) -> std::io::Result<()> {
    to.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
    if watch == 0 {
        for number in 0..RENEWED {
            event(to, template, "DELETED", number)?;
            event(to, template, "ADDED", count + number)?;
        }
        chunk(to, "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410}}\n")?;
        to.write_all(b"0\r\n\r\n")?;
        return to.flush();
    }
    event(to, template, "ADDED", count + RENEWED + 1)?;
    to.flush()?;
    loop {
        std::thread::park();
    }
}

fn event(to: &mut impl Write, template: &Template, kind: &str, number: u32) -> std::io::Result<()> {
    let mut line = format!("{{\"type\":\"{kind}\",\"object\":");
    template.push(&mut line, number);
    line.push_str("}\n");
    chunk(to, &line)
}

fn chunk(to: &mut impl Write, text: &str) -> std::io::Result<()> {
    write!(to, "{:x}\r\n{text}\r\n", text.len())
}

/// A pod's JSON, taken apart where pods differ.
struct Template {
    parts: Vec<(String, Option<Hole>)>,
}

#[derive(Clone, Copy)]
enum Hole {
    Name,
    Uid,
    Namespace,
    Owner,
    Node,
    NodeAddress,
    Ipv4,
    Ipv6,
}

const HOLES: [(&str, Hole); 8] = [
    ("<name>", Hole::Name),
    ("<uid>", Hole::Uid),
    ("<namespace>", Hole::Namespace),
    ("<owner>", Hole::Owner),
    ("<node>", Hole::Node),
    ("<node-address>", Hole::NodeAddress),
    ("<ipv4>", Hole::Ipv4),
    ("<ipv6>", Hole::Ipv6),
];

impl Template {
    fn new() -> Self {
        let text = pod().to_string();
        let (mut parts, mut rest) = (Vec::new(), text.as_str());
        loop {
            let found = HOLES.iter().filter_map(|(mark, hole)| Some((rest.find(mark)?, mark, *hole)));
            let Some((at, mark, hole)) = found.min_by_key(|(at, ..)| *at) else { break };
            parts.push((rest[..at].to_owned(), Some(hole)));
            rest = &rest[at + mark.len()..];
        }
        parts.push((rest.to_owned(), None));
        Self { parts }
    }

    fn push(&self, to: &mut String, number: u32) {
        use std::fmt::Write as _;
        let owner = number % OWNERS;
        for (text, hole) in &self.parts {
            to.push_str(text);
            let Some(hole) = hole else { break };
            let written = match hole {
                Hole::Name => {
                    write!(to, "service-{owner}-7d9f8b6c5d-{:05x}", number.wrapping_mul(2_654_435_761) >> 12)
                }
                Hole::Uid => write!(to, "5b1a0c7e-93d4-4f6b-8a21-{number:012x}"),
                Hole::Namespace => write!(to, "team-{}", owner % NAMESPACES),
                Hole::Owner => write!(to, "service-{owner}"),
                Hole::Node => write!(to, "ip-10-200-{}.eu-central-1.compute.internal", number % NODES),
                Hole::NodeAddress => write!(to, "{}", Ipv4Addr::from_bits(0xac10_0000 + number % NODES)),
                Hole::Ipv4 => write!(to, "{}", address(number)),
                Hole::Ipv6 => {
                    let bits = (0xfd00_u128 << 112) + u128::from(number);
                    write!(to, "{}", Ipv6Addr::from_bits(bits))
                }
            };
            written.unwrap();
        }
    }
}

/// A pod of a Deployment, as a cluster has them: two containers, a sidecar, probes, volumes, conditions.
fn pod() -> Value {
    let containers: Vec<Value> = ["app", "proxy"].into_iter().map(container).collect();
    let ready: Vec<Value> = ["Initialized", "Ready", "ContainersReady", "PodScheduled", "PodReadyToStartContainers"]
        .into_iter()
        .map(|kind| {
            json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": "2026-11-20T10:00:09Z"})
        })
        .collect();
    let statuses: Vec<Value> = ["app", "proxy"]
        .into_iter()
        .map(|name| {
            json!({
                "name": name, "ready": true, "started": true, "restartCount": 0, "lastState": {},
                "image": format!("registry.example.org/team/{name}:v1.42.7"),
                "imageID": format!("registry.example.org/team/{name}@sha256:{}", "5f".repeat(32)),
                "containerID": format!("containerd://{}", "a7".repeat(32)),
                "state": {"running": {"startedAt": "2026-11-20T10:00:08Z"}},
            })
        })
        .collect();
    json!({
        "metadata": {
            "name": "<name>", "generateName": "<owner>-7d9f8b6c5d-", "namespace": "<namespace>", "uid": "<uid>",
            "resourceVersion": "123456789", "creationTimestamp": "2026-11-20T10:00:00Z",
            "labels": {
                "app.kubernetes.io/name": "<owner>", "app.kubernetes.io/instance": "<owner>",
                "app.kubernetes.io/version": "v1.42.7", "pod-template-hash": "7d9f8b6c5d", "team": "<namespace>",
            },
            "annotations": {"prometheus.io/scrape": "true", "checksum/config": "c3".repeat(32)},
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "<owner>-7d9f8b6c5d",
                "uid": "0f3c1a52-7f0e-4a3e-9d55-6a1f0d0d9a01", "controller": true, "blockOwnerDeletion": true,
            }],
            "managedFields": [managed("kube-controller-manager"), managed("kubelet")],
        },
        "spec": {
            "containers": containers, "nodeName": "<node>", "serviceAccountName": "<owner>",
            "serviceAccount": "<owner>", "restartPolicy": "Always", "dnsPolicy": "ClusterFirst",
            "terminationGracePeriodSeconds": 30, "schedulerName": "default-scheduler", "priority": 0,
            "preemptionPolicy": "PreemptLowerPriority", "enableServiceLinks": true,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 10001, "fsGroup": 10001},
            "tolerations": [
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            ],
            "volumes": [
                {"name": "config", "configMap": {"name": "<owner>", "defaultMode": 420}},
                {"name": "tmp", "emptyDir": {}},
                {"name": "kube-api-access", "projected": {"defaultMode": 420, "sources": [
                    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                ]}},
            ],
        },
        "status": {
            "phase": "Running", "qosClass": "Burstable", "startTime": "2026-11-20T10:00:01Z", "conditions": ready,
            "hostIP": "<node-address>", "hostIPs": [{"ip": "<node-address>"}],
            "podIP": "<ipv4>", "podIPs": [{"ip": "<ipv4>"}, {"ip": "<ipv6>"}], "containerStatuses": statuses,
        },
    })
}

fn container(name: &str) -> Value {
    let env: Vec<Value> = (0..12)
        .map(|number| json!({"name": format!("SETTING_{number}"), "value": format!("https://backend-{number}.example.org")}))
        .collect();
    let probe = json!({"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10,
        "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3});
    json!({
        "name": name, "image": format!("registry.example.org/team/{name}:v1.42.7"), "env": env,
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "livenessProbe": probe, "readinessProbe": probe, "imagePullPolicy": "IfNotPresent",
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/config", "readOnly": true}, {"name": "tmp", "mountPath": "/tmp"},
            {"name": "kube-api-access", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true},
        ],
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
    })
}

fn managed(manager: &str) -> Value {
    json!({
        "manager": manager, "operation": "Update", "apiVersion": "v1", "time": "2026-11-20T10:00:09Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:metadata": {"f:labels": {".": {}, "f:pod-template-hash": {}}, "f:ownerReferences": {".": {}}},
            "f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {".": {}, "f:env": {".": {}}, "f:image": {}}}},
            "f:status": {"f:conditions": {".": {}}, "f:podIPs": {".": {}}, "f:startTime": {}},
        },
    })
}
