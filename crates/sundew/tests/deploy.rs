//! What `deploy/` holds, offered to a real API server: it takes every object, with no field that it does not know.
//!
//! Needs etcd, kube-apiserver and kube-controller-manager in the folder that `KUBEBUILDER_ASSETS` names; without them
//! the test says so and passes. The chart is rendered where there is a `helm`; `deploy/check.sh` checks more of it.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;
use sundew_testplane::{ControlPlane, NO_AUDIT, Pki, Wanted, binaries};

/// Where the objects belong: what is tried out makes no namespace.
const NAMESPACES: [&str; 2] = ["log-relay", "tools"];

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

/// The YAML files of a folder, in order.
fn yaml(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    files.sort();
    files
}

/// The plain manifests, and what the chart renders to with each of its values files; each with a name.
fn rendered() -> Vec<(String, String)> {
    let manifests = yaml(&deploy().join("manifests"));
    let manifests = manifests.iter().filter(|path| !path.ends_with("kustomization.yaml"));
    let mut all: Vec<_> =
        manifests.map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap())).collect();
    let chart = deploy().join("helm/sundew");
    for values in yaml(&chart.join("ci")) {
        let mut helm = Command::new("helm");
        helm.args(["template", "log-relay", "--namespace", "log-relay", "-f"]).arg(&values).arg(&chart);
        let Ok(output) = helm.output() else {
            eprintln!("skipped: the chart, since there is no helm");
            break;
        };
        let name = values.display().to_string();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        all.push((name, String::from_utf8(output.stdout).unwrap()));
    }
    all
}

/// The value of the first line that is `key: value`, as the chart writes it.
fn field<'d>(document: &'d str, key: &str) -> Option<&'d str> {
    document.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
}

/// Where an object of this kind is made.
fn path(document: &str) -> String {
    let namespace = field(document, "  namespace").unwrap_or_default();
    let (group, resource) = match field(document, "kind").unwrap() {
        "Namespace" => return "/api/v1/namespaces".into(),
        kind @ ("ClusterRole" | "ClusterRoleBinding") => {
            return format!("/apis/rbac.authorization.k8s.io/v1/{}s", kind.to_lowercase());
        }
        "ConfigMap" => ("/api/v1", "configmaps"),
        "Secret" => ("/api/v1", "secrets"),
        "Service" => ("/api/v1", "services"),
        "ServiceAccount" => ("/api/v1", "serviceaccounts"),
        "PersistentVolumeClaim" => ("/api/v1", "persistentvolumeclaims"),
        "Deployment" => ("/apis/apps/v1", "deployments"),
        "DaemonSet" => ("/apis/apps/v1", "daemonsets"),
        "NetworkPolicy" => ("/apis/networking.k8s.io/v1", "networkpolicies"),
        "Role" => ("/apis/rbac.authorization.k8s.io/v1", "roles"),
        "RoleBinding" => ("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
        other => panic!("a {other} is deployed, and this test does not know where it goes"),
    };
    format!("{group}/namespaces/{namespace}/{resource}")
}

#[tokio::test]
async fn the_api_server_takes_every_object_and_knows_every_field() {
    let Some(binaries) = binaries() else { return };
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(&folder.path().join("pki"));
    let wanted = Wanted { folder: folder.path(), pki: &pki, policy: NO_AUDIT, flags: &[] };
    let plane = ControlPlane::start(&binaries, &wanted).await;
    for name in NAMESPACES {
        plane.make("/api/v1/namespaces", &json!({"metadata": {"name": name}})).await;
    }
    let mut taken = 0;
    for (from, text) in rendered() {
        for document in text.split("---\n").filter(|document| field(document, "kind").is_some()) {
            let url = plane.url(&format!("{}?dryRun=All&fieldValidation=Strict", path(document)));
            let request = plane.admin().post(url).header("Content-Type", "application/yaml");
            let answer = request.body(document.to_owned()).send().await.unwrap();
            let status = answer.status().as_u16();
            let said = answer.text().await.unwrap();
            // The namespace of the manifests is there already.
            let there = status == 409 && field(document, "kind") == Some("Namespace");
            assert!(status == 201 || there, "{from}: {status}: {said}\n{document}");
            taken += 1;
        }
    }
    assert!(taken >= 7, "only {taken} objects were found in deploy/");
}
