//! The few bindings whose removal cuts most ways: each is tried out, and true.

use crate::given::{CLUSTER, account, binding, namespace, pod, rights, role, root, scanned, stops, way};

#[test]
fn the_binding_that_most_ways_need_comes_first_and_what_is_left_is_counted() {
    let report = scanned(&[
        root(),
        rights("gate", "ops", "ServiceAccount mid/gate", &["create serviceaccounts/token"]),
        rights("x", "mid", "User x", &["create serviceaccounts/token"]),
        rights("y", "mid", "User y", &["create serviceaccounts/token"]),
        rights("other", "cluster", "User z", &["impersonate users,groups"]),
    ]);
    let cuts: Vec<(String, &str, usize, usize)> =
        report.cuts.iter().map(|c| (c.binding.to_string(), c.role.as_str(), c.cuts, c.left)).collect();
    let expected = [
        ("ClusterRoleBinding root", "ClusterRole root", 4, 1),
        ("ClusterRoleBinding other", "ClusterRole other", 1, 0),
    ];
    assert_eq!(cuts, expected.map(|(binding, role, cuts, left)| (binding.to_owned(), role, cuts, left)));
}

#[test]
fn a_binding_with_another_beside_it_is_not_called_a_cut() {
    let report = scanned(&[
        role("all", "cluster", &["* * of *"]),
        binding("one", "cluster", "all", &["User ann"]),
        binding("two", "cluster", "all", &["User ann"]),
    ]);
    assert_eq!(report.cuts, []);
    assert_eq!(way(&report, "User ann"), stops(&[CLUSTER]));
}

#[test]
fn who_keeps_a_way_of_their_own_when_the_groups_is_cut_is_not_counted_as_cut() {
    let group = "Group system:serviceaccounts:shop";
    let report = scanned(&[
        root(),
        account("shop/a"),
        account("shop/b"),
        rights("all", "ops", group, &["create serviceaccounts/token"]),
        // The group holds it already, so that it is not told of the account.
        rights("own", "ops", "ServiceAccount shop/a", &["create serviceaccounts/token"]),
        rights("keep", "cluster", "ServiceAccount ops/root", &["impersonate groups,users"]),
    ]);
    let [first, ..] = &report.cuts[..] else { panic!("{:?}", report.cuts) };
    // The group, and b; a and root stay.
    assert_eq!((first.binding.to_string().as_str(), first.cuts, first.left), ("RoleBinding ops/all", 2, 2));
}

#[test]
fn pods_and_nodes_count_among_those_who_lose_their_way() {
    let report = scanned(&[root(), pod("ops/tool", "root", "n1", ""), pod("ops/more", "root", "n1", "")]);
    let [cut] = &report.cuts[..] else { panic!("{:?}", report.cuts) };
    assert_eq!((cut.cuts, cut.left), (4, 0), "the account, two pods and the node");
}

#[test]
fn either_of_two_rights_that_only_together_make_a_way_is_a_cut() {
    let report = scanned(&[
        root(),
        pod("ops/tool", "root", "n1", ""),
        namespace("shop", "baseline"),
        rights("pods", "shop", "User ann", &["create pods"]),
        rights("label", "shop", "User ann", &["patch namespaces"]),
        rights("keep", "cluster", "ServiceAccount ops/root", &["impersonate groups,users"]),
    ]);
    assert!(way(&report, "User ann").is_some());
    let [cut, ..] = &report.cuts[..] else { panic!("{:?}", report.cuts) };
    // The account, its pod and the node keep a way by the second binding; ann needs both of hers.
    let first = (cut.binding.to_string(), cut.cuts, cut.left);
    assert!(
        matches!(
            (first.0.as_str(), first.1, first.2),
            ("RoleBinding shop/pods" | "RoleBinding shop/label", 1, 3)
        ),
        "{first:?}"
    );
}

#[test]
fn what_kubernetes_made_is_no_cut() {
    let text = rights("cluster-admin", "cluster", "User ann", &["* * of *"]).replace(
        "metadata: {name: \"cluster-admin\"}",
        "metadata: {name: \"cluster-admin\", labels: {kubernetes.io/bootstrapping: rbac-defaults}}",
    );
    assert_eq!(scanned(&[text]).cuts, []);
}
