//! `sundew watch` as a process: alerts, signals, changes while it runs, and what it keeps to itself.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{INVENTORY, Watch, alerts, append, eventually, fed, ran, sundew, unpacked};

/// A folder with an inventory and a configuration that follows `audit.log` and tells `alerts.json` of decoys alone.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "inventory.yaml", INVENTORY);
    write(&folder, "sundew.yaml", CONFIG);
    folder
}

const CONFIG: &str = "
version: 1
cluster: demo
inventory: inventory.yaml
sources: [{type: file, name: audit, path: audit.log}]
sinks: [{type: file, name: alerts, path: alerts.json}]
incidents: {quiet: 1ms}
rules: {builtin: false}
habits: {enabled: false}
";

fn write(folder: &TempDir, name: &str, text: &str) {
    fs::write(folder.path().join(name), text).unwrap();
}

/// The recorded theft from the making of the decoys on.
fn theft() -> Vec<String> {
    String::from_utf8(unpacked("theft")).unwrap().lines().map(|line| format!("{line}\n")).collect()
}

/// An event like the API server's, as of now: `account` of namespace `apps` lists pods.
fn used(account: &str) -> String {
    let now = jiff::Timestamp::now();
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"{account}-{}","stage":"ResponseComplete","requestURI":"/api/v1/pods","verb":"list","user":{{"username":"system:serviceaccount:apps:{account}"}},"sourceIPs":["192.0.2.7"],"userAgent":"curl/8.5.0","objectRef":{{"resource":"pods","apiVersion":"v1"}},"responseStatus":{{"metadata":{{}},"code":403}},"requestReceivedTimestamp":"{now:.6}","stageTimestamp":"{now:.6}","annotations":{{"authorization.k8s.io/decision":"forbid"}}}}
"#,
        now.as_nanosecond(),
    )
}

fn inventory_of(account: &str) -> String {
    format!("{{version: 1, cluster: demo, decoys: [{{namespace: apps, account: {account}}}]}}")
}

/// Waits for an alert that names this decoy.
fn alert_of(folder: &Path, decoy: &str) -> Value {
    let names = |alert: &Value| alert.to_string().contains(&format!("\"{decoy}\""));
    eventually(decoy, || alerts(&folder.join("alerts.json")).into_iter().find(names))
}

/// How many findings the store's incidents hold together.
fn findings(folder: &Path) -> u64 {
    let ran = ran(sundew().args(["status", "-o", "json", "-c"]).arg(folder.join("sundew.yaml")));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let status: Value = serde_json::from_str(&ran.out).unwrap();
    let incidents = status["incidents"].as_array().unwrap();
    incidents.iter().map(|i| i["incident"]["findings"].as_u64().unwrap()).sum()
}

#[test]
fn a_theft_is_told_and_a_restart_goes_on_where_it_was() {
    let folder = folder();
    let log = folder.path().join("audit.log");
    let lines = theft();
    let (before, after) = lines.split_at(lines.len() * 9 / 10);
    append(&log, before.concat());
    let watch = Watch::start(folder.path());
    alert_of(folder.path(), "honeypot/backup-sa");
    let stopped = watch.stop();
    assert_eq!(stopped.code, 0, "{}", stopped.err);
    assert!(stopped.err.contains("stopping: "), "{}", stopped.err);
    append(&log, after.concat());
    let watch = Watch::start(folder.path());
    let expected = 33;
    eventually("every finding", || (findings(folder.path()) >= expected).then_some(()));
    let stopped = watch.stop();
    assert_eq!(stopped.code, 0, "{}", stopped.err);
    assert_eq!(findings(folder.path()), expected);
    assert!(!stopped.err.contains('\x1b'), "coloured: {}", stopped.err);
}

#[test]
fn every_way_to_stop_it_is_a_clean_end() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = folder();
        let watch = Watch::start(folder.path());
        watch.signal(signal);
        assert_eq!(watch.end().code, 0, "{signal:?}");
    }
}

#[test]
fn another_inventory_takes_hold_without_a_restart() {
    let folder = folder();
    write(&folder, "inventory.yaml", &inventory_of("first"));
    let log = folder.path().join("audit.log");
    let watch = Watch::start(folder.path());
    append(&log, used("first"));
    alert_of(folder.path(), "apps/first");
    write(&folder, "inventory.yaml", &inventory_of("second"));
    watch.wait_for("took the changed configuration");
    append(&log, used("first"));
    append(&log, used("second"));
    alert_of(folder.path(), "apps/second");
    assert_eq!(watch.stop().code, 0);
    assert_eq!(findings(folder.path()), 2);
}

