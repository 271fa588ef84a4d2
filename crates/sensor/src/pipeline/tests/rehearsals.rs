//! Sundew's own requests, told apart from an intruder's by a nonce that only the store knows.

use serde_json::{Value, json};
use sundew_detect::{DecoyRef, Purpose, Rehearsal, Seen, label_changed};

use super::*;

const NONCE: &str = "3f9c1a7be04d52d8816f0c93ab7e64d1";
const SECRET: &str = "backup-sa-token";
const DECOY: &str = "system:serviceaccount:honeypot:backup-sa";

/// What became of one event.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// It is counted as planting.
    Nothing,
    /// An alert that says that it is a drill.
    Drill,
    /// An alert.
    Alert,
}

fn at(seconds: i64) -> Timestamp {
    "2026-11-20T22:11:22.676439Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

/// Holds from a minute before the events of these tests until a minute after.
fn rehearsal(purpose: Purpose, nonce: &str) -> Rehearsal {
    Rehearsal {
        nonce: nonce.to_owned(),
        purpose,
        cluster: "default".to_owned(),
        decoy: "honeypot/backup-sa".to_owned(),
        secret: None,
        not_before: at(-60),
        not_after: at(60),
        awaited: None,
        used: 0,
        seen: Seen::default(),
    }
}

/// A request by an administrator's client `agent`, `seconds` after the middle of the rehearsals.
fn request(agent: &str, seconds: i64, verb: &str, [resource, namespace, name]: [&str; 3]) -> Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "stage": "ResponseComplete",
        "auditID": "00000000-0000-4000-8000-000000000000", "requestURI": "/x", "verb": verb,
        "user": {"username": "kubernetes-admin", "groups": ["system:authenticated"]},
        "sourceIPs": ["10.0.0.1"], "userAgent": agent,
        "objectRef": {"resource": resource, "namespace": namespace, "name": name, "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": at(seconds), "stageTimestamp": at(seconds),
    })
}

/// The making of the decoy.
fn planted(nonce: &str, seconds: i64) -> Value {
    let agent = format!("kubectl/v1.36.2 (linux/amd64) {nonce}");
    request(&agent, seconds, "create", ["serviceaccounts", "honeypot", "backup-sa"])
}

/// A use of the token of `user`.
fn used(user: &str, agent: &str, seconds: i64) -> Value {
    let mut event = request(agent, seconds, "list", ["pods", "", ""]);
    event["user"] = json!({"username": user});
    event
}

fn of(events: &[Value]) -> Vec<Input> {
    events.iter().map(|event| Input::Batch(batch(&format!("{event}\n")))).collect()
}

fn said(rehearsal: &Rehearsal, event: &Value) -> Said {
    let office = office();
    assert!(office.ledger.lock().add_rehearsal(rehearsal).unwrap());
    run(&office, of(std::slice::from_ref(event)));
    let store = office.ledger.lock();
    let (incidents, suppressed) = (store.open_incidents().unwrap(), store.suppressions().unwrap());
    let used = store.rehearsals(rehearsal.not_before).unwrap()[0].used;
    match (&incidents[..], &suppressed[..]) {
        ([], [suppressed]) => {
            assert_eq!((suppressed.reason.as_str(), suppressed.count, used), ("planting", 1, 1));
            Said::Nothing
        }
        ([told], []) => {
            assert_eq!(used, u64::from(told.incident.drill));
            if told.incident.drill { Said::Drill } else { Said::Alert }
        }
        other => panic!("{other:#?} of {event}"),
    }
}

#[test]
fn the_planter_s_own_requests_are_counted_and_not_told() {
    let planting = rehearsal(Purpose::Planting, NONCE);
    let mut received = planted(NONCE, 0);
    received["stage"] = json!("RequestReceived");
    received.as_object_mut().unwrap().remove("responseStatus");
    let mut bare = planted(NONCE, 0);
    bare["userAgent"] = json!(NONCE);
    for event in [planted(NONCE, 0), planted(NONCE, 60), planted(NONCE, -60), received, bare] {
        assert_eq!(said(&planting, &event), Said::Nothing, "{event}");
    }
}

