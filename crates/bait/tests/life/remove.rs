//! Retiring, tombstones and removal.

use std::fs;

use jiff::Timestamp;
use serde_json::json;
use sundew_bait::{
    BaitError,
    plant::render_entry,
    remove::{Depth, look_up, take_away, take_found_away},
    standing::standings,
};
use sundew_decoy::{Decoy, State};
use sundew_store::Store;

use crate::{
    fake::Act,
    stage::{CORE, RBAC, Stage},
    trouble::at,
};

const INVALID_SINCE: &str = "kubernetes.io/legacy-token-invalid-since";

async fn planted() -> Stage {
    let stage = Stage::new().await;
    stage.plant().await.unwrap();
    stage.fake.state().asked.clear();
    stage
}

fn names(stage: &Stage) -> Vec<String> {
    stage.fake.objects().into_keys().collect()
}

fn kept() -> [String; 3] {
    ["secrets/deployer-ci", "secrets/deployer-laptop", "serviceaccounts/deployer"]
        .map(|name| format!("{CORE}/{name}"))
}

#[tokio::test]
async fn retiring_takes_placements_and_rights_and_keeps_account_and_secrets() {
    let stage = planted().await;
    for _ in 0..2 {
        let done = stage.take_away(Depth::Retire).await.unwrap();
        assert_eq!(names(&stage), kept());
        let decoy = &stage.listed()[0];
        assert_eq!((decoy.state, decoy.objects.len()), (Some(State::Retired), 3));
        assert_eq!(decoy.placements.len(), 2, "an old copy still has its place");
        assert!(done.left.iter().any(|line| line.contains("~/.kube/config")), "{done:?}");
    }
}

#[tokio::test]
async fn a_tombstone_has_the_servers_day_and_looks_like_kubectl_label() {
    let stage = planted().await;
    for day in ["2099-01-03", "2001-02-03"] {
        stage.take_away(Depth::Tombstone).await.unwrap();
        assert_eq!(names(&stage), kept());
        assert_eq!(stage.listed()[0].state, Some(State::Tombstoned));
        for name in ["deployer-ci", "deployer-laptop"] {
            let mut state = stage.fake.state();
            let secret = state.objects.get_mut(&format!("{CORE}/secrets/{name}")).unwrap();
            assert_eq!(secret["metadata"]["labels"][INVALID_SINCE], day);
            assert_eq!(secret["metadata"]["managedFields"][1]["manager"], "kubectl-label");
            // A tombstone that stands is not written anew.
            secret["metadata"]["labels"][INVALID_SINCE] = "2001-02-03".into();
        }
    }
    stage.take_away(Depth::Retire).await.unwrap();
    assert_eq!(stage.listed()[0].state, Some(State::Tombstoned), "a decoy never goes back");
}

#[tokio::test]
async fn removal_leaves_nothing_in_the_cluster_and_nothing_in_the_inventory() {
    for before in [None, Some(Depth::Retire), Some(Depth::Tombstone)] {
        let stage = planted().await;
        if let Some(depth) = before {
            stage.take_away(depth).await.unwrap();
        }
        let done = stage.take_away(Depth::Remove).await.unwrap();
        assert!(done.whole && names(&stage).is_empty());
        assert!(stage.listed().is_empty());
        assert!(done.done.iter().any(|line| line.contains("401 that names nobody")), "{done:?}");
        assert!(done.left.iter().any(|line| line.contains("`laptop`")), "{done:?}");
        stage.plant().await.unwrap();
    }
}

#[tokio::test]
async fn the_account_goes_last_and_all_requests_show_one_nonce() {
    let stage = planted().await;
    stage.take_away(Depth::Remove).await.unwrap();
    let asked = stage.fake.state().asked.clone();
    let deleted: Vec<_> = asked.iter().filter(|a| a.method == "DELETE").map(|a| a.path.as_str()).collect();
    assert_eq!(deleted.len(), 6);
    assert!(deleted[0].contains("configmaps"), "{deleted:?}");
    assert!(deleted[5].contains("serviceaccounts"), "{deleted:?}");
    assert!(asked.iter().all(|a| a.agent == asked[0].agent && a.agent.starts_with("kubectl/")));
}

