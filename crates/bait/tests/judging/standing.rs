//! How decoys stand.

use std::{collections::BTreeMap, fs, path::Path};

use jiff::Timestamp;
use serde_json::{Value, json};
use sundew_bait::standing::{Standing, standings};
use sundew_cluster::{ConnectOptions, Connection};
use sundew_decoy::{Decoy, Inventory, Object, Part, State, drift};
use sundew_detect::{DecoyRef, Incident};
use sundew_store::{Commit, Store, StoredIncident};
use tempfile::TempDir;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use crate::given::time;

/// A connection to a server of the test's own.
pub(crate) async fn connect(server: &MockServer) -> Connection {
    let folder = TempDir::new().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    let text = json!({"apiVersion": "v1", "kind": "Config", "current-context": "t",
        "contexts": [{"name": "t", "context": {"cluster": "t", "user": "t"}}],
        "clusters": [{"name": "t", "cluster": {"server": server.uri()}}],
        "users": [{"name": "t", "user": {"token": "t"}}]});
    fs::write(&kubeconfig, text.to_string()).unwrap();
    Mock::given(matchers::path("/version"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"gitVersion": "v1.36.2"})))
        .mount(server)
        .await;
    let options = ConnectOptions { kubeconfig: Some(kubeconfig), ..ConnectOptions::default() };
    Connection::open(options).await.unwrap()
}

const ACCOUNT: &str = "/api/v1/namespaces/shop/serviceaccounts/backup";
const SECRET: &str = "/api/v1/namespaces/shop/secrets/backup-token";
const MAP: &str = "/api/v1/namespaces/shop/configmaps/backup-config";

fn live(kind: &str, name: &str, uid: &str) -> Value {
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "shop", "uid": uid,
        "resourceVersion": "7", "managedFields": [
            {"manager": "kubectl-create", "operation": "Update", "time": "2026-11-01T00:00:00Z"},
            {"manager": "kubectl-edit", "operation": "Update", "time": "2026-11-19T08:00:00Z"}]}})
}

/// Of a Secret only metadata is asked for.
fn secret_with(labels: &Value) -> Value {
    let mut secret = live("PartialObjectMetadata", "backup-token", "u2");
    secret["apiVersion"] = "meta.k8s.io/v1".into();
    secret["metadata"]["labels"] = labels.clone();
    secret
}

fn objects() -> Vec<(&'static str, Value)> {
    let mut map = live("ConfigMap", "backup-config", "u3");
    map["data"] = json!({"schedule": "nightly"});
    vec![(ACCOUNT, live("ServiceAccount", "backup", "u1")), (SECRET, secret_with(&json!({}))), (MAP, map)]
}

/// A decoy of which these three were made.
fn decoy() -> Decoy {
    let mut decoy = Decoy::from_argument("shop/backup:backup-token").unwrap();
    let made = objects();
    let object = |n: usize, kind: &str, name: &str, part| Object {
        api_version: "v1".into(),
        kind: kind.into(),
        namespace: Some("shop".into()),
        name: name.into(),
        uid: Some(format!("u{}", n + 1)),
        part,
        digest: Some(drift::digest(&made[n].1)),
    };
    decoy.state = Some(State::Planted);
    decoy.persona = Some("backup".into());
    decoy.objects = vec![
        object(0, "ServiceAccount", "backup", Part::Account),
        object(1, "Secret", "backup-token", Part::Token),
        object(2, "ConfigMap", "backup-config", Part::Placement),
    ];
    decoy
}

fn inventory(decoy: Decoy) -> Inventory {
    Inventory::of("prod", vec![decoy], Vec::new()).unwrap()
}

/// How a decoy stands where the server has these objects, and 404 for all else.
async fn stands(decoy: Decoy, objects: &[(&str, Value)], store: Option<&Path>) -> (Standing, MockServer) {
    let server = MockServer::start().await;
    for (path, object) in objects {
        Mock::given(matchers::path(*path))
            .respond_with(ResponseTemplate::new(200).set_body_json(object))
            .mount(&server)
            .await;
    }
    let gone = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound",
        "message": "not found", "code": 404});
    Mock::given(matchers::any())
        .respond_with(ResponseTemplate::new(404).set_body_json(gone))
        .with_priority(200)
        .mount(&server)
        .await;
    let connection = connect(&server).await;
    let mut all = standings(Some(&connection), &inventory(decoy), "prod", store).await.unwrap();
    (all.remove(0), server)
}

