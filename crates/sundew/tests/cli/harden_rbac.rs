//! `sundew harden rbac`: what is printed and written, and what is refused before anything is concluded.

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::common::{Ran, fed, ran, recording, sundew};

/// The dump of the cluster of the recordings.
pub(crate) fn dump() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../posture/tests/fixtures/cluster.yaml.gz");
    path.display().to_string()
}

pub(crate) fn quiet() -> String {
    recording("quiet").display().to_string()
}

fn run(more: &[&str]) -> Ran {
    let (dump, quiet) = (dump(), quiet());
    ran(sundew().args(["harden", "rbac", "--from", &dump, "--logs", &quiet]).args(more))
}

/// The sentence that a run ends with that concluded nothing.
fn refused(more: &[&str]) -> String {
    let said = run(more);
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{}", said.err);
    said.err
}

#[test]
fn a_quiet_cluster_as_a_table() {
    let said = run(&["--window", "4m"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    insta::assert_snapshot!(said.out);
}

#[test]
fn one_identity_with_everything_about_it() {
    let said = run(&["--window", "4m", "--margin", "none", "--of", "sa/monitoring/prometheus-k8s"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    insta::assert_snapshot!(said.out);
}

#[test]
fn the_plan_is_a_folder_with_a_page_and_json_has_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan");
    let said = run(&["--window", "4m", "-n", "shop", "-o", "json", "--out", &plan.display().to_string()]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let schema = schemars::schema_for!(sundew_harden::rbac::Report).to_value();
    jsonschema::validate(&schema, &report).unwrap();
    let page = fs::read_to_string(plan.join("README.md")).unwrap();
    assert!(page.contains("kubectl delete rolebinding/frontend -n shop"), "{page}");
    for step in report["plan"]["steps"].as_array().unwrap() {
        for file in step["files"].as_array().unwrap() {
            let written = fs::read_to_string(plan.join(file["name"].as_str().unwrap())).unwrap();
            assert_eq!(written, file["text"].as_str().unwrap());
        }
    }
    let text = page.to_lowercase();
    assert!(!text.contains("sundew"), "what goes into a cluster does not name who made it");
    let again = refused(&["--window", "4m", "--out", &plan.display().to_string()]);
    assert!(again.contains("is not empty"), "{again}");
}

#[test]
fn logs_that_do_not_cover_the_window_are_said_and_nothing_is_narrowed() {
    insta::assert_snapshot!(refused(&[]), @"sundew: the logs go from 2026-11-20 22:12 to 2026-11-20 22:17 UTC and do not cover the window of 14d before their end, so nothing is concluded from them; give --logs older ones too, or a shorter --window");
}

#[test]
fn it_needs_logs_that_can_be_read_twice() {
    let dump = dump();
    let none = ran(sundew().args(["harden", "rbac", "--from", &dump]));
    assert_eq!(none.code, 2);
    insta::assert_snapshot!(none.err, @"sundew: `sundew harden rbac` rests on what was used: give --logs the API server's audit logs");
    let stdin =
        fed(sundew().args(["harden", "rbac", "--from", &dump, "--logs", "-", "--window", "4m"]), b"{}");
    assert_eq!(stdin.code, 2);
    insta::assert_snapshot!(stdin.err, @"sundew: the logs are read twice, to find what was used and to prove that it stays allowed, and standard input can be read once: give --logs files");
}

#[test]
fn whom_nothing_binds_and_who_makes_no_requests_cannot_be_asked_for() {
    let of = |subject: &str| refused(&["--window", "4m", "--of", subject]);
    insta::assert_snapshot!(of("sa/shop/nobody"), @"sundew: --of sa/shop/nobody: no role binding of what was read names ServiceAccount shop/nobody");
    insta::assert_snapshot!(of("group/devs"), @"sundew: --of group/devs: Group devs is no identity that requests are made by; give sa/NAMESPACE/NAME or user/NAME");
    assert!(of("shop/orders").contains("names no object"));
}

#[test]
fn a_namespace_that_nothing_is_in_is_no_good_news() {
    insta::assert_snapshot!(refused(&["--window", "4m", "-n", "shop", "-n", "nope"]), @"sundew: -n nope: nothing of what was read is in a namespace nope");
}

#[test]
fn a_decoy_that_is_asked_for_is_left_alone_without_a_reason_that_tells() {
    let folder = tempfile::tempdir().unwrap();
    let inventory = folder.path().join("inventory.yaml");
    fs::write(&inventory, "version: 1\ndecoys: [{namespace: shop, account: orders, placements: []}]\n")
        .unwrap();
    let said =
        run(&["--window", "4m", "--inventory", &inventory.display().to_string(), "--of", "sa/shop/orders"]);
    assert_eq!((said.code, said.err.as_str()), (2, ""));
    assert!(said.out.contains("Nobody was looked at."), "{}", said.out);
    let row = said.out.lines().find(|line| line.contains("shop/orders")).unwrap();
    assert_eq!(
        row.split_whitespace().collect::<Vec<_>>().join(" "),
        "ServiceAccount shop/orders it stays as it is"
    );
    assert!(!said.out.contains("Nobody holds more"), "{}", said.out);
}

#[test]
fn an_identity_that_was_asked_for_and_is_left_alone_is_not_done() {
    // Everything of this dump was made nine minutes after the recording began.
    let dump = dump();
    let five = recording("five").display().to_string();
    let args =
        ["harden", "rbac", "--from", &dump, "--logs", &five, "--window", "4m", "--of", "sa/shop/orders"];
    let said = ran(sundew().args(args));
    assert_eq!((said.code, said.err.as_str()), (2, ""));
    assert!(said.out.contains("it was made at 2026-11-20 22:12 UTC, within the window"), "{}", said.out);
}

#[test]
fn an_audit_policy_that_is_none_and_roles_that_are_missing_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let policy = at("policy.yaml", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Loud}]\n");
    let broken = refused(&["--window", "4m", "--audit-policy", &policy]);
    assert!(broken.contains("policy.yaml") && broken.contains("Loud"), "{broken}");
    assert!(
        refused(&["--audit-policy", "/nowhere.yaml"]).contains("cannot read the audit policy /nowhere.yaml")
    );
    let pods = at("pods.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}\n");
    let quiet = quiet();
    let none = ran(sundew().args(["harden", "rbac", "--from", &pods, "--logs", &quiet, "--window", "4m"]));
    assert_eq!(none.code, 2);
    assert!(none.err.contains("there are no role bindings in what was read"), "{}", none.err);
}

#[test]
fn what_the_given_policy_hides_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.yaml");
    let text = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: None, resources: [{group: '', resources: [endpoints]}]}\n- {level: Metadata}\n";
    fs::write(&policy, text).unwrap();
    let policy = policy.display().to_string();
    let said = run(&[
        "--window",
        "4m",
        "--audit-policy",
        &policy,
        "--of",
        "sa/monitoring/prometheus-k8s",
        "-o",
        "json",
    ]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&said.out).unwrap();
    // All else that it holds it used, or kubelets may ask for.
    assert_eq!((&report["identities"], &report["tight"]), (&serde_json::json!([]), &serde_json::json!(1)));
}
