//! `sundew who-can`: everybody who can do one thing, and why.

use serde_json::Value;

use crate::{
    common::{Ran, ran, sundew},
    scan::folder,
};

fn ask(args: &[&str]) -> Ran {
    let folder = folder();
    ran(sundew().arg("who-can").args(args).args(["--from", "cluster.yaml"]).current_dir(folder.path()))
}

fn answer(args: &[&str]) -> String {
    let Ran { code, out, err } = ask(args);
    assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
    out
}

fn refused(args: &[&str], want: &str) {
    let Ran { code, out, err } = ask(args);
    assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
    assert!(err.contains(want), "`{want}` is not in: {err}");
}

#[test]
fn everybody_who_can_with_binding_and_role() {
    let mut all = String::new();
    for args in [
        ["create", "po"].as_slice(),
        &["create", "pods", "-n", "shop"],
        &["get", "secrets", "-A", "--explain"],
        &["get", "secrets/orders-db", "-n", "shop"],
        &["get", "pods", "--subresource", "exec", "-n", "shop", "--kubernetes-version", "1.34"],
        &["get", "/metrics"],
        &["delete", "no", "-n", "shop"],
        &["list", "widgets.example.org"],
        &["get", "pods/exec", "-n", "shop"],
        &["*", "*"],
    ] {
        all.push_str(&format!("# {}\n{}\n", args.join(" "), answer(args)));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn one_identity_is_answered_with_yes_or_no_and_the_reason() {
    let mut all = String::new();
    for (args, code) in [
        (["create", "pods", "-n", "shop", "--as", "sa/shop/orders"].as_slice(), 0),
        (&["delete", "pods", "-n", "shop", "--as", "sa/shop/orders"], 1),
        (&["create", "pods", "-n", "ops", "--as", "sa/shop/orders"], 1),
        (&["get", "secrets", "-n", "shop", "--as", "user/alice"], 1),
        (&["get", "secrets/orders-db", "-n", "shop", "--as", "user/alice"], 0),
        (&["get", "pods", "--subresource", "log", "-n", "shop", "--as", "user/alice"], 1),
        (&["delete", "nodes", "--as", "user/bob", "--as-group", "system:masters"], 0),
        (&["get", "secrets/orders-db", "-n", "shop", "--as", "node/worker-1"], 0),
        (&["get", "secrets/other", "-n", "shop", "--as", "node/worker-1"], 1),
    ] {
        let ran = ask(args);
        assert_eq!((ran.code, ran.err.as_str()), (code, ""), "{args:?}");
        all.push_str(&format!("# {}\n{}\n", args.join(" "), ran.out));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn the_answer_as_json_has_the_grants() {
    let said: Value = serde_json::from_str(&answer(&["create", "pods", "-n", "shop", "-o", "json"])).unwrap();
    assert_eq!(said["question"], "create pods in shop");
    let who = said["who"].as_array().unwrap();
    let orders = who.iter().find(|holder| holder["subject"]["name"] == "orders").unwrap();
    assert_eq!(orders["because"][0]["binding"], "RoleBinding shop/orders");
    let said: Value =
        serde_json::from_str(&answer(&["create", "pods", "-n", "shop", "-o", "json", "--as", "user/alice"]))
            .unwrap();
    assert_eq!(said["allowed"], true);
}

#[test]
fn what_could_not_be_read_is_said_first() {
    let folder = tempfile::tempdir().unwrap();
    let text = "{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: b}}\n";
    std::fs::write(folder.path().join("a.yaml"), text).unwrap();
    let args = ["who-can", "get", "pods", "--from", "a.yaml"];
    let ran = ran(sundew().args(args).current_dir(folder.path()));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.starts_with("Not read, so more may be able to: "), "{}", ran.out);
    assert!(ran.out.contains("Nobody whom a binding names can get pods"), "{}", ran.out);
}

#[test]
fn questions_that_make_no_sense_are_refused() {
    refused(&["get", "deployments.apps", "--group", "batch"], "names the API group apps, and --group batch");
    refused(&["get", "/metrics", "--subresource", "x"], "has no API group and no subresource");
    refused(&["get", "pods/"], "names no resource");
    refused(&["get", "pods", "--as", "role/shop/orders"], "--as takes sa/NAMESPACE/NAME");
    refused(&["get", "pods", "--as", "orders"], "`orders` names no object");
    refused(
        &["get", "pods", "--as", "sa/shop/orders", "--as-group", "dev"],
        "--as-group says the groups of a user",
    );
    refused(&["get", "pods", "-n", "a", "-A"], "cannot be used with");
}
