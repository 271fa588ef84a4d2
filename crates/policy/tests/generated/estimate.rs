//! What a policy saves or costs, by a log.

use sundew_policy::{
    Level, Policy,
    estimate::{Estimate, Estimated},
};

use crate::given::{all_at, event, kept, policy, recording};

fn of(policy: &Policy, lines: &[String]) -> Estimated {
    let mut estimate = Estimate::new(policy);
    lines.iter().for_each(|line| estimate.record(&sundew_audit::parse::event(line).unwrap(), line));
    estimate.finish()
}

#[test]
fn where_the_log_has_it_all_the_estimate_is_exact() {
    let lines = recording("quiet");
    let metadata = all_at(Level::Metadata);
    let is = of(&metadata, &lines);
    let exact: usize = lines.iter().filter_map(|line| kept(&metadata, line)).map(|line| line.len() + 1).sum();
    assert_eq!((is.under, is.guessed), (exact as u64, 0));
    assert_eq!(is.bytes, lines.iter().map(|line| line.len() as u64 + 1).sum::<u64>());
    assert_eq!(is.events, lines.len() as u64);
    assert!((250..400).contains(&is.seconds), "{}", is.seconds);
    assert_eq!(is.lines.len(), 10);
    assert!(is.lines.is_sorted_by(|a, b| a.bytes.max(a.under) >= b.bytes.max(b.under)));
    assert!(is.is_short());
    assert!(is.a_day(is.bytes).unwrap() > is.bytes as f64 * 200.0);
}

#[test]
fn a_body_that_the_log_does_not_have_is_as_large_as_others_of_its_kind() {
    let patches: Vec<String> = recording("five")
        .into_iter()
        .filter(|line| line.contains(r#""verb":"patch""#) && line.contains(r#""resource":"deployments""#))
        .collect();
    assert!(patches.len() > 10);
    let request = policy("- {level: Request}\n");
    let whole = of(&request, &patches);
    assert_eq!(whole.guessed, 0);
    // All but one without their bodies.
    let bare = |line: &String| kept(&all_at(Level::Metadata), line).unwrap();
    let mixed: Vec<String> = patches[1..].iter().map(bare).chain([patches[0].clone()]).collect();
    let guess = of(&request, &mixed);
    assert!(guess.guessed > 0);
    let off = (guess.under as f64 - whole.under as f64).abs() / whole.under as f64;
    assert!(off < 0.1, "{off}");
}

#[test]
fn where_nothing_is_known_of_a_body_it_is_taken_from_what_was_measured() {
    let made = event("create", "/api/v1/namespaces/honeypot/pods");
    let bare = kept(&all_at(Level::Metadata), &made).unwrap();
    let is = of(&all_at(Level::RequestResponse), &[bare]);
    assert!((2_000..4_000).contains(&is.guessed), "{}", is.guessed);
    assert_eq!(is.seconds, 0);
    assert_eq!(is.a_day(is.under), None);
}

#[test]
fn what_request_received_costs_is_said_where_it_is_there_and_where_it_is_not() {
    let lines = recording("quiet");
    let without = of(&all_at(Level::Metadata), &lines);
    assert_eq!(without.received, 0);
    assert!(without.received_would_cost > without.under / 2 && without.received_would_cost < without.under);
    let received = lines[0].replace("ResponseComplete", "RequestReceived");
    let with = of(&all_at(Level::Metadata), &[lines[0].clone(), received.clone()]);
    assert_eq!((with.received, with.received_would_cost), (received.len() as u64 + 1, 0));
}

#[test]
fn of_no_events_there_is_nothing_to_say() {
    let is = of(&all_at(Level::Metadata), &[]);
    assert_eq!((is.events, is.bytes, is.under, is.lines.len()), (0, 0, 0, 0));
}
