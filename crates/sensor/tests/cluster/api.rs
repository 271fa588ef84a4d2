//! As much of an API server as a sensor sees: Secrets that can be got, watched and patched, pods, and tokens in use.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::body::Frame;
use jiff::Timestamp;
use serde_json::{Value, json};
use sundew_sensor::{Extras, Sensor};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};

use crate::common::{Patience, Site, append, eventually};

/// With little patience for what is gone or away.
pub(crate) fn soon() -> Extras {
    Extras {
        patience: Patience { absence: Duration::from_millis(50), ..Patience::default() },
        ..Extras::default()
    }
}

pub(crate) const LABEL: &str = "kubernetes.io/legacy-token-last-used";

/// A configuration of the one source `prod` of type cluster and the one sink `alerts`.
pub(crate) const CLUSTER_TO_FILE: &str = "
rules: {builtin: false}
habits: {enabled: false}
sources: [{type: cluster, name: prod, kubeconfig: kubeconfig}]
sinks: [{type: file, name: alerts, path: alerts.json}]
incidents: {quiet: 1s}
";

/// The same with the API server's log.
pub(crate) const BOTH_TO_FILE: &str = "
rules: {builtin: false}
habits: {enabled: false}
sources: [{type: cluster, name: prod, kubeconfig: kubeconfig}, {type: file, name: log, path: audit.log}]
sinks: [{type: file, name: alerts, path: alerts.json}]
incidents: {quiet: 1s}
";

/// Today as the API server's label has it.
pub(crate) fn today() -> String {
    Timestamp::now().strftime("%F").to_string()
}

/// A running API server.
#[derive(Clone)]
pub(crate) struct Api {
    inner: Arc<Inner>,
    address: String,
}

struct Inner {
    world: Mutex<World>,
    changed: watch::Sender<u64>,
}

/// One request that came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: String,
    pub(crate) agent: String,
    pub(crate) body: Value,
}

#[derive(Default)]
pub(crate) struct World {
    version: u64,
    secrets: BTreeMap<String, Value>,
    events: Vec<(u64, &'static str, Value)>,
    pub(crate) pods: Vec<Value>,
    pub(crate) seen: Vec<Seen>,
    /// Patches are answered with 403.
    pub(crate) refuse_patch: bool,
    /// The only bearer token that is taken.
    pub(crate) accepted: Option<String>,
    /// The Secret that is answered with 500.
    pub(crate) broken: Option<String>,
    /// What the server's clock shows.
    pub(crate) date: Option<Timestamp>,
    /// So many patches meet a change that somebody else made in between.
    pub(crate) conflicts: u32,
    /// Everything is answered with 503.
    pub(crate) away: bool,
    /// Where requests are logged.
    pub(crate) log: Option<PathBuf>,
    /// Grows when all watches are cut.
    cuts: u64,
    /// A use of a token sets no label.
    pub(crate) no_labels: bool,
}

impl World {
    fn put(&mut self, kind: &'static str, key: &str, mut secret: Value) {
        self.version += 1;
        secret["metadata"]["resourceVersion"] = json!(self.version.to_string());
        match kind {
            "DELETED" => _ = self.secrets.remove(key),
            _ => _ = self.secrets.insert(key.to_owned(), secret.clone()),
        }
        self.events.push((self.version, kind, secret));
    }
}

impl Api {
    /// Starts one, and writes a kubeconfig for it into the site's folder.
    pub(crate) async fn start(site: &Site) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (changed, _) = watch::channel(0);
        let inner = Arc::new(Inner { world: Mutex::default(), changed });
        let app = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        std::fs::write(site.path("kubeconfig"), kubeconfig(&address.to_string())).unwrap();
        let api = Self { inner, address: address.to_string() };
        for name in ["honeypot/backup-sa-token", "kube-system/tiller-token-x7k2p"] {
            api.make(name);
        }
        api
    }

