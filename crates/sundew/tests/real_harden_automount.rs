//! `sundew harden automount` beside a real API server: pods that use their token and pods that do not, the plan applied
//! with kubectl, what admission does then, and the way back.
//!
//! Needs etcd, kube-apiserver and kube-controller-manager in the folder that `KUBEBUILDER_ASSETS` names, and kubectl;
//! without them the test says so and passes.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use common::{ran, sundew};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sundew_testplane::{ControlPlane, Pki, Wanted, binaries};

const POLICY: &str =
    "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n";

fn has_kubectl() -> bool {
    let mut version = Command::new("kubectl");
    version.args(["version", "--client"]).stdout(Stdio::null()).stderr(Stdio::null());
    let there = version.status().is_ok_and(|status| status.success());
    if !there {
        eprintln!("skipped: there is no kubectl");
    }
    there
}

fn template(account: &str, name: &str) -> Value {
    let labels = json!({"app": name});
    json!({"metadata": {"labels": labels}, "spec": {"serviceAccountName": account, "containers": [{"name": "main", "image": "x"}]}})
}

/// A pod of a template, as a ReplicaSet would make it; answers what admission made of it.
async fn pod(plane: &ControlPlane, of: &Value, name: &str, owner: Option<&Value>) -> Value {
    let mut pod = json!({"metadata": {"name": name, "namespace": "shop"}, "spec": of["spec"]});
    if let Some(owner) = owner {
        let (kind, name, uid) = (&owner["kind"], &owner["metadata"]["name"], &owner["metadata"]["uid"]);
        let reference =
            json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true});
        pod["metadata"]["ownerReferences"] = json!([reference]);
    }
    plane.make("/api/v1/namespaces/shop/pods", &pod).await
}

fn has_token(pod: &Value) -> bool {
    let volumes = pod["spec"]["volumes"].as_array();
    volumes
        .into_iter()
        .flatten()
        .any(|volume| volume["name"].as_str().unwrap().starts_with("kube-api-access-"))
}

/// A Deployment with what its controllers would make: this plane has none.
async fn deployment(plane: &ControlPlane, name: &str, account: &str) -> Value {
    let template = template(account, name);
    let selector = json!({"matchLabels": {"app": name}});
    let spec = json!({"replicas": 1, "selector": selector, "template": template});
    let apps = "/apis/apps/v1/namespaces/shop";
    let made =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec});
    let made = plane.make(&format!("{apps}/deployments"), &made).await;
    let owner = json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": made["metadata"]["uid"], "controller": true}]);
    let set = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "spec": spec,
        "metadata": {"name": format!("{name}-5d4f8c7b9"), "ownerReferences": owner},
    });
    let set = plane.make(&format!("{apps}/replicasets"), &set).await;
    pod(plane, &template, &format!("{name}-5d4f8c7b9-x2x4x"), Some(&set)).await
}

/// Lists pods with a token that is bound to a pod, as its kubelet would get it.
async fn uses(plane: &ControlPlane, account: &str, of: &Value) {
    let bound = json!({"kind": "Pod", "apiVersion": "v1", "name": of["metadata"]["name"], "uid": of["metadata"]["uid"]});
    let path = format!("/api/v1/namespaces/shop/serviceaccounts/{account}/token");
    let token = plane.make(&path, &json!({"spec": {"boundObjectRef": bound}})).await;
    let token = token["status"]["token"].as_str().unwrap();
    let client = plane.stranger("127.0.0.1".parse().unwrap(), "app/1.0");
    let asked =
        client.get(plane.url("/api/v1/namespaces/shop/pods")).bearer_auth(token).send().await.unwrap();
    assert_eq!(
        asked.status(),
        StatusCode::FORBIDDEN,
        "it has no rights, and presents its token all the same"
    );
}

async fn read(plane: &ControlPlane, path: &str) -> Value {
    plane.admin().get(plane.url(path)).send().await.unwrap().json().await.unwrap()
}

