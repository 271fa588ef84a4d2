//! Which pod an alert came from.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sundew_sensor::Extras;

use crate::{
    api::{Api, BOTH_TO_FILE},
    common::{Site, theft, theft_at, until},
};

fn pod(name: &str, address: &str, host_network: bool) -> Value {
    let started = Timestamp::now() - SignedDuration::from_hours(1);
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "shop", "uid": format!("uid-of-{name}"), "resourceVersion": "1",
            "creationTimestamp": started.strftime("%FT%TZ").to_string(),
            "labels": {"pod-template-hash": "6d4f"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-6d4f", "uid": "r", "controller": true}],
        },
        "spec": {"nodeName": "worker-1", "serviceAccountName": "web", "hostNetwork": host_network, "containers": []},
        "status": {"phase": "Running", "startTime": started.strftime("%FT%TZ").to_string(),
            "podIP": address, "podIPs": [{"ip": address}]},
    })
}

#[tokio::test]
async fn an_alert_names_the_pod_the_workload_and_the_node_behind_its_peer() {
    let site = Site::new();
    let api = Api::start(&site).await;
    api.world().pods = vec![
        pod("web-6d4f-2xk8p", "10.244.1.13", false),
        pod("agent-1", "192.0.2.7", true),
        pod("agent-2", "192.0.2.7", true),
    ];
    let sensor = api.sensor(&site, BOTH_TO_FILE, Extras::default()).await;
    until("pods are watched", || api.asked("/api/v1/pods?").iter().any(|s| s.uri.contains("watch=true")))
        .await;
    site.append(&theft(1, "10.244.1.13"));
    until("it is told", || site.alerts().len() == 1).await;
    let peer = site.alerts()[0].incident.peer.clone().unwrap();
    assert_eq!((peer.node, peer.pods.len(), peer.more), (None, 1, 0));
    let found = &peer.pods[0];
    let named = [&found.namespace, &found.name, &found.node, &found.account, &found.owner];
    assert_eq!(named, ["shop", "web-6d4f-2xk8p", "worker-1", "web", "Deployment/web"]);

    site.append(&theft(2, "192.0.2.7"));
    until("the node's is told", || site.alerts().len() == 2).await;
    let peer = site.alerts()[1].incident.peer.clone().unwrap();
    assert_eq!((peer.node.as_deref(), peer.pods.len()), (Some("worker-1"), 2));

    site.append(&theft(3, "203.0.113.9"));
    until("the stranger's is told", || site.alerts().len() == 3).await;
    assert_eq!(site.alerts()[2].incident.peer, None);
    sensor.stop().await;
}

#[tokio::test]
async fn an_event_from_before_a_pod_had_the_address_is_not_its_own() {
    let site = Site::new();
    let api = Api::start(&site).await;
    api.world().pods = vec![pod("web-6d4f-2xk8p", "10.244.1.13", false)];
    let sensor = api.sensor(&site, BOTH_TO_FILE, Extras::default()).await;
    until("pods are watched", || api.asked("/api/v1/pods?").iter().any(|s| s.uri.contains("watch=true")))
        .await;
    site.append(&theft_at(1, "10.244.1.13", Timestamp::now() - SignedDuration::from_hours(5)));
    until("it is told", || site.alerts().len() == 1).await;
    assert_eq!(site.alerts()[0].incident.peer, None);
    sensor.stop().await;
}
