//! What alerts say of the identity, from the report of a scan that may change while the sensor runs.

use std::fs;

use jiff::Timestamp;
use sundew_detect::Change;
use sundew_sensor::{Extras, Sensor};

use crate::common::{FILE_TO_FILE, Site, eventually, inventory, scanned, theft, until};

fn now() -> String {
    Timestamp::now().to_string()
}

fn save(site: &Site, report: &str) {
    fs::write(site.path("posture.json"), report).unwrap();
}

fn config() -> String {
    format!("posture: posture.json\n{FILE_TO_FILE}").replace("quiet: 1s", "quiet: 1ms")
}

/// What the latest alert says that the identity could do.
fn could(site: &Site) -> Option<Vec<String>> {
    site.alerts().pop().map(|message| message.incident.could)
}

#[tokio::test]
async fn an_alert_says_what_the_identity_could_do() {
    let site = Site::new();
    save(&site, &scanned(&now(), "lists Secrets").to_string());
    let sensor = site.start(&config()).await;
    site.append(&theft(1, "10.0.0.1"));
    let said = eventually("an alert", || could(&site)).await;
    assert_eq!(said, ["lists Secrets (cluster)"]);
    let stored = site.store().recent_incidents(1).unwrap().remove(0);
    assert_eq!(stored.incident.could, said, "the store has what was told");
    sensor.stop().await;
}

#[tokio::test]
async fn an_update_says_what_the_newest_report_says_and_without_one_nothing() {
    let site = Site::new();
    save(&site, &scanned(&now(), "lists Secrets").to_string());
    let mut sensor = site.start(&config()).await;
    site.append(&theft(1, "10.0.0.1"));
    eventually("an alert", || could(&site)).await;
    save(&site, &scanned(&now(), "").to_string());
    sensor.reconfigure(site.config(&config()), &inventory()).await.unwrap();
    site.append(&theft(2, "10.0.0.1"));
    until("the update", || could(&site).unwrap() == ["nothing that the scan counts as a risk"]).await;
    assert_eq!(site.alerts().pop().unwrap().change, Change::Updated);
    sensor
        .reconfigure(site.config(&config().replace("posture: posture.json", "")), &inventory())
        .await
        .unwrap();
    site.append(&theft(3, "10.0.0.1"));
    until("the next update", || could(&site).unwrap().is_empty()).await;
    sensor.stop().await;
}

#[tokio::test]
async fn a_report_that_cannot_be_read_leaves_the_one_before() {
    let site = Site::new();
    save(&site, &scanned(&now(), "lists Secrets").to_string());
    let mut sensor = site.start(&config()).await;
    for (id, broken) in ["{\"format\": 1", "{\"format\": 99}", "[]"].into_iter().enumerate() {
        save(&site, broken);
        sensor.reconfigure(site.config(&config()), &inventory()).await.unwrap();
        site.append(&theft(id as u32, &format!("10.0.0.{id}")));
        until("an alert", || site.alerts().len() == id + 1).await;
        assert_eq!(could(&site).unwrap(), ["lists Secrets (cluster)"], "{broken}");
    }
    sensor.stop().await;
}

#[tokio::test]
async fn a_report_of_another_cluster_says_nothing_of_this_one() {
    let site = Site::new();
    save(&site, &scanned(&now(), "lists Secrets").to_string());
    let two = "
cluster: prod-eu
posture: posture.json
sources: [{type: file, name: log, path: audit.log, cluster: default}, {type: file, name: other, path: other.log}]
sinks: [{type: file, name: alerts, path: alerts.json}]
";
    let sensor = site.start(two).await;
    site.append(&theft(1, "10.0.0.1"));
    assert_eq!(eventually("an alert", || could(&site)).await, [""; 0]);
    sensor.stop().await;
}

#[tokio::test]
async fn a_sensor_does_not_start_with_a_report_that_it_cannot_use_and_says_what_to_do() {
    let site = Site::new();
    let start = async |config: &str| {
        let started = Sensor::start(site.config(config), &inventory(), Extras::default()).await;
        started.err().unwrap().to_string()
    };
    let path = site.path("posture.json").display().to_string();
    let said = start(&config()).await;
    assert!(said.starts_with(&format!("cannot read the posture report {path}: ")), "{said}");
    assert!(said.contains("`sundew scan --save FILE` writes one"), "{said}");
    for other in ["", "version: 1\n", "{\"kind\": \"List\"}", "{\"format\": 1, \"time\": \"today\"}"] {
        save(&site, other);
        let said = start(&config()).await;
        assert!(said.starts_with(&format!("{path} is no posture report: ")), "{other}: {said}");
        assert!(said.contains("`sundew scan --save FILE` writes one"), "{said}");
    }
    save(&site, "{\"format\": 2, \"findings\": \"elsewhere\"}");
    let said = start(&config()).await;
    assert!(said.contains(&path) && said.contains("is of format 2") && said.contains("update"), "{said}");
    save(&site, &scanned(&now(), "").to_string());
    let source = |name: &str| format!("{{type: file, name: {name}, path: {name}.log, cluster: {name}}}");
    let sources = format!("posture: posture.json\nsources: [{}, {}]\n", source("a"), source("b"));
    let inventory = sundew_decoy::Inventory::of("a", vec![], vec!["bait".into()]).unwrap();
    let started = Sensor::start(site.config(&sources), &inventory, Extras::default()).await;
    let said = started.err().unwrap().to_string();
    assert!(said.contains("cluster `default`, and no source is of it"), "{said}");
}
