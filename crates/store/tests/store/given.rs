//! What the tests put into the store.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sundew_detect::{Actor, Change, Incident, Severity};
use sundew_store::{Commit, Owed, Position, StoredIncident};

/// `seconds` after a fixed moment.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + seconds).unwrap()
}

pub(crate) fn incident(id: &str, revision: u32) -> Incident {
    Incident {
        id: id.into(),
        revision,
        cluster: "prod".into(),
        severity: Severity::Critical,
        title: "The token of decoy kube-system/tiller was used".into(),
        actor: Actor { user: Some("system:serviceaccount:kube-system:tiller".into()), ..Actor::default() },
        clients: vec!["curl/8.5.0".into()],
        tool: Some("curl".into()),
        first_seen: at(0),
        last_seen: at(i64::from(revision)),
        decoys: Vec::new(),
        steps: Vec::new(),
        findings: u64::from(revision),
        rules: BTreeMap::from([("tripwire.token_used".into(), u64::from(revision))]),
        attack: vec!["T1528".into()],
        notes: Vec::new(),
        could: Vec::new(),
        peer: None,
        next: Vec::new(),
        drill: false,
    }
}

pub(crate) fn owed(sink: &str, id: &str, revision: u32, due: i64) -> Owed {
    Owed {
        sink: sink.into(),
        incident_id: id.into(),
        revision,
        severity: Severity::Critical,
        change: if revision == 1 { Change::Opened } else { Change::Updated },
        due: at(due),
        incident: incident(id, revision),
    }
}

pub(crate) fn owing(outbox: Vec<Owed>) -> Commit {
    Commit { outbox, ..Commit::default() }
}

pub(crate) fn position(n: u64) -> Position {
    Position { cluster: "prod".into(), source: "log".into(), at: serde_json::json!({ "offset": n }) }
}

pub(crate) fn stored(id: &str, revision: u32, closed: bool) -> StoredIncident {
    StoredIncident {
        incident: incident(id, revision),
        state: serde_json::json!({ "seen": revision }),
        closed,
    }
}

/// Position, incident and message `n`, as one step of a sensor makes them.
pub(crate) fn step(n: u64) -> Commit {
    let id = format!("incident-{n:06}");
    Commit {
        positions: vec![position(n)],
        incidents: vec![stored(&id, 1, false)],
        outbox: vec![owed("slack", &id, 1, 0)],
        counters: vec![("events".into(), 1)],
        ..Commit::default()
    }
}
