//! `sundew scan` and `who-can` beside a real API server: what they read from it, and that it answers the same.
//!
//! Needs etcd, kube-apiserver and kube-controller-manager in the folder that `KUBEBUILDER_ASSETS` names; without them
//! the test says so and passes.
#![allow(clippy::unwrap_used)]

mod common;

use std::{fs, path::Path};

use common::{Ran, ran, sundew};
use serde_json::{Value, json};
use sundew_testplane::{ControlPlane, NO_AUDIT, Pki, Wanted, binaries};

/// An account that makes pods, one that may read what a scan reads but no Secrets, and a token of it.
async fn furnish(plane: &ControlPlane) -> String {
    let make = |path: &'static str, object: Value| async move { plane.make(path, &object).await };
    make("/api/v1/namespaces", json!({"metadata": {"name": "shop"}})).await;
    for name in ["orders", "reader"] {
        make("/api/v1/namespaces/shop/serviceaccounts", json!({"metadata": {"name": name}})).await;
    }
    let rules = json!([
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "create"]},
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["db"], "verbs": ["get"]},
    ]);
    let role = json!({"metadata": {"name": "orders"}, "rules": rules});
    make("/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles", role).await;
    let account = |name: &str| json!([{"kind": "ServiceAccount", "name": name, "namespace": "shop"}]);
    let of =
        |kind: &str, name: &str| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name});
    let binding = json!({"metadata": {"name": "orders"}, "roleRef": of("Role", "orders"), "subjects": account("orders")});
    make("/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings", binding).await;
    // Whatever is listed, but of the core group not Secrets.
    let rules = json!([
        {"apiGroups": ["rbac.authorization.k8s.io", "apps", "batch", "admissionregistration.k8s.io"], "resources": ["*"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["namespaces", "serviceaccounts", "pods", "nodes", "replicationcontrollers"], "verbs": ["list"]},
    ]);
    let role = json!({"metadata": {"name": "reader"}, "rules": rules});
    make("/apis/rbac.authorization.k8s.io/v1/clusterroles", role).await;
    let binding = json!({"metadata": {"name": "reader"}, "roleRef": of("ClusterRole", "reader"), "subjects": account("reader")});
    make("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding).await;
    let asked = make("/api/v1/namespaces/shop/serviceaccounts/reader/token", json!({"spec": {}})).await;
    asked["status"]["token"].as_str().unwrap().to_owned()
}

fn kubeconfig(folder: &Path, plane: &ControlPlane, pki: &Pki, name: &str, user: &Value) -> String {
    let path = folder.join(name);
    fs::write(&path, plane.kubeconfig(pki, user)).unwrap();
    path.display().to_string()
}

fn run(args: &[&str], config: &str) -> Ran {
    ran(sundew().args(args).args(["--kubeconfig", config]))
}

/// What the API server says to the same question.
async fn server_says(plane: &ControlPlane, verb: &str, resource: &str, name: &str) -> bool {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let attributes = json!({"namespace": "shop", "verb": verb, "resource": resource, "subresource": subresource, "name": name});
    let groups = ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"];
    let spec = json!({"user": "system:serviceaccount:shop:orders", "groups": groups, "resourceAttributes": attributes});
    let said = plane.make("/apis/authorization.k8s.io/v1/subjectaccessreviews", &json!({"spec": spec})).await;
    said["status"]["allowed"].as_bool().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_cluster_is_scanned_and_answers_as_its_own_server_does() {
    let Some(binaries) = binaries() else { return };
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(&folder.path().join("pki"));
    let plane = ControlPlane::start(
        &binaries,
        &Wanted { folder: folder.path(), pki: &pki, policy: NO_AUDIT, flags: &[] },
    )
    .await;
    let token = furnish(&plane).await;
    let admin = kubeconfig(folder.path(), &plane, &pki, "admin.json", &pki.user("admin"));
    let reader = kubeconfig(folder.path(), &plane, &pki, "reader.json", &json!({"token": token}));

    let whole = run(&["scan", "-o", "json"], &admin);
    assert_eq!((whole.code, whole.err.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&whole.out).unwrap();
    assert_eq!(report["cluster"]["version"], "1.36");
    assert_eq!(report["cluster"]["name"], format!("real ({})", plane.url("").trim_end_matches('/')));
    assert_eq!(report["cluster"]["unread"], json!([]));
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.iter().any(|f| f["object"]["name"] == "orders" && f["view"] == "subjects"));
    assert!(!whole.out.contains("\"place\""), "a server's answer has no lines");

    let half = run(&["scan"], &reader);
    assert_eq!((half.code, half.err.as_str()), (0, ""));
    let line = half.out.lines().find(|line| line.starts_with("Not read")).unwrap();
    assert!(line.contains("secrets") && line.contains("may not list it"), "{line}");
    let left_out = run(&["scan", "--no-secrets"], &reader).out;
    assert!(left_out.contains("secrets: they were not asked for"), "{left_out}");
    let one = run(&["scan", "--only-namespace", "shop"], &admin).out;
    assert!(one.contains("only namespace shop was asked for") && one.contains("shop/orders"), "{one}");
    let wrong = run(&["scan", "--context", "rael"], &admin);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("no context `rael`"), "{}", wrong.err);

    for (verb, resource, name) in [
        ("create", "pods", ""),
        ("get", "pods", "a"),
        ("delete", "pods", "a"),
        ("get", "pods/log", "a"),
        ("get", "secrets", "db"),
        ("get", "secrets", "other"),
        ("list", "secrets", ""),
        ("create", "secrets", ""),
    ] {
        let (main, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let asked = if name.is_empty() { main.to_owned() } else { format!("{main}/{name}") };
        let args =
            ["who-can", verb, &asked, "--subresource", subresource, "-n", "shop", "--as", "sa/shop/orders"];
        let ours = run(&args, &reader);
        assert!(ours.code < 2, "{}", ours.err);
        let theirs = server_says(&plane, verb, resource, name).await;
        assert_eq!(ours.code == 0, theirs, "{verb} {resource} {name}: {}", ours.out);
    }
}
