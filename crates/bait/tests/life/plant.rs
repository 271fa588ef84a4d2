//! Planting that goes well, and what it leaves in cluster, inventory, store and logs.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, sync::Mutex};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde_json::{Value, json};
use sundew_bait::BaitError;
use sundew_cluster::HandError;
use sundew_decoy::{Part, State};
use sundew_detect::Purpose;
use sundew_store::Store;

use crate::{
    fake::Act,
    stage::{CORE, RBAC, Stage, planned},
};

fn token(stage: &Stage, secret: &str) -> String {
    let state = stage.fake.state();
    let data = &state.objects[&format!("{CORE}/secrets/{secret}")]["data"]["token"];
    String::from_utf8(BASE64_STANDARD.decode(data.as_str().unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn everything_of_the_plan_is_made_and_listed_with_its_uid() {
    let stage = Stage::new().await;
    let planted = stage.plant().await.unwrap();
    let there = stage.fake.objects();
    assert_eq!(there.len(), 6);
    let uids: BTreeSet<_> = planted.decoy.objects.iter().map(|object| object.uid.clone().unwrap()).collect();
    assert_eq!(uids, there.values().cloned().collect());
    assert_eq!(stage.listed(), std::slice::from_ref(&planted.decoy));
    assert_eq!(planted.decoy.state, Some(State::Planted));
    assert_eq!(planted.decoy.uid.as_ref(), there.get(&format!("{CORE}/serviceaccounts/deployer")));
    assert!(planted.decoy.objects.iter().all(|object| object.digest.is_some()));
    assert_eq!(planted.verified.len(), 4, "{:?}", planted.verified);
    assert_eq!(fs::metadata(stage.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn tokens_are_filled_into_what_holds_them_and_nowhere_else() {
    let stage = Stage::new().await;
    let said = Mutex::new(String::new());
    let planted = stage.plant_with(&mut |line| said.lock().unwrap().push_str(line)).await.unwrap();
    let (ci, laptop) = (token(&stage, "deployer-ci"), token(&stage, "deployer-laptop"));

    let config = stage.fake.state().objects[&format!("{CORE}/configmaps/deploy-config")].clone();
    assert_eq!(config["data"]["note"], format!("token={ci}"));
    let inside: Value = serde_saphyr::from_str(config["data"]["config"].as_str().unwrap()).unwrap();
    assert_eq!(inside["users"][0]["user"]["token"], ci.as_str());

    let (name, text) = &planted.outside[0];
    let outside: Value = serde_saphyr::from_str(text).unwrap();
    assert_eq!((name.as_str(), planted.outside.len()), ("laptop", 1));
    assert_eq!(outside["users"][0]["user"]["token"], laptop.as_str());
    assert_eq!(outside["clusters"][0]["cluster"]["server"], stage.connection.endpoint().server);
    assert_eq!(outside["current-context"], "deployer@kubernetes");

    let inventory = fs::read_to_string(stage.path()).unwrap();
    let shown = format!("{planted:?}{inventory}{}", said.lock().unwrap());
    assert!(!shown.contains(&ci) && !shown.contains(&laptop), "{shown}");
}

#[tokio::test]
async fn every_request_shows_one_nonce_that_the_store_knows_and_the_personas_field_manager() {
    let stage = Stage::new().await;
    let (mut quiet, path) = (|_: &str| {}, stage.store());
    let mut planting = stage.planting(&mut quiet);
    planting.store = Some(&path);
    planting.plant(&mut stage.open()).await.unwrap();

    let asked = stage.fake.state().asked.clone();
    let agents: BTreeSet<_> = asked.iter().map(|asked| asked.agent.clone()).collect();
    assert_eq!(agents.len(), 1, "{agents:?}");
    let rehearsals = Store::open_reading(&path).unwrap().rehearsals(Timestamp::now()).unwrap();
    assert_eq!(rehearsals.len(), 1);
    assert_eq!((rehearsals[0].purpose, rehearsals[0].decoy.as_str()), (Purpose::Planting, "shop/deployer"));
    assert!(agents.first().unwrap().contains(&rehearsals[0].nonce));
    let managers: BTreeSet<_> = asked.into_iter().filter_map(|asked| asked.manager).collect();
    assert_eq!(managers, BTreeSet::from(["kubectl-create".to_owned()]));
}

#[tokio::test]
async fn a_decoy_of_another_cluster_than_the_inventorys_says_so() {
    let stage = Stage::new().await;
    fs::write(stage.path(), "version: 1\ncluster: other\n").unwrap();
    assert_eq!(stage.plant().await.unwrap().decoy.cluster.as_deref(), Some("prod"));
}

#[tokio::test]
async fn a_decoy_that_is_listed_already_is_not_planted_over() {
    let stage = Stage::new().await;
    stage.plant().await.unwrap();
    let before = stage.fake.objects();
    let said = stage.plant().await.unwrap_err().to_string();
    assert!(said.contains("shop/deployer") && said.contains("planted"), "{said}");
    assert_eq!(stage.fake.objects(), before);
    assert_eq!(stage.listed()[0].state, Some(State::Planted));
}

#[tokio::test]
async fn trying_out_makes_nothing_and_says_what_can_only_be_tried_later() {
    let stage = Stage::new().await;
    let mut said = Vec::new();
    stage.planting(&mut |line| said.push(line.to_owned())).try_out().await.unwrap();
    assert!(stage.fake.objects().is_empty());
    assert_eq!(stage.made(), 0);
    assert_eq!(said.len(), 6);
    let later: Vec<_> = said.iter().filter(|line| line.contains("only be tried when")).collect();
    assert_eq!(later.len(), 1, "{said:?}");
    assert!(later[0].starts_with("RoleBinding shop/deployer") && later[0].contains("Role shop/deployer"));
}

#[tokio::test]
async fn trying_out_names_the_first_object_that_would_be_refused() {
    let stage = Stage::new().await;
    stage.fake.rule(|asked| if asked.path.ends_with("configmaps") { Act::Forbid } else { Act::Go });
    let said = stage.planting(&mut |_| {}).try_out().await.unwrap_err().to_string();
    assert!(said.contains("ConfigMap shop/deploy-config"), "{said}");

    stage.fake.rule(|_| Act::Go);
    stage.fake.state().namespaces.clear();
    let said = stage.planting(&mut |_| {}).try_out().await.unwrap_err().to_string();
    assert!(said.contains("namespaces \"shop\" not found"), "{said}");
}

#[tokio::test]
async fn a_webhook_that_knows_no_dry_run_keeps_nobody_from_planting() {
    let stage = Stage::new().await;
    stage.fake.rule(|asked| if asked.dry { Act::NoDryRun } else { Act::Go });
    stage.planting(&mut |_| {}).try_out().await.unwrap();
    stage.plant().await.unwrap();
    assert_eq!(stage.fake.objects().len(), 6);
}

#[tokio::test]
async fn a_secret_that_holds_something_else_has_the_digest_of_its_metadata() {
    let mut stage = Stage::new().await;
    let manifest = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "registry", "namespace": "shop"},
        "stringData": {"config": "{kubeconfig ci}"}});
    stage.plan.objects.push(planned(manifest, Part::Placement, &["ci"]));
    let planted = stage.plant().await.unwrap();
    assert!(planted.decoy.objects[6].digest.is_some());
    let live = stage.fake.state().objects[&format!("{CORE}/secrets/registry")].clone();
    let seen = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": live["metadata"]});
    assert_eq!(planted.decoy.objects[6].digest.as_ref(), Some(&sundew_decoy::drift::digest(&seen)));
}

#[tokio::test]
async fn an_object_that_is_there_already_is_left_alone_whichever_it_is() {
    for path in [
        format!("{CORE}/serviceaccounts/deployer"),
        format!("{CORE}/secrets/deployer-laptop"),
        format!("{CORE}/configmaps/deploy-config"),
        format!("{RBAC}/rolebindings/deployer"),
    ] {
        let stage = Stage::new().await;
        let name = path.rsplit('/').next().unwrap();
        stage.fake.put(&path, json!({"metadata": {"name": name}, "mine": true}));
        let before = stage.fake.objects();
        let error = stage.plant().await.unwrap_err();
        assert!(matches!(error.cause(), BaitError::Hand(HandError::Exists { .. })), "{error}");
        assert_eq!(stage.fake.objects(), before);
        assert!(stage.listed().is_empty());
    }
}
