//! What one commit writes, adds up, bounds and forgets.

use jiff::Timestamp;
use sundew_store::{Commit, Forgotten, Reject, RejectCount, Store, StoreError, Suppressed};

use crate::given::{at, incident, owed, owing, position, step, stored};

fn reject(reason: &str, sample: &[u8]) -> Reject {
    Reject {
        cluster: "prod".into(),
        source: "log".into(),
        reason: reason.into(),
        at: at(0),
        sample: sample.to_vec(),
        bytes: sample.len() as u64,
    }
}

fn rejecting(rejects: Vec<Reject>) -> Commit {
    Commit { rejects, ..Commit::default() }
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sundew.db");
    let (mut store, _) = Store::open(&path).unwrap();
    let mut change = step(7);
    change.rejects.push(reject("not_json", b"{"));
    store.commit(&change).unwrap();
    drop(store);

    let (store, _) = Store::open(&path).unwrap();
    assert_eq!(store.position("prod", "log").unwrap(), Some(serde_json::json!({ "offset": 7 })));
    assert_eq!(store.position("prod", "webhook").unwrap(), None);
    assert_eq!(store.position("test", "log").unwrap(), None);
    assert_eq!(store.open_incidents().unwrap(), change.incidents);
    assert_eq!(store.due("slack", at(0), 10).unwrap()[0].incident, incident("incident-000007", 1));
    assert_eq!(store.rejects(10).unwrap()[0].reject, change.rejects[0]);
    assert_eq!(store.counters().unwrap(), [("events".to_owned(), 1)]);
}

#[test]
fn a_later_position_and_incident_replace_the_earlier() {
    let mut store = Store::in_memory().unwrap();
    store
        .commit(&Commit {
            positions: vec![position(1), position(2)],
            incidents: vec![stored("a", 1, false)],
            ..Commit::default()
        })
        .unwrap();
    store
        .commit(&Commit {
            positions: vec![position(3)],
            incidents: vec![stored("a", 2, false)],
            ..Commit::default()
        })
        .unwrap();
    assert_eq!(store.position("prod", "log").unwrap(), Some(serde_json::json!({ "offset": 3 })));
    assert_eq!(store.open_incidents().unwrap(), [stored("a", 2, false)]);
}

#[test]
fn a_closed_incident_is_no_longer_open_but_can_be_read() {
    let mut store = Store::in_memory().unwrap();
    let incidents = vec![stored("a", 1, true), stored("b", 2, false)];
    store.commit(&Commit { incidents, ..Commit::default() }).unwrap();
    assert_eq!(store.open_incidents().unwrap(), [stored("b", 2, false)]);
    assert_eq!(store.incident("a").unwrap(), Some(stored("a", 1, true)));
    assert_eq!(store.incident("c").unwrap(), None);
    assert_eq!(store.recent_incidents(10).unwrap(), [stored("b", 2, false), stored("a", 1, true)]);
}

#[test]
fn an_empty_commit_does_not_touch_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sundew.db");
    let (mut store, _) = Store::open(&path).unwrap();
    store.commit(&step(1)).unwrap();
    let observer = rusqlite::Connection::open(&path).unwrap();
    let version = || observer.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0)).unwrap();
    let before = version();
    store.commit(&Commit::default()).unwrap();
    assert_eq!(version(), before);
    store.commit(&step(2)).unwrap();
    assert_ne!(version(), before, "a real commit is seen, so the check above means something");
}