#[tokio::test]
async fn what_another_has_made_under_the_same_name_is_left_alone_and_said() {
    let stage = planted().await;
    for path in ["configmaps/deploy-config", "secrets/deployer-ci"] {
        let path = format!("{CORE}/{path}");
        stage.fake.put(&path, json!({"metadata": {"name": path.rsplit('/').next().unwrap()}}));
    }
    let done = stage.take_away(Depth::Tombstone).await.unwrap();
    assert_eq!(done.left.iter().filter(|line| line.contains("left alone")).count(), 2, "{done:?}");
    let done = stage.take_away(Depth::Remove).await.unwrap();
    assert!(done.left.iter().any(|line| line.contains("deployer-ci was left alone")), "{done:?}");
    assert_eq!(
        names(&stage),
        ["configmaps/deploy-config", "secrets/deployer-ci"].map(|p| format!("{CORE}/{p}"))
    );
    assert!(stage.listed().is_empty());
}

#[tokio::test]
async fn what_somebody_deleted_already_is_no_error() {
    let stage = planted().await;
    stage.fake.state().objects.remove(&format!("{RBAC}/roles/deployer")).unwrap();
    stage.fake.state().objects.remove(&format!("{CORE}/secrets/deployer-ci")).unwrap();
    let done = stage.take_away(Depth::Tombstone).await.unwrap();
    assert!(done.left.iter().any(|line| line.contains("deployer-ci is gone")), "{done:?}");
    assert!(!done.whole, "the use of its copy is not told any more");
    stage.take_away(Depth::Remove).await.unwrap();
    assert!(names(&stage).is_empty());
}

#[tokio::test]
async fn each_depth_interrupted_anywhere_is_finished_by_the_next_run() {
    let stage = Stage::new().await;
    for depth in [Depth::Retire, Depth::Tombstone, Depth::Remove] {
        for act in [Act::HangBefore, Act::HangAfter] {
            for number in 0.. {
                stage.clear();
                stage.plant().await.unwrap();
                stage.fake.rule(at(number, act, |_| true));
                let stopped = tokio::select! {
                    done = stage.take_away(depth) => { done.unwrap(); false }
                    () = stage.fake.hanging() => true,
                };
                stage.fake.rule(|_| Act::Go);
                if !stopped {
                    assert!(number > 5, "{number}");
                    break;
                }
                assert_ne!(stage.listed()[0].state, Some(State::Planted));
                stage.take_away(depth).await.unwrap();
                if depth == Depth::Remove {
                    assert!(names(&stage).is_empty() && stage.listed().is_empty(), "{number}");
                } else {
                    assert_eq!(names(&stage), kept(), "{number}");
                }
            }
        }
    }
}

#[tokio::test]
async fn no_permission_stops_removal_and_the_next_run_goes_on() {
    let stage = planted().await;
    stage.fake.rule(|asked| {
        let refused = asked.method == "DELETE" && asked.path.contains("/roles/");
        if refused { Act::Forbid } else { Act::Go }
    });
    let said = stage.take_away(Depth::Remove).await.unwrap_err().to_string();
    assert!(said.contains("may not delete Role shop/deployer"), "{said}");
    assert_eq!(stage.listed()[0].state, Some(State::Removing));
    assert!(kept().iter().all(|name| names(&stage).contains(name)));
    for depth in [Depth::Retire, Depth::Tombstone] {
        assert!(stage.take_away(depth).await.unwrap_err().to_string().contains("being removed"));
    }
    assert!(stage.plant().await.unwrap_err().to_string().contains("removing"));

    stage.fake.rule(|_| Act::Go);
    stage.take_away(Depth::Remove).await.unwrap();
    assert!(names(&stage).is_empty() && stage.listed().is_empty());
}

