//! An API server of the test's own on loopback: empty lists of everything, but for what a test says.

use std::{
    collections::HashMap,
    fs,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sundew_cluster::{
    ClusterError, CollectOptions, Collected, ConnectOptions, Connection, Page, Patience, RESOURCES, collect,
};
use tempfile::TempDir;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::method};

pub const PODS: &str = "/api/v1/pods";
pub const SECRETS: &str = "/api/v1/secrets";
pub const ADMISSION: &str = "/apis/admissionregistration.k8s.io";

/// What a test has the server answer on one path.
pub type Answer = Box<dyn Fn(&Asked) -> ResponseTemplate + Send + Sync>;

/// A request that came.
#[derive(Clone)]
pub struct Asked {
    pub path: String,
    pub query: HashMap<String, String>,
    pub accept: String,
    pub at: Instant,
    /// How many came to this path before.
    pub nth: usize,
}

impl Asked {
    /// A part of the query, empty where it is not there.
    pub fn query(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }
}

#[derive(Default, Clone)]
struct Answers {
    special: Arc<HashMap<String, Answer>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let path = request.url.path().to_owned();
        let header =
            |name: &str| request.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let mut asked = self.asked.lock().unwrap();
        let now = Asked {
            query: request.url.query_pairs().into_owned().collect(),
            accept: header("accept"),
            at: Instant::now(),
            nth: asked.iter().filter(|before| before.path == path).count(),
            path,
        };
        asked.push(now.clone());
        drop(asked);
        match self.special.get(&now.path) {
            Some(answer) => answer(&now),
            None => usual(&now.path),
        }
    }
}

/// What a new cluster answers.
fn usual(path: &str) -> ResponseTemplate {
    if path == "/version" {
        return ok(&json!({"gitVersion": "v1.36.2"}));
    }
    if path == ADMISSION {
        return ok(&json!({"kind": "APIGroup", "versions": [{"version": "v1"}]}));
    }
    if path == format!("{ADMISSION}/v1") {
        let ours = RESOURCES
            .iter()
            .filter(|resource| ADMISSION.ends_with(resource.group) && !resource.group.is_empty());
        let names: Vec<Value> = ours.map(|resource| json!({"name": resource.name})).collect();
        return ok(&json!({"kind": "APIResourceList", "resources": names}));
    }
    let name = path.rsplit('/').next().unwrap();
    match RESOURCES.iter().find(|resource| resource.name == name) {
        Some(_) if name == "secrets" => list("PartialObjectMetadata", 0..0, ""),
        Some(resource) => list(resource.kind, 0..0, ""),
        None => status(404, "not found"),
    }
}

pub fn ok(value: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(value)
}

/// A page of objects whose names are numbers.
pub fn list(kind: &str, names: std::ops::Range<usize>, next: &str) -> ResponseTemplate {
    let items: Vec<Value> = names.map(|name| json!({"metadata": {"name": name.to_string()}})).collect();
    ok(
        &json!({"kind": format!("{kind}List"), "metadata": {"continue": next, "resourceVersion": "7"}, "items": items}),
    )
}

/// An answer that is no success.
pub fn status(code: u16, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(code)
        .set_body_json(json!({"kind": "Status", "status": "Failure", "message": message, "code": code}))
}

/// The server, and a kubeconfig that names it.
pub struct Server {
    mock: MockServer,
    folder: TempDir,
    answers: Answers,
    /// How long one request may take.
    pub request: Duration,
}

impl Server {
    /// Starts one that answers so on these paths, and as usual on all others.
    pub async fn start<const N: usize>(special: [(&str, Answer); N]) -> Self {
        Self::with(special.into_iter().map(|(path, answer)| (path.to_owned(), answer)).collect()).await
    }

    /// Starts one that gives one answer on all these paths.
    pub async fn start_all(paths: Vec<String>, answer: fn(&Asked) -> ResponseTemplate) -> Self {
        Self::with(paths.into_iter().map(|path| (path, Box::new(answer) as Answer)).collect()).await
    }

    async fn with(special: HashMap<String, Answer>) -> Self {
        let answers = Answers { special: Arc::new(special), ..Answers::default() };
        let mock = MockServer::start().await;
        Mock::given(method("GET")).respond_with(answers.clone()).mount(&mock).await;
        let folder = tempfile::tempdir().unwrap();
        let server = Self { mock, folder, answers, request: Duration::from_secs(20) };
        fs::write(server.folder.path().join("kubeconfig"), kubeconfig(&server.mock.uri())).unwrap();
        server
    }

    pub async fn open(&self) -> Result<Connection, ClusterError> {
        open(&self.folder, self.request).await
    }

    /// Connects and collects.
    pub async fn collect(&self, options: &CollectOptions) -> (Result<Collected, ClusterError>, Vec<Page>) {
        let mut pages = Vec::new();
        let connection = self.open().await.unwrap();
        let collected = collect(&connection, options, |page| pages.push(page)).await;
        (collected, pages)
    }

    /// What was asked for, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.answers.asked.lock().unwrap().clone()
    }

    /// What was asked for at one path.
    pub fn asked_at(&self, path: &str) -> Vec<Asked> {
        self.asked().into_iter().filter(|asked| asked.path == path).collect()
    }
}

pub fn kubeconfig(server: &str) -> String {
    json!({
        "current-context": "test",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "a-bearer-token"}}],
        "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u"}}],
    })
    .to_string()
}

pub async fn open(folder: &TempDir, request: Duration) -> Result<Connection, ClusterError> {
    let patience = Patience {
        request,
        retries: 3,
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_secs(2),
    };
    let kubeconfig = Some(folder.path().join("kubeconfig"));
    Connection::open(ConnectOptions { kubeconfig, patience, ..ConnectOptions::default() }).await
}

/// The names of the objects of a resource, by the rule that a later attempt replaces an earlier one.
pub fn names(pages: &[Page], resource: &str) -> Vec<String> {
    let of: Vec<_> = pages.iter().filter(|page| page.resource.name == resource).collect();
    let last = of.iter().map(|page| page.attempt).max().unwrap_or(0);
    let mut names = Vec::new();
    for page in of.iter().filter(|page| page.attempt == last) {
        let value: Value = serde_json::from_slice(&page.bytes).unwrap();
        for item in value["items"].as_array().into_iter().flatten() {
            names.push(item["metadata"]["name"].as_str().unwrap().to_owned());
        }
    }
    names
}
