//! `sundew rules`: the rules that are used, own rules, and rules that change while the sensor runs.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{INVENTORY, Ran, Watch, alerts, append, eventually, ran, sundew};

/// A rule of one's own with everything that a rule can say.
const OWN: &str = "
title: A lease was looked at
name: lease_read
id: 5a4f7c36-0b0d-4b63-9f3a-5d7f2f9f5b10
status: test
description: >-
  Somebody read a Lease. Leases say which replica leads.
references: [https://kubernetes.io/docs/concepts/architecture/leases/]
tags: [attack.discovery, attack.t1613]
logsource: {product: kubernetes, service: audit}
detection:
  read: {verb: get, objectRef.resource: leases}
  condition: read
falsepositives: [Controllers that wait for their turn]
level: medium
fix: Ask who it was. For good, take the right away.
audit_level: Metadata
unseen: What was done with it.
";

/// The event of a read of an object of this kind by `user`, as of now.
fn read(user: &str, resource: &str, code: u16) -> String {
    let now = jiff::Timestamp::now();
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"{}","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/shop/{resource}/one","verb":"get","user":{{"username":"{user}"}},"sourceIPs":["192.0.2.7"],"userAgent":"curl/8.5.0","objectRef":{{"resource":"{resource}","namespace":"shop","name":"one"}},"responseStatus":{{"metadata":{{}},"code":{code}}},"requestReceivedTimestamp":"{now:.6}","stageTimestamp":"{now:.6}"}}
"#,
        now.as_nanosecond(),
    )
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| write(&folder, name, text));
    folder
}

fn write(folder: &TempDir, name: &str, text: &str) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// `sundew rules` in a folder, so that what is said names no folder.
fn rules(folder: &Path, args: &[&str]) -> Ran {
    ran(sundew().current_dir(folder).arg("rules").args(args))
}

fn json(ran: &Ran) -> Vec<Value> {
    serde_json::from_str::<Value>(&ran.out).unwrap().as_array().unwrap().clone()
}

fn names(rules: &[Value]) -> Vec<&str> {
    rules.iter().map(|rule| rule["name"].as_str().unwrap()).collect()
}

#[test]
fn the_rules_are_listed_one_a_line_with_what_each_needs() {
    let here = folder(&[]);
    let table = rules(here.path(), &["list"]);
    assert_eq!((table.code, table.err.as_str()), (0, ""));
    let header: Vec<&str> = table.out.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header.join(" "), "RULE LEVEL STATE LOGGED AT ATT&CK FROM WHAT IT TELLS");
    let all = json(&rules(here.path(), &["list", "-o", "json"]));
    assert!(all.len() > 50);
    for rule in &all {
        let name = rule["name"].as_str().unwrap();
        let line = table.out.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap();
        for part in ["level", "state", "auditLevel", "topic", "title"] {
            assert!(line.contains(rule[part].as_str().unwrap()), "{part}: {line}");
        }
        assert!(rule["builtIn"] == true && rule["attack"][0].as_str().unwrap().starts_with('T'), "{rule}");
    }
    assert!(!table.out.contains('\x1b'));
}

#[test]
fn the_list_can_be_narrowed() {
    let here = folder(&[]);
    let list = |args: &[&str]| json(&rules(here.path(), &[&["list", "-o", "json"], args].concat()));
    let high = list(&["--level", "high"]);
    assert!(
        !high.is_empty()
            && high.iter().all(|rule| ["high", "critical"].contains(&rule["level"].as_str().unwrap()))
    );
    let technique = list(&["--technique", "t1552"]);
    assert!(technique.iter().all(|rule| rule["attack"].to_string().contains("T1552")));
    assert!(technique.iter().any(|rule| rule["attack"].to_string().contains("T1552.007")));
    assert!(list(&["--technique", "T155"]).is_empty(), "half an id is none");
    let exec = list(&["--topic", "exec"]);
    assert!(!exec.is_empty() && exec.iter().all(|rule| rule["topic"] == "exec"));
    assert_eq!(names(&list(&["--search", "SHELL_OPENED", "--level", "high"])), ["shell_opened_by_workload"]);
    let none = rules(here.path(), &["list", "--search", "frobnicate"]);
    assert_eq!((none.code, none.out.as_str()), (0, "No rule is like this; `sundew rules list` lists all.\n"));
    let topic = rules(here.path(), &["list", "--topic", "exek"]);
    assert_eq!(topic.code, 2);
    assert!(topic.err.contains("no topic `exek` (did you mean `exec`?); there is "), "{}", topic.err);
}