#[tokio::test]
async fn a_decoy_is_not_forgotten_while_a_finalizer_keeps_something_of_it() {
    let stage = planted().await;
    let path = format!("{CORE}/configmaps/deploy-config");
    let finalizers = json!(["example.org/slow"]);
    stage.fake.state().objects.get_mut(&path).unwrap()["metadata"]["finalizers"] = finalizers;
    let done = stage.take_away(Depth::Remove).await.unwrap();
    assert!(done.left.iter().any(|line| line.contains("example.org/slow")), "{done:?}");
    assert!(!done.whole);
    assert!(!done.done.iter().any(|line| line.contains("401")), "{done:?}");
    let decoy = &stage.listed()[0];
    assert_eq!((decoy.state, decoy.objects.len()), (Some(State::Removing), 1));

    stage.fake.state().objects.remove(&path);
    assert!(stage.take_away(Depth::Remove).await.unwrap().whole);
    assert!(stage.listed().is_empty());
}

#[tokio::test]
async fn a_decoy_that_was_never_fully_planted_is_not_retired() {
    let stage = Stage::new().await;
    let decoy = Decoy { state: Some(State::Planting), ..stage.plan.decoy.clone() };
    stage.open().put(decoy).unwrap();
    let error = stage.take_away(Depth::Retire).await.unwrap_err();
    assert!(matches!(&error, BaitError::Wrong(said) if said.contains("never fully planted")), "{error}");
}

/// An account with two Secrets, one of which belongs to another account, listed with names alone.
async fn by_hand() -> Stage {
    let stage = Stage::new().await;
    fs::write(
        stage.path(),
        "version: 1\ncluster: prod\ndecoys:\n- namespace: shop\n  account: deployer\n  placements:\n  \
         - {secret: own, location: /opt/backup, mountedBy: {pod: keeper}}\n  - {secret: foreign}\n",
    )
    .unwrap();
    stage.fake.put(&format!("{CORE}/serviceaccounts/deployer"), json!({"metadata": {"name": "deployer"}}));
    for (name, account) in [("own", "deployer"), ("foreign", "other")] {
        let annotations = json!({"kubernetes.io/service-account.name": account});
        let secret = json!({"kind": "Secret", "metadata": {"name": name, "annotations": annotations}});
        stage.fake.put(&format!("{CORE}/secrets/{name}"), secret);
    }
    stage
}

#[tokio::test]
async fn what_has_the_names_of_a_decoy_made_by_hand_is_found_with_uid_age_and_maker() {
    let stage = by_hand().await;
    let before = (stage.fake.objects(), fs::read_to_string(stage.path()).unwrap());
    let path = format!("{CORE}/secrets/own");
    let managers =
        json!([{"manager": "terraform"}, {"manager": "terraform"}, {"manager": "kube-controller-manager"}]);
    stage.fake.state().objects.get_mut(&path).unwrap()["metadata"]["managedFields"] = managers;
    let found = stage.look_up().await;
    let named: Vec<&str> = found.found.iter().map(|found| found.object.name.as_str()).collect();
    assert_eq!(named, ["deployer", "own"]);
    assert!(found.found.iter().all(|of| of.object.uid.as_ref() == before.0.get(&at_path(&of.object))));
    assert!(found.found[1].made.unwrap().to_string().starts_with("2099-01-03T04:00:"));
    assert_eq!(found.found[1].by, ["terraform", "kube-controller-manager"]);
    assert!(found.left[0].contains("Secret shop/foreign was left alone: it is no token"), "{found:?}");
    assert!(found.touches(Depth::Remove) && found.touches(Depth::Tombstone) && !found.touches(Depth::Retire));
    assert_eq!((stage.fake.objects(), fs::read_to_string(stage.path()).unwrap()), before);
}

fn at_path(object: &sundew_decoy::Object) -> String {
    format!("{CORE}/{}s/{}", object.kind.to_lowercase(), object.name)
}

