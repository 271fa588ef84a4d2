//! The cluster source at a real API server, with an account that has the rights that the documentation names and no
//! other: a use is noticed, the label is set back, the next use shows, and what the source does itself is no alert.
//!
//! Needs etcd, kube-apiserver and kube-controller-manager in the folder that `KUBEBUILDER_ASSETS` names; without them
//! the test says so and passes.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sundew_decoy::Inventory;
use sundew_sensor::{Extras, Sensor};
use sundew_testplane::{ControlPlane, Pki, Wanted, binaries};

use crate::common::{Site, until};

const SECRETS: &str = "/api/v1/namespaces/shop/secrets";
const DEADLINE: Duration = Duration::from_secs(90);

/// Waits longer than [`until`] does: the API server remembers a token for ten seconds, and the machine may be busy.
async fn at_last(what: &str, mut look: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !look().await {
        assert!(started.elapsed() < DEADLINE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// An account with the documented rights; a kubeconfig for it stands in the site's folder.
async fn sensor_account(plane: &ControlPlane, pki: &Pki, site: &Site) {
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let make = |path: String, object: Value| async move { plane.make(&path, &object).await };
    make("/api/v1/namespaces/default/serviceaccounts".into(), json!({"metadata": {"name": "watcher"}})).await;
    let subjects = json!([{"kind": "ServiceAccount", "namespace": "default", "name": "watcher"}]);
    let secrets = json!({
        "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["deployer-token"],
        "verbs": ["get", "watch", "patch"],
    });
    let pods = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]});
    make(format!("{rbac}/namespaces/shop/roles"), json!({"metadata": {"name": "w"}, "rules": [secrets]}))
        .await;
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "w"});
    let binding = json!({"metadata": {"name": "w"}, "subjects": subjects, "roleRef": role});
    make(format!("{rbac}/namespaces/shop/rolebindings"), binding).await;
    make(format!("{rbac}/clusterroles"), json!({"metadata": {"name": "w"}, "rules": [pods]})).await;
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "w"});
    let binding = json!({"metadata": {"name": "w"}, "subjects": subjects, "roleRef": role});
    make(format!("{rbac}/clusterrolebindings"), binding).await;
    let token = "/api/v1/namespaces/default/serviceaccounts/watcher/token";
    let token = make(token.into(), json!({"spec": {}})).await;
    let kubeconfig = json!({
        "current-context": "real",
        "clusters": [{"name": "c", "cluster": {"server": plane.url(""), "certificate-authority": pki.path("ca.crt")}}],
        "users": [{"name": "u", "user": {"token": token["status"]["token"]}}],
        "contexts": [{"name": "real", "context": {"cluster": "c", "user": "u"}}],
    });
    std::fs::write(site.path("kubeconfig"), kubeconfig.to_string()).unwrap();
}

/// The decoy's Secret, from a list: to get it by its name would be a touch.
async fn secret(plane: &ControlPlane) -> Value {
    let listed: Value = plane.admin().get(plane.url(SECRETS)).send().await.unwrap().json().await.unwrap();
    listed["items"][0].clone()
}

/// The label of last use.
async fn label(plane: &ControlPlane) -> Option<String> {
    let label = &secret(plane).await["metadata"]["labels"]["kubernetes.io/legacy-token-last-used"];
    label.as_str().map(str::to_owned)
}

#[tokio::test]
async fn every_use_shows_on_the_label_and_nothing_that_the_source_does_is_told() {
    let Some(binaries) = binaries() else { return };
    let site = Site::new();
    let pki = Pki::new(&site.path("pki"));
    let policy = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n";
    let folder = site.path("");
    let wanted = Wanted { folder: &folder, pki: &pki, policy, flags: &[] };
    let plane = ControlPlane::start(&binaries, &wanted).await;
    plane.make("/api/v1/namespaces", &json!({"metadata": {"name": "shop"}})).await;
    plane.make("/api/v1/namespaces/shop/serviceaccounts", &json!({"metadata": {"name": "deployer"}})).await;
    let of_account = json!({"kubernetes.io/service-account.name": "deployer"});
    let object = json!({
        "metadata": {"name": "deployer-token", "annotations": of_account},
        "type": "kubernetes.io/service-account-token",
    });
    plane.make(SECRETS, &object).await;
    at_last("the token is there", async || secret(&plane).await["data"]["token"].is_string()).await;
    let token = secret(&plane).await["data"]["token"].as_str().unwrap().to_owned();
    let token = String::from_utf8(STANDARD.decode(token).unwrap()).unwrap();
    sensor_account(&plane, &pki, &site).await;

    // The log from here on: what the test did until now was no business of the sensor's.
    let log = plane.log().display();
    let config = format!(
        "
sources:
- {{type: cluster, name: prod, kubeconfig: kubeconfig}}
- {{type: file, name: log, path: {log}, start: end}}
sinks: [{{type: file, name: alerts, path: alerts.json}}]
incidents: {{quiet: 1s}}
"
    );
    let inventory =
        "version: 1\ndecoys: [{namespace: shop, account: deployer, placements: [{secret: deployer-token}]}]";
    let inventory = Inventory::read(inventory).unwrap();
    let sensor = Sensor::start(site.config(&config), &inventory, Extras::default()).await.unwrap();
    let upkeep = |least: u64| {
        let suppressed = site.store().suppressions().unwrap();
        suppressed.iter().any(|s| s.reason == "upkeep" && s.count >= least)
    };
    at_last("its own look is counted", async || upkeep(2)).await;

    let thief = plane.stranger("127.66.0.66".parse().unwrap(), "curl/8.5.0");
    let steal = async || {
        let asked = thief.get(plane.url("/api/v1/namespaces/shop/pods")).bearer_auth(&token);
        assert_eq!(asked.send().await.unwrap().status(), 403);
    };
    let noted = || {
        let incidents = site.store().recent_incidents(9).unwrap();
        let of = |s: &sundew_store::StoredIncident| {
            let notes = s.incident.steps.iter().filter(|step| step.request.code.is_none());
            notes.filter(|step| step.rule == "tripwire.token_last_used").map(|step| step.count).sum::<u64>()
        };
        incidents.iter().map(of).sum::<u64>()
    };
    steal().await;
    at_last("the label's change is told", async || noted() == 1).await;
    at_last("the label is gone again", async || label(&plane).await.is_none()).await;
    // The API server has the token in its cache for a while, and then notes its use anew, on the same day.
    at_last("the next use is told", async || {
        steal().await;
        noted() >= 2
    })
    .await;
    at_last("the label is gone again", async || label(&plane).await.is_none()).await;
    at_last("setting it back is counted", async || upkeep(4)).await;
    sensor.stop().await;

    // Label, note and use are one incident, and its own requests are none.
    let told: Vec<_> = site.store().recent_incidents(9).unwrap().into_iter().map(|s| s.incident).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0].actor.ip.as_deref(), Some("127.66.0.66"));
    assert_eq!(site.rules(), ["tripwire.token_last_used", "tripwire.token_used"]);
    until("somebody is told", || !site.alerts().is_empty()).await;
}
