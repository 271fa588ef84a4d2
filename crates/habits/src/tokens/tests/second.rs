use super::*;

#[test]
fn a_second_address_is_told_at_once_with_both_and_their_pasts() {
    let mut world = World::new();
    world.usual(WEB, "10.244.1.5", 0, 60);
    let told = assert_told(world.used(WEB, "203.0.113.9", 60), "tokens.second_address", Severity::High);
    assert_eq!(told.attack, ["T1550.001"]);
    assert_eq!(
        told.title,
        "The token of pod shop/web-0 is used from two addresses, 10.244.1.5 and 203.0.113.9"
    );
    assert_eq!(
        told.notes[0],
        "10.244.1.5: 60 requests from 2026-11-20 22:00:00 UTC to 2026-11-20 22:00:59 UTC."
    );
    assert_eq!(told.notes[1], "203.0.113.9: 1 request at 2026-11-20 22:01:00 UTC.");
    assert!(told.notes[2].contains("10.244.1.5 has the longer past"), "{}", told.notes[2]);
    assert!(told.notes[3].contains("kubectl get pod -n shop web-0"), "{}", told.notes[3]);
}

#[test]
fn each_address_is_told_once_and_again_after_a_day() {
    let mut world = World::new();
    world.usual(WEB, "10.244.1.5", 0, 60);
    assert!(world.used(WEB, "203.0.113.9", 60).is_some());
    for second in 61..200 {
        assert_eq!(world.used(WEB, ["10.244.1.5", "203.0.113.9"][second as usize % 2], second), None);
    }
    assert!(world.used(WEB, "198.51.100.7", 200).is_some(), "a third address is told too");
    world.usual(WEB, "10.244.1.5", DAY, 10);
    assert!(world.used(WEB, "203.0.113.9", DAY + 61).is_some(), "it is still going on");
    assert_eq!(world.used(WEB, "203.0.113.9", DAY + 62), None);
}

#[test]
fn a_pod_that_goes_on_from_another_address_of_its_network_is_ordinary() {
    // As after a restart of its node: the pod is the same, its sandbox is not.
    let mut world = World::new();
    world.usual(WEB, "10.244.1.5", 0, 60);
    world.usual(WEB, "10.244.1.77", 90, 60);
    world.usual(WEB, "10.244.1.93", 2 * DAY, 60);
}

#[test]
fn so_is_one_that_goes_on_among_pods_of_another_network() {
    let mut world = World::new();
    world.usual(pod(2, "worker-1"), "10.244.1.6", 0, 5);
    world.usual(pod(3, "worker-1"), "172.20.3.6", 0, 5);
    world.usual(WEB, "10.244.1.5", 0, 60);
    world.usual(WEB, "172.20.3.7", 90, 5);
    assert_told(world.used(WEB, "10.244.1.5", 95), "tokens.second_address", Severity::High);
}

#[test]
fn an_address_of_the_same_network_is_told_when_both_are_seen_to_live() {
    let mut world = World::new();
    world.usual(WEB, "10.244.1.5", 0, 60);
    world.usual(WEB, "10.244.2.7", 90, 1);
    let told = assert_told(world.used(WEB, "10.244.1.5", 95), "tokens.second_address", Severity::High);
    assert!(told.title.ends_with("10.244.1.5 and 10.244.2.7"), "{}", told.title);
    assert_eq!(world.used(WEB, "10.244.2.7", 96), None, "that is told");
}

#[test]
fn no_pod_is_made_again_in_a_few_seconds() {
    let mut world = World::new();
    world.usual(WEB, "10.244.1.5", 0, 60);
    assert_told(world.used(WEB, "10.244.1.77", 62), "tokens.second_address", Severity::High);
}

#[test]
fn a_stolen_copy_that_is_used_first_is_told_too_and_that_it_came_first() {
    let mut world = World::new();
    world.usual(WEB, "203.0.113.9", 0, 2);
    world.usual(WEB, "10.244.1.5", 10, 2);
    let told = assert_told(world.used(WEB, "10.244.1.5", 12), "tokens.second_address", Severity::High);
    assert!(told.title.ends_with("10.244.1.5 and 203.0.113.9"), "{}", told.title);
    assert!(told.notes[2].contains("203.0.113.9 came first, but 10.244.1.5 has the longer past"), "{told:?}");
    for second in 13..100 {
        assert_eq!(world.used(WEB, ["10.244.1.5", "203.0.113.9"][second as usize % 2], second), None);
    }
}

#[test]
fn one_address_of_each_family_is_ordinary() {
    let mut world = World::new();
    for second in 0..100 {
        world.usual(WEB, ["10.244.1.5", "2001:db8:1::5"][second as usize % 2], second, 1);
    }
    assert!(world.used(WEB, "2001:db8:2::9", 100).is_some());
    assert!(world.used(WEB, "203.0.113.9", 101).is_some());
}

#[test]
fn the_same_address_written_in_two_ways_is_one() {
    let mut world = World::new();
    for second in 0..100 {
        world.usual(WEB, ["10.244.1.5", "::ffff:10.244.1.5"][second as usize % 2], second, 1);
    }
}

#[test]
fn all_tokens_of_one_pod_are_one() {
    let mut world = World::new();
    world.usual(WEB, "10.244.1.5", 0, 60);
    let renewed = Seen { credential: Some("JTI=another".into()), ..of_pod(WEB, "203.0.113.9") };
    assert_eq!(world.see(&renewed, 60).len(), 1);
}

#[test]
fn a_refused_request_is_a_use_as_well() {
    let mut world = World::new();
    world.usual(WEB, "10.244.1.5", 0, 60);
    let refused = Seen { refused: true, code: 403, ..of_pod(WEB, "203.0.113.9") };
    assert_eq!(world.see(&refused, 60).len(), 1);
}

#[test]
fn other_loopback_addresses_than_the_api_servers_own_are_like_any() {
    let mut world = World::new();
    world.usual(WEB, "127.10.0.13", 0, 60);
    assert_told(world.used(WEB, "127.66.0.66", 61), "tokens.second_address", Severity::High);
}

#[test]
fn on_the_api_servers_own_machine_a_pods_token_weighs_less() {
    let mut world = World::new();
    world.kubelet("worker-1", "10.0.0.11", 0);
    world.usual(WEB, "10.244.1.5", 0, 60);
    let told = assert_told(world.used(WEB, "127.0.0.1", 61), "tokens.second_address", Severity::Low);
    assert!(told.notes.iter().any(|note| note.contains("the API server's own machine")), "{told:?}");
}

#[test]
fn on_the_api_servers_own_machine_nothing_is_told_where_nodes_are_not_seen() {
    // A pod in its node's network can have 127.0.0.1 and the node's address, which nobody can tell from any other.
    let mut world = World::new();
    world.usual(WEB, "10.0.0.11", 0, 60);
    world.usual(WEB, "127.0.0.1", 61, 10);
    world.usual(WEB, "10.0.0.11", 71, 10);
}
