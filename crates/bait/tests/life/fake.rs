//! An API server in memory that does with objects what a real one does, and fails where a test wants it to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What the server's clock shows: not this machine's day.
pub(crate) const DATE: &str = "Sat, 03 Jan 2099 04:05:06 GMT";

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) agent: String,
    pub(crate) manager: Option<String>,
    pub(crate) dry: bool,
}

impl Asked {
    /// Whether something is to be made in earnest.
    pub(crate) fn makes(&self) -> bool {
        self.method == "POST" && !self.dry
    }
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Go,
    /// 403.
    Forbid,
    /// 500 from a webhook that knows no dry run.
    NoDryRun,
    /// The connection breaks before, or after it was done.
    CutBefore,
    CutAfter,
    /// The connection breaks before it was done, and somebody else makes something of that name.
    CutAndTaken,
    /// No answer ever comes; it was not done, or done.
    HangBefore,
    HangAfter,
}

type Rule = Box<dyn FnMut(&Asked) -> Act + Send>;

pub(crate) struct State {
    /// By path.
    pub(crate) objects: BTreeMap<String, Value>,
    pub(crate) namespaces: BTreeSet<String>,
    pub(crate) asked: Vec<Asked>,
    /// Whether a token controller runs.
    pub(crate) fills: bool,
    rule: Rule,
    made: u32,
}

#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
    hangs: watch::Sender<bool>,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = State {
            objects: BTreeMap::new(),
            namespaces: ["shop".to_owned()].into(),
            asked: Vec::new(),
            fills: true,
            rule: Box::new(|_| Act::Go),
            made: 0,
        };
        let fake = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            state: Arc::new(Mutex::new(state)),
            hangs: watch::channel(false).0,
        };
        let server = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(server.clone().serve(stream));
            }
        });
        fake
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// From now on each request is judged so.
    pub(crate) fn rule(&self, rule: impl FnMut(&Asked) -> Act + Send + 'static) {
        self.state().rule = Box::new(rule);
    }

    /// What there is, by path, with uids.
    pub(crate) fn objects(&self) -> BTreeMap<String, String> {
        let uid = |object: &Value| object["metadata"]["uid"].as_str().unwrap().to_owned();
        self.state().objects.iter().map(|(path, object)| (path.clone(), uid(object))).collect()
    }

    /// Puts an object there that nobody of ours made.
    pub(crate) fn put(&self, path: &str, object: Value) {
        self.state().store(path, object, None, false);
    }

    /// Returns when a request hangs.
    pub(crate) async fn hanging(&self) {
        self.hangs.subscribe().wait_for(|hangs| *hangs).await.unwrap();
        self.hangs.send_replace(false);
    }

    async fn serve(self, mut stream: TcpStream) {
        let Some((head, body)) = read(&mut stream).await else { return };
        let asked = asked(&head);
        let act = {
            let mut state = self.state();
            state.asked.push(asked.clone());
            (state.rule)(&asked)
        };
        if act == Act::CutAndTaken {
            let name = body["metadata"]["name"].as_str().unwrap();
            let theirs = json!({"kind": body["kind"], "metadata": {"name": name}, "data": {"a": "b"}});
            self.put(&format!("{}/{name}", asked.path), theirs);
        }
        if matches!(act, Act::CutBefore | Act::CutAndTaken) {
            return;
        }
        let undone = matches!(act, Act::Forbid | Act::NoDryRun | Act::HangBefore);
        let (code, answer) = match act {
            Act::Forbid => said(403, "Forbidden", "not for you"),
            Act::NoDryRun => said(400, "BadRequest", "admission webhook \"w\" does not support dry run"),
            _ if undone => (0, Value::Null),
            _ => self.state().answer(&asked, &head, &body),
        };
        match act {
            Act::CutAfter => return,
            Act::HangBefore | Act::HangAfter => {
                self.hangs.send_replace(true);
                // Until the client gives up.
                let _ = stream.read(&mut [0]).await;
                return;
            }
            _ => {}
        }
        let text = answer.to_string();
        let head = format!(
            "HTTP/1.1 {code} X\r\ndate: {DATE}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            text.len()
        );
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(text.as_bytes()).await;
    }
}

async fn read(stream: &mut TcpStream) -> Option<(String, Value)> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
        if bytes.len() >= end + 4 + length {
            let body = serde_json::from_slice(&bytes[end + 4..]).unwrap_or_default();
            return Some((head, body));
        }
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).next()
}

fn asked(head: &str) -> Asked {
    let mut words = head.split(' ');
    let method = words.next().unwrap().to_owned();
    let (path, query) = words.next().unwrap().split_once('?').map_or_else(
        || (head.split(' ').nth(1).unwrap().to_owned(), String::new()),
        |(path, query)| (path.to_owned(), query.to_owned()),
    );
    let of = |key: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(k, _)| *k == key).map(|(_, value)| value.to_owned()).next()
    };
    let agent = header(head, "user-agent").unwrap_or_default();
    Asked { agent, dry: of("dryRun").is_some(), manager: of("fieldManager"), method, path }
}

fn said(code: u16, reason: &str, message: &str) -> (u16, Value) {
    (code, json!({"kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": code}))
}

