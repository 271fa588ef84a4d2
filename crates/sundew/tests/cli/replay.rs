//! `sundew replay`: what it finds, how it prints it, and what it ends with.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{INVENTORY, Ran, fed, ran, recording, sundew, unpacked};

/// A folder with the inventory of the recordings.
fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let inventory = folder.path().join("inventory.yaml");
    fs::write(&inventory, INVENTORY).unwrap();
    (folder, inventory)
}

fn replay(paths: &[&Path], args: &[&str]) -> Ran {
    let (_folder, inventory) = folder();
    let tripwire = ["--detectors", "tripwire", "--inventory"];
    ran(sundew().arg("replay").args(paths).args(tripwire).arg(inventory).args(args))
}

fn theft(args: &[&str]) -> Ran {
    replay(&[&recording("theft")], args)
}

fn json_lines(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_theft_as_a_table() {
    let ran = theft(&[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    insta::assert_snapshot!(ran.out);
}

#[test]
fn a_theft_as_incidents() {
    let ran = theft(&["--incidents"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    insta::assert_snapshot!(ran.out);
}

#[test]
fn every_stolen_step_of_a_theft_is_found_by_its_audit_id() {
    let truth = fs::read_to_string(recording("theft").with_file_name("truth.csv")).unwrap();
    let stolen = truth.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    let stolen: BTreeSet<&str> = stolen.filter(|f| is_touch(f[1])).map(|f| f[0]).collect();
    let findings = json_lines(&theft(&["-o", "json"]));
    let told = findings.iter().flat_map(|finding| finding["auditIDs"].as_array().unwrap());
    let told: BTreeSet<&str> = told.map(|id| id.as_str().unwrap()).collect();
    let untold: Vec<_> = stolen.difference(&told).collect();
    // A list of all Secrets in a namespace names no decoy: that is for habits to tell, not for a tripwire.
    assert_eq!((stolen.len(), untold), (27, vec![&"15243a46-267b-4c95-8a82-c4fc246cf48c"]));
}

/// Steps that name a decoy in their event. A refused impersonation of 1.36 does not.
fn is_touch(step: &str) -> bool {
    step.starts_with("decoy-") && step != "decoy-impersonation-denied"
}

#[test]
fn ordinary_work_finds_nothing_and_prints_nothing() {
    let ran = replay(&[&recording("quiet")], &["--fail-on", "info"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert!(ran.err.contains("events"), "{}", ran.err);
}

#[test]
fn a_line_of_json_has_what_is_documented_of_a_finding() {
    let findings = json_lines(&theft(&["-o", "json"]));
    assert_eq!(findings.len() + 1, theft(&[]).out.lines().count());
    for finding in &findings {
        for key in
            ["time", "severity", "detector", "rule", "title", "request", "cluster", "stage", "stageTime"]
        {
            assert!(finding.get(key).is_some(), "{key} of {finding}");
        }
        let all_text = |list: &Value| list.as_array().unwrap().iter().all(Value::is_string);
        assert!(all_text(&finding["auditIDs"]) && all_text(&finding["attack"]), "{finding}");
        assert!(finding["decoy"]["name"].as_str().unwrap().contains('/'), "{finding}");
    }
    let used = findings.iter().find(|f| f["rule"] == "tripwire.token_used").unwrap();
    assert_eq!(used["severity"], "critical");
    assert_eq!(used["detector"], "tripwire");
    assert_eq!(used["actor"]["user"], "system:serviceaccount:honeypot:backup-sa");
    assert_eq!(used["actor"]["ip"], "127.66.0.66");
    assert_eq!(used["actor"]["client"], "curl/8.5.0");
    assert_eq!(used["decoy"]["placement"], "backup-sa-token");
    assert_eq!(used["cluster"], "demo");
    let acted_as = findings.iter().find(|f| f["rule"] == "tripwire.impersonated").unwrap();
    assert_eq!(acted_as["actor"]["impersonated"], "system:serviceaccount:honeypot:backup-sa");
    assert_eq!(acted_as["actor"]["user"], "kubernetes-admin");
}

#[test]
fn what_is_printed_as_json_fits_the_schema_that_is_printed() {
    for (of, args) in [("finding", &["-o", "json"] as &[&str]), ("incident", &["-o", "json", "--incidents"])]
    {
        let schema = serde_json::from_str(&crate::common::run(["schema", of]).out).unwrap();
        let schema = jsonschema::validator_for(&schema).unwrap();
        let lines = json_lines(&theft(args));
        assert!(lines.len() > 3, "{of}");
        for line in lines {
            let wrong: Vec<String> = schema.iter_errors(&line).map(|e| e.to_string()).collect();
            assert!(wrong.is_empty(), "{of}: {wrong:?} in {line}");
        }
    }
}

#[test]
fn incidents_as_json_hold_every_finding_once() {
    let findings = json_lines(&theft(&["-o", "json"])).len() as u64;
    let incidents = json_lines(&theft(&["-o", "json", "--incidents"]));
    assert_eq!(incidents.iter().map(|i| i["findings"].as_u64().unwrap()).sum::<u64>(), findings);
    let ids: BTreeSet<&str> = incidents.iter().map(|i| i["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), incidents.len());
    assert!(incidents.is_sorted_by_key(|i| i["firstSeen"].as_str().unwrap().to_owned()));
}

#[test]
fn the_exit_code_says_whether_something_as_bad_as_asked_was_found() {
    assert_eq!(theft(&["--fail-on", "critical"]).code, 1);
    assert_eq!(theft(&["--fail-on", "info"]).code, 1);
    assert_eq!(theft(&["--fail-on", "info", "--incidents", "-o", "json"]).code, 1);
    assert_eq!(theft(&[]).code, 0);
    // In a recording whose only touch of this Secret is a read of it, nothing is critical.
    let (_folder, log) = only("tripwire.secret_touched");
    assert_eq!(replay(&[&log], &["--fail-on", "high"]).code, 1);
    assert_eq!(replay(&[&log], &["--fail-on", "critical"]).code, 0);
}

/// The events of the theft behind the findings of one rule.
fn only(rule: &str) -> (TempDir, PathBuf) {
    let findings = json_lines(&theft(&["-o", "json"]));
    let ids = findings.iter().filter(|f| f["rule"] == rule).map(|f| f["auditIDs"][0].as_str().unwrap());
    let ids: Vec<&str> = ids.collect();
    let log = String::from_utf8(unpacked("theft")).unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| ids.iter().any(|id| line.contains(id))).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    fs::write(&path, lines.join("\n")).unwrap();
    (folder, path)
}

#[test]
fn the_number_of_threads_and_the_way_of_reading_change_nothing() {
    let all = [recording("theft"), recording("five"), recording("quiet")];
    let all: Vec<&Path> = all.iter().map(PathBuf::as_path).collect();
    let usual = replay(&all, &["-o", "json"]);
    assert!(usual.out.lines().count() > 30);
    for args in [
        ["--threads", "1"],
        ["--threads", "2"],
        ["--threads", "7"],
        ["--reading", "full"],
        ["--reading", "plain"],
    ] {
        let other = replay(&all, &[&["-o", "json"] as &[&str], &args].concat());
        assert_eq!((other.code, other.out), (usual.code, usual.out.clone()), "{args:?}");
    }
}

#[test]
fn plain_gzip_zstd_and_standard_input_find_the_same() {
    let (folder, _) = folder();
    let log = unpacked("theft");
    let [plain, zst] = ["audit.log", "audit-old.log.zst"].map(|name| folder.path().join(name));
    fs::write(&plain, &log).unwrap();
    fs::write(&zst, zstd::encode_all(log.as_slice(), 1).unwrap()).unwrap();
    let usual = theft(&["-o", "json"]).out;
    assert_eq!(replay(&[&plain], &["-o", "json"]).out, usual);
    assert_eq!(replay(&[&zst], &["-o", "json"]).out, usual);
    let packed = fs::read(recording("theft")).unwrap();
    for input in [&log, &packed] {
        let (_folder, inventory) = self::folder();
        let mut command = sundew();
        command.args(["replay", "-", "-o", "json", "--detectors", "tripwire", "--inventory"]).arg(inventory);
        let ran = fed(&mut command, input);
        assert_eq!((ran.code, ran.out.as_str()), (0, usual.as_str()));
    }
}

#[test]
fn several_files_and_folders_are_read_in_order() {
    let (folder, _) = folder();
    let [deep, plain] = ["b/deep", "a"].map(|name| folder.path().join("logs").join(name));
    fs::create_dir_all(&deep).unwrap();
    fs::create_dir_all(&plain).unwrap();
    fs::copy(recording("five"), deep.join("audit.log.gz")).unwrap();
    fs::copy(recording("theft"), plain.join("audit.log.gz")).unwrap();
    let one_by_one = replay(&[&recording("theft"), &recording("five")], &["-o", "json"]).out;
    assert_eq!(one_by_one, theft(&["-o", "json"]).out + &replay(&[&recording("five")], &["-o", "json"]).out);
    assert_eq!(replay(&[&folder.path().join("logs")], &["-o", "json"]).out, one_by_one);
}

#[test]
fn touches_by_duty_are_counted_and_listed_when_asked_for() {
    let ran = theft(&[]);
    assert!(
        ran.err
            .contains("not told, as somebody's duty, excepted, or told too often: 20; --suppressed lists it"),
        "{}",
        ran.err
    );
    let listed = theft(&["--suppressed"]).err;
    let listed: Vec<&str> = listed.lines().filter(|line| line.starts_with("not told:")).collect();
    insta::assert_snapshot!(listed.join("\n"));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    // Much more than a pipe holds.
    let (folder, inventory) = folder();
    let log = folder.path().join("audit.log");
    fs::write(&log, unpacked("theft").repeat(10)).unwrap();
    for args in [&["-o", "json"] as &[&str], &[], &["--incidents"]] {
        let mut child = sundew()
            .arg("replay")
            .arg(&log)
            .arg("--inventory")
            .arg(&inventory)
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn nothing_is_coloured_where_nobody_looks() {
    for args in [&[] as &[&str], &["--incidents"], &["--suppressed", "-o", "json"]] {
        let ran = theft(args);
        assert!(!ran.out.contains('\x1b') && !ran.err.contains('\x1b'), "{args:?}");
    }
}

#[test]
fn what_was_found_before_a_file_breaks_off_is_told_and_the_rest_is_read() {
    let (folder, _) = folder();
    let whole = fs::read(recording("theft")).unwrap();
    let cut = folder.path().join("cut.log.gz");
    fs::write(&cut, &whole[..whole.len() * 2 / 3]).unwrap();
    let ran = replay(&[&cut, &recording("five")], &["-o", "json", "--fail-on", "info"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("cut.log.gz: incomplete") && ran.err.contains("before that counts"),
        "{}",
        ran.err
    );
    let five = replay(&[&recording("five")], &["-o", "json"]).out;
    let before = ran.out.strip_suffix(&five).unwrap();
    let usual = theft(&["-o", "json"]).out;
    assert!(!before.is_empty() && usual.starts_with(before) && before != usual);
}

#[test]
fn input_that_is_no_log_is_counted_and_shown() {
    let (folder, _) = folder();
    let [text, packed] = ["notes.txt", "broken.log.zst"].map(|name| folder.path().join(name));
    fs::write(&text, "a note\n\x1b[31mred\u{202e}\n").unwrap();
    let ran = replay(&[&text], &[]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert!(ran.err.contains("notes.txt: not_json at byte 0: expected `{`: a note"), "{}", ran.err);
    assert!(ran.err.contains("input that is no event: 2 pieces: not_json 1, binary 1"), "{}", ran.err);
    assert!(!ran.err.contains(['\x1b', '\u{202e}']), "{}", ran.err);
    let mut file = fs::File::create(&packed).unwrap();
    file.write_all(b"\x28\xb5\x2f\xfd no such frame").unwrap();
    let ran = replay(&[&packed], &[]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("broken.log.zst"), "{}", ran.err);
}

#[test]
fn incidents_say_what_the_identity_could_do_by_the_report_of_a_scan() {
    let (folder, _) = folder();
    let report = folder.path().join("posture.json");
    let dump = Path::new(env!("CARGO_MANIFEST_DIR")).join("../posture/tests/fixtures/cluster.yaml.gz");
    let scan = ran(sundew().args(["scan", "--from"]).arg(dump).arg("--save").arg(&report));
    assert_eq!(scan.code, 0, "{}", scan.err);
    let mut saved: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    saved["time"] = "2026-11-20T20:00:00Z".into();
    fs::write(&report, saved.to_string()).unwrap();
    let with = ["--incidents", "--posture", report.to_str().unwrap()];
    let ran = theft(&[&with[..], &["-o", "json"]].concat());
    let could = |user: &str| {
        let incidents = json_lines(&ran);
        let of = incidents.iter().find(|incident| incident["actor"]["user"] == user);
        of.unwrap()["could"].as_array().unwrap().clone()
    };
    let ingress = could("system:serviceaccount:ingress-nginx:ingress-nginx");
    let way = "reaches the whole cluster in 2 steps: lists Secrets (cluster) → ServiceAccount argocd/argocd-application-controller";
    assert_eq!(ingress[0], way, "{ingress:?}");
    assert_eq!(could("kubernetes-admin"), ["does everything (cluster), through group system:masters"]);
    assert_eq!(
        could("system:serviceaccount:honeypot:backup-sa"),
        [""; 0],
        "the dump has no Secrets that name it"
    );
    let shown = theft(&with).out;
    assert!(shown.contains(&format!("  What this identity could do\n    - {way}\n")), "{shown}");
}

#[test]
fn a_report_is_of_use_to_incidents_alone_and_must_be_one() {
    let (_folder, inventory) = folder();
    let inventory = inventory.to_str().unwrap();
    let ran = theft(&["--posture", inventory]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("--incidents"), "{}", ran.err);
    let ran = theft(&["--incidents", "--posture", inventory]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("inventory.yaml is no posture report"), "{}", ran.err);
    assert!(ran.err.contains("`sundew scan --save FILE` writes one"), "{}", ran.err);
}