fn clean(standing: &Standing) -> bool {
    standing.missing.is_empty() && standing.drifted.is_empty() && standing.unread.is_empty()
}

#[tokio::test]
async fn what_is_as_it_was_made_is_intact() {
    let (standing, server) = stands(decoy(), &objects(), None).await;
    assert!(clean(&standing), "{standing:?}");
    assert_eq!((standing.intact, standing.decoy.as_str()), (3, "shop/backup"));
    assert_eq!((standing.persona.as_deref(), standing.state), (Some("backup"), Some(State::Planted)));
    let requests = server.received_requests().await.unwrap();
    let of_secret = requests.iter().find(|request| request.url.path() == SECRET).unwrap();
    let accept = of_secret.headers.get("accept").unwrap().to_str().unwrap();
    assert!(accept.contains("PartialObjectMetadata"), "no value of a Secret crosses the wire: {accept}");
}

#[tokio::test]
async fn what_is_gone_replaced_or_changed_is_told_with_who_wrote_it_last() {
    let mut there = objects();
    there.remove(0);
    there[0].1["metadata"]["uid"] = "another".into();
    there[1].1["data"]["schedule"] = "hourly".into();
    let (standing, _server) = stands(decoy(), &there, None).await;
    assert_eq!(standing.intact, 0);
    assert_eq!(standing.missing[0], "ServiceAccount shop/backup is gone: somebody deleted it");
    assert!(standing.missing[1].starts_with("Secret shop/backup-token is another object of that name now"));
    assert_eq!(
        standing.drifted,
        ["ConfigMap shop/backup-config was changed since it was made, last written by kubectl-edit at \
          2026-11-19T08:00:00Z"]
    );
}

#[tokio::test]
async fn the_latest_use_is_told_with_its_placement_and_is_no_drift() {
    let mut decoy = decoy();
    decoy.placements[0].name = Some("in the pod".into());
    let mut there = objects();
    there[1].1 = secret_with(&json!({"kubernetes.io/legacy-token-last-used": "2026-11-20"}));
    let (standing, _server) = stands(decoy, &there, None).await;
    assert!(clean(&standing), "{standing:?}");
    let used = standing.last_used.as_ref().unwrap();
    assert_eq!((&*used.day, &*used.placement), ("2026-11-20", "in the pod"));
}

#[tokio::test]
async fn a_token_that_somebody_declared_invalid_is_drift_and_a_tombstone_without_its_label_too() {
    let invalid = |decoy: Decoy, labels: Value| async move {
        let mut there = objects();
        there[1].1 = secret_with(&labels);
        there.remove(2);
        stands(decoy, &there, None).await.0.drifted
    };
    let label = json!({"kubernetes.io/legacy-token-invalid-since": "2026-11-10"});
    let drifted = invalid(decoy(), label.clone()).await;
    assert!(drifted[0].contains("declared invalid on 2026-11-10"), "{drifted:?}");
    let tombstoned = Decoy { state: Some(State::Tombstoned), ..decoy() };
    assert_eq!(invalid(tombstoned.clone(), label).await, [""; 0]);
    let drifted = invalid(tombstoned, json!({})).await;
    assert!(drifted[0].contains("is no tombstone"), "{drifted:?}");
}

#[tokio::test]
async fn of_a_retired_decoy_the_placements_are_rightly_gone() {
    let retired = Decoy { state: Some(State::Retired), ..decoy() };
    let mut there = objects();
    there.pop();
    let (standing, _server) = stands(retired.clone(), &there, None).await;
    assert!(clean(&standing) && standing.intact == 2, "{standing:?}");
    let (standing, _server) = stands(retired, &objects(), None).await;
    assert_eq!(standing.intact, 2);
    assert!(standing.drifted[0].contains("still there although the decoy is retired"), "{standing:?}");
}

#[tokio::test]
async fn what_an_interrupted_planting_may_have_made_is_neither_intact_nor_called_anothers() {
    let mut planting = Decoy { state: Some(State::Planting), ..decoy() };
    planting.objects[1].uid = None;
    planting.objects[2].uid = None;
    let mut there = objects();
    there.pop();
    let (standing, _server) = stands(planting, &there, None).await;
    assert_eq!((standing.intact, standing.unread.len(), standing.missing.len()), (1, 1, 1));
    assert!(standing.missing[0].contains("was not made"), "{standing:?}");
}

