//! What is learnt survives a restart.

use proptest::prelude::*;
use sundew_audit::Severity::{Low, Medium};
use sundew_habits::{Kept, Memory, Settings};

use crate::given::{CLUSTER, DAY, FRONTEND, at, does, known, request, told, with};

/// A memory that has back what another gave away.
fn restarted(memory: &mut Memory) -> Memory {
    let mut next = Memory::default();
    for piece in memory.take_changed(usize::MAX) {
        assert!(next.restore(&piece), "{piece:?}");
    }
    next
}

#[test]
fn who_was_known_is_known_after_a_restart() {
    let (mut memory, now) = known(&[request(FRONTEND)]);
    let mut memory = restarted(&mut memory);
    assert_eq!(told(&mut memory, &request(FRONTEND), now + 60), []);
    assert!(memory.show(CLUSTER, FRONTEND).unwrap().known);
    let lists = does(&request(FRONTEND), ["list", "secrets", "shop", ""]);
    assert_eq!(told(&mut memory, &lists, now + 61), [("habits.secrets_listed", Medium)]);
}

#[test]
fn learning_goes_on_after_a_restart() {
    let mut memory = Memory::default();
    for hour in 0..=12 {
        (0..2).for_each(|minute| {
            memory.observe(CLUSTER, &request(FRONTEND), at(hour * 3600 + minute * 60));
        });
    }
    let mut memory = restarted(&mut memory);
    for hour in 13..=23 {
        memory.observe(CLUSTER, &request(FRONTEND), at(hour * 3600));
    }
    assert!(!memory.show(CLUSTER, FRONTEND).unwrap().known);
    for hour in 24..=26 {
        memory.observe(CLUSTER, &request(FRONTEND), at(hour * 3600));
    }
    assert!(memory.show(CLUSTER, FRONTEND).unwrap().known);
}

#[test]
fn an_incident_goes_on_after_a_restart() {
    let (mut memory, now) = known(&[request(FRONTEND)]);
    let curl = with(&request(FRONTEND), "curl/8.5.0");
    assert_eq!(told(&mut memory, &curl, now), [("habits.new_client", Low)]);
    let mut memory = restarted(&mut memory);
    let lists = does(&curl, ["list", "pods", "shop", ""]);
    assert_eq!(told(&mut memory, &lists, now + 60), [("habits.several", Medium)]);
}

#[test]
fn what_two_sources_saw_is_joined() {
    let mut one = Memory::default();
    let mut two = Memory::default();
    one.observe(CLUSTER, &request(FRONTEND), at(0));
    two.observe(CLUSTER, &does(&request(FRONTEND), ["get", "configmaps", "edge", "x"]), at(DAY));
    two.observe(CLUSTER, &does(&request(FRONTEND), ["list", "pods", "edge", ""]), at(DAY));
    for piece in two.take_changed(usize::MAX) {
        assert!(one.restore(&piece));
    }
    one.observe(CLUSTER, &request("bob"), at(DAY));
    let shown = one.show(CLUSTER, FRONTEND).unwrap();
    let requests: Vec<&str> = shown
        .habits
        .iter()
        .filter(|habit| habit.aspect == "request")
        .map(|habit| habit.what.as_str())
        .collect();
    assert_eq!(requests, ["get configmaps in several namespaces", "list pods in edge"]);
    assert_eq!(shown.first, at(0));
    assert!(one.take_changed(usize::MAX).iter().any(|piece| piece.key == FRONTEND), "it is kept anew");
}

#[test]
fn only_what_changed_is_given_away() {
    let mut memory = Memory::default();
    for number in 0..10 {
        memory.observe(CLUSTER, &request(&format!("person-{number}")), at(number));
    }
    assert_eq!(memory.take_changed(4).len(), 4);
    let kinds = |memory: &mut Memory| {
        let identities = memory.take_changed(100).into_iter().filter(|piece| piece.kind == "identity");
        identities.map(|piece| piece.key).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&mut memory).len(), 6);
    memory.observe(CLUSTER, &request("person-1"), at(20));
    assert_eq!(kinds(&mut memory), Vec::<String>::new(), "one more of the same is no news");
    memory.observe(CLUSTER, &with(&request("person-2"), "curl/8"), at(21));
    assert_eq!(kinds(&mut memory), ["person-2"]);
    memory.observe(CLUSTER, &request("person-1"), at(4000));
    assert_eq!(kinds(&mut memory), ["person-1"], "counts are given an hour later");
    memory.observe(CLUSTER, &request("person-3"), at(4001));
    assert!(memory.take_changed(usize::MAX).iter().any(|piece| piece.key == "person-3"), "and at the end");
}

#[test]
fn who_is_forgotten_is_forgotten_in_what_is_kept() {
    let settings = Settings { identities: 2, ..Settings::default() };
    let mut memory = Memory::new(settings);
    memory.observe(CLUSTER, &request("one"), at(0));
    memory.take_changed(usize::MAX);
    memory.observe(CLUSTER, &request("two"), at(1));
    memory.observe(CLUSTER, &request("three"), at(2));
    memory.reset(CLUSTER, Some("two"));
    let pieces = memory.take_changed(usize::MAX);
    let gone: Vec<&str> =
        pieces.iter().filter(|piece| piece.body.is_empty()).map(|piece| piece.key.as_str()).collect();
    assert_eq!(gone, ["one"], "what was never kept need not be forgotten");
    let mut other = Memory::default();
    other.observe(CLUSTER, &request("one"), at(0));
    assert!(pieces.iter().all(|piece| other.restore(piece)));
    assert!(other.show(CLUSTER, "one").is_none());
}

#[test]
fn a_piece_that_cannot_be_read_is_forgotten() {
    let mut memory = Memory::default();
    let piece = |kind: &str, key: &str, body: &str| Kept {
        cluster: CLUSTER.to_owned(),
        kind: kind.to_owned(),
        key: key.to_owned(),
        body: body.as_bytes().to_vec(),
    };
    for bad in [
        piece("identity", FRONTEND, "nonsense"),
        piece("identity", FRONTEND, r#"{"v":99}"#),
        piece("cluster", "", "[]"),
        piece("cluster", "", r#"{"v":99,"now":0,"aged":0,"young":[]}"#),
        piece("something", "else", "{}"),
    ] {
        assert!(!memory.restore(&bad), "{bad:?}");
    }
    assert_eq!(memory.identities().len(), 0);
    let (mut known, _) = known(&[request(FRONTEND)]);
    let mut good = known.take_changed(usize::MAX).into_iter().find(|piece| piece.kind == "identity").unwrap();
    good.key = "system:anonymous".to_owned();
    assert!(!memory.restore(&good), "nobody has habits");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_piece_breaks_the_memory(
        cut in any::<prop::sample::Index>(),
        change in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let mut memory = Memory::default();
        memory.observe(CLUSTER, &does(&request(FRONTEND), ["get", "secrets", "shop", "x"]), at(0));
        for mut piece in memory.take_changed(usize::MAX) {
            let at_byte = change.index(piece.body.len());
            piece.body[at_byte] = byte;
            let mut other = Memory::default();
            other.restore(&piece);
            piece.body.truncate(cut.index(piece.body.len()));
            other.restore(&piece);
            other.observe(CLUSTER, &does(&request(FRONTEND), ["list", "secrets", "shop", ""]), at(1));
            other.show(CLUSTER, FRONTEND);
            other.reset(CLUSTER, None);
        }
    }
}
