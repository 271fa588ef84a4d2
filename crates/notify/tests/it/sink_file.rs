//! The file sink, on real files.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use sundew_notify::{DeliveryError, Message, Sink};
use tempfile::TempDir;

use crate::fixture::{growing, sink, theft};

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts");
    (folder, path)
}

fn file_sink(path: &Path, format: &str) -> Box<dyn Sink> {
    sink(json!({"type": "file", "name": "disk", "path": path, "format": format})).unwrap()
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn retry_reason(delivered: Result<(), DeliveryError>) -> String {
    match delivered {
        Err(DeliveryError::Retry { why, .. }) => why,
        other => panic!("not a retry: {other:?}"),
    }
}

#[tokio::test]
async fn each_message_is_one_line_of_the_wire_form() {
    let (_folder, path) = place();
    let sink = file_sink(&path, "json");
    sink.deliver(&theft()).await.unwrap();
    sink.deliver(&growing()).await.unwrap();
    let lines = lines(&path);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["schema"], "sundew.incident/v1");
    assert_eq!(lines[1]["revision"], 3);
    assert_eq!(lines[1]["change"], "updated");
    assert_eq!(serde_json::from_value::<Message>(lines[1].clone()).unwrap(), growing());
}

#[tokio::test]
async fn text_is_appended_block_by_block() {
    let (_folder, path) = place();
    let sink = file_sink(&path, "text");
    sink.deliver(&theft()).await.unwrap();
    sink.deliver(&growing()).await.unwrap();
    let expected = sundew_notify::render_text(&theft()) + &sundew_notify::render_text(&growing());
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
}

#[tokio::test]
async fn a_new_file_is_private() {
    let (_folder, path) = place();
    file_sink(&path, "json").deliver(&theft()).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn what_is_in_the_file_already_stays() {
    let (_folder, path) = place();
    file_sink(&path, "json").deliver(&theft()).await.unwrap();
    file_sink(&path, "json").deliver(&theft()).await.unwrap();
    assert_eq!(lines(&path).len(), 2);
}

#[tokio::test]
async fn a_line_cut_short_by_a_crash_does_not_swallow_the_next() {
    let (_folder, path) = place();
    fs::write(&path, "{\"schema\":\"sund").unwrap();
    file_sink(&path, "json").deliver(&theft()).await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let (torn, whole) = text.split_once('\n').unwrap();
    assert_eq!(torn, "{\"schema\":\"sund");
    assert!(serde_json::from_str::<Message>(whole).is_ok(), "{whole}");
}

#[tokio::test]
async fn after_a_rotation_the_file_of_that_name_is_written() {
    let (folder, path) = place();
    let rotated = folder.path().join("alerts.1");
    let sink = file_sink(&path, "json");
    sink.deliver(&theft()).await.unwrap();
    fs::rename(&path, &rotated).unwrap();
    sink.deliver(&growing()).await.unwrap();
    assert_eq!((lines(&rotated).len(), lines(&path).len()), (1, 1));
    fs::remove_file(&path).unwrap();
    sink.deliver(&growing()).await.unwrap();
    assert_eq!(lines(&path).len(), 1);
}

#[tokio::test]
async fn a_full_disk_is_a_reason_to_try_again() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let why = retry_reason(file_sink(Path::new("/dev/full"), "json").deliver(&theft()).await);
    assert!(why.contains("/dev/full") && why.contains("the disk is full"), "{why}");
}

#[tokio::test]
async fn a_folder_that_vanished_is_a_reason_to_try_again_and_named() {
    let (folder, path) = place();
    let sink = file_sink(&path, "json");
    drop(folder);
    let why = retry_reason(sink.deliver(&theft()).await);
    assert!(why.contains("does not exist; create it first"), "{why}");
}

#[tokio::test]
async fn a_file_that_another_program_has_locked_is_left_alone() {
    let (_folder, path) = place();
    let sink = file_sink(&path, "json");
    sink.deliver(&theft()).await.unwrap();
    let other = fs::File::open(&path).unwrap();
    other.lock().unwrap();
    let why = retry_reason(sink.deliver(&growing()).await);
    assert!(why.contains("another program holds the lock"), "{why}");
    other.unlock().unwrap();
    sink.deliver(&growing()).await.unwrap();
    assert_eq!(lines(&path).len(), 2);
}

#[test]
fn a_missing_folder_shows_at_the_start() {
    let config = json!({"type": "file", "name": "disk", "path": "/nonexistent/alerts.json"});
    let why = sink(config).err().unwrap().to_string();
    assert!(why.contains("`disk`") && why.contains("/nonexistent does not exist"), "{why}");
}

#[test]
fn a_folder_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"type": "file", "name": "disk", "path": folder.path()});
    let why = sink(config).err().unwrap().to_string();
    assert!(why.contains("it is a folder"), "{why}");
}

#[tokio::test]
async fn deliveries_at_the_same_time_do_not_mix_their_lines() {
    let (_folder, path) = place();
    let sink = file_sink(&path, "json");
    let (one, two) = (theft(), growing());
    let (a, b, c, d) =
        tokio::join!(sink.deliver(&one), sink.deliver(&two), sink.deliver(&one), sink.deliver(&two));
    for delivered in [a, b, c, d] {
        delivered.unwrap();
    }
    assert_eq!(lines(&path).len(), 4);
}
