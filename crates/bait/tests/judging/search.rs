//! Decoys whose inventory was lost.

use serde_json::{Value, json};
use sundew_bait::search::{Candidate, Remembered, search};
use sundew_decoy::{MountedBy, Persona};

use crate::given::{binding, cluster, cluster_with, persona, right, role, small, time, to_account, to_group};

fn names(candidates: &[Candidate]) -> Vec<String> {
    candidates.iter().map(|candidate| candidate.decoy.name()).collect()
}

fn account(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": "2026-11-20T10:00:00Z"}})
}

fn token(namespace: &str, account: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": "2026-11-20T10:00:03Z",
            "annotations": {"kubernetes.io/service-account.name": account}}})
}

fn pod(namespace: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec})
}

fn found_in(items: &Value) -> Vec<Candidate> {
    search(&small(items), &[], &Remembered::default())
}

fn tiller() -> Persona {
    let mut persona = persona("tiller");
    persona.namespaces = vec!["kube-system".into()];
    persona
}

#[test]
fn decoys_are_found_by_what_they_are_and_the_likest_comes_first() {
    let found = search(&cluster(), &[persona("other"), tiller()], &Remembered::default());
    assert_eq!(names(&found), ["kube-system/tiller", "honeypot/backup-sa"]);
    let tiller = &found[0];
    assert_eq!(tiller.decoy.persona.as_deref(), Some("tiller"));
    assert_eq!((tiller.decoy.state, tiller.decoy.objects.len()), (None, 0));
    let placement = &tiller.decoy.placements[0];
    assert_eq!(placement.secret.as_deref(), Some("tiller-token-x7k2p"));
    assert_eq!(
        (placement.label().as_str(), placement.location.as_deref()),
        ("secret", Some("in the namespace"))
    );
    for said in [
        "it may do nothing that not every account may",
        "account and Secrets were made in one go",
        "no token of it was ever used",
        "its name is the one of persona tiller",
        "Secret tiller-token-x7k2p is named as those of persona tiller",
        "persona tiller belongs into its namespace",
    ] {
        assert!(tiller.because.iter().any(|because| because == said), "{said}: {:#?}", tiller.because);
    }
    assert!(found[1].decoy.persona.is_none());
}

#[test]
fn a_pod_that_exposes_the_secret_and_does_not_run_as_the_account_is_a_placement() {
    let found =
        search(&cluster(), &[], &Remembered { account: Some("backup".into()), ..Remembered::default() });
    let mounted = found[0].decoy.placements[0].mounted_by.clone();
    let expected =
        MountedBy { pod: Some("file-backup".into()), workload: None, nodes: vec!["worker-1".into()] };
    assert_eq!(mounted, Some(expected));
}

#[test]
fn of_a_pod_that_a_deployment_made_the_deployment_is_named() {
    let spec = json!({"nodeName": "n1", "containers": [], "volumes": [{"name": "v", "secret": {"secretName": "t"}}]});
    let mut replica = pod("shop", "web-5d-x", &spec);
    replica["metadata"]["ownerReferences"] =
        json!([{"kind": "ReplicaSet", "name": "web-5d", "controller": true}]);
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"template": {"spec": {"volumes": spec["volumes"], "containers": []}}}});
    let found = found_in(&json!([account("shop", "a"), token("shop", "a", "t"), replica, deployment]));
    let expected = MountedBy { pod: None, workload: Some("web".into()), nodes: vec!["n1".into()] };
    assert_eq!(found[0].decoy.placements[0].mounted_by, Some(expected));
}

#[test]
fn each_secret_with_a_token_is_a_placement_of_its_own() {
    let found = found_in(&json!([
        account("shop", "a"),
        token("shop", "a", "t1"),
        token("shop", "a", "t2"),
        token("shop", "b", "other"),
        token("ci", "a", "elsewhere")
    ]));
    let secrets: Vec<_> = found[0].decoy.placements.iter().filter_map(|p| p.secret.as_deref()).collect();
    assert_eq!((found.len(), secrets), (1, vec!["t1", "t2"]));
}

#[test]
fn an_account_whose_secret_it_lists_itself_was_made_by_an_old_kubernetes() {
    let mut listing = account("shop", "a");
    listing["secrets"] = json!([{"name": "t"}]);
    assert_eq!(found_in(&json!([listing, token("shop", "a", "t")])), []);
    assert_eq!(found_in(&json!([account("shop", "a")])), [], "and one with no token at all is no decoy");
}

#[test]
fn an_account_that_a_pod_works_as_is_no_decoy() {
    let (account, token) = (account("shop", "a"), token("shop", "a", "t"));
    let with = |spec: &Value| found_in(&json!([account, token, pod("shop", "p", spec)])).len();
    assert_eq!(with(&json!({"serviceAccountName": "a", "containers": []})), 0);
    let without_token =
        json!({"serviceAccountName": "a", "automountServiceAccountToken": false, "containers": []});
    assert_eq!(with(&without_token), 1, "it has no token by that");
    assert_eq!(with(&json!({"serviceAccountName": "b", "containers": []})), 1);
    let mut ended = pod("shop", "p", &json!({"serviceAccountName": "a", "containers": []}));
    ended["status"] = json!({"phase": "Failed"});
    assert_eq!(found_in(&json!([account, token, ended])).len(), 1);
}

