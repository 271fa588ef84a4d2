//! A store that is full, locked or damaged: nothing is lost, and what waited is told.

use std::{sync::atomic::Ordering, time::Duration};

use rusqlite::Connection;
use sundew_sensor::{Extras, Patience, Sensor};
use sundew_store::{Opened, Store};

use crate::common::{
    FILE_ONLY, FILE_TO_FILE, Probe, Site, assert_no_repeat, extras, inventory, theft, until,
};

/// The site's store, opened so that it hardly waits for a lock.
fn impatient_store(site: &Site) -> (Store, Opened) {
    Store::open_waiting(&site.path("sundew.db"), Duration::from_millis(20)).unwrap()
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_alerts_leave_once_there_is_room() {
    let site = Site::new();
    let store = impatient_store(&site);
    let other = Connection::open(site.path("sundew.db")).unwrap();
    other.busy_timeout(Duration::from_secs(5)).unwrap();
    other
        .execute_batch("CREATE TABLE junk (body BLOB); INSERT INTO junk VALUES (zeroblob(4000000));")
        .unwrap();
    store.0.limit_size(1).unwrap();
    let (sink, told) = Probe::taking("probe");
    let sensor = site.start_with(FILE_ONLY, Extras { store: Some(store), ..extras(vec![sink]) }).await;
    // Far more than fits into the pages that are there.
    let thefts: String = (0..200).map(|n| theft(n, &format!("10.0.0.{n}"))).collect();
    site.append(&thefts);
    // Once it cannot write, it reads no further: how much of the log it had by then depends on how it was written.
    until("some is read", || sensor.counters().events.load(Ordering::Relaxed) > 0).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(site.findings().0 < 200, "not all of them fit");
    assert!(told.taken().len() < 200, "nobody is told of what could be lost");
    other.execute_batch("DROP TABLE junk").unwrap();
    until("all is told", || told.taken().len() == 200).await;
    sensor.stop().await;
    assert_eq!(site.findings(), (200, 200));
    assert_no_repeat(&told.taken());
}

#[tokio::test]
async fn a_store_that_another_program_locks_for_a_while_loses_nothing() {
    let site = Site::new();
    let (sink, told) = Probe::taking("probe");
    let store = Some(impatient_store(&site));
    let sensor = site.start_with(FILE_ONLY, Extras { store, ..extras(vec![sink]) }).await;
    let other = Connection::open(site.path("sundew.db")).unwrap();
    other.busy_timeout(Duration::from_secs(5)).unwrap();
    // A lock that came before the sensor's first writes of its own would keep it from reading at all.
    site.append(&theft(1, "10.0.0.1"));
    until("the first is told", || told.taken().len() == 1).await;
    // Positions alone are written a second or two later.
    tokio::time::sleep(Duration::from_secs(4)).await;
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    site.append(&theft(2, "10.0.0.2"));
    until("it is read", || sensor.counters().findings.load(Ordering::Relaxed) == 2).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(told.attempts(), 1, "nobody is told of what could be lost");
    other.execute_batch("COMMIT").unwrap();
    until("it is told", || told.taken().len() == 2).await;
    sensor.stop().await;
    assert_eq!(told.attempts(), 2);
    assert_eq!(site.findings(), (2, 2));
}

#[tokio::test]
async fn a_sensor_whose_store_stays_locked_can_be_stopped_and_reads_again_what_was_not_written() {
    let site = Site::new();
    let patience = Patience { farewell: Duration::from_millis(100), ..Patience::default() };
    let store = Some(impatient_store(&site));
    let given = Extras { store, patience, ..Extras::default() };
    let sensor = site.start_with(FILE_TO_FILE, given).await;
    let other = Connection::open(site.path("sundew.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for n in 0..40 {
        site.append(&theft(n, &format!("10.0.0.{n}")));
    }
    // Where the lock came before the sensor's first write of its own, it waits for that and reads nothing: it must be
    // stopped all the same.
    let read = || sensor.counters().findings.load(Ordering::Relaxed) > 0;
    let _ = tokio::time::timeout(Duration::from_secs(2), until("some is read", read)).await;
    sensor.stop().await;
    assert_eq!(site.findings(), (0, 0));
    other.execute_batch("COMMIT").unwrap();
    let sensor = site.start(FILE_TO_FILE).await;
    until("all is told", || site.alerts().len() == 40).await;
    sensor.stop().await;
    assert_no_repeat(&site.alerts());
}

#[tokio::test]
async fn a_damaged_store_is_kept_aside_and_a_new_one_begun() {
    let site = Site::new();
    site.append(&theft(1, "10.0.0.1"));
    let sensor = site.start(FILE_TO_FILE).await;
    assert_eq!(sensor.opened, Opened::Fresh);
    until("it is told", || site.alerts().len() == 1).await;
    sensor.stop().await;
    std::fs::write(site.path("sundew.db"), "this was a database once, and now it is not\n".repeat(500))
        .unwrap();
    let sensor = site.start(FILE_TO_FILE).await;
    let Opened::StartedAnew { kept_aside, .. } = &sensor.opened else { panic!("{:?}", sensor.opened) };
    assert!(std::fs::read_to_string(kept_aside).unwrap().starts_with("this was a database once"));
    // The log is read again from its beginning, and the same incident is known by the same id.
    until("it is told again", || site.alerts().len() == 2).await;
    sensor.stop().await;
    let alerts = site.alerts();
    assert_eq!(alerts[0].key(), alerts[1].key());
}

#[tokio::test]
async fn two_sensors_do_not_share_a_store() {
    let site = Site::new();
    let sensor = site.start(FILE_TO_FILE).await;
    let second = Sensor::start(site.config(FILE_TO_FILE), &inventory(), Extras::default()).await;
    let said = second.err().unwrap().to_string();
    assert!(said.contains("in use by another sensor"), "{said}");
    sensor.stop().await;
    site.start(FILE_TO_FILE).await.stop().await;
}
