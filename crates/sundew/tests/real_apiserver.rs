//! The sensor beside a real API server: what that writes and posts when a decoy is touched, and what is told of it.
//!
//! Needs etcd, kube-apiserver and kube-controller-manager in the folder that `KUBEBUILDER_ASSETS` names; without them
//! the tests say so and pass.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use common::{Watch, alerts, eventually, ran, sundew};
use reqwest::Method;
use serde_json::{Value, json};
use sundew_testplane::{ControlPlane, Pki, Wanted, binaries};
use tempfile::TempDir;

const DECOY: &str = "system:serviceaccount:honeypot:backup-sa";
const TOKEN: &str = "a-bearer-token-of-the-audit-webhook";
/// The policy that the recordings were made with, and reviews with their bodies.
const POLICY: &str = "
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  resources: [{group: '', resources: [secrets, configmaps, serviceaccounts/token]}, {group: authentication.k8s.io, resources: [tokenreviews]}]
- level: Request
  verbs: [create, update, patch]
  resources: [{group: '', resources: [pods, pods/ephemeralcontainers]}, {group: apps}, {group: batch}, {group: authorization.k8s.io}]
- level: RequestResponse
  verbs: [create, update, patch, delete]
  resources: [{group: rbac.authorization.k8s.io}]
- level: Metadata
";
const INVENTORY: &str = "
version: 1
cluster: real
decoys:
- namespace: honeypot
  account: backup-sa
  placements: [{secret: backup-sa-token, location: /opt/backup in pod file-backup, mountedBy: {pod: file-backup, nodes: [worker-1]}}]
- {namespace: kube-system, account: tiller, placements: [{secret: tiller-token-x7k2p}]}
";

/// A folder with a sensor that watches it, and what a control plane needs to be watched.
struct Stage {
    folder: TempDir,
    pki: Pki,
    watch: Option<Watch>,
}

impl Stage {
    /// Starts a sensor that follows `audit.log`, and listens for the webhook if that is asked for.
    fn new(webhook: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pki = Pki::new(&folder.path().join("pki"));
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("inventory.yaml", INVENTORY);
        write("token", TOKEN);
        let posted = "- {type: webhook, name: posted, listen: '127.0.0.1:0', certFile: pki/sensor.crt, keyFile: pki/sensor.key, tokenFile: token}";
        let config = format!(
            "
version: 1
cluster: real
inventory: inventory.yaml
rules: {{builtin: false}}
habits: {{enabled: false}}
sources:
- {{type: file, name: written, path: audit.log}}
{}
sinks:
- {{type: file, name: alerts, path: alerts.json}}
incidents: {{quiet: 1ms}}
",
            if webhook { posted } else { "" }
        );
        write("sundew.yaml", &config);
        let watch = Some(Watch::start(folder.path()));
        Self { folder, pki, watch }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The flags that send events to the sensor as well.
    fn webhook_flags(&self) -> Vec<String> {
        let log = self.watch.as_ref().unwrap().log();
        let line = log.lines().find(|line| line.contains("audit webhook")).unwrap();
        let address: SocketAddr = line.split_once("address=").unwrap().1.trim().parse().unwrap();
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "c", "cluster": {"server": format!("https://{address}/audit"), "certificate-authority": self.pki.path("ca.crt")}}],
            "users": [{"name": "u", "user": {"token": TOKEN}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        });
        let path = self.path("webhook.kubeconfig");
        fs::write(&path, config.to_string()).unwrap();
        vec![
            format!("--audit-webhook-config-file={}", path.display()),
            "--audit-webhook-batch-max-wait=1s".into(),
        ]
    }

    async fn control_plane(&self, binaries: &Path, flags: &[String]) -> ControlPlane {
        let wanted = Wanted { folder: self.folder.path(), pki: &self.pki, policy: POLICY, flags };
        ControlPlane::start(binaries, &wanted).await
    }

    /// The first alert that fits.
    fn alert(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || {
            alerts(&self.path("alerts.json")).into_iter().find(|alert| fits(&alert["incident"]))
        })
    }

    /// Ends the sensor; returns how many events it judged.
    fn stop(&mut self) -> usize {
        let stopped = self.watch.take().unwrap().stop();
        assert_eq!(stopped.code, 0, "{}", stopped.err);
        let counts = stopped.err.split("stopping: ").nth(1).unwrap();
        counts.split(' ').next().unwrap().parse().unwrap()
    }

    /// Every incident that the store has.
    fn incidents(&self) -> Vec<Value> {
        let ran = ran(sundew().args(["status", "-o", "json", "-c"]).arg(self.path("sundew.yaml")));
        assert_eq!(ran.code, 0, "{}", ran.err);
        let status: Value = serde_json::from_str(&ran.out).unwrap();
        status["incidents"].as_array().unwrap().iter().map(|i| i["incident"].clone()).collect()
    }

    /// Every event of the log and its rotated files.
    fn events(&self) -> Vec<Value> {
        let files = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap());
        let mut files: Vec<_> = files
            .filter(|f| {
                f.file_name().to_string_lossy().starts_with("audit")
                    && f.path().extension().is_some_and(|e| e == "log")
            })
            .map(|f| f.path())
            .collect();
        files.sort();
        let text: String = files.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A namespace with the account and its token Secret; returns the token.
