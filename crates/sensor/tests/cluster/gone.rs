//! A decoy's Secret that is gone, or another in its place.

use std::time::Duration;

use sundew_decoy::{Inventory, State};
use sundew_detect::Severity;
use sundew_sensor::{Extras, Sensor};

use crate::{
    api::{Api, CLUSTER_TO_FILE, soon},
    common::{Patience, Site, until},
};

const TOKEN: &str = "honeypot/backup-sa-token";
const TILLER: &str = "kube-system/tiller-token-x7k2p";

#[tokio::test]
async fn a_secret_that_is_deleted_is_told_once_also_over_a_restart() {
    let site = Site::new();
    let api = Api::start(&site).await;
    let sensor = api.sensor(&site, CLUSTER_TO_FILE, soon()).await;
    api.delete(TOKEN);
    until("it is told", || site.alerts().len() == 1).await;
    let incident = &site.alerts()[0].incident;
    assert_eq!(
        (incident.severity, incident.rules.keys().next().unwrap().as_str()),
        (Severity::High, "sensor.decoy_gone")
    );
    assert!(
        incident.title.contains("Secret honeypot/backup-sa-token of decoy honeypot/backup-sa is not there")
    );
    assert!(incident.title.contains("401 that names nobody"), "{}", incident.title);
    sensor.stop().await;
    let sensor = site.start_with(CLUSTER_TO_FILE, soon()).await;
    api.delete(TILLER);
    until("the other too", || site.alerts().len() == 2).await;
    sensor.stop().await;
    assert_eq!(site.findings(), (2, 2));
}

#[tokio::test]
async fn one_that_sundew_takes_away_is_not_told() {
    let site = Site::new();
    let api = Api::start(&site).await;
    let mut inventory = crate::common::inventory();
    inventory.decoys[0].state = Some(State::Removing);
    let sensor = Sensor::start(site.config(CLUSTER_TO_FILE), &inventory, soon()).await.unwrap();
    api.watched().await;
    api.delete(TOKEN);
    api.delete(TILLER);
    until("the other is", || !site.alerts().is_empty()).await;
    sensor.stop().await;
    assert_eq!(site.findings(), (1, 1));
    assert!(site.alerts()[0].incident.title.contains("tiller"));
}

#[tokio::test]
async fn another_secret_of_the_same_name_is_told_and_watched() {
    let site = Site::new();
    let api = Api::start(&site).await;
    let patience = Patience { absence: Duration::from_secs(3600), ..Patience::default() };
    let sensor = api.sensor(&site, CLUSTER_TO_FILE, Extras { patience, ..Extras::default() }).await;
    api.used(TOKEN);
    until("the old one is known", || api.label(TOKEN).is_none() && site.alerts().len() == 1).await;
    api.delete(TOKEN);
    api.make(TOKEN);
    until("it is told", || site.rules().contains(&"sensor.decoy_gone".to_owned())).await;
    let titles: Vec<String> =
        site.store().recent_incidents(9).unwrap().into_iter().map(|s| s.incident.title).collect();
    assert!(titles.iter().any(|title| title.contains("was replaced by another of that name")), "{titles:?}");
    api.used(TOKEN);
    until("its use is told", || site.findings() == (3, 2)).await;
    sensor.stop().await;
}

#[tokio::test]
async fn a_decoy_that_is_being_planted_is_watched_once_it_stands() {
    let site = Site::new();
    let api = Api::start(&site).await;
    api.delete(TOKEN);
    let mut inventory: Inventory = crate::common::inventory();
    inventory.decoys[0].state = Some(State::Planting);
    let mut sensor = Sensor::start(site.config(CLUSTER_TO_FILE), &inventory, soon()).await.unwrap();
    until("the other is watched", || api.watches("tiller") == 1).await;
    api.make(TOKEN);
    inventory.decoys[0].state = Some(State::Planted);
    sensor.set_inventory(&inventory).await.unwrap();
    until("it is watched", || api.watches("backup-sa-token") == 1).await;
    api.used(TOKEN);
    until("its use is told", || site.findings() == (1, 1)).await;
    assert_eq!(site.rules(), ["tripwire.token_last_used"]);
    sensor.stop().await;
}

#[tokio::test]
async fn a_token_that_is_refused_and_was_not_tombstoned_is_told_once() {
    let site = Site::new();
    let api = Api::start(&site).await;
    let mut inventory = crate::common::inventory();
    inventory.decoys[1].state = Some(State::Tombstoned);
    for restarted in [false, true] {
        api.world().seen.clear();
        let sensor = Sensor::start(site.config(CLUSTER_TO_FILE), &inventory, soon()).await.unwrap();
        api.watched().await;
        if !restarted {
            api.refuse(TILLER, "2026-11-20");
            api.refuse(TOKEN, "2026-11-21");
            until("it is told", || !site.alerts().is_empty()).await;
        } else {
            api.delete(TILLER);
            until("something else is told", || site.rules().contains(&"sensor.decoy_gone".into())).await;
        }
        sensor.stop().await;
    }
    let incident = &site.alerts()[0].incident;
    assert_eq!(incident.rules.keys().next().unwrap(), "sensor.decoy_changed");
    assert_eq!(incident.severity, Severity::High);
    for part in ["Secret honeypot/backup-sa-token", "legacy-token-invalid-since (2026-11-21)", "401"] {
        assert!(incident.title.contains(part), "{}", incident.title);
    }
    assert_eq!(site.rules(), ["sensor.decoy_changed", "sensor.decoy_gone"]);
    assert_eq!(site.findings().0, 2, "each once");
}