fn sh(folder: &Path, home: &Path, commands: &Value) {
    for command in commands.as_array().unwrap() {
        let command = command.as_str().unwrap();
        // Nothing makes pods here, so that one would wait in vain.
        if command.starts_with("kubectl rollout status") {
            continue;
        }
        let mut shell = Command::new("sh");
        shell.args(["-euc", command]).current_dir(folder);
        let done = ran(shell.env("HOME", home).env("KUBECONFIG", home.join("admin.json")));
        assert_eq!(done.code, 0, "{command}\n{}\n{}", done.out, done.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_use_its_token_gets_none_after_the_plan_and_gets_it_again_when_it_is_undone() {
    let Some(binaries) = binaries() else { return };
    if !has_kubectl() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let pki = Pki::new(&home.join("pki"));
    let plane =
        ControlPlane::start(&binaries, &Wanted { folder: home, pki: &pki, policy: POLICY, flags: &[] }).await;
    fs::write(home.join("admin.json"), plane.kubeconfig(&pki, &pki.user("admin"))).unwrap();
    plane.make("/api/v1/namespaces", &json!({"metadata": {"name": "shop"}})).await;
    for account in ["shared", "idle"] {
        plane.make("/api/v1/namespaces/shop/serviceaccounts", &json!({"metadata": {"name": account}})).await;
    }
    let api = deployment(&plane, "api", "shared").await;
    let web = deployment(&plane, "web", "shared").await;
    let quiet = deployment(&plane, "quiet", "idle").await;
    let alone = pod(&plane, &template("shared", "alone"), "alone", None).await;
    for pod in [&api, &web, &quiet, &alone] {
        assert!(has_token(pod), "admission mounts a token where nothing says not to");
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    uses(&plane, "shared", &api).await;
    fs::copy(plane.log(), home.join("used.log")).unwrap();

    let plan = home.join("plan");
    let at = |name: &str| home.join(name).display().to_string();
    let run = |more: &[&str]| {
        let args = ["harden", "automount", "--kubeconfig", &at("admin.json"), "--logs", &at("used.log")];
        ran(sundew().args(args).args(["--window", "1s", "-n", "shop"]).args(more))
    };
    let said = run(&["-o", "json", "--out", &plan.display().to_string()]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let rows: Vec<String> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            format!("{} {} {}", row["account"]["name"], row["workload"]["name"], row["step"]).replace('"', "")
        })
        .collect();
    assert_eq!(
        rows,
        [
            "shared web patchWorkload",
            "default null patchAccount",
            "idle null patchAccount",
            "idle quiet withAccount",
            "shared alone recreate",
            "shared api uses"
        ]
    );

    let steps = report["plan"]["steps"].as_array().unwrap();
    for step in steps {
        sh(&plan, home, &step["apply"]);
    }
    let patched = read(&plane, "/apis/apps/v1/namespaces/shop/deployments/web").await;
    assert_eq!(patched["spec"]["template"]["spec"]["automountServiceAccountToken"], false);
    let made = |name: &str, of: Value| {
        let (plane, name) = (&plane, name.to_owned());
        async move { has_token(&pod(plane, &of, &name, None).await) }
    };
    assert!(!made("web-new", patched["spec"]["template"].clone()).await);
    assert!(!made("quiet-new", template("idle", "quiet")).await, "by its account");
    assert!(!made("plain-new", template("default", "plain")).await, "by the account named default");
    assert!(made("api-new", template("shared", "api")).await, "who uses it has it");
    let again = run(&["-o", "json"]);
    let again: Value = serde_json::from_str(&again.out).unwrap();
    // The Deployment has it, and the pods of before still run; what was made by hand meanwhile is not for a patch.
    assert_eq!(again["plan"], Value::Null, "{again:#}");

    // A pod's own setting cannot be changed, as its row says.
    let patch = r#"{"spec": {"automountServiceAccountToken": false}}"#;
    let mut kubectl = Command::new("kubectl");
    kubectl
        .args(["patch", "pod/alone", "-n", "shop", "-p", patch])
        .env("KUBECONFIG", home.join("admin.json"));
    let refused = ran(kubectl.env("HOME", home));
    assert!(refused.code != 0 && refused.err.contains("may not change fields other than"), "{}", refused.err);

    for step in steps.iter().rev() {
        sh(&plan, home, &step["undo"]);
    }
    let back = read(&plane, "/apis/apps/v1/namespaces/shop/deployments/web").await;
    assert_eq!(
        back["spec"]["template"],
        json!({
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "containers": back["spec"]["template"]["spec"]["containers"], "dnsPolicy": "ClusterFirst", "restartPolicy": "Always",
                "schedulerName": "default-scheduler", "securityContext": {}, "serviceAccount": "shared", "serviceAccountName": "shared",
                "terminationGracePeriodSeconds": 30,
            },
        })
    );
    let account = read(&plane, "/api/v1/namespaces/shop/serviceaccounts/idle").await;
    assert_eq!(account["automountServiceAccountToken"], Value::Null);
    assert!(made("quiet-newer", template("idle", "quiet")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_components_for_kustomize_change_what_they_name_and_nothing_else() {
    if !has_kubectl() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let objects = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: a, namespace: shop, creationTimestamp: '2020-01-01T00:00:00Z'}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: idle.one, namespace: shop, creationTimestamp: '2020-01-01T00:00:00Z'}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {spec: {serviceAccountName: a, containers: [{name: main, image: x}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec: {template: {spec: {serviceAccountName: a, automountServiceAccountToken: true, containers: [{name: main, image: x}]}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec: {template: {spec: {serviceAccountName: idle.one, containers: [{name: main, image: x}]}}}
";
    fs::write(at("objects.yaml"), objects).unwrap();
    let event = |time: &str, pod: &str| {
        format!(
            "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"auditID\":\"{pod}{time}\",\"stage\":\"ResponseComplete\",\"verb\":\
             \"list\",\"user\":{{\"username\":\"system:serviceaccount:shop:a\",\"extra\":{{\"authentication.kubernetes.io/pod-name\":\
             [\"{pod}\"]}}}},\"objectRef\":{{\"resource\":\"pods\"}},\"responseStatus\":{{\"code\":200}},\
             \"requestReceivedTimestamp\":\"{time}\",\"stageTimestamp\":\"{time}\"}}\n"
        )
    };
    let pod = "api-5d4f8c7b9-x2x4x";
    let log = ["2026-02-10T12:00:00Z", "2026-02-10T12:10:00Z"].map(|time| event(time, pod)).concat();
    fs::write(at("used.log"), log).unwrap();
    let shown = |name: &str| at(name).display().to_string();
    let args = [
        "harden",
        "automount",
        "--from",
        &shown("objects.yaml"),
        "--logs",
        &shown("used.log"),
        "--window",
        "10m",
    ];
    let said = ran(sundew().args(args).args(["--as", "kustomize", "--out", &shown("plan")]));
    assert_eq!((said.code, said.err.as_str()), (0, ""));

    // The overlay has one of the accounts and not the StatefulSet: a part without its object changes nothing.
    let overlay = "resources: [objects.yaml]\ncomponents: [plan/1-workloads, plan/2-accounts]\n";
    fs::write(at("kustomization.yaml"), overlay).unwrap();
    let build = || {
        let mut kubectl = Command::new("kubectl");
        ran(kubectl.arg("kustomize").arg(folder.path()).env("HOME", folder.path()))
    };
    let built = build();
    assert_eq!(built.code, 0, "{}", built.err);
    let off = |text: &str, kind: &str, name: &str| {
        let documents: Vec<&str> = text.split("---\n").collect();
        let of = documents
            .iter()
            .find(|d| d.contains(&format!("kind: {kind}\n")) && d.contains(&format!("name: {name}\n")));
        of.unwrap().contains("automountServiceAccountToken: false")
    };
    let found = [
        ("Deployment", "web"),
        ("Deployment", "api"),
        ("StatefulSet", "db"),
        ("ServiceAccount", "a"),
        ("ServiceAccount", "idle.one"),
    ]
    .map(|(kind, name)| off(&built.out, kind, name));
    assert_eq!(found, [true, false, false, false, true]);
    let (some, _) =
        objects.split_once("---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: idle.one").unwrap();
    fs::write(at("objects.yaml"), some).unwrap();
    assert_eq!(build().code, 0, "what is not there is passed over");
}