#[test]
fn own_rules_switches_and_exceptions_are_those_of_the_configuration() {
    let config = "
version: 1
sources: [{type: stdin, name: in}]
rules:
  paths: [own]
  off: [shell_opened]
  exceptions: [{rule: lease_read, actor: 'system:serviceaccount:shop:*', reason: they take turns, until: 2020-02-29}]
";
    let replaced = OWN.replace("lease_read", "port_forward").replace("5a4f7c36", "6a4f7c36");
    let here = folder(&[("sundew.yaml", config), ("own/a.yml", OWN), ("own/b.yml", &replaced)]);
    for args in [vec!["list", "-o", "json"], vec!["list", "-o", "json", "-c", "sundew.yaml"]] {
        let ran = rules(here.path(), &args);
        let all = json(&ran);
        let of = |name: &str| all.iter().find(|rule| rule["name"] == name).unwrap();
        assert_eq!(of("shell_opened")["state"], "off");
        assert_eq!(of("lease_read")["state"], "on");
        assert_eq!(of("lease_read")["builtIn"], false);
        assert_eq!(of("port_forward")["title"], "A lease was looked at");
        assert!(
            ran.err.contains("`port_forward` of own/b.yml takes the place of the built-in exec/"),
            "{}",
            ran.err
        );
        assert!(ran.err.contains("the exception for «they take turns» ended on 2020-02-29"), "{}", ran.err);
    }
    let shown = rules(here.path(), &["show", "lease_read"]).out;
    let excepted = "- system:serviceaccount:shop:*, ended 2020-02-29 23:59 UTC: they take turns";
    assert!(shown.contains(excepted), "{shown}");
    let off = rules(here.path(), &["show", "shell_opened"]).out;
    assert!(off.contains("off, by `rules.off` in the configuration"), "{off}");
}