#[tokio::test]
async fn a_refusal_is_no_absence() {
    let server = MockServer::start().await;
    let refusal = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden",
        "message": "no", "code": 403});
    Mock::given(matchers::path_regex("/api/v1/.*"))
        .respond_with(ResponseTemplate::new(403).set_body_json(refusal))
        .mount(&server)
        .await;
    let connection = connect(&server).await;
    let all = standings(Some(&connection), &inventory(decoy()), "prod", None).await.unwrap();
    assert_eq!((all[0].unread.len(), all[0].missing.len(), all[0].intact), (3, 0, 0));
}

#[tokio::test]
async fn with_no_cluster_nothing_is_claimed() {
    let all = standings(None, &inventory(decoy()), "prod", None).await.unwrap();
    assert_eq!(all[0].unread.len(), 3);
    assert_eq!(all[0].unread[0], "ServiceAccount shop/backup: the cluster was not asked");
    assert!(all[0].missing.is_empty() && all[0].intact == 0);
    let other = standings(None, &inventory(decoy()), "staging", None).await.unwrap();
    assert_eq!(other, [], "decoys of other clusters are not looked at");
}

#[tokio::test]
async fn a_decoy_that_was_made_by_hand_is_looked_at_by_account_and_secrets() {
    let by_hand = Decoy::from_argument("shop/backup:backup-token").unwrap();
    let mut there = objects();
    there.pop();
    let (standing, _server) = stands(by_hand.clone(), &there, None).await;
    assert!(clean(&standing) && standing.intact == 2, "{standing:?}");
    there.remove(1);
    let (standing, _server) = stands(by_hand, &there, None).await;
    assert_eq!(standing.missing, ["Secret shop/backup-token is gone: somebody deleted it"]);
}

fn incident(id: &str, decoy: &str, last_seen: Timestamp, drill: bool) -> StoredIncident {
    let body = json!({"id": id, "revision": 1, "cluster": "prod", "severity": "critical", "title": "t", "actor": {},
        "clients": [], "first_seen": last_seen, "firstSeen": last_seen, "lastSeen": last_seen,
        "decoys": [], "steps": [], "findings": 1, "rules": BTreeMap::<String, u64>::new(), "attack": [],
        "could": [], "next": [], "drill": drill});
    let mut incident: Incident = serde_json::from_value(body).unwrap();
    incident.decoys = vec![DecoyRef { name: decoy.into(), ..DecoyRef::default() }];
    StoredIncident { incident, state: json!({}), closed: true }
}

#[tokio::test]
async fn the_store_tells_of_the_latest_touch_and_the_latest_drill_and_of_this_look_itself() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sundew.db");
    let (mut store, _) = Store::open(&path).unwrap();
    let day = |day: u8| time(&format!("2026-11-{day:02}T00:00:00Z"));
    let incidents = vec![
        incident("old", "shop/backup", day(1), false),
        incident("new", "shop/backup", day(3), false),
        incident("other", "shop/backup-2", day(9), false),
        incident("drill", "shop/backup", day(5), true),
    ];
    store.commit(&Commit { incidents, ..Commit::default() }).unwrap();
    let (standing, server) = stands(decoy(), &objects(), Some(&path)).await;
    let touched = standing.touched.as_ref().unwrap();
    assert_eq!((&*touched.incident, touched.time), ("new", day(3)));
    assert_eq!(standing.last_drill, Some(day(5)));

    let now = Timestamp::now();
    let announced = store.rehearsals(now).unwrap();
    assert_eq!(announced.len(), 1);
    assert_eq!((announced[0].purpose.as_str(), announced[0].decoy.as_str()), ("upkeep", "shop/backup"));
    for request in server.received_requests().await.unwrap() {
        let agent = request.headers.get("user-agent").unwrap().to_str().unwrap();
        let of_decoy = request.url.path().starts_with("/api/v1/");
        assert_eq!(agent.contains(&announced[0].nonce), of_decoy, "{}", request.url.path());
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_an_error_and_one_that_is_not_there_knows_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sundew.db");
    let all = standings(None, &inventory(decoy()), "prod", Some(&path)).await.unwrap();
    assert_eq!((all[0].touched.clone(), path.exists()), (None, false));
    fs::write(&path, "this is no database at all, however long one looks at it").unwrap();
    assert!(standings(None, &inventory(decoy()), "prod", Some(&path)).await.is_err());
}
