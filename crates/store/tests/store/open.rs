//! Opening: locks, modes, damage, other people's files.

use std::{
    fs::{self, File},
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::Connection;
use sundew_store::{Opened, Store, StoreError};
use tempfile::TempDir;

use crate::given::{at, step};

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sundew.db");
    (folder, path)
}

/// A store with `steps` steps in it, closed.
fn filled(path: &Path, steps: u64) {
    let (mut store, _) = Store::open(path).unwrap();
    for n in 1..=steps {
        store.commit(&step(n)).unwrap();
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

/// Opens a damaged store and returns where the old file went.
fn started_anew(path: &Path) -> PathBuf {
    let (mut store, opened) = Store::open(path).unwrap();
    let Opened::StartedAnew { kept_aside, why } = opened else { panic!("opened as {opened:?}") };
    assert!(!why.is_empty());
    let name = kept_aside.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("sundew.db.corrupt-2") && name.contains('Z'), "{name}");
    assert_eq!(kept_aside.parent(), path.parent());
    assert_eq!(store.position("prod", "log").unwrap(), None);
    store.commit(&step(1)).unwrap();
    drop(store);
    assert_eq!(Store::open(path).unwrap().1, Opened::Existing, "the new file is sound");
    kept_aside
}

#[test]
fn a_new_store_is_fresh_and_the_next_time_it_is_existing() {
    let (_folder, path) = folder();
    assert_eq!(Store::open(&path).unwrap().1, Opened::Fresh);
    assert_eq!(Store::open(&path).unwrap().1, Opened::Existing);
}

#[test]
fn an_empty_file_is_a_fresh_store() {
    let (_folder, path) = folder();
    File::create(&path).unwrap();
    assert_eq!(Store::open(&path).unwrap().1, Opened::Fresh);
}

#[test]
fn all_files_of_the_store_are_private() {
    let (_folder, path) = folder();
    let (mut store, _) = Store::open(&path).unwrap();
    store.commit(&step(1)).unwrap();
    for suffix in ["", "-wal", "-shm", ".lock"] {
        assert_eq!(mode(&with(&path, suffix)), 0o600, "{suffix}");
    }
}

#[test]
fn a_file_that_others_could_read_is_made_private() {
    let (_folder, path) = folder();
    filled(&path, 1);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let (mut store, _) = Store::open(&path).unwrap();
    store.commit(&step(2)).unwrap();
    assert_eq!((mode(&path), mode(&with(&path, "-wal"))), (0o600, 0o600));
}

#[test]
fn the_file_uses_a_write_ahead_log() {
    let (_folder, path) = folder();
    let (_store, _) = Store::open(&path).unwrap();
    let mode: String =
        Connection::open(&path).unwrap().query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[test]
fn a_second_sensor_is_told_that_the_file_is_taken_and_by_whom() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(
        matches!(error, StoreError::Owned { holder: Some(id), .. } if id == std::process::id()),
        "{error}"
    );
    let text = error.to_string();
    assert!(text.contains("sundew.db") && text.contains("another sensor"), "{text}");
    drop(store);
    assert_eq!(Store::open(&path).unwrap().1, Opened::Existing);
}

#[test]
fn a_reader_sees_what_a_running_sensor_commits_and_cannot_write() {
    let (_folder, path) = folder();
    let (mut sensor, _) = Store::open(&path).unwrap();
    let mut reader = Store::open_reading(&path).unwrap();
    sensor.commit(&step(3)).unwrap();
    assert_eq!(reader.position("prod", "log").unwrap(), Some(serde_json::json!({ "offset": 3 })));
    assert_eq!(reader.outbox_summary().unwrap()[0].waiting, 1);
    let error = reader.commit(&step(4)).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
    sensor.commit(&step(4)).unwrap();
}

#[test]
fn a_reader_also_reads_after_the_sensor_has_stopped() {
    let (_folder, path) = folder();
    filled(&path, 2);
    let reader = Store::open_reading(&path).unwrap();
    assert_eq!(reader.due("slack", at(0), 10).unwrap().len(), 2);
}

#[test]
fn a_reader_does_not_make_a_missing_store() {
    let (_folder, path) = folder();
    let error = Store::open_reading(&path).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert!(error.to_string().contains("sundew.db"), "{error}");
    assert!(!path.exists());
    File::create(&path).unwrap();
    assert!(matches!(Store::open_reading(&path).unwrap_err(), StoreError::TooOld { found: 0, .. }));
}

#[test]
fn garbage_is_set_aside_and_a_new_store_begun() {
    let (_folder, path) = folder();
    fs::write(&path, b"this is no database, but it is long enough to be asked".repeat(200)).unwrap();
    let kept = started_anew(&path);
    assert!(fs::read(kept).unwrap().starts_with(b"this is no database"));
}

#[test]
fn a_garbled_header_is_set_aside() {
    let (_folder, path) = folder();
    filled(&path, 3);
    File::options().write(true).open(&path).unwrap().write_all_at(&[0xff; 100], 0).unwrap();
    started_anew(&path);
}

#[test]
fn a_truncated_file_is_set_aside_wherever_it_ends() {
    let (_folder, path) = folder();
    filled(&path, 100);
    let whole = fs::read(&path).unwrap();
    assert!(whole.len() > 20 * 4096);
    for length in [1, 50, 100, 511, 512, 4095, 4096, 5000, 8192, whole.len() / 2, whole.len() - 1] {
        let (_folder, path) = folder();
        fs::write(&path, &whole[..length]).unwrap();
        let kept = started_anew(&path);
        assert_eq!(fs::metadata(kept).unwrap().len(), length as u64);
    }
}

#[test]
fn a_damaged_page_is_found_at_opening() {
    let (_folder, path) = folder();
    filled(&path, 100);
    let pages = fs::metadata(&path).unwrap().len() / 4096;
    let file = File::options().write(true).open(&path).unwrap();
    // All pages but the first: the header and the schema still read well.
    for page in 1..pages {
        file.write_all_at(&[0x5a; 200], page * 4096).unwrap();
    }
    started_anew(&path);
}

#[test]
fn a_damaged_file_takes_its_companions_along() {
    let (_folder, path) = folder();
    fs::write(&path, [0xaa; 8192]).unwrap();
    fs::write(with(&path, "-wal"), b"log").unwrap();
    fs::write(with(&path, "-shm"), b"index").unwrap();
    let kept = started_anew(&path);
    assert_eq!(fs::read(with(&kept, "-wal")).unwrap(), b"log");
    assert!(with(&kept, "-shm").exists());
}

#[test]
fn a_log_whose_database_is_gone_is_kept_and_told_of() {
    let (_folder, path) = folder();
    fs::write(with(&path, "-wal"), b"log").unwrap();
    let kept = started_anew(&path);
    assert_eq!(fs::read(with(&kept, "-wal")).unwrap(), b"log");
}

#[test]
fn two_damaged_files_in_one_second_are_both_kept() {
    let (_folder, path) = folder();
    let mut kept = Vec::new();
    for byte in [1u8, 2, 3] {
        fs::write(&path, [byte; 5000]).unwrap();
        kept.push((started_anew(&path), byte));
        fs::remove_file(&path).unwrap();
    }
    for (file, byte) in kept {
        assert_eq!(fs::read(file).unwrap(), [byte; 5000]);
    }
}

#[test]
fn a_file_that_is_locked_at_opening_is_left_alone() {
    let (folder, path) = folder();
    filled(&path, 1);
    let other = Connection::open(&path).unwrap();
    // In this mode even readers are kept out.
    other.pragma_update(None, "locking_mode", "EXCLUSIVE").unwrap();
    other.execute_batch("BEGIN EXCLUSIVE; UPDATE counters SET value = 0").unwrap();
    let error = Store::open_waiting(&path, Duration::from_millis(10)).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("sundew.db") && text.contains("close whatever has it open"), "{text}");
    drop(other);
    let aside = fs::read_dir(folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("corrupt"));
    assert_eq!(aside.count(), 0);
    assert_eq!(Store::open(&path).unwrap().1, Opened::Existing);
}

