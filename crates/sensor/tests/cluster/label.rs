//! The audit-free tripwire: the label that the API server sets tells of each use.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sundew_decoy::Inventory;
use sundew_detect::Severity;
use sundew_sensor::{Extras, Sensor};

use crate::{
    api::{Api, BOTH_TO_FILE, CLUSTER_TO_FILE, LABEL},
    common::{Site, eventually, theft, until},
};

const TOKEN: &str = "honeypot/backup-sa-token";
const TILLER: &str = "kube-system/tiller-token-x7k2p";

/// Waits until so many findings are told in so many incidents.
async fn told(site: &Site, what: &str, findings: (u64, usize)) {
    let store = || site.findings();
    eventually(what, || (store() == findings).then_some(())).await;
}

#[tokio::test]
async fn every_use_is_told_with_its_placement_and_no_audit_log_and_the_label_is_set_back() {
    let site = Site::new();
    let api = Api::start(&site).await;
    let sensor = api.sensor(&site, CLUSTER_TO_FILE, Extras::default()).await;
    api.used(TOKEN);
    until("it is told", || site.alerts().len() == 1).await;
    let incident = &site.alerts()[0].incident;
    assert_eq!((incident.severity, incident.drill), (Severity::Critical, false));
    assert_eq!(incident.rules.keys().collect::<Vec<_>>(), ["tripwire.token_last_used"]);
    assert_eq!(incident.decoys[0].placement.as_deref(), Some("backup-sa-token"));
    assert_eq!(incident.actor.user, None, "nobody is known");
    assert_eq!(incident.steps[0].request.name, "backup-sa-token");
    until("the label is gone again", || api.label(TOKEN).is_none()).await;
    // The same day.
    api.used(TOKEN);
    told(&site, "the second use", (2, 1)).await;
    until("and is set back", || api.label(TOKEN).is_none()).await;
    api.used(TILLER);
    told(&site, "that of another decoy", (3, 2)).await;
    sensor.stop().await;
    let patches: Vec<_> = api.asked(TOKEN.split_once('/').unwrap().1);
    let patch = patches.iter().find(|seen| seen.method == "PATCH").unwrap();
    assert!(patch.uri.contains("fieldManager=kubectl-label"), "{}", patch.uri);
    assert_eq!(patch.body["metadata"]["uid"], "uid-1");
    assert_eq!(patch.body["metadata"]["labels"], json!({ LABEL: null }));
    // Nothing else was asked of the server about Secrets, and nothing in bulk.
    let asked = api.asked("/secrets");
    assert!(
        asked.iter().all(|seen| seen.uri.contains("token") && !seen.uri.starts_with("/api/v1/secrets")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_use_while_the_sensor_was_down_is_told_at_the_next_start_and_once() {
    let site = Site::new();
    let api = Api::start(&site).await;
    api.set_label(TOKEN, Some("2026-10-02"));
    api.sensor(&site, CLUSTER_TO_FILE, Extras::default()).await.stop().await;
    assert_eq!(site.findings(), (0, 0), "a label from before is only known");
    api.used(TOKEN);
    let sensor = api.sensor(&site, CLUSTER_TO_FILE, Extras::default()).await;
    told(&site, "the use meanwhile", (1, 1)).await;
    until("the label is as it was", || api.label(TOKEN).as_deref() == Some("2026-10-02")).await;
    sensor.stop().await;
    let sensor = api.sensor(&site, CLUSTER_TO_FILE, Extras::default()).await;
    api.used(TILLER);
    told(&site, "nothing but the next use", (2, 2)).await;
    sensor.stop().await;
}

#[tokio::test]
async fn at_first_sight_a_label_since_planting_is_a_use() {
    for (planted, findings) in [("2026-01-01T00:00:00Z", 1), ("2099-01-01T00:00:00Z", 0)] {
        let site = Site::new();
        let api = Api::start(&site).await;
        api.used(TOKEN);
        let inventory = format!(
            "
version: 1
decoys:
- {{namespace: honeypot, account: backup-sa, state: planted, planted: '{planted}', placements: [{{secret: backup-sa-token}}]}}
- {{namespace: kube-system, account: tiller, placements: [{{secret: tiller-token-x7k2p}}]}}
"
        );
        let inventory = Inventory::read(&inventory).unwrap();
        let sensor =
            Sensor::start(site.config(CLUSTER_TO_FILE), &inventory, Extras::default()).await.unwrap();
        api.watched().await;
        api.used(TILLER);
        told(&site, "the other decoy's", (findings + 1, usize::try_from(findings).unwrap() + 1)).await;
        sensor.stop().await;
    }
}

#[tokio::test]
async fn a_label_that_may_not_be_set_back_is_told_once_and_stays_so_over_a_restart() {
    let site = Site::new();
    let api = Api::start(&site).await;
    api.world().refuse_patch = true;
    let sensor = api.sensor(&site, CLUSTER_TO_FILE, Extras::default()).await;
    api.used(TOKEN);
    let noted = api.label(TOKEN);
    told(&site, "the use", (1, 1)).await;
    until("it was tried", || api.asked("backup-sa-token").iter().any(|seen| seen.method == "PATCH")).await;
    api.used(TILLER);
    told(&site, "the use of another", (2, 2)).await;
    sensor.stop().await;
    assert!(noted.is_some());
    assert_eq!(api.label(TOKEN), noted);
    let tried = api.asked("backup-sa-token").iter().filter(|seen| seen.method == "PATCH").count();
    assert_eq!(tried, 1);
    let sensor = api.sensor(&site, CLUSTER_TO_FILE, Extras::default()).await;
    // A later day shows all the same.
    api.set_label(TOKEN, Some("2099-01-01"));
    told(&site, "the next day's use", (3, 2)).await;
    sensor.stop().await;
}

#[tokio::test]
async fn a_label_is_set_back_though_somebody_else_changes_the_secret_at_that_moment() {
    let site = Site::new();
    let api = Api::start(&site).await;
    api.world().conflicts = 2;
    let sensor = api.sensor(&site, CLUSTER_TO_FILE, Extras::default()).await;
    api.used(TOKEN);
    told(&site, "the use", (1, 1)).await;
    until("it is set back", || api.label(TOKEN).is_none()).await;
    api.used(TOKEN);
    told(&site, "the next use, and what came in between is none", (2, 1)).await;
    sensor.stop().await;
}

#[tokio::test]
async fn the_label_and_the_audit_event_are_one_incident_in_both_orders() {
    for label_first in [true, false] {
        let site = Site::new();
        let api = Api::start(&site).await;
        let sensor = api.sensor(&site, BOTH_TO_FILE, Extras::default()).await;
        let event = || site.append(&theft(1, "10.0.0.1"));
        if label_first {
            api.used(TOKEN);
            told(&site, "the label", (1, 1)).await;
            event();
        } else {
            event();
            told(&site, "the event", (1, 1)).await;
            api.used(TOKEN);
        }
        told(&site, "both", (2, 1)).await;
        let address = || site.alerts().last()?.incident.actor.ip.clone();
        until("it is told with the address", || address().is_some()).await;
        sensor.stop().await;
        let last = site.alerts().pop().unwrap().incident;
        assert_eq!(last.actor.ip.as_deref(), Some("10.0.0.1"), "label first: {label_first}");
        assert_eq!(last.decoys.len(), 1);
    }
}

#[tokio::test]
async fn what_happened_while_a_watch_was_cut_is_told() {
    let site = Site::new();
    let api = Api::start(&site).await;
    let sensor = api.sensor(&site, CLUSTER_TO_FILE, Extras::default()).await;
    api.set_away(true);
    api.used(TOKEN);
    api.set_away(false);
    told(&site, "the use meanwhile", (1, 1)).await;
    sensor.stop().await;
}

#[tokio::test]
async fn an_inventory_that_changes_disturbs_no_other_watch() {
    let site = Site::new();
    let api = Api::start(&site).await;
    let both = crate::common::inventory();
    let one = Inventory { decoys: both.decoys[..1].to_vec(), ..both.clone() };
    let mut sensor = Sensor::start(site.config(CLUSTER_TO_FILE), &one, Extras::default()).await.unwrap();
    until("one is watched", || api.watches("backup-sa-token") == 1).await;
    assert_eq!(api.watches("tiller"), 0);
    sensor.reconfigure(site.config(CLUSTER_TO_FILE), &both).await.unwrap();
    until("the other is watched too", || api.watches("tiller") == 1).await;
    api.used(TILLER);
    told(&site, "its use", (1, 1)).await;
    sensor.set_inventory(&one).await.unwrap();
    api.used(TOKEN);
    told(&site, "that of the one that stayed", (2, 2)).await;
    assert_eq!(api.watches("backup-sa-token"), 1, "it was not begun anew");
    sensor.stop().await;
}

#[tokio::test]
async fn the_time_of_a_use_is_that_of_the_servers_clock() {
    let site = Site::new();
    let api = Api::start(&site).await;
    let server = Timestamp::now() - SignedDuration::from_mins(5);
    api.world().date = Some(server);
    let sensor = api.sensor(&site, CLUSTER_TO_FILE, Extras::default()).await;
    api.used(TOKEN);
    told(&site, "the use", (1, 1)).await;
    sensor.stop().await;
    let time = site.store().recent_incidents(9).unwrap()[0].incident.first_seen;
    let late = time.duration_since(server);
    assert!((-SignedDuration::from_secs(1)..SignedDuration::from_mins(3)).contains(&late), "{late}");
}

#[tokio::test]
async fn that_labels_may_not_be_set_back_is_said_at_the_start_and_once() {
    let site = Site::new();
    let log = std::fs::File::create(site.path("sensor.log")).unwrap();
    let subscriber = tracing_subscriber::fmt().with_writer(Arc::new(log)).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    // With one subscriber alive, a warning that another test's thread comes to first would be off for all of them.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let said = || std::fs::read_to_string(site.path("sensor.log")).unwrap();
    let warned = || said().matches("a second use on the same day will not be noticed").count();
    let api = Api::start(&site).await;
    let sensor = api.sensor(&site, CLUSTER_TO_FILE, Extras::default()).await;
    let asked = || api.asked("selfsubjectaccessreviews");
    until("the rights are asked for", || asked().len() == 2).await;
    sensor.stop().await;
    assert_eq!(warned(), 0, "{}", said());
    api.world().refuse_patch = true;
    let sensor = api.sensor(&site, CLUSTER_TO_FILE, Extras::default()).await;
    until("it is said", || warned() == 1).await;
    until("the rights to both are asked for", || asked().len() == 2).await;
    api.used(TOKEN);
    told(&site, "the use", (1, 1)).await;
    sensor.stop().await;
    assert_eq!(warned(), 1, "{}", said());
    assert!(said().contains("the account may not patch Secret "), "{}", said());
}
