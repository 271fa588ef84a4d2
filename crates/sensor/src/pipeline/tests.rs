//! What depends on the order in which the pipeline takes its inputs.

use std::time::Duration;

use jiff::SignedDuration;
use sundew_decoy::{Decoy, Inventory};
use sundew_store::Store;

use super::*;
use crate::clock::SystemClock;

fn office() -> Office {
    Office {
        ledger: Ledger::new(Store::in_memory().unwrap()),
        clock: Arc::new(SystemClock),
        counters: Arc::default(),
        give_up_after: SignedDuration::from_hours(1),
        backoff: Default::default(),
        farewell: Duration::from_secs(1),
    }
}

/// Lets a pipeline with one sink take `inputs` at one go.
fn run(office: &Office, inputs: Vec<Input>) {
    let decoy = Decoy::from_argument("honeypot/backup-sa").unwrap();
    let inventory = Inventory::of("default", vec![decoy], vec![]).unwrap();
    let sinks = vec![SinkWants { name: "sink".into(), least: Severity::Info }];
    let tripwire = Arc::new(Tripwire::new(&inventory, Vec::new()));
    let pipeline = Pipeline::new(tripwire, Incidents::new(Grouping::default()), sinks, office, Vec::new());
    let (send, receive) = mpsc::channel(32);
    for input in inputs {
        assert!(send.try_send(input).is_ok());
    }
    drop(send);
    pipeline.run(receive);
}

fn batch(text: &str) -> Batch {
    let origin = Arc::new(Origin { cluster: "default".into(), source: "log".into() });
    Batch::new(&origin, Payload::Lines(text.as_bytes().to_vec()))
}

fn theft(time: Timestamp) -> String {
    let user = "system:serviceaccount:honeypot:backup-sa";
    let event = serde_json::json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "stage": "ResponseComplete",
        "auditID": "00000000-0000-4000-8000-000000000000", "requestURI": "/version", "verb": "get",
        "user": {"username": user}, "sourceIPs": ["10.0.0.1"],
        "requestReceivedTimestamp": time, "stageTimestamp": time,
    });
    format!("{event}\n")
}

#[test]
fn an_old_event_is_told_of_though_its_incident_is_closed_at_once() {
    let office = office();
    let yesterday = Timestamp::now().checked_sub(SignedDuration::from_hours(24)).unwrap();
    run(&office, vec![Input::Batch(batch(&theft(yesterday))), Input::Tick]);
    let due = office.ledger.lock().due("sink", Timestamp::MAX, 10).unwrap();
    assert_eq!(due.len(), 1);
}

#[test]
fn the_first_position_of_a_source_is_written_at_once_and_later_ones_can_wait() {
    let office = office();
    let at = |offset: u64| {
        let mut batch = batch("\n");
        batch.position = Some(serde_json::json!({ "offset": offset }));
        Input::Batch(batch)
    };
    let (send, receive) = mpsc::channel(32);
    let sinks = Vec::new();
    let tripwire = Arc::new(Tripwire::new(&Inventory::of("default", vec![], vec![]).unwrap(), Vec::new()));
    let pipeline = Pipeline::new(tripwire, Incidents::new(Grouping::default()), sinks, &office, Vec::new());
    let thread = std::thread::spawn(move || pipeline.run(receive));
    send.blocking_send(at(7)).unwrap();
    let (done, written) = oneshot::channel();
    let mut second = batch("\n");
    second.done = Some(done);
    // Once the second is through, so is the first.
    send.blocking_send(Input::Batch(second)).unwrap();
    written.blocking_recv().unwrap();
    let position = office.ledger.lock().position("default", "log").unwrap();
    assert_eq!(position, Some(serde_json::json!({ "offset": 7 })));
    drop(send);
    thread.join().unwrap();
}
