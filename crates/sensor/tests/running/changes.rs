//! Other decoys, sources and sinks while the sensor runs.

use std::sync::atomic::Ordering;

use sundew_decoy::{Decoy, Inventory};
use sundew_detect::Change;
use sundew_sensor::{Extras, Sensor};

use crate::common::{
    Answer, FILE_ONLY, FILE_TO_FILE, Patience, Probe, Site, append, assert_no_repeat, extras, inventory,
    messages, theft, until,
};

fn tiller_alone(cluster: &str) -> Inventory {
    let decoy = Decoy::from_argument("kube-system/tiller").unwrap();
    Inventory::of(cluster, vec![decoy], vec![]).unwrap()
}

#[tokio::test]
async fn a_new_decoy_trips_from_then_on() {
    let site = Site::new();
    let config = site.config(FILE_TO_FILE);
    let mut sensor = Sensor::start(config, &tiller_alone("default"), Extras::default()).await.unwrap();
    site.append(&theft(1, "10.0.0.1"));
    until("it is read", || sensor.counters().events.load(Ordering::Relaxed) == 1).await;
    sensor.set_inventory(&inventory()).await.unwrap();
    site.append(&theft(2, "10.0.0.2"));
    until("the second is told", || !site.alerts().is_empty()).await;
    sensor.stop().await;
    let peers: Vec<_> = site.alerts().into_iter().filter_map(|m| m.incident.actor.ip).collect();
    assert_eq!(peers, ["10.0.0.2"]);
}

#[tokio::test]
async fn decoys_of_a_cluster_that_nothing_watches_are_refused_and_the_old_ones_stay() {
    let site = Site::new();
    let mut sensor = site.start(FILE_TO_FILE).await;
    let said = sensor.set_inventory(&tiller_alone("prod-eu")).await.unwrap_err().to_string();
    assert!(said.contains("`prod-eu`") && said.contains("sources are of: default"), "{said}");
    let config = site.config(FILE_TO_FILE);
    let again = sensor.reconfigure(config, &tiller_alone("prod-eu")).await.unwrap_err().to_string();
    assert_eq!(again, said);
    site.append(&theft(1, "10.0.0.1"));
    until("the old decoy still trips", || !site.alerts().is_empty()).await;
    sensor.stop().await;
    let start = Sensor::start(site.config(FILE_TO_FILE), &tiller_alone("prod-eu"), Extras::default()).await;
    assert_eq!(start.err().unwrap().to_string(), said);
}

#[tokio::test]
async fn sources_and_sinks_come_and_go_while_another_source_goes_on() {
    let site = Site::new();
    let (sink, told) = Probe::taking("kept");
    let mut sensor = site.start_with(FILE_TO_FILE, extras(vec![sink])).await;
    site.append(&theft(1, "10.0.0.1"));
    until("the first is told", || site.alerts().len() == 1 && told.taken().len() == 1).await;

    let two = "
sources: [{type: file, name: log, path: audit.log}, {type: file, name: other, path: other.log}]
sinks: [{type: file, name: more, path: more.json}]
";
    sensor.reconfigure(site.config(two), &inventory()).await.unwrap();
    site.append(&theft(2, "10.0.0.2"));
    append(&site.path("other.log"), theft(3, "10.0.0.3").as_bytes());
    let more = || messages(&site.path("more.json"));
    until("the new sink is told of both", || more().len() == 2).await;
    until("a sink that no configuration names stays", || told.taken().len() == 3).await;
    assert_eq!(site.alerts().len(), 1, "the old sink is gone");

    sensor.reconfigure(site.config(FILE_TO_FILE), &inventory()).await.unwrap();
    append(&site.path("other.log"), theft(4, "10.0.0.4").as_bytes());
    site.append(&theft(5, "10.0.0.5"));
    until("the old sink is back", || site.alerts().len() == 2).await;
    sensor.stop().await;
    let peers: Vec<_> = told.taken().into_iter().filter_map(|m| m.incident.actor.ip).collect();
    assert!(!peers.contains(&"10.0.0.4".to_owned()), "its source is gone: {peers:?}");
    assert_no_repeat(&told.taken());

    // What the source that was gone had read is known, and it goes on there.
    let sensor = site.start(two).await;
    until("it goes on where it was", || more().len() == 3).await;
    sensor.stop().await;
    assert_eq!(more()[2].incident.actor.ip.as_deref(), Some("10.0.0.4"));
}

