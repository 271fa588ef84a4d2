use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::Kept;

/// The store, as far as this matters.
#[derive(Default)]
struct Store(BTreeMap<(String, String, String), Vec<u8>>);

impl Store {
    fn keep(&mut self, pieces: Vec<Kept>) {
        for Kept { cluster, kind, key, body } in pieces {
            let key = (cluster, kind, key);
            if body.is_empty() {
                self.0.remove(&key)
            } else {
                self.0.insert(key, body)
            };
        }
    }

    fn read(&self, bounds: TokenBounds) -> World {
        let mut world = World::bounded(bounds);
        for ((cluster, kind, key), body) in &self.0 {
            let kept =
                Kept { cluster: cluster.clone(), kind: kind.clone(), key: key.clone(), body: body.clone() };
            assert!(world.tokens.restore(&kept), "{kept:?}");
        }
        world
    }
}

/// The same world after a restart.
fn restarted(world: &mut World, store: &mut Store) -> World {
    loop {
        let pieces = world.tokens.take_changed(3);
        if pieces.is_empty() {
            return store.read(TokenBounds::default());
        }
        assert!(pieces.len() <= 3);
        store.keep(pieces);
    }
}

#[test]
fn a_restart_does_not_make_the_thiefs_address_the_pods_own() {
    let (mut world, mut store) = (World::new(), Store::default());
    world.usual(WEB, "10.244.1.5", 0, 60);
    let mut world = restarted(&mut world, &mut store);
    let told = assert_told(world.used(WEB, "203.0.113.9", 61), "tokens.second_address", Severity::High);
    assert!(told.notes[0].starts_with("10.244.1.5: 60 requests"), "{told:?}");
    let mut world = restarted(&mut world, &mut store);
    assert_eq!(world.used(WEB, "203.0.113.9", 62), None, "that was told before the restart");
}

#[test]
fn a_restart_does_not_bring_pods_back() {
    let (mut world, mut store) = (World::new(), Store::default());
    world.usual(WEB, "10.244.1.5", 0, 60);
    world.see(&deletes("system:node:worker-1", Class::Node, "web-0"), 60);
    let mut world = restarted(&mut world, &mut store);
    assert_told(world.used(WEB, "10.244.1.5", 70), "tokens.after_deletion", Severity::High);
    let mut world = restarted(&mut world, &mut store);
    assert_eq!(world.used(WEB, "10.244.1.5", 71), None);
}

#[test]
fn a_restart_between_two_pods_of_one_name_does_not_mix_them_up() {
    let (mut world, mut store) = (World::new(), Store::default());
    let new = Pod { uid: 2, ..WEB };
    world.usual(WEB, "10.244.1.5", 0, 60);
    world.usual(new, "10.244.1.6", 100, 60);
    let mut world = restarted(&mut world, &mut store);
    world.see(&deletes("system:node:worker-1", Class::Node, "web-0"), 200);
    assert_told(world.used(new, "10.244.1.6", 210), "tokens.after_deletion", Severity::High);
}

#[test]
fn counts_alone_are_kept_minutes_late() {
    let mut world = World { tokens: Tokens::default() };
    world.usual(WEB, "10.244.1.5", 0, 10);
    while !world.tokens.take_changed(100).is_empty() {}
    world.usual(WEB, "10.244.1.5", 10, 100);
    assert_eq!(world.tokens.take_changed(100), []);
    assert_ne!(world.tokens.take_changed(usize::MAX), [], "all are asked for");
    world.usual(WEB, "10.244.1.5", 400, 1);
    assert_ne!(world.tokens.take_changed(100), []);
    world.used(WEB, "203.0.113.9", 401).unwrap();
    assert_ne!(world.tokens.take_changed(100), []);
}

#[test]
fn what_is_forgotten_is_kept_no_more() {
    let bounds = TokenBounds { holders: 3, addresses: 3, nodes: 3 };
    let (mut world, mut store) = (World::bounded(bounds), Store::default());
    for uid in 0..100_u32 {
        world.usual(pod(uid, "worker-1"), &format!("10.244.1.{uid}"), i64::from(uid), 1);
        store.keep(world.tokens.take_changed(1000));
    }
    assert_eq!(store.0.keys().filter(|(_, kind, _)| kind == "tokens.holder").count(), 3);
    assert_eq!(store.0.keys().filter(|(_, kind, _)| kind == "tokens.address").count(), 3);
}

