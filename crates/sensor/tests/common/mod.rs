//! What the tests of the running sensor share: a folder with its files, decoys, events, sinks that do as told, a clock.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use std::{
    fs::{self, OpenOptions},
    io::{Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use sundew_decoy::Inventory;
use sundew_detect::{Change, Severity};
use sundew_notify::{Backoff, DeliveryError, Message, Sink};
pub use sundew_sensor::Patience;
use sundew_sensor::{Config, Extras, Sensor, clock::Clock};
use sundew_store::Store;
use tempfile::TempDir;

/// How long anything may take before a test fails. Only a failing test waits that long.
const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until `look` finds something.
pub async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < DEADLINE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until `look` is true.
pub async fn until(what: &str, mut look: impl FnMut() -> bool) {
    eventually(what, || look().then_some(())).await;
}

/// The decoys of the recording of a theft.
pub fn inventory() -> Inventory {
    Inventory::read(
        "
version: 1
decoys:
- namespace: honeypot
  account: backup-sa
  placements: [{secret: backup-sa-token, mountedBy: {pod: file-backup, nodes: [worker-1]}}]
- {namespace: kube-system, account: tiller, placements: [{secret: tiller-token-x7k2p}]}
",
    )
    .unwrap()
}

pub fn recording_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recordings").join(name).join("audit.log.gz")
}

/// The text of a recording's audit log.
pub fn recording(name: &str) -> String {
    let mut log = String::new();
    let file = fs::File::open(recording_path(name)).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut log).unwrap();
    log
}

/// The use of a stolen token of `honeypot/backup-sa` from `peer`, as one line; `id` tells one from another.
pub fn theft(id: u32, peer: &str) -> String {
    theft_at(id, peer, Timestamp::now())
}

pub fn theft_at(id: u32, peer: &str, time: Timestamp) -> String {
    let user = "system:serviceaccount:honeypot:backup-sa";
    let event = serde_json::json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata",
        "auditID": format!("00000000-0000-4000-8000-{id:012}"), "stage": "ResponseComplete",
        "requestURI": "/api/v1/secrets", "verb": "list",
        "user": {"username": user, "groups": ["system:serviceaccounts", "system:authenticated"]},
        "sourceIPs": [peer], "userAgent": "curl/8.5.0",
        "objectRef": {"resource": "secrets", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "status": "Failure", "reason": "Forbidden", "code": 403},
        "requestReceivedTimestamp": time, "stageTimestamp": time,
        "annotations": {"authentication.k8s.io/legacy-token": user,
            "authentication.k8s.io/legacy-token-manual-secret": "backup-sa-token"},
    });
    format!("{event}\n")
}

/// Somebody read the Secret of a decoy: high, where the use of a token is critical.
pub fn secret_read(id: u32, peer: &str) -> String {
    let event = serde_json::json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata",
        "auditID": format!("00000000-0000-4000-9000-{id:012}"), "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/honeypot/secrets/backup-sa-token", "verb": "get",
        "user": {"username": "system:serviceaccount:honeypot:backup-sa-reader", "groups": ["system:authenticated"]},
        "sourceIPs": [peer], "userAgent": "kubectl/v1.34.0",
        "objectRef": {"resource": "secrets", "namespace": "honeypot", "name": "backup-sa-token", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": Timestamp::now(), "stageTimestamp": Timestamp::now(),
    });
    format!("{event}\n")
}

/// The lines as the API server posts them.
pub fn event_list(lines: &str) -> String {
    let events: Vec<&str> = lines.lines().filter(|line| !line.is_empty()).collect();
    format!(
        r#"{{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{{}},"items":[{}]}}"#,
        events.join(",")
    )
}

/// A folder for one sensor: its log, its store, the file that alerts go to.
pub struct Site {
    folder: TempDir,
}

/// A configuration of the one file source `log` of `audit.log` and the one sink `alerts`.
pub const FILE_TO_FILE: &str = "
sources: [{type: file, name: log, path: audit.log}]
sinks: [{type: file, name: alerts, path: alerts.json}]
incidents: {quiet: 1s}
";

/// Neither rules nor habits.
pub const TRIPWIRE_ALONE: &str = "
rules: {builtin: false}
habits: {enabled: false}
";

/// The same source and no sink, for tests that bring their own.
pub const FILE_ONLY: &str = "
sources: [{type: file, name: log, path: audit.log}]
incidents: {quiet: 1s}
";

impl Site {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// With the tripwire alone, where `rest` asks for nothing else: what these tests count are touches of decoys.
    pub fn config(&self, rest: &str) -> Config {
        let others = if rest.contains("rules:") { "" } else { TRIPWIRE_ALONE };
        Config::read(&format!("version: 1\n{rest}\n{others}"), &self.path("sundew.yaml")).unwrap()
    }

