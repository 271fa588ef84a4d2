//! The plan of `sundew harden tokens` on a real API server: each of its policies and steps does what it says, and can be
//! undone.
//!
//! Needs etcd, kube-apiserver and kube-controller-manager in the folder that `KUBEBUILDER_ASSETS` names; without them
//! the tests say so and pass.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fs,
    future::Future,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use common::{PATIENCE, Ran, ran, sundew};
use serde_json::{Value, json};
use sundew_testplane::{ControlPlane, Pki, Wanted, binaries};
use tempfile::TempDir;

/// What most clusters log: everything, and of most things no more than that it happened.
const POLICY: &str = "
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
";
const SECRETS: &str = "/api/v1/namespaces/shop/secrets";

struct Place {
    folder: TempDir,
    plane: ControlPlane,
    planter: String,
    dev: String,
}

/// What the server answered.
struct Answer {
    code: u16,
    warnings: String,
    body: Value,
}

impl Answer {
    fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

impl Place {
    /// A cluster with two users who may do everything: one that plants decoys, and another.
    async fn new(binaries: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pki = Pki::new(&folder.path().join("pki"));
        let wanted = Wanted { folder: folder.path(), pki: &pki, policy: POLICY, flags: &[] };
        let plane = ControlPlane::start(binaries, &wanted).await;
        for namespace in ["ops", "shop"] {
            plane.make("/api/v1/namespaces", &json!({"metadata": {"name": namespace}})).await;
        }
        for name in ["ci", "other"] {
            plane.make("/api/v1/namespaces/shop/serviceaccounts", &json!({"metadata": {"name": name}})).await;
        }
        let mut tokens = Vec::new();
        for name in ["planter", "dev"] {
            let accounts = "/api/v1/namespaces/ops/serviceaccounts";
            plane.make(accounts, &json!({"metadata": {"name": name}})).await;
            let binding = json!({"metadata": {"name": name},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "ops"}]});
            plane.make("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding).await;
            let given = plane.make(&format!("{accounts}/{name}/token"), &json!({"spec": {}})).await;
            tokens.push(given["status"]["token"].as_str().unwrap().to_owned());
        }
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("admin.json", &plane.kubeconfig(&pki, &pki.user("admin")));
        write("planter.json", &plane.kubeconfig(&pki, &json!({"token": tokens[0]})));
        write("inventory.yaml", "{version: 1, cluster: real}\n");
        write(
            "sundew.yaml",
            "
version: 1
cluster: real
inventory: inventory.yaml
sources: [{type: file, name: written, path: audit.log}]
sinks: [{type: file, name: alerts, path: alerts.json}]
",
        );
        let [planter, dev] = [tokens.remove(0), tokens.remove(0)];
        Self { folder, plane, planter, dev }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn harden(&self, args: &[&str]) -> Ran {
        let ran = ran(sundew()
            .args(["harden", "tokens", "--kubeconfig"])
            .arg(self.path("admin.json"))
            .args(["--allow-user", "system:serviceaccount:ops:planter", "--longest", "24h"])
            .args(args)
            .current_dir(self.path("pki")));
        assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
        ran
    }

    fn report(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.harden(&[args, &["-o", "json"]].concat()).out).unwrap()
    }

    async fn ask(
        &self,
        token: &str,
        method: reqwest::Method,
        path: &str,
        kind: &str,
        body: String,
    ) -> Answer {
        let client = self.plane.stranger([127, 0, 0, 1].into(), "kubectl/v1.36.2");
        let asked = client.request(method, self.plane.url(path)).bearer_auth(token);
        let answer = asked.header("content-type", kind).body(body).send().await.unwrap();
        let warnings = answer.headers().get_all("warning").iter().map(|w| w.to_str().unwrap().to_owned());
        let warnings = warnings.collect::<Vec<_>>().join("\n");
        let code = answer.status().as_u16();
        Answer { code, warnings, body: answer.json().await.unwrap_or_default() }
    }

    async fn create(&self, token: &str, path: &str, object: &Value) -> Answer {
        self.ask(token, reqwest::Method::POST, path, "application/json", object.to_string()).await
    }

    async fn patch(&self, token: &str, name: &str, patch: &Value) -> Answer {
        let path = format!("{SECRETS}/{name}");
        self.ask(token, reqwest::Method::PATCH, &path, "application/merge-patch+json", patch.to_string())
            .await
    }

    /// Whether making a Secret with a token is warned of or refused, without making it.
    async fn rehearse(&self, token: &str) -> Answer {
        self.create(token, &format!("{SECRETS}?dryRun=All"), &secret("rehearsed")).await
    }

    /// Applies a file as `kubectl apply --server-side` does.
    async fn apply(&self, file: &Path) {
        for document in fs::read_to_string(file).unwrap().split("---\n") {
            let path = path_of(document);
            let client = self.plane.admin();
            let asked = client.patch(
                self.plane.url(&format!("{path}?fieldManager=test&force=true&fieldValidation=Strict")),
            );
            let answer = asked
                .header("content-type", "application/apply-patch+yaml")
                .body(document.to_owned())
                .send()
                .await
                .unwrap();
            let status = answer.status();
            assert!(status.is_success(), "{}: {}", file.display(), answer.text().await.unwrap());
        }
    }

