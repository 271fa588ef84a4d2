//! Roles of nobody and bindings that lead nowhere.

use std::collections::BTreeSet;

use sundew_posture::{
    Severity,
    report::{Report, View},
};

use crate::given::{about, account, binding, cluster, now, of_view, reader, rights, role, scanned, set};
use sundew_posture::{Settings, scan};

fn rules_of(report: &Report) -> BTreeSet<String> {
    of_view(report, View::Unused).iter().map(|f| format!("{} {}", f.rule, f.object)).collect()
}

/// So that every kind is known to have been read.
fn all() -> Vec<String> {
    vec![
        account("x/x"),
        rights("here", "x", "ServiceAccount x/x", &["get pods"]),
        rights("wide", "cluster", "ServiceAccount x/x", &["get pods"]),
    ]
}

fn with(more: &[String]) -> Report {
    let mut documents = all();
    documents.extend_from_slice(more);
    scanned(&documents)
}

#[test]
fn where_all_is_used_nothing_is_told() {
    assert_eq!(rules_of(&with(&[])), set(&[]));
}

#[test]
fn roles_that_nobody_has_are_told_and_risky_ones_as_such() {
    let report = with(&[role("idle", "shop", &["get pods"]), role("loaded", "cluster", &["get secrets"])]);
    assert_eq!(rules_of(&report), set(&["role-unused Role shop/idle", "role-unused ClusterRole loaded"]));
    let severity = |object: &str| about(&report, View::Unused, object).unwrap().severity;
    assert_eq!(severity("Role shop/idle"), Severity::Info);
    assert_eq!(severity("ClusterRole loaded"), Severity::Low);
    assert_eq!(
        about(&report, View::Unused, "Role shop/idle").unwrap().fix,
        "Delete it if nothing installs it again: kubectl delete role idle -n shop"
    );
}

#[test]
fn a_cluster_role_bound_in_one_namespace_is_used() {
    let report = with(&[
        role("r", "cluster", &["get pods"]),
        binding("b", "shop", "ClusterRole r", &["ServiceAccount x/x"]),
    ]);
    assert_eq!(rules_of(&report), set(&[]));
}

#[test]
fn a_role_of_the_same_name_in_another_namespace_is_another() {
    let report =
        with(&[role("here", "y", &["get pods"]), binding("b", "z", "here", &["ServiceAccount x/x"])]);
    assert_eq!(rules_of(&report), set(&["role-unused Role y/here", "binding-without-role RoleBinding z/b"]));
}

#[test]
fn a_role_that_is_joined_into_another_serves_through_it() {
    let part = |name: &str, label: &str| {
        role(name, "cluster", &["get pods"]).replace("\"}", &format!("\", labels: {{{label}: \"true\"}}}}"))
    };
    let whole = |selector: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: whole}}\naggregationRule: \
             {{clusterRoleSelectors: [{selector}]}}\nrules: []"
        )
    };
    let bound = binding("b", "cluster", "whole", &["ServiceAccount x/x"]);
    let documents = |selector| [part("part", "join"), part("other", "leave"), whole(selector), bound.clone()];
    assert_eq!(
        rules_of(&with(&documents("{matchLabels: {join: \"true\"}}"))),
        set(&["role-unused ClusterRole other"])
    );
    assert_eq!(
        rules_of(&with(&documents("{matchExpressions: [{key: join, operator: Exists}]}"))),
        set(&["role-unused ClusterRole other"])
    );
}

/// What tells a dump of a whole cluster from manifests.
const KUBERNETES_OWN: &str = "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: \
    system:basic-user, labels: {kubernetes.io/bootstrapping: rbac-defaults}}, rules: []}";

/// In manifests alone it is not known what is elsewhere in the cluster.
#[test]
fn what_manifests_bind_and_do_not_describe_is_not_called_missing() {
    let report = with(&[binding("a", "shop", "gone", &["ServiceAccount x/x"])]);
    let a = about(&report, View::Unused, "RoleBinding shop/a").unwrap();
    assert_eq!(a.title, "grants Role gone, which nothing that was read describes");
    assert!(!a.fix.contains("delete"), "{}", a.fix);
}

/// `kubectl create clusterrolebinding … --clusterrole=cluster-admin` in a repository is what it is in a cluster.
#[test]
fn kubernetes_own_roles_are_known_where_manifests_bind_them() {
    let yaml = "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: boss}, roleRef: {kind: \
        ClusterRole, name: cluster-admin}, subjects: [{kind: User, name: ann}]}";
    let report = with(&[yaml.to_owned()]);
    let ann = about(&report, View::Subjects, "User ann").unwrap();
    assert_eq!((ann.title.as_str(), ann.severity), ("does everything", Severity::Critical));
    assert_eq!(report.paths.iter().filter(|path| path.from.name == "ann").count(), 1);
    let notices = &report.cluster.notices;
    assert!(
        notices.iter().any(|n| n.contains("cluster-admin is bound and not among what was read")),
        "{notices:?}"
    );
}

#[test]
fn bindings_to_what_does_not_exist_are_told() {
    let report = with(&[
        KUBERNETES_OWN.to_owned(),
        binding("a", "shop", "gone", &["ServiceAccount x/x"]),
        binding("b", "cluster", "gone", &["ServiceAccount x/x"]),
        binding("c", "x", "here", &[]),
        binding("d", "x", "here", &["ServiceAccount x/nobody"]),
        binding("e", "x", "here", &["ServiceAccount x/x", "User ann", "Group devs"]),
    ]);
    assert_eq!(
        rules_of(&report),
        set(&[
            "role-unused ClusterRole system:basic-user",
            "binding-without-role RoleBinding shop/a",
            "binding-without-role ClusterRoleBinding b",
            "binding-without-subjects RoleBinding x/c",
            "binding-without-account RoleBinding x/d",
        ])
    );
    let a = about(&report, View::Unused, "RoleBinding shop/a").unwrap();
    assert_eq!(a.title, "grants Role gone, which does not exist");
    let d = about(&report, View::Unused, "RoleBinding x/d").unwrap();
    assert_eq!(
        (d.title.as_str(), d.severity),
        ("names ServiceAccount x/nobody, which does not exist", Severity::Low)
    );
}

#[test]
fn a_binding_without_subjects_hands_out_nothing() {
    let report = with(&[role("r", "shop", &["get secrets"]), binding("b", "shop", "r", &[])]);
    assert_eq!(about(&report, View::Bindings, "RoleBinding shop/b"), None);
    assert!(about(&report, View::Unused, "RoleBinding shop/b").is_some());
}

#[test]
fn an_account_that_does_not_exist_is_worse_where_its_rights_are() {
    let report = with(&[rights("r", "shop", "ServiceAccount shop/nobody", &["get secrets"])]);
    assert_eq!(about(&report, View::Unused, "RoleBinding shop/r").unwrap().severity, Severity::Medium);
}

#[test]
fn what_could_not_be_read_is_not_called_missing() {
    let documents =
        [binding("b", "shop", "gone", &["ServiceAccount shop/nobody"]), role("idle", "shop", &["get pods"])];
    let report = scan(&cluster(&documents), &Settings::new(now()));
    assert_eq!(
        rules_of(&report),
        set(&["binding-without-role RoleBinding shop/b"]),
        "no account and no ClusterRoleBinding was read, but this namespace's roles were"
    );
    let mut reader = reader(&[binding("b", "shop", "gone", &["User ann"])]);
    reader.absent("roles", "forbidden");
    let report = scan(&reader.finish(), &Settings::new(now()));
    assert_eq!(rules_of(&report), set(&[]));
}
