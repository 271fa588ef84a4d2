//! What is said of an inventory's file.

use sundew_decoy::{Decoy, Inventory};

const FILE: &str = "
version: 1
cluster: prod-eu
decoys:
- namespace: honeypot
  account: backup-sa
  persona: backup
  placements:
  - {secret: backup-sa-token, location: /opt/backup of pod file-backup, mountedBy: {pod: file-backup, nodes: [worker-1]}}
  - {name: ci, credentialId: JTI=4c1e6c0a-7d0f-4f0e-8d1c-0d8c6f1f2a33, location: CI variable DEPLOY_TOKEN}
- {namespace: kube-system, account: tiller, placements: [{secret: tiller-token-x7k2p}]}
namespaces: [{name: honeypot}]
walkers: [system:serviceaccount:velero:velero]
";

#[test]
fn a_file_is_read_and_written_back_the_same() {
    let inventory = Inventory::read(FILE).unwrap();
    assert_eq!(inventory.decoys[0].placements[0].label(), "backup-sa-token");
    assert_eq!(inventory.decoys[0].placements[1].label(), "ci");
    let json = serde_json::to_string(&inventory).unwrap();
    assert_eq!(Inventory::read(&json).unwrap(), inventory);
}

#[test]
fn the_same_decoy_twice_names_both_places() {
    let text =
        FILE.replace("namespace: kube-system, account: tiller", "namespace: honeypot, account: backup-sa");
    let said = Inventory::read(&text).unwrap_err().to_string();
    assert!(said.contains("decoy honeypot/backup-sa"), "{said}");
    assert!(said.contains("decoys[0]") && said.contains("decoys[1]"), "{said}");
}

#[test]
fn the_same_secret_or_credential_twice_is_refused() {
    let text = FILE.replace(
        "- {name: ci, credentialId: JTI=4c1e6c0a-7d0f-4f0e-8d1c-0d8c6f1f2a33,",
        "- {secret: backup-sa-token,",
    );
    assert!(Inventory::read(&text).unwrap_err().to_string().contains("Secret honeypot/backup-sa-token"));
}

#[test]
fn the_same_account_in_two_clusters_is_two_decoys() {
    let text = "{version: 1, decoys: [{namespace: a, account: b}, {cluster: two, namespace: a, account: b}]}";
    assert_eq!(Inventory::read(text).unwrap().clusters().len(), 2);
}

#[test]
fn a_cluster_that_only_bait_names_is_one_of_the_inventorys() {
    let text = "{version: 1, namespaces: [{cluster: two, name: a}]}";
    assert!(Inventory::read(text).unwrap().clusters().contains("two"));
}

#[test]
fn names_that_kubernetes_refuses_and_other_versions_are_refused() {
    for (text, want) in [
        ("{version: 1, decoys: [{namespace: a_b, account: c}]}", "decoys[0].namespace: `a_b`"),
        ("{version: 1, decoys: [{namespace: a, account: Cd}]}", "decoys[0].account: `Cd`"),
        ("{version: 1, decoys: [{namespace: a, account: c, placements: [{}]}]}", "placements[0]"),
        ("{version: 1, decoys: [{namespace: a, account: c, placements: [{credentialId: abc}]}]}", "`abc`"),
        ("{version: 2}", "`version` is 2"),
        ("{version: 1, decoyz: []}", "did you mean `decoys`?"),
    ] {
        let said = Inventory::read(text).unwrap_err().to_string();
        assert!(said.contains(want), "{said}");
    }
}

#[test]
fn an_objects_name_is_one_step_of_a_path_and_stands_once() {
    let with = |objects: &str| {
        let decoy = format!("{{namespace: a, account: b, objects: [{objects}]}}");
        Inventory::read(&format!("{{version: 1, decoys: [{decoy}]}}"))
    };
    let role = "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, name: 'a:b', part: rights}";
    assert!(with(role).is_ok());
    for bad in ["a/b", "..", "", "a%2fb"] {
        let said = with(&role.replace("a:b", bad)).unwrap_err().to_string();
        assert!(said.contains("decoys[0].objects[0].name"), "{said}");
    }
    let said = with(&format!("{role}, {role}")).unwrap_err().to_string();
    assert!(said.contains("object ClusterRole a:b of cluster default stands twice"), "{said}");
    let said = with("{apiVersion: v1, kind: Secret, namespace: A, name: a, part: token}").unwrap_err();
    assert!(said.to_string().contains("objects[0].namespace: `A`"), "{said}");
}

#[test]
fn a_decoy_is_given_as_an_argument() {
    let decoy = Decoy::from_argument("honeypot/backup-sa:backup-sa-token").unwrap();
    assert_eq!(decoy.username(), "system:serviceaccount:honeypot:backup-sa");
    assert_eq!(decoy.placements[0].secret.as_deref(), Some("backup-sa-token"));
    assert!(Decoy::from_argument("kube-system/tiller").unwrap().placements.is_empty());
    for bad in ["tiller", "a/b/c", "/x", "x/", "a/b:", "A/b"] {
        let said = Decoy::from_argument(bad).unwrap_err().to_string();
        assert!(said.contains(bad), "{said}");
    }
}

#[test]
fn the_schema_names_every_key_of_the_file() {
    let schema = Inventory::schema().to_string();
    for key in [
        "version",
        "decoys",
        "placements",
        "credentialId",
        "mountedBy",
        "walkers",
        "state",
        "planted",
        "objects",
    ] {
        assert!(schema.contains(&format!("\"{key}\"")), "{key}");
    }
}