    pub async fn start(&self, config: &str) -> Sensor {
        self.start_with(config, Extras::default()).await
    }

    pub async fn start_with(&self, config: &str, extras: Extras) -> Sensor {
        Sensor::start(self.config(config), &inventory(), extras).await.unwrap()
    }

    pub fn append(&self, text: &str) {
        append(&self.path("audit.log"), text.as_bytes());
    }

    /// What the API server does when the log is full.
    pub fn rotate(&self, second: u32) {
        let backup = self.path(&format!("audit-2026-11-20T21-33-{second:02}.123.log"));
        fs::rename(self.path("audit.log"), backup).unwrap();
        fs::File::create_new(self.path("audit.log")).unwrap();
    }

    /// What the file sink was told so far.
    pub fn alerts(&self) -> Vec<Message> {
        messages(&self.path("alerts.json"))
    }

    /// The store beside the running sensor.
    pub fn store(&self) -> Store {
        Store::open_reading(&self.path("sundew.db")).unwrap()
    }

    /// How many findings all incidents in the store have, and how many incidents there are.
    pub fn findings(&self) -> (u64, usize) {
        let incidents = self.store().recent_incidents(1000).unwrap();
        (incidents.iter().map(|stored| stored.incident.findings).sum(), incidents.len())
    }

    /// Every rule that any incident names.
    pub fn rules(&self) -> Vec<String> {
        let incidents = self.store().recent_incidents(1000).unwrap();
        let mut rules: Vec<String> =
            incidents.into_iter().flat_map(|stored| stored.incident.rules.into_keys()).collect();
        rules.sort();
        rules.dedup();
        rules
    }
}

/// The bearer token of webhook sources.
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Certificates of an authority of this site's own.
impl Site {
    /// Makes `ca.pem`, `cert.pem` and `key.pem` for 127.0.0.1, `client.pem` with a client's certificate and key, and
    /// `token`; replaces those that are there.
    pub fn certificates(&self) {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, format!("authority of {}", self.path("").display()));
        let authority =
            rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
        let issue = |usage| {
            let mut params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
            params.extended_key_usages.push(usage);
            let key = rcgen::KeyPair::generate().unwrap();
            (params.signed_by(&key, &authority).unwrap().pem(), key.serialize_pem())
        };
        let (cert, key) = issue(rcgen::ExtendedKeyUsagePurpose::ServerAuth);
        let (client, client_key) = issue(rcgen::ExtendedKeyUsagePurpose::ClientAuth);
        for (name, text) in [
            ("ca.pem", authority.pem()),
            ("cert.pem", cert),
            ("key.pem", key),
            ("client.pem", client + &client_key),
            ("token", format!("{TOKEN}\n")),
        ] {
            fs::write(self.path(name), text).unwrap();
        }
    }

    /// The certificate of the authority.
    pub fn authority(&self) -> rustls::pki_types::CertificateDer<'static> {
        use rustls::pki_types::pem::PemObject;
        rustls::pki_types::CertificateDer::from_pem_file(self.path("ca.pem")).unwrap()
    }

    /// The certificate and key of a client.
    pub fn identity(&self) -> reqwest::Identity {
        reqwest::Identity::from_pem(&fs::read(self.path("client.pem")).unwrap()).unwrap()
    }

    /// An HTTP client that trusts this site's authority alone.
    pub fn client(&self, identity: Option<reqwest::Identity>) -> reqwest::Client {
        let authority = reqwest::Certificate::from_der(&self.authority()).unwrap();
        let mut client = reqwest::Client::builder().no_proxy().tls_certs_only([authority]).timeout(DEADLINE);
        if let Some(identity) = identity {
            client = client.identity(identity);
        }
        client.build().unwrap()
    }
}

pub fn append(path: &Path, bytes: &[u8]) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(bytes).unwrap();
}

/// The whole lines of a file sink's file.
pub fn messages(path: &Path) -> Vec<Message> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Incident, revision and kind of each message.
pub fn keys(messages: &[Message]) -> Vec<(String, u32, Change)> {
    messages.iter().map(|m| (m.incident.id.clone(), m.incident.revision, m.change)).collect()
}

/// Panics where a message came twice.
pub fn assert_no_repeat(messages: &[Message]) {
    let mut all: Vec<String> = messages.iter().map(Message::key).collect();
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count, "delivered twice: {:?}", keys(messages));
}

/// What a sink answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Taken,
    Retry,
    RetryAfter(Duration),
    Refused,
    Never,
}

type Script = Box<dyn Fn(usize) -> Answer + Send + Sync>;

/// A sink that answers as told and remembers all it was given.
pub struct Probe {
    name: &'static str,
    answer: Script,
    seen: Seen,
}