#[test]
fn what_was_planted_is_listed_by_who_and_what_and_owed_to_nobody() {
    let office = office();
    office.ledger.lock().add_rehearsal(&rehearsal(Purpose::Planting, NONCE)).unwrap();
    let secret = request(NONCE, 9, "patch", ["secrets", "honeypot", "backup-sa-token"]);
    run(&office, of(&[planted(NONCE, 5), planted(NONCE, 1), secret]));
    let store = office.ledger.lock();
    let listed = store.suppressions().unwrap();
    assert_eq!(listed.len(), 1, "{listed:#?}");
    let Suppressed { reason, decoy, actor, peer, count, first, last, .. } = &listed[0];
    assert_eq!((reason.as_str(), *count, *first, *last), ("planting", 3, at(1), at(9)));
    let named = [decoy, actor, peer].map(|name| name.as_deref().unwrap());
    assert_eq!(named, ["honeypot/backup-sa", "kubernetes-admin", "10.0.0.1"]);
    assert_eq!(store.rehearsals(at(0)).unwrap()[0].used, 3);
    assert!(store.due("sink", Timestamp::MAX, 10).unwrap().is_empty());
    assert!(store.open_incidents().unwrap().is_empty());
}

#[test]
fn planting_inside_a_bait_namespace_is_no_request_into_it() {
    let vault = Rehearsal { decoy: "vault/keeper".to_owned(), ..rehearsal(Purpose::Planting, NONCE) };
    let made = |agent| request(agent, 0, "create", ["configmaps", "vault", "x"]);
    assert_eq!(said(&vault, &made(NONCE)), Said::Nothing);
    assert_eq!(said(&vault, &made("curl/8.5.0")), Said::Alert);
    let elsewhere = request(NONCE, 0, "get", ["secrets", "honeypot", "backup-sa-token"]);
    assert_eq!(said(&vault, &elsewhere), Said::Alert);
}

#[test]
fn a_nonce_that_is_wrong_or_late_or_short_or_of_another_decoy_covers_nothing() {
    let planting = rehearsal(Purpose::Planting, NONCE);
    let mut elsewhere = planted("x", 0);
    elsewhere["auditID"] = json!(NONCE);
    elsewhere["requestURI"] = json!(format!("/x?fieldManager={NONCE}"));
    for event in [
        planted("00000000000000000000000000000000", 0),
        planted(&NONCE.to_uppercase(), 0),
        planted(&NONCE[..31], 0),
        planted(&format!("{NONCE}0"), 0),
        planted("", 0),
        planted(NONCE, 61),
        planted(NONCE, -61),
        elsewhere,
        request(NONCE, 0, "create", ["serviceaccounts", "kube-system", "tiller"]),
    ] {
        assert_eq!(said(&planting, &event), Said::Alert, "{event}");
    }
    for short in ["", "a", &NONCE[..31]] {
        assert_eq!(said(&rehearsal(Purpose::Planting, short), &planted(short, 0)), Said::Alert, "{short}");
    }
}

#[test]
fn planting_never_covers_the_use_of_the_token() {
    assert_eq!(said(&rehearsal(Purpose::Planting, NONCE), &used(DECOY, NONCE, 0)), Said::Alert);
}

#[test]
fn a_drill_is_told_and_marked() {
    let drill = rehearsal(Purpose::Drill, NONCE);
    let agent = format!("sundew/0.1.0 {NONCE}");
    assert_eq!(said(&drill, &used(DECOY, &agent, 0)), Said::Drill);
    assert_eq!(said(&drill, &used(DECOY, &agent, 61)), Said::Alert);
    assert_eq!(said(&drill, &used(DECOY, "sundew/0.1.0", 0)), Said::Alert);
    let other = "system:serviceaccount:kube-system:tiller";
    assert_eq!(said(&drill, &used(other, &agent, 0)), Said::Alert);
}

#[test]
fn a_drill_that_is_announced_while_the_sensor_runs_is_known_as_one() {
    let office = office();
    let inventory = Inventory::read(INVENTORY).unwrap();
    let incidents = Incidents::new(Grouping::default());
    let detectors = Arc::new(Detectors::tripwire(Tripwire::new(&inventory)));
    let pipeline = Pipeline::new(detectors, Watch::default(), incidents, Vec::new(), &office, Vec::new());
    let (send, receive) = mpsc::channel(32);
    let thread = std::thread::spawn(move || pipeline.run(receive));
    let (done, written) = oneshot::channel();
    let mut first = batch(&format!("{}\n", planted("", 0)));
    first.done = Some(done);
    send.blocking_send(Input::Batch(first)).unwrap();
    written.blocking_recv().unwrap();
    office.ledger.lock().add_rehearsal(&rehearsal(Purpose::Drill, NONCE)).unwrap();
    let event = used(DECOY, NONCE, 1);
    send.blocking_send(Input::Batch(batch(&format!("{event}\n")))).unwrap();
    drop(send);
    thread.join().unwrap();
    let incidents = office.ledger.lock().open_incidents().unwrap();
    let drills: Vec<bool> = incidents.iter().map(|stored| stored.incident.drill).collect();
    assert_eq!(drills, [false, true]);
}

