//! Which steps of an incident people see.

use serde_json::json;
use sundew_detect::{Incidents, Severity, incident::Step};

use crate::{
    given::{Shape, read_of_secret, request, use_of_token},
    incidents::{add, incidents, only, restarted},
};

fn of(events: &[Shape]) -> Incidents {
    let mut incidents = incidents();
    events.iter().for_each(|event| _ = add(&mut incidents, event));
    incidents
}

/// Path, answer and count of each step.
fn told(incidents: &Incidents) -> Vec<(String, Option<u16>, u64)> {
    let said = |step: &Step| (step.request.uri.clone(), step.request.code, step.count);
    only(incidents).steps.iter().map(said).collect()
}

fn step(uri: &str, code: u16, count: u64) -> (String, Option<u16>, u64) {
    (uri.to_owned(), Some(code), count)
}

fn asked(uri: &str) -> Shape {
    use_of_token("get", uri)
}

fn with_id(event: Shape, id: &str) -> Shape {
    event.set("auditID", json!(id))
}

fn started(event: Shape) -> Shape {
    event.set("stage", json!("ResponseStarted"))
}

#[test]
fn the_stages_of_a_request_are_one_step_in_any_order() {
    let event = asked("/watch");
    let stages = [event.clone().received(), started(event.clone()), event];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]] {
        let incidents = of(&order.map(|i| stages[i].clone()));
        assert_eq!(told(&incidents), [step("/watch", 200, 1)], "{order:?}");
        assert_eq!(only(&incidents).findings, 3);
    }
}

#[test]
fn a_request_that_says_more_at_a_later_stage_is_one_step_with_the_worse_rule() {
    // The name of what is created, and its body, are read after the first stage.
    let uri = "/api/v1/namespaces/vault/pods";
    let asked = request("create", uri).object("pods", "vault", "");
    let debug = json!({"spec": {"serviceAccountName": "x"}});
    let done = asked.clone().object("pods", "vault", "evil").body(&debug).code(201);
    let incidents = of(&[asked.received(), done]);
    assert_eq!(told(&incidents), [step(uri, 201, 1)]);
    assert_eq!(only(&incidents).steps[0].request.name, "evil");
}

#[test]
fn the_same_request_again_is_counted() {
    let incidents = of(&[asked("/a"), asked("/a").at(1), asked("/b").at(2), asked("/a").at(3)]);
    assert_eq!(told(&incidents), [step("/a", 200, 3), step("/b", 200, 1)]);
    let refused = of(&[asked("/a"), asked("/a").at(1).code(403)]);
    assert_eq!(told(&refused), [step("/a", 200, 1), step("/a", 403, 1)], "another answer is another step");
}

#[test]
fn the_same_request_again_is_counted_where_all_stages_are_logged() {
    let mut events = Vec::new();
    for i in 0..60 {
        let event = asked("/a").at(i).code(403);
        events.extend([event.clone().received(), event]);
    }
    assert_eq!(told(&of(&events)), [step("/a", 403, 60)]);
}

#[test]
fn requests_that_overlap_keep_their_answers() {
    let (one, two) = (asked("/a").code(403), asked("/a").at(1));
    let stages = [one.clone().received(), two.clone().received(), two, one];
    let mut incidents = of(&stages[..3]);
    assert_eq!(told(&incidents), [("/a".to_owned(), None, 1), step("/a", 200, 1)], "one is still running");
    incidents = of(&stages);
    assert_eq!(told(&incidents), [step("/a", 403, 1), step("/a", 200, 1)]);
    // Also over a restart in the middle.
    incidents = restarted(&of(&stages[..2]));
    stages[2..].iter().for_each(|event| _ = add(&mut incidents, event));
    assert_eq!(told(&incidents), [step("/a", 403, 1), step("/a", 200, 1)]);
}

#[test]
fn the_same_object_in_another_namespace_is_another_step() {
    let read = |namespace: &str, name: &str| request("get", "").object("secrets", namespace, name);
    let incidents =
        of(&[read("honeypot", "backup-sa-token"), read("kube-system", "tiller-token-x7k2p").at(1)]);
    assert_eq!(only(&incidents).steps.len(), 2);
}

#[test]
fn an_audit_id_that_a_client_uses_again_hides_no_step() {
    let id = "d5a9da5a-5840-4bd2-9c73-9bcc5bb01e73";
    let same = |event: Shape| with_id(event, id);
    let incidents = of(&[
        same(asked("/a")),
        same(asked("/b").at(1)),
        same(asked("/a").at(2).code(403)),
        same(asked("/a").at(3)),
        same(read_of_secret().by(crate::given::DECOY).at(4)),
    ]);
    let secret = "/api/v1/namespaces/honeypot/secrets/backup-sa-token";
    let want = [step("/a", 200, 2), step("/b", 200, 1), step("/a", 403, 1), step(secret, 200, 1)];
    assert_eq!(told(&incidents), want);
}

