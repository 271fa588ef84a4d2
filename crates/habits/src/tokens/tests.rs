//! A small cluster whose tokens are watched, and what is told of them.

mod clocks;
mod ends;
mod loose;
mod nodes;
mod restart;
mod second;
mod shared;

use std::borrow::Cow;

use jiff::Timestamp;
use sundew_audit::Severity;

use super::{TokenBounds, Tokens};
use crate::{Class, Novelty, Seen};

/// When the tests begin.
const T: i64 = 1_795_212_000;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A pod. Its uid follows from `uid`.
#[derive(Debug, Clone, Copy)]
struct Pod {
    name: &'static str,
    uid: u32,
    node: &'static str,
}

const WEB: Pod = Pod { name: "web-0", uid: 1, node: "worker-1" };

/// The pod number `uid`, on `node`.
fn pod(uid: u32, node: &'static str) -> Pod {
    Pod { name: "pod", uid, node }
}

fn bare(user: &str, class: Class, peer: &str) -> Seen<'static> {
    Seen {
        user: Cow::Owned(user.to_owned()),
        class,
        client: "test/1".into(),
        peer: Cow::Owned(peer.to_owned()),
        verb: "get".into(),
        resource: "configmaps".into(),
        namespace: "shop".into(),
        name: "storefront".into(),
        refused: false,
        code: 200,
        forced: false,
        pod_uid: None,
        pod: None,
        node: None,
        credential: None,
    }
}

fn of_pod(pod: Pod, peer: &str) -> Seen<'static> {
    // Only pods of the same name must not have another uid: "pod" stands for as many names as there are uids.
    let name = if pod.name == "pod" { format!("pod-{}", pod.uid) } else { pod.name.to_owned() };
    Seen {
        pod_uid: Some(Cow::Owned(format!("00000000-0000-4000-8000-{:012x}", pod.uid))),
        pod: Some(Cow::Owned(name)),
        node: Some(pod.node.into()).filter(|node: &Cow<'_, str>| !node.is_empty()),
        credential: Some("JTI=b6ce049d-5030-4000-8000-000000000001".into()),
        ..bare("system:serviceaccount:shop:web", Class::Workload, peer)
    }
}

fn deletes(user: &str, class: Class, name: &str) -> Seen<'static> {
    Seen {
        verb: "delete".into(),
        resource: "pods".into(),
        name: Cow::Owned(name.to_owned()),
        ..bare(user, class, "10.0.0.1")
    }
}

/// A cluster.
struct World {
    tokens: Tokens,
}

impl World {
    fn new() -> Self {
        Self::bounded(TokenBounds::default())
    }

    fn bounded(bounds: TokenBounds) -> Self {
        Self { tokens: Tokens::patient(bounds, 0) }
    }

    fn see(&mut self, seen: &Seen<'_>, second: i64) -> Vec<Novelty> {
        self.tokens.observe("prod", seen, Timestamp::from_second(T + second).unwrap())
    }

    /// The pod's token is used from `peer`: what is told, at most one thing.
    fn used(&mut self, pod: Pod, peer: &str, second: i64) -> Option<Novelty> {
        let mut told = self.see(&of_pod(pod, peer), second);
        assert!(told.len() <= 1, "{told:#?}");
        told.pop()
    }

    /// The pod goes on from `peer`, `count` times from `second` on, one second each. Nothing is told of it.
    fn usual(&mut self, pod: Pod, peer: &str, second: i64, count: i64) {
        for at in second..second + count {
            assert_eq!(self.used(pod, peer, at), None, "{pod:?} at {at}");
        }
    }

    fn kubelet(&mut self, node: &str, peer: &str, second: i64) {
        let user = format!("system:node:{node}");
        assert_eq!(self.see(&bare(&user, Class::Node, peer), second), []);
    }
}

#[track_caller]
fn assert_told(told: Option<Novelty>, rule: &str, severity: Severity) -> Novelty {
    let told = told.expect("something is told");
    assert_eq!((told.rule, told.severity), (rule, severity), "{told:#?}");
    told
}

#[test]
fn a_token_from_its_own_address_is_nothing() {
    let mut world = World::new();
    world.usual(WEB, "10.244.1.5", 0, 1000);
    assert_eq!(world.tokens.forgotten(), 0);
}

#[test]
fn requests_without_a_time_or_an_address_are_nothing() {
    let mut world = World::new();
    world.usual(WEB, "10.244.1.5", 0, 10);
    assert_eq!(world.used(WEB, "", 11), None);
    assert_eq!(world.used(WEB, "unix", 12), None);
    assert_eq!(world.tokens.observe("prod", &of_pod(WEB, "203.0.113.9"), Timestamp::UNIX_EPOCH), []);
}

#[test]
fn clusters_have_nothing_to_do_with_each_other() {
    let mut world = World::new();
    world.usual(WEB, "10.244.1.5", 0, 10);
    let elsewhere = Timestamp::from_second(T + 11).unwrap();
    assert_eq!(world.tokens.observe("staging", &of_pod(WEB, "203.0.113.9"), elsewhere), []);
    assert!(world.used(WEB, "203.0.113.9", 12).is_some());
}

#[test]
fn ten_million_tokens_are_bounded_and_counted() {
    // In small: the bounds are what does it.
    let mut world = World::bounded(TokenBounds { holders: 10, addresses: 20, nodes: 5 });
    for uid in 0..1000_u32 {
        let [a, b] = [uid / 250, uid % 250];
        assert_eq!(world.used(pod(uid, "worker-1"), &format!("10.{a}.{b}.1"), i64::from(uid)), None);
    }
    assert_eq!(world.tokens.holders.places().len(), 10);
    assert_eq!(world.tokens.places.places().len(), 20);
    assert!(world.tokens.names.len() <= 10);
    assert!(world.tokens.forgotten() >= 990 + 980);
}

#[test]
fn one_token_from_many_addresses_is_bounded_counted_and_told_only_so_often() {
    let mut world = World::new();
    world.usual(WEB, "10.244.1.5", 0, 100);
    let told: usize = (0..500)
        .map(|at| {
            let thief = world.used(WEB, &format!("198.51.{}.{}", at / 250, at % 250), 100 + at * 2);
            usize::from(thief.is_some()) + usize::from(world.used(WEB, "10.244.1.5", 101 + at * 2).is_some())
        })
        .sum();
    assert_eq!(told, 4);
    assert_eq!(world.tokens.holders.at(0).uses.len(), super::holder::MOST_USES);
    assert!(world.tokens.forgotten() >= 490);
    assert!(world.tokens.holders.at(0).uses.iter().any(|one| one.address.to_string() == "10.244.1.5"));
}

#[test]
fn a_cluster_can_be_forgotten() {
    let mut world = World::new();
    world.usual(WEB, "10.244.1.5", 0, 10);
    world.tokens.observe("staging", &of_pod(WEB, "10.9.9.9"), Timestamp::from_second(T).unwrap());
    while !world.tokens.take_changed(100).is_empty() {}
    assert_eq!(world.tokens.reset("prod"), 1);
    let dropped = world.tokens.take_changed(100);
    assert!(!dropped.is_empty());
    assert!(dropped.iter().all(|kept| kept.cluster == "prod" && kept.body.is_empty()), "{dropped:?}");
    assert_eq!(world.tokens.reset("nowhere"), 0);
    assert_eq!(world.used(WEB, "203.0.113.9", 11), None, "it is known from nowhere else");
}