    async fn delete(&self, file: &Path) {
        for document in fs::read_to_string(file).unwrap().split("---\n") {
            let answer = self.plane.admin().delete(self.plane.url(&path_of(document))).send().await.unwrap();
            assert!(answer.status().is_success());
        }
    }

    /// The token of a Secret, once the cluster has put one in.
    async fn token(&self, name: &str) -> String {
        until("the Secret is filled", async || {
            let answer =
                self.plane.admin().get(self.plane.url(&format!("{SECRETS}/{name}"))).send().await.unwrap();
            let found: Value = answer.json().await.unwrap();
            let token = BASE64_STANDARD.decode(found["data"]["token"].as_str()?).unwrap();
            Some(String::from_utf8(token).unwrap())
        })
        .await
    }

    async fn use_of(&self, token: &str) -> u16 {
        let client = self.plane.stranger([127, 66, 0, 1].into(), "curl/8.5.0");
        let pods = self.plane.url("/api/v1/namespaces/shop/pods");
        client.get(pods).bearer_auth(token).send().await.unwrap().status().as_u16()
    }
}

/// A Secret that would hold a token.
fn secret(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": name, "annotations": {"kubernetes.io/service-account.name": "ci"}}})
}

/// Where an admission policy or its binding lies.
fn path_of(document: &str) -> String {
    let object: Value = serde_saphyr::from_str(document).unwrap();
    let kind = match object["kind"].as_str().unwrap() {
        "ValidatingAdmissionPolicy" => "validatingadmissionpolicies",
        _ => "validatingadmissionpolicybindings",
    };
    format!("/apis/admissionregistration.k8s.io/v1/{kind}/{}", object["metadata"]["name"].as_str().unwrap())
}