    /// Writes another kubeconfig in the place of the one before.
    pub(crate) fn let_in(&self, site: &Site, user: &Value) {
        std::fs::write(site.path("next"), kubeconfig_of(&self.address, user)).unwrap();
        std::fs::rename(site.path("next"), site.path("kubeconfig")).unwrap();
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.inner.world.lock().unwrap()
    }

    fn tell(&self) {
        self.inner.changed.send_modify(|n| *n += 1);
    }

    /// Makes the Secret `NAMESPACE/NAME`, with a new uid.
    pub(crate) fn make(&self, key: &str) {
        let (namespace, name) = key.split_once('/').unwrap();
        let mut world = self.world();
        let uid = format!("uid-{}", world.version + 1);
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
            "metadata": {"namespace": namespace, "name": name, "uid": uid,
                "creationTimestamp": "2026-10-01T00:00:00Z", "labels": {}},
            // `token`, in base64.
            "data": {"token": "dG9rZW4="},
        });
        world.put("ADDED", key, secret);
        drop(world);
        self.tell();
    }

    pub(crate) fn delete(&self, key: &str) {
        let mut world = self.world();
        let secret = world.secrets[key].clone();
        world.put("DELETED", key, secret);
        drop(world);
        self.tell();
    }

    pub(crate) fn set_label(&self, key: &str, day: Option<&str>) {
        let mut world = self.world();
        let mut secret = world.secrets[key].clone();
        secret["metadata"]["labels"][LABEL] = json!(day);
        if day.is_none() {
            secret["metadata"]["labels"].as_object_mut().unwrap().remove(LABEL);
        }
        world.put("MODIFIED", key, secret);
        drop(world);
        self.tell();
    }

    /// Somebody, or the cluster itself, lets the token be refused from `day` on.
    pub(crate) fn refuse(&self, key: &str, day: &str) {
        let mut world = self.world();
        let mut secret = world.secrets[key].clone();
        secret["metadata"]["labels"]["kubernetes.io/legacy-token-invalid-since"] = json!(day);
        world.put("MODIFIED", key, secret);
        drop(world);
        self.tell();
    }

    /// Somebody uses the token: the API server notes that, once a day.
    pub(crate) fn used(&self, key: &str) {
        if self.label(key).as_deref() != Some(&*today()) && !self.world().no_labels {
            self.set_label(key, Some(&today()));
        }
    }

    pub(crate) fn label(&self, key: &str) -> Option<String> {
        let world = self.world();
        world.secrets[key]["metadata"]["labels"][LABEL].as_str().map(str::to_owned)
    }

    /// Ends all watches that are open.
    pub(crate) fn cut(&self) {
        self.world().cuts += 1;
        self.tell();
    }

    pub(crate) fn set_away(&self, away: bool) {
        self.world().away = away;
        self.cut();
    }

    /// The requests about a Secret, or with such a path.
    pub(crate) fn asked(&self, part: &str) -> Vec<Seen> {
        self.world().seen.iter().filter(|seen| seen.uri.contains(part)).cloned().collect()
    }

    /// How often a watch of the Secret `name` was begun.
    pub(crate) fn watches(&self, name: &str) -> usize {
        self.asked("watch=true").iter().filter(|seen| seen.uri.contains(name)).count()
    }

    /// Starts a sensor and waits until it watches both Secrets.
    pub(crate) async fn sensor(&self, site: &Site, config: &str, extras: Extras) -> Sensor {
        self.world().seen.clear();
        let sensor = site.start_with(config, extras).await;
        self.watched().await;
        sensor
    }

    pub(crate) async fn watched(&self) {
        eventually("both Secrets are watched", || {
            let names = ["backup-sa-token", "tiller-token-x7k2p"];
            names.iter().all(|name| self.watches(name) > 0).then_some(())
        })
        .await;
    }
}

pub(crate) fn kubeconfig(address: &str) -> String {
    kubeconfig_of(address, &json!({"token": "sensor"}))
}

pub(crate) fn kubeconfig_of(address: &str, user: &Value) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "sensor", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "sensor"}}],
    })
    .to_string()
}

