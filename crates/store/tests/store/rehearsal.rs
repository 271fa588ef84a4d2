//! Rehearsals: announced, valid for a time, counted, expired.

use sundew_detect::{Purpose, Rehearsal, Seen, Sight};
use sundew_store::{Commit, Opened, Store, StoreError};

use crate::given::at;

fn rehearsal(nonce: &str, from: i64, to: i64) -> Rehearsal {
    Rehearsal {
        nonce: nonce.into(),
        purpose: Purpose::Drill,
        cluster: "prod".into(),
        decoy: "kube-system/tiller".into(),
        secret: Some("tiller-token-x7k2p".into()),
        not_before: at(from),
        not_after: at(to),
        awaited: None,
        used: 0,
        seen: Seen::default(),
    }
}

#[test]
fn a_rehearsal_is_valid_from_its_first_to_its_last_moment() {
    let mut store = Store::in_memory().unwrap();
    assert!(store.add_rehearsal(&rehearsal("n1", 10, 20)).unwrap());
    assert_eq!(store.rehearsals(at(9)).unwrap(), []);
    assert_eq!(store.rehearsals(at(10)).unwrap(), [rehearsal("n1", 10, 20)]);
    assert_eq!(store.rehearsals(at(20)).unwrap(), [rehearsal("n1", 10, 20)]);
    assert_eq!(store.rehearsals(at(21)).unwrap(), []);
}

#[test]
fn a_nonce_can_be_announced_once() {
    let mut store = Store::in_memory().unwrap();
    assert!(store.add_rehearsal(&rehearsal("n1", 10, 20)).unwrap());
    let other = Rehearsal { purpose: Purpose::Planting, ..rehearsal("n1", 0, 1000) };
    assert!(!store.add_rehearsal(&other).unwrap());
    assert_eq!(store.rehearsals(at(15)).unwrap(), [rehearsal("n1", 10, 20)]);
}

#[test]
fn uses_are_counted_and_expiry_tells_of_those_never_used() {
    let mut store = Store::in_memory().unwrap();
    store.add_rehearsal(&rehearsal("used", 0, 20)).unwrap();
    store.add_rehearsal(&rehearsal("unused", 0, 20)).unwrap();
    store.add_rehearsal(&rehearsal("valid", 0, 21)).unwrap();
    for times in [1, 2] {
        let rehearsals_used = vec![("used".to_owned(), times), ("unknown".to_owned(), 1)];
        store.commit(&Commit { rehearsals_used, ..Commit::default() }).unwrap();
    }
    assert_eq!(store.expire_rehearsals(at(20)).unwrap(), []);
    let mut over = store.expire_rehearsals(at(21)).unwrap();
    over.sort_by(|a, b| a.nonce.cmp(&b.nonce));
    assert_eq!(over, [rehearsal("unused", 0, 20), Rehearsal { used: 3, ..rehearsal("used", 0, 20) }]);
    assert_eq!(store.rehearsals(at(20)).unwrap(), [rehearsal("valid", 0, 21)]);
}

#[test]
fn a_drill_that_nothing_came_of_is_missed_until_it_counts_as_used_and_stays_for_what_comes_late() {
    let mut store = Store::in_memory().unwrap();
    store.add_rehearsal(&rehearsal("missed", 0, 20)).unwrap();
    store.add_rehearsal(&rehearsal("later", 0, 21)).unwrap();
    for purpose in [Purpose::Planting, Purpose::Upkeep] {
        store.add_rehearsal(&Rehearsal { purpose, ..rehearsal(purpose.as_str(), 0, 20) }).unwrap();
    }
    assert_eq!(store.missed_drills(at(20)).unwrap(), []);
    assert_eq!(store.missed_drills(at(21)).unwrap(), [rehearsal("missed", 0, 20)]);
    let rehearsals_used = vec![("missed".to_owned(), 1)];
    store.commit(&Commit { rehearsals_used, ..Commit::default() }).unwrap();
    assert_eq!(store.missed_drills(at(21)).unwrap(), []);
    assert_eq!(store.rehearsals(at(20)).unwrap().len(), 4, "nothing is removed");
}

