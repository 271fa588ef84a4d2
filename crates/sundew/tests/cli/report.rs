//! `sundew report`: what it joins, in both forms, and what it says of what it could not look at.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::common::{INVENTORY, Ran, fed, ran, sundew, unpacked};

const CONFIG: &str = "
version: 1
cluster: demo
inventory: inventory.yaml
store: sundew.db
sources: [{type: stdin, name: audit}]
sinks: [{type: file, name: alerts, path: alerts.txt}]
rules: {off: [shell_opened]}
";

/// A role that everybody has, and no more.
const OBJECTS: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: oops}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: everything}
subjects: [{kind: Group, name: 'system:unauthenticated', apiGroup: rbac.authorization.k8s.io}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: everything}
rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]
";

/// Blinds the tripwire where it matters most.
const POLICY: &str = "
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: None
  userGroups: ['system:serviceaccounts']
- level: Metadata
";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("sundew.yaml", CONFIG),
        ("inventory.yaml", INVENTORY),
        ("objects.yaml", OBJECTS),
        ("policy.yaml", POLICY),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn report(folder: &tempfile::TempDir, args: &[&str]) -> Ran {
    ran(sundew().current_dir(folder.path()).arg("report").args(args))
}

#[test]
fn one_page_joins_the_incidents_the_decoys_the_posture_and_what_blinds() {
    let folder = folder();
    let watched = fed(sundew().current_dir(folder.path()).arg("watch"), &unpacked("theft"));
    assert_eq!(watched.code, 0, "{}", watched.err);

    let args = ["--from", "objects.yaml", "--audit-policy", "policy.yaml"];
    let page = report(&folder, &[&args[..], &["--format", "markdown"]].concat());
    assert_eq!(page.code, 0, "{}", page.err);
    for said in [
        "# Sundew: demo",
        "1. **Answer incident ",
        "Hold a drill",
        "kube-system/tiller",
        "honeypot/backup-sa",
        "ClusterRoleBinding oops",
        "Rules are switched off: shell\\_opened",
        "tripwire.token\\_used",
        "policy.yaml, line 5",
    ] {
        assert!(page.out.contains(said), "no «{said}» in\n{}", page.out);
    }

    let html = report(&folder, &[&args[..], &["--out", "report.html"]].concat());
    assert_eq!((html.code, html.out.as_str()), (0, ""), "{}", html.err);
    let path = folder.path().join("report.html");
    assert!(fs::read_to_string(&path).unwrap().contains("honeypot/backup-sa"));
    // It names the decoys.
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_could_not_be_looked_at_is_said_to_be_so() {
    let folder = tempfile::tempdir().unwrap();
    let page = report(&folder, &["--no-cluster", "--format", "markdown"]);
    assert_eq!(page.code, 0, "{}", page.err);
    assert!(page.out.contains("there is no sundew.yaml here"), "{}", page.out);
    assert!(page.out.contains("Not looked at: --no-cluster was given"), "{}", page.out);
    assert!(!page.out.contains("| good |"), "{}", page.out);
}

#[test]
fn a_cluster_that_does_not_answer_is_part_of_the_report_and_a_file_that_is_not_there_an_error() {
    let folder = folder();
    let kubeconfig = "
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]
users: [{name: u, user: {}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
";
    fs::write(folder.path().join("kubeconfig"), kubeconfig).unwrap();
    let page = report(&folder, &["--kubeconfig", "kubeconfig", "--format", "markdown"]);
    assert_eq!(page.code, 0, "{}", page.err);
    assert!(page.err.contains("127.0.0.1:9"), "{}", page.err);
    assert!(page.out.contains("| Settings of the cluster | not known |"), "{}", page.out);

    let page = report(&folder, &["--from", "nothing.yaml"]);
    assert_eq!(page.code, 2);
    assert!(page.err.contains("cannot read nothing.yaml"), "{}", page.err);
    let page = report(&folder, &["--from", "objects.yaml", "--audit-policy", "nothing.yaml"]);
    assert_eq!(page.code, 2);
    assert!(page.err.contains("nothing.yaml"), "{}", page.err);
}

#[test]
fn an_inventory_is_enough_to_tell_of_decoys_and_nobody_is_told_to_take_their_rights_away() {
    let folder = folder();
    fs::remove_file(folder.path().join("sundew.yaml")).unwrap();
    let bait = OBJECTS.replace(
        "{kind: Group, name: 'system:unauthenticated', apiGroup: rbac.authorization.k8s.io}",
        "{kind: ServiceAccount, name: tiller, namespace: kube-system}",
    );
    fs::write(folder.path().join("objects.yaml"), bait).unwrap();
    let args = ["--from", "objects.yaml", "--format", "markdown"];
    let page = report(&folder, &[&args[..], &["--inventory", "inventory.yaml"]].concat());
    assert_eq!(page.code, 0, "{}", page.err);
    assert!(page.out.contains("| Decoys and drills | high | 2 decoys. |"), "{}", page.out);
    assert!(page.out.contains("about decoys, whose rights are bait"), "{}", page.out);
    assert!(!page.out.contains("ServiceAccount kube-system/tiller"), "{}", page.out);
    // Without it, it is a finding as any.
    let page = report(&folder, &args);
    assert!(page.out.contains("ServiceAccount kube-system/tiller"), "{}", page.out);
}
