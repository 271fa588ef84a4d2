//! What a report says of an incident's identities.
#![allow(clippy::unwrap_used)]

mod common;

use std::{fs, io::Write};

use serde_json::{Value, json};
use sundew_detect::Incident;
use sundew_sensor::Posture;

use crate::common::scanned;

const DECOY: &str = "system:serviceaccount:honeypot:backup-sa";
const SCANNED: &str = "2026-11-21T08:00:00Z";

fn posture(report: &Value) -> Posture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posture.json");
    fs::write(&path, report.to_string()).unwrap();
    Posture::load(&path).unwrap()
}

fn incident(time: &str, actor: &Value) -> Incident {
    serde_json::from_value(json!({
        "id": "inc-1", "revision": 1, "cluster": "default", "severity": "critical", "title": "", "actor": actor,
        "clients": [], "firstSeen": time, "lastSeen": time, "decoys": [], "steps": [], "findings": 1,
        "rules": {"tripwire.token_used": 1}, "attack": [], "could": [], "next": [],
    }))
    .unwrap()
}

#[test]
fn a_report_far_from_the_incident_says_of_when_it_is() {
    let posture = posture(&scanned(SCANNED, "lists Secrets"));
    let said = |time: &str| posture.could(&incident(time, &json!({"user": DECOY})));
    assert_eq!(said("2026-11-28T07:00:00Z"), ["lists Secrets (cluster)"]);
    let old = ["lists Secrets (cluster)", "as of 2026-11-21, when the cluster was scanned"];
    assert_eq!(said("2026-11-28T09:00:00Z"), old);
    assert_eq!(said("2026-11-01T00:00:00Z"), old, "an old log may be read with a new report");
    let stranger = posture.could(&incident("2027-01-01T00:00:00Z", &json!({"user": "alice"})));
    assert_eq!(stranger, [""; 0], "of whom nothing is known, nothing is said");
}

#[test]
fn an_identity_that_was_put_on_comes_after_that_of_the_actor_who_may_fill_no_more_than_its_lines() {
    let mut report = scanned(SCANNED, "lists Secrets");
    let findings = report["findings"].as_array_mut().unwrap();
    let mut of_alice = findings[0].clone();
    of_alice["object"] = json!({"kind": "User", "name": "alice"});
    for n in 0..9 {
        of_alice["scope"] = json!(format!("namespace web-{n}"));
        findings.push(of_alice.clone());
    }
    let posture = posture(&report);
    let both = incident(SCANNED, &json!({"user": "alice", "impersonated": DECOY}));
    let said = [
        "does everything (namespace web-0)",
        "does everything (namespace web-1)",
        "and more in 7 other places",
        "as honeypot/backup-sa: lists Secrets (cluster)",
    ];
    assert_eq!(posture.could(&both), said);
    let admin =
        incident(SCANNED, &json!({"user": "bob", "groups": ["system:masters"], "impersonated": "carol"}));
    assert_eq!(posture.could(&admin), ["does everything (cluster), through group system:masters"]);
}

#[test]
fn a_report_may_be_compressed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posture.json.gz");
    let file = fs::File::create(&path).unwrap();
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    packed.write_all(scanned(SCANNED, "").to_string().as_bytes()).unwrap();
    packed.finish().unwrap();
    assert_eq!(Posture::load(&path).unwrap().time(), SCANNED.parse().unwrap());
}