#[test]
fn an_account_that_can_change_things_is_no_decoy_unless_a_persona_declares_it() {
    let rule = |verb: &str, resource: &str| {
        let role = role("shop", "a", &json!([{"verbs": [verb], "apiGroups": [""], "resources": [resource]}]));
        let bound = binding("shop", "a", "Role/a", &to_account("shop", "a"));
        small(&json!([account("shop", "a"), token("shop", "a", "t"), role, bound]))
    };
    let count = |cluster, personas: &[Persona]| search(&cluster, personas, &Remembered::default()).len();
    for (verb, resource, expected) in [
        ("get", "pods", 1),
        ("get", "pods/log", 1),
        ("get", "secrets", 0),
        ("get", "pods/exec", 0),
        ("create", "configmaps", 0),
        ("*", "pods", 0),
        ("get", "*", 0),
    ] {
        assert_eq!(count(rule(verb, resource), &[]), expected, "{verb} {resource}");
    }
    let mut declaring = persona("declaring");
    declaring.rights = vec![right(&["create"], "", &["configmaps"])];
    assert_eq!(count(rule("create", "configmaps"), &[declaring]), 1);
}

#[test]
fn what_every_account_is_given_says_nothing_about_one() {
    let bound = binding("", "all", "ClusterRole/edit", &to_group("system:serviceaccounts"));
    let found = search(&cluster_with(&json!([bound])), &[], &Remembered::default());
    assert_eq!(found.len(), 2);
}

#[test]
fn rights_that_could_not_be_read_do_not_speak_for_it() {
    let mut cluster = small(&json!([account("shop", "a"), token("shop", "a", "t")]));
    cluster
        .absent
        .push(sundew_posture::model::Absent { resource: "roles".into(), reason: "forbidden".into() });
    cluster
        .absent
        .push(sundew_posture::model::Absent { resource: "pods".into(), reason: "forbidden".into() });
    let found = search(&cluster, &[], &Remembered::default());
    let because = found[0].because.join("; ");
    assert!(!because.contains("may do nothing") && !because.contains("no pod"), "{because}");
}

#[test]
fn a_token_that_is_refused_is_told_as_a_tombstones() {
    let mut secret = token("shop", "a", "t");
    secret["metadata"]["labels"] = json!({"kubernetes.io/legacy-token-invalid-since": "2026-11-01",
        "kubernetes.io/legacy-token-last-used": "2026-11-02"});
    let found = found_in(&json!([account("shop", "a"), secret]));
    let because = found[0].because.join("; ");
    assert!(because.contains("refused since 2026-11-01") && !because.contains("ever used"), "{because}");
}

#[test]
fn what_the_user_remembers_narrows_it() {
    let cluster = small(&json!([
        account("shop", "backup-sa"),
        token("shop", "backup-sa", "t"),
        account("ci", "runner"),
        token("ci", "runner", "t")
    ]));
    let found = |remembered: Remembered| names(&search(&cluster, &[], &remembered));
    let none = Remembered::default;
    assert_eq!(found(none()).len(), 2);
    assert_eq!(found(Remembered { namespace: Some("ci".into()), ..none() }), ["ci/runner"]);
    assert_eq!(found(Remembered { account: Some("back".into()), ..none() }), ["shop/backup-sa"]);
    let around = |after: &str, before: &str| {
        found(Remembered { after: Some(time(after)), before: Some(time(before)), ..none() }).len()
    };
    assert_eq!(around("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"), 2);
    assert_eq!(around("2026-11-20T10:00:01Z", "2026-11-21T00:00:00Z"), 0);
    assert_eq!(around("2026-11-19T00:00:00Z", "2026-11-20T00:00:00Z"), 0);
}

#[test]
fn a_placement_is_named_only_where_the_name_could_be_no_others() {
    let personas = [persona("backup")];
    let of = |items: Value| {
        let found = search(&small(&items), &personas, &Remembered::default());
        found[0].decoy.placements.iter().map(|placement| placement.label()).collect::<Vec<_>>()
    };
    let (account, one) = (account("shop", "backup"), token("shop", "backup", "backup-token-aaaaa"));
    assert_eq!(of(json!([account, one])), ["secret"]);
    let two = token("shop", "backup", "backup-token-bbbbb");
    assert_eq!(of(json!([account, one, two])), ["backup-token-aaaaa", "backup-token-bbbbb"]);
}

#[test]
fn a_persona_of_which_only_a_wildcard_is_left_is_like_nothing() {
    let mut anything = persona("anything");
    anything.words.insert("account".into(), "{random10}".into());
    anything.placements[0].secret = "{random5}".into();
    let cluster = small(&json!([account("shop", "a"), token("shop", "a", "t")]));
    assert_eq!(search(&cluster, &[anything], &Remembered::default())[0].decoy.persona, None);
}
