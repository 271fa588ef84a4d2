//! A further copy for a decoy that stands: it comes and goes as the first ones did, and the decoy stands whatever happens.

use std::fs;

use serde_json::Value;
use sundew_bait::{BaitError, plant::Planted, remove::Depth};
use sundew_decoy::{Decoy, Part, plan};

use crate::{
    fake::{Act, Asked},
    stage::{CORE, SHORT, Stage},
    trouble::at,
};

const SECRET: &str = "deployer-token-zz9zz";

/// A planted decoy, and the plan of one more copy.
async fn planted() -> (Stage, Decoy) {
    let mut stage = Stage::new().await;
    let decoy = stage.plant().await.unwrap().decoy;
    let mut random = |n: usize| "zz9zz"[..n].to_owned();
    let plan = plan::outside(&decoy, "repo", None, "the deploy repository", "kubectl-create", &mut random);
    stage.plan = plan.unwrap();
    stage.fake.state().asked.clear();
    (stage, decoy)
}

async fn grow(stage: &Stage) -> Result<Planted, BaitError> {
    stage.planting(&mut |_| {}).grow(&mut stage.open()).await
}

#[tokio::test]
async fn a_further_copy_has_a_secret_and_a_kubeconfig_of_its_own() {
    let (stage, before) = planted().await;
    let grown = grow(&stage).await.unwrap();
    assert_eq!(stage.made(), 1);
    let path = format!("{CORE}/secrets/{SECRET}");
    let uid = stage.fake.objects().get(&path).cloned();
    let [.., object] = grown.decoy.objects.as_slice() else { panic!() };
    assert_eq!((object.part, object.uid.clone(), object.digest.is_some()), (Part::Token, uid, true));
    assert_eq!(grown.decoy.objects[..6], before.objects);
    assert_eq!(grown.decoy.placements.last().unwrap().label(), "repo");
    assert_eq!((grown.decoy.state, grown.decoy.planted), (before.state, before.planted));
    assert_eq!(stage.listed(), std::slice::from_ref(&grown.decoy));
    let [(name, text)] = grown.outside.as_slice() else { panic!() };
    let config: Value = serde_saphyr::from_str(text).unwrap();
    let token = config["users"][0]["user"]["token"].as_str().unwrap();
    assert_eq!(name, "repo");
    assert!(
        !fs::read_to_string(stage.path()).unwrap().contains(token) && !format!("{grown:?}").contains(token)
    );
    // It goes with the rest.
    stage.take_away(Depth::Remove).await.unwrap();
    assert!(stage.fake.objects().is_empty() && stage.listed().is_empty());
}

#[tokio::test]
async fn a_copy_that_fails_leaves_the_decoy_as_it_was() {
    let cases: [fn(&Asked) -> bool; 3] = [
        |asked| asked.method == "POST" && asked.dry,
        |asked| asked.makes(),
        |asked| asked.method == "GET" && asked.path.ends_with(SECRET),
    ];
    for (number, which) in cases.into_iter().enumerate() {
        let (stage, before) = planted().await;
        let there = stage.fake.objects();
        stage.fake.rule(at(0, Act::Forbid, which));
        let error = grow(&stage).await.unwrap_err();
        assert_eq!(matches!(error, BaitError::TakenBack { .. }), number == 2, "{error}");
        assert_eq!(stage.fake.objects(), there, "{number}");
        assert_eq!(stage.listed(), [before], "{number}");
    }
}

#[tokio::test]
async fn a_copy_whose_secret_is_never_filled_is_taken_back() {
    let (mut stage, before) = planted().await;
    stage.patience = SHORT;
    stage.fake.state().fills = false;
    let error = grow(&stage).await.unwrap_err();
    assert!(matches!(error.cause(), BaitError::NeverFilled { .. }), "{error}");
    assert!(!stage.fake.objects().contains_key(&format!("{CORE}/secrets/{SECRET}")));
    assert_eq!(stage.listed(), [before]);
}

#[tokio::test]
async fn an_interrupted_copy_is_listed_and_goes_with_the_decoy() {
    let (stage, before) = planted().await;
    stage.fake.rule(at(0, Act::HangAfter, Asked::makes));
    tokio::select! {
        _ = grow(&stage) => panic!("it was to hang"),
        () = stage.fake.hanging() => {}
    }
    stage.fake.rule(|_| Act::Go);
    let listed = stage.listed();
    assert_eq!((listed[0].state, listed[0].placements.len()), (before.state, before.placements.len() + 1));
    stage.take_away(Depth::Remove).await.unwrap();
    assert!(stage.fake.objects().is_empty() && stage.listed().is_empty());
}

#[tokio::test]
async fn a_retired_decoy_gets_no_further_copy() {
    let (stage, _) = planted().await;
    stage.take_away(Depth::Retire).await.unwrap();
    let error = grow(&stage).await.unwrap_err().to_string();
    assert!(error.contains("shop/deployer is retired"), "{error}");
    assert_eq!(stage.made(), 0);
}
