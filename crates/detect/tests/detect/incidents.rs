//! Which findings are one incident, and what makes one worse.

use jiff::SignedDuration;
use serde_json::json;
use sundew_detect::{
    Finding, Grouping, Growth, Incident, Incidents, Outcome, Severity,
    incidents::{Open, State},
};

use crate::given::{DECOY, Shape, THIEF, at, note_of_use, read_of_secret, request, use_of_token};

const MINUTE: i64 = 60;

pub(crate) fn incidents() -> Incidents {
    Incidents::new(Grouping::default())
}

/// Adds what is told of an event, and gives the id of its incident.
#[track_caller]
pub(crate) fn add(incidents: &mut Incidents, event: &Shape) -> String {
    incidents.add(&event.finding()).unwrap_or_else(|| panic!("counted before: {}", event.line())).0
}

fn growth(incidents: &mut Incidents, event: &Shape) -> Growth {
    incidents.add(&event.finding()).unwrap().1
}

pub(crate) fn only(incidents: &Incidents) -> &Incident {
    let all: Vec<&Open> = incidents.iter().collect();
    assert_eq!(all.len(), 1, "{all:#?}");
    &all[0].incident
}

pub(crate) fn unauthorized(peer: &str) -> Shape {
    request("list", "/api/v1/pods").object("pods", "", "").set("user", json!({})).code(401).from(peer)
}

pub(crate) fn join(incidents: &mut Incidents, event: &Shape) -> Option<(String, Growth)> {
    let signal = event.judge().remove(0);
    match sundew_detect::Desk::default().decide(signal) {
        Some(Outcome::Unauthorized(finding)) => incidents.join(&finding),
        other => panic!("{other:?}"),
    }
}

/// What a restart leaves: everything through JSON.
pub(crate) fn restarted(before: &Incidents) -> Incidents {
    let stored: Vec<(String, String)> = before
        .iter()
        .map(|open| {
            (serde_json::to_string(&open.incident).unwrap(), serde_json::to_string(&open.state).unwrap())
        })
        .collect();
    let mut after = incidents();
    after.restore(stored.iter().map(|(incident, state)| Open {
        incident: serde_json::from_str(incident).unwrap(),
        state: serde_json::from_str::<State>(state).unwrap(),
    }));
    after
}

#[test]
fn the_same_actor_and_peer_close_in_time_are_one_incident() {
    let mut incidents = incidents();
    let first = add(&mut incidents, &use_of_token("get", "/version"));
    assert_eq!(add(&mut incidents, &use_of_token("list", "/api/v1/pods").at(1)), first);
    assert_eq!(
        add(&mut incidents, &use_of_token("get", "/api").at(15 * MINUTE + 1)),
        first,
        "the window slides"
    );
    let incident = only(&incidents);
    assert_eq!((incident.first_seen, incident.last_seen), (at(0), at(15 * MINUTE + 1)));
    assert_eq!((incident.findings, incident.steps.len()), (3, 3));
    assert_eq!(incident.tool.as_deref(), Some("curl"));
    assert_eq!(incident.rules["tripwire.token_used"], 3);
}