/// A body that goes on as long as there is something to say.
struct Stream(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.get_mut().0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// The answer with the server's time.
async fn answer(state: State<Arc<Inner>>, request: Request) -> Response {
    let inner = Arc::clone(&state.0);
    let mut response = undated(state, request).await;
    if let Some(date) = inner.world.lock().unwrap().date {
        let date = date.strftime("%a, %d %b %Y %T GMT").to_string();
        response.headers_mut().insert(header::DATE, date.parse().unwrap());
    }
    response
}

async fn undated(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let of = |name| {
        let value = parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        value.unwrap_or_default()
    };
    let seen = Seen {
        method: parts.method.clone(),
        uri: parts.uri.to_string(),
        agent: of(header::USER_AGENT),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let mut world = inner.world.lock().unwrap();
    world.seen.push(seen.clone());
    if world.away {
        return status(StatusCode::SERVICE_UNAVAILABLE, "away");
    }
    let bearer = of(header::AUTHORIZATION);
    if world.accepted.as_ref().is_some_and(|token| bearer != format!("Bearer {token}")) {
        return status(StatusCode::UNAUTHORIZED, "Unauthorized");
    }
    if world.broken.as_ref().is_some_and(|name| seen.uri.contains(name.as_str())) {
        return status(StatusCode::INTERNAL_SERVER_ERROR, "the value cannot be decrypted");
    }
    let path: Vec<&str> = parts.uri.path().trim_matches('/').split('/').collect();
    log(&world, &seen, &path);
    match path[..] {
        ["version"] => json_of(&json!({"major": "1", "minor": "36", "gitVersion": "v1.36.2"})),
        ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"] => {
            json_of(&json!({"status": {"allowed": !world.refuse_patch}}))
        }
        ["api", "v1", "namespaces", namespace, "secrets", name] => {
            let (response, changed) =
                secret(&mut world, &seen, &format!("{namespace}/{name}"), &of(header::ACCEPT));
            drop(world);
            if changed {
                inner.changed.send_modify(|n| *n += 1);
            }
            response
        }
        ["api", "v1", "namespaces", _, "secrets"] => watching(&inner, &world, &seen.uri, true),
        ["api", "v1", "pods"] if seen.uri.contains("watch=true") => {
            watching(&inner, &world, &seen.uri, false)
        }
        ["api", "v1", "pods"] => json_of(&json!({
            "apiVersion": "v1", "kind": "PodList", "metadata": {"resourceVersion": world.version.to_string()},
            "items": world.pods,
        })),
        ["api", "v1", "namespaces", namespace, "pods"] => {
            let uses = of(header::AUTHORIZATION) == "Bearer token";
            let key = world.secrets.keys().find(|key| key.starts_with(namespace)).cloned();
            drop(world);
            if let Some(key) = key.filter(|_| uses) {
                Api { inner: Arc::clone(&inner), address: String::new() }.used(&key);
            }
            status(StatusCode::FORBIDDEN, "pods is forbidden")
        }
        _ => status(StatusCode::NOT_FOUND, "no such path"),
    }
}

fn secret(world: &mut World, seen: &Seen, key: &str, accept: &str) -> (Response, bool) {
    let Some(known) = world.secrets.get(key).cloned() else {
        return (status(StatusCode::NOT_FOUND, "secrets not found"), false);
    };
    if seen.method == Method::GET {
        return (json_of(&shown(&known, accept.contains("PartialObjectMetadata"))), false);
    }
    assert_eq!(seen.method, Method::PATCH);
    if world.refuse_patch {
        return (status(StatusCode::FORBIDDEN, "secrets is forbidden: cannot patch"), false);
    }
    if world.conflicts > 0 {
        // Somebody annotates it at that moment.
        world.conflicts -= 1;
        world.put("MODIFIED", key, known.clone());
    }
    let (wanted, known) = (&seen.body["metadata"], &world.secrets[key]["metadata"]);
    if wanted["uid"] != known["uid"] || wanted["resourceVersion"] != known["resourceVersion"] {
        return (status(StatusCode::CONFLICT, "the object has been modified"), true);
    }
    let mut patched = world.secrets[key].clone();
    for (label, value) in wanted["labels"].as_object().unwrap() {
        let labels = patched["metadata"]["labels"].as_object_mut().unwrap();
        match value {
            Value::Null => _ = labels.remove(label),
            value => _ = labels.insert(label.clone(), value.clone()),
        }
    }
    world.put("MODIFIED", key, patched);
    (json_of(&shown(&world.secrets[key], accept.contains("PartialObjectMetadata"))), true)
}

fn shown(secret: &Value, metadata: bool) -> Value {
    match metadata {
        true => json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": secret["metadata"],
        }),
        false => secret.clone(),
    }
}

