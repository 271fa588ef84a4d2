//! A drill is an incident of its own: it hides no intruder, and no intruder delays its alert.

use serde_json::json;
use sundew_detect::{DecoyRef, Finding, Growth, Incidents, label_changed};

use crate::{
    given::{CLUSTER, PEER, Shape, at, note_of_use, use_of_token},
    incidents::{add, incidents, join, only, restarted, unauthorized},
};

const FIRST: &str = "kubectl/v1.36.2 (linux/amd64) kubernetes/3f9c1a7be04d52d8816f0c93ab7e64d1";
const SECOND: &str = "curl/8.14.1 00112233445566778899aabbccddeeff";

/// A use of the token that was announced, by `client`.
fn drilled(client: &str, second: i64) -> Finding {
    let event = use_of_token("get", "/api").set("userAgent", json!(client)).at(second);
    Finding { drill: true, ..event.finding() }
}

/// The label's change, as the cluster source tells of it.
fn label(second: i64, drill: bool) -> Finding {
    let decoy = DecoyRef {
        name: "honeypot/backup-sa".into(),
        placement: Some("backup-sa-token".into()),
        secret: Some("backup-sa-token".into()),
        location: Some("/opt/backup of pod file-backup".into()),
    };
    let seen = format!("version {second}");
    let finding = label_changed(CLUSTER, decoy, ["honeypot", "backup-sa-token"], at(second), &seen);
    Finding { drill, ..finding }
}

fn put(incidents: &mut Incidents, finding: &Finding) -> (String, Growth) {
    incidents.add(finding).unwrap()
}

fn is_drill(incidents: &Incidents, id: &str) -> bool {
    incidents.get(id).unwrap().incident.drill
}

#[test]
fn each_drill_is_an_incident_of_its_own_so_that_its_first_alert_is_sent_at_once() {
    let mut incidents = incidents();
    let (first, opened) = put(&mut incidents, &drilled(FIRST, 0));
    assert_eq!(opened, Growth::Opened);
    let (second, opened) = put(&mut incidents, &drilled(SECOND, 1));
    assert_eq!(opened, Growth::Opened);
    assert_ne!(first, second);
    // What the same drill does next belongs to it.
    assert_eq!(put(&mut incidents, &drilled(FIRST, 2)), (first, Growth::Grew));
    let now = at(3);
    assert_eq!(incidents.schedule(&second, Growth::Opened, now).unwrap().1, now);
}

#[test]
fn a_real_use_never_joins_a_drill_nor_a_drill_a_real_use_though_account_and_peer_are_the_same() {
    let mut incidents = incidents();
    let (drill, _) = put(&mut incidents, &drilled(FIRST, 0));
    let real = add(&mut incidents, &use_of_token("get", "/api").at(1));
    assert_ne!(drill, real);
    // Even one that shows the drill's own client, after the drill is over.
    let copied = use_of_token("get", "/api").set("userAgent", json!(FIRST)).at(2);
    assert_eq!(add(&mut incidents, &copied), real);
    assert_eq!(put(&mut incidents, &drilled(FIRST, 3)).0, drill);
    assert!(is_drill(&incidents, &drill) && !is_drill(&incidents, &real));
    let mut after = restarted(&incidents);
    assert_eq!(put(&mut after, &drilled(FIRST, 4)).0, drill, "as after a restart");
    assert_eq!(add(&mut after, &use_of_token("get", "/api/v1").at(5)), real);
}

#[test]
fn a_401_joins_the_real_incident_of_its_peer_before_a_drill_and_unmarks_neither() {
    let mut incidents = incidents();
    let (drill, _) = put(&mut incidents, &drilled(FIRST, 0));
    assert_eq!(join(&mut incidents, &unauthorized(PEER).at(1)).unwrap().0, drill);
    assert!(is_drill(&incidents, &drill));
    let real = add(&mut incidents, &use_of_token("get", "/api").at(2));
    put(&mut incidents, &drilled(FIRST, 3));
    assert_eq!(join(&mut incidents, &unauthorized(PEER).at(4)).unwrap().0, real);
    assert!(is_drill(&incidents, &drill) && !is_drill(&incidents, &real));
}