#[test]
fn a_commit_against_another_writer_fails_as_locked_and_can_be_repeated() {
    let (_folder, path) = folder();
    let (mut store, _) = Store::open_waiting(&path, Duration::from_millis(10)).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.commit(&step(1)).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }) && error.is_temporary(), "{error}");
    assert!(error.to_string().contains("sundew.db"), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    store.commit(&step(1)).unwrap();
    assert_eq!(store.due("slack", at(0), 10).unwrap().len(), 1);
}

#[test]
fn a_store_of_a_newer_release_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    filled(&path, 1);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    for error in [
        Store::open(&path).unwrap_err(),
        Store::open_reading(&path).unwrap_err(),
        Store::open_beside(&path).unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::TooNew { found: 99, .. }), "{error}");
        assert!(error.to_string().contains("newer release"), "{error}");
    }
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 3).unwrap();
    assert_eq!(Store::open(&path).unwrap().0.due("slack", at(0), 10).unwrap().len(), 1);
}

#[test]
fn the_database_of_another_program_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE customers (name); INSERT INTO customers VALUES ('Ada')").unwrap();
    drop(other);
    let before = fs::read(&path).unwrap();
    assert!(matches!(Store::open(&path).unwrap_err(), StoreError::Foreign { .. }));
    assert!(matches!(Store::open_reading(&path).unwrap_err(), StoreError::Foreign { .. }));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_missing_folder_and_a_folder_in_place_of_the_file_are_named() {
    let (folder, _) = folder();
    let missing = Store::open(&folder.path().join("no/sundew.db")).unwrap_err().to_string();
    assert!(missing.contains("no/sundew.db") && missing.contains("create the folder first"), "{missing}");
    let taken = folder.path().join("taken");
    fs::create_dir(&taken).unwrap();
    let error = Store::open(&taken).unwrap_err();
    assert!(matches!(&error, StoreError::Io { path, .. } if *path == taken), "{error}");
}

/// Root writes whatever the mode says, so as root this shows only that the mode does not stop it.
#[test]
fn a_folder_or_file_without_write_access_is_named() {
    let (folder, path) = folder();
    filled(&path, 1);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    let file_result = Store::open(&path);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(with(&path, ".lock")).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    let root = File::create(folder.path().join("probe")).is_ok();
    let folder_result = if root { Err(None) } else { Store::open(&path).map_err(Some) };
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    if root {
        assert_eq!(file_result.unwrap().1, Opened::Existing);
        return;
    }
    let error = file_result.unwrap_err().to_string();
    assert!(error.contains("sundew.db") && error.contains("access"), "{error}");
    let error = folder_result.unwrap_err().unwrap().to_string();
    assert!(error.contains("sundew.db.lock") && error.contains("access"), "{error}");
}
