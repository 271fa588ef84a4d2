use proptest::prelude::*;

use super::*;
use crate::tokens::Spot;

fn stamp(second: i64) -> Timestamp {
    Timestamp::from_second(T + second).unwrap()
}

#[test]
fn an_event_from_the_future_neither_raises_nor_blinds() {
    let mut world = World::new();
    world.usual(WEB, "10.244.1.5", 0, 10);
    world.usual(WEB, "10.244.1.5", 50 * 365 * DAY, 1);
    world.usual(WEB, "10.244.1.5", 11, 10);
    // Nor does one from another address of the network, as after a restart of the node.
    world.usual(WEB, "10.244.1.9", 60, 10);
    assert!(world.used(WEB, "203.0.113.9", 71).is_some());
}

#[test]
fn a_finding_from_the_future_does_not_silence_those_of_today() {
    let mut world = World::new();
    world.usual(WEB, "10.244.1.5", 0, 10);
    world.usual(WEB, "10.244.1.5", 50 * 365 * DAY, 2);
    assert!(world.used(WEB, "203.0.113.9", 50 * 365 * DAY + 3).is_some());
    world.usual(WEB, "10.244.1.5", 11, 10);
    assert!(world.used(WEB, "203.0.113.9", 22).is_some());
}

#[test]
fn what_is_asked_again_is_counted_at_its_place() {
    let mut world = World::new();
    world.usual(WEB, "10.244.1.5", 0, 1);
    let spot = world.tokens.spot();
    assert!((1..60).all(|second| world.tokens.again(spot, stamp(second))));
    assert!(!world.tokens.again(spot, stamp(61)), "once a minute it is looked at");
    let told = world.used(WEB, "203.0.113.9", 60).unwrap();
    assert!(told.notes[0].starts_with("10.244.1.5: 60 requests"), "{told:?}");
}

#[test]
fn what_is_asked_again_is_looked_at_while_something_is_open() {
    let mut world = World::new();
    world.usual(WEB, "10.244.1.5", 0, 1);
    let own = world.tokens.spot();
    world.usual(WEB, "10.244.1.9", 30, 1);
    assert!(!world.tokens.again(own, stamp(31)), "both could be seen to live");
}

#[test]
fn what_is_asked_again_after_the_pods_end_is_looked_at() {
    let mut world = World::new();
    world.usual(WEB, "10.244.1.5", 0, 20);
    let spot = world.tokens.spot();
    let ended = deletes("system:node:worker-1", Class::Node, "web-0");
    assert_eq!(world.see(&ended, 20), []);
    assert_eq!(world.tokens.spot(), Spot::Look, "so is each end of a pod");
    assert!(!world.tokens.again(spot, stamp(21)));
    assert!(!world.tokens.again(Spot::Look, stamp(21)));
}

#[test]
fn what_was_forgotten_is_not_counted_for_another() {
    let mut world = World::bounded(TokenBounds { holders: 1, addresses: 10, nodes: 10 });
    world.usual(WEB, "10.244.1.5", 0, 1);
    let spot = world.tokens.spot();
    world.usual(pod(2, "worker-1"), "10.244.1.5", 1, 1);
    assert!(!world.tokens.again(spot, stamp(2)));
}

#[test]
fn requests_without_a_token_are_simply_counted() {
    let mut world = World::new();
    world.see(&bare("system:apiserver", Class::Controller, "127.0.0.1"), 0);
    assert_eq!(world.tokens.spot(), Spot::Nothing);
    assert!(world.tokens.again(Spot::Nothing, stamp(1)));
}

/// One request of an ordinary cluster: eight pods on two nodes, dual stack, some seen through their node's address, and
/// a NAT that all take now and then.
fn ordinary() -> impl Strategy<Value = (u32, u8, i64)> {
    (0_u32..8, 0_u8..3, 0_i64..2 * HOUR)
}

proptest! {
    #[test]
    fn ordinary_work_in_any_order_and_repeated_is_never_told(
        requests in prop::collection::vec(ordinary(), 1..300),
        shuffled in any::<bool>(),
    ) {
        let mut world = World::new();
        for round in 0..4 {
            for uid in 100..108 {
                world.usual(pod(uid, "worker-9"), "203.0.113.1", round * 10 + i64::from(uid) - 100, 1);
            }
            world.kubelet("worker-1", "10.0.0.11", round);
            world.kubelet("worker-2", "10.0.0.12", round);
        }
        let mut requests = requests;
        if !shuffled {
            requests.sort_by_key(|(_, _, second)| *second);
        }
        for (uid, way, second) in requests.iter().chain(&requests) {
            let node = uid % 2 + 1;
            let peer = match way {
                0 => format!("10.244.{node}.{uid}"),
                1 => format!("2001:db8:{node}::{uid}"),
                _ if *uid < 4 => format!("10.0.0.1{node}"),
                _ => "203.0.113.1".to_owned(),
            };
            let pod = pod(*uid, ["worker-1", "worker-2"][*uid as usize % 2]);
            prop_assert_eq!(world.used(pod, &peer, *second), None);
        }
    }

    #[test]
    fn no_time_and_no_address_makes_it_stumble(
        requests in prop::collection::vec((0_u32..3, "[0-9a-f.:%]{0,12}|10\\.0\\.0\\.[0-9]", any::<i64>(), 0_u8..4), 1..60),
    ) {
        let mut world = World::bounded(TokenBounds { holders: 2, addresses: 3, nodes: 1 });
        for (uid, peer, second, what) in requests {
            let time = Timestamp::from_second(second % 253_402_207_200).unwrap();
            let seen = match what {
                0 => of_pod(pod(uid, "worker-1"), &peer),
                1 => bare("system:node:worker-1", Class::Node, &peer),
                2 => deletes("system:node:worker-1", Class::Node, &format!("pod-{uid}")),
                _ => Seen { credential: Some("JTI=1".into()), ..bare("bob", Class::Human, &peer) },
            };
            world.tokens.observe("prod", &seen, time);
            let spot = world.tokens.spot();
            world.tokens.again(spot, time);
            world.tokens.take_changed(2);
        }
        prop_assert!(world.tokens.holders.places().len() <= 2);
        prop_assert!(world.tokens.places.places().len() <= 3);
        prop_assert!(world.tokens.nodes.places().len() <= 1);
    }
}
