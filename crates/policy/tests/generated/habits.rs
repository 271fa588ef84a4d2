//! What habits and token checks need, proved on the recordings: Metadata is enough for all of it but for deletions by force.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sundew_habits::{Memory, Seen, Settings};
use sundew_policy::{Level, Policy};

use crate::given::{NEEDS, all_at, event, kept, needed, recording};

/// What habits and token checks tell of the recorded attacks under a policy, having learnt under it: rule and time.
fn told(policy: &Policy) -> BTreeSet<(String, Timestamp)> {
    let mut memory = Memory::new(Settings { teaching: true, ..Settings::default() });
    let mut told = BTreeSet::new();
    for (name, teaching) in [("quiet", true), ("five", false), ("theft", false)] {
        memory.set(Settings { teaching, ..Settings::default() });
        for line in recording(name) {
            let Some(line) = kept(policy, &line) else { continue };
            let event = sundew_audit::parse::event(&line).unwrap();
            let Some(seen) = Seen::of(&event) else { continue };
            let time = event.time().unwrap();
            for new in memory.observe("c", &seen, time).novelties {
                told.insert((new.rule.to_owned(), time));
            }
        }
    }
    told
}

#[test]
fn metadata_is_enough_and_nothing_is_nothing() {
    let whole = told(&all_at(Level::RequestResponse));
    assert_eq!(told(&all_at(Level::Metadata)), whole);
    assert!(told(&all_at(Level::None)).is_empty());
    let rules: BTreeSet<&str> = whole.iter().map(|(rule, _)| rule.as_str()).collect();
    for rule in [
        "habits.new_client",
        "habits.new_network",
        "habits.new_request",
        "habits.several",
        "habits.secrets_listed",
        "tokens.second_address",
    ] {
        assert!(rules.contains(rule), "{rules:?}");
    }
    // All that habits and token checks can tell stands in the table.
    for rule in sundew_habits::novelty::RULES {
        assert!(NEEDS.detections().iter().any(|detection| detection.name == rule), "{rule}");
    }
}

#[test]
fn each_row_about_some_requests_is_needed_of_the_requests_that_are_told() {
    for (rule, level, line) in [
        (
            "habits.new_secret",
            Level::Metadata,
            first(|seen| seen.resource == "secrets" && seen.verb == "get"),
        ),
        (
            "habits.secrets_listed",
            Level::Metadata,
            first(|seen| seen.resource == "secrets" && seen.verb == "list"),
        ),
        ("habits.pod_made", Level::Metadata, first(|seen| seen.resource == "pods" && seen.verb == "create")),
        (
            "tokens.after_deletion",
            Level::Request,
            first(|seen| seen.resource == "pods" && seen.verb == "delete"),
        ),
        ("habits.new_client", Level::Metadata, first(|seen| seen.resource == "/version")),
        ("tokens.two_networks", Level::Metadata, first(|seen| seen.resource == "/version")),
    ] {
        assert_eq!(needed(rule, &line), Some(level), "{rule}");
        assert_eq!(kept(&all_at(Level::None), &line), None);
    }
}

fn first(fits: impl Fn(&Seen<'_>) -> bool) -> String {
    let lines = recording("five").into_iter();
    let of = |line: &String| {
        let event = sundew_audit::parse::event(line).unwrap();
        Seen::of(&event).is_some_and(|seen| fits(&seen))
    };
    lines.into_iter().find(of).unwrap()
}

#[test]
fn that_a_pod_was_deleted_by_force_stands_in_the_body() {
    let line = event("delete", "/api/v1/namespaces/honeypot/pods/");
    let forced = |level| {
        let line = kept(&all_at(level), &line).unwrap();
        Seen::of(&sundew_audit::parse::event(&line).unwrap()).unwrap().forced
    };
    assert!(forced(Level::Request));
    assert!(!forced(Level::Metadata));
}