/// What a [`Probe`] was given: every attempt, and what came of it.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Vec<(Message, Answer)>>>);

impl Seen {
    /// The messages that were taken.
    pub fn taken(&self) -> Vec<Message> {
        let all = self.0.lock().unwrap();
        all.iter()
            .filter(|(_, answer)| *answer == Answer::Taken)
            .map(|(message, _)| message.clone())
            .collect()
    }

    pub fn attempts(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub fn first(&self) -> Message {
        self.0.lock().unwrap()[0].0.clone()
    }
}

impl Probe {
    /// A sink whose answer to the nth attempt, from 0, is `answer(n)`.
    pub fn answering(
        name: &'static str,
        answer: impl Fn(usize) -> Answer + Send + Sync + 'static,
    ) -> (Box<dyn Sink>, Seen) {
        let seen = Seen::default();
        let probe = Self { name, answer: Box::new(answer), seen: seen.clone() };
        (Box::new(probe), seen)
    }

    pub fn taking(name: &'static str) -> (Box<dyn Sink>, Seen) {
        Self::answering(name, |_| Answer::Taken)
    }
}

#[async_trait::async_trait]
impl Sink for Probe {
    fn name(&self) -> &str {
        self.name
    }

    fn kind(&self) -> &'static str {
        "probe"
    }

    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        let answer = {
            let mut seen = self.seen.0.lock().unwrap();
            let answer = (self.answer)(seen.len());
            seen.push((message.clone(), answer));
            answer
        };
        let why = "the test says so".to_owned();
        match answer {
            Answer::Taken => Ok(()),
            Answer::Retry => Err(DeliveryError::Retry { after: None, why }),
            Answer::RetryAfter(after) => Err(DeliveryError::Retry { after: Some(after), why }),
            Answer::Refused => Err(DeliveryError::Refused { why }),
            Answer::Never => std::future::pending().await,
        }
    }
}

/// Extras with these sinks, told of everything, and tries that follow each other at once.
pub fn extras(sinks: Vec<Box<dyn Sink>>) -> Extras {
    Extras {
        sinks: sinks.into_iter().map(|sink| (sink, Severity::Info)).collect(),
        backoff: Some(Backoff::new(Duration::from_millis(10), Duration::from_millis(40))),
        ..Extras::default()
    }
}

/// Waits that suit a test.
pub fn impatient() -> Patience {
    let ms = Duration::from_millis;
    Patience {
        head: ms(400),
        body: ms(400),
        place: ms(50),
        write: ms(150),
        farewell: ms(200),
        ..Patience::default()
    }
}

/// A clock that goes, and jumps when told.
#[derive(Debug, Clone, Default)]
pub struct JumpingClock(Arc<Mutex<SignedDuration>>);

impl JumpingClock {
    pub fn jump(&self, by: SignedDuration) {
        let mut offset = self.0.lock().unwrap();
        *offset = offset.saturating_add(by);
    }
}

impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        Timestamp::now().checked_add(*self.0.lock().unwrap()).unwrap()
    }
}

/// The report of a scan in which `honeypot/backup-sa` holds `title` in the whole cluster; nothing where that is empty.
pub fn scanned(time: &str, title: &str) -> serde_json::Value {
    let finding = |view: &str, severity: &str, object: serde_json::Value, risks: &[&str]| {
        let risks: Vec<_> =
            risks.iter().map(|id| serde_json::json!({"id": id, "severity": severity})).collect();
        serde_json::json!({
            "id": "0123456789abcdef", "view": view, "rule": "rule", "risks": risks, "severity": severity,
            "object": object, "title": "", "scope": "cluster", "gives": "", "because": [], "fix": "",
        })
    };
    let account = serde_json::json!({"kind": "ServiceAccount", "namespace": "honeypot", "name": "backup-sa"});
    let mut findings = vec![
        finding(
            "subjects",
            "critical",
            serde_json::json!({"kind": "Group", "name": "system:masters"}),
            &["everything"],
        ),
        finding(
            "everyone",
            "info",
            serde_json::json!({"kind": "ClusterRoleBinding", "name": "system:discovery"}),
            &[],
        ),
        finding("tokens", "low", account.clone(), &[]),
    ];
    if !title.is_empty() {
        findings.push(finding("subjects", "high", account, &["risk"]));
    }
    let about = |title: &str| serde_json::json!({"title": title, "gives": "", "fix": ""});
    serde_json::json!({
        "format": 1, "time": time, "summary": {}, "findings": findings, "paths": [], "cuts": [],
        "cluster": {"version": "1.35", "counts": {}, "unread": [], "notices": []},
        "risks": {"risk": about(title), "everything": about("does everything")},
    })
}