#[test]
fn another_configuration_takes_hold_without_a_restart() {
    let folder = folder();
    write(&folder, "inventory.yaml", &inventory_of("first"));
    let watch = Watch::start(folder.path());
    let changed = CONFIG
        .replace("path: alerts.json", "path: other.json")
        .replace("path: audit.log", "path: second.log");
    write(&folder, "sundew.yaml", &changed);
    watch.wait_for("took the changed configuration");
    append(&folder.path().join("second.log"), used("first"));
    eventually("an alert in the other file", || alerts(&folder.path().join("other.json")).pop());
    assert_eq!(watch.stop().code, 0);
    assert!(alerts(&folder.path().join("alerts.json")).is_empty());
}

#[test]
fn a_change_with_a_mistake_is_refused_with_its_place_and_the_old_one_stays() {
    let folder = folder();
    write(&folder, "inventory.yaml", &inventory_of("first"));
    let watch = Watch::start(folder.path());
    write(&folder, "inventory.yaml", "version: 1\ncluster: demo\ndecoyz: []\n");
    watch.wait_for("the change is not taken, and the sensor goes on as it was");
    assert!(watch.log().contains("line 3, column 1"), "{}", watch.log());
    assert!(watch.log().contains("did you mean `decoys`?"), "{}", watch.log());
    append(&folder.path().join("audit.log"), used("first"));
    alert_of(folder.path(), "apps/first");
    // A file that is gone, and a configuration that no longer fits, are refused as well.
    let said = |watch: &Watch| watch.log().matches("the change is not taken").count();
    fs::remove_file(folder.path().join("inventory.yaml")).unwrap();
    eventually("a word about the missing file", || (said(&watch) >= 2).then_some(()));
    let stopped = watch.stop();
    assert_eq!(stopped.code, 0, "{}", stopped.err);
}

#[test]
fn a_hangup_reads_the_files_again() {
    let folder = folder();
    let watch = Watch::start(folder.path());
    watch.signal(Signal::HUP);
    watch.wait_for("took the changed configuration");
    write(&folder, "inventory.yaml", "version: 1\ndecoyz: []\n");
    watch.wait_for("the change is not taken");
    watch.signal(Signal::HUP);
    let said = || watch.log().matches("the change is not taken").count();
    eventually("a second refusal", || (said() >= 2).then_some(()));
    assert_eq!(watch.stop().code, 0);
}

#[test]
fn standard_input_is_read_to_its_end_and_what_it_says_is_delivered() {
    let folder = folder();
    write(
        &folder,
        "sundew.yaml",
        &CONFIG.replace("type: file, name: audit, path: audit.log", "type: stdin, name: audit"),
    );
    let mut command = sundew();
    command.args(["watch", "-c"]).arg(folder.path().join("sundew.yaml"));
    let ran = fed(&mut command, theft().concat().as_bytes());
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(findings(folder.path()), 33);
    let told = alerts(&folder.path().join("alerts.json"));
    for decoy in ["honeypot/backup-sa", "kube-system/tiller"] {
        assert!(told.iter().any(|alert| alert.to_string().contains(decoy)), "{decoy}: {}", ran.err);
    }
}

#[test]
fn decoys_can_be_given_without_an_inventory() {
    let folder = folder();
    write(&folder, "sundew.yaml", &CONFIG.replace("inventory: inventory.yaml", ""));
    let config = folder.path().join("sundew.yaml");
    let watch = Watch::start_as(sundew().arg("watch").arg("-c").arg(config).args(["--decoy", "apps/bait"]));
    append(&folder.path().join("audit.log"), used("bait"));
    alert_of(folder.path(), "apps/bait");
    assert_eq!(watch.stop().code, 0);
}

