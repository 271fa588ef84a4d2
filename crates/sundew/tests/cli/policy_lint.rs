//! `sundew policy lint`: what is wrong with an audit policy and with the API server's flags.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Ran, fed, ran, sundew};

/// A policy with a mistake of most kinds.
const POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
rules:
# Nobody is called so, and so this rule is never used.
- level: Metadata
  verbs: [get]
  users: [\"system:serviceaccount:kube-system:*\"]
- level: RequestResponse
  namespace: [shop]
  resources: [{group: \"\", resources: [pods, secrets, deployments]}]
- level: Metadata
  verbs: [GET, create]
  resources: [{group: \"\", resources: [secrets]}]
- level: Metadata
  omitStages: [RequestReceived]
";

const FLAGS: &str = "--audit-policy-file=/etc/kubernetes/audit-policy.yaml
--audit-log-path=/var/log/kubernetes/audit.log
--audit-log-maxbackup=10
--audit-log-mode=batch
--audit-webhook-config-file=/etc/kubernetes/sundew.kubeconfig
";

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
    fs::write(folder.path().join("flags"), FLAGS).unwrap();
    folder
}

/// The command in a folder, so that what is said names no folder. What detections need is of `sundew_policy`'s tests.
fn lint(folder: &TempDir, args: &[&str]) -> Ran {
    let all = ["policy", "lint", "--detectors", "habits"];
    ran(sundew().current_dir(folder.path()).args(all).args(args))
}

fn codes(ran: &Ran) -> Vec<(String, u64, String, String)> {
    let text = |remark: &Value, key: &str| remark[key].as_str().unwrap().to_owned();
    let remarks: Vec<Value> = serde_json::from_str(&ran.out).unwrap();
    remarks
        .iter()
        .map(|r| (text(r, "file"), r["line"].as_u64().unwrap(), text(r, "weight"), text(r, "code")))
        .collect()
}

#[test]
fn remarks_stand_worst_first_with_line_and_fix() {
    let folder = folder();
    let said = lint(&folder, &["policy.yaml", "--apiserver", "flags"]);
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    insta::assert_snapshot!(said.out);
}

#[test]
fn the_json_has_a_remark_each_with_its_file() {
    let folder = folder();
    let said = lint(&folder, &["policy.yaml", "--apiserver", "flags", "-o", "json"]);
    assert_eq!(said.code, 1);
    let codes = codes(&said);
    let one = |file: &str, line, weight: &str, code: &str| {
        (file.to_owned(), line, weight.to_owned(), code.to_owned())
    };
    assert_eq!(codes[0], one("policy.yaml", 8, "leak", "credentials"));
    assert!(codes.contains(&one("flags", 4, "lossy", "batched-log")), "{codes:?}");
    assert!(codes.contains(&one("flags", 5, "lossy", "late")), "{codes:?}");
    assert!(codes.contains(&one("policy.yaml", 9, "dead", "unknown-key")), "{codes:?}");
    let remarks: Vec<Value> = serde_json::from_str(&said.out).unwrap();
    let keys: Vec<&String> = remarks[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["code", "file", "fix", "line", "weight", "what"]);
}

#[test]
fn a_policy_from_standard_input_is_told_of_by_that_name() {
    let mut command = sundew();
    let said = fed(command.args(["policy", "lint", "-", "-o", "json"]), b"kind: Policy\nrules: []\n");
    assert_eq!(said.code, 1);
    assert_eq!(
        codes(&said),
        [("standard input".to_owned(), 0, "broken".to_owned(), "wrong-version".to_owned())]
    );
}

#[test]
fn what_is_not_serious_ends_with_zero() {
    let folder = folder();
    let good = "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nomitManagedFields: true\nrules:\n- {level: Request, verbs: [delete], resources: [{group: \"\", resources: [pods]}]}\n- level: Metadata\n";
    fs::write(folder.path().join("good.yaml"), good).unwrap();
    let said = lint(&folder, &["good.yaml"]);
    assert_eq!((said.code, said.out.as_str()), (0, "nothing to remark\n"));
    fs::write(folder.path().join("loud.yaml"), good.replace("omitStages: [RequestReceived]\n", "")).unwrap();
    let said = lint(&folder, &["loud.yaml"]);
    assert_eq!(said.code, 0);
    assert!(said.out.ends_with("\n1 waste\n"), "{}", said.out);
}

#[test]
fn what_a_policy_hides_is_found_by_the_needs_of_the_chosen_detectors() {
    let folder = folder();
    let blind = "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- level: None\n  userGroups: [system:serviceaccounts]\n- level: Metadata\n";
    fs::write(folder.path().join("blind.yaml"), blind).unwrap();
    let said = ran(sundew().current_dir(folder.path()).args([
        "policy",
        "lint",
        "blind.yaml",
        "--detectors",
        "tripwire",
        "-o",
        "json",
    ]));
    assert_eq!(said.code, 1);
    let codes = codes(&said);
    assert!(codes.iter().any(|(_, line, weight, _)| (*line, weight.as_str()) == (5, "blind")), "{codes:?}");
}

#[test]
fn files_that_cannot_be_read_fail_and_are_named() {
    let folder = folder();
    fs::write(folder.path().join("latin1.yaml"), b"apiVersion: audit.k8s.io/v1\n# caf\xe9\n").unwrap();
    fs::write(folder.path().join("large.yaml"), "#".repeat((4 << 20) + 1)).unwrap();
    let failed = |args: &[&str]| {
        let said = lint(&folder, args);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}");
        said.err
    };
    insta::assert_snapshot!(failed(&["none.yaml"]), @"sundew: cannot read none.yaml: No such file or directory (os error 2)");
    insta::assert_snapshot!(failed(&["latin1.yaml"]), @"sundew: latin1.yaml is no UTF-8 text: line 2; save it as UTF-8");
    insta::assert_snapshot!(failed(&["large.yaml"]), @"sundew: large.yaml is larger than 4 MiB, and no audit policy: give the policy's own file");
    insta::assert_snapshot!(failed(&["policy.yaml", "--apiserver", "policy.yaml"]), @"sundew: policy.yaml: no flags of an API server: it has neither `spec.containers` nor `kube-apiserver-arg`");
}

#[test]
fn bad_policies_say_what_the_api_server_would() {
    let folder = folder();
    for (name, text, said) in [
        (
            "group-version",
            "apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules:\n- level: Metadata\n",
            "write `apiVersion: audit.k8s.io/v1`",
        ),
        ("no-rules", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []\n", "does not start without one"),
        ("configmap", "apiVersion: v1\nkind: ConfigMap\ndata: {}\n", "take the policy out of its `data`"),
        ("tab", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n-\tlevel: Metadata\n", "tab"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
        let ran = lint(&folder, &[name]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.out.starts_with("broken") && ran.out.contains(said), "{ran:?}");
        assert!(ran.out.ends_with("\n1 broken\n"), "{ran:?}");
    }
}
