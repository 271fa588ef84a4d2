//! What depends on the order in which the pipeline takes its inputs.

use std::time::Duration;

use jiff::SignedDuration;
use sundew_decoy::Inventory;
use sundew_detect::{Grouping, Severity, Tripwire};
use sundew_store::Store;

use super::*;
use crate::{clock::SystemClock, source::file::Notice};

mod heartbeat;
mod rehearsals;

const INVENTORY: &str = "
version: 1
decoys:
- {namespace: honeypot, account: backup-sa, placements: [{secret: backup-sa-token}]}
- {namespace: kube-system, account: tiller}
namespaces: [{name: vault}]
";

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
    work(pipeline(office, INVENTORY, Vec::new()), inputs);
}

/// The same by a sensor that was started anew.
fn go_on(office: &Office, inputs: Vec<Input>) {
    let open = office.ledger.lock().open_incidents().unwrap();
    work(pipeline(office, INVENTORY, open), inputs);
}

fn pipeline(office: &Office, inventory: &str, open: Vec<StoredIncident>) -> Pipeline {
    let sinks = vec![SinkWants { name: "sink".into(), least: Severity::Info }];
    let detectors = Detectors::tripwire(Tripwire::new(&Inventory::read(inventory).unwrap()));
    Pipeline::new(
        Arc::new(detectors),
        Watch::default(),
        Incidents::new(Grouping::default()),
        sinks,
        office,
        open,
    )
}

fn work(pipeline: Pipeline, inputs: Vec<Input>) {
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
    let detectors = Detectors::tripwire(Tripwire::new(&Inventory::of("default", vec![], vec![]).unwrap()));
    let pipeline = Pipeline::new(
        Arc::new(detectors),
        Watch::default(),
        Incidents::new(Grouping::default()),
        sinks,
        &office,
        Vec::new(),
    );
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

#[test]
fn a_log_that_is_gone_is_a_finding_of_a_blind_sensor_and_one_that_never_came_is_none() {
    let office = office();
    let says = |notice: Notice| {
        let mut batch = batch("");
        batch.notices.push(notice);
        Input::Batch(batch)
    };
    let file = std::path::PathBuf::from("/var/log/audit.log");
    run(
        &office,
        vec![says(Notice::Missing { file: file.clone() }), says(Notice::Appeared { file: file.clone() })],
    );
    assert!(office.ledger.lock().open_incidents().unwrap().is_empty());
    run(&office, vec![says(Notice::Gone { file: file.clone() }), says(Notice::Appeared { file })]);
    let incidents = office.ledger.lock().open_incidents().unwrap();
    assert_eq!(incidents.len(), 1);
    let incident = &incidents[0].incident;
    assert_eq!((incident.findings, incident.severity), (1, Severity::High));
    assert!(incident.rules.contains_key("sensor.blind"), "{:?}", incident.rules);
    assert!(incident.title.contains("source `log`: /var/log/audit.log is gone"), "{}", incident.title);
    assert_eq!(office.ledger.lock().due("sink", Timestamp::MAX, 10).unwrap().len(), 1, "somebody is told");
}
