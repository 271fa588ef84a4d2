//! A drill is an incident of its own: it hides no intruder, and no intruder delays its alert.

use serde_json::json;
use sundew_detect::{DecoyRef, Finding, Growth, Incidents, label_changed};

use crate::{
    given::{CLUSTER, PEER, Shape, at, note_of_use, use_of_token},
    incidents::{add, incidents, join, only, restarted, unauthorized},
};

const FIRST: &str = "kubectl/v1.36.2 (linux/amd64) kubernetes/3f9c1a7be04d52d8816f0c93ab7e64d1";
const SECOND: &str = "curl/8.14.1 00112233445566778899aabbccddeeff";

/// A use of the token that was announced, by `client`: each client is a drill of its own.
fn drilled(client: &str, second: i64) -> Finding {
    let event = use_of_token("get", "/api").set("userAgent", json!(client)).at(second);
    Finding { drill: true, rehearsal: Some(client.into()), ..event.finding() }
}

/// The label's change, as the cluster source tells of it, in this drill or in none.
fn label(second: i64, drill: Option<&str>) -> Finding {
    let decoy = DecoyRef {
        name: "honeypot/backup-sa".into(),
        placement: Some("backup-sa-token".into()),
        secret: Some("backup-sa-token".into()),
        location: Some("/opt/backup of pod file-backup".into()),
    };
    let seen = format!("version {second}");
    let finding = label_changed(CLUSTER, decoy, ["honeypot", "backup-sa-token"], at(second), &seen);
    Finding { drill: drill.is_some(), rehearsal: drill.map(str::to_owned), ..finding }
}

/// The audit event of the API server's note, in a drill.
fn noted(second: i64, drill: &str) -> Finding {
    let event = note_of_use("backup-sa-token").at(second);
    Finding { drill: true, rehearsal: Some(drill.into()), ..event.finding() }
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
fn the_use_its_note_and_its_label_are_one_incident_of_the_drill_in_any_order_and_after_a_restart() {
    let parts = [drilled(FIRST, 0), noted(0, FIRST), label(120, Some(FIRST))];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut incidents = incidents();
        let (drill, _) = put(&mut incidents, &parts[order[0]]);
        assert_eq!(put(&mut incidents, &parts[order[1]]).0, drill, "{order:?}");
        let mut incidents = restarted(&incidents);
        assert_eq!(put(&mut incidents, &parts[order[2]]).0, drill, "{order:?}");
        let incident = only(&incidents);
        assert!(incident.drill && incident.findings == 3, "{order:?}");
        assert_eq!(incident.actor.user.as_deref(), Some(crate::given::DECOY), "{order:?}");
    }
}

#[test]
fn where_notes_alone_tell_of_drills_each_is_an_incident_of_its_own() {
    let mut incidents = incidents();
    let (first, _) = put(&mut incidents, &label(0, Some(FIRST)));
    let (second, growth) = put(&mut incidents, &label(12, Some(SECOND)));
    assert_ne!(first, second);
    assert_eq!(growth, Growth::Opened);
    assert_eq!(put(&mut incidents, &drilled(SECOND, 11)).0, second);
}

#[test]
fn a_note_of_nobody_s_drill_never_joins_one_however_close() {
    for second in [0, 1, 10, 14, 120] {
        let mut incidents = incidents();
        let (drill, _) = put(&mut incidents, &label(0, Some(FIRST)));
        put(&mut incidents, &drilled(FIRST, 0));
        let (real, growth) = put(&mut incidents, &Finding { stage_time: "x".into(), ..label(second, None) });
        assert_ne!(real, drill, "{second}");
        assert_eq!(growth, Growth::Opened);
        assert!(is_drill(&incidents, &drill) && !is_drill(&incidents, &real));
        // The use itself, when it is logged, joins the note of it.
        assert_eq!(add(&mut incidents, &use_of_token("get", "/api").at(second)), real);
    }
}

#[test]
fn a_note_joins_the_real_use_also_where_a_drill_of_the_same_copy_came_between() {
    let mut incidents = incidents();
    let real = add(&mut incidents, &use_of_token("get", "/api"));
    let (drill, _) = put(&mut incidents, &drilled(FIRST, 1));
    assert_eq!(put(&mut incidents, &label(2, None)).0, real);
    assert_ne!(real, drill);
}

#[test]
fn a_drill_does_not_take_over_what_was_noted_of_somebody_else_before_it() {
    let mut incidents = incidents();
    let real = add(&mut incidents, &note_of_use("backup-sa-token"));
    let (drill, _) = put(&mut incidents, &drilled(FIRST, 1));
    assert_ne!(real, drill);
    assert!(!is_drill(&incidents, &real));
    // Nor does a real use become part of a drill that only the label told of.
    let mut incidents = crate::incidents::incidents();
    let (drill, _) = put(&mut incidents, &label(0, Some(FIRST)));
    assert_ne!(add(&mut incidents, &use_of_token("get", "/api").at(1)), drill);
    assert!(is_drill(&incidents, &drill));
}

#[test]
fn a_drills_note_joins_no_real_incident() {
    let mut incidents = incidents();
    let real = add(&mut incidents, &use_of_token("get", "/api"));
    let (drill, _) = put(&mut incidents, &label(1, Some(FIRST)));
    assert_ne!(real, drill);
    assert_eq!(put(&mut incidents, &drilled(FIRST, 1)).0, drill);
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
    let (id, _) = put(&mut label_first, &label(1, None));
    assert_eq!(only(&label_first).actor, sundew_detect::Actor::default(), "nobody is known yet");
    assert_eq!(add(&mut label_first, &event), id);
    joined(&label_first);
    let mut event_first = incidents();
    let id = add(&mut event_first, &event);
    assert_eq!(put(&mut event_first, &label(1, None)).0, id);
    joined(&event_first);
    // The same version of the Secret told twice is told once, another is news.
    assert_eq!(event_first.add(&label(1, None)), None);
    assert!(event_first.add(&label(2, None)).is_some());
}
