//! What a source that is silent, and a use that no event shows, come to over time and restarts.

use std::sync::Mutex;

use sundew_detect::{DecoyRef, label_changed};

use super::*;
use crate::{clock::Clock, intake::Expected};

/// A clock that stands until it is set.
#[derive(Debug, Clone)]
struct Hand(Arc<Mutex<Timestamp>>);

impl Hand {
    fn on(&self, seconds: i64) {
        *self.0.lock().unwrap() += SignedDuration::from_secs(seconds);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

fn at_noon() -> (Hand, Office) {
    let clock = Hand(Arc::new(Mutex::new("2026-11-20T12:00:00Z".parse().unwrap())));
    let office = Office { clock: Arc::new(clock.clone()), ..office() };
    (clock, office)
}

/// A sensor that begins with the sources of the configuration: one that may be silent for ten minutes.
fn started(office: &Office, inventory: &str) -> Pipeline {
    let open = office.ledger.lock().open_incidents().unwrap();
    let mut pipeline = pipeline(office, inventory, open);
    let expected = Expected {
        origin: Origin { cluster: "default".into(), source: "log".into() },
        audit: true,
        silence: Some(SignedDuration::from_mins(10)),
        place: "audit.log".into(),
        advice: "Look at it.",
    };
    take(&mut pipeline, Input::Sources(vec![expected]));
    pipeline
}

/// As the pipeline's own loop does it.
fn take(pipeline: &mut Pipeline, input: Input) {
    assert!(pipeline.take(input).is_none());
    pipeline.write_if_due();
}

/// Lets time pass as a running sensor sees it.
fn pass(pipeline: &mut Pipeline, clock: &Hand, minutes: i64) {
    for _ in 0..minutes * 6 {
        clock.on(10);
        take(pipeline, Input::Tick);
    }
}

fn titles(office: &Office, rule: &str) -> Vec<String> {
    let incidents = office.ledger.lock().recent_incidents(99).unwrap();
    let of_rule = incidents.into_iter().filter(|stored| stored.incident.rules.contains_key(rule));
    of_rule.map(|stored| stored.incident.title).collect()
}

fn silent(office: &Office) -> Vec<String> {
    titles(office, "sensor.silent")
}

#[test]
fn a_source_that_died_is_told_of_however_often_the_sensor_is_started_anew() {
    let (clock, office) = at_noon();
    let mut sensor = started(&office, INVENTORY);
    take(&mut sensor, Input::Batch(batch("{}\n")));
    pass(&mut sensor, &clock, 9);
    for _ in 0..3 {
        assert_eq!(silent(&office), [] as [String; 0]);
        // It breaks, with nothing written at its end.
        sensor = started(&office, INVENTORY);
        pass(&mut sensor, &clock, 3);
    }
    sensor = started(&office, INVENTORY);
    pass(&mut sensor, &clock, 3);
    let told = silent(&office);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("has brought nothing since 2026-11-20 12:00:00 UTC. Look at it."), "{told:?}");
}

#[test]
fn a_source_that_never_brought_anything_is_told_of_though_the_sensor_breaks_again_and_again() {
    let (clock, office) = at_noon();
    for _ in 0..10 {
        assert_eq!(silent(&office), [] as [String; 0]);
        pass(&mut started(&office, INVENTORY), &clock, 1);
    }
    pass(&mut started(&office, INVENTORY), &clock, 1);
    let told = silent(&office);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("since it was started, 2026-11-20 12:00:00 UTC"), "{told:?}");
}

#[test]
fn the_time_while_no_sensor_listened_is_no_silence() {
    let (clock, office) = at_noon();
    let mut sensor = started(&office, INVENTORY);
    take(&mut sensor, Input::Batch(batch("{}\n")));
    drop(sensor);
    clock.on(48 * 3600);
    let mut sensor = started(&office, INVENTORY);
    pass(&mut sensor, &clock, 9);
    assert_eq!(silent(&office), [] as [String; 0]);
    pass(&mut sensor, &clock, 2);
    assert_eq!(silent(&office).len(), 1);
}