#[test]
fn a_drill_is_not_missed_while_somebody_waits_for_its_alert() {
    let mut store = Store::in_memory().unwrap();
    let patient = Rehearsal { awaited: Some(at(60)), ..rehearsal("patient", 0, 20) };
    let hasty = Rehearsal { awaited: Some(at(5)), ..rehearsal("hasty", 0, 20) };
    store.add_rehearsal(&patient).unwrap();
    store.add_rehearsal(&hasty).unwrap();
    assert_eq!(store.missed_drills(at(20)).unwrap(), []);
    for second in [21, 60] {
        assert_eq!(store.missed_drills(at(second)).unwrap(), std::slice::from_ref(&hasty));
    }
    assert_eq!(store.missed_drills(at(61)).unwrap(), [hasty, patient]);
}

#[test]
fn the_first_of_each_sight_of_a_drill_is_kept() {
    let mut store = Store::in_memory().unwrap();
    store.add_rehearsal(&rehearsal("n1", 0, 20)).unwrap();
    let sees = |sight, second| Commit {
        rehearsals_seen: vec![
            ("n1".to_owned(), sight, at(second)),
            ("unknown".to_owned(), sight, at(second)),
        ],
        ..Commit::default()
    };
    for (sight, second) in [(Sight::Request, 3), (Sight::Label, 7), (Sight::Request, 9), (Sight::Audited, 4)]
    {
        store.commit(&sees(sight, second)).unwrap();
    }
    let seen = Seen { request: Some(at(3)), audited: Some(at(4)), label: Some(at(7)) };
    assert_eq!(store.rehearsals(at(1)).unwrap(), [Rehearsal { seen, ..rehearsal("n1", 0, 20) }]);
}

#[test]
fn what_is_withdrawn_holds_for_what_was_done_before_and_never_becomes_longer_by_it() {
    let mut store = Store::in_memory().unwrap();
    store.add_rehearsal(&rehearsal("n1", 0, 20)).unwrap();
    assert!(store.withdraw_rehearsal("n1", at(12)).unwrap());
    assert_eq!(store.rehearsals(at(12)).unwrap(), [rehearsal("n1", 0, 12)]);
    assert_eq!(store.rehearsals(at(13)).unwrap(), []);
    assert!(!store.withdraw_rehearsal("n1", at(15)).unwrap());
    assert_eq!(store.rehearsals(at(13)).unwrap(), []);
    assert!(!store.withdraw_rehearsal("unknown", at(12)).unwrap());
}

#[test]
fn what_an_older_release_announced_is_of_any_cluster_and_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sundew.db");
    drop(Store::open(&path).unwrap());
    // The file as the first schema left it.
    let old = rusqlite::Connection::open(&path).unwrap();
    for column in ["cluster", "secret", "awaited", "seen_request", "seen_audited", "seen_label"] {
        old.execute_batch(&format!("ALTER TABLE rehearsals DROP COLUMN {column}")).unwrap();
    }
    old.execute_batch("DROP TABLE memory").unwrap();
    old.execute(
        "INSERT INTO rehearsals (nonce, purpose, decoy, not_before, not_after, used)
         VALUES ('n1', 'drill', 'kube-system/tiller', ?1, ?2, 2)",
        [at(10).as_microsecond(), at(20).as_microsecond()],
    )
    .unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    drop(old);
    let error = Store::open_beside(&path).unwrap_err();
    assert!(matches!(error, StoreError::TooOld { found: 1, .. }), "{error}");
    let (mut store, opened) = Store::open(&path).unwrap();
    assert_eq!(opened, Opened::Existing);
    let old = Rehearsal { cluster: String::new(), secret: None, used: 2, ..rehearsal("n1", 10, 20) };
    assert_eq!(store.rehearsals(at(15)).unwrap(), [old]);
    assert!(store.add_rehearsal(&rehearsal("n2", 10, 20)).unwrap());
    drop(store);
    assert_eq!(Store::open(&path).unwrap().1, Opened::Existing, "it is brought up to date once");
}

#[test]
fn a_command_beside_the_running_sensor_can_announce_a_rehearsal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sundew.db");
    let (sensor, _) = Store::open(&path).unwrap();
    let mut command = Store::open_beside(&path).unwrap();
    command.add_rehearsal(&rehearsal("n1", 10, 20)).unwrap();
    assert_eq!(sensor.rehearsals(at(15)).unwrap(), [rehearsal("n1", 10, 20)]);
}

#[test]
fn the_nonce_is_in_no_debug_output() {
    let text = format!("{:?}", rehearsal("7f3a9c", 10, 20));
    assert!(text.contains("kube-system/tiller") && !text.contains("7f3a9c"), "{text}");
}