#[tokio::test]
async fn a_decoy_that_is_known_by_names_alone_is_not_taken_away_as_if_it_were_known() {
    for depth in [Depth::Retire, Depth::Tombstone, Depth::Remove] {
        let stage = by_hand().await;
        let before = (stage.fake.objects(), fs::read_to_string(stage.path()).unwrap());
        let error = stage.take_away(depth).await.unwrap_err();
        assert!(matches!(&error, BaitError::Wrong(said) if said.contains("--by-name")), "{error}");
        assert_eq!((stage.fake.objects(), fs::read_to_string(stage.path()).unwrap()), before);
    }
}

#[tokio::test]
async fn a_state_that_somebody_wrote_in_makes_no_names_known() {
    let stage = by_hand().await;
    let text = fs::read_to_string(stage.path()).unwrap();
    for state in ["planted", "retired", "tombstoned"] {
        let claimed = text.replace("account: deployer", &format!("account: deployer\n  state: {state}"));
        fs::write(stage.path(), claimed).unwrap();
        let error = stage.take_away(Depth::Remove).await.unwrap_err();
        assert!(error.to_string().contains("--by-name"), "{error}");
    }
    assert_eq!(stage.listed().len(), 1);
    assert_eq!(names(&stage).len(), 3);
}

#[tokio::test]
async fn what_took_the_name_after_somebody_looked_is_left_alone() {
    let stage = by_hand().await;
    let found = stage.look_up().await;
    let account = format!("{CORE}/serviceaccounts/deployer");
    stage.fake.put(&account, json!({"metadata": {"name": "deployer"}}));
    let mut file = stage.open();
    let done = take_found_away(&stage.connection, &mut file, &found, Depth::Remove, None, &mut |_| {})
        .await
        .unwrap();
    assert!(
        done.left.iter().any(|line| line.contains("ServiceAccount shop/deployer was left alone")),
        "{done:?}"
    );
    assert!(names(&stage).contains(&account));
}

#[tokio::test]
async fn what_was_found_of_a_decoy_made_by_hand_is_removed_and_nothing_of_another_account() {
    let stage = by_hand().await;
    let done = stage.take_found_away(Depth::Remove).await;
    assert_eq!(names(&stage), [format!("{CORE}/secrets/foreign")]);
    assert!(stage.listed().is_empty());
    // A pod that nobody planted is named, and still there.
    assert!(!done.whole);
    let said = [done.done, done.left].concat().join("\n");
    for part in ["Secret shop/own was known by its name", "Secret shop/foreign was left alone", "keeper"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!said.contains("Nothing of shop/deployer is left"), "{said}");
}

#[tokio::test]
async fn the_uids_of_what_was_found_are_written_down_before_anything_is_deleted() {
    let stage = by_hand().await;
    stage.fake.rule(|asked| if asked.method == "DELETE" { Act::Forbid } else { Act::Go });
    let found = stage.look_up().await;
    let mut file = stage.open();
    take_found_away(&stage.connection, &mut file, &found, Depth::Remove, None, &mut |_| {})
        .await
        .unwrap_err();
    drop(file);
    let decoy = &stage.listed()[0];
    assert_eq!(decoy.state, Some(State::Removing));
    let there = stage.fake.objects();
    assert!(decoy.objects.iter().all(|object| object.uid.as_ref() == there.get(&at_path(object))));
    // From now on it is known.
    stage.fake.rule(|_| Act::Go);
    stage.take_away(Depth::Remove).await.unwrap();
    assert_eq!(names(&stage), [format!("{CORE}/secrets/foreign")]);
}

#[tokio::test]
async fn of_a_decoy_made_by_hand_nothing_is_known_that_could_be_retired() {
    let stage = by_hand().await;
    let before = (names(&stage), fs::read_to_string(stage.path()).unwrap());
    let done = stage.take_found_away(Depth::Retire).await;
    assert!(done.left.last().unwrap().contains("made by hand") && !done.whole, "{done:?}");
    assert_eq!((names(&stage), fs::read_to_string(stage.path()).unwrap()), before);
}

