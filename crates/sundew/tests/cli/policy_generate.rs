//! `sundew policy generate`: a policy on standard output, and words for people beside it.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::common::{INVENTORY, Ran, ran, recording, sundew};

fn generate(args: &[&str]) -> Ran {
    ran(sundew().args(["policy", "generate"]).args(args))
}

/// The part of a log that the tests read.
fn quiet() -> String {
    recording("quiet").display().to_string()
}

#[test]
fn the_example_is_what_is_printed() {
    let printed = generate(&[]);
    assert_eq!(printed.code, 0, "{}", printed.err);
    let example = include_str!("../../../../docs/examples/audit-policy.yaml");
    assert_eq!(printed.out, example, "run `sundew policy generate > docs/examples/audit-policy.yaml`");
}

#[test]
fn what_no_policy_shows_is_said_beside_it() {
    let printed = generate(&[]);
    assert!(printed.err.contains("tripwire.token_secret_made"), "{}", printed.err);
    assert!(printed.err.lines().all(|line| line.starts_with("sundew: ")), "{}", printed.err);
    assert!(!printed.out.contains("sundew:"), "{}", printed.out);
}

#[test]
fn what_is_printed_has_nothing_to_remark_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    let out = file.display().to_string();
    for platform in ["kubeadm", "k3s", "rke2"] {
        let printed = generate(&["--for", platform, "--out", &out]);
        assert_eq!((printed.code, printed.out.as_str()), (0, ""), "{}", printed.err);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let lint = ran(sundew().args(["policy", "lint", &out]));
        assert_eq!((lint.code, lint.out.trim()), (0, "nothing to remark"), "{platform}: {}", lint.out);
    }
}

#[test]
fn every_platform_has_its_document() {
    for (platform, holds) in [
        ("kubeadm", "--audit-policy-file=/etc/kubernetes/audit-policy.yaml"),
        ("k3s", "audit-log-path=/var/lib/rancher/k3s/server/logs/audit.log"),
        ("rke2", "audit-policy-file: /etc/rancher/rke2/audit-policy.yaml"),
        ("talos", "    auditPolicy:\n      apiVersion: audit.k8s.io/v1"),
        ("openshift", "profile: WriteRequestBodies"),
        ("eks", "aws eks update-cluster-config"),
        ("gke", "logType: DATA_READ"),
        ("aks", "\"category\":\"kube-audit\""),
    ] {
        let printed = generate(&["--for", platform]);
        assert_eq!(printed.code, 0, "{platform}: {}", printed.err);
        assert!(printed.out.contains(holds), "{platform}: {}", printed.out);
    }
}

#[test]
fn a_platform_without_policies_has_nothing_to_learn_from_a_log() {
    for flag in ["--quiet", "--estimate"] {
        let printed = generate(&["--for", "gke", flag, &quiet()]);
        assert_eq!((printed.code, printed.out.as_str()), (2, ""));
        assert!(printed.err.contains("GKE takes none"), "{}", printed.err);
    }
}

#[test]
fn fewer_detectors_need_fewer_bodies() {
    let tripwire = generate(&["--detectors", "tripwire"]);
    assert_eq!(tripwire.code, 0, "{}", tripwire.err);
    assert!(tripwire.out.len() < generate(&[]).out.len());
    assert!(!tripwire.out.contains("admissionregistration.k8s.io, resources"), "{}", tripwire.out);
    let habits = generate(&["--detectors", "habits"]).out;
    assert!(!habits.contains("RequestResponse"), "{habits}");
}

#[test]
fn the_loudest_of_a_log_is_left_out_with_its_price() {
    let folder = tempfile::tempdir().unwrap();
    let inventory = folder.path().join("inventory.yaml");
    fs::write(&inventory, INVENTORY).unwrap();
    let inventory = inventory.display().to_string();
    let printed = generate(&["--quiet", &quiet(), "--inventory", &inventory]);
    assert_eq!(printed.code, 0, "{}", printed.err);
    assert!(printed.err.contains("--quiet leaves out what 5 rules name"), "{}", printed.err);
    let text = printed.out;
    let (_, left_out) = text.split_once("# What this cluster's own log showed to be loud").unwrap();
    assert!(left_out.contains("repeats exactly these requests is not seen"), "{left_out}");
    assert!(left_out.contains("users: [system:serviceaccount:monitoring:prometheus-k8s]"), "{left_out}");
    // Nothing of the inventory is in what is printed.
    for decoy in ["backup-sa", "honeypot", "tiller", "file-backup"] {
        assert!(!text.contains(decoy) && !printed.err.contains(decoy), "{decoy}");
    }
}

#[test]
fn an_estimate_is_said_with_what_it_does_not_know() {
    let printed = generate(&["--estimate", &quiet()]);
    assert_eq!(printed.code, 0, "{}", printed.err);
    assert!(printed.err.contains("a day under this policy"), "{}", printed.err);
    assert!(printed.err.contains("less than an hour of log"), "{}", printed.err);
    assert!(printed.err.contains("no stage RequestReceived"), "{}", printed.err);
    let lines: Vec<&str> =
        printed.err.lines().skip_while(|line| !line.ends_with("request")).skip(1).collect();
    assert_eq!(lines.len(), 10, "{}", printed.err);
    assert!(lines.iter().any(|line| line.contains("create serviceaccounts/token")), "{}", printed.err);
}

#[test]
fn a_log_that_cannot_be_read_or_holds_no_event_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.log");
    fs::write(&empty, "").unwrap();
    for (path, says) in [("/nowhere/audit.log", "/nowhere/audit.log"), (empty.to_str().unwrap(), "no event")]
    {
        for flag in ["--quiet", "--estimate"] {
            let printed = generate(&[flag, path]);
            assert_eq!((printed.code, printed.out.as_str()), (2, ""), "{}", printed.err);
            assert!(printed.err.contains(says), "{}", printed.err);
        }
    }
    let inventory = folder.path().join("inventory.yaml");
    fs::write(&inventory, "decoys: [").unwrap();
    let printed = generate(&["--quiet", &quiet(), "--inventory", inventory.to_str().unwrap()]);
    assert_eq!((printed.code, printed.out.as_str()), (2, ""), "{}", printed.err);
}