/// A drill of the Secret's token, and what can be seen of it: the use, the note of it in the log, the label.
fn parts() -> (Rehearsal, [Input; 3]) {
    let drill = Rehearsal { secret: Some(SECRET.into()), ..rehearsal(Purpose::Drill, NONCE) };
    (drill, [drilled(0), noted(0), label(50)])
}

fn drilled(second: i64) -> Input {
    let mut event = used(DECOY, &format!("curl/8.14.1 {NONCE}"), second);
    event["annotations"] = json!({"authentication.k8s.io/legacy-token-manual-secret": SECRET,
        "authentication.k8s.io/legacy-token": DECOY});
    of(&[event]).swap_remove(0)
}

fn noted(second: i64) -> Input {
    let mut event = request("kube-apiserver", second, "patch", ["secrets", "honeypot", SECRET]);
    event["user"] = json!({"username": "system:apiserver"});
    of(&[event]).swap_remove(0)
}

fn label(second: i64) -> Input {
    let decoy = DecoyRef {
        name: "honeypot/backup-sa".into(),
        placement: Some(SECRET.into()),
        secret: Some(SECRET.into()),
        location: None,
    };
    let seen = second.to_string();
    let finding = label_changed("default", decoy, ["honeypot", SECRET], at(second), &seen);
    let origin = Arc::new(Origin { cluster: "default".into(), source: "api".into() });
    Input::Batch(Batch::new(&origin, Payload::Finding(Box::new(finding))))
}

/// For each incident: whether it is a drill, and of how many findings.
fn told(office: &Office) -> Vec<(bool, u64)> {
    let incidents = office.ledger.lock().open_incidents().unwrap();
    let mut told: Vec<_> = incidents.into_iter().map(|s| (s.incident.drill, s.incident.findings)).collect();
    told.sort_unstable();
    told
}

#[test]
fn all_that_one_drill_shows_is_one_incident_in_any_order_read_at_one_go_or_after_restarts() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for at_one_go in [true, false] {
            let office = office();
            let (drill, parts) = parts();
            office.ledger.lock().add_rehearsal(&drill).unwrap();
            let mut parts = parts.map(Some);
            let inputs = order.map(|part| parts[part].take().unwrap());
            if at_one_go {
                run(&office, inputs.into());
            } else {
                inputs.into_iter().for_each(|input| go_on(&office, vec![input]));
            }
            assert_eq!(told(&office), [(true, 3)], "{order:?} {at_one_go}");
        }
    }
}

#[test]
fn a_nonce_that_was_seen_is_good_for_no_other_request() {
    for at_one_go in [true, false] {
        let office = office();
        let (drill, _) = parts();
        office.ledger.lock().add_rehearsal(&drill).unwrap();
        // The second source brings the same request.
        let inputs = vec![drilled(0), drilled(0), drilled(5)];
        if at_one_go {
            run(&office, inputs);
        } else {
            inputs.into_iter().for_each(|input| go_on(&office, vec![input]));
        }
        assert_eq!(told(&office), [(false, 1), (true, 1)], "{at_one_go}");
        assert_eq!(office.ledger.lock().rehearsals(at(0)).unwrap()[0].used, 2);
    }
}

#[test]
fn without_an_audit_log_a_real_use_right_after_a_drill_is_told_as_real() {
    let office = office();
    let (drill, _) = parts();
    office.ledger.lock().add_rehearsal(&drill).unwrap();
    run(&office, vec![label(0), label(10)]);
    assert_eq!(told(&office), [(false, 1), (true, 1)]);
}

#[test]
fn the_401_of_a_drill_joins_no_intruder_and_anybody_elses_does() {
    let refused = |agent: &str| {
        let mut event = used("", agent, 5);
        event["user"] = json!({});
        event["responseStatus"]["code"] = json!(401);
        event
    };
    for (agent, findings) in [(NONCE, 1), ("curl/8.5.0", 2)] {
        let office = office();
        office.ledger.lock().add_rehearsal(&rehearsal(Purpose::Drill, NONCE)).unwrap();
        run(&office, of(&[used(DECOY, "curl/8.5.0", 1), refused(agent)]));
        assert_eq!(told(&office), [(false, findings)], "{agent}");
    }
}