fn watching(inner: &Arc<Inner>, world: &World, uri: &str, secrets: bool) -> Response {
    let of = |name: &str| {
        let query = uri.split_once('?').unwrap().1;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
    };
    let name = of("fieldSelector").map(|selector| selector.rsplit("%3D").next().unwrap().to_owned());
    let version = of("resourceVersion").map(|version| version.parse::<u64>().unwrap());
    // Without a version, what is there comes first.
    let mut first: Vec<(&'static str, Value)> = match version {
        None => world.secrets.values().map(|secret| ("ADDED", secret.clone())).collect(),
        Some(_) => Vec::new(),
    };
    let mut from = version.unwrap_or(world.version);
    let (send, receive) = mpsc::channel(16);
    let (inner, cuts, mut changed) = (Arc::clone(inner), world.cuts, inner.changed.subscribe());
    tokio::spawn(async move {
        loop {
            let (lines, cut) = {
                let world = inner.world.lock().unwrap();
                let news = world.events.iter().filter(|(version, ..)| *version > from);
                first.extend(news.map(|(_, kind, secret)| (*kind, secret.clone())));
                let wanted =
                    |secret: &Value| secrets && name.as_deref() == secret["metadata"]["name"].as_str();
                let lines: Vec<String> = first
                    .drain(..)
                    .filter(|(_, secret)| wanted(secret))
                    .map(|(kind, secret)| json!({"type": kind, "object": shown(&secret, true)}).to_string())
                    .collect();
                from = world.version;
                (lines, world.cuts != cuts)
            };
            for line in lines {
                if cut || send.send(Bytes::from(line + "\n")).await.is_err() {
                    return;
                }
            }
            if cut {
                return;
            }
            tokio::select! {
                _ = changed.changed() => {}
                () = send.closed() => return,
            }
        }
    });
    ([(header::CONTENT_TYPE, "application/json")], Body::new(Stream(receive))).into_response()
}

/// The audit event of a request about a Secret.
fn log(world: &World, seen: &Seen, path: &[&str]) {
    let (Some(log), ["api", "v1", "namespaces", namespace, "secrets", rest @ ..]) = (&world.log, path) else {
        return;
    };
    let selected = seen.uri.split("metadata.name%3D").nth(1).map(|rest| rest.split('&').next().unwrap());
    let name = rest.first().copied().or(selected).unwrap_or_default();
    let verb = match (&seen.method, seen.uri.contains("watch=true")) {
        (_, true) => "watch",
        (&Method::PATCH, _) => "patch",
        _ => "get",
    };
    let now = Timestamp::now();
    let event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "stage": "ResponseComplete",
        "auditID": format!("00000000-0000-4000-a000-{:012}", world.seen.len()),
        "requestURI": seen.uri, "verb": verb, "user": {"username": "system:serviceaccount:sundew:sensor"},
        "sourceIPs": ["10.244.0.9"], "userAgent": seen.agent,
        "objectRef": {"resource": "secrets", "namespace": namespace, "name": name, "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": now, "stageTimestamp": now,
    });
    append(log, format!("{event}\n").as_bytes());
}

fn json_of(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn status(code: StatusCode, message: &str) -> Response {
    let value = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code.as_u16(),
        "reason": match code.as_u16() { 403 => "Forbidden", 404 => "NotFound", 409 => "Conflict", _ => "" },
    });
    (code, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