#[test]
fn one_rule_is_shown_with_all_that_is_needed_at_night() {
    let here = folder(&[("own.yml", OWN)]);
    let ran = rules(here.path(), &["show", "lease_read", "--rules", "own.yml"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out);
}

#[test]
fn a_rule_is_found_by_the_name_that_findings_say_and_by_its_id() {
    let here = folder(&[("own.yml", OWN)]);
    for name in ["rules.lease_read", "5a4f7c36-0b0d-4b63-9f3a-5d7f2f9f5b10"] {
        let ran = rules(here.path(), &["show", name, "--rules", "own.yml", "-o", "json"]);
        let rule: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(
            (rule["name"].as_str(), rule["unseen"].as_str()),
            (Some("lease_read"), Some("What was done with it."))
        );
        assert_eq!(rule["kind"], "detection");
    }
    let wrong = rules(here.path(), &["show", "lease_red", "--rules", "own.yml"]);
    assert_eq!((wrong.code, wrong.out.as_str()), (2, ""));
    let said = "there is no rule `lease_red` (did you mean `lease_read`?); `sundew rules list` lists them";
    assert!(wrong.err.contains(said), "{}", wrong.err);
}

#[test]
fn the_source_is_printed_as_it_is() {
    let here = folder(&[("own.yml", OWN)]);
    assert_eq!(rules(here.path(), &["show", "lease_read", "--rules", "own.yml", "--source"]).out, OWN);
    let built_in = rules(here.path(), &["show", "shell_opened", "--source"]).out;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules/exec/shell-opened.yml");
    assert_eq!(built_in, fs::read_to_string(file).unwrap());
}

#[test]
fn own_rules_that_are_wrong_are_told_of_and_the_rest_is_listed() {
    let here = folder(&[("own/good.yml", OWN), ("own/bad.yml", &OWN.replace("verb: get", "verb|frob: get"))]);
    write(
        &here,
        "own/bad.yml",
        &OWN.replace("lease_read", "bad").replace("5a4f", "7a4f").replace("verb:", "verb|frob:"),
    );
    let ran = rules(here.path(), &["list", "--rules", "own", "-o", "json"]);
    assert_eq!(ran.code, 0);
    assert!(names(&json(&ran)).contains(&"lease_read"));
    assert!(ran.err.starts_with("sundew: own/bad.yml") && ran.err.contains("frob"), "{}", ran.err);
}

#[test]
fn the_built_in_rules_have_nothing_to_remark_and_do_as_their_events_say() {
    let here = folder(&[]);
    let lint = rules(here.path(), &["lint"]);
    assert_eq!((lint.code, lint.err.as_str()), (0, ""), "{}", lint.out);
    let test = rules(here.path(), &["test"]);
    assert_eq!((test.code, test.err.as_str()), (0, ""), "{}", test.out);
    assert!(test.out.ends_with("; all as they should\n"), "{}", test.out);
}

#[test]
fn a_rule_that_can_never_match_or_cannot_be_loaded_ends_the_linter_with_1() {
    let dead = OWN.replace("objectRef.resource", "hostPath");
    let broken = OWN.replace("condition: read", "condition: rad");
    let doubt =
        OWN.replace("{verb: get, objectRef.resource: leases}", "{verb: create, objectRef.subresource: exec}");
    let here =
        folder(&[("dead.yml", &dead), ("broken.yml", &broken), ("doubt.yml", &doubt), ("good.yml", OWN)]);
    for (file, code, word) in
        [("dead.yml", 1, "dead"), ("broken.yml", 1, "broken"), ("doubt.yml", 0, "doubt")]
    {
        let ran = rules(here.path(), &["lint", file]);
        assert_eq!(ran.code, code, "{}", ran.out);
        assert!(ran.out.starts_with(word) && ran.out.contains(file), "{}", ran.out);
    }
    let json = json(&rules(here.path(), &["lint", "dead.yml", "-o", "json"]));
    assert_eq!((&json[0]["weight"], &json[0]["file"]), (&"dead".into(), &"dead.yml".into()));
    let good = rules(here.path(), &["lint", "good.yml"]);
    assert_eq!((good.code, good.out.as_str()), (0, "1 rule loaded of 1 file: nothing to remark\n"));
    let missing = rules(here.path(), &["lint", "good.yml", "no.yml"]);
    assert_eq!(missing.code, 2);
    assert!(missing.err.contains("no.yml: the rules cannot be read"), "{}", missing.err);
}

#[test]
fn a_count_of_a_built_in_rule_is_no_mistake() {
    let count = "
title: Many shells
name: many_shells
correlation: {type: event_count, rules: [shell_opened], group-by: [user.username], timespan: 1h, condition: {gte: 3}}
level: high
";
    let here = folder(&[("own.yml", count)]);
    let lint = rules(here.path(), &["lint", "own.yml"]);
    assert!(lint.code == 0 && !lint.out.contains("broken"), "{}", lint.out);
    let unknown = folder(&[("own.yml", &count.replace("[shell_opened]", "[shell_opend]"))]);
    let lint = rules(unknown.path(), &["lint", "own.yml"]);
    assert!(lint.code == 1 && lint.out.contains("shell_opend"), "{}", lint.out);
}

#[test]
fn own_rules_are_tried_on_the_events_beside_them() {
    let here = folder(&[("own/lease.yml", OWN)]);
    let untried = rules(here.path(), &["test", "own"]);
    assert_eq!(untried.code, 0);
    assert!(untried.out.contains("neither lease.match.jsonl nor lease.pass.jsonl"), "{}", untried.out);

    write(&here, "own/lease.match.jsonl", &read("jane", "leases", 200));
    write(&here, "own/lease.pass.jsonl", &read("jane", "pods", 200));
    let ran = rules(here.path(), &["test", "own"]);
    assert_eq!(ran.code, 0);
    assert_eq!(ran.out, "1 file, 1 event that must match and 1 event that must not; all as they should\n");

    write(
        &here,
        "own/lease.match.jsonl",
        &format!("{}\n{}", read("jane", "leases", 200), read("jane", "pods", 200)),
    );
    write(&here, "own/lease.pass.jsonl", &format!("{}no event\n", read("jane", "leases", 403)));
    let ran = rules(here.path(), &["test", "own"]);
    assert_eq!(ran.code, 1);
    for said in [
        "own/lease.match.jsonl:3\n        does not meet lease_read: jane get /api/v1/namespaces/shop/pods/one 200",
        "own/lease.pass.jsonl:1\n        meets lease_read: jane get /api/v1/namespaces/shop/leases/one 403",
        "own/lease.pass.jsonl:2\n        is no audit event: ",
        "; 3 failures",
    ] {
        assert!(ran.out.contains(said), "`{said}` is not in:\n{}", ran.out);
    }
    let all = json(&rules(here.path(), &["test", "own/lease.yml", "-o", "json"]));
    assert_eq!(all[0]["problems"].as_array().unwrap().len(), 3);
    assert_eq!(
        (&all[0]["problems"][0]["file"], &all[0]["problems"][0]["line"]),
        (&"own/lease.match.jsonl".into(), &3.into())
    );
}

#[test]
fn a_count_is_tried_on_all_events_together() {
    let count = format!(
        "{}---
title: Many leases were looked at
name: many_leases
id: 8a4f7c36-0b0d-4b63-9f3a-5d7f2f9f5b10
correlation: {{type: event_count, rules: [lease_read], group-by: [user.username], timespan: 1h, condition: {{gte: 3}}}}
level: high
",
        OWN.replace("level: medium", "level: informational")
    );
    let here = folder(&[("many.yml", &count)]);
    let reads = |times| (0..times).map(|_| read("jane", "leases", 200)).collect::<String>();
    write(&here, "many.match.jsonl", &reads(3));
    write(&here, "many.pass.jsonl", &reads(2));
    let ran = rules(here.path(), &["test", "many.yml"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    write(&here, "many.match.jsonl", &reads(2));
    write(&here, "many.pass.jsonl", &reads(3));
    let ran = rules(here.path(), &["test", "many.yml"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.out.contains("many.match.jsonl\n        its 2 events together do not raise many_leases"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("many.pass.jsonl:3\n        meets many_leases"), "{}", ran.out);
}

const WATCHED: &str = "
version: 1
cluster: demo
inventory: inventory.yaml
sources: [{type: file, name: audit, path: audit.log}]
sinks: [{type: file, name: alerts, path: alerts.json}]
incidents: {quiet: 1ms}
habits: {enabled: false}
rules: {builtin: false, paths: [own]}
";

/// Waits until an alert tells of this rule.
fn alert_of(folder: &TempDir, rule: &str) {
    let of = |alert: &Value| alert["incident"]["rules"].get(rule).is_some();
    eventually(rule, || alerts(&folder.path().join("alerts.json")).into_iter().find(of));
}

#[test]
fn rules_that_are_added_changed_and_taken_away_take_hold_without_a_restart() {
    let here = folder(&[("sundew.yaml", WATCHED), ("inventory.yaml", INVENTORY), ("own/lease.yml", OWN)]);
    let log = here.path().join("audit.log");
    let took = |watch: &Watch| watch.log().matches("took the changed configuration").count();
    let watch = Watch::start(here.path());
    append(&log, read("ann", "leases", 200));
    alert_of(&here, "rules.lease_read");

    let pods = OWN.replace("leases}", "pods}").replace("lease_read", "pod_read").replace("5a4f", "9a4f");
    write(&here, "own/deeper/pods.yaml", &pods);
    eventually("the new file", || (took(&watch) == 1).then_some(()));
    append(&log, read("ben", "pods", 200));
    alert_of(&here, "rules.pod_read");

    write(&here, "own/deeper/pods.yaml", &pods.replace("pods}", "nodes}").replace("pod_read", "node_read"));
    eventually("the changed file", || (took(&watch) == 2).then_some(()));
    append(&log, read("cia", "nodes", 200));
    alert_of(&here, "rules.node_read");

    fs::remove_file(here.path().join("own/deeper/pods.yaml")).unwrap();
    eventually("the file that is gone", || (took(&watch) == 3).then_some(()));
    fs::remove_file(here.path().join("alerts.json")).unwrap();
    append(&log, read("dan", "nodes", 200));
    append(&log, read("eve", "leases", 200));
    alert_of(&here, "rules.lease_read");
    assert!(!fs::read_to_string(here.path().join("alerts.json")).unwrap().contains("node_read"));
    assert_eq!(watch.stop().code, 0);
}

#[test]
fn a_rule_that_is_broken_is_told_of_at_the_start_and_while_it_runs_and_the_rest_is_used() {
    let broken = OWN.replace("lease_read", "broken").replace("5a4f", "aa4f").replace("verb:", "verb|frob:");
    let here = folder(&[("sundew.yaml", WATCHED), ("inventory.yaml", INVENTORY), ("own/b.yml", &broken)]);
    write(&here, "own/lease.yml", OWN);
    let check = ran(sundew().args(["check", "-c"]).arg(here.path().join("sundew.yaml")));
    assert_eq!(check.code, 2);
    assert!(check.out.contains("rules: 1 rule, 0 off, 0 exceptions"), "{}", check.out);
    assert!(check.err.contains("own/b.yml") && check.err.contains("frob"), "{}", check.err);

    let watch = Watch::start(here.path());
    assert!(watch.log().contains("WARN not used: ") && watch.log().contains("own/b.yml"), "{}", watch.log());
    append(&here.path().join("audit.log"), read("ann", "leases", 200));
    alert_of(&here, "rules.lease_read");
    write(&here, "own/lease.yml", &OWN.replace("condition: read", "condition: rad"));
    watch.wait_for("not used, and neither is what it was before: ");
    assert!(watch.log().contains("own/lease.yml"), "{}", watch.log());
    watch.wait_for("took the changed configuration");
    assert_eq!(watch.stop().code, 0);
}

#[test]
fn who_is_excepted_is_not_told_and_a_rule_that_is_off_tells_nothing() {
    let config = WATCHED.replace(
        "paths: [own]",
        "paths: [own], off: [pod_read], exceptions: [{rule: lease_read, actor: ann, reason: she may}]",
    );
    let pods = OWN.replace("leases}", "pods}").replace("lease_read", "pod_read").replace("5a4f", "9a4f");
    let here = folder(&[("sundew.yaml", &config), ("inventory.yaml", INVENTORY), ("own/lease.yml", OWN)]);
    write(&here, "own/pods.yml", &pods);
    let watch = Watch::start(here.path());
    let log = here.path().join("audit.log");
    append(&log, read("ann", "leases", 200));
    append(&log, read("ann", "pods", 200));
    append(&log, read("ben", "leases", 200));
    alert_of(&here, "rules.lease_read");
    assert_eq!(watch.stop().code, 0);
    let told = fs::read_to_string(here.path().join("alerts.json")).unwrap();
    assert!(told.contains("\"ben\"") && !told.contains("\"ann\"") && !told.contains("pod_read"), "{told}");
}
