//! From a log file to a sink: appended, rotated, resumed.

use std::{fs, sync::atomic::Ordering, time::Duration};

use sundew_detect::Change;
use sundew_sensor::{Extras, Patience, Sensor};

use crate::common::{
    FILE_TO_FILE, Site, assert_no_repeat, eventually, impatient, keys, recording, theft, until,
};

/// The peers that the recorded theft came from, as its incidents name them.
fn recorded_incidents(site: &Site) -> Vec<(String, u64)> {
    let stored = site.store().recent_incidents(1000).unwrap();
    let mut all: Vec<_> = stored.into_iter().map(|s| (s.incident.id, s.incident.findings)).collect();
    all.sort();
    all
}

/// Waits until so many events are read, and what they mean is written.
async fn read_all(site: &Site, sensor: &Sensor, events: usize) {
    let counters = sensor.counters();
    until("all is read", || counters.events.load(Ordering::Relaxed) == events as u64).await;
    until("all is written", || site.findings().0 >= counters.findings.load(Ordering::Relaxed)).await;
}

#[tokio::test]
async fn a_recorded_theft_appended_while_watching_reaches_the_sink() {
    let site = Site::new();
    site.append("");
    let sensor = site.start(FILE_TO_FILE).await;
    let log = recording("theft");
    for part in log.split_inclusive('\n').collect::<Vec<_>>().chunks(700) {
        site.append(&part.concat());
    }
    read_all(&site, &sensor, log.lines().count()).await;
    let stored = recorded_incidents(&site);
    assert!(stored.len() >= 2, "{stored:?}");
    let opened =
        |id: &str| site.alerts().iter().filter(|m| m.incident.id == id && m.change == Change::Opened).count();
    until("each incident is told", || stored.iter().all(|(id, _)| opened(id) > 0)).await;
    sensor.stop().await;
    let alerts = site.alerts();
    assert_no_repeat(&alerts);
    assert!(stored.iter().all(|(id, _)| opened(id) == 1), "{:?}", keys(&alerts));
    assert!(alerts.iter().any(|m| m.incident.rules.contains_key("tripwire.token_used")));
    assert!(alerts.iter().any(|m| m.incident.rules.contains_key("tripwire.pod_entered")));
}

#[tokio::test]
async fn a_rotation_in_the_middle_loses_and_repeats_nothing() {
    let site = Site::new();
    let log = recording("theft");
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    let sensor = site.start(FILE_TO_FILE).await;
    for (n, part) in lines.chunks(lines.len() / 4 + 1).enumerate() {
        if n > 0 {
            site.rotate(n as u32);
        }
        site.append(&part.concat());
        // A log that was never read begins with the file that is there.
        until("it has begun", || site.store().position("default", "log").unwrap().is_some()).await;
    }
    read_all(&site, &sensor, lines.len()).await;
    sensor.stop().await;

    let whole = Site::new();
    whole.append(&log);
    let sensor = whole.start(FILE_TO_FILE).await;
    read_all(&whole, &sensor, lines.len()).await;
    sensor.stop().await;
    assert_eq!(recorded_incidents(&site), recorded_incidents(&whole));
    assert_eq!(site.rules(), whole.rules(), "no gap was told of");
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was_and_delivers_nothing_twice() {
    let site = Site::new();
    for n in 0..4 {
        // One while nobody looks, and one while somebody does.
        site.append(&theft(n, "10.0.0.1"));
        let sensor = site.start(FILE_TO_FILE).await;
        let (findings, incidents) = (u64::from(n) * 2 + 1, n as usize + 1);
        until("what came meanwhile is found", || site.findings() == (findings, incidents)).await;
        site.append(&theft(100 + n, &format!("10.0.1.{n}")));
        let opened = || site.alerts().iter().filter(|m| m.change == Change::Opened).count();
        until("the new one is told", || opened() == n as usize + 2).await;
        sensor.stop().await;
    }
    let alerts = site.alerts();
    assert_no_repeat(&alerts);
    let first = &alerts[0].incident.id;
    let revisions: Vec<u32> =
        alerts.iter().filter(|m| m.incident.id == *first).map(|m| m.incident.revision).collect();
    assert!(revisions.is_sorted(), "one id, growing revisions through restarts: {revisions:?}");
}

#[tokio::test]
async fn a_start_at_the_end_ignores_what_was_there() {
    let site = Site::new();
    site.append(&theft(1, "10.0.0.1"));
    let config = FILE_TO_FILE.replace("path: audit.log", "path: audit.log, start: end");
    let sensor = site.start(&config).await;
    until("there is a position", || site.store().position("default", "log").unwrap().is_some()).await;
    site.append(&theft(2, "10.0.0.2"));
    let told = eventually("the new theft is told", || site.alerts().into_iter().next()).await;
    sensor.stop().await;
    assert_eq!(told.incident.actor.ip.as_deref(), Some("10.0.0.2"));
    assert_eq!(site.alerts().len(), 1);
}

#[tokio::test]
async fn a_log_that_appears_later_is_read_from_its_first_line() {
    let site = Site::new();
    let sensor = site.start(FILE_TO_FILE).await;
    site.append(&theft(1, "10.0.0.1"));
    until("it is told", || !site.alerts().is_empty()).await;
    sensor.stop().await;
}

#[tokio::test]
async fn a_log_that_was_read_and_is_gone_is_an_alert_each_time() {
    let site = Site::new();
    site.append(&theft(1, "10.0.0.1"));
    let patience = Patience { absence: Duration::ZERO, ..impatient() };
    let sensor = site.start_with(FILE_TO_FILE, Extras { patience, ..Extras::default() }).await;
    let blind = || {
        let stored = site.store().recent_incidents(9).unwrap();
        stored.iter().filter_map(|s| s.incident.rules.get("sensor.blind")).sum::<u64>()
    };
    for n in 1..3 {
        until("it is read", || site.findings().0 == u64::from(n) * 2 - 1).await;
        assert_eq!(blind(), u64::from(n) - 1);
        fs::remove_file(site.path("audit.log")).unwrap();
        until("it is missed", || blind() == u64::from(n)).await;
        site.append(&theft(1 + n, "10.0.0.1"));
    }
    until("what came after is read", || site.findings().0 == 5).await;
    let told = |m: &sundew_notify::Message| m.incident.rules.contains_key("sensor.blind");
    until("people are told", || site.alerts().iter().any(told)).await;
    sensor.stop().await;
    assert_eq!(blind(), 2);
}
