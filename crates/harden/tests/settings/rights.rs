//! What everybody may do.

use jiff::Timestamp;
use sundew_decoy::Inventory;
use sundew_harden::{
    Step,
    settings::{Heard, Seen, State, look, plan},
};
use sundew_posture::{Settings, Severity, scan};

use super::{
    KUBEADM, bad, cluster, fact, looked, seen, state,
    tokens::{event, heard},
};

const RBAC: &str = "rbac.authorization.k8s.io";

fn bound(kind: &str, name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: List\nitems:\n- {{apiVersion: {RBAC}/v1, kind: ClusterRole, metadata: {{name: r}}, rules: [{{apiGroups: [''], resources: [pods], verbs: [get]}}]}}\n- {{apiVersion: {RBAC}/v1, kind: ClusterRoleBinding, metadata: {{name: b}}, roleRef: {{apiGroup: {RBAC}, kind: ClusterRole, name: r}}, subjects: [{{apiGroup: {RBAC}, kind: {kind}, name: '{name}'}}]}}\n- {{apiVersion: {RBAC}/v1, kind: RoleBinding, metadata: {{name: b, namespace: x}}, roleRef: {{apiGroup: {RBAC}, kind: ClusterRole, name: r}}, subjects: [{{apiGroup: {RBAC}, kind: User, name: ann}}]}}\n"
    )
}

#[test]
fn each_binding_for_everybody_is_named_with_the_command_that_takes_it_away() {
    for (kind, name, id, severity) in [
        ("User", "system:anonymous", "rights-of-anybody", Severity::High),
        ("Group", "system:unauthenticated", "rights-of-anybody", Severity::High),
        ("Group", "system:authenticated", "rights-of-the-known", Severity::Medium),
        ("Group", "system:serviceaccounts", "rights-of-accounts", Severity::Medium),
    ] {
        let facts = looked(&bound(kind, name), |_| {});
        let fact = fact(&facts, id);
        assert_eq!(fact.state, bad(severity), "{name}");
        assert!(fact.evidence[0].starts_with("ClusterRoleBinding b gives r to"), "{:?}", fact.evidence);
        assert_eq!(fact.commands, ["kubectl delete clusterrolebinding b"]);
    }
}

#[test]
fn what_kubernetes_and_kubeadm_give_is_evidence_and_not_told() {
    let facts = looked(KUBEADM, |_| {});
    assert_eq!(state(&facts, "rights-of-the-known"), State::Good);
    let anybody = fact(&facts, "rights-of-anybody");
    assert_eq!(anybody.commands.len(), 1, "{anybody:?}");
    let kept: Vec<_> = anybody.evidence.iter().filter(|line| line.ends_with("as Kubernetes does")).collect();
    assert_eq!(kept.len(), 2, "{anybody:?}");
}

#[test]
fn accounts_of_one_namespace_are_told_of_only_where_they_share_a_risk() {
    let harmless = looked(&bound("Group", "system:serviceaccounts:shop"), |_| {});
    assert_eq!(state(&harmless, "rights-of-accounts"), State::Good);
    let text = bound("Group", "system:serviceaccounts:shop").replace("[pods]", "[secrets]");
    let facts = looked(&text, |_| {});
    assert!(matches!(state(&facts, "rights-of-accounts"), State::Bad { .. }));
}

/// The first step that takes a right from the accounts of namespace ops, with what logs tell of it.
fn of_ops(heard: Option<Heard>, decoys: Option<&Inventory>) -> Step {
    let text = bound("Group", "system:serviceaccounts:ops").replace("[pods]", "[secrets]");
    let cluster = cluster(&text);
    let report = scan(&cluster, &Settings::new(Timestamp::UNIX_EPOCH));
    let seen = Seen { heard, decoys, ..seen(&cluster, &report) };
    plan(&seen, &look(&seen)).steps.into_iter().next().unwrap()
}

#[test]
fn who_is_given_a_right_is_said_as_it_is_and_the_decision_is_left_to_the_operator() {
    let step = of_ops(None, None);
    assert!(step.title.starts_with("Left to you: ClusterRoleBinding b"), "{}", step.title);
    assert_eq!(step.because[0], "It gives r to every account of namespace ops.");
    assert!(step.because[1].starts_with("Who rests on it is not known"), "{:?}", step.because);
    assert_eq!(step.apply, ["# kubectl delete clusterrolebinding b"]);
    assert_eq!(step.undo, ["kubectl create -f before/cluster-b.json"]);
}

#[test]
fn whom_a_binding_for_a_group_served_is_named_and_bait_is_not() {
    let by = |binding: &str, group: &str| {
        format!(
            r#""authorization.k8s.io/reason":"RBAC: allowed by ClusterRoleBinding \"{binding}\" of ClusterRole \"r\" to Group \"{group}\"""#
        )
    };
    let ops = "system:serviceaccounts:ops";
    let events = [
        event(1, "system:serviceaccount:ops:job", ops, &by("b", ops)),
        event(2, "system:serviceaccount:ops:job", ops, &by("b", ops)),
        event(2, "system:serviceaccount:ops:bait", ops, &by("b", ops)),
        event(3, "system:serviceaccount:ops:other", ops, &by("another", ops)),
        event(3, "ann", "system:authenticated", &by("b", "devs")),
    ];
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let text = r#"{"version": 1, "decoys": [{"namespace": "ops", "account": "bait", "placements": []}]}"#;
    let decoys: Inventory = serde_json::from_str(text).unwrap();
    let step = of_ops(Some(heard(&events)), Some(&decoys));
    let said = &step.because[1];
    assert!(
        said.contains("it served, with so many requests: system:serviceaccount:ops:job (2). Who"),
        "{said}"
    );
    let nobody = of_ops(Some(heard(&events[3..])), None);
    assert!(nobody.because[1].contains("name nobody whom it served"), "{:?}", nobody.because);
    assert!(nobody.apply[0].starts_with("# "), "silence is no proof: {:?}", nobody.apply);
}

#[test]
fn a_default_account_with_rights_is_told_of() {
    let fact = fact(&looked(KUBEADM, |_| {}), "default-accounts");
    assert_eq!(fact.state, bad(Severity::High));
    assert!(fact.evidence[0].starts_with("ServiceAccount shop/default"), "{fact:?}");
}

#[test]
fn bindings_that_could_not_be_read_are_not_taken_for_none() {
    let text = bound("User", "ann").replace("kind: RoleBinding", "kind: Other");
    let facts = looked(&text, |_| {});
    for id in ["rights-of-anybody", "rights-of-the-known", "rights-of-accounts", "default-accounts"] {
        assert_eq!(state(&facts, id), State::Unknown, "{id}");
    }
}