#[tokio::test]
async fn a_source_that_cannot_be_opened_keeps_no_other_from_it_and_can_be_tried_again() {
    let site = Site::new();
    let mut sensor = site.start(FILE_TO_FILE).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    site.certificates();
    let config = format!(
        "
sources:
- {{type: webhook, name: hook, listen: '{}', certFile: cert.pem, keyFile: key.pem, tokenFile: token}}
- {{type: file, name: other, path: other.log}}
sinks: [{{type: file, name: alerts, path: alerts.json}}]
",
        taken.local_addr().unwrap()
    );
    let said = sensor.reconfigure(site.config(&config), &inventory()).await.unwrap_err().to_string();
    assert!(said.starts_with("source `hook`: cannot listen on"), "{said}");
    append(&site.path("other.log"), theft(1, "10.0.0.1").as_bytes());
    until("the source behind it runs", || site.alerts().len() == 1).await;
    drop(taken);
    sensor.reconfigure(site.config(&config), &inventory()).await.unwrap();
    assert!(sensor.webhook_address().is_some());
    sensor.stop().await;
}

#[tokio::test]
async fn a_change_does_not_wait_for_a_sink_that_hangs() {
    let site = Site::new();
    let (hanging, asked) = Probe::answering("hanging", |_| Answer::Never);
    let (well, told) = Probe::taking("well");
    let patience = Patience { delivery: std::time::Duration::from_millis(200), ..Patience::default() };
    let mut sensor = site.start_with(FILE_ONLY, Extras { patience, ..extras(vec![hanging, well]) }).await;
    site.append(&theft(1, "10.0.0.1"));
    until("one hangs", || asked.attempts() == 1 && told.taken().len() == 1).await;
    sensor.reconfigure(site.config(FILE_ONLY), &inventory()).await.unwrap();
    assert_eq!(asked.attempts(), 1, "its delivery is still on its way");
    site.append(&theft(2, "10.0.0.2"));
    until("the other is told", || told.taken().len() == 2).await;
    until("the hanging one is tried again when its time is over", || asked.attempts() >= 2).await;
    assert_no_repeat(&told.taken());
    drop(sensor);
}

#[tokio::test]
async fn other_times_for_incidents_hold_from_then_on() {
    let site = Site::new();
    let (sink, told) = Probe::taking("probe");
    let slow = FILE_ONLY.replace("quiet: 1s", "quiet: 1h");
    let mut sensor = site.start_with(&slow, extras(vec![sink])).await;
    let fast = FILE_ONLY.replace("quiet: 1s", "quiet: 1s, window: 1s");
    sensor.reconfigure(site.config(&fast), &inventory()).await.unwrap();
    site.append(&theft(1, "10.0.0.1"));
    until("it is told", || told.taken().len() == 1).await;
    until("and closed soon", || {
        let stored = site.store().recent_incidents(1).unwrap();
        stored.first().is_some_and(|stored| stored.closed)
    })
    .await;
    sensor.stop().await;
    assert_eq!(told.first().change, Change::Opened);
}

#[tokio::test]
async fn what_needs_a_restart_says_so() {
    let site = Site::new();
    let mut sensor = site.start(FILE_TO_FILE).await;
    let other = format!("store: other.db\n{FILE_TO_FILE}");
    let said = sensor.reconfigure(site.config(&other), &inventory()).await.unwrap_err().to_string();
    assert!(said.contains("`store`") && said.contains("restart"), "{said}");
    let stdin = "sources: [{type: stdin, name: in}]";
    let said = sensor.reconfigure(site.config(stdin), &inventory()).await.unwrap_err().to_string();
    assert!(said.contains("stdin") && said.contains("restart"), "{said}");
    sensor.stop().await;
}
