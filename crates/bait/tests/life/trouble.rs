//! Planting that goes wrong: nothing is left behind, or it is said and found again by the next run.

use std::fs;

use serde_json::json;
use sundew_bait::{BaitError, file::InventoryFile, remove::Depth};
use sundew_cluster::HandError;
use sundew_decoy::State;

use crate::{
    fake::{Act, Asked},
    stage::{CORE, LONG, SHORT, Stage},
};

/// Does `act` to the request of number `at` among those that `counts`, and lets all others pass.
pub(crate) fn at(
    at: usize,
    act: Act,
    counts: impl Fn(&Asked) -> bool + Send + 'static,
) -> impl FnMut(&Asked) -> Act + Send + 'static {
    let mut seen = 0;
    move |asked| {
        if !counts(asked) {
            return Act::Go;
        }
        seen += 1;
        if seen == at + 1 { act } else { Act::Go }
    }
}

/// Plants, and ends the run in the middle of request number `number`. False where it was over before.
async fn interrupted(stage: &Stage, number: usize, act: Act) -> bool {
    stage.fake.rule(at(number, act, |_| true));
    let stopped = tokio::select! {
        planted = stage.plant() => { planted.unwrap(); false }
        () = stage.fake.hanging() => true,
    };
    stage.fake.rule(|_| Act::Go);
    stopped
}

#[tokio::test]
async fn no_permission_for_one_of_the_objects_leaves_nothing_behind() {
    let stage = Stage::new().await;
    for number in 0..6 {
        for dry in [true, false] {
            stage.clear();
            stage.fake.rule(at(number, Act::Forbid, move |asked| asked.method == "POST" && asked.dry == dry));
            let error = stage.plant().await.unwrap_err();
            assert!(matches!(error.cause(), BaitError::Hand(HandError::Forbidden { .. })), "{error}");
            assert_eq!(matches!(error, BaitError::TakenBack { .. }), number > 0, "{error}");
            assert!(stage.fake.objects().is_empty(), "{number}");
            assert!(stage.listed().is_empty(), "{number}");
        }
    }
}

#[tokio::test]
async fn a_missing_namespace_is_named() {
    let stage = Stage::new().await;
    stage.fake.state().namespaces.clear();
    let said = stage.plant().await.unwrap_err().to_string();
    assert!(said.contains("namespaces \"shop\" not found"), "{said}");
    assert!(stage.listed().is_empty());
}

#[tokio::test]
async fn a_secret_that_is_never_filled_says_what_that_means() {
    let stage = Stage { patience: SHORT, ..Stage::new().await };
    stage.fake.state().fills = false;
    let error = stage.plant().await.unwrap_err();
    assert!(matches!(error.cause(), BaitError::NeverFilled { .. }), "{error}");
    let said = error.to_string();
    for part in ["shop/deployer-ci", "token controller", "taken back"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(stage.fake.objects().is_empty());
    assert!(stage.listed().is_empty());
}

#[tokio::test]
async fn a_secret_filled_with_another_accounts_token_is_no_bait() {
    let stage = Stage::new().await;
    let fake = stage.fake.clone();
    let error = stage
        .plant_with(&mut |line| {
            if line.starts_with("waiting") {
                // {"sub":"system:serviceaccount:shop:other"}
                let token =
                    "ZTMwLmV5SnpkV0lpT2lKemVYTjBaVzA2YzJWeWRtbGpaV0ZqWTI5MWJuUTZjMmh2Y0RwdmRHaGxjaUo5Lng=";
                let path = format!("{CORE}/secrets/deployer-ci");
                fake.state().objects.get_mut(&path).unwrap()["data"]["token"] = token.into();
            }
        })
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("is not of system:serviceaccount:shop:deployer"), "{error}");
    assert!(stage.fake.objects().is_empty());
}

#[tokio::test]
async fn what_somebody_deletes_or_replaces_meanwhile_is_noticed_and_theirs_is_kept() {
    for (path, replaced) in [
        ("serviceaccounts/deployer", false),
        ("secrets/deployer-ci", true),
        ("secrets/deployer-laptop", false),
        ("configmaps/deploy-config", true),
    ] {
        let (stage, path) = (Stage::new().await, format!("{CORE}/{path}"));
        let fake = stage.fake.clone();
        let theirs = json!({"kind": "X", "metadata": {"name": path.rsplit('/').next().unwrap()}});
        let mut meddle = |line: &str| {
            if line == "made Role shop/deployer" {
                fake.state().objects.remove(&path).unwrap();
                if replaced {
                    fake.put(&path, theirs.clone());
                }
            }
        };
        let said = stage.plant_with(&mut meddle).await.unwrap_err().to_string();
        assert!(said.contains("by somebody else") && said.contains("taken back"), "{said}");
        let left: Vec<String> = stage.fake.objects().into_keys().collect();
        assert_eq!(left, if replaced { vec![path] } else { Vec::new() });
        assert!(stage.listed().is_empty());
    }
}

