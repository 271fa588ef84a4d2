//! Half a cluster: what could not be read is said, and never taken as safe.

use sundew_posture::{Settings, report::View, scan};

use crate::given::{
    CLUSTER, about, binding, now, of_view, pod, reader, rights, root, scanned, stops, token, way,
};

#[test]
fn what_was_not_read_is_listed_with_the_reason() {
    let mut reader = reader(&[rights("r", "shop", "User ann", &["get secrets"])]);
    reader.absent("secrets", "the server said: forbidden");
    let report = scan(&reader.finish(), &Settings::new(now()));
    let unread: Vec<(&str, &str)> =
        report.cluster.unread.iter().map(|u| (u.resource.as_str(), u.reason.as_str())).collect();
    let nothing = "nothing that was read describes any";
    assert_eq!(
        unread,
        [
            ("clusterrolebindings", nothing),
            ("clusterroles", nothing),
            ("namespaces", nothing),
            ("nodes", nothing),
            ("pods", nothing),
            ("secrets", "the server said: forbidden"),
            ("serviceaccounts", nothing),
        ]
    );
}

#[test]
fn secrets_that_were_not_read_may_hold_the_token_of_any_account() {
    let reads = rights("reads", "ops", "User ann", &["get secrets"]);
    let unknown = scanned(&[root(), reads.clone()]);
    assert_eq!(way(&unknown, "User ann"), stops(&["ServiceAccount ops/root", CLUSTER]));
    let step = &unknown.paths.iter().find(|p| p.from.name == "ann").unwrap().steps[0];
    assert!(
        step.act.ends_with("takes its token from a Secret, if it has one (Secrets could not be read)"),
        "{}",
        step.act
    );
    let opaque =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: ops}\ntype: Opaque".to_owned();
    assert_eq!(way(&scanned(&[root(), reads, opaque]), "User ann"), None, "known to be no token");
}

#[test]
fn a_namespace_that_was_not_read_has_no_guard() {
    let creates = rights("creates", "shop", "User ann", &["create pods"]);
    let report = scanned(&[root(), creates, pod("ops/tool", "root", "n1", "")]);
    assert_eq!(
        way(&report, "User ann"),
        stops(&["Node n1", "Pod ops/tool", "ServiceAccount ops/root", CLUSTER])
    );
}

#[test]
fn accounts_that_were_not_read_exist_where_pods_run_as_them() {
    let report = scanned(&[
        rights("reads", "shop", "Group system:serviceaccounts:shop", &["create secrets", "get secrets"]),
        pod("shop/web", "a", "n1", ""),
        token("shop/old", "a", ""),
    ]);
    assert!(about(&report, View::Pods, "Pod shop/web").is_some());
}

#[test]
fn without_roles_a_binding_is_not_said_to_lead_nowhere() {
    let mut reader = reader(&[binding("b", "cluster", "admin", &["User ann"])]);
    reader.absent("clusterroles", "forbidden");
    let report = scan(&reader.finish(), &Settings::new(now()));
    assert_eq!(of_view(&report, View::Unused).len(), 0);
}

#[test]
fn nothing_at_all_is_a_report_that_says_so() {
    let report = scanned::<String>(&[]);
    assert_eq!(report.findings.len() + report.paths.len() + report.cuts.len(), 0);
    assert_eq!(report.cluster.unread.len(), 9);
    assert!(report.summary.values().all(|count| *count == 0));
    assert_eq!(report.worst(), None);
}