#[test]
fn its_files_are_private_whatever_the_umask() {
    let folder = folder();
    write(&folder, "inventory.yaml", &inventory_of("bait"));
    let config = CONFIG
        .replace("alerts.json}", "alerts.json}, {type: file, name: text, path: alert.txt, format: text}");
    write(&folder, "sundew.yaml", &config);
    let mut command = Command::new("sh");
    command.args(["-c", "umask 000 && exec \"$0\" watch -c \"$1\"", env!("CARGO_BIN_EXE_sundew")]);
    let watch = Watch::start_as(command.arg(folder.path().join("sundew.yaml")));
    append(&folder.path().join("audit.log"), used("bait"));
    alert_of(folder.path(), "apps/bait");
    eventually("the text", || {
        fs::read_to_string(folder.path().join("alert.txt")).ok().filter(|t| t.contains("apps/bait"))
    });
    let given = ["inventory.yaml", "sundew.yaml", "audit.log"];
    let mut private = 0;
    for entry in fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        if given.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{:?} has mode {mode:o}", entry.file_name());
        private += 1;
    }
    assert!(private >= 3);
    assert_eq!(watch.stop().code, 0);
}

/// A report of a scan in which `apps/bait` has this right in the whole cluster.
fn report(title: &str) -> String {
    let now = jiff::Timestamp::now();
    let object = r#"{"kind": "ServiceAccount", "namespace": "apps", "name": "bait"}"#;
    let about = format!(r#"{{"title": "{title}", "gives": "", "fix": ""}}"#);
    format!(
        r#"{{"format": 1, "time": "{now}", "summary": {{}}, "paths": [], "cuts": [], "risks": {{"right": {about}}},
        "cluster": {{"version": null, "counts": {{}}, "unread": [], "notices": []}}, "findings": [{{"id": "00",
        "view": "subjects", "rule": "right", "risks": [{{"id": "right", "severity": "high"}}], "severity": "high",
        "object": {object}, "title": "", "scope": "cluster", "gives": "", "because": [], "fix": ""}}]}}"#
    )
}

/// Waits for an alert that says this, and nothing else, of what the identity could do.
fn alert_saying(folder: &TempDir, could: &str) {
    let says = |alert: &Value| alert["incident"]["could"] == serde_json::json!([could]);
    eventually(could, || alerts(&folder.path().join("alerts.json")).into_iter().find(says));
}

#[test]
fn a_new_report_of_a_scan_is_taken_while_it_runs_and_a_broken_one_is_not() {
    let folder = folder();
    write(&folder, "inventory.yaml", &inventory_of("bait"));
    write(&folder, "sundew.yaml", &format!("{CONFIG}posture: posture.json\n"));
    write(&folder, "posture.json", &report("lists Secrets"));
    let log = folder.path().join("audit.log");
    let watch = Watch::start(folder.path());
    append(&log, used("bait"));
    alert_saying(&folder, "lists Secrets (cluster)");
    write(&folder, "posture.json", &report("creates pods"));
    watch.wait_for("took the changed configuration");
    append(&log, used("bait"));
    alert_saying(&folder, "creates pods (cluster)");
    write(&folder, "posture.json", "{\"format\": 7}");
    watch.wait_for("is of format 7");
    assert!(
        watch.log().contains("what identities could do is told from the report before"),
        "{}",
        watch.log()
    );
    fs::remove_file(folder.path().join("alerts.json")).unwrap();
    append(&log, used("bait"));
    alert_saying(&folder, "creates pods (cluster)");
    assert_eq!(watch.stop().code, 0);
}

#[test]
fn a_report_given_as_an_argument_takes_the_place_of_the_configuration_s() {
    let folder = folder();
    write(&folder, "inventory.yaml", &inventory_of("bait"));
    let config = folder.path().join("sundew.yaml");
    write(&folder, "sundew.yaml", &format!("{CONFIG}posture: no-such.json\n"));
    let ran = ran(sundew().args(["watch", "-c"]).arg(&config));
    assert_eq!(ran.code, 2);
    let missing = folder.path().join("no-such.json").display().to_string();
    assert!(ran.err.contains(&format!("cannot read the posture report {missing}")), "{}", ran.err);
    write(&folder, "posture.json", &report("lists Secrets"));
    let given = folder.path().join("posture.json");
    let watch = Watch::start_as(sundew().args(["watch", "-c"]).arg(&config).arg("--posture").arg(given));
    append(&folder.path().join("audit.log"), used("bait"));
    alert_saying(&folder, "lists Secrets (cluster)");
    assert_eq!(watch.stop().code, 0);
}
