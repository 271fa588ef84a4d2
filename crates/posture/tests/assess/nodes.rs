//! Nodes: what whoever takes one has, by all its pods and as itself.

use sundew_posture::{Severity, report::View};

use crate::given::{CLUSTER, about, node, pod, rights, root, scanned, stops, way};

#[test]
fn a_node_has_what_all_its_pods_have_together() {
    let report = scanned(&[
        rights("reads", "shop", "ServiceAccount shop/a", &["get secrets"]),
        rights("runs", "blog", "ServiceAccount blog/b", &["create pods/attach"]),
        node("n1", false),
        node("n2", false),
        pod("shop/web", "a", "n1", ""),
        pod("blog/web", "b", "n1", ""),
        pod("blog/quiet", "c", "n2", ""),
    ]);
    let finding = about(&report, View::Nodes, "Node n1").unwrap();
    assert_eq!(
        (finding.severity, finding.title.as_str()),
        (Severity::High, "holds 2 risky identities together")
    );
    let said: Vec<&str> = finding.because.iter().map(|b| b.what.as_str()).collect();
    assert_eq!(
        said,
        [
            "ServiceAccount shop/a reads Secrets; its token is in pod web",
            "ServiceAccount blog/b attaches to pods; its token is in pod web"
        ]
    );
    assert_eq!(about(&report, View::Nodes, "Node n2"), None);
}

#[test]
fn a_node_that_only_pods_name_is_looked_at_too() {
    let report = scanned(&[
        rights("reads", "shop", "ServiceAccount shop/a", &["get secrets"]),
        pod("shop/web", "a", "n1", ""),
    ]);
    assert_eq!(about(&report, View::Nodes, "Node n1").unwrap().title, "holds a risky identity");
}

#[test]
fn what_the_node_has_as_itself_is_joined_with_what_its_pods_have() {
    for subject in ["Group system:nodes", "User system:node:n1"] {
        let report = scanned(&[node("n1", false), rights("own", "cluster", subject, &["get secrets"])]);
        let finding = about(&report, View::Nodes, "Node n1").unwrap_or_else(|| panic!("{subject}"));
        assert_eq!(finding.because[0].what, format!("{subject} reads Secrets; the node is one itself"));
    }
    let other =
        scanned(&[node("n1", false), rights("own", "cluster", "User system:node:n2", &["get secrets"])]);
    assert_eq!(about(&other, View::Nodes, "Node n1"), None);
}

#[test]
fn a_node_of_the_control_plane_is_the_cluster() {
    let report = scanned(&[node("cp", true), node("n1", false)]);
    let finding = about(&report, View::Nodes, "Node cp").unwrap();
    assert_eq!((finding.severity, finding.system), (Severity::Critical, true));
    assert_eq!(way(&report, "Node cp"), stops(&[CLUSTER]));
    assert_eq!(way(&report, "Node n1"), None);
}

#[test]
fn from_a_pod_to_its_node_to_another_pod_to_its_account() {
    let weak = pod("shop/weak", "nobody", "n1", "")
        .replace("- name: main", "- name: main\n    securityContext: {privileged: true}");
    let report =
        scanned(&[root(), weak, pod("ops/tool", "root", "n1", ""), pod("ops/far", "root", "n2", "")]);
    assert_eq!(
        way(&report, "Pod shop/weak"),
        stops(&["Node n1", "Pod ops/tool", "ServiceAccount ops/root", CLUSTER])
    );
    assert_eq!(way(&report, "Node n1"), stops(&["Pod ops/tool", "ServiceAccount ops/root", CLUSTER]));
}

#[test]
fn a_node_uses_its_own_credential_too() {
    let report = scanned(&[
        root(),
        node("n1", false),
        rights("asks", "ops", "Group system:nodes", &["create serviceaccounts/token"]),
    ]);
    assert_eq!(way(&report, "Node n1"), stops(&["Group system:nodes", "ServiceAccount ops/root", CLUSTER]));
}
