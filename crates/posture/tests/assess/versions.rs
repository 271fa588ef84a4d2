//! Verbs by version: some rights mean more, or less, in other versions of Kubernetes.

use crate::given::{holds, rights, scanned, set, version};

const A: &str = "ServiceAccount shop/a";

fn held(minor: Option<u16>, rules: &[&str]) -> Vec<String> {
    let mut documents = vec![rights("r", "cluster", A, rules)];
    documents.extend(minor.map(version));
    holds(&scanned(&documents), A).into_iter().collect()
}

#[test]
fn exec_by_get_is_a_risk_before_1_35_only() {
    let rules = ["get pods/exec"];
    assert_eq!(held(Some(34), &rules), ["pods-exec-by-get in cluster, critical"]);
    assert_eq!(held(Some(35), &rules), [""; 0]);
}

#[test]
fn the_kubelets_newer_subresources_are_none_in_old_versions() {
    let rules = ["get nodes/configz"];
    assert_eq!(held(Some(32), &rules), [""; 0]);
    assert_eq!(held(Some(33), &rules), ["nodes-pods in cluster, medium"]);
    assert_eq!(held(Some(20), &["get nodes/proxy"]), ["nodes-proxy in cluster, critical"]);
}

#[test]
fn constrained_impersonation_is_one_from_1_36_only() {
    let rules =
        ["impersonate:user-info users of authentication.k8s.io", "impersonate-on:user-info:list secrets"];
    assert_eq!(held(Some(35), &rules), [""; 0]);
    assert_eq!(held(Some(36), &rules), ["impersonate-constrained-users in cluster, high"]);
}

#[test]
fn of_an_unknown_version_the_worse_is_taken() {
    assert_eq!(held(None, &["get pods/exec"]), ["pods-exec-by-get in cluster, critical"]);
    assert_eq!(held(None, &["get nodes/configz"]), ["nodes-pods in cluster, medium"]);
}

#[test]
fn the_version_is_in_the_report_and_that_of_the_kubelets_where_none_else_is_known() {
    let report = scanned(&[rights("r", "shop", A, &["get pods"]), version(34)]);
    assert_eq!(report.cluster.version.as_deref(), Some("1.34"));
    let node =
        "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus: {nodeInfo: {kubeletVersion: v1.35.1}}";
    let report = scanned(&[rights("r", "shop", A, &["get pods/exec"]), node.to_owned()]);
    assert_eq!((report.cluster.version.as_deref(), holds(&report, A)), (Some("1.35"), set(&[])));
}
