//! When an object counts as changed.

use serde_json::{Value, json};
use sundew_decoy::drift::digest;

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "a", "namespace": "b", "labels": {"app": "a"}},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "c", "image": "d"}]}}},
    })
}

fn secret() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "a", "annotations": {"kubernetes.io/service-account.name": "b"}},
        "data": {"token": "c2VjcmV0"},
    })
}

fn after(mut object: Value, change: impl FnOnce(&mut Value)) -> String {
    change(&mut object);
    digest(&object)
}

#[test]
fn it_is_sha_256_in_hexadecimal_and_does_not_depend_on_the_order_of_keys() {
    let one = digest(
        &serde_json::from_str(r#"{"kind":"A","metadata":{"name":"a","labels":{"x":"1","y":"2"}}}"#).unwrap(),
    );
    let two = digest(
        &serde_json::from_str(r#"{"metadata":{"labels":{"y":"2","x":"1"},"name":"a"},"kind":"A"}"#).unwrap(),
    );
    assert_eq!(one, two);
    assert!(one.len() == 64 && one.bytes().all(|c| c.is_ascii_hexdigit()));
}

#[test]
fn what_the_cluster_sets_by_itself_is_no_change() {
    let before = digest(&deployment());
    let now = after(deployment(), |object| {
        for (key, value) in [
            ("uid", json!("u")),
            ("resourceVersion", json!("7")),
            ("creationTimestamp", json!("2026-01-01T00:00:00Z")),
            ("generation", json!(3)),
            ("managedFields", json!([{"manager": "x"}])),
            ("annotations", json!({"deployment.kubernetes.io/revision": "2"})),
        ] {
            object["metadata"][key] = value;
        }
        object["status"] = json!({"readyReplicas": 1});
    });
    assert_eq!(before, now);
}

#[test]
fn what_somebody_changes_is_a_change() {
    let before = digest(&deployment());
    for (pointer, value) in [
        ("/spec/replicas", json!(2)),
        ("/spec/template/spec/containers/0/image", json!("other")),
        ("/metadata/labels", json!({"app": "a", "team": "b"})),
        ("/metadata/labels/app", json!("b")),
        ("/metadata/name", json!("b")),
    ] {
        let now = after(deployment(), |object| *object.pointer_mut(pointer).unwrap() = value);
        assert_ne!(before, now, "{pointer}");
    }
    let annotated = after(deployment(), |object| object["metadata"]["annotations"] = json!({"note": "x"}));
    assert_ne!(before, annotated);
}

#[test]
fn a_use_of_a_token_and_its_end_are_no_change_of_its_secret() {
    let before = digest(&secret());
    for label in ["kubernetes.io/legacy-token-last-used", "kubernetes.io/legacy-token-invalid-since"] {
        let now = after(secret(), |object| object["metadata"]["labels"] = json!({label: "2026-01-01"}));
        assert_eq!(before, now);
    }
    let marked = after(secret(), |object| object["metadata"]["labels"] = json!({"seen": "yes"}));
    assert_ne!(before, marked);
}

#[test]
fn of_a_secret_only_the_metadata_counts_in_every_form_in_which_it_comes() {
    let before = digest(&secret());
    let filled = after(secret(), |object| {
        object["data"] = json!({"token": "b3RoZXI=", "ca.crt": "eA=="});
        object["metadata"]["annotations"]["kubernetes.io/service-account.uid"] = "u".into();
    });
    let of_list = after(secret(), |object| {
        object.as_object_mut().unwrap().retain(|key, _| key != "kind" && key != "apiVersion");
    });
    let metadata = digest(&json!({
        "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": secret()["metadata"],
    }));
    assert_eq!([&filled, &of_list, &metadata], [&before; 3]);
}

#[test]
fn an_account_that_openshift_gave_its_registrys_secrets_is_unchanged() {
    let account = || json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}});
    let before = digest(&account());
    let now = after(account(), |object| {
        object["secrets"] = json!([{"name": "a-dockercfg-x7k2p"}]);
        object["imagePullSecrets"] = json!([{"name": "a-dockercfg-x7k2p"}]);
        object["metadata"]["annotations"] =
            json!({"openshift.io/internal-registry-pull-secret-ref": "a-dockercfg-x7k2p"});
    });
    assert_eq!(before, now);
    assert_ne!(before, after(account(), |object| object["secrets"] = json!([{"name": "stolen"}])));
}

#[test]
fn a_pod_is_unchanged_when_it_gets_a_node() {
    let pod = || json!({"kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": []}});
    assert_eq!(digest(&pod()), after(pod(), |object| object["spec"]["nodeName"] = "n1".into()));
}
