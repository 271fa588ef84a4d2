//! What stands behind a peer's address, as it is kept in an incident and used in its advice.

use sundew_detect::{Growth, Incident, Peer, PeerPod};

use crate::{
    given::{at, use_of_token},
    incidents::{add, incidents, only},
};

fn pod(name: &str) -> PeerPod {
    PeerPod { namespace: "shop".into(), name: name.into(), node: "worker-1".into(), ..PeerPod::default() }
}

#[test]
fn it_is_told_with_the_next_message_and_names_the_pod_to_look_at() {
    let mut incidents = incidents();
    let id = add(&mut incidents, &use_of_token("get", "/api"));
    incidents.set_peer(&id, |_| Some(Peer { pods: vec![pod("web-1")], ..Peer::default() }));
    let (incident, _) = incidents.schedule(&id, Growth::Opened, at(1)).unwrap();
    assert_eq!(incident.peer.as_ref().unwrap().pods[0].name, "web-1");
    assert!(
        incident.next.iter().any(|n| n.run == "kubectl describe pod -n shop web-1"),
        "{:?}",
        incident.next
    );
    assert!(!incident.next.iter().any(|n| n.run.contains("podIP")), "{:?}", incident.next);
}

#[test]
fn what_is_found_later_is_added_and_what_was_found_stays() {
    let gone = PeerPod { gone: Some(at(9)), ..pod("web-1") };
    let first = Peer { pods: vec![pod("web-1")], ..Peer::default() };
    let both = first.clone().with(Peer { pods: vec![pod("web-2"), gone.clone()], ..Peer::default() });
    assert_eq!(both.pods, [gone, pod("web-2")]);
    let many = Peer { pods: (0..20).map(|n| pod(&format!("job-{n}"))).collect(), ..Peer::default() };
    let full = first.with(many);
    assert_eq!((full.pods.len(), full.more), (8, 13));
}

#[test]
fn an_incident_that_was_stored_without_it_is_read() {
    let mut incidents = incidents();
    add(&mut incidents, &use_of_token("get", "/api"));
    let json = serde_json::to_string(only(&incidents)).unwrap();
    assert!(!json.contains("peer\""), "{json}");
    assert_eq!(&serde_json::from_str::<Incident>(&json).unwrap(), only(&incidents));
}
