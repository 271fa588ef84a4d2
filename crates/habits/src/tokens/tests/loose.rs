use super::*;

const OFFICE: &str = "203.0.113.9";
const HOME: &str = "198.51.100.7";

fn person(user: &'static str, peer: &str) -> Seen<'static> {
    Seen { credential: Some(Cow::Owned(format!("X509SHA256={user}"))), ..bare(user, Class::Human, peer) }
}

fn robot(peer: &str) -> Seen<'static> {
    Seen {
        credential: Some("JTI=b6ce049d-5030-4000-8000-000000000001".into()),
        ..bare("system:serviceaccount:ci:deployer", Class::Workload, peer)
    }
}

/// What is told when `seen` is made from the peers in turn, a minute apart.
fn in_turn(world: &mut World, peers: &[&str], make: impl Fn(&str) -> Seen<'static>) -> Vec<Novelty> {
    in_turn_each(world, peers, MINUTE, make)
}

fn in_turn_each(
    world: &mut World,
    peers: &[&str],
    apart: i64,
    make: impl Fn(&str) -> Seen<'static>,
) -> Vec<Novelty> {
    (0_i64..).zip(peers).flat_map(|(at, peer)| world.see(&make(peer), at * apart)).collect()
}

#[test]
fn a_certificate_that_goes_back_and_forth_between_two_networks_is_told() {
    let mut world = World::new();
    let told =
        in_turn(&mut world, &[OFFICE, OFFICE, HOME, OFFICE, HOME, OFFICE, HOME], |peer| person("bob", peer));
    let [told] = &told[..] else { panic!("{told:#?}") };
    assert_eq!((told.rule, told.severity), ("tokens.two_networks", Severity::Medium));
    assert_eq!(told.attack, ["T1078.004"]);
    assert_eq!(
        told.title,
        "A client certificate of bob is used from two networks at once, 203.0.0.0/16 and 198.51.0.0/16"
    );
    assert!(told.notes[0].starts_with("203.0.113.9: 3 requests"), "{told:?}");
}

#[test]
fn an_accounts_token_that_is_bound_to_no_pod_weighs_more() {
    let mut world = World::new();
    let told = in_turn(&mut world, &[OFFICE, HOME, OFFICE, HOME], robot);
    let [told] = &told[..] else { panic!("{told:#?}") };
    assert_eq!((told.rule, told.severity), ("tokens.two_networks", Severity::High));
    assert_eq!(told.attack, ["T1550.001"]);
}

#[test]
fn a_kubelets_certificate_that_is_used_elsewhere_too_is_told_though_it_was_renewed() {
    let mut world = World::new();
    let told: Vec<Novelty> = (0..6_i64)
        .flat_map(|at| {
            let kubelet = Seen {
                credential: Some(Cow::Owned(format!("X509SHA256={at}"))),
                ..bare("system:node:worker-1", Class::Node, ["10.0.0.11", HOME][at as usize % 2])
            };
            world.see(&kubelet, at * 10)
        })
        .collect();
    let [told] = &told[..] else { panic!("{told:#?}") };
    assert_eq!((told.rule, told.severity), ("tokens.two_networks", Severity::Medium));
}

#[test]
fn who_moves_from_one_network_to_another_is_ordinary() {
    let mut world = World::new();
    let path = [[OFFICE; 20], [HOME; 20]].concat();
    assert_eq!(in_turn(&mut world, &path, |peer| person("bob", peer)), []);
}

#[test]
fn who_goes_back_and_forth_in_the_course_of_a_day_is_ordinary() {
    let mut world = World::new();
    let path = [OFFICE, HOME].repeat(50);
    assert_eq!(in_turn_each(&mut world, &path, HOUR, |peer| person("bob", peer)), []);
}

#[test]
fn one_address_of_each_family_is_ordinary() {
    let mut world = World::new();
    let path = [OFFICE, "2001:db8:1::5"].repeat(50);
    assert_eq!(in_turn(&mut world, &path, |peer| person("bob", peer)), []);
}

#[test]
fn addresses_of_one_network_are_one() {
    let mut world = World::new();
    let path = ["10.1.2.3", "10.1.9.9", "10.1.77.1"].repeat(50);
    assert_eq!(in_turn(&mut world, &path, |peer| person("bob", peer)), []);
}

#[test]
fn the_api_servers_own_machine_is_no_network() {
    let mut world = World::new();
    for local in ["127.0.0.1", "::1"] {
        let path = [OFFICE, local].repeat(50);
        assert_eq!(in_turn(&mut world, &path, |peer| person("bob", peer)), []);
    }
}

#[test]
fn parts_of_the_control_plane_are_not_looked_at() {
    let mut world = World::new();
    let manager = |peer: &str| Seen {
        credential: Some("X509SHA256=1".into()),
        ..bare("system:kube-controller-manager", Class::Controller, peer)
    };
    assert_eq!(in_turn(&mut world, &["10.0.0.1", "10.9.0.2"].repeat(50), manager), []);
}

#[test]
fn two_ways_out_that_many_take_are_ordinary() {
    let mut world = World::new();
    let path = [OFFICE, HOME].repeat(50);
    for colleague in ["ann", "eve", "joe"] {
        for (at, peer) in (0..).zip([OFFICE, HOME]) {
            let colleague = Seen { credential: None, ..person(colleague, peer) };
            assert_eq!(world.see(&colleague, at), []);
        }
    }
    assert_eq!(in_turn(&mut world, &path, |peer| person("bob", peer)), []);
}

#[test]
fn from_an_office_of_many_and_from_somewhere_else_is_told() {
    let mut world = World::new();
    for colleague in ["ann", "eve", "joe"] {
        world.see(&Seen { credential: None, ..person(colleague, OFFICE) }, 0);
    }
    assert_eq!(in_turn(&mut world, &[OFFICE, HOME, OFFICE, HOME], |peer| person("bob", peer)).len(), 1);
}

#[test]
fn two_networks_are_told_once_a_week_and_a_third_on_top() {
    let mut world = World::new();
    let path = [OFFICE, HOME].repeat(50);
    assert_eq!(in_turn_each(&mut world, &path, 10, |peer| person("bob", peer)).len(), 1);
    let later: usize = (0..100)
        .map(|at| world.see(&person("bob", [OFFICE, HOME][at as usize % 2]), 5 * DAY + at * 10).len())
        .sum();
    assert_eq!(later, 0);
    let third: usize = (0..100)
        .map(|at| world.see(&person("bob", [OFFICE, "192.0.2.1"][at as usize % 2]), 6 * DAY + at * 10).len())
        .sum();
    assert_eq!(third, 1);
    let again: usize = (0..100)
        .map(|at| world.see(&person("bob", [OFFICE, HOME][at as usize % 2]), 15 * DAY + at * 10).len())
        .sum();
    assert_eq!(again, 1);
}
