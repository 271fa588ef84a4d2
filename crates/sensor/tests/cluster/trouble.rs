//! A cluster that cannot be seen.

use std::time::Duration;

use serde_json::json;
use sundew_decoy::Inventory;
use sundew_sensor::Extras;

use crate::{
    api::{Api, CLUSTER_TO_FILE, kubeconfig, kubeconfig_of, soon},
    common::{Patience, Site, until},
};

const TOKEN: &str = "honeypot/backup-sa-token";
const TILLER: &str = "kube-system/tiller-token-x7k2p";

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

/// How often an alert of this rule was made.
fn told(site: &Site, rule: &str) -> u64 {
    let incidents = site.store().recent_incidents(99).unwrap();
    incidents.iter().filter_map(|stored| stored.incident.rules.get(rule)).count() as u64
}

/// How many uses of tokens were told.
fn uses(site: &Site) -> u64 {
    let incidents = site.store().recent_incidents(99).unwrap();
    let steps = incidents.iter().flat_map(|stored| stored.incident.steps.iter());
    steps.filter(|step| step.rule == "tripwire.token_last_used").map(|step| step.count).sum()
}

#[tokio::test]
async fn a_credential_plugin_that_hangs_is_told_while_it_is_waited_for_and_holds_up_no_end() {
    let site = Site::new();
    let hangs = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "sleep", "args": ["600"],
        "interactiveMode": "IfAvailable",
    }});
    std::fs::write(site.path("kubeconfig"), kubeconfig_of("127.0.0.1:1", &hangs)).unwrap();
    let patience = Patience { answer: Duration::from_millis(50), ..soon().patience };
    let sensor = site.start_with(CLUSTER_TO_FILE, Extras { patience, ..Extras::default() }).await;
    until("it is told", || !site.alerts().is_empty()).await;
    let title = site.alerts()[0].incident.title.clone();
    assert!(
        title.starts_with("The sensor cannot see: source `prod`: the API server: it has not answered yet"),
        "{title}"
    );
    assert!(title.contains("credential plugin ends by itself"), "{title}");
    sensor.stop().await;
}

#[tokio::test]
async fn a_kubeconfig_that_is_renewed_is_used_and_what_was_known_is_known_still() {
    let site = Site::new();
    let api = Api::start(&site).await;
    let sensor = api.sensor(&site, CLUSTER_TO_FILE, soon()).await;
    api.used(TOKEN);
    until("the use is told and set back", || uses(&site) == 1 && api.label(TOKEN).is_none()).await;
    api.world().accepted = Some("renewed".to_owned());
    api.cut();
    until("that nothing can be seen is told", || told(&site, "sensor.blind") == 1).await;
    let incidents = site.store().recent_incidents(9).unwrap();
    let blind = incidents.iter().find(|stored| stored.incident.rules.contains_key("sensor.blind")).unwrap();
    assert!(blind.incident.title.contains("401"), "{}", blind.incident.title);
    api.used(TILLER);
    api.let_in(&site, &json!({"token": "renewed"}));
    until("the use meanwhile is told", || uses(&site) == 2).await;
    until("and set back", || api.label(TILLER).is_none()).await;
    api.used(TOKEN);
    until("so is the next", || uses(&site) == 3).await;
    sensor.stop().await;
    assert_eq!(uses(&site), 3, "nothing was told twice");
}

#[tokio::test]
async fn a_kubeconfig_that_is_changed_is_used_though_nothing_is_wrong() {
    let site = Site::new();
    let api = Api::start(&site).await;
    let sensor = api.sensor(&site, CLUSTER_TO_FILE, soon()).await;
    let other = Api::start(&site).await;
    other.watched().await;
    other.used(TOKEN);
    until("the use there is told", || uses(&site) == 1).await;
    sensor.stop().await;
}

#[tokio::test]
async fn a_credential_that_is_refused_for_long_is_got_anew() {
    let site = Site::new();
    let api = Api::start(&site).await;
    std::fs::write(site.path("token"), "first").unwrap();
    api.let_in(&site, &json!({"tokenFile": site.path("token")}));
    api.world().accepted = Some("first".to_owned());
    let sensor = api.sensor(&site, CLUSTER_TO_FILE, soon()).await;
    std::fs::write(site.path("token"), "second").unwrap();
    api.world().accepted = Some("second".to_owned());
    api.cut();
    api.used(TOKEN);
    until("the use is told", || uses(&site) == 1).await;
    sensor.stop().await;
}

#[tokio::test]
async fn a_decoy_that_left_the_inventory_in_trouble_hides_no_later_outage() {
    let site = Site::new();
    let api = Api::start(&site).await;
    let mut sensor = api.sensor(&site, CLUSTER_TO_FILE, soon()).await;
    api.world().broken = Some("backup-sa-token".to_owned());
    api.cut();
    until("the trouble of the one is told", || told(&site, "sensor.blind") == 1).await;
    let both = crate::common::inventory();
    let one = Inventory { decoys: both.decoys[1..].to_vec(), ..both };
    sensor.set_inventory(&one).await.unwrap();
    until("it is not watched any more", || {
        // What is known is written with the next use.
        api.used(TILLER);
        let position = site.store().position("default", "prod").unwrap().unwrap_or_default();
        position["secrets"].get(TILLER).is_some() && position["secrets"].get(TOKEN).is_none()
    })
    .await;
    api.set_away(true);
    until("the outage is told too", || told(&site, "sensor.blind") == 2).await;
    sensor.stop().await;
    let incidents = site.store().recent_incidents(99).unwrap();
    let titles: Vec<_> = incidents.into_iter().map(|stored| stored.incident.title).collect();
    assert!(titles.iter().any(|title| title.contains("Secret honeypot/backup-sa-token: ")), "{titles:?}");
}
