//! No stream makes the memory grow past its bounds, whatever is in it.

use proptest::prelude::*;
use sundew_habits::{Memory, Seen, Settings};

use crate::given::{CLUSTER, FRONTEND, at, does, from, known, request, told, with};

#[test]
fn a_new_user_agent_in_every_request_stays_bounded() {
    let (mut memory, now) = known(&[request(FRONTEND)]);
    for number in 0..2_000 {
        let client = format!("tool{number}x/1.0");
        memory.observe(CLUSTER, &Seen { client: client.into(), ..request(FRONTEND) }, at(now + number * 10));
    }
    let shown = memory.show(CLUSTER, FRONTEND).unwrap();
    let clients = shown.habits.iter().filter(|habit| habit.aspect == "client");
    assert_eq!(clients.clone().count(), 12);
    assert!(clients.clone().any(|habit| habit.what == "axios 1.7"), "what is established stays");
    assert!(shown.missing.unwrap().ends_with("client"));
    assert_eq!(told(&mut memory, &with(&request(FRONTEND), "curl/8.5.0"), now + 100_000), []);
}

#[test]
fn names_of_objects_do_not_grow_the_memory() {
    let mut memory = Memory::default();
    for number in 0..5_000 {
        let name = format!("pod-{number}");
        memory.observe(CLUSTER, &Seen { name: name.into(), ..request(FRONTEND) }, at(number));
        let uri = format!("/logs/{number}/{number}");
        memory.observe(CLUSTER, &Seen { resource: uri.into(), ..request(FRONTEND) }, at(number));
    }
    let shown = memory.show(CLUSTER, FRONTEND).unwrap();
    assert!(shown.habits.len() <= 12 + 16 + 8 + 128 + 32 + 32, "{}", shown.habits.len());
    assert_eq!(shown.requests, 10_000);
}

#[test]
fn a_flood_of_identities_is_bounded_and_said() {
    let settings = Settings { identities: 500, ..Settings::default() };
    let mut memory = Memory::new(settings);
    for minute in 0..30 {
        memory.observe(CLUSTER, &request(FRONTEND), at(minute * 60));
    }
    for number in 0..20_000 {
        let user = format!("system:serviceaccount:flood:a{number}");
        memory.observe(CLUSTER, &request(&user), at(1800 + number));
    }
    assert_eq!(memory.identities().len(), 500);
    assert_eq!(memory.forgotten(), 20_001 - 500);
    assert!(memory.show(CLUSTER, FRONTEND).is_some(), "who is known stays");
}

#[test]
fn a_lower_bound_is_kept_at_once() {
    let mut memory = Memory::default();
    for number in 0..100 {
        memory.observe(CLUSTER, &request(&format!("person-{number}")), at(number));
    }
    memory.set(Settings { identities: 10, ..Settings::default() });
    assert_eq!((memory.identities().len(), memory.forgotten()), (10, 90));
}

#[test]
fn one_clock_in_the_future_does_not_make_anybody_known() {
    let mut memory = Memory::default();
    for second in 0..600 {
        memory.observe(CLUSTER, &request(FRONTEND), at(second));
        memory.observe(CLUSTER, &request(FRONTEND), at(second + 400 * 86_400));
    }
    let shown = memory.show(CLUSTER, FRONTEND).unwrap();
    assert!(!shown.known);
    assert_eq!((shown.first, shown.last), (at(0), at(599)));
}

#[test]
fn a_request_that_is_counted_again_is_counted_as_if_it_were_observed() {
    let lists = does(&request(FRONTEND), ["list", "pods", "shop", ""]);
    let (mut observed, mut counted) = (Memory::default(), Memory::default());
    let mut slots = counted.observe(CLUSTER, &lists, at(0)).slots;
    observed.observe(CLUSTER, &lists, at(0));
    for second in 1..500 {
        observed.observe(CLUSTER, &lists, at(second * 7));
        if !counted.again(slots, at(second * 7)) {
            slots = counted.observe(CLUSTER, &lists, at(second * 7)).slots;
        }
    }
    assert_eq!(counted.show(CLUSTER, FRONTEND), observed.show(CLUSTER, FRONTEND));
}

#[test]
fn slots_are_no_longer_valid_when_what_they_stand_for_was_forgotten() {
    let mut memory = Memory::default();
    assert!(!memory.again(sundew_habits::Slots::default(), at(0)));
    let slots = memory.observe(CLUSTER, &request(FRONTEND), at(0)).slots;
    assert!(memory.again(slots, at(1)));
    assert_eq!(memory.reset(CLUSTER, Some(FRONTEND)), 1);
    assert!(!memory.again(slots, at(2)));
    memory.observe(CLUSTER, &request("somebody-else"), at(3));
    assert!(!memory.again(slots, at(4)), "somebody else has the place now");
}

