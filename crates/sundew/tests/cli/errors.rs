//! What goes wrong before anything is done: exit code 2, and one sentence that names the input, the place and what to
//! do next.

use std::{fs, path::Path};

use crate::common::{INVENTORY, Ran, recording, run};

/// The error's one line.
fn refused(args: &[&str]) -> String {
    let Ran { code, out, err } = run(args);
    assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(err.starts_with("sundew: "), "{err}");
    let once = "(os error 2)";
    assert!(err.matches(once).count() <= 1, "said twice: {err}");
    err
}

fn says(args: &[&str], want: &[&str]) {
    let said = refused(args);
    for want in want {
        assert!(said.contains(want), "`{want}` is not in: {said}");
    }
}

fn theft() -> String {
    recording("theft").display().to_string()
}

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn a_path_that_is_not_there() {
    says(&["replay", "no/such.log", "--decoy", "a/b"], &["cannot read no/such.log", "No such file"]);
}

#[test]
fn no_decoys() {
    says(
        &["replay", &theft(), "--detectors", "tripwire"],
        &["no decoys to look for", "--inventory FILE", "--decoy NAMESPACE/ACCOUNT[:SECRET]"],
    );
}

#[test]
fn a_decoy_that_is_none() {
    for (decoy, why) in
        [("tiller", "there is no `/`"), ("a/b/c", "more than one `/`"), ("Kube/tiller", "`Kube`")]
    {
        says(&["replay", &theft(), "--decoy", decoy], &[decoy, why]);
    }
}

#[test]
fn the_same_decoy_twice() {
    let args = ["replay", &theft(), "--decoy", "a/b", "--decoy", "a/b:c"];
    says(&args, &["decoy a/b of cluster default", "decoys[0]", "decoys[1]", "remove one"]);
}

#[test]
fn a_cluster_that_the_inventory_does_not_have() {
    let folder = tempfile::tempdir().unwrap();
    let inventory = file(folder.path(), "inventory.yaml", INVENTORY);
    let args = ["replay", &theft(), "--inventory", &inventory, "--cluster", "prod"];
    says(&args, &["no decoys in cluster `prod`", "it has: demo"]);
}

#[test]
fn an_inventory_beside_decoys_on_the_command_line() {
    let args = ["replay", &theft(), "--inventory", "inventory.yaml", "--decoy", "a/b"];
    says(&args, &["--inventory", "leave out --decoy", "add them to the file"]);
    let args = ["replay", &theft(), "--inventory", "inventory.yaml", "--bait-namespace", "a"];
    says(&args, &["leave out", "--bait-namespace"]);
}

#[test]
fn an_inventory_with_a_mistake_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let bad = |text: &str| file(folder.path(), "inventory.yaml", text);
    let path = bad("version: 1\ndecoys:\n- {namespace: a, acount: b}\n");
    let want = ["inventory.yaml", "line 3, column 18", "unknown field `acount`", "did you mean `account`?"];
    says(&["replay", &theft(), "--inventory", &path], &want);
    says(&["check", "--inventory", &path], &want);
    let path = bad("version: 1\ndecoys: [{namespace: a, account: b}, {namespace: a, account: b}]\n");
    says(&["check", "--inventory", &path], &["decoy a/b of cluster default", "decoys[0]", "decoys[1]"]);
    let path = bad("version: 7\n");
    says(&["check", "--inventory", &path], &["inventory.yaml", "`version` is 7"]);
    let path = bad("version: 1\ndecoys: [\n");
    says(&["check", "--inventory", &path], &["inventory.yaml", "line "]);
    says(&["check", "--inventory", "no/such.yaml"], &["cannot read the inventory no/such.yaml"]);
}

#[test]
fn no_configuration() {
    let want = ["no configuration", "-c FILE", "cannot read no/such.yaml"];
    says(&["watch", "-c", "no/such.yaml"], &want);
    says(&["status", "-c", "no/such.yaml"], &["cannot read no/such.yaml"]);
    says(&["redeliver", "-c", "no/such.yaml"], &["cannot read no/such.yaml"]);
    says(&["check"], &["nothing to check", "--inventory FILE", "--config FILE"]);
}

#[test]
fn a_configuration_with_a_mistake_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let source = "sources: [{type: file, name: audit, path: audit.log}]";
    for (text, want) in [
        (format!("version: 1\n{source}\nsinkz: []\n"), "line 3, column 1: unknown field `sinkz`"),
        (format!("version: 1\n{source}\nsinkz: []\n"), "did you mean `sinks`?"),
        (format!("version: 2\n{source}\n"), "`version` is 2"),
        ("version: 1\nsources: []\n".into(), "`sources` is empty"),
        (
            format!("version: 1\n{source}\nsinks: [{{type: slack, name: ops, url: 'https://hooks.example/hush'}}]\n"),
            "urlFile",
        ),
        (
            "version: 1\nsources: [{type: webhook, name: api, listen: '127.0.0.1:0', certFile: c, keyFile: k}]\n".into(),
            "source `api` would take events from anybody; give `tokenFile`",
        ),
        (format!("version: 1\n{source}\nincidents: {{window: soon}}\n"), "`soon` is no time; write it like 30s"),
    ] {
        let path = file(folder.path(), "sundew.yaml", &text);
        for args in [["check", "-c", &path], ["watch", "-c", &path]] {
            says(&args, &["sundew.yaml", want]);
            assert!(!refused(&args).contains("hush"));
        }
    }
}

#[test]
fn a_configuration_whose_secrets_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let text = "
version: 1
sources: [{type: file, name: audit, path: audit.log}]
sinks: [{type: slack, name: ops, urlEnv: SUNDEW_TEST_NOT_SET}]
";
    let path = file(folder.path(), "sundew.yaml", text);
    says(&["check", "-c", &path], &["`ops`", "SUNDEW_TEST_NOT_SET"]);
}

#[test]
fn nothing_to_watch_for() {
    let folder = tempfile::tempdir().unwrap();
    let text = "
version: 1
sources: [{type: file, name: audit, path: audit.log}]
sinks: [{type: terminal, name: here}]
rules: {builtin: false}
habits: {enabled: false}
";
    let path = file(folder.path(), "sundew.yaml", text);
    says(&["watch", "-c", &path], &["nothing to watch for", "`inventory`", "sundew.yaml", "--decoy"]);
    let inventory = file(folder.path(), "inventory.yaml", INVENTORY);
    let want = ["no source is of cluster `demo`", "sources are of: default", "Set `cluster`"];
    says(&["watch", "-c", &path, "--inventory", &inventory], &want);
}

#[test]
fn arguments_that_mean_nothing() {
    for (args, want) in [
        (&["replay"] as &[&str], "<PATH>..."),
        (&["replay", "x", "--fail-on", "bad"], "info, low, medium, high or critical"),
        (&["replay", "x", "--threads", "0"], "--threads"),
        (&["demo", "--speed", "0"], "0.01 to 1000"),
        (&["sniff"], "sniff"),
    ] {
        let ran = run(args);
        assert_eq!(ran.code, 2, "{args:?}");
        assert!(ran.err.contains(want), "{args:?}: {}", ran.err);
    }
}
