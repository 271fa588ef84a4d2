//! Where a grant holds decides how bad it is.

use sundew_posture::report::View;

use crate::given::{about, binding, holds, rights, role, scanned, set};

const A: &str = "ServiceAccount shop/a";

#[test]
fn the_same_grant_is_worse_in_kube_system_and_worst_in_the_cluster() {
    for (at, expected) in [
        ("shop", "pods-attach in namespace shop, medium"),
        ("kube-system", "pods-attach in namespace kube-system, high"),
        ("cluster", "pods-attach in cluster, high"),
    ] {
        let report = scanned(&[rights("r", at, A, &["create pods/attach"])]);
        assert_eq!(holds(&report, A), set(&[expected]));
    }
}

#[test]
fn what_matters_only_in_the_cluster_is_nothing_in_a_namespace() {
    let rules = ["create persistentvolumes", "get nodes/proxy"];
    assert_eq!(holds(&scanned(&[rights("r", "shop", A, &rules)]), A), set(&[]));
    assert_eq!(
        holds(&scanned(&[rights("r", "cluster", A, &rules)]), A),
        set(&["persistentvolumes-create in cluster, high", "nodes-proxy in cluster, critical"])
    );
}

#[test]
fn what_matters_only_in_one_namespace_is_nothing_in_another() {
    let rules = ["patch configmaps only coredns"];
    assert_eq!(holds(&scanned(&[rights("r", "shop", A, &rules)]), A), set(&[]));
    assert_eq!(
        holds(&scanned(&[rights("r", "kube-system", A, &rules)]), A),
        set(&["coredns-write in namespace kube-system, high"])
    );
    assert_eq!(
        holds(&scanned(&[rights("r", "cluster", A, &rules)]), A),
        set(&["coredns-write in cluster, high"])
    );
}

#[test]
fn a_cluster_role_bound_in_a_namespace_holds_there_only() {
    let report = scanned(&[
        role("reader", "cluster", &["get secrets"]),
        binding("b", "shop", "ClusterRole reader", &[A]),
    ]);
    assert_eq!(holds(&report, A), set(&["secrets-get in namespace shop, high"]));
    assert_eq!(about(&report, View::Bindings, "RoleBinding shop/b").unwrap().scope, "namespace shop");
    // The role could be bound anywhere, and is looked at so.
    assert_eq!(about(&report, View::Roles, "ClusterRole reader").unwrap().scope, "cluster");
}

#[test]
fn a_grant_that_must_be_of_the_cluster_joins_with_one_of_a_namespace() {
    let groups = rights("groups", "cluster", A, &["impersonate groups"]);
    let joined = scanned(&[groups.clone(), rights("users", "shop", A, &["impersonate serviceaccounts"])]);
    assert!(holds(&joined, A).contains("impersonate-groups in namespace shop, critical"));
    let wrong = scanned(&[
        rights("groups", "shop", A, &["impersonate groups"]),
        rights("users", "shop", A, &["impersonate serviceaccounts"]),
    ]);
    assert!(!holds(&wrong, A).iter().any(|line| line.starts_with("impersonate-groups")));
}

#[test]
fn each_scope_is_a_finding_of_its_own_with_an_id_of_its_own() {
    let report =
        scanned(&[rights("x", "shop", A, &["get secrets"]), rights("y", "blog", A, &["get secrets"])]);
    let mut ids: Vec<&str> = report.findings.iter().map(|finding| finding.id.as_str()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    assert_eq!(holds(&report, A).len(), 2);
}