#[test]
fn the_note_of_a_drills_own_use_joins_it_in_both_orders() {
    let mut before = incidents();
    let note = add(&mut before, &note_of_use("backup-sa-token"));
    assert!(!only(&before).drill);
    assert_eq!(put(&mut before, &drilled(FIRST, 1)), (note, Growth::Worse));
    assert!(only(&before).drill, "now it is known whose use that was");
    let mut after = incidents();
    let (drill, _) = put(&mut after, &drilled(FIRST, 0));
    assert_eq!(add(&mut after, &note_of_use("backup-sa-token").at(1)), drill);
    assert!(only(&after).drill);
}

#[test]
fn where_notes_alone_tell_of_drills_each_is_an_incident_of_its_own() {
    let mut incidents = incidents();
    let (first, _) = put(&mut incidents, &label(0, true));
    let (second, growth) = put(&mut incidents, &label(12, true));
    assert_ne!(first, second);
    assert_eq!(growth, Growth::Opened);
    assert_eq!(put(&mut incidents, &drilled(SECOND, 11)).0, second);
}

#[test]
fn a_note_long_after_a_drill_is_somebody_else() {
    let mut incidents = incidents();
    let (drill, _) = put(&mut incidents, &label(0, true));
    assert!(is_drill(&incidents, &drill));
    let (real, growth) = put(&mut incidents, &label(120, false));
    assert_ne!(real, drill);
    assert_eq!(growth, Growth::Opened);
    assert!(!is_drill(&incidents, &real));
}

#[test]
fn a_drill_does_not_take_over_what_was_noted_of_somebody_else_before_it() {
    let mut incidents = incidents();
    let real = add(&mut incidents, &note_of_use("backup-sa-token"));
    let (drill, _) = put(&mut incidents, &drilled(FIRST, 300));
    assert_ne!(real, drill);
    assert!(!is_drill(&incidents, &real));
    // Nor does a real use become part of a drill that only the label told of.
    let mut incidents = crate::incidents::incidents();
    let (drill, _) = put(&mut incidents, &label(0, true));
    assert_ne!(add(&mut incidents, &use_of_token("get", "/api").at(1)), drill);
    assert!(is_drill(&incidents, &drill));
}

#[test]
fn a_drills_note_joins_no_real_incident() {
    let mut incidents = incidents();
    let real = add(&mut incidents, &use_of_token("get", "/api"));
    let (drill, _) = put(&mut incidents, &label(60, true));
    assert_ne!(real, drill);
    assert_eq!(put(&mut incidents, &drilled(FIRST, 61)).0, drill);
}

#[test]
fn the_labels_change_and_the_audit_event_of_a_use_are_one_incident_in_both_orders() {
    let joined = |incidents: &Incidents| {
        let incident = only(incidents);
        assert_eq!(incident.actor.user.as_deref(), Some(crate::given::DECOY));
        assert_eq!((incident.findings, incident.decoys.len()), (2, 1));
        assert_eq!(incident.decoys[0].location.as_deref(), Some("/opt/backup of pod file-backup"));
        assert_eq!(incident.clients, ["curl/8.5.0"]);
    };
    let event: Shape = use_of_token("get", "/api").at(0);
    let mut label_first = incidents();
    let (id, _) = put(&mut label_first, &label(1, false));
    assert_eq!(only(&label_first).actor, sundew_detect::Actor::default(), "nobody is known yet");
    assert_eq!(add(&mut label_first, &event), id);
    joined(&label_first);
    let mut event_first = incidents();
    let id = add(&mut event_first, &event);
    assert_eq!(put(&mut event_first, &label(1, false)).0, id);
    joined(&event_first);
    // The same version of the Secret told twice is told once, another is news.
    assert_eq!(event_first.add(&label(1, false)), None);
    assert!(event_first.add(&label(2, false)).is_some());
}
