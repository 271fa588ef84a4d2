//! Drills: those that others announce, and those that the sensor runs by itself.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sundew_detect::{Purpose, Rehearsal, Seen};
use sundew_sensor::Extras;
use sundew_store::Store;

use crate::{
    api::{Api, CLUSTER_TO_FILE, kubeconfig},
    common::{JumpingClock, Site, until},
};

const TOKEN: &str = "honeypot/backup-sa-token";
const TILLER: &str = "kube-system/tiller-token-x7k2p";

#[tokio::test]
async fn a_note_of_a_use_during_a_drill_of_that_decoy_is_marked_and_that_of_another_is_not() {
    let site = Site::new();
    let api = Api::start(&site).await;
    let sensor = api.sensor(&site, CLUSTER_TO_FILE, Extras::default()).await;
    let minute = SignedDuration::from_mins(1);
    let drill = Rehearsal {
        nonce: "3f9c1a7be04d52d8816f0c93ab7e64d1".into(),
        purpose: Purpose::Drill,
        cluster: String::new(),
        decoy: "honeypot/backup-sa".into(),
        secret: None,
        awaited: None,
        seen: Seen::default(),
        not_before: Timestamp::now() - minute,
        not_after: Timestamp::now() + minute * 10,
        used: 0,
    };
    Store::open_beside(&site.path("sundew.db")).unwrap().add_rehearsal(&drill).unwrap();
    api.used(TOKEN);
    until("it is told", || site.alerts().len() == 1).await;
    api.used(TILLER);
    until("so is the other", || site.alerts().len() == 2).await;
    sensor.stop().await;
    let drills: Vec<bool> = site.alerts().iter().map(|message| message.incident.drill).collect();
    assert_eq!(drills, [true, false]);
    let announced = site.store().rehearsals(Timestamp::now()).unwrap();
    let used = announced.iter().find(|rehearsal| rehearsal.purpose == Purpose::Drill).unwrap().used;
    assert_eq!(used, 1, "it was not missed");
}

fn scheduled(patience: &str) -> String {
    format!("{CLUSTER_TO_FILE}drill: {{every: 24h, placements: [backup-sa-token], patience: {patience}}}\n")
}

/// How often a decoy's token was used.
fn uses(api: &Api) -> usize {
    api.asked("/namespaces/honeypot/pods").len()
}

#[tokio::test]
async fn a_drill_is_run_when_it_is_due_also_after_a_restart_and_its_alert_says_so() {
    let site = Site::new();
    let api = Api::start(&site).await;
    let clock = JumpingClock::default();
    let with = || Extras { clock: Some(Arc::new(clock.clone())), ..Extras::default() };
    let sensor = api.sensor(&site, &scheduled("60s"), with()).await;
    until("the schedule has begun", || site.store().position("", "drill").unwrap().is_some()).await;
    assert_eq!(uses(&api), 0, "the first is due after a day");
    sensor.stop().await;
    // A day later by all clocks: what is kept says that the last one was long ago.
    let mut store = Store::open_beside(&site.path("sundew.db")).unwrap();
    let at = serde_json::json!({"time": Timestamp::now() - SignedDuration::from_hours(25), "turn": 0});
    let position = sundew_store::Position { cluster: String::new(), source: "drill".into(), at };
    store.commit(&sundew_store::Commit { positions: vec![position], ..Default::default() }).unwrap();
    drop(store);
    let sensor = api.sensor(&site, &scheduled("60s"), with()).await;
    until("its alert arrives", || site.alerts().len() == 1).await;
    let incident = site.alerts()[0].incident.clone();
    assert!(incident.drill, "{incident:#?}");
    assert_eq!(incident.decoys[0].placement.as_deref(), Some("backup-sa-token"));
    let kept = site.store().position("", "drill").unwrap().unwrap();
    assert_eq!(kept["turn"], 1);
    sensor.stop().await;
    assert_eq!(uses(&api), 1);
    assert_eq!(site.rules(), ["tripwire.token_last_used"]);
}

#[tokio::test]
async fn a_drill_whose_alert_does_not_come_is_an_alert_of_its_own() {
    let site = Site::new();
    let api = Api::start(&site).await;
    api.world().no_labels = true;
    let mut store = Store::open(&site.path("sundew.db")).unwrap().0;
    let at = serde_json::json!({"time": Timestamp::now() - SignedDuration::from_hours(25), "turn": 1});
    let position = sundew_store::Position { cluster: String::new(), source: "drill".into(), at };
    store.commit(&sundew_store::Commit { positions: vec![position], ..Default::default() }).unwrap();
    drop(store);
    let sensor = api.sensor(&site, &scheduled("8s"), Extras::default()).await;
    until("that is told", || site.alerts().len() == 1).await;
    sensor.stop().await;
    let incident = site.alerts()[0].incident.clone();
    assert_eq!(incident.rules.keys().next().unwrap(), "sensor.drill_missed");
    assert!(!incident.drill);
    let named = "decoy honeypot/backup-sa, placement backup-sa-token, as curl: no alert";
    assert!(incident.title.contains(named), "{}", incident.title);
}

/// A store in which the last drill was more than a day ago.
fn overdue(site: &Site) {
    let mut store = Store::open(&site.path("sundew.db")).unwrap().0;
    let at = serde_json::json!({"time": Timestamp::now() - SignedDuration::from_hours(25), "turn": 0});
    let position = sundew_store::Position { cluster: String::new(), source: "drill".into(), at };
    store.commit(&sundew_store::Commit { positions: vec![position], ..Default::default() }).unwrap();
}

#[tokio::test]
async fn drills_of_placements_that_nothing_is_called_by_are_told_as_missed() {
    let site = Site::new();
    let api = Api::start(&site).await;
    overdue(&site);
    let config = scheduled("1s").replace("[backup-sa-token]", "[backup-token]");
    let sensor = api.sensor(&site, &config, Extras::default()).await;
    until("that is told", || site.alerts().len() == 1).await;
    sensor.stop().await;
    assert_eq!(uses(&api), 0);
    let incident = site.alerts()[0].incident.clone();
    assert_eq!(incident.rules.keys().next().unwrap(), "sensor.drill_missed");
    let parts =
        ["nothing could be drilled for 24h", "names backup-token", "backup-sa-token, tiller-token-x7k2p"];
    for part in parts {
        assert!(incident.title.contains(part), "{}", incident.title);
    }
}

#[tokio::test]
async fn a_drill_that_waits_too_long_for_its_cluster_is_told_as_missed_once() {
    let site = Site::new();
    std::fs::write(site.path("kubeconfig"), kubeconfig("127.0.0.1:1")).unwrap();
    overdue(&site);
    let sensor = site.start_with(&scheduled("1s"), Extras::default()).await;
    until("that is told", || site.alerts().len() == 1).await;
    sensor.stop().await;
    let incident = site.alerts()[0].incident.clone();
    assert_eq!(incident.rules.keys().next().unwrap(), "sensor.drill_missed");
    let named =
        "decoy honeypot/backup-sa, placement backup-sa-token, as kubectl: there has been no connection";
    assert!(incident.title.contains(named), "{}", incident.title);
    let kept = site.store().position("", "drill").unwrap().unwrap();
    assert_eq!(kept["turn"], 0, "its turn stays");
    let time: Timestamp = kept["time"].as_str().unwrap().parse().unwrap();
    assert!(
        Timestamp::now().duration_since(time) < SignedDuration::from_hours(1),
        "and the next is due in a day"
    );
}
