//! Taking away, against a cluster that holds what the tests put there.

use std::fs;

use serde_json::{Value, json};

use super::{
    Site,
    plane::{Act, Plane},
};
use crate::common::Ran;

const BY_HAND: &str = "
version: 1
cluster: demo
decoys:
- {namespace: kube-system, account: tiller, placements: [{secret: tiller-token}]}
";

const PLANTED: &str = "
version: 1
cluster: demo
decoys:
- {namespace: shop, account: first, state: planted, objects: [
    {apiVersion: v1, kind: ServiceAccount, namespace: shop, name: first, uid: uid-3, part: account}]}
- {namespace: shop, account: second, state: planted, objects: [
    {apiVersion: v1, kind: ServiceAccount, namespace: shop, name: second, uid: uid-4, part: account}]}
";

fn account(namespace: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}")
}

/// A cluster, and a folder with its kubeconfig and an inventory.
async fn site(inventory: &str) -> (Plane, Site) {
    let plane = Plane::start(&["kube-system", "shop"]).await;
    let site = Site::with(&[("inventory.yaml", inventory), ("kubeconfig", &plane.kubeconfig())]);
    (plane, site)
}

/// An account and its Secret that have the names of a decoy, made long before anybody thought of bait.
async fn real_one() -> (Plane, Site) {
    let (plane, site) = site(BY_HAND).await;
    let by = json!([{"manager": "helm", "operation": "Update"}]);
    plane.put(&account("kube-system", "tiller"), "ServiceAccount", json!({"managedFields": by}));
    let annotations = json!({"kubernetes.io/service-account.name": "tiller"});
    let secret = "/api/v1/namespaces/kube-system/secrets/tiller-token";
    plane.put(secret, "Secret", json!({"annotations": annotations}));
    (plane, site)
}

fn run(site: &Site, args: &[&str]) -> Ran {
    site.run(&[args, &["--kubeconfig", "kubeconfig"]].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_by_its_name_alone_is_shown_and_not_removed() {
    let (plane, site) = real_one().await;
    for args in
        [&["remove", "--all", "--yes"] as &[&str], &["retire", "--tombstone", "kube-system/tiller", "--yes"]]
    {
        let Ran { code, out, err } = run(&site, args);
        assert_eq!(code, 2, "{out}{err}");
        for part in ["ServiceAccount kube-system/tiller", "uid uid-3", "made 2026-11-21T17:03:00Z", "by helm"]
        {
            assert!(out.contains(part) && err.contains(part), "`{part}`: {out}{err}");
        }
        assert!(err.contains("by whom is not noted") && err.contains("--by-name"), "{err}");
        assert_eq!(err.lines().count(), 1, "{err}");
        assert_eq!(plane.objects().len(), 2);
        assert_eq!(fs::read_to_string(site.path().join("inventory.yaml")).unwrap(), BY_HAND);
    }
    let ran = run(&site, &["remove", "--all", "--yes", "-o", "json"]);
    let said: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &said["whole"]), (2, &json!(false)), "{said:#}");
    assert_eq!(said["decoys"][0]["found"][0]["object"]["uid"], "uid-3");
    assert_eq!(said["decoys"][0]["found"][0]["by"], json!(["helm"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_users_word_it_goes_by_its_name() {
    let (plane, site) = real_one().await;
    let ran = run(&site, &["remove", "kube-system/tiller", "--by-name", "--yes"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("was known by its name, and is uid uid-3"), "{}", ran.out);
    assert!(plane.objects().is_empty());
    // Nothing is there any more, so nothing can be somebody else's.
    fs::write(site.path().join("inventory.yaml"), BY_HAND).unwrap();
    let ran = run(&site, &["remove", "kube-system/tiller", "--yes"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_a_finalizer_holds_is_no_success() {
    let (plane, site) = site(PLANTED).await;
    for name in ["first", "second"] {
        plane.put(&account("shop", name), "ServiceAccount", json!({}));
    }
    let held = account("shop", "first");
    plane.edit(&held, |object| object["metadata"]["finalizers"] = json!(["example.org/slow"]));
    let Ran { code, out, err } = run(&site, &["remove", "shop/first", "--yes"]);
    assert_eq!(code, 2, "{out}{err}");
    assert!(out.contains("example.org/slow") && out.contains("Not all of it was done"), "{out}");
    assert!(!out.contains("401"), "{out}");
    let ran = run(&site, &["remove", "shop/first", "--yes", "-o", "json"]);
    let said: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (ran.code, &said["whole"], &said["oldCopiesTell"]),
        (2, &json!(false), &Value::Null),
        "{said:#}"
    );
    plane.edit(&held, |object| object["metadata"]["finalizers"] = Value::Null);
    let ran = run(&site, &["remove", "shop/first", "--yes", "-o", "json"]);
    let said: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (ran.code, &said["whole"], &said["oldCopiesTell"]),
        (0, &json!(true), &json!(false)),
        "{said:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_decoy_that_cannot_be_removed_keeps_no_other_from_it() {
    for output in ["table", "json"] {
        let (plane, site) = site(PLANTED).await;
        for name in ["first", "second"] {
            plane.put(&account("shop", name), "ServiceAccount", json!({}));
        }
        plane.rule(|method, path| match (method, path.ends_with("/first")) {
            ("DELETE", true) => Act::Forbid,
            _ => Act::Go,
        });
        let Ran { code, out, err } = run(&site, &["remove", "--all", "--yes", "-o", output]);
        assert_eq!(code, 2, "{out}{err}");
        assert!(
            err.contains("shop/first: this credential may not delete ServiceAccount shop/first"),
            "{err}"
        );
        assert_eq!(plane.objects(), [account("shop", "first")]);
        let left = fs::read_to_string(site.path().join("inventory.yaml")).unwrap();
        assert!(left.contains("first") && left.contains("removing") && !left.contains("second"), "{left}");
        if output == "json" {
            let said: Value = serde_json::from_str(&out).unwrap();
            assert_eq!(
                (&said["decoys"][0]["whole"], &said["decoys"][1]["whole"]),
                (&json!(false), &json!(true))
            );
            assert!(said["decoys"][0]["error"].as_str().unwrap().contains("may not delete"), "{said:#}");
        } else {
            assert!(
                out.contains("failed: ") && out.contains("ServiceAccount shop/second was deleted"),
                "{out}"
            );
            assert!(out.trim_end().ends_with("when that is mended."), "{out}");
        }
    }
}
