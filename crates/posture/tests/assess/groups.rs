//! Rights through groups: told at the group, and at the account where both are needed.

use crate::given::{CLUSTER, about, account, holds, pod, rights, root, scanned, set, stops, way};
use sundew_posture::report::View;

const A: &str = "ServiceAccount shop/a";

#[test]
fn what_a_group_holds_is_told_of_the_group_and_not_of_each_member() {
    for group in ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"] {
        let group = format!("Group {group}");
        let report = scanned(&[
            account("shop/a"),
            account("shop/b"),
            rights("all", "cluster", &group, &["get secrets"]),
            // It has rights of its own, and these are no risk.
            rights("own", "shop", A, &["get configmaps"]),
        ]);
        assert_eq!(holds(&report, &group), set(&["secrets-get in cluster, critical"]));
        assert_eq!(holds(&report, A), set(&[]), "{group}");
    }
}

#[test]
fn what_an_account_and_its_group_make_together_is_told_of_the_account() {
    for group in ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"] {
        let report = scanned(&[
            account("shop/b"),
            rights("all", "shop", &format!("Group {group}"), &["get secrets"]),
            rights("own", "shop", A, &["create secrets"]),
        ]);
        assert_eq!(holds(&report, A), set(&["secrets-create-token in namespace shop, high"]), "{group}");
        assert_eq!(holds(&report, "ServiceAccount shop/b"), set(&[]));
        let because = &about(&report, View::Subjects, A).unwrap().because;
        assert_eq!(because.len(), 2, "both bindings: {because:?}");
    }
}

#[test]
fn a_groups_grant_of_a_namespace_joins_with_ones_own_of_the_cluster() {
    let report = scanned(&[
        rights("all", "shop", "Group system:serviceaccounts:ops", &["get secrets"]),
        rights("own", "cluster", "ServiceAccount ops/x", &["create secrets"]),
    ]);
    let held = holds(&report, "ServiceAccount ops/x");
    assert!(held.contains("secrets-create-token in namespace shop, high"), "{held:?}");
}

#[test]
fn the_group_of_another_namespace_is_not_ones_own() {
    let report = scanned(&[
        rights("all", "cluster", "Group system:serviceaccounts:blog", &["get secrets"]),
        rights("own", "cluster", A, &["create secrets"]),
    ]);
    assert!(!holds(&report, A).iter().any(|line| line.starts_with("secrets-create-token")));
    assert_eq!(way(&report, A), None);
}

#[test]
fn names_of_ones_own_are_told_beside_those_of_the_group() {
    let report = scanned(&[
        rights("all", "shop", "Group system:serviceaccounts", &["get secrets only ca"]),
        rights("own", "shop", A, &["get secrets only root-token"]),
    ]);
    assert_eq!(holds(&report, A), set(&["secrets-get in namespace shop, medium"]));
}

#[test]
fn names_of_ones_own_in_the_cluster_are_told_beside_those_of_the_group() {
    let report = scanned(&[
        rights("all", "cluster", "Group system:serviceaccounts", &["get secrets only ca"]),
        rights("own", "cluster", A, &["get secrets only root-token"]),
    ]);
    assert_eq!(holds(&report, A), set(&["secrets-get in cluster, medium"]));
}

#[test]
fn more_than_the_group_holds_is_told_of_the_member() {
    let report = scanned(&[
        rights("all", "shop", "Group system:serviceaccounts", &["get secrets only ca"]),
        rights("own", "shop", A, &["get secrets"]),
    ]);
    assert_eq!(holds(&report, A), set(&["secrets-get in namespace shop, high"]));
    let report = scanned(&[
        rights("all", "shop", "Group system:serviceaccounts", &["get secrets"]),
        rights("own", "cluster", A, &["get secrets"]),
    ]);
    assert_eq!(holds(&report, A), set(&["secrets-get in cluster, critical"]));
}

#[test]
fn the_way_of_a_member_is_told_with_the_group() {
    let report = scanned(&[
        root(),
        account("ops/root"),
        account("shop/a"),
        rights("all", "ops", "Group system:serviceaccounts:shop", &["create serviceaccounts/token"]),
    ]);
    let group = "Group system:serviceaccounts:shop";
    assert_eq!(way(&report, group), stops(&["ServiceAccount ops/root", CLUSTER]));
    assert_eq!(way(&report, A), None, "it is told with its group");
}

#[test]
fn a_pod_goes_on_through_the_group_of_its_account() {
    let report = scanned(&[
        root(),
        pod("shop/web", "a", "n1", ""),
        rights("all", "ops", "Group system:serviceaccounts:shop", &["create serviceaccounts/token"]),
    ]);
    assert_eq!(way(&report, "Pod shop/web"), stops(&[A, "ServiceAccount ops/root", CLUSTER]));
    let path = report.paths.iter().find(|path| path.from.kind == "Pod").unwrap();
    let step = &path.steps[1];
    assert_eq!(
        step.act,
        "as one of Group system:serviceaccounts:shop; asks for tokens of accounts (namespace ops)"
    );
    assert_eq!(step.because[0].binding, "RoleBinding ops/all");
}

#[test]
fn pods_are_hot_by_the_rights_of_all_accounts_of_their_namespace() {
    let report = scanned(&[
        pod("shop/web", "a", "n1", ""),
        pod("blog/web", "a", "n1", ""),
        rights("all", "shop", "Group system:serviceaccounts:shop", &["get secrets"]),
    ]);
    let hot = about(&report, View::Pods, "Pod shop/web").unwrap();
    assert!(hot.because.iter().any(|b| b.binding == "RoleBinding shop/all"), "{hot:?}");
    assert_eq!(about(&report, View::Pods, "Pod blog/web"), None);
}