#[test]
fn a_source_that_came_back_after_a_restart_is_as_fresh_as_any() {
    let (clock, office) = at_noon();
    let mut sensor = started(&office, INVENTORY);
    pass(&mut sensor, &clock, 9);
    sensor = started(&office, INVENTORY);
    take(&mut sensor, Input::Batch(batch("{}\n")));
    pass(&mut sensor, &clock, 2);
    sensor = started(&office, INVENTORY);
    pass(&mut sensor, &clock, 9);
    assert_eq!(silent(&office), [] as [String; 0]);
}

#[test]
fn a_source_that_is_heard_costs_a_write_a_minute_at_most_and_a_silent_one_none() {
    let (clock, office) = at_noon();
    let mut sensor = started(&office, INVENTORY);
    let heard = |office: &Office| {
        let kept = office.ledger.lock().position("", "heartbeat").unwrap().unwrap();
        kept["default"]["log"]["at"].as_str().map(str::to_owned)
    };
    assert_eq!(heard(&office), None);
    let mut seen = Vec::new();
    for _ in 0..60 {
        clock.on(2);
        take(&mut sensor, Input::Batch(batch("{}\n")));
        take(&mut sensor, Input::Tick);
        sensor.write();
        seen.push(heard(&office).unwrap());
    }
    seen.dedup();
    assert_eq!(seen, ["2026-11-20T12:00:02Z", "2026-11-20T12:01:02Z"]);
}

#[test]
fn the_use_of_a_tombstone_is_no_blind_spot_and_that_of_its_neighbour_is_one() {
    let (clock, office) = at_noon();
    let inventory = "
version: 1
decoys:
- {namespace: honeypot, account: old, state: tombstoned, placements: [{secret: old-token}]}
- {namespace: honeypot, account: new, state: planted, placements: [{secret: new-token}]}
";
    let mut sensor = started(&office, inventory);
    for account in ["old", "new"] {
        let decoy = DecoyRef { name: format!("honeypot/{account}"), ..DecoyRef::default() };
        let secret = format!("{account}-token");
        let finding = label_changed("default", decoy, ["honeypot", &secret], clock.now(), account);
        let origin = Arc::new(Origin { cluster: "default".into(), source: "api".into() });
        take(&mut sensor, Input::Batch(Batch::new(&origin, Payload::Finding(Box::new(finding)))));
    }
    assert_eq!(titles(&office, "tripwire.token_last_used").len(), 2, "each use is told");
    pass(&mut sensor, &clock, 3);
    let told = titles(&office, "sensor.unlogged");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("a use of the token of honeypot/new"), "{told:?}");
}

#[test]
fn a_decoy_that_became_a_tombstone_meanwhile_is_no_blind_spot() {
    let (clock, office) = at_noon();
    let inventory = |state: &str| {
        format!("version: 1\ndecoys: [{{namespace: honeypot, account: old, state: {state}}}]\n")
    };
    let mut sensor = started(&office, &inventory("retired"));
    let decoy = DecoyRef { name: "honeypot/old".into(), ..DecoyRef::default() };
    let finding = label_changed("default", decoy, ["honeypot", "old-token"], clock.now(), "1");
    let origin = Arc::new(Origin { cluster: "default".into(), source: "api".into() });
    take(&mut sensor, Input::Batch(Batch::new(&origin, Payload::Finding(Box::new(finding)))));
    let later = Inventory::read(&inventory("tombstoned")).unwrap();
    take(&mut sensor, Input::Detectors(Arc::new(Detectors::tripwire(Tripwire::new(&later)))));
    pass(&mut sensor, &clock, 3);
    assert_eq!(titles(&office, "sensor.unlogged"), [] as [String; 0]);
}
