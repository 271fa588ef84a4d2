//! However much an intruder sends, memory and messages stay bounded.

use jiff::SignedDuration;
use serde_json::json;
use sundew_decoy::{Decoy, Inventory};
use sundew_detect::{Desk, Finding, Grouping, Growth, Incidents, Tripwire};

use crate::{
    given::{CLUSTER, Shape, THIEF, at, read_of_secret, request, told_by, use_of_token},
    incidents::{incidents, only},
};

/// Far more than an incident remembers of anything.
const FLOOD: i64 = 25_000;

/// Many different requests of one intruder, made from one.
fn flood() -> impl Iterator<Item = Finding> {
    let first = use_of_token("get", "/").finding();
    (0..FLOOD).map(move |i| {
        let mut finding = first.clone();
        finding.time = first.time + SignedDuration::from_millis(i);
        finding.stage_time = finding.time.to_string();
        finding.audit_ids = vec![format!("{i:08}")];
        finding.request.uri = format!("/{i}");
        finding.request.code = Some(if i % 7 == 0 { 200 } else { 403 });
        finding.actor.client = Some(format!("curl/{i}"));
        if let Some(decoy) = &mut finding.decoy {
            decoy.name = format!("honeypot/{}", i % 1000);
        }
        finding
    })
}

#[test]
fn a_flood_from_one_intruder_is_one_incident_of_bounded_size() {
    let mut incidents = incidents();
    let mut messages = 0;
    for finding in flood() {
        let (id, growth) = incidents.add(&finding).unwrap();
        messages += u64::from(growth != Growth::Grew);
        assert_eq!(incidents.iter().count(), 1, "{id}");
    }
    let open = incidents.iter().next().unwrap();
    let incident = only(&incidents);
    assert_eq!(incident.findings, FLOOD as u64);
    assert_eq!((incident.steps.len(), incident.clients.len(), incident.decoys.len()), (50, 16, 64));
    assert!(incident.steps.iter().all(|step| step.request.code == Some(200)));
    assert!(messages <= 64, "{messages} messages at once");
    let size = |json: String| json.len();
    assert!(size(serde_json::to_string(incident).unwrap()) < 100_000);
    assert!(size(serde_json::to_string(&open.state).unwrap()) < 100_000);
}

#[test]
fn a_flood_of_actors_leaves_as_many_incidents_open_as_is_allowed() {
    let mut incidents = Incidents::new(Grouping { max_open: 100, ..Grouping::default() });
    let first = use_of_token("get", "/").finding();
    for i in 0..5000_u32 {
        let mut finding = first.clone();
        finding.actor.ip = Some(std::net::Ipv6Addr::from(u128::from(i)).to_string());
        assert_eq!(incidents.add(&finding).unwrap().1, Growth::Opened);
    }
    assert_eq!(incidents.close(at(1)).len(), 4900);
    assert_eq!(incidents.iter().count(), 100);
}

fn taking(pod: &str) -> Shape {
    let body = json!({"spec": {"volumes": [{"name": "v", "secret": {"secretName": "backup-sa-token"}}]}});
    request("create", "/x").object("pods", "honeypot", pod).body(&body).code(201)
}

fn entering(pod: &str) -> Shape {
    request("get", "/x").object("pods/exec", "honeypot", pod).code(101)
}

#[test]
fn of_pods_that_took_a_secret_the_oldest_are_forgotten_first() {
    let mut desk = Desk::default();
    for i in 0..5000 {
        for signal in taking(&format!("p{i}")).judge() {
            desk.decide(signal);
        }
    }
    assert_eq!(told_by(&mut desk, &entering("p0")), None);
    assert!(told_by(&mut desk, &entering("p4999")).is_some());
    assert!(told_by(&mut desk, &entering("p1000")).is_some());
    // What the inventory declares needs no memory.
    assert!(told_by(&mut desk, &entering("file-backup")).is_some());
}

#[test]
fn what_was_suppressed_is_listed_up_to_a_limit_and_counted_beyond_it() {
    let mut desk = Desk::default();
    for i in 0..6000 {
        let event =
            read_of_secret().by("system:node:worker-1").from(&format!("10.{}.{}.1", i / 256, i % 256));
        for signal in event.judge() {
            assert_eq!(desk.decide(signal), None);
        }
    }
    let listed = desk.take_suppressed();
    assert!(listed.len() <= 4097, "{}", listed.len());
    assert_eq!(listed.values().map(|count| count.count).sum::<u64>(), 6000);
}

#[test]
fn names_without_end_are_nobody_s_and_cost_no_more_than_their_length() {
    // A name's every prefix before a hyphen could be a workload's.
    let name = "backup-agent-".repeat(80_000);
    assert_eq!(entering(&name).told(), None);
    let uri = format!("/api/v1/nodes/n/proxy/exec/honeypot/{name}/c");
    assert_eq!(request("get", &uri).object("nodes/proxy", "", "n").told(), None);
    assert_eq!(request("get", "/x").object("secrets", &name, &name).by(&name).told(), None);
    let owner = request("create", "/x").object("pods", "honeypot", "").by("system:kube-controller-manager");
    let body = json!({"metadata": {"generateName": name}, "spec": {"serviceAccountName": "backup-sa"}});
    assert!(owner.body(&body).told().is_some());
}

#[test]
fn a_patch_of_many_deep_paths_is_read_in_no_more_than_its_length() {
    let deep = format!("/spec{}", "/a".repeat(200_000));
    let mut operations: Vec<_> = (0..5).map(|_| json!({"op": "add", "path": deep, "value": 1})).collect();
    operations
        .push(json!({"op": "add", "path": "/spec/template/spec/serviceAccountName", "value": "backup-sa"}));
    let event = request("patch", "/x").object("deployments.apps", "honeypot", "web").body(&json!(operations));
    assert_eq!(event.finding().rule, "tripwire.workload_as_decoy");
    assert_eq!(event.finding().actor.user.as_deref(), Some(THIEF));
}

#[test]
fn garbage_is_searched_for_ten_thousand_decoys_in_one_pass() {
    let decoy = |i| Decoy::from_argument(&format!("n{i}/a:a-token-{i}")).unwrap();
    let inventory = Inventory::of(CLUSTER, (0..10_000).map(decoy).collect(), Vec::new()).unwrap();
    let tripwire = Tripwire::new(&inventory);
    assert_eq!(tripwire.decoys(), 10_000);
    let reject = sundew_audit::Reject::new(sundew_audit::Reason::NotJson, 0, "garbage");
    let mut garbage = "a b c d ".repeat(1 << 15).into_bytes();
    assert_eq!(tripwire.judge_reject(CLUSTER, &reject, &garbage, None, at(0)), None);
    garbage.extend(b"\\\"a-token-9999\\\"");
    let finding = tripwire.judge_reject(CLUSTER, &reject, &garbage, None, at(0)).unwrap();
    assert_eq!(finding.decoy.unwrap().name, "n9999/a");
}