#[test]
fn the_newest_thousand_rejects_are_kept_and_all_are_counted() {
    let mut store = Store::in_memory().unwrap();
    let one = |n: u32| reject("not_json", &n.to_be_bytes());
    store.commit(&rejecting((0..700).map(one).collect())).unwrap();
    store.commit(&rejecting((700..1400).map(one).collect())).unwrap();
    store.commit(&rejecting(vec![reject("too_long", b"x")])).unwrap();

    let kept = store.rejects(usize::MAX).unwrap();
    assert_eq!(kept.len(), 1000);
    assert_eq!(kept[0].reject.reason, "too_long");
    assert_eq!(kept[1].reject.sample, 1399u32.to_be_bytes());
    assert_eq!(kept[999].reject.sample, 401u32.to_be_bytes());
    let counted = |reason: &str, count, bytes| RejectCount {
        cluster: "prod".into(),
        source: "log".into(),
        reason: reason.into(),
        count,
        bytes,
    };
    assert_eq!(store.reject_counts().unwrap(), [counted("not_json", 1400, 5600), counted("too_long", 1, 1)]);
}

#[test]
fn four_kibibytes_of_a_reject_are_kept() {
    let mut store = Store::in_memory().unwrap();
    store.commit(&rejecting(vec![reject("too_long", &[b'x'; 5000]), reject("x", &[b'y'; 4096])])).unwrap();
    let kept = store.rejects(10).unwrap();
    assert_eq!(kept[1].reject.sample, [b'x'; 4096]);
    assert_eq!(kept[1].reject.bytes, 5000);
    assert_eq!(kept[0].reject.sample, [b'y'; 4096]);
}

#[test]
fn suppressions_add_up_by_who_what_and_why() {
    let mut store = Store::in_memory().unwrap();
    let suppressed = |peer: Option<&str>, count, first, last| Suppressed {
        cluster: "prod".into(),
        reason: "token_controller".into(),
        decoy: Some("kube-system/tiller".into()),
        actor: Some("system:kube-controller-manager".into()),
        peer: peer.map(Into::into),
        count,
        first: at(first),
        last: at(last),
    };
    for seen in [
        suppressed(Some("10.0.0.1"), 2, 10, 20),
        suppressed(None, 1, 5, 5),
        suppressed(Some("10.0.0.1"), 3, 1, 15),
        suppressed(None, 1, 6, 6),
    ] {
        store.commit(&Commit { suppressed: vec![seen], ..Commit::default() }).unwrap();
    }
    assert_eq!(
        store.suppressions().unwrap(),
        [suppressed(Some("10.0.0.1"), 5, 1, 20), suppressed(None, 2, 5, 6)]
    );
}

#[test]
fn counters_add_up_and_stop_at_the_largest_number() {
    let mut store = Store::in_memory().unwrap();
    let counting = |name: &str, n| Commit { counters: vec![(name.into(), n)], ..Commit::default() };
    store.commit(&counting("events", 2)).unwrap();
    store.commit(&counting("events", 40)).unwrap();
    store.commit(&counting("bytes", u64::MAX)).unwrap();
    store.commit(&counting("bytes", 1)).unwrap();
    let largest = i64::MAX.cast_unsigned();
    assert_eq!(store.counters().unwrap(), [("bytes".to_owned(), largest), ("events".to_owned(), 42)]);
}

#[test]
fn times_at_the_ends_of_the_calendar_and_odd_text_come_back_as_they_were() {
    let mut store = Store::in_memory().unwrap();
    let mut odd = stored("a\0'\"\u{202e}", 1, false);
    odd.incident.first_seen = Timestamp::MIN;
    odd.incident.last_seen = Timestamp::MAX;
    odd.incident.clients = vec!["\0\u{1}💥'; DROP TABLE outbox; --".into()];
    store.commit(&Commit { incidents: vec![odd.clone()], ..Commit::default() }).unwrap();
    assert_eq!(store.open_incidents().unwrap(), std::slice::from_ref(&odd));
    assert_eq!(store.incident(&odd.incident.id).unwrap(), Some(odd));
}