fn missing(path: &str) -> (u16, Value) {
    said(404, "NotFound", &format!("\"{}\" not found", path.rsplit('/').next().unwrap()))
}

impl State {
    fn answer(&mut self, asked: &Asked, head: &str, body: &Value) -> (u16, Value) {
        if asked.path == "/version" {
            return (200, json!({"gitVersion": "v1.36.2", "major": "1", "minor": "36"}));
        }
        let namespace = asked.path.split("/namespaces/").nth(1).and_then(|rest| rest.split('/').next());
        match asked.method.as_str() {
            "POST" => {
                if let Some(namespace) = namespace.filter(|name| !self.namespaces.contains(*name)) {
                    return said(404, "NotFound", &format!("namespaces \"{namespace}\" not found"));
                }
                self.create(asked, body)
            }
            "GET" => {
                let Some(object) = self.objects.get(&asked.path) else { return missing(&asked.path) };
                if !header(head, "accept").unwrap().contains("PartialObjectMetadata") {
                    return (200, object.clone());
                }
                let kind = "PartialObjectMetadata";
                (200, json!({"apiVersion": "meta.k8s.io/v1", "kind": kind, "metadata": object["metadata"]}))
            }
            "PATCH" => self.patch(asked, body),
            "DELETE" => self.delete(&asked.path, body["preconditions"]["uid"].as_str().unwrap()),
            _ => said(405, "MethodNotAllowed", ""),
        }
    }

    fn create(&mut self, asked: &Asked, body: &Value) -> (u16, Value) {
        let name = body["metadata"]["name"].as_str().unwrap();
        let path = format!("{}/{name}", asked.path);
        if self.objects.contains_key(&path) {
            return said(409, "AlreadyExists", &format!("\"{name}\" already exists"));
        }
        // As the check against escalation does it.
        if let Some(role) = body["roleRef"]["name"].as_str() {
            let roles = format!("{}s/{role}", asked.path.trim_end_matches("bindings"));
            if !self.objects.contains_key(&roles) {
                return said(404, "NotFound", &format!("roles \"{role}\" not found"));
            }
        }
        (201, self.store(&path, body.clone(), asked.manager.as_deref(), asked.dry))
    }

    fn store(&mut self, path: &str, mut object: Value, manager: Option<&str>, dry: bool) -> Value {
        self.made += 1;
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.insert("uid".into(), format!("uid-{}", self.made).into());
        let time = format!("2099-01-03T04:{:02}:{:02}Z", self.made / 60, self.made % 60);
        metadata.insert("creationTimestamp".into(), time.into());
        metadata.insert("resourceVersion".into(), self.made.to_string().into());
        metadata.insert("managedFields".into(), json!([{"manager": manager}]));
        if !dry {
            self.objects.insert(path.to_owned(), object.clone());
            self.fill(path);
        }
        object
    }

    /// What the token controller does.
    fn fill(&mut self, path: &str) {
        let secret = &self.objects[path];
        let account = secret["metadata"]["annotations"]["kubernetes.io/service-account.name"].as_str();
        let (Some(account), true) = (account, self.fills) else { return };
        let at = path.replace("/secrets/", "/serviceaccounts/");
        let at = format!("{}/{account}", at.rsplit_once('/').unwrap().0);
        let Some(uid) = self.objects.get(&at).map(|a| a["metadata"]["uid"].clone()) else { return };
        let namespace = path.split('/').nth(4).unwrap();
        let claims = json!({
            "sub": format!("system:serviceaccount:{namespace}:{account}"),
            "kubernetes.io/serviceaccount/secret.name": secret["metadata"]["name"],
            "kubernetes.io/serviceaccount/service-account.uid": uid,
        });
        let token = format!("e30.{}.signature", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()));
        let secret = self.objects.get_mut(path).unwrap();
        secret["data"] = json!({"token": BASE64_STANDARD.encode(token)});
        secret["metadata"]["annotations"]["kubernetes.io/service-account.uid"] = uid;
    }

    fn patch(&mut self, asked: &Asked, body: &Value) -> (u16, Value) {
        let Some(object) = self.objects.get_mut(&asked.path) else { return missing(&asked.path) };
        let uid = &body["metadata"]["uid"];
        if !uid.is_null() && *uid != object["metadata"]["uid"] {
            return said(422, "Invalid", "metadata.uid: Invalid value: field is immutable");
        }
        merge(object, body);
        object["metadata"]["managedFields"].as_array_mut().unwrap().push(json!({"manager": asked.manager}));
        (200, object.clone())
    }

    fn delete(&mut self, path: &str, uid: &str) -> (u16, Value) {
        let Some(object) = self.objects.get_mut(path) else { return missing(path) };
        if object["metadata"]["uid"] != uid {
            return said(409, "Conflict", "Precondition failed: UID in precondition");
        }
        if object["metadata"]["finalizers"].is_array() {
            object["metadata"]["deletionTimestamp"] = "2099-01-03T05:00:00Z".into();
        } else {
            self.objects.remove(path);
        }
        (200, json!({"kind": "Status", "status": "Success"}))
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else { return *target = patch.clone() };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (key, change) in changes {
        if change.is_null() {
            target.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut target[key], change);
        }
    }
}
