//! An API server that takes a decoy's token, and a sensor that hears of it, as far as a test lets it.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Value, json};
use sundew_bait::{
    BaitError,
    announce::Client,
    drill::{Drill, Use},
};
use sundew_cluster::{ConnectOptions, Connection};
use sundew_decoy::Inventory;
use sundew_detect::{Actor, Change, DecoyRef, Incident, Severity, tripwire::rules};
use sundew_store::{Commit, Owed, Store, StoredIncident};
use tempfile::TempDir;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

pub const TOKEN: &str = "a.decoys.token";
pub const DECOY: &str = "storage/backup-sa";

pub const INVENTORY: &str = "
version: 1
cluster: demo
decoys:
- namespace: storage
  account: backup-sa
  state: planted
  placements:
  - {name: pod, secret: backup-sa-token}
  - {name: ci, secret: backup-sa-ci-token}
  - {name: laptop, credentialId: JTI=4c1e6c0a-7d0f-4f0e-8d1c-0d8c6f1f2a33}
- {cluster: other, namespace: kube-system, account: tiller, placements: [{secret: tiller-token-x7k2p}]}
";

/// What the sensor of a test does when a decoy's token was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hears {
    /// It hears of it in the audit log and tells every sink.
    Everything,
    /// As `Everything`, but the webhook sink refuses.
    OneSinkRefuses,
    /// It only sees that the label of the Secret changed.
    TheNote,
    /// As `TheNote`, and it adds the 401 to an earlier drill's incident.
    TheNoteAndA401,
    /// It sees the label first, and the use itself a little later.
    TheNoteFirst,
    /// It tells of the account, and not of the placement.
    NoPlacement,
    /// Somebody else uses the decoy for real in that moment, and the drill is not seen.
    AThief,
    /// It reads something else.
    SomethingElse,
    /// It does not run.
    Nothing,
}

#[derive(Clone)]
pub struct Answers {
    pub status: Arc<Mutex<u16>>,
    pub hears: Hears,
    store: PathBuf,
    /// Each request: path, user agent, authorization.
    pub asked: Arc<Mutex<Vec<(String, String, String)>>>,
    /// How often each Secret's token was used.
    used: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let header =
            |name: &str| request.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let path = request.url.path().to_owned();
        let (agent, bearer) = (header("user-agent"), header("authorization"));
        self.asked.lock().unwrap().push((path.clone(), agent.clone(), bearer.clone()));
        if path == "/version" {
            return ResponseTemplate::new(200).set_body_json(json!({"gitVersion": "v1.36.2"}));
        }
        if let Some(secret) = bearer.strip_prefix(&format!("Bearer {TOKEN}.of.")) {
            self.hear(secret, &agent);
            let status = *self.status.lock().unwrap();
            return ResponseTemplate::new(status).set_body_json(json!({"kind": "Status", "code": status}));
        }
        match path.strip_prefix("/api/v1/namespaces/storage/secrets/") {
            Some("backup-sa-empty") => {
                ResponseTemplate::new(200).set_body_json(json!({"kind": "Secret", "data": {}}))
            }
            Some(name) if name.starts_with("backup-sa-") => {
                let token = STANDARD.encode(format!("{TOKEN}.of.{name}"));
                let secret = json!({"kind": "Secret", "metadata": {"name": name}, "data": {"token": token}});
                ResponseTemplate::new(200).set_body_json(secret)
            }
            _ => {
                let body = json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "gone"});
                ResponseTemplate::new(404).set_body_json(body)
            }
        }
    }
}

impl Answers {
    /// What the sensor writes into its store.
    fn hear(&self, secret: &str, agent: &str) {
        let mut used = self.used.lock().unwrap();
        let times = used.entry(secret.to_owned()).or_default();
        *times += 1;
        let placement = if secret == "backup-sa-token" { "pod" } else { "ci" };
        let mut incident = incident(&format!("{placement}-{}", *times), placement, agent);
        match self.hears {
            Hears::Nothing => return,
            Hears::SomethingElse => {
                return self.commit(&Commit { counters: vec![("events".into(), 1)], ..Commit::default() });
            }
            Hears::AThief => {
                incident.drill = false;
                incident.clients = vec!["curl/8.5.0".into()];
            }
            Hears::TheNote | Hears::TheNoteAndA401 => self.note(&mut incident, agent),
            Hears::TheNoteFirst => {
                let late = (self.clone(), incident.clone());
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(50));
                    late.0.tell(late.1);
                });
                incident.id.push_str("-noted");
                self.note(&mut incident, agent);
            }
            Hears::NoPlacement => incident.decoys[0].placement = None,
            Hears::Everything | Hears::OneSinkRefuses => {}
        }
        self.tell(incident);
    }

    /// The API server's note of a use says nothing of the client.
    fn note(&self, incident: &mut Incident, agent: &str) {
        incident.clients.clear();
        incident.rules = BTreeMap::from([(rules::TOKEN_LAST_USED.id.to_owned(), 1)]);
        if self.hears == Hears::TheNoteAndA401 {
            let mut store = Store::open_beside(&self.store).unwrap();
            let mut before = store.incident("inc-before").unwrap().unwrap();
            before.incident.clients.push(agent.into());
            before.incident.last_seen = Timestamp::now();
            store.commit(&Commit { incidents: vec![before], ..Commit::default() }).unwrap();
        }
    }

    /// Writes an incident and tells the sinks of it.
    pub fn tell(&self, incident: Incident) {
        let owed = |sink: &str| Owed {
            sink: sink.into(),
            incident_id: incident.id.clone(),
            revision: 1,
            severity: Severity::Critical,
            change: Change::Opened,
            due: Timestamp::now(),
            incident: incident.clone(),
        };
        let outbox = vec![owed("chat"), owed("pager")];
        let stored = StoredIncident { incident, state: Value::Null, closed: false };
        self.commit(&Commit { incidents: vec![stored], outbox, ..Commit::default() });
        self.deliver();
    }

    fn commit(&self, commit: &Commit) {
        Store::open_beside(&self.store).unwrap().commit(commit).unwrap();
    }

    fn deliver(&self) {
        let mut store = Store::open_beside(&self.store).unwrap();
        let now = Timestamp::now();
        for sink in ["chat", "pager"] {
            for message in store.due(sink, now, 100).unwrap() {
                if sink == "pager" && self.hears == Hears::OneSinkRefuses {
                    let later = now + jiff::SignedDuration::from_hours(1);
                    store.failed(message.id, message.revision, later, "it answered 400").unwrap();
                } else {
                    store.delivered(message.id, message.revision, now).unwrap();
                }
            }
        }
    }
}