#[test]
fn what_was_silent_for_a_month_is_forgotten() {
    let (mut world, mut store) = (World::new(), Store::default());
    world.kubelet("worker-1", "10.0.0.11", 0);
    for uid in 2..7 {
        world.usual(pod(uid, "worker-1"), &format!("10.244.1.{uid}"), 0, 5);
    }
    store.keep(world.tokens.take_changed(usize::MAX));
    world.usual(WEB, "10.244.9.5", 29 * DAY, 100);
    store.keep(world.tokens.take_changed(usize::MAX));
    assert_eq!(world.tokens.holders.places().len(), 7, "six pods and a kubelet");
    world.usual(WEB, "10.244.9.5", 31 * DAY, 100);
    store.keep(world.tokens.take_changed(usize::MAX));
    let left: Vec<&str> = store.0.keys().map(|(_, _, key)| &**key).collect();
    assert_eq!(left, ["10.244.9.5", "p00000000000040008000000000000001", "10.244.9.0/24"]);
    assert_eq!(world.tokens.forgotten(), 0, "not for want of room");
    assert_told(world.used(WEB, "203.0.113.9", 31 * DAY + 100), "tokens.second_address", Severity::High);
}

#[test]
fn a_clock_in_the_future_makes_nothing_old() {
    let mut world = World::new();
    world.usual(WEB, "10.244.1.5", 0, 10);
    world.usual(pod(2, "worker-1"), "10.244.1.6", 10 * 365 * DAY, 10);
    world.tokens.take_changed(usize::MAX);
    assert!(world.used(WEB, "203.0.113.9", 11).is_some());
}

#[test]
fn what_cannot_be_read_is_not_taken() {
    let mut world = World::new();
    world.usual(WEB, "10.244.1.5", 0, 10);
    world.kubelet("worker-1", "10.0.0.11", 0);
    let pieces = world.tokens.take_changed(1000);
    assert!(pieces.len() >= 4, "{pieces:?}");
    for kept in pieces {
        let mut world = World::new();
        assert!(!world.tokens.restore(&Kept { body: b"{\"first\":".to_vec(), ..kept.clone() }));
        assert!(!world.tokens.restore(&Kept { body: b"7".to_vec(), ..kept.clone() }));
        assert!(!world.tokens.restore(&Kept { key: "é?".to_owned(), ..kept.clone() }));
        assert!(!world.tokens.restore(&Kept { kind: "identity".to_owned(), ..kept.clone() }));
        assert!(world.tokens.restore(&kept));
    }
}

/// Anything that can happen: who, from where, and how many seconds later.
fn anything() -> impl Strategy<Value = (u8, u8, i64)> {
    (0_u8..12, 0_u8..10, prop_oneof![0_i64..5, 0_i64..400, Just(HOUR), Just(DAY)])
}

fn happen(world: &mut World, (who, from, _): (u8, u8, i64), second: i64) -> Vec<Novelty> {
    let peer = [
        "10.244.1.5",
        "10.244.1.6",
        "10.244.2.7",
        "203.0.113.9",
        "198.51.100.7",
        "10.0.0.11",
        "10.0.0.12",
        "127.0.0.1",
        "2001:db8::1",
        "2001:db8:9::1",
    ][usize::from(from)];
    let named = |uid, node| of_pod(Pod { name: "web-0", uid, node }, peer);
    let seen = match who {
        0 | 1 => named(1, "worker-1"),
        2 => named(2, "worker-2"),
        3 => of_pod(pod(3, "worker-1"), peer),
        4 => of_pod(pod(4, "worker-2"), peer),
        5 => of_pod(pod(5, ""), peer),
        6 => bare("system:node:worker-1", Class::Node, peer),
        7 => bare("system:node:worker-2", Class::Node, peer),
        8 => deletes("system:node:worker-1", Class::Node, "web-0"),
        9 => deletes("system:node:worker-1", Class::Node, "pod-3"),
        10 => Seen { credential: Some("JTI=1".into()), ..bare("bob", Class::Human, peer) },
        _ => Seen {
            credential: Some("JTI=2".into()),
            ..bare("system:serviceaccount:a:b", Class::Workload, peer)
        },
    };
    world.see(&seen, second)
}

proptest! {
    #[test]
    fn a_restart_changes_nothing(
        requests in prop::collection::vec(anything(), 1..120),
        restarts in prop::collection::vec(0_usize..120, 0..4),
    ) {
        let (mut steady, mut restarting, mut store) = (World::new(), World::new(), Store::default());
        let mut second = 0;
        for (at, request) in requests.into_iter().enumerate() {
            if restarts.contains(&at) {
                restarting = restarted(&mut restarting, &mut store);
            }
            second += request.2;
            let (one, other) = (happen(&mut steady, request, second), happen(&mut restarting, request, second));
            prop_assert_eq!(one, other);
        }
    }
}
