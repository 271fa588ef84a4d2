//! An API server in memory: as much of one as planting and taking away ask for.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use sundew_cluster::RESOURCES;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers};

/// What happens to a request in place of the usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Go,
    /// 403.
    Forbid,
    /// It is done, and no answer ever comes.
    Hang,
}

type Rule = Box<dyn Fn(&str, &str) -> Act + Send>;

struct State {
    /// By path.
    objects: BTreeMap<String, Value>,
    /// By method and path.
    rule: Rule,
    hangs: bool,
    made: u32,
}

#[derive(Clone)]
pub(super) struct Plane {
    server: Arc<MockServer>,
    state: Arc<Mutex<State>>,
}

impl Plane {
    /// With these namespaces.
    pub(super) async fn start(namespaces: &[&str]) -> Self {
        let state = State { objects: BTreeMap::new(), rule: Box::new(|_, _| Act::Go), hangs: false, made: 0 };
        let plane = Self { server: Arc::new(MockServer::start().await), state: Arc::new(Mutex::new(state)) };
        Mock::given(matchers::any()).respond_with(Answers(plane.state.clone())).mount(&plane.server).await;
        for name in namespaces {
            plane.put(&format!("/api/v1/namespaces/{name}"), "Namespace", json!({}));
        }
        plane
    }

    pub(super) fn kubeconfig(&self) -> String {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "c", "cluster": {"server": self.server.uri()}}],
            "users": [{"name": "u", "user": {"token": "mine"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        })
        .to_string()
    }

    /// Puts an object there that Sundew did not make.
    pub(super) fn put(&self, path: &str, kind: &str, mut metadata: Value) {
        metadata["name"] = path.rsplit('/').next().unwrap().into();
        let (mut state, object) = (self.state.lock().unwrap(), json!({"kind": kind, "metadata": metadata}));
        state.store(path, object, false);
    }

    pub(super) fn edit(&self, path: &str, edit: impl FnOnce(&mut Value)) {
        edit(self.state.lock().unwrap().objects.get_mut(path).unwrap());
    }

    pub(super) fn rule(&self, rule: impl Fn(&str, &str) -> Act + Send + 'static) {
        self.state.lock().unwrap().rule = Box::new(rule);
    }

    /// Whether a request has hung.
    pub(super) fn hangs(&self) -> bool {
        self.state.lock().unwrap().hangs
    }

    /// The paths of all objects but namespaces.
    pub(super) fn objects(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.objects.iter().filter(|(_, o)| o["kind"] != "Namespace").map(|(path, _)| path.clone()).collect()
    }
}

struct Answers(Arc<Mutex<State>>);

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut state = self.0.lock().unwrap();
        let (method, path) = (request.method.as_str(), request.url.path());
        let dry = request.url.query().is_some_and(|query| query.contains("dryRun"));
        let act = if dry { Act::Go } else { (state.rule)(method, path) };
        if act == Act::Forbid {
            return said(403, "Forbidden", "not for you");
        }
        let metadata = request
            .headers
            .get("accept")
            .is_some_and(|accept| accept.to_str().unwrap_or_default().contains("PartialObjectMetadata"));
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let answer = state.answer(method, path, metadata, dry, &body);
        if act == Act::Hang {
            state.hangs = true;
            return answer.set_delay(Duration::from_secs(600));
        }
        answer
    }
}

fn said(code: u16, reason: &str, message: &str) -> ResponseTemplate {
    let status =
        json!({"kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": code});
    ResponseTemplate::new(code).set_body_json(status)
}

fn partial(object: &Value) -> Value {
    json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"]})
}

impl State {
    fn answer(
        &mut self,
        method: &str,
        path: &str,
        metadata: bool,
        dry: bool,
        body: &Value,
    ) -> ResponseTemplate {
        let ok = |value: Value| ResponseTemplate::new(200).set_body_json(value);
        let name = path.rsplit('/').next().unwrap();
        match method {
            _ if path == "/version" => ok(json!({"gitVersion": "v1.36.2", "major": "1", "minor": "36"})),
            "GET" => match (self.objects.get(path), kind_of(name)) {
                (Some(object), _) if metadata => ok(partial(object)),
                (Some(object), _) => ok(object.clone()),
                (None, Some(kind)) => ok(self.list(kind, metadata)),
                (None, None) => said(404, "NotFound", &format!("\"{name}\" not found")),
            },
            "POST" => {
                let path = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap());
                if self.objects.contains_key(&path) {
                    return said(409, "AlreadyExists", "already exists");
                }
                ResponseTemplate::new(201).set_body_json(self.store(&path, body.clone(), dry))
            }
            "DELETE" => {
                let Some(object) = self.objects.get_mut(path) else {
                    return said(404, "NotFound", "not found");
                };
                if object["metadata"]["uid"] != body["preconditions"]["uid"] {
                    return said(409, "Conflict", "Precondition failed: UID in precondition");
                }
                if object["metadata"]["finalizers"].is_array() {
                    object["metadata"]["deletionTimestamp"] = "2026-11-21T20:00:00Z".into();
                } else {
                    self.objects.remove(path);
                }
                ok(json!({"kind": "Status", "status": "Success"}))
            }
            _ => said(405, "MethodNotAllowed", ""),
        }
    }

    fn list(&self, kind: &str, metadata: bool) -> Value {
        let of_kind = self.objects.values().filter(|object| object["kind"] == kind);
        let items: Vec<Value> =
            of_kind.map(|object| if metadata { partial(object) } else { object.clone() }).collect();
        let kind = if metadata { "PartialObjectMetadata" } else { kind };
        json!({"apiVersion": "v1", "kind": format!("{kind}List"), "metadata": {}, "items": items})
    }

    fn store(&mut self, path: &str, mut object: Value, dry: bool) -> Value {
        self.made += 1;
        let metadata = &mut object["metadata"];
        metadata["uid"] = format!("uid-{}", self.made).into();
        metadata["creationTimestamp"] = format!("2026-11-21T17:{:02}:00Z", self.made % 60).into();
        if let Some((_, rest)) = path.split_once("/namespaces/").filter(|(_, rest)| rest.contains('/')) {
            metadata["namespace"] = rest.split('/').next().unwrap().into();
        }
        if !dry {
            self.objects.insert(path.to_owned(), object.clone());
        }
        object
    }
}

/// The kind whose list has this name.
fn kind_of(name: &str) -> Option<&'static str> {
    RESOURCES.iter().find(|resource| resource.name == name).map(|resource| resource.kind)
}
