//! The inventory's file.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use sundew_bait::{BaitError, file::InventoryFile};
use sundew_decoy::{Decoy, Inventory, State};

fn decoy(name: &str) -> Decoy {
    Decoy::from_argument(name).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn listed(path: &Path) -> Vec<String> {
    Inventory::read(&fs::read_to_string(path).unwrap()).unwrap().decoys.iter().map(Decoy::name).collect()
}

#[test]
fn a_new_inventory_is_private_and_says_that_it_is_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("decoys.yaml");
    let mut file = InventoryFile::open(&path, "prod").unwrap();
    assert!(!path.exists());
    file.put(decoy("shop/a:a-token")).unwrap();
    assert_eq!(mode(&path), 0o600);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# ") && text.contains("secret") && text.contains("cluster: prod"), "{text}");
    assert_eq!(Inventory::read(&text).unwrap(), *file.inventory());
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "the file and its lock: {names:?}");
}

#[test]
fn a_second_run_is_refused_until_the_first_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("decoys.yaml");
    let first = InventoryFile::open(&path, "prod").unwrap();
    match InventoryFile::open(&path, "prod") {
        Err(BaitError::Busy { holder, .. }) => assert_eq!(holder, Some(std::process::id())),
        other => panic!("{other:?}"),
    }
    drop(first);
    InventoryFile::open(&path, "prod").unwrap();
}

#[test]
fn what_others_could_read_is_closed_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("decoys.yaml");
    fs::write(&path, "version: 1\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let _file = InventoryFile::open(&path, "prod").unwrap();
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_link_stays_a_link_and_its_file_is_written_and_locked() {
    let folder = tempfile::tempdir().unwrap();
    let (link, path) = (folder.path().join("link.yaml"), folder.path().join("real.yaml"));
    std::os::unix::fs::symlink("real.yaml", &link).unwrap();
    let mut file = InventoryFile::open(&link, "prod").unwrap();
    file.put(decoy("shop/a")).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(listed(&path), ["shop/a"]);
    assert!(matches!(InventoryFile::open(&path, "prod"), Err(BaitError::Busy { .. })));
}

#[test]
fn links_in_a_circle_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    std::os::unix::fs::symlink("a", &path).unwrap();
    assert!(InventoryFile::open(&path, "prod").unwrap_err().to_string().contains("circle"));
}

#[test]
fn a_file_with_comments_is_kept_once_and_its_own_head_is_no_comment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("decoys.yaml");
    let by_hand = "version: 1\n# the old bait\ndecoys: [{namespace: shop, account: old}]\n";
    fs::write(&path, by_hand).unwrap();
    let mut file = InventoryFile::open(&path, "prod").unwrap();
    file.put(decoy("shop/a")).unwrap();
    file.put(decoy("shop/b")).unwrap();
    let kept = folder.path().join("decoys.yaml.bak");
    assert_eq!(fs::read_to_string(&kept).unwrap(), by_hand);
    assert_eq!(mode(&kept), 0o600);
    assert!(!folder.path().join("decoys.yaml.bak.1").exists());
    assert_eq!(listed(&path), ["shop/old", "shop/a", "shop/b"]);
}

#[test]
fn what_somebody_writes_into_it_meanwhile_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("decoys.yaml");
    let mut file = InventoryFile::open(&path, "prod").unwrap();
    file.put(decoy("shop/a")).unwrap();
    fs::write(
        &path,
        "version: 1\ncluster: prod\nwalkers: [velero]\ndecoys: [{namespace: shop, account: b}]\n",
    )
    .unwrap();
    file.put(decoy("shop/c")).unwrap();
    assert_eq!(listed(&path), ["shop/b", "shop/c"]);
    assert_eq!(file.inventory().walkers, ["velero"]);

    fs::write(&path, "versoin: 1\n").unwrap();
    assert!(matches!(file.put(decoy("shop/d")), Err(BaitError::Inventory { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "versoin: 1\n");
}

#[test]
fn a_decoy_is_known_by_cluster_namespace_and_account() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("decoys.yaml");
    fs::write(&path, "version: 1\ncluster: prod\n").unwrap();
    let mut file = InventoryFile::open(&path, "stage").unwrap();
    let there = Decoy { cluster: Some("stage".into()), ..decoy("shop/a") };
    file.put(decoy("shop/a")).unwrap();
    file.put(there.clone()).unwrap();
    file.put(Decoy { cluster: Some("prod".into()), state: Some(State::Planted), ..decoy("shop/a") }).unwrap();
    assert_eq!(listed(&path).len(), 2);
    assert_eq!(file.find(&decoy("shop/a")).unwrap().state, Some(State::Planted));

    // It was opened for `stage`.
    file.take("shop", "a").unwrap();
    assert!(file.find(&there).is_none());
    file.forget(&decoy("shop/a")).unwrap();
    assert!(listed(&path).is_empty());
}

#[test]
fn a_write_that_fails_leaves_file_and_memory_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("decoys.yaml");
    let mut file = InventoryFile::open(&path, "prod").unwrap();
    file.put(decoy("shop/a")).unwrap();
    let before = fs::read_to_string(&path).unwrap();
    // The draft's name is taken by a folder.
    let draft = folder.path().join(format!("decoys.yaml.{}.new", std::process::id()));
    fs::create_dir(&draft).unwrap();
    let said = file.put(decoy("shop/b")).unwrap_err();
    assert!(said.to_string().contains("decoys.yaml"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    assert_eq!(file.inventory().decoys.len(), 1);
    fs::remove_dir(&draft).unwrap();
    file.put(decoy("shop/b")).unwrap();
}
