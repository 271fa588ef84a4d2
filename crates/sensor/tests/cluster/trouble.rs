//! A cluster that cannot be seen.

use std::time::Duration;

use sundew_sensor::Extras;

use crate::{
    api::{Api, CLUSTER_TO_FILE, kubeconfig},
    common::{Patience, Site, until},
};

const TOKEN: &str = "honeypot/backup-sa-token";

fn soon() -> Extras {
    Extras {
        patience: Patience { absence: Duration::from_millis(50), ..Patience::default() },
        ..Extras::default()
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_told_once_for_all_decoys_and_what_it_does_later_is_seen() {
    let site = Site::new();
    let api = Api::start(&site).await;
    let sensor = api.sensor(&site, CLUSTER_TO_FILE, soon()).await;
    api.set_away(true);
    until("it is told", || !site.alerts().is_empty()).await;
    let incident = site.alerts()[0].incident.clone();
    assert_eq!(incident.rules.keys().next().unwrap(), "sensor.blind");
    assert!(incident.title.starts_with("The sensor cannot see: source `prod`: "), "{}", incident.title);
    api.set_away(false);
    api.used(TOKEN);
    until("the use is told", || site.rules().len() == 2).await;
    sensor.stop().await;
    let blind = site.store().recent_incidents(99).unwrap();
    let blind = blind.iter().filter(|stored| stored.incident.rules.contains_key("sensor.blind")).count();
    assert_eq!(blind, 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_keeps_the_sensor_neither_from_starting_nor_from_seeing_it_later() {
    let site = Site::new();
    std::fs::write(site.path("kubeconfig"), kubeconfig("127.0.0.1:1")).unwrap();
    let sensor = site.start_with(CLUSTER_TO_FILE, soon()).await;
    until("it is told", || !site.alerts().is_empty()).await;
    assert!(
        site.alerts()[0].incident.title.contains("the API server: "),
        "{}",
        site.alerts()[0].incident.title
    );
    let api = Api::start(&site).await;
    api.watched().await;
    api.used(TOKEN);
    until("the use is told", || site.alerts().len() == 2).await;
    sensor.stop().await;
}
