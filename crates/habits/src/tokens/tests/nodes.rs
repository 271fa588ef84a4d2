use super::*;

/// Five pods on each of two nodes, each with an address of its node's network.
fn two_nodes(world: &mut World) {
    for uid in 0..5_u32 {
        world.usual(pod(10 + uid, "worker-1"), &format!("10.244.1.{}", 10 + uid), i64::from(uid), 1);
        world.usual(pod(20 + uid, "worker-2"), &format!("10.244.2.{}", 20 + uid), i64::from(uid), 1);
    }
}

fn kubelets(world: &mut World, second: i64) {
    for at in second..second + 5 {
        world.kubelet("worker-1", "10.0.0.11", at);
        world.kubelet("worker-2", "10.0.0.12", at);
    }
}

#[test]
fn pods_in_their_nodes_network_speak_from_its_address() {
    let mut world = World::new();
    for uid in 0..20 {
        world.usual(pod(uid, "worker-1"), "10.0.0.11", i64::from(uid), 1);
    }
    kubelets(&mut world, 20);
    for uid in 0..20 {
        world.usual(pod(uid, "worker-1"), "10.0.0.11", 30, 10);
    }
}

#[test]
fn a_pod_that_is_seen_from_its_own_and_from_its_nodes_address_is_ordinary() {
    let mut world = World::new();
    kubelets(&mut world, 0);
    for second in 10..100 {
        world.usual(WEB, ["10.244.1.5", "10.0.0.11", "127.0.0.1"][second as usize % 2], second, 1);
    }
}

#[test]
fn a_pod_in_the_network_of_a_control_plane_node_can_also_be_on_the_api_servers_machine() {
    // As with a local balancer on each node, one of whose ways is the API server beside it.
    let mut world = World::new();
    kubelets(&mut world, 0);
    for second in 10..100 {
        world.usual(WEB, ["10.0.0.11", "127.0.0.1"][second as usize % 2], second, 1);
    }
}

#[test]
fn a_token_at_the_address_of_another_nodes_kubelet_is_told() {
    let mut world = World::new();
    kubelets(&mut world, 0);
    let told = assert_told(world.used(WEB, "10.0.0.12", 10), "tokens.other_node", Severity::High);
    assert_eq!(
        told.title,
        "The token of pod shop/web-0 on node worker-1 is used from node worker-2 (10.0.0.12)"
    );
    assert!(told.notes[0].contains("kubelet of node worker-2"), "{told:?}");
    assert_eq!(world.used(WEB, "10.0.0.12", 11), None);
}

#[test]
fn a_token_at_the_address_of_another_nodes_kubelet_is_told_even_where_its_pods_share_it() {
    let mut world = World::new();
    kubelets(&mut world, 0);
    for uid in 100..120 {
        world.usual(pod(uid, "worker-2"), "10.0.0.12", 5, 10);
    }
    world.usual(WEB, "10.244.1.5", 0, 60);
    kubelets(&mut world, 60);
    assert_told(world.used(WEB, "10.0.0.12", 70), "tokens.other_node", Severity::High);
}

#[test]
fn a_node_through_which_pods_of_others_go_weighs_nothing_soon() {
    // As with a virtual address in front of the API servers that one of the nodes holds, and passes on as itself.
    let mut world = World::new();
    kubelets(&mut world, 0);
    let told = (0..100_u32)
        .filter(|uid| world.used(pod(*uid, "worker-1"), "10.0.0.12", 10 + i64::from(*uid)).is_some());
    assert_eq!(told.count(), 3);
}

#[test]
fn an_address_of_several_kubelets_is_no_nodes_address() {
    let mut world = World::new();
    for second in 0..20 {
        world.kubelet(["worker-1", "worker-2"][second as usize % 2], "10.0.0.12", second);
    }
    world.usual(WEB, "10.0.0.12", 20, 10);
}

#[test]
fn a_token_that_does_not_name_its_node_is_judged_by_its_addresses_alone() {
    let mut world = World::new();
    kubelets(&mut world, 0);
    let nowhere = Pod { node: "", ..WEB };
    world.usual(nowhere, "10.244.1.5", 0, 60);
    world.usual(nowhere, "10.0.0.12", 61, 5);
    assert_told(world.used(nowhere, "203.0.113.9", 70), "tokens.second_address", Severity::High);
}

#[test]
fn a_token_that_is_first_seen_in_another_nodes_pod_network_is_told() {
    let mut world = World::new();
    two_nodes(&mut world);
    let told = assert_told(world.used(WEB, "10.244.2.7", 10), "tokens.other_node", Severity::High);
    assert!(told.notes[0].contains("10.244.2.0/24 run on node worker-2"), "{told:?}");
}

#[test]
fn a_new_pod_in_its_own_nodes_network_is_ordinary() {
    let mut world = World::new();
    two_nodes(&mut world);
    world.usual(WEB, "10.244.1.7", 10, 10);
}

#[test]
fn a_network_with_pods_of_several_nodes_proves_nothing() {
    let mut world = World::new();
    two_nodes(&mut world);
    world.usual(pod(30, "worker-3"), "10.244.2.99", 10, 1);
    world.usual(WEB, "10.244.2.7", 11, 10);
}

#[test]
fn a_node_whose_own_network_is_not_known_proves_nothing() {
    // A new node can be given the network of one that is gone.
    let mut world = World::new();
    two_nodes(&mut world);
    for uid in 30..60 {
        world.usual(pod(uid, "worker-3"), &format!("10.244.2.{}", uid + 100), i64::from(uid), 3);
    }
}
