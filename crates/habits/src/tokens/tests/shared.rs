use super::*;

const NAT: &str = "203.0.113.1";

/// Pods 100 to 110 speak from `peer` all the time.
fn share(world: &mut World, peer: &str, second: i64) {
    for round in 0..5 {
        for uid in 100..110 {
            world.usual(pod(uid, "worker-9"), peer, second + round * 10 + i64::from(uid) - 100, 1);
        }
    }
}

fn own(uid: u32) -> String {
    format!("10.244.{}.{}", uid % 4, uid)
}

#[test]
fn a_pod_that_goes_through_a_known_nat_and_back_is_ordinary() {
    let mut world = World::new();
    share(&mut world, NAT, 0);
    for uid in 0..50 {
        world.usual(pod(uid, "worker-1"), &own(uid), 100, 10);
        world.usual(pod(uid, "worker-1"), NAT, 110, 5);
        world.usual(pod(uid, "worker-1"), &own(uid), 120, 10);
    }
}

#[test]
fn a_nat_that_is_new_makes_no_noise_for_each_pod() {
    let mut world = World::new();
    for uid in 0..100 {
        world.usual(pod(uid, "worker-1"), &own(uid), 0, 60);
    }
    let told: Vec<Novelty> =
        (0..100).filter_map(|uid| world.used(pod(uid, "worker-1"), NAT, 100 + i64::from(uid))).collect();
    let severities: Vec<Severity> = told.iter().map(|told| told.severity).collect();
    assert_eq!(severities, [Severity::High, Severity::Medium, Severity::Medium]);
    assert!(told[2].notes.iter().any(|note| note.contains("Tokens of 2 other pods")), "{:?}", told[2]);
    for round in 1..5 {
        for uid in 0..100 {
            let second = round * 200 + i64::from(uid);
            assert_eq!(world.used(pod(uid, "worker-1"), NAT, second), None);
            assert_eq!(world.used(pod(uid, "worker-1"), &own(uid), second), None);
        }
    }
}

#[test]
fn a_thief_with_two_tokens_is_told_of_both() {
    let mut world = World::new();
    for uid in [1, 2] {
        world.usual(pod(uid, "worker-1"), &own(uid), 0, 60);
    }
    assert_told(world.used(pod(1, "worker-1"), "198.51.100.7", 61), "tokens.second_address", Severity::High);
    assert_told(
        world.used(pod(2, "worker-1"), "198.51.100.7", 62),
        "tokens.second_address",
        Severity::Medium,
    );
}

#[test]
fn pods_behind_several_gateways_have_no_address_of_their_own() {
    // As behind a cloud's NAT with a pool of addresses: a connection takes one of them, and keeps it for a while.
    let gateways = ["203.0.113.1", "198.51.100.1", "192.0.2.1", "198.18.0.1"];
    let mut world = World::new();
    for round in 0..40 {
        for uid in 0..30_u32 {
            let gateway = gateways[(uid as usize + round / 10) % 4];
            world.usual(pod(uid, "worker-1"), gateway, round as i64 * 30 + i64::from(uid), 1);
        }
    }
}

#[test]
fn two_pods_alone_are_enough_to_know_the_gateway_that_they_share() {
    let mut world = World::new();
    for round in 0..10 {
        for uid in [1, 2] {
            world.usual(pod(uid, "worker-1"), NAT, round * 2 + i64::from(uid), 1);
        }
    }
    world.usual(pod(1, "worker-1"), "198.51.100.1", 100, 10);
}

#[test]
fn behind_a_proxy_in_front_of_the_api_server_all_have_one_address() {
    let mut world = World::new();
    for second in 0..100 {
        let peer = "10.0.0.250";
        world.kubelet(["worker-1", "worker-2"][second as usize % 2], peer, second);
        world.usual(pod(second as u32 % 7, "worker-1"), peer, second, 1);
    }
    // The proxy is taken away.
    for uid in 0..7 {
        world.usual(pod(uid, "worker-1"), &own(uid), 200, 10);
    }
}

#[test]
fn a_thief_is_found_where_pods_have_their_own_addresses_and_others_go_through_a_nat() {
    let mut world = World::new();
    share(&mut world, NAT, 0);
    world.usual(WEB, "10.244.1.5", 0, 60);
    world.usual(WEB, NAT, 60, 10);
    assert_told(world.used(WEB, "198.51.100.7", 100), "tokens.second_address", Severity::High);
}

#[test]
fn an_address_that_was_given_to_one_pod_after_the_other_is_not_shared() {
    let mut world = World::new();
    for uid in 0..5 {
        world.usual(pod(uid, "worker-1"), "10.244.1.5", i64::from(uid) * 2 * HOUR, 60);
    }
    assert_told(
        world.used(pod(4, "worker-1"), "203.0.113.9", 8 * HOUR + 70),
        "tokens.second_address",
        Severity::High,
    );
}

#[test]
fn people_at_an_address_do_not_make_it_a_nat_of_pods() {
    let mut world = World::new();
    for second in 0..60 {
        let person = Seen { credential: None, ..bare(&format!("person-{}", second % 5), Class::Human, NAT) };
        assert_eq!(world.see(&person, second), []);
    }
    world.usual(WEB, "10.244.1.5", 0, 60);
    assert_told(world.used(WEB, NAT, 61), "tokens.second_address", Severity::High);
}
