//! Drills whose alerts do not arrive, each with what to look at next.

use sundew_bait::drill::Use;

use crate::plane::{Hears, INVENTORY, Plane, Wanted};

/// The problem of the only use.
fn problem(uses: &[Use]) -> &str {
    let [used] = uses else { panic!("{uses:?}") };
    used.problem.as_deref().unwrap_or_else(|| panic!("{used:?}"))
}

fn says(uses: &[Use], wanted: &[&str]) {
    let said = problem(uses);
    for want in wanted {
        assert!(said.contains(want), "`{want}` is not in: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_that_does_not_run_is_told_apart_from_one_that_hears_nothing() {
    let plane = Plane::start(Hears::Nothing).await;
    let uses = plane.drill(INVENTORY, Wanted::in_vain()).await.unwrap();
    says(&uses, &["no alert", "nobody wrote to the store", "`sundew watch`", "sundew.db"]);
    assert_eq!((uses[0].status, uses[0].seconds.found), (403, None));
    assert!(uses[0].seconds.answered.is_some() && uses[0].incident.is_none());

    let plane = Plane::start(Hears::SomethingElse).await;
    let uses = plane.drill(INVENTORY, Wanted::in_vain()).await.unwrap();
    says(&uses, &["no alert", "the sensor was at work", "audit policy", "`sundew status`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thief_in_the_same_moment_is_not_taken_for_the_drill() {
    let plane = Plane::start(Hears::AThief).await;
    let uses = plane.drill(INVENTORY, Wanted::in_vain()).await.unwrap();
    says(&uses, &["no alert"]);
    assert_eq!(uses[0].incident, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_was_not_reached_is_named_with_what_it_said() {
    let plane = Plane::start(Hears::OneSinkRefuses).await;
    let uses = plane.drill(INVENTORY, Wanted::in_vain()).await.unwrap();
    says(&uses, &["did not reach pager (it answered 400)", "`sundew status`"]);
    assert!(!problem(&uses).contains("chat"));
    let at: Vec<bool> = uses[0].seconds.delivered.values().map(|at| at.is_some()).collect();
    assert_eq!((uses[0].seconds.found.is_some(), at), (true, vec![true, false]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_does_not_name_the_placement_is_a_problem() {
    let plane = Plane::start(Hears::NoPlacement).await;
    let uses = plane.drill(INVENTORY, Wanted { placements: &["pod"], ..Wanted::all() }).await.unwrap();
    says(&uses, &["does not name the placement"]);
    assert!(!uses[0].named && uses[0].incident.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_server_does_not_know_any_more_is_told_as_such() {
    let plane = Plane::start(Hears::Nothing).await;
    plane.answer(401);
    let uses = plane.drill(INVENTORY, Wanted::in_vain()).await.unwrap();
    says(&uses, &["does not know this token any more (401)", "names nobody", "`sundew status`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_gone_or_empty_is_told_and_the_others_are_drilled() {
    let plane = Plane::start(Hears::Everything).await;
    let inventory = INVENTORY.replace("backup-sa-token", "vanished");
    let uses = plane.drill(&inventory, Wanted { placements: &["pod", "ci"], ..Wanted::all() }).await.unwrap();
    says(&uses[..1], &["Secret storage/vanished is not there any more", "`sundew status`"]);
    assert!(uses[1].problem.is_none() && uses[1].seconds.found.is_some(), "{uses:?}");

    let inventory = INVENTORY.replace("backup-sa-token", "backup-sa-empty");
    let uses = plane.drill(&inventory, Wanted::in_vain()).await.unwrap();
    says(&uses, &["Secret storage/backup-sa-empty holds no token", "no token controller"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decoy_on_its_way_in_or_out_is_not_used() {
    let plane = Plane::start(Hears::Everything).await;
    let inventory = INVENTORY.replace("state: planted", "state: planting");
    let uses = plane.drill(&inventory, Wanted::in_vain()).await.unwrap();
    says(&uses, &["not planted whole", "`sundew plant`", "`sundew remove storage/backup-sa`"]);
    let inventory = INVENTORY.replace("state: planted", "state: removing");
    let uses = plane.drill(&inventory, Wanted::in_vain()).await.unwrap();
    assert!(uses[0].skipped.as_ref().unwrap().contains("being removed"), "{uses:?}");
    assert_eq!(plane.uses(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_inventory_does_not_have_is_an_error_that_names_what_it_has() {
    let plane = Plane::start(Hears::Everything).await;
    let refused = async |inventory: &str, wanted: Wanted<'_>| {
        plane.drill(inventory, wanted).await.unwrap_err().to_string()
    };
    let said = refused(INVENTORY, Wanted { decoys: &["kube-system/tiller"], ..Wanted::all() }).await;
    assert!(
        said.contains("no decoy `kube-system/tiller`") && said.contains("it has storage/backup-sa"),
        "{said}"
    );
    let said = refused(INVENTORY, Wanted { placements: &["fridge"], ..Wanted::all() }).await;
    assert!(said.contains("no placement `fridge`") && said.contains("pod, ci, laptop"), "{said}");
    let said = refused("{version: 1, cluster: demo, decoys: []}", Wanted::all()).await;
    assert!(said.contains("no decoy of cluster `demo`") && said.contains("`sundew plant`"), "{said}");
}