async fn until<T, F: Future<Output = Option<T>>>(what: &str, ask: impl Fn() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_warn_then_deny_all_but_the_planter_and_can_be_undone_and_done_again() {
    let Some(binaries) = binaries() else { return };
    let place = Place::new(&binaries).await;
    let plan = place.path("plan");
    place.harden(&["--out", plan.to_str().unwrap()]);
    let file = |name: &str| plan.join("policy").join(name);

    // Warned of, and made.
    place.apply(&file("long-lived-tokens.yaml")).await;
    let warned = until("a warning", async || {
        Some(place.rehearse(&place.dev).await).filter(|a| !a.warnings.is_empty())
    })
    .await;
    assert_eq!(warned.code, 201);
    let made = place.create(&place.dev, SECRETS, &secret("made")).await;
    assert_eq!(made.code, 201);
    assert!(made.warnings.contains("kubectl create token ci -n shop --duration=1h"), "{}", made.warnings);
    let planter = place.rehearse(&place.planter).await;
    assert_eq!((planter.code, planter.warnings.as_str()), (201, ""));

    // The log says who would be refused, and the next run says it in words.
    let log = place.plane.log().to_str().unwrap().to_owned();
    let noted = place.report(&["--logs", &log]);
    assert_eq!(noted["noted"].as_array().unwrap().len(), 1, "{noted:#}");
    assert_eq!(noted["noted"][0]["user"], "system:serviceaccount:ops:dev");
    assert_eq!(noted["noted"][0]["refused"], 0);
    assert_eq!(noted["tokens"][0]["madeBy"], "system:serviceaccount:ops:dev");

    // Refused, however it is made.
    place.apply(&file("deny-long-lived-tokens.yaml")).await;
    let refused =
        until("a refusal", async || Some(place.rehearse(&place.dev).await).filter(|a| a.code == 403)).await;
    assert!(
        refused.message().contains("use one that does: kubectl create token ci -n shop"),
        "{}",
        refused.message()
    );
    let mut nameless = secret("");
    nameless["metadata"].as_object_mut().unwrap().remove("name");
    nameless["metadata"]["generateName"] = json!("made-");
    assert_eq!(place.create(&place.dev, SECRETS, &nameless).await.code, 403);
    let path = format!("{SECRETS}/applied?fieldManager=dev");
    let applied = place.ask(
        &place.dev,
        reqwest::Method::PATCH,
        &path,
        "application/apply-patch+yaml",
        secret("applied").to_string(),
    );
    assert_eq!(applied.await.code, 403);
    // A Secret that is there gets a token of another account by being told to.
    let other = json!({"metadata": {"annotations": {
        "kubernetes.io/service-account.name": "other", "kubernetes.io/service-account.uid": null}}, "data": {"token": null}});
    assert_eq!(place.patch(&place.dev, "made", &other).await.code, 403);
    // What is no such thing goes on.
    assert_eq!(place.patch(&place.dev, "made", &json!({"metadata": {"labels": {"a": "b"}}})).await.code, 200);
    let opaque = json!({"metadata": {"name": "opaque"}, "stringData": {"a": "b"}});
    assert_eq!(place.create(&place.dev, SECRETS, &opaque).await.code, 201);
    let turned = json!({"type": "kubernetes.io/service-account-token",
        "metadata": {"annotations": {"kubernetes.io/service-account.name": "ci"}}});
    assert_eq!(place.patch(&place.dev, "opaque", &turned).await.code, 422);

    // Undone, nothing is refused; done again, it is.
    place.delete(&file("deny-long-lived-tokens.yaml")).await;
    until("no refusal", async || Some(place.rehearse(&place.dev).await).filter(|a| a.code == 201)).await;
    // Longer than the server takes to forget a policy that is gone.
    tokio::time::sleep(Duration::from_secs(2)).await;
    place.apply(&file("deny-long-lived-tokens.yaml")).await;
    until("a refusal again", async || Some(place.rehearse(&place.dev).await).filter(|a| a.code == 403)).await;
    assert_eq!(place.rehearse(&place.planter).await.code, 201);

    // A decoy is still planted, and nothing that is written tells of it.
    let planted = ran(sundew()
        .args(["plant", "--persona", "argocd-manager", "--yes", "--kubeconfig"])
        .arg(place.path("planter.json"))
        .arg("-c")
        .arg(place.path("sundew.yaml")));
    assert_eq!(planted.code, 0, "{}\n{}", planted.out, planted.err);
    let inventory = place.path("inventory.yaml");
    assert!(fs::read_to_string(&inventory).unwrap().contains("state: planted"));
    let again = place.path("again");
    let told = place.harden(&[
        "--inventory",
        inventory.to_str().unwrap(),
        "--logs",
        &log,
        "--out",
        again.to_str().unwrap(),
    ]);
    assert!(told.out.contains("1 left out") && !told.out.contains("argocd-manager"), "{}", told.out);
    for entry in walk(&again) {
        let text = fs::read_to_string(&entry).unwrap().to_lowercase();
        for word in ["argocd-manager", "decoy", "inventory"] {
            assert!(!text.contains(word), "{word} in {}", entry.display());
        }
    }

    // Tokens that live longer than a day are refused, but for pods'.
    place.apply(&file("deny-long-lived-token-requests.yaml")).await;
    let tokens = "/api/v1/namespaces/shop/serviceaccounts/ci/token";
    let asking = |seconds: i64| json!({"spec": {"expirationSeconds": seconds}});
    let refused = until("a refused request", async || {
        Some(place.create(&place.dev, tokens, &asking(86_401)).await).filter(|a| a.code == 403)
    })
    .await;
    assert!(refused.message().contains("at most 86400 are allowed"), "{}", refused.message());
    assert_eq!(place.create(&place.dev, tokens, &asking(86_400)).await.code, 201);
    assert_eq!(place.create(&place.planter, tokens, &asking(86_401)).await.code, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_declared_invalid_and_good_again_and_its_secret_made_anew() {
    let Some(binaries) = binaries() else { return };
    let place = Place::new(&binaries).await;
    let label =
        |day: Value| json!({"metadata": {"labels": {"kubernetes.io/legacy-token-invalid-since": day}}});
    assert_eq!(place.create(&place.dev, SECRETS, &secret("old")).await.code, 201);
    let token = place.token("old").await;
    assert_eq!(place.use_of(&token).await, 403);

    // Who uses it is known by the Secret.
    let log = place.plane.log().to_str().unwrap().to_owned();
    let found = until("the use in the log", async || {
        let report = place.report(&["--logs", &log]);
        Some(report["tokens"][0].clone()).filter(|token| token["used"].is_object())
    })
    .await;
    assert_eq!((&found["secret"], &found["verdict"]), (&json!("old"), &json!("outside")), "{found:#}");
    assert_eq!(found["used"]["peers"], json!([{"what": "127.66.0.1", "times": 1}]), "{found:#}");
    assert_eq!(found["used"]["clients"][0]["what"], "curl/8.5.0");
    assert_eq!(found["used"]["exact"], true);

    // It is refused when the server has forgotten that it was good, and good again at once.
    assert_eq!(place.patch(&place.dev, "old", &label(json!("2026-01-01"))).await.code, 200);
    until("the token is refused", async || (place.use_of(&token).await == 401).then_some(())).await;
    let report = place.report(&[]);
    assert_eq!(report["tokens"][0]["verdict"], "tried", "{report:#}");
    assert_eq!(place.patch(&place.dev, "old", &label(Value::Null)).await.code, 200);
    until("the token is good again", async || (place.use_of(&token).await == 403).then_some(())).await;

    // Made anew under its name: these clusters sign with an ECDSA key, whose signatures differ from time to time.
    let path = place.plane.url(&format!("{SECRETS}/old"));
    assert!(place.plane.admin().delete(&path).send().await.unwrap().status().is_success());
    assert_eq!(place.create(&place.dev, SECRETS, &secret("old")).await.code, 201);
    assert_ne!(place.token("old").await, token);
    until("the old token is worth nothing", async || (place.use_of(&token).await == 401).then_some(())).await;
}

/// Every file under a folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
