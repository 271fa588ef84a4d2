//! `sundew harden automount`: what is printed and written, and what is refused.

use std::fs;

use serde_json::Value;

use super::harden_rbac::{dump, quiet};
use crate::common::{Ran, ran, sundew};

/// The inventory of the recordings.
const INVENTORY: &str = "version: 1\ndecoys: [{namespace: honeypot, account: backup-sa, placements: [{secret: backup-sa-token, \
                         mountedBy: {pod: file-backup}}]}]\nnamespaces: [{name: honeypot}]\n";

fn run(more: &[&str]) -> Ran {
    let dump = dump();
    ran(sundew().args(["harden", "automount", "--from", &dump]).args(more))
}

#[test]
fn a_quiet_cluster_as_a_table_without_a_word_of_bait() {
    let folder = tempfile::tempdir().unwrap();
    let inventory = folder.path().join("inventory.yaml");
    fs::write(&inventory, INVENTORY).unwrap();
    let said = run(&["--logs", &quiet(), "--window", "4m", "--inventory", &inventory.display().to_string()]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(!said.out.contains("honeypot"), "{}", said.out);
    insta::assert_snapshot!(said.out);
}

#[test]
fn the_plan_is_a_folder_with_a_page_and_json_has_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan");
    let said =
        run(&["--logs", &quiet(), "--window", "4m", "-o", "json", "--out", &plan.display().to_string()]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let schema = schemars::schema_for!(sundew_harden::automount::Report).to_value();
    jsonschema::validate(&schema, &report).unwrap();
    let page = fs::read_to_string(plan.join("README.md")).unwrap();
    assert!(page.contains("kubectl patch serviceaccount/default -n shop"), "{page}");
    assert!(!page.to_lowercase().contains("sundew"));
    let off = fs::read_to_string(plan.join("patches/account-false.yaml")).unwrap();
    assert_eq!(off, "automountServiceAccountToken: false\n");
    assert_eq!(
        fs::read_to_string(plan.join("patches/account-default.yaml")).unwrap(),
        "automountServiceAccountToken: null\n"
    );
}

#[test]
fn habits_that_were_learnt_are_a_second_witness() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().display().to_string();
    let learnt = ran(sundew().args(["replay", &quiet(), "--learn", "--state", &state]));
    assert_eq!(learnt.code, 0, "{}", learnt.err);
    let said = run(&["--state", &state, "--window", "4m"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(said.out.contains("8 workloads use their token"), "{}", said.out);
    assert!(said.out.contains("Habits tell of accounts and not of pods"), "{}", said.out);
    let short = run(&["--state", &state]);
    assert_eq!(short.code, 2);
    assert!(short.err.contains("do not cover the window of 14d"), "{}", short.err);
}

#[test]
fn nothing_that_says_who_used_the_api_is_an_error() {
    let none = run(&[]);
    assert_eq!((none.code, none.out.as_str()), (2, ""));
    insta::assert_snapshot!(none.err, @"sundew: nothing says who used the API: give --logs audit logs, or --state or --config the habits that were learnt");
    let short = run(&["--logs", &quiet()]);
    assert_eq!((short.code, short.out.as_str()), (2, ""));
    assert!(short.err.contains("do not cover the window of 14d"), "{}", short.err);
}

#[test]
fn a_namespace_that_is_not_there_is_an_error() {
    let none = run(&["--logs", &quiet(), "--window", "4m", "-n", "nope"]);
    assert_eq!((none.code, none.out.as_str()), (2, ""));
    assert!(none.err.contains("there is no namespace \"nope\""), "{}", none.err);
}
