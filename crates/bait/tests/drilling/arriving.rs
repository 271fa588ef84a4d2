//! Drills whose alerts arrive.

use std::time::Duration;

use sundew_bait::{announce::Client, drill::Use};
use sundew_detect::Purpose;
use sundew_store::Store;

use crate::plane::{DECOY, Hears, INVENTORY, Plane, Wanted, incident};

fn arrived(used: &Use) -> bool {
    let delivered = used.seconds.delivered.values().all(|at| at.is_some());
    used.problem.is_none() && used.seconds.answered.is_some() && used.seconds.found.is_some() && delivered
}

#[tokio::test(flavor = "multi_thread")]
async fn each_placement_is_used_once_with_each_client_and_its_alert_is_found_at_every_sink() {
    let plane = Plane::start(Hears::Everything).await;
    let clients = [Client::Kubectl, Client::Curl, Client::Python];
    let uses = plane.drill(INVENTORY, Wanted { clients: &clients, ..Wanted::all() }).await.unwrap();
    let told: Vec<(&str, &str)> = uses.iter().map(|used| (&*used.placement, used.client)).collect();
    let names = ["kubectl", "curl", "python-requests"];
    let want: Vec<(&str, &str)> =
        ["pod", "ci"].iter().flat_map(|placement| names.map(|name| (*placement, name))).collect();
    assert_eq!(told[..6], want);
    for used in &uses[..6] {
        assert!(arrived(used) && used.named, "{used:?}");
        assert_eq!((used.decoy.as_str(), used.status), (DECOY, 403));
        let Use { seconds, .. } = used;
        assert!(seconds.found >= seconds.answered, "{seconds:?}");
        assert_eq!(seconds.delivered.keys().map(|sink| &**sink).collect::<Vec<_>>(), ["chat", "pager"]);
        assert!(seconds.delivered.values().all(|at| *at >= seconds.found), "{seconds:?}");
    }
    // Each use is an incident of its own.
    let mut incidents: Vec<_> = uses[..6].iter().map(|used| used.incident.clone().unwrap()).collect();
    incidents.sort();
    incidents.dedup();
    assert_eq!(incidents.len(), 6);
    let sent = plane.uses();
    assert!(sent.iter().all(|(path, _)| path == "/api/v1/namespaces/storage/pods"), "{sent:?}");
    assert!(sent[0].1.starts_with("kubectl/") && sent[1].1.starts_with("curl/"), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_whose_token_lies_elsewhere_is_skipped_with_a_word() {
    let plane = Plane::start(Hears::Everything).await;
    let uses = plane.drill(INVENTORY, Wanted { placements: &["laptop"], ..Wanted::all() }).await.unwrap();
    let [used] = uses.as_slice() else { panic!("{uses:?}") };
    assert!(used.skipped.as_ref().unwrap().contains("in no Secret") && used.problem.is_none(), "{used:?}");
    assert_eq!((used.status, used.client), (0, ""));
    assert_eq!(plane.uses(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_touch_is_announced_and_no_nonce_is_used_twice() {
    let plane = Plane::start(Hears::Everything).await;
    plane
        .drill(INVENTORY, Wanted { clients: &[Client::Kubectl, Client::Curl], ..Wanted::all() })
        .await
        .unwrap();
    let announced = Store::open_reading(&plane.store()).unwrap().rehearsals(jiff::Timestamp::now()).unwrap();
    assert!(announced.iter().all(|rehearsal| rehearsal.decoy == DECOY));
    let asked = plane.answers.asked.lock().unwrap().clone();
    let shown = |purpose: Purpose, path: &str| {
        let of = announced.iter().filter(|rehearsal| rehearsal.purpose == purpose);
        of.map(|of| {
            asked.iter().filter(|(p, agent, _)| p.contains(path) && agent.contains(&of.nonce)).count()
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(shown(Purpose::Drill, "/pods"), [1, 1, 1, 1]);
    // Both Secrets of the decoy are read under one, and nothing else is.
    assert_eq!(shown(Purpose::Upkeep, "/secrets/"), [2]);
    assert_eq!(shown(Purpose::Upkeep, "/pods"), [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_use_is_announced_for_its_own_copy_and_a_moment_however_patient_the_drill_is() {
    let plane = Plane::start(Hears::Everything).await;
    let wanted = Wanted { placements: &["pod"], patience: Duration::from_secs(600), ..Wanted::all() };
    plane.drill(INVENTORY, wanted).await.unwrap();
    let store = Store::open_reading(&plane.store()).unwrap();
    let at = |seconds| jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    let announced = store.rehearsals(at(0)).unwrap();
    let drill = announced.iter().find(|rehearsal| rehearsal.purpose == Purpose::Drill).unwrap();
    assert_eq!((drill.cluster.as_str(), drill.secret.as_deref()), ("demo", Some("backup-sa-token")));
    assert!(drill.awaited.unwrap() > at(300), "its alert is waited for");
    let later = store.rehearsals(at(160)).unwrap();
    assert_eq!(later, [], "two minutes of skew and half a minute for the use");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_announcement_of_reading_the_secrets_is_withdrawn_before_they_are_used() {
    let plane = Plane::start(Hears::Everything).await;
    plane.drill(INVENTORY, Wanted::all()).await.unwrap();
    let store = Store::open_reading(&plane.store()).unwrap();
    // Well before reading would have had to be over.
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(140);
    let purposes: Vec<_> = store.rehearsals(soon).unwrap().into_iter().map(|r| r.purpose).collect();
    assert!(!purposes.contains(&Purpose::Upkeep), "{purposes:?}");
    let asked = plane.answers.asked.lock().unwrap();
    let last_read = asked.iter().rposition(|(path, _, _)| path.contains("/secrets/")).unwrap();
    let first_use = asked.iter().position(|(path, _, _)| path.contains("/pods")).unwrap();
    assert!(last_read < first_use, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_use_that_only_the_label_tells_of_is_found_by_its_placement() {
    let plane = Plane::start(Hears::TheNote).await;
    // That of another placement is none of it.
    plane.answers.tell(incident("ci-before", "ci", "kubectl"));
    let uses = plane.drill(INVENTORY, Wanted { placements: &["pod"], ..Wanted::all() }).await.unwrap();
    assert!(arrived(&uses[0]) && uses[0].named, "{uses:?}");
    assert_eq!(uses[0].incident.as_deref(), Some("inc-pod-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_shows_the_use_itself_goes_before_the_note_of_it() {
    let plane = Plane::start(Hears::TheNoteFirst).await;
    let uses = plane.drill(INVENTORY, Wanted { placements: &["pod"], ..Wanted::all() }).await.unwrap();
    assert!(arrived(&uses[0]) && uses[0].named, "{uses:?}");
    assert_eq!(uses[0].incident.as_deref(), Some("inc-pod-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_401_that_joins_the_incident_of_an_earlier_drill_is_no_alert_about_this_one() {
    let inventory = INVENTORY.replace("state: planted", "state: tombstoned");
    let plane = Plane::start(Hears::TheNoteAndA401).await;
    plane.answers.tell(incident("before", "pod", "kubectl"));
    plane.answer(401);
    let uses = plane.drill(&inventory, Wanted { placements: &["pod"], ..Wanted::all() }).await.unwrap();
    assert!(arrived(&uses[0]), "{uses:?}");
    assert_eq!(uses[0].incident.as_deref(), Some("inc-pod-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_401_of_a_tombstone_is_as_it_should_be_where_its_note_is_told() {
    let inventory = INVENTORY.replace("state: planted", "state: tombstoned");
    let plane = Plane::start(Hears::TheNote).await;
    plane.answer(401);
    let uses = plane.drill(&inventory, Wanted { placements: &["ci"], ..Wanted::all() }).await.unwrap();
    assert!(arrived(&uses[0]), "{uses:?}");
    assert_eq!(uses[0].status, 401);
}