#[test]
fn an_audit_id_used_again_makes_no_later_stage_of_another_request() {
    let first = started(with_id(asked("/a"), "x"));
    let second = with_id(asked("/a").at(1), "x").code(403);
    assert_eq!(told(&of(&[first, second])), [step("/a", 200, 1), step("/a", 403, 1)]);
}

#[test]
fn an_audit_id_used_again_within_a_microsecond_hides_no_step() {
    let same = |event: Shape| with_id(event, "x");
    let granted = [same(asked("/a")), same(asked("/a").code(403)), same(asked("/b"))];
    assert_eq!(told(&of(&granted)), [step("/a", 200, 1), step("/a", 403, 1), step("/b", 200, 1)]);
    // All stages of both.
    let both = [
        same(asked("/a")).received(),
        same(asked("/a")),
        same(asked("/a").code(403)),
        started(same(asked("/b"))),
    ];
    let told = told(&of(&both));
    assert!(told.contains(&step("/a", 200, 1)) && told.contains(&step("/b", 200, 1)), "{told:?}");
    assert!(told.iter().any(|(_, code, _)| *code == Some(403)), "{told:?}");
}

#[test]
fn fifty_refusals_do_not_hide_the_request_that_was_granted() {
    let mut events: Vec<Shape> = (0..80).map(|i| asked(&format!("/{i}")).at(i).code(403)).collect();
    events.push(asked("/granted").at(80));
    let incidents = of(&events);
    let told = told(&incidents);
    assert_eq!(told.len(), 50);
    assert_eq!(told.last().unwrap(), &step("/granted", 200, 1));
    // The first refusals stay: how it began is worth more than its fortieth try.
    assert_eq!(told[48], step("/48", 403, 1));
    assert_eq!(only(&incidents).findings, 81);
    let mut more = incidents;
    for i in 81..140 {
        add(&mut more, &asked(&format!("/{i}")).at(i).code(if i % 2 == 0 { 200 } else { 404 }));
    }
    let steps = &only(&more).steps;
    let granted = steps.iter().filter(|s| s.request.code == Some(200)).count();
    assert_eq!((steps.len(), granted), (50, 30));
    assert!(steps.is_sorted_by_key(|step| step.time));
}

#[test]
fn an_exec_that_was_let_through_counts_as_granted() {
    let exec = request("get", "/exec").object("pods/exec", "honeypot", "file-backup").code(101).at(80);
    let mut events: Vec<Shape> = (0..60)
        .map(|i| {
            request("get", &format!("/{i}")).object("pods/exec", "honeypot", "file-backup").at(i).code(403)
        })
        .collect();
    events.push(exec);
    assert_eq!(told(&of(&events)).last().unwrap(), &step("/exec", 101, 1));
}

#[test]
fn a_request_still_running_is_worth_more_than_one_that_was_refused() {
    let mut events: Vec<Shape> = (0..60).map(|i| asked(&format!("/{i}")).at(i).code(403)).collect();
    let watch = asked("/watch").at(61);
    events.push(watch.clone().received());
    let mut incidents = of(&events);
    assert_eq!(told(&incidents).last().unwrap(), &("/watch".to_owned(), None, 1));
    add(&mut incidents, &watch);
    assert_eq!(told(&incidents).last().unwrap(), &step("/watch", 200, 1));
}

#[test]
fn among_refusals_the_worse_ones_are_kept() {
    let read = |i: i64| {
        let uri = format!("/secret?{i}");
        request("get", &uri).object("secrets", "honeypot", "backup-sa-token").code(403).at(i)
    };
    let mut events: Vec<Shape> = (0..60).map(read).collect();
    events.push(
        request("create", "/token").object("serviceaccounts/token", "honeypot", "backup-sa").code(403).at(61),
    );
    let incidents = of(&events);
    let steps = &only(&incidents).steps;
    assert_eq!(steps.len(), 50);
    assert_eq!(steps[49].severity, Severity::Critical);
    assert_eq!(steps[48].request.uri, "/secret?48");
}

#[test]
fn a_full_list_of_granted_steps_keeps_the_first() {
    let events: Vec<Shape> = (0..70).map(|i| asked(&format!("/{i}")).at(i)).collect();
    let told = told(&of(&events));
    assert_eq!((told.len(), told[0].0.as_str(), told[49].0.as_str()), (50, "/0", "/49"));
}
