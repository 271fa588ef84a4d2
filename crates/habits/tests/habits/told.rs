//! What is told, in which words, and how often.

use sundew_audit::Severity::{High, Low, Medium};
use sundew_habits::Novelty;

use crate::given::{CLUSTER, FRONTEND, at, does, from, known, refused, request, told, with};

/// A novelty as people read it.
fn text(new: &Novelty) -> String {
    let head = format!("{} {} {}\n{}", new.severity, new.rule, new.attack.join(" "), new.title);
    std::iter::once(head)
        .chain(new.notes.iter().map(|note| format!("- {note}")))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_novelty_says_who_did_what_and_which_habit_it_breaks() {
    let (mut memory, now) = known(&[request(FRONTEND)]);
    let steals = refused(&does(&request(FRONTEND), ["list", "secrets", "shop", ""]));
    let steals = from(&with(&steals, "curl/8.5.0"), "203.0.113.5");
    let told = memory.observe(CLUSTER, &steals, at(now)).novelties;
    insta::assert_snapshot!(text(&told[0]));
}

#[test]
fn each_rule_has_a_sentence() {
    let usual = request(FRONTEND);
    let mut texts = Vec::new();
    for new in [
        with(&usual, "okhttp/4.9"),
        from(&usual, "203.0.113.5"),
        does(&usual, ["delete", "pods", "shop", "web-1"]),
        does(&usual, ["get", "configmaps", "payments", "x"]),
        does(&usual, ["get", "secrets", "shop", "orders-db"]),
        does(&usual, ["watch", "secrets", "", ""]),
        does(&usual, ["create", "pods", "shop", "debug"]),
        refused(&usual),
    ] {
        let (mut memory, now) = known(std::slice::from_ref(&usual));
        texts.extend(memory.observe(CLUSTER, &new, at(now)).novelties.iter().map(text));
    }
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn what_was_told_is_a_habit_an_hour_later() {
    let (mut memory, now) = known(&[request(FRONTEND)]);
    let lists = with(&does(&request(FRONTEND), ["list", "secrets", "shop", ""]), "curl/8.5.0");
    assert_eq!(told(&mut memory, &lists, now), [("habits.several", High)]);
    assert_eq!(told(&mut memory, &lists, now + 1), [], "the same is told once");
    assert_eq!(told(&mut memory, &lists, now + 3700), []);
}

#[test]
fn within_the_hour_all_that_belongs_to_it_is_told() {
    let (mut memory, now) = known(&[request(FRONTEND)]);
    let curl = with(&request(FRONTEND), "curl/8.5.0");
    assert_eq!(told(&mut memory, &curl, now), [("habits.new_client", Low)]);
    let reads = |name| does(&curl, ["get", "secrets", "shop", name]);
    assert_eq!(told(&mut memory, &reads("a"), now + 60), [("habits.several", High)]);
    assert_eq!(told(&mut memory, &reads("b"), now + 1800), [("habits.several", High)]);
    let later = does(&curl, ["delete", "pods", "shop", "x"]);
    assert_eq!(told(&mut memory, &later, now + 3700), [("habits.new_request", Low)]);
}

#[test]
fn what_was_silent_alone_counts_with_what_follows() {
    let bob = with(&request("bob"), "kubectl/v1.32.4 (linux/amd64)");
    let (mut memory, now) = known(std::slice::from_ref(&bob));
    let stolen = from(&with(&bob, "curl/8.5.0"), "203.0.113.5");
    assert_eq!(told(&mut memory, &from(&bob, "203.0.113.5"), now), []);
    assert_eq!(told(&mut memory, &stolen, now + 60), [("habits.new_client", Low)]);
    let acts = does(&stolen, ["delete", "pods", "shop", "x"]);
    assert_eq!(told(&mut memory, &acts, now + 120), [("habits.new_client", Medium)]);
}

#[test]
fn no_more_is_told_in_an_hour_than_anybody_reads() {
    let (mut memory, now) = known(&[request(FRONTEND)]);
    let names: Vec<String> = (0..200).map(|number| format!("secret-{number}")).collect();
    let mut all = Vec::new();
    for name in &names {
        let mut seen = does(&request(FRONTEND), ["get", "secrets", "shop", ""]);
        seen.name = name.clone().into();
        all.extend(memory.observe(CLUSTER, &seen, at(now)).novelties);
    }
    assert_eq!(all.len(), 24);
    assert!(all[23].notes.iter().any(|note| note.contains("counted only")));
    assert!(!all[22].notes.iter().any(|note| note.contains("counted only")));
}

#[test]
fn texts_from_outside_are_cut() {
    let (mut memory, now) = known(&[request(FRONTEND)]);
    let long: &'static str = "x".repeat(100_000).leak();
    let seen = with(&does(&request(FRONTEND), ["get", "secrets", long, long]), long);
    let seen = from(&seen, long);
    let new = memory.observe(CLUSTER, &seen, at(now)).novelties.remove(0);
    assert!(new.severity >= Medium && text(&new).len() < 2_000, "{}", text(&new).len());
}
