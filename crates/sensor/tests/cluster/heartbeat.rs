//! Silence told from quiet: sources that bring nothing, uses that are not logged, drills that were missed.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sundew_detect::{Purpose, Rehearsal, Seen, Severity};
use sundew_sensor::Extras;
use sundew_store::Store;

use crate::{
    api::{Api, BOTH_TO_FILE, CLUSTER_TO_FILE},
    common::{FILE_TO_FILE, JumpingClock, Site, secret_read, theft, until},
};

const TOKEN: &str = "honeypot/backup-sa-token";
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn with(clock: &JumpingClock) -> Extras {
    Extras { clock: Some(Arc::new(clock.clone())), ..Extras::default() }
}

fn silent(site: &Site) -> usize {
    let incidents = site.store().recent_incidents(99).unwrap();
    incidents.iter().filter(|stored| stored.incident.rules.contains_key("sensor.silent")).count()
}

/// Waits until the sensor listens: silence begins then.
async fn listens(site: &Site) {
    until("it listens", || site.store().position("", "heartbeat").unwrap().is_some()).await;
}

#[tokio::test]
async fn a_source_that_brings_nothing_is_told_once_and_again_after_it_came_back() {
    let site = Site::new();
    let clock = JumpingClock::default();
    let config = FILE_TO_FILE.replace("path: audit.log", "path: audit.log, silence: 10m");
    std::fs::write(site.path("audit.log"), "").unwrap();
    let sensor = site.start_with(&config, with(&clock)).await;
    listens(&site).await;
    clock.jump(MINUTE * 11);
    until("it is told", || silent(&site) == 1).await;
    until("and somebody hears of it", || site.alerts().len() == 1).await;
    let incident = site.alerts()[0].incident.clone();
    assert_eq!(incident.severity, Severity::High);
    for part in ["source `log`", "audit.log) has brought nothing since it was started, ", "--audit-log-path"]
    {
        assert!(incident.title.contains(part), "{}", incident.title);
    }
    clock.jump(MINUTE * 11);
    site.append(&theft(1, "10.0.0.1"));
    until("it comes back", || site.rules().contains(&"tripwire.token_used".to_owned())).await;
    assert_eq!(silent(&site), 1, "the same silence is told once");
    clock.jump(MINUTE * 11);
    until("the next silence is told", || silent(&site) == 2).await;
    sensor.stop().await;
}

#[tokio::test]
async fn a_source_may_be_silent_for_ever_where_the_configuration_says_so() {
    let site = Site::new();
    let clock = JumpingClock::default();
    let config = "
rules: {builtin: false}
habits: {enabled: false}
sources:
- {type: file, name: log, path: audit.log, silence: never}
- {type: file, name: other, path: other.log}
sinks: [{type: file, name: alerts, path: alerts.json}]
";
    let sensor = site.start_with(config, with(&clock)).await;
    listens(&site).await;
    clock.jump(MINUTE * 31);
    until("the other is told", || silent(&site) > 0).await;
    until("somebody hears of it", || !site.alerts().is_empty()).await;
    sensor.stop().await;
    assert_eq!(silent(&site), 1);
    assert!(site.alerts()[0].incident.title.contains("source `other`"));
}

#[tokio::test]
async fn a_use_that_the_api_server_noted_and_no_audit_event_shows_is_told() {
    let site = Site::new();
    let api = Api::start(&site).await;
    let clock = JumpingClock::default();
    let sensor = api.sensor(&site, BOTH_TO_FILE, with(&clock)).await;
    api.used(TOKEN);
    until("it is told", || site.findings() == (1, 1)).await;
    // What others do about the decoy says nothing of it.
    site.append(&secret_read(1, "10.0.0.1"));
    until("that is told", || site.findings() == (2, 2)).await;
    clock.jump(MINUTE * 3);
    until("so is the blind spot", || site.rules().contains(&"sensor.unlogged".to_owned())).await;
    sensor.stop().await;
    let incidents = site.store().recent_incidents(9).unwrap();
    let unlogged = incidents.iter().find(|s| s.incident.rules.contains_key("sensor.unlogged")).unwrap();
    assert!(unlogged.incident.title.contains("audit policy does not log"), "{}", unlogged.incident.title);
    assert_eq!(unlogged.incident.decoys[0].name, "honeypot/backup-sa");
}

#[tokio::test]
async fn a_use_that_is_logged_or_where_nothing_is_logged_at_all_is_no_blind_spot() {
    for (config, logged) in [(BOTH_TO_FILE, true), (CLUSTER_TO_FILE, false)] {
        let site = Site::new();
        let api = Api::start(&site).await;
        let clock = JumpingClock::default();
        let sensor = api.sensor(&site, config, with(&clock)).await;
        if logged {
            site.append(&theft(1, "10.0.0.1"));
            until("the event is told", || site.findings().0 == 1).await;
        }
        api.used(TOKEN);
        until("the label is told", || site.findings() == (1 + u64::from(logged), 1)).await;
        clock.jump(MINUTE * 3);
        // Its time is over before this one's.
        api.used("kube-system/tiller-token-x7k2p");
        until("the next is told", || site.findings().1 == 2).await;
        clock.jump(MINUTE * 20);
        until("incidents are closed", || site.store().open_incidents().unwrap().len() <= 1).await;
        sensor.stop().await;
        let unlogged: Vec<String> = site
            .store()
            .recent_incidents(9)
            .unwrap()
            .into_iter()
            .filter(|stored| stored.incident.rules.contains_key("sensor.unlogged"))
            .flat_map(|stored| stored.incident.decoys.into_iter().map(|decoy| decoy.name))
            .collect();
        assert!(!unlogged.contains(&"honeypot/backup-sa".to_owned()), "{unlogged:?}");
    }
}

#[tokio::test]
async fn a_drill_that_brought_no_alert_is_told_once_and_its_nonce_not_at_all() {
    const NONCE: &str = "3f9c1a7be04d52d8816f0c93ab7e64d1";
    let site = Site::new();
    let sensor = site.start(FILE_TO_FILE).await;
    let now = Timestamp::now();
    let drill = |nonce: &str, purpose, decoy: &str| Rehearsal {
        nonce: nonce.to_owned(),
        purpose,
        cluster: String::new(),
        decoy: decoy.to_owned(),
        secret: None,
        awaited: None,
        seen: Seen::default(),
        not_before: now - MINUTE * 10,
        not_after: now - MINUTE * 3,
        used: 0,
    };
    let mut store = Store::open_beside(&site.path("sundew.db")).unwrap();
    let planting = drill("00000000000000000000000000000000", Purpose::Planting, "honeypot/backup-sa");
    store.add_rehearsal(&planting).unwrap();
    store.add_rehearsal(&drill(NONCE, Purpose::Drill, "honeypot/backup-sa")).unwrap();
    until("it is told", || site.alerts().len() == 1).await;
    let second = "ffffffffffffffffffffffffffffffff";
    store.add_rehearsal(&drill(second, Purpose::Drill, "kube-system/tiller")).unwrap();
    until("so is the next", || site.alerts().len() == 2).await;
    sensor.stop().await;
    assert_eq!(site.findings(), (2, 2));
    let told = std::fs::read_to_string(site.path("alerts.json")).unwrap();
    assert!(
        told.contains("sensor.drill_missed") && told.contains("a drill of decoy honeypot/backup-sa"),
        "{told}"
    );
    assert!(!told.contains(NONCE) && !told.contains(second), "{told}");
}