#[tokio::test]
async fn a_tombstone_made_of_a_decoy_by_hand_can_be_removed_whole() {
    let stage = by_hand().await;
    stage.take_found_away(Depth::Tombstone).await;
    let own = stage.fake.state().objects[&format!("{CORE}/secrets/own")].clone();
    assert_eq!(own["metadata"]["labels"][INVALID_SINCE], "2099-01-03");
    stage.take_away(Depth::Remove).await.unwrap();
    assert_eq!(names(&stage), [format!("{CORE}/secrets/foreign")]);
}

#[tokio::test]
async fn what_was_applied_by_other_means_is_retired_by_the_names_of_its_entry() {
    let stage = planted().await;
    fs::write(stage.path(), render_entry(&stage.plan).unwrap().replace("cluster: default", "cluster: prod"))
        .unwrap();
    assert!(stage.look_up().await.touches(Depth::Retire));
    assert!(stage.take_found_away(Depth::Retire).await.whole);
    assert_eq!(names(&stage), kept());
    assert!(stage.take_away(Depth::Remove).await.unwrap().whole);
    assert!(names(&stage).is_empty() && stage.listed().is_empty());
}

#[tokio::test]
async fn an_account_with_another_uid_than_the_inventory_says_is_not_removed() {
    let stage = by_hand().await;
    let text = fs::read_to_string(stage.path()).unwrap();
    fs::write(stage.path(), text.replace("account: deployer", "account: deployer\n  uid: earlier")).unwrap();
    let done = stage.take_found_away(Depth::Remove).await;
    assert!(
        done.left.iter().any(|line| line.contains("ServiceAccount shop/deployer was left alone")),
        "{done:?}"
    );
    assert!(names(&stage).contains(&format!("{CORE}/serviceaccounts/deployer")));
}

#[tokio::test]
async fn a_decoy_that_a_search_found_is_removed_though_no_inventory_lists_it() {
    let stage = planted().await;
    fs::remove_file(stage.path()).unwrap();
    let mut lost = stage.plan.decoy.clone();
    lost.objects.clear();
    let found = look_up(&stage.connection, "prod", &lost, None).await.unwrap();
    let mut file = stage.open();
    take_found_away(&stage.connection, &mut file, &found, Depth::Remove, None, &mut |_| {}).await.unwrap();
    assert!(kept().iter().all(|name| !names(&stage).contains(name)));
    assert!(file.inventory().decoys.is_empty());
}

#[tokio::test]
async fn what_is_announced_for_a_step_is_withdrawn_when_the_step_is_over() {
    let stage = Stage::new().await;
    let path = stage.store();
    let (connection, store) = (&stage.connection, Some(path.as_path()));
    // The fake's clock is a lifetime ahead of this machine's, and announcements end by the later of the two.
    let end: Timestamp = "2099-01-03T04:10:00Z".parse().unwrap();
    let announced = || Store::open_reading(&path).unwrap().rehearsals(Timestamp::now()).unwrap();
    let mut quiet = |_: &str| {};
    let mut planting = stage.planting(&mut quiet);
    planting.store = store;
    planting.try_out().await.unwrap();
    planting.plant(&mut stage.open()).await.unwrap();
    standings(Some(connection), stage.open().inventory(), "prod", store).await.unwrap();
    look_up(connection, "prod", &stage.plan.decoy, store).await.unwrap();
    // On an error too.
    stage.fake.rule(|asked| if asked.method == "DELETE" { Act::Forbid } else { Act::Go });
    let decoy = &stage.plan.decoy;
    take_away(connection, &mut stage.open(), decoy, Depth::Remove, store, &mut |_| {}).await.unwrap_err();
    let all = announced();
    assert_eq!(all.len(), 5, "{all:?}");
    let long: Vec<_> = all.iter().filter(|one| one.not_after > end).collect();
    assert!(long.is_empty(), "{long:?}");
}