#[test]
fn another_peer_or_actor_or_time_or_cluster_is_another_incident() {
    let mut incidents = incidents();
    let event = || use_of_token("get", "/version");
    let first = add(&mut incidents, &event());
    let peer = add(&mut incidents, &event().from("203.0.113.9").at(1));
    let actor = add(&mut incidents, &read_of_secret().at(1));
    let late = add(&mut incidents, &event().at(15 * MINUTE + 1));
    let cluster = Finding { cluster: "other".into(), ..event().at(2).finding() };
    let cluster = incidents.add(&cluster).unwrap().0;
    let mut ids = vec![first, peer, actor, late, cluster];
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

#[test]
fn a_repeated_batch_is_counted_once() {
    let mut incidents = incidents();
    let batch: Vec<Finding> =
        (0..400).map(|i| use_of_token("get", &format!("/api/{i}")).at(i).finding()).collect();
    for finding in &batch {
        assert!(incidents.add(finding).is_some());
    }
    let before = only(&incidents).clone();
    for finding in batch.iter().rev() {
        assert_eq!(incidents.add(finding), None);
    }
    assert_eq!(only(&incidents), &before);
    // The stages of one request are not repeats of each other.
    assert!(incidents.add(&use_of_token("get", "/api/1").at(1).received().finding()).is_some());
}

#[test]
fn events_out_of_order_belong_to_the_same_incident() {
    let mut incidents = incidents();
    let events = [30, 10, 900, 0, 20].map(|seconds| use_of_token("get", &format!("/{seconds}")).at(seconds));
    let ids = events.map(|event| add(&mut incidents, &event));
    assert!(ids.iter().all(|id| *id == ids[0]));
    let incident = only(&incidents);
    assert_eq!((incident.first_seen, incident.last_seen), (at(0), at(900)));
    let order: Vec<&str> = incident.steps.iter().map(|step| step.request.uri.as_str()).collect();
    assert_eq!(order, ["/0", "/10", "/20", "/30", "/900"]);
}

#[test]
fn a_worse_severity_or_a_new_decoy_or_placement_is_worse() {
    let mut incidents = incidents();
    let secret =
        |namespace: &str, name: &str| request("get", &format!("/{name}")).object("secrets", namespace, name);
    assert_eq!(growth(&mut incidents, &secret("honeypot", "backup-sa-token")), Growth::Opened);
    assert_eq!(growth(&mut incidents, &secret("honeypot", "backup-sa-token").code(403)), Growth::Grew);
    assert_eq!(growth(&mut incidents, &secret("honeypot", "backup-agent-token")), Growth::Worse);
    assert_eq!(growth(&mut incidents, &secret("kube-system", "tiller-token-x7k2p")), Growth::Worse);
    assert_eq!(only(&incidents).severity, Severity::High);
    let token = request("create", "/t").object("serviceaccounts/token", "honeypot", "backup-sa").code(403);
    assert_eq!(growth(&mut incidents, &token), Growth::Worse);
    let incident = only(&incidents);
    assert_eq!(incident.severity, Severity::Critical);
    assert_eq!(incident.title, "A token of decoy honeypot/backup-sa was asked for");
    assert_eq!(incident.decoys.len(), 3);
    assert_eq!(growth(&mut incidents, &token.clone().at(1)), Growth::Grew);
    assert_eq!(growth(&mut incidents, &secret("honeypot", "backup-sa-token").at(2)), Growth::Grew);
    assert_eq!(only(&incidents).severity, Severity::Critical, "what was worse stays");
}

#[test]
fn a_placement_that_becomes_known_replaces_the_decoy_without_one() {
    let mut incidents = incidents();
    add(&mut incidents, &request("get", "/api").by(DECOY));
    assert_eq!(growth(&mut incidents, &use_of_token("get", "/api").at(1)), Growth::Worse);
    assert_eq!(growth(&mut incidents, &request("get", "/api").by(DECOY).at(2)), Growth::Grew);
    let decoys = &only(&incidents).decoys;
    assert_eq!(decoys.len(), 1);
    assert_eq!(decoys[0].placement.as_deref(), Some("backup-sa-token"));
}

#[test]
fn the_api_server_s_note_joins_the_use_after_it() {
    let mut incidents = incidents();
    let first = add(&mut incidents, &use_of_token("get", "/api"));
    assert_eq!(add(&mut incidents, &note_of_use("backup-sa-token").at(1)), first);
    let incident = only(&incidents);
    assert_eq!(incident.actor.user.as_deref(), Some(DECOY));
    assert_eq!(incident.clients, ["curl/8.5.0"]);
    // And not the use of another copy.
    assert_ne!(add(&mut incidents, &note_of_use("backup-agent-token").at(2)), first);
}

#[test]
fn the_use_joins_the_note_before_it_and_says_who_it_was() {
    let mut incidents = incidents();
    let first = add(&mut incidents, &note_of_use("backup-sa-token"));
    assert_eq!(only(&incidents).actor, sundew_detect::Actor::default(), "nobody is known yet");
    // Somebody who reads the Secret later has not therefore used the token.
    let reader = add(&mut incidents, &read_of_secret().at(1));
    assert_ne!(reader, first);
    let (id, growth) = incidents.add(&use_of_token("get", "/api").at(2).finding()).unwrap();
    assert_eq!((id, growth), (first.clone(), Growth::Worse));
    let incident = &incidents.get(&first).unwrap().incident;
    assert_eq!(incident.actor.user.as_deref(), Some(DECOY));
    assert_eq!(incident.title, "The token of decoy honeypot/backup-sa was used");
    // A second intruder with the same copy is an incident of its own.
    assert_ne!(add(&mut incidents, &use_of_token("get", "/api").from("203.0.113.9").at(3)), first);
    // The first goes on.
    assert_eq!(add(&mut incidents, &use_of_token("get", "/api/v1").at(4)), first);
}

#[test]
fn a_note_long_after_the_use_is_an_incident_of_its_own() {
    let mut incidents = incidents();
    let first = add(&mut incidents, &use_of_token("get", "/api"));
    assert_ne!(add(&mut incidents, &note_of_use("backup-sa-token").at(15 * MINUTE + 1)), first);
}

#[test]
fn a_401_joins_the_incident_that_names_its_peer_and_nothing_else() {
    let mut incidents = incidents();
    assert_eq!(join(&mut incidents, &unauthorized("203.0.113.9")), None, "it opens none");
    let first = add(&mut incidents, &use_of_token("get", "/api").from("203.0.113.9"));
    assert_eq!(join(&mut incidents, &unauthorized("203.0.113.9").at(1)), Some((first.clone(), Growth::Grew)));
    assert_eq!(join(&mut incidents, &unauthorized("203.0.113.8").at(1)), None);
    assert_eq!(join(&mut incidents, &unauthorized("203.0.113.9").at(16 * MINUTE + 2)), None);
    assert_eq!(join(&mut incidents, &unauthorized("203.0.113.9").set("sourceIPs", json!([])).at(1)), None);
    let incident = only(&incidents);
    assert_eq!((incident.severity, incident.findings), (Severity::Critical, 2));
    assert_eq!(incident.actor.user.as_deref(), Some(DECOY));
    // The incident of that peer that grew last is the one that a 401 joins.
    let second = add(&mut incidents, &read_of_secret().from("203.0.113.9").at(5));
    assert_eq!(join(&mut incidents, &unauthorized("203.0.113.9").at(6)).unwrap().0, second);
    add(&mut incidents, &use_of_token("get", "/again").from("203.0.113.9").at(7));
    assert_eq!(join(&mut incidents, &unauthorized("203.0.113.9").at(8)).unwrap().0, first);
}

#[test]
fn the_id_follows_from_the_first_event() {
    let events = [use_of_token("get", "/a"), use_of_token("get", "/b").at(1)];
    let id = |order: &[usize]| {
        let mut incidents = incidents();
        order.iter().map(|i| add(&mut incidents, &events[*i])).next().unwrap()
    };
    assert_eq!(id(&[0, 1]), id(&[0, 1]));
    assert_eq!(id(&[0]), id(&[0, 1]));
    assert_ne!(id(&[0]), id(&[1]));
    assert!(id(&[0]).starts_with("inc-") && id(&[0]).len() == 20);
}

#[test]
fn a_restart_forgets_nothing() {
    let mut before = incidents();
    let events: Vec<Shape> = (0..40).map(|i| use_of_token("get", &format!("/{i}")).at(i)).collect();
    let id = add(&mut before, &events[0]);
    events[1..].iter().for_each(|event| _ = add(&mut before, event));
    let reader = add(&mut before, &read_of_secret());
    let started = use_of_token("get", "/exec").at(61);
    add(&mut before, &started.clone().received());

    let mut after = restarted(&before);
    for event in &events {
        assert_eq!(after.add(&event.finding()), None, "the repeated batch is known");
    }
    assert_eq!(add(&mut after, &started), id);
    assert_eq!(add(&mut after, &use_of_token("get", "/new").at(62)), id);
    assert_eq!(add(&mut after, &note_of_use("backup-sa-token").at(63)), id);
    assert_eq!(add(&mut after, &read_of_secret().at(9)), reader);
    let steps = &after.get(&id).unwrap().incident.steps;
    assert_eq!(
        steps.iter().filter(|step| step.request.uri == "/exec").count(),
        1,
        "stages meet over a restart"
    );
}

#[test]
fn after_a_restart_a_401_joins_the_latest_incident_of_its_peer() {
    let mut before = incidents();
    let old = add(&mut before, &read_of_secret());
    let new = add(&mut before, &use_of_token("get", "/api").at(14 * MINUTE));
    assert_ne!(old, new);
    for order in [[&old, &new], [&new, &old]] {
        let mut after = incidents();
        after.restore(order.map(|id| before.get(id).unwrap().clone()));
        let joined = join(&mut after, &unauthorized(crate::given::PEER).at(20 * MINUTE));
        assert_eq!(joined.unwrap().0, new);
    }
}

#[test]
fn silent_incidents_are_closed_once_and_what_comes_after_opens_another() {
    let mut incidents = incidents();
    let first = add(&mut incidents, &use_of_token("get", "/a"));
    let second = add(&mut incidents, &read_of_secret().at(10 * MINUTE));
    assert!(incidents.close(at(15 * MINUTE)).is_empty());
    let closed = incidents.close(at(15 * MINUTE + 1));
    assert_eq!(closed.iter().map(|open| &open.incident.id).collect::<Vec<_>>(), [&first]);
    assert!(incidents.get(&first).is_none() && incidents.get(&second).is_some());
    assert!(incidents.close(at(15 * MINUTE + 2)).is_empty());
    assert_ne!(add(&mut incidents, &use_of_token("get", "/b").at(MINUTE)), first);
}

#[test]
fn an_incident_of_old_events_stays_open_while_it_is_told() {
    // A sensor that catches up reads events that are hours old.
    let mut incidents = incidents();
    let now = at(3 * 60 * MINUTE);
    let id = add(&mut incidents, &use_of_token("get", "/a"));
    incidents.schedule(&id, Growth::Opened, now).unwrap();
    assert!(incidents.close(now).is_empty());
    assert!(incidents.close(now + SignedDuration::from_mins(14)).is_empty());
    assert_eq!(incidents.close(now + SignedDuration::from_mins(16)).len(), 1);
}

#[test]
fn over_the_limit_the_longest_silent_are_closed() {
    let mut incidents = Incidents::new(Grouping { max_open: 3, ..Grouping::default() });
    let peers: Vec<String> = (0..5)
        .map(|i| add(&mut incidents, &use_of_token("get", "/a").from(&format!("203.0.113.{i}")).at(10 - i)))
        .collect();
    let closed: Vec<String> = incidents.close(at(11)).into_iter().map(|open| open.incident.id).collect();
    assert_eq!(closed, [peers[4].clone(), peers[3].clone()]);
    assert_eq!(incidents.iter().count(), 3);
}

#[test]
fn an_alert_names_the_copy_and_what_to_run() {
    let mut incidents = incidents();
    let id = add(&mut incidents, &use_of_token("get", "/a"));
    let (incident, _) = incidents.schedule(&id, Growth::Opened, at(1)).unwrap();
    assert_eq!(incident.revision, 1);
    assert_eq!(incident.attack, ["T1528"]);
    assert!(incident.next.iter().any(|step| step.run.contains("backup-sa-token")), "{:?}", incident.next);
    let reader = add(&mut incidents, &read_of_secret());
    let (incident, _) = incidents.schedule(&reader, Growth::Opened, at(1)).unwrap();
    assert!(incident.next.iter().any(|step| step.run.contains(THIEF)), "{:?}", incident.next);
}

/// User names and groups of those whose rights are in the wrong hands.
fn identities(incident: &Incident) -> Vec<(String, Vec<String>)> {
    incident.identities().into_iter().map(|(user, groups)| (user, groups.to_vec())).collect()
}

#[test]
fn whose_rights_are_in_the_wrong_hands_is_the_actor_with_the_groups_that_the_name_does_not_tell() {
    let mut stolen = incidents();
    add(&mut stolen, &use_of_token("get", "/api"));
    assert_eq!(identities(only(&stolen)), [(DECOY.to_owned(), vec![])], "they follow from the name");
    let mut read = incidents();
    let groups = json!(["oidc:ops", "system:authenticated", "system:masters"]);
    add(&mut read, &read_of_secret().set("user", json!({"username": "alice", "groups": groups})));
    let groups = vec!["oidc:ops".to_owned(), "system:masters".to_owned()];
    assert_eq!(identities(only(&read)), [("alice".to_owned(), groups)]);
}

#[test]
fn an_identity_that_was_put_on_is_named_beside_its_actor_also_when_that_was_not_the_first_request() {
    let as_decoy = |second| {
        let event = request("get", "/api").by("alice").set("impersonatedUser", json!({"username": DECOY}));
        event.at(second)
    };
    let both = [("alice".to_owned(), vec![]), (DECOY.to_owned(), vec![])];
    let mut at_once = incidents();
    add(&mut at_once, &as_decoy(0));
    assert_eq!(identities(only(&at_once)), both);
    let mut later = incidents();
    add(&mut later, &read_of_secret().by("alice"));
    add(&mut later, &as_decoy(1));
    assert_eq!(identities(only(&later)), both);
}

#[test]
fn where_a_server_tells_of_a_decoys_token_the_rights_are_the_decoys() {
    let mut noted = incidents();
    add(&mut noted, &note_of_use("backup-sa-token"));
    assert_eq!(identities(only(&noted)), [(DECOY.to_owned(), vec![])]);
    let mut checked = incidents();
    let asked = json!({"spec": {"user": DECOY, "nonResourceAttributes": {"path": "/", "verb": "get"}}});
    let review = request("create", "/apis/authorization.k8s.io/v1/subjectaccessreviews")
        .object("subjectaccessreviews.authorization.k8s.io", "", "")
        .by("system:node:worker-1")
        .set("requestObject", asked);
    add(&mut checked, &review);
    assert_eq!(identities(only(&checked)), [(DECOY.to_owned(), vec![])]);
}

#[test]
fn what_the_identity_could_do_is_told_with_the_next_message() {
    let mut incidents = incidents();
    let id = add(&mut incidents, &use_of_token("get", "/api"));
    incidents.set_could(&id, |incident| vec![format!("what {} could", incident.decoys[0].name)]);
    incidents.set_could("another", |_| unreachable!("there is none"));
    let (incident, _) = incidents.schedule(&id, Growth::Opened, at(1)).unwrap();
    assert_eq!(incident.could, ["what honeypot/backup-sa could"]);
}
