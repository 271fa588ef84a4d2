//! What is not done any more is slowly forgotten.

use sundew_habits::Memory;

use crate::given::{CLUSTER, DAY, FRONTEND, at, does, request};

/// One request every six hours for so many days.
fn pass(memory: &mut Memory, from: i64, days: i64) {
    for quarter in 0..days * 4 {
        memory.observe(CLUSTER, &request(FRONTEND), at(from + quarter * DAY / 4));
    }
}

fn whats(memory: &Memory, user: &str) -> Vec<String> {
    let shown = memory.show(CLUSTER, user);
    shown.into_iter().flat_map(|shown| shown.habits).map(|habit| habit.what).collect()
}

#[test]
fn counts_are_halved_every_thirty_days() {
    let mut memory = Memory::default();
    pass(&mut memory, 0, 30);
    assert_eq!(memory.show(CLUSTER, FRONTEND).unwrap().requests, 120);
    pass(&mut memory, 30 * DAY, 1);
    let shown = memory.show(CLUSTER, FRONTEND).unwrap();
    assert!((60..=64).contains(&shown.requests), "{}", shown.requests);
    assert_eq!(shown.first, at(0));
}

#[test]
fn what_was_not_done_for_ninety_days_is_no_habit() {
    let mut memory = Memory::default();
    memory.observe(CLUSTER, &does(&request(FRONTEND), ["list", "pods", "shop", ""]), at(0));
    memory.observe(CLUSTER, &request("bob"), at(0));
    pass(&mut memory, 0, 90);
    assert!(whats(&memory, FRONTEND).contains(&"list pods in shop".to_owned()));
    pass(&mut memory, 90 * DAY, 31);
    assert!(!whats(&memory, FRONTEND).contains(&"list pods in shop".to_owned()));
    assert!(whats(&memory, FRONTEND).contains(&"get configmaps in shop".to_owned()));
    assert!(memory.show(CLUSTER, "bob").is_none());
    assert_eq!(memory.forgotten(), 0, "that is not for want of room");
}

#[test]
fn a_gap_in_what_was_watched_ages_nobody() {
    let mut memory = Memory::default();
    pass(&mut memory, 0, 20);
    for second in 0..100 {
        memory.observe(CLUSTER, &request(FRONTEND), at(400 * DAY + second));
    }
    assert_eq!(memory.show(CLUSTER, FRONTEND).unwrap().requests, 180);
}
