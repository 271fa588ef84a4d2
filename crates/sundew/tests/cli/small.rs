//! `sundew demo`, `check`, `schema` and the help.

use std::{fs, process::Stdio};

use crate::common::{INVENTORY, eventually, ran, run, sundew};
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn the_demo_tells_every_step_of_the_theft_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let ran = ran(sundew().args(["demo", "--once", "--speed", "20"]).env("TMPDIR", folder.path()));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.err, "");
    for want in [
        "CRITICAL: The token of decoy honeypot/backup-sa was used",
        "CRITICAL: The token of decoy kube-system/tiller was used",
        "Decoy honeypot/backup-sa was impersonated",
        "CRITICAL: A token of decoy honeypot/backup-sa was asked for",
        "HIGH: The Secret of decoy honeypot/backup-sa was touched",
        "127.66.0.66",
        "all 9 expected steps found",
    ] {
        assert!(ran.out.contains(want), "`{want}` is not in:\n{}", ran.out);
    }
    assert!(!ran.out.contains('\x1b'));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_demo_ends_cleanly_when_it_is_told_to() {
    for signal in [Signal::INT, Signal::TERM] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = sundew()
            .args(["demo", "--speed", "0.01"])
            .env("TMPDIR", folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let log = || {
            fs::read_dir(folder.path()).unwrap().next()?.ok()?.path().join("audit.log").exists().then_some(())
        };
        eventually("the demo's log", log);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let status = eventually("the demo's end", || child.try_wait().unwrap());
        assert_eq!(status.code(), Some(0), "{signal:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{signal:?}");
    }
}

#[test]
fn a_check_says_what_the_files_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("inventory.yaml"), INVENTORY).unwrap();
    let text = "
version: 1
cluster: demo
inventory: inventory.yaml
sources: [{type: file, name: audit, path: audit.log}]
sinks: [{type: file, name: alerts, path: alerts.json}, {type: terminal, name: here}]
";
    fs::write(path("sundew.yaml"), text).unwrap();
    let ran = ran(sundew().args(["check", "-c"]).arg(path("sundew.yaml")));
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("sundew.yaml: 1 source, 2 sinks"), "{}", ran.out);
    assert!(
        ran.out.contains("inventory.yaml: 2 decoys with 2 placements, 0 bait namespaces, cluster demo"),
        "{}",
        ran.out
    );
    assert!(!path("sundew.db").exists() && !path("alerts.json").exists());
}

#[test]
fn a_check_reads_the_report_of_a_scan_that_the_configuration_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let text = "{version: 1, posture: scan.json, sources: [{type: file, name: audit, path: audit.log, cluster: eu}]}";
    fs::write(path("sundew.yaml"), text).unwrap();
    let check = || ran(sundew().args(["check", "-c"]).arg(path("sundew.yaml")));
    let missing = check();
    assert_eq!(missing.code, 2);
    assert!(missing.err.contains("cannot read the posture report") && missing.err.contains("scan.json"));
    let cluster = r#"{"version": null, "counts": {}, "unread": [], "notices": []}"#;
    let report = format!(
        r#"{{"format": 1, "time": "2026-11-21T08:00:00Z", "cluster": {cluster}, "summary": {{}}, "findings": [], "paths": [], "cuts": []}}"#
    );
    fs::write(path("scan.json"), report).unwrap();
    let whole = check();
    assert_eq!(whole.code, 0, "{}", whole.err);
    assert!(whole.out.contains("scan.json: scan of 2026-11-21 08:00 UTC, cluster eu"), "{}", whole.out);
}

#[test]
fn every_schema_is_one_and_takes_what_the_program_takes() {
    for of in [
        "inventory",
        "config",
        "persona",
        "finding",
        "incident",
        "report",
        "change",
        "risk",
        "exceptions",
        "object",
        "who-can",
        "may",
    ] {
        let ran = run(["schema", of]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{of}");
        let schema: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert!(schema["$schema"].is_string() && schema["title"].is_string(), "{of}");
        assert!(jsonschema::meta::is_valid(&schema), "{of}");
        assert!(!jsonschema::is_valid(&schema, &serde_json::json!({"frobnicate": 1})), "{of}");
    }
    let schema = serde_json::from_str(&run(["schema", "config"]).out).unwrap();
    let config = serde_json::json!({
        "version": 1, "inventory": "inventory.yaml",
        "sources": [{"type": "file", "name": "audit", "path": "audit.log", "start": "oldestBackup"}],
        "sinks": [{"type": "slack", "name": "ops", "urlFile": "url", "minSeverity": "high", "timeout": "5s"}],
        "incidents": {"window": "15m"},
    });
    let wrong: Vec<String> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(&config).map(|e| e.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn the_help_names_every_command() {
    let ran = run(["--help"]);
    assert_eq!(ran.code, 0);
    insta::assert_snapshot!(ran.out);
}