async fn plant(plane: &ControlPlane, namespace: &str, account: &str, secret: &str) -> String {
    if namespace != "kube-system" {
        plane.make("/api/v1/namespaces", &json!({"metadata": {"name": namespace}})).await;
    }
    let of = |kind: &str| format!("/api/v1/namespaces/{namespace}/{kind}");
    plane.make(&of("serviceaccounts"), &json!({"metadata": {"name": account}})).await;
    let annotations = json!({"kubernetes.io/service-account.name": account});
    let object = json!({"metadata": {"name": secret, "annotations": annotations}, "type": "kubernetes.io/service-account-token"});
    plane.make(&of("secrets"), &object).await;
    let deadline = Instant::now() + common::PATIENCE;
    loop {
        // A list names no decoy.
        let list: Value =
            plane.admin().get(plane.url(&of("secrets"))).send().await.unwrap().json().await.unwrap();
        let own = list["items"].as_array().unwrap().iter().find(|s| s["metadata"]["name"] == secret);
        if let Some(token) = own.and_then(|s| s["data"]["token"].as_str()) {
            return String::from_utf8(BASE64_STANDARD.decode(token).unwrap()).unwrap();
        }
        assert!(Instant::now() < deadline, "the Secret was not filled");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn rules(incidents: &[Value]) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for incident in incidents {
        for (rule, count) in incident["rules"].as_object().unwrap() {
            *all.entry(rule.trim_start_matches("tripwire.").to_owned()).or_default() +=
                count.as_u64().unwrap();
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_token_is_told_once_though_the_file_and_the_webhook_both_say_it() {
    let Some(binaries) = binaries() else { return };
    let mut stage = Stage::new(true);
    let plane = stage.control_plane(&binaries, &stage.webhook_flags()).await;
    let token = plant(&plane, "honeypot", "backup-sa", "backup-sa-token").await;

    let thief = plane.stranger([127, 66, 0, 66].into(), "curl/8.5.0");
    let began = Instant::now();
    let answer =
        thief.get(plane.url("/api/v1/namespaces/default/pods")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    let alert = stage.alert("an alert of the thief", |incident| incident["actor"]["user"] == DECOY);
    eprintln!("the alert was there {:.3} s after the request began", began.elapsed().as_secs_f64());
    let incident = &alert["incident"];
    assert_eq!(incident["severity"], "critical");
    assert_eq!(incident["cluster"], "real");
    assert_eq!(incident["actor"]["ip"], "127.66.0.66");
    assert_eq!(incident["actor"]["client"], "curl/8.5.0");
    assert_eq!(incident["decoys"][0]["name"], "honeypot/backup-sa");
    assert_eq!(incident["decoys"][0]["placement"], "backup-sa-token");
    assert_eq!(incident["decoys"][0]["location"], "/opt/backup in pod file-backup");
    assert!(!alert.to_string().contains(&token));
    let answer = thief.get(plane.url("/version")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status(), 200);

    // An API server that is told to end sends what it still holds.
    assert!(plane.shut_down());
    let events = stage.events();
    let judged = stage.stop();
    eprintln!("{} events were written, {judged} were judged", events.len());
    assert!(judged > events.len() * 3 / 2, "{judged} of {} twice", events.len());

    let of_thief: Vec<Value> =
        stage.incidents().into_iter().filter(|i| i["actor"]["user"] == DECOY).collect();
    assert_eq!(of_thief.len(), 1, "{of_thief:#?}");
    assert_eq!(of_thief[0]["rules"]["tripwire.token_used"], 2, "{of_thief:#?}");
    assert_eq!(of_thief[0]["rules"]["tripwire.token_last_used"], 1, "{of_thief:#?}");
}

/// Every other way to touch a decoy, each once.
#[tokio::test(flavor = "multi_thread")]
async fn every_touch_of_a_decoy_is_told_by_its_own_rule() {
    let Some(binaries) = binaries() else { return };
    let mut stage = Stage::new(false);
    let plane = stage.control_plane(&binaries, &[]).await;
    plant(&plane, "honeypot", "backup-sa", "backup-sa-token").await;
    let unused = plant(&plane, "kube-system", "tiller", "tiller-token-x7k2p").await;
    let honeypot = |path: &str| plane.url(&format!("/api/v1/namespaces/honeypot/{path}"));
    let admin = plane.admin();
    // A pod that no kubelet runs; the first tries come before the controller has made the namespace's own account.
    let volume = json!({"name": "token", "secret": {"secretName": "backup-sa-token"}});
    let spec = json!({"nodeName": "worker-1", "containers": [{"name": "c", "image": "busybox"}], "volumes": [volume]});
    plane
        .make("/api/v1/namespaces/honeypot/pods", &json!({"metadata": {"name": "file-backup"}, "spec": spec}))
        .await;

    let status = |what: &'static str, answer: reqwest::Response| {
        eprintln!("{what}: {}", answer.status());
        answer.status().as_u16()
    };
    let as_decoy =
        admin.get(plane.url("/api/v1/pods")).header("Impersonate-User", DECOY).send().await.unwrap();
    assert_eq!(status("impersonated", as_decoy), 403);
    let read = admin.get(honeypot("secrets/backup-sa-token")).send().await.unwrap();
    assert_eq!(status("Secret read by name", read), 200);
    let asked = admin.post(honeypot("serviceaccounts/backup-sa/token"));
    let asked = asked.json(&json!({"spec": {"expirationSeconds": 600}})).send().await.unwrap();
    assert_eq!(asked.status(), 201);
    let bound: Value = asked.json().await.unwrap();
    let bound = bound["status"]["token"].as_str().unwrap().to_owned();

    // Both ways into a pod: kubectl before 1.31 posted, since then it opens a WebSocket with GET.
    let exec =
        honeypot("pods/file-backup/exec?command=cat&command=%2Fopt%2Fbackup%2Ftoken&container=c&stdout=true");
    let spdy = admin.post(&exec).header("Connection", "Upgrade").header("Upgrade", "SPDY/3.1");
    assert!(status("exec by POST", spdy.send().await.unwrap()) >= 400);
    let socket = admin
        .request(Method::GET, &exec)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("Sec-WebSocket-Protocol", "v5.channel.k8s.io");
    assert!(status("exec by WebSocket", socket.send().await.unwrap()) >= 400);

    let subject = json!({"kind": "ServiceAccount", "name": "backup-sa", "namespace": "honeypot"});
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"});
    let path = "/apis/rbac.authorization.k8s.io/v1/namespaces/honeypot/rolebindings";
    plane.make(path, &json!({"metadata": {"name": "viewers"}, "roleRef": role, "subjects": [subject]})).await;
    let asks = json!({"spec": {"user": DECOY, "resourceAttributes": {"verb": "get", "resource": "nodes"}}});
    plane.make("/apis/authorization.k8s.io/v1/subjectaccessreviews", &asks).await;
    let review = json!({"spec": {"token": bound}});
    plane.make("/apis/authentication.k8s.io/v1/tokenreviews", &review).await;

    // A thief with the token from TokenRequest, which names no Secret.
    let thief = plane.stranger([127, 66, 0, 66].into(), "python-requests/2.31.0");
    let used = thief.get(plane.url("/api/v1/nodes")).bearer_auth(&bound).send().await.unwrap();
    assert_eq!(status("token of a TokenRequest", used), 403);
    // A tombstone: the token is refused, and its use is still told by the API server's own patch.
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let label = json!({"metadata": {"labels": {"kubernetes.io/legacy-token-invalid-since": today}}});
    let secret = plane.url("/api/v1/namespaces/kube-system/secrets/tiller-token-x7k2p");
    let patch =
        admin.patch(secret).header("Content-Type", "application/merge-patch+json").body(label.to_string());
    assert_eq!(status("tombstone", patch.send().await.unwrap()), 200);
    // The API server sees the label a moment later, and until then lets the token in: each time is a use.
    let deadline = Instant::now() + common::PATIENCE;
    let mut let_in = 0;
    while thief.get(plane.url("/version")).bearer_auth(&unused).send().await.unwrap().status() != 401 {
        let_in += 1;
        assert!(Instant::now() < deadline, "the tombstone has no effect");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    stage.alert("a word of the dead token", |i| {
        i["rules"]["tripwire.token_last_used"] == 1 && i.to_string().contains("tiller")
    });
    stage.alert("an alert of the thief", |incident| incident["actor"]["user"] == DECOY);
    stage.alert("the last of the administrator's", |i| i["rules"]["tripwire.token_checked"] == 1);
    assert!(plane.shut_down());
    let events = stage.events();
    stage.stop();
    for event in &events {
        if is_worth_reading(event) {
            eprintln!("{event}");
        }
    }
    let found = rules(&stage.incidents());
    eprintln!("{found:?}");
    for (rule, count) in [
        ("impersonated", 1),
        ("token_requested", 1),
        // Two requests; a request that is upgraded has an event when it starts and one when it ends.
        ("pod_entered", 4),
        ("secret_mounted", 1),
        ("role_bound", 1),
        ("token_checked", 1),
        ("token_last_used", 1),
        ("token_used", 1 + let_in),
        ("account_changed", 2),
        ("token_secret_made", 0),
    ] {
        assert_eq!(found.get(rule).copied().unwrap_or_default(), count, "{rule}: {found:?}");
    }
    assert!(found["secret_touched"] >= 2, "{found:?}");
}

/// What the documentation of Kubernetes does not say: to be read with `--no-capture`.
fn is_worth_reading(event: &Value) -> bool {
    let touched =
        ["exec", "token", "secrets", "subjectaccessreviews", "tokenreviews", "rolebindings", "Unauthorized"];
    let text = event.to_string();
    let by = event["user"]["username"].as_str().unwrap_or_default();
    let ordinary = by.starts_with("system:kube-") || by == "system:apiserver" && event["verb"] != "patch";
    !ordinary
        && touched.iter().any(|t| text.contains(t))
        && text.contains("tiller")
            | text.contains("backup-sa")
            | text.contains("file-backup")
            | text.contains("401")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_rotated_again_and_again_loses_no_touch_and_tells_none_twice() {
    let Some(binaries) = binaries() else { return };
    let mut stage = Stage::new(false);
    let plane = stage.control_plane(&binaries, &["--audit-log-maxsize=1".into()]).await;
    let admin = plane.admin();
    // Long paths fill a log of one megabyte in some two hundred requests.
    let padding = "p".repeat(4000);
    let (mut touches, requests, every) = (0, 1500, 30);
    for number in 0..requests {
        let request = admin.get(plane.url(&format!("/version?number={number}&padding={padding}")));
        let touch = number % every == 0;
        let request = if touch { request.header("Impersonate-User", DECOY) } else { request };
        assert_eq!(request.send().await.unwrap().status(), 200);
        touches += u64::from(touch);
    }
    let told = |stage: &Stage| rules(&stage.incidents()).get("impersonated").copied().unwrap_or_default();
    eventually("every touch", || (told(&stage) >= touches).then_some(()));
    assert!(plane.shut_down());
    let events = stage.events();
    stage.stop();
    assert_eq!(told(&stage), touches);
    assert!(rules(&stage.incidents()).keys().all(|rule| rule == "impersonated"), "{:?}", stage.incidents());
    let ids: BTreeSet<&str> = events.iter().filter_map(|e| e["auditID"].as_str()).collect();
    let files = fs::read_dir(stage.folder.path()).unwrap();
    let files =
        files.filter(|f| f.as_ref().unwrap().file_name().to_string_lossy().starts_with("audit")).count();
    eprintln!("{} events in {files} files", ids.len());
    assert!(files >= 4, "{files} files");
}