#[test]
fn forgetting_takes_what_is_old_and_settled_and_nothing_else() {
    let mut store = Store::in_memory().unwrap();
    store
        .commit(&Commit {
            incidents: vec![
                stored("old-closed", 1, true),
                stored("old-open", 2, false),
                stored("old-owed", 3, true),
                stored("new-closed", 500, true),
            ],
            outbox: vec![owed("slack", "old-closed", 1, 0), owed("slack", "old-owed", 3, 1)],
            rejects: vec![reject("old", b"x"), Reject { at: at(500), ..reject("new", b"x") }],
            ..Commit::default()
        })
        .unwrap();
    let first = store.due("slack", at(0), 1).unwrap().remove(0);
    store.delivered(first.id, 1, at(2)).unwrap();

    let forgotten = store.forget_before(at(100)).unwrap();
    assert_eq!(forgotten, Forgotten { incidents: 1, deliveries: 1, rejects: 1, suppressions: 0 });
    let left: Vec<_> = store.recent_incidents(10).unwrap().into_iter().map(|s| s.incident.id).collect();
    assert_eq!(left, ["new-closed", "old-owed", "old-open"]);
    assert_eq!(store.due("slack", at(1000), 10).unwrap().len(), 1);
    assert_eq!(store.rejects(10).unwrap().len(), 1);
    assert_eq!(store.reject_counts().unwrap().len(), 2);
}

#[test]
fn a_commit_that_meets_a_full_disk_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sundew.db");
    let (mut store, _) = Store::open(&path).unwrap();
    store.commit(&step(1)).unwrap();
    store.limit_size(std::fs::metadata(&path).unwrap().len() + 200_000).unwrap();

    let mut too_much = step(2);
    too_much.rejects = (0..200).map(|_| reject("too_long", &[0; 4096])).collect();
    let error = store.commit(&too_much).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(error.is_temporary());
    assert!(error.to_string().contains("sundew.db"), "{error}");
    assert_eq!(store.position("prod", "log").unwrap(), Some(serde_json::json!({ "offset": 1 })));
    assert_eq!(store.due("slack", at(0), 10).unwrap().len(), 1);
    assert_eq!(store.rejects(10).unwrap(), []);
    assert_eq!(store.counters().unwrap(), [("events".to_owned(), 1)]);

    store.limit_size(1 << 30).unwrap();
    store.commit(&too_much).unwrap();
    drop(store);
    let (store, _) = Store::open(&path).unwrap();
    assert_eq!(store.position("prod", "log").unwrap(), Some(serde_json::json!({ "offset": 2 })));
    assert_eq!(store.due("slack", at(0), 10).unwrap().len(), 2);
}

#[test]
fn an_incident_that_cannot_be_read_does_not_hide_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sundew.db");
    let (mut store, _) = Store::open(&path).unwrap();
    store.commit(&step(1)).unwrap();
    store.commit(&step(2)).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute("UPDATE incidents SET body = '{\"id\":1}' WHERE id = 'incident-000001'", []).unwrap();
    other.execute("UPDATE outbox SET body = 'x' WHERE incident = 'incident-000001'", []).unwrap();

    assert_eq!(store.open_incidents().unwrap(), [stored("incident-000002", 1, false)]);
    let due = store.due("slack", at(0), 10).unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].incident_id, "incident-000002");
    let dead = store.dead_letters(10).unwrap();
    assert_eq!((dead[0].incident_id.as_str(), dead[0].body.as_str()), ("incident-000001", "x"));
    assert!(dead[0].error.contains("cannot be read by this release"), "{}", dead[0].error);
}

#[test]
fn a_position_that_is_no_json_is_named_in_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sundew.db");
    let (mut store, _) = Store::open(&path).unwrap();
    store.commit(&step(1)).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute("UPDATE positions SET at = '{'", []).unwrap();
    let error = store.position("prod", "log").unwrap_err();
    assert!(matches!(error, StoreError::Content { .. }));
    assert!(error.to_string().contains("source `log` of cluster `prod`"), "{error}");
}

#[test]
fn commits_of_one_message_each_are_all_there() {
    let mut store = Store::in_memory().unwrap();
    for n in 0..50u32 {
        store.commit(&owing(vec![owed("slack", &format!("i{n}"), 1, 0)])).unwrap();
    }
    assert_eq!(store.due("slack", at(0), usize::MAX).unwrap().len(), 50);
}