#[test]
fn a_cluster_can_be_forgotten_alone() {
    let mut memory = Memory::default();
    for cluster in ["one", "two"] {
        memory.observe(cluster, &request(FRONTEND), at(0));
        memory.observe(cluster, &request("bob"), at(0));
    }
    assert_eq!((memory.reset("one", None), memory.reset("none", None)), (2, 0));
    assert_eq!(memory.identities().len(), 2);
}

/// A request that could be anything.
fn any_request() -> impl Strategy<Value = (u8, Seen<'static>, i64)> {
    let pick = |words: &'static [&'static str]| proptest::sample::select(words);
    (
        (0..3_u8, 0..40_u8, "[a-z]{1,3}/[0-9.]{0,5}", pick(&["", "10.1.2.3", "10.2.0.1", "fd00::1", "x"])),
        pick(&["get", "list", "watch", "create", "patch", "delete", "odd"]),
        pick(&[
            "pods",
            "secrets",
            "configmaps",
            "namespaces",
            "roles.rbac.authorization.k8s.io",
            "/version",
            "/x/y/z",
        ]),
        ("[a-d]{0,1}", "[a-z]{0,2}", any::<bool>(), -100_000..10_000_000_i64),
    )
        .prop_map(
            |((cluster, user, client, peer), verb, resource, (namespace, name, refused, second))| {
                let user = match user {
                    0..10 => format!("system:serviceaccount:ns:{user}"),
                    10..20 => format!("system:node:{user}"),
                    20 => "system:kube-scheduler".to_owned(),
                    _ => format!("person-{user}"),
                };
                let seen = Seen {
                    client: client.into(),
                    namespace: namespace.into(),
                    name: name.into(),
                    refused,
                    code: if refused { 403 } else { 200 },
                    ..does(&from(&request(&user), peer), [verb, resource, "", ""])
                };
                (cluster, seen, second)
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_comes_the_bounds_hold(
        requests in proptest::collection::vec(any_request(), 1..200),
        identities in 1..30_usize,
        teaching: bool,
    ) {
        let settings = Settings { identities, teaching, ..crate::given::hasty() };
        let mut memory = Memory::new(settings);
        for (cluster, seen, second) in &requests {
            let cluster = ["one", "two", "three"][usize::from(*cluster)];
            let observed = memory.observe(cluster, seen, at(*second));
            prop_assert!(!teaching || observed.novelties.is_empty());
            prop_assert!(memory.identities().len() <= identities);
            memory.again(observed.slots, at(*second + 1));
        }
        let habits: usize = memory
            .identities()
            .iter()
            .map(|(cluster, user, _)| memory.show(cluster, user).map_or(0, |shown| shown.habits.len()))
            .sum();
        // One is never forgotten while it is observed.
        prop_assert!(habits <= identities * 40 + 228, "{habits}");
    }

    #[test]
    fn what_is_kept_is_what_was_known(requests in proptest::collection::vec(any_request(), 1..120)) {
        let mut memory = Memory::new(crate::given::hasty());
        for (cluster, seen, second) in &requests {
            memory.observe(["one", "two", "three"][usize::from(*cluster)], seen, at(*second / 1000));
        }
        let kept = memory.take_changed(usize::MAX);
        let mut restored = Memory::new(crate::given::hasty());
        for piece in &kept {
            prop_assert!(restored.restore(piece), "{piece:?}");
        }
        let mut again = Memory::new(crate::given::hasty());
        for piece in kept.iter().chain(&kept) {
            prop_assert!(again.restore(piece));
        }
        for other in [restored, again] {
            let mut names = memory.identities();
            let mut others = other.identities();
            names.sort();
            others.sort();
            prop_assert_eq!(&names, &others);
            for (cluster, user, _) in names {
                let (mut known, mut kept) = (memory.show(&cluster, &user), other.show(&cluster, &user));
                for shown in [&mut known, &mut kept].into_iter().flatten() {
                    // Of two that are equally frequent and old, either may come first.
                    shown.habits.sort_by(|a, b| (&a.aspect, &a.what).cmp(&(&b.aspect, &b.what)));
                }
                prop_assert_eq!(known, kept);
            }
        }
    }
}
