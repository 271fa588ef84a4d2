//! `sundew harden cluster`: what it prints, what it writes, what it refuses, and what it ends with.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Ran, ran, recording, sundew};

/// A small cluster as kubeadm makes it.
const KUBEADM: &str = include_str!("../../../harden/tests/settings/kubeadm.yaml");
/// Not a key of anybody.
const KEY: &str = "bm90LWEta2V5LW5vdC1hLWtleS1ub3QtYS1rZXktMDA=";

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("kubeadm.yaml"), KUBEADM).unwrap();
    folder
}

fn run_in(folder: &Path, args: &[&str]) -> Ran {
    ran(sundew().args(["harden", "cluster"]).args(args).current_dir(folder))
}

fn harden(args: &[&str]) -> Ran {
    let folder = folder();
    let mut all = vec!["--from", "kubeadm.yaml"];
    all.extend(args);
    run_in(folder.path(), &all)
}

/// The one line that says why nothing was done.
fn refused(folder: &Path, args: &[&str], want: &[&str]) {
    let Ran { code, out, err } = run_in(folder, args);
    assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    for want in want {
        assert!(err.contains(want), "`{want}` is not in: {err}");
    }
    assert!(!err.contains(&KEY[..8]), "{err}");
}

#[test]
fn a_cluster_of_kubeadm_as_a_table() {
    let Ran { code, out, err } = harden(&[]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(!out.contains('\x1b'));
    insta::assert_snapshot!(out);
}

#[test]
fn manifests_of_a_cluster_show_few_settings_and_say_how_to_see_the_others() {
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recordings");
    let Ran { code, out, err } = run_in(&recordings, &["--from", "cluster.yaml"]);
    assert_eq!((code, err.as_str()), (0, ""));
    insta::assert_snapshot!(out);
}

#[test]
fn json_has_every_fact_with_its_state() {
    let told: Value = serde_json::from_str(&harden(&["-o", "json"]).out).unwrap();
    assert_eq!(told["version"], "1.36");
    let facts = told["facts"].as_array().unwrap();
    let of = |id: &str| facts.iter().find(|fact| fact["id"] == id).unwrap();
    assert_eq!((&of("audit")["state"], &of("audit")["severity"]), (&"bad".into(), &"high".into()));
    assert_eq!(of("kubelet-anonymous")["state"], "unknown");
    assert_eq!(of("node-restriction")["state"], "good");
    assert!(of("node-restriction").get("severity").is_none());
    assert!(of("pod-security-open")["commands"][0].as_str().unwrap().contains("--dry-run=server"));
}

#[test]
fn the_exit_code_says_whether_something_is_as_bad_as_asked() {
    assert_eq!(harden(&["--fail-on", "high"]).code, 1);
    assert_eq!(harden(&["--fail-on", "critical"]).code, 0);
}

#[test]
fn the_changes_are_written_with_the_order_and_the_way_back() {
    let folder = folder();
    let args = ["--from", "kubeadm.yaml", "--out", "plan"];
    let Ran { code, err, .. } = run_in(folder.path(), &args);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("the changes are in plan: read README.md"), "{err}");
    let read = |name: &str| fs::read_to_string(folder.path().join("plan").join(name)).unwrap();
    insta::assert_snapshot!(read("README.md"));
    assert!(read("authentication.yaml").contains("kind: AuthenticationConfiguration"));
    assert!(read("before/cluster-dashboard-viewer.json").contains("\"dashboard-viewer\""));
    let again = run_in(folder.path(), &args);
    assert_eq!(again.code, 2);
    assert!(again.err.contains("the folder plan is not empty"), "{}", again.err);
}

#[test]
fn files_of_settings_are_taken_beside_the_dump() {
    let folder = folder();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "flags",
        "--authorization-mode=Node,RBAC\n--encryption-provider-config=/e.yaml\n--profiling=false\n",
    );
    write(
        "kubelet.yaml",
        "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nreadOnlyPort: 10255\n",
    );
    write(
        "enc.yaml",
        &format!(
            "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers:\n  - secretbox: {{keys: [{{name: k, secret: {KEY}}}]}}\n  - identity: {{}}\n"
        ),
    );
    let args = [
        "--from",
        "kubeadm.yaml",
        "--apiserver",
        "flags",
        "--kubelet",
        "kubelet.yaml",
        "--encryption",
        "enc.yaml",
    ];
    for more in [&[][..], &["-o", "json"], &["--out", "plan"]] {
        let Ran { code, out, err } = run_in(folder.path(), &[&args[..], more].concat());
        assert_eq!(code, 0, "{err}");
        assert!(out.contains("file kubelet.yaml: readOnlyPort: 10255"), "{out}");
        assert!(out.contains("secretbox (256 bits)"), "{out}");
        assert!(!out.contains(&KEY[..8]) && !err.contains(&KEY[..8]), "a key is shown");
    }
    let plan = fs::read_to_string(folder.path().join("plan/README.md")).unwrap();
    assert!(!plan.contains(&KEY[..8]));
}

#[test]
fn files_that_declare_nothing_are_refused_before_anything_is_read() {
    let folder = folder();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("deployment.yaml", b"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n");
    write("words", b"--profiling=false\nhello\n");
    write("binary", b"\xff\xfe\x00");
    write("secret.yaml", format!("apiVersion: v1\nkind: Secret\ndata: {{key: {KEY}}}\n").as_bytes());
    write("old.yaml", b"apiVersion: kubelet.config.k8s.io/v1alpha1\nkind: KubeletConfiguration\n");
    write("large", &vec![b'#'; (4 << 20) + 1]);
    let from = ["--from", "kubeadm.yaml"];
    for (args, want) in [
        (
            ["--apiserver", "deployment.yaml"],
            &["deployment.yaml: this is of kind `Deployment`", "give the manifest"][..],
        ),
        (["--apiserver", "words"], &["words: line 2 is no flag"]),
        (["--apiserver", "binary"], &["binary is no text in UTF-8"]),
        (["--apiserver", "none"], &["cannot read none"]),
        (
            ["--encryption", "secret.yaml"],
            &["secret.yaml: this is of kind `Secret`", "--encryption-provider-config"],
        ),
        (["--encryption", "large"], &["large has more than 4194304 bytes"]),
        (["--kubelet", "old.yaml"], &["old.yaml: apiVersion `kubelet.config.k8s.io/v1alpha1`"]),
        (["--kubelet", "deployment.yaml"], &["and not a KubeletConfiguration"]),
    ] {
        refused(folder.path(), &[&from[..], &args].concat(), want);
    }
}

#[test]
fn strangers_are_not_asked_for_where_there_is_no_server() {
    let Ran { code, err, .. } = harden(&["--probe"]);
    assert_eq!(code, 2);
    assert!(err.contains("--probe") && err.contains("--from"), "{err}");
}

#[test]
fn audit_logs_say_whether_tokens_can_be_cut_short() {
    let log = recording("quiet");
    let log = log.to_str().unwrap();
    let short = harden(&["--logs", log]);
    assert_eq!(short.code, 0, "{}", short.err);
    assert!(short.err.contains("less than --window"), "{}", short.err);
    assert!(short.out.contains("Give --logs with more of the past"), "{}", short.out);
    let enough = harden(&["--logs", log, "--window", "1m"]);
    assert!(enough.out.contains("nobody used a token past its hour"), "{}", enough.out);
}