pub fn incident(id: &str, placement: &str, agent: &str) -> Incident {
    let decoy = DecoyRef { name: DECOY.into(), placement: Some(placement.into()), ..DecoyRef::default() };
    Incident {
        peer: None,
        id: format!("inc-{id}"),
        revision: 1,
        cluster: "demo".into(),
        severity: Severity::Critical,
        title: "The token of a decoy was used".into(),
        actor: Actor::default(),
        clients: vec![agent.into()],
        tool: None,
        first_seen: Timestamp::now(),
        last_seen: Timestamp::now(),
        decoys: vec![decoy],
        steps: Vec::new(),
        findings: 1,
        rules: BTreeMap::from([(rules::TOKEN_USED.id.to_owned(), 1)]),
        attack: Vec::new(),
        notes: Vec::new(),
        could: Vec::new(),
        next: Vec::new(),
        drill: true,
    }
}

/// A cluster with a sensor.
pub struct Plane {
    _server: MockServer,
    folder: TempDir,
    pub answers: Answers,
    pub connection: Connection,
}

impl Plane {
    pub async fn start(hears: Hears) -> Self {
        let server = MockServer::start().await;
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("sundew.db");
        drop(Store::open(&store).unwrap());
        let answers = Answers {
            status: Arc::new(Mutex::new(403)),
            hears,
            store,
            asked: Arc::default(),
            used: Arc::default(),
        };
        Mock::given(any()).respond_with(answers.clone()).mount(&server).await;
        let config = json!({
            "current-context": "demo",
            "clusters": [{"name": "c", "cluster": {"server": server.uri()}}],
            "users": [{"name": "u", "user": {"token": "an-administrator"}}],
            "contexts": [{"name": "demo", "context": {"cluster": "c", "user": "u"}}],
        });
        let kubeconfig = folder.path().join("kubeconfig");
        fs::write(&kubeconfig, config.to_string()).unwrap();
        let options = ConnectOptions { kubeconfig: Some(kubeconfig), ..ConnectOptions::default() };
        let connection = Connection::open(options).await.unwrap();
        Self { _server: server, folder, answers, connection }
    }

    pub fn store(&self) -> PathBuf {
        self.folder.path().join("sundew.db")
    }

    pub fn answer(&self, status: u16) {
        *self.answers.status.lock().unwrap() = status;
    }

    /// The requests that were made with the decoy's token: path and user agent.
    pub fn uses(&self) -> Vec<(String, String)> {
        let asked = self.answers.asked.lock().unwrap();
        let uses = asked.iter().filter(|(_, _, bearer)| bearer.contains(TOKEN));
        uses.map(|(path, agent, _)| (path.clone(), agent.clone())).collect()
    }

    /// Drills what `wanted` says, with a patience that only a failing test needs whole.
    pub async fn drill(&self, inventory: &str, wanted: Wanted<'_>) -> Result<Vec<Use>, BaitError> {
        let inventory = Inventory::read(inventory).unwrap();
        let store = self.store();
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        let drill = Drill {
            connection: &self.connection,
            cluster: "demo",
            inventory: &inventory,
            store: &store,
            decoys: texts(wanted.decoys),
            placements: texts(wanted.placements),
            clients: wanted.clients.to_vec(),
            sinks: texts(&["chat", "pager"]),
            patience: wanted.patience,
        };
        let mut seen = Vec::new();
        let uses = drill.run(&mut |used| seen.push(used.clone())).await?;
        assert_eq!(seen, uses, "each is told when it is known");
        let told = format!("{uses:?}{}", serde_json::to_string(&uses).unwrap());
        assert!(!told.contains(TOKEN) && !told.contains(&STANDARD.encode(TOKEN)));
        Ok(uses)
    }
}

/// What is drilled.
pub struct Wanted<'w> {
    pub decoys: &'w [&'w str],
    pub placements: &'w [&'w str],
    pub clients: &'w [Client],
    pub patience: Duration,
}

impl Wanted<'_> {
    /// Everything, as kubectl.
    pub fn all() -> Self {
        Self { decoys: &[], placements: &[], clients: &[Client::Kubectl], patience: Duration::from_secs(60) }
    }

    /// The placement in the pod, as kubectl; what does not arrive at once does not arrive.
    pub fn in_vain() -> Self {
        Self { placements: &["pod"], patience: Duration::from_millis(300), ..Self::all() }
    }
}
