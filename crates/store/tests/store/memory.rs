//! What detection has learnt: written, replaced, forgotten, read back piece by piece.

use std::path::Path;

use sundew_store::{Commit, Opened, Remembered, Store, StoreError};

use crate::given::{at, step};

fn piece(cluster: &str, kind: &str, key: &str, body: &[u8]) -> Remembered {
    Remembered { cluster: cluster.into(), kind: kind.into(), key: key.into(), body: body.to_vec() }
}

fn learning(memory: Vec<Remembered>) -> Commit {
    Commit { memory, ..Commit::default() }
}

fn all(store: &Store, kind: Option<&str>) -> Vec<Remembered> {
    store.remembered(kind).collect::<Result<_, _>>().unwrap()
}

#[test]
fn what_was_learnt_is_there_after_reopening_by_cluster_kind_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sundew.db");
    let (mut store, _) = Store::open(&path).unwrap();
    let pieces = [
        piece("", "habits", "nobody", b"\x00\xff"),
        piece("prod", "correlations", "", b"windows"),
        piece("prod", "habits", "alice", b"1"),
        piece("prod", "habits", "b\u{0}b", b"2"),
        piece("test", "habits", "alice", b"3"),
    ];
    let mut shuffled = pieces.to_vec();
    shuffled.reverse();
    store.commit(&learning(shuffled)).unwrap();
    drop(store);
    let (store, _) = Store::open(&path).unwrap();
    assert_eq!(all(&store, None), pieces);
    assert_eq!(
        all(&store, Some("habits")),
        [&pieces[0], &pieces[2], &pieces[3], &pieces[4]].map(Clone::clone)
    );
    assert_eq!(all(&store, Some("tokens")), []);
}

#[test]
fn a_later_piece_takes_the_place_of_the_earlier_and_an_empty_one_forgets_it() {
    let mut store = Store::in_memory().unwrap();
    store.commit(&learning(vec![piece("a", "k", "x", b"1"), piece("a", "k", "y", b"2")])).unwrap();
    store.commit(&learning(vec![piece("a", "k", "x", b"3"), piece("a", "k", "never", b"")])).unwrap();
    assert_eq!(all(&store, None), [piece("a", "k", "x", b"3"), piece("a", "k", "y", b"2")]);
    store.commit(&learning(vec![piece("a", "k", "x", b"")])).unwrap();
    assert_eq!(all(&store, None), [piece("a", "k", "y", b"2")]);
}

#[test]
fn what_was_learnt_is_written_with_everything_else_of_a_commit_or_not_at_all() {
    let mut store = Store::in_memory().unwrap();
    store.commit(&Commit { memory: vec![piece("a", "k", "x", b"1")], ..step(1) }).unwrap();
    assert_eq!(all(&store, None).len(), 1);
    // A store that is full in the middle of a commit.
    store.limit_size(1).unwrap();
    let large = Commit { memory: vec![piece("a", "k", "large", &vec![7; 8 << 20])], ..step(2) };
    let error = store.commit(&large).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert_eq!(all(&store, None), [piece("a", "k", "x", b"1")]);
    assert_eq!(store.position("prod", "log").unwrap(), Some(serde_json::json!({ "offset": 1 })));
}

#[test]
fn nothing_of_it_grows_old() {
    let mut store = Store::in_memory().unwrap();
    store.commit(&learning(vec![piece("a", "k", "x", b"1")])).unwrap();
    store.forget_before(at(1_000_000)).unwrap();
    assert_eq!(all(&store, None).len(), 1);
}

#[test]
fn a_hundred_thousand_pieces_are_written_in_batches_and_read_back_page_by_page() {
    const PIECES: usize = 100_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sundew.db");
    let (mut store, _) = Store::open(&path).unwrap();
    let key = |n: usize| format!("system:serviceaccount:shop:{n:06}");
    let body = |n: usize| n.to_le_bytes().repeat(8);
    for start in (0..PIECES).step_by(10_000) {
        let batch = (start..start + 10_000).map(|n| piece("prod", "habits", &key(n), &body(n))).collect();
        store.commit(&learning(batch)).unwrap();
    }
    drop(store);
    let reader = Store::open_reading(&path).unwrap();
    let mut read = 0;
    for found in reader.remembered(Some("habits")) {
        assert_eq!(found.unwrap(), piece("prod", "habits", &key(read), &body(read)));
        read += 1;
    }
    assert_eq!(read, PIECES);
}

#[test]
fn a_reader_beside_a_sensor_sees_what_it_learns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sundew.db");
    let (mut sensor, _) = Store::open(&path).unwrap();
    let reader = Store::open_reading(&path).unwrap();
    sensor.commit(&learning(vec![piece("a", "k", "x", b"1")])).unwrap();
    assert_eq!(all(&reader, None), [piece("a", "k", "x", b"1")]);
}

/// The file as the second schema left it.
fn of_version_2(path: &Path) {
    let (mut store, _) = Store::open(path).unwrap();
    store.commit(&step(7)).unwrap();
    drop(store);
    let old = rusqlite::Connection::open(path).unwrap();
    old.execute_batch("DROP TABLE memory").unwrap();
    old.pragma_update(None, "user_version", 2).unwrap();
}

#[test]
fn a_store_of_the_release_before_learns_from_now_on_and_keeps_what_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sundew.db");
    of_version_2(&path);
    let error = Store::open_reading(&path).unwrap_err();
    assert!(matches!(error, StoreError::TooOld { found: 2, .. }), "{error}");
    let (mut store, opened) = Store::open(&path).unwrap();
    assert_eq!(opened, Opened::Existing);
    assert_eq!(all(&store, None), []);
    store.commit(&learning(vec![piece("a", "k", "x", b"1")])).unwrap();
    assert_eq!(store.position("prod", "log").unwrap(), Some(serde_json::json!({ "offset": 7 })));
    drop(store);
    let (store, _) = Store::open(&path).unwrap();
    assert_eq!(all(&store, None).len(), 1, "it is brought up to date once");
}