#[tokio::test]
async fn a_second_run_at_once_is_refused_and_changes_nothing() {
    let stage = Stage::new().await;
    let first = stage.open();
    let second = InventoryFile::open(&stage.path(), "prod");
    assert!(matches!(second, Err(BaitError::Busy { holder: Some(_), .. })));
    assert!(stage.fake.state().asked.is_empty());
    drop(first);
    stage.plant().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_is_cut_makes_nothing_twice_and_loses_nothing() {
    let stage = Stage::new().await;
    for number in 0..6 {
        for act in [Act::CutBefore, Act::CutAfter] {
            stage.clear();
            stage.fake.rule(at(number, act, Asked::makes));
            let planted = stage.plant().await.unwrap();
            let there = stage.fake.objects();
            assert_eq!(there.len(), 6);
            for object in &planted.decoy.objects {
                assert!(there.values().any(|uid| Some(uid) == object.uid.as_ref()), "{object:?}");
            }
            assert_eq!(stage.made(), if act == Act::CutAfter { 6 } else { 7 });
        }
    }
}

#[tokio::test]
async fn a_cut_connection_does_not_make_anothers_object_ours() {
    let stage = Stage::new().await;
    stage.fake.rule(at(3, Act::CutAndTaken, Asked::makes));
    let error = stage.plant().await.unwrap_err();
    assert!(matches!(error.cause(), BaitError::Hand(HandError::Exists { .. })), "{error}");
    assert_eq!(
        stage.fake.objects().into_keys().collect::<Vec<_>>(),
        [format!("{CORE}/configmaps/deploy-config")]
    );
    assert!(stage.listed().is_empty());
}

#[tokio::test]
async fn an_object_that_may_be_ours_is_never_left_in_silence() {
    let stage = Stage::new().await;
    // Nobody says how it would look, and what is there after the connection broke looks otherwise.
    let mut cut = at(3, Act::CutAndTaken, Asked::makes);
    stage.fake.rule(move |asked| if asked.dry { Act::NoDryRun } else { cut(asked) });
    let error = stage.plant().await.unwrap_err();
    let BaitError::NotUndone { left, .. } = &error else { panic!("{error}") };
    assert!(left.starts_with("ConfigMap shop/deploy-config"), "{left}");
    assert_eq!(stage.listed()[0].state, Some(State::Planting));

    // Somebody took the right to look away while it was not known whether it was made.
    stage.clear();
    let mut made = 0;
    stage.fake.rule(move |asked| {
        made += usize::from(asked.makes());
        match (made, asked.makes()) {
            (4, true) => Act::CutAfter,
            (4, false) if asked.path.contains("configmaps") => Act::Forbid,
            _ => Act::Go,
        }
    });
    let stage = Stage { patience: SHORT, ..stage };
    let error = stage.plant().await.unwrap_err();
    assert!(matches!(error, BaitError::NotUndone { .. }), "{error}");
    stage.fake.rule(|_| Act::Go);
    stage.take_away(Depth::Remove).await.unwrap();
    assert!(stage.fake.objects().is_empty() && stage.listed().is_empty());
}

#[tokio::test]
async fn a_server_that_restarts_halfway_is_waited_for() {
    let stage = Stage::new().await;
    let mut number = 0;
    // Away for a while, and not yet sure of who may what when it is back.
    stage.fake.rule(move |_| {
        number += 1;
        match number {
            9..=14 => Act::CutBefore,
            15..=16 => Act::Forbid,
            _ => Act::Go,
        }
    });
    stage.plant().await.unwrap();
    assert_eq!(stage.fake.objects().len(), 6);
}

#[tokio::test]
async fn a_server_that_stays_away_leaves_an_entry_that_the_next_run_takes_up() {
    let mut stage = Stage { patience: SHORT, ..Stage::new().await };
    let mut made = 0;
    stage.fake.rule(move |asked| {
        made += usize::from(asked.makes());
        if made > 3 { Act::CutBefore } else { Act::Go }
    });
    let error = stage.plant().await.unwrap_err();
    let BaitError::NotUndone { left, .. } = &error else { panic!("{error}") };
    assert!(left.contains("Secret shop/deployer-ci") && left.contains("ConfigMap"), "{left}");
    assert_eq!(stage.listed()[0].state, Some(State::Planting));
    assert_eq!(stage.fake.objects().len(), 3);

    stage.patience = LONG;
    stage.fake.rule(|_| Act::Go);
    let planted = stage.plant().await.unwrap();
    assert_eq!(stage.fake.objects().len(), 6);
    assert_eq!(stage.listed(), [planted.decoy]);
}

#[tokio::test]
async fn a_run_interrupted_anywhere_is_taken_up_by_the_next() {
    let stage = Stage::new().await;
    for act in [Act::HangBefore, Act::HangAfter] {
        for number in 0.. {
            stage.clear();
            let stopped = interrupted(&stage, number, act).await;
            if !stopped {
                assert!(number > 12, "{number}");
                break;
            }
            assert_eq!(stage.listed()[0].state, Some(State::Planting));
            let planted = stage.plant().await.unwrap();
            let there = stage.fake.objects();
            assert_eq!(there.len(), 6, "{act:?} {number}");
            for object in &planted.decoy.objects {
                assert!(there.values().any(|uid| Some(uid) == object.uid.as_ref()), "{object:?}");
            }
            assert_eq!(stage.listed(), [planted.decoy]);
        }
    }
}

#[tokio::test]
async fn a_run_interrupted_anywhere_is_taken_away_by_removing() {
    let stage = Stage::new().await;
    for act in [Act::HangBefore, Act::HangAfter] {
        for number in 0.. {
            stage.clear();
            if !interrupted(&stage, number, act).await {
                break;
            }
            stage.take_away(Depth::Remove).await.unwrap();
            assert!(stage.fake.objects().is_empty(), "{act:?} {number}");
            assert!(stage.listed().is_empty());
        }
    }
}

#[tokio::test]
async fn what_another_made_under_the_name_of_an_interrupted_object_is_left_alone() {
    let stage = Stage::new().await;
    stage.fake.rule(at(3, Act::HangBefore, Asked::makes));
    tokio::select! {
        _ = stage.plant() => unreachable!(),
        () = stage.fake.hanging() => {}
    }
    stage.fake.rule(|_| Act::Go);
    let path = format!("{CORE}/configmaps/deploy-config");
    stage.fake.put(&path, json!({"kind": "ConfigMap", "metadata": {"name": "deploy-config"}}));

    let error = stage.plant().await.unwrap_err();
    let BaitError::NotUndone { left, .. } = &error else { panic!("{error}") };
    assert!(left.contains("ConfigMap shop/deploy-config"), "{left}");
    let done = stage.take_away(Depth::Remove).await.unwrap();
    assert!(done.left[0].starts_with("ConfigMap shop/deploy-config was left alone"), "{done:?}");
    assert!(!done.whole, "nobody knows whose it is");
    assert_eq!(stage.fake.objects().into_keys().collect::<Vec<_>>(), [path]);
    assert!(stage.listed().is_empty());
}

#[tokio::test]
async fn an_inventory_that_cannot_be_written_keeps_anything_from_being_made() {
    let stage = Stage::new().await;
    let mut file = stage.open();
    fs::create_dir(stage.folder.path().join(format!("decoys.yaml.{}.new", std::process::id()))).unwrap();
    let error = stage.planting(&mut |_| {}).plant(&mut file).await.unwrap_err();
    assert!(matches!(error, BaitError::File { .. }), "{error}");
    assert_eq!(stage.made(), 0);
}

#[tokio::test]
async fn an_inventory_that_cannot_be_written_any_more_takes_all_back() {
    let stage = Stage::new().await;
    let draft = stage.folder.path().join(format!("decoys.yaml.{}.new", std::process::id()));
    let mut close = |line: &str| {
        if line.starts_with("made ConfigMap") {
            fs::create_dir(&draft).unwrap();
        }
    };
    let error = stage.plant_with(&mut close).await.unwrap_err();
    let BaitError::NotUndone { left, .. } = &error else { panic!("{error}") };
    assert!(left.starts_with("its entry in the inventory"), "{left}");
    assert!(stage.fake.objects().is_empty());

    fs::remove_dir(&draft).unwrap();
    stage.plant().await.unwrap();
}
