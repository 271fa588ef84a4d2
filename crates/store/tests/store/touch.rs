//! Which incident touched a decoy last.

use sundew_detect::DecoyRef;
use sundew_store::{Commit, Store, StoredIncident};

use crate::given::{at, stored};

const TILLER: &str = "kube-system/tiller";

fn touching(id: &str, decoys: &[&str], last_seen: i64) -> StoredIncident {
    let mut stored = stored(id, 1, true);
    stored.incident.last_seen = at(last_seen);
    stored.incident.decoys =
        decoys.iter().map(|name| DecoyRef { name: (*name).into(), ..DecoyRef::default() }).collect();
    stored
}

fn store(incidents: Vec<StoredIncident>) -> Store {
    let mut store = Store::in_memory().unwrap();
    store.commit(&Commit { incidents, ..Commit::default() }).unwrap();
    store
}

fn latest(store: &Store, cluster: &str, drill: bool) -> Option<String> {
    store.latest_touch(cluster, TILLER, drill).unwrap().map(|stored| stored.incident.id)
}

#[test]
fn the_latest_incident_of_a_decoy_is_found_among_those_of_others() {
    let store = store(vec![
        touching("older", &[TILLER], 1),
        touching("latest", &["honeypot/backup-sa", TILLER], 5),
        touching("longer name", &["kube-system/tiller-2"], 8),
        touching("namespace", &["kube-system"], 9),
        touching("none", &[], 10),
    ]);
    assert_eq!(latest(&store, "prod", false).as_deref(), Some("latest"));
    assert_eq!(latest(&store, "staging", false), None);
}

#[test]
fn drills_are_apart_from_what_is_real() {
    let mut drill = touching("drill", &[TILLER], 9);
    drill.incident.drill = true;
    let store = store(vec![touching("real", &[TILLER], 1), drill]);
    assert_eq!(latest(&store, "prod", false).as_deref(), Some("real"));
    assert_eq!(latest(&store, "prod", true).as_deref(), Some("drill"));
}

#[test]
fn a_row_that_holds_no_json_keeps_nobody_from_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sundew.db");
    let (mut store, _) = Store::open(&path).unwrap();
    let incidents = vec![touching("real", &[TILLER], 1), touching("broken", &[TILLER], 9)];
    store.commit(&Commit { incidents, ..Commit::default() }).unwrap();
    let beside = rusqlite::Connection::open(&path).unwrap();
    beside.execute("UPDATE incidents SET body = 'no json' WHERE id = 'broken'", []).unwrap();
    assert_eq!(latest(&store, "prod", false).as_deref(), Some("real"));
}
