//! Rehearsals: announced, valid for a time, counted, expired.

use sundew_detect::{Purpose, Rehearsal};
use sundew_store::{Commit, Store};

use crate::given::at;

fn rehearsal(nonce: &str, from: i64, to: i64) -> Rehearsal {
    Rehearsal {
        nonce: nonce.into(),
        purpose: Purpose::Drill,
        decoy: "kube-system/tiller".into(),
        not_before: at(from),
        not_after: at(to),
        used: 0,
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
