//! Correlations that count other correlations.

use crate::support::{Request, Stream, correlation, five_a_minute, rules};

fn many_bursts() -> String {
    let lines = "type: value_count\nrules: [burst]\ntimespan: 10m\ncondition: {gte: 3, field: user.username}";
    correlation("spray", lines)
}

fn burst(user: &str, second: i64) -> Vec<Request> {
    (0..5).map(|at| Request::new(second + at, "list", user, "db")).collect()
}

#[test]
fn what_one_correlation_tells_is_a_hit_of_another() {
    let mut stream = Stream::new(&[five_a_minute(), many_bursts()]);
    assert_eq!(stream.told(&burst("a", 0)), 0);
    assert_eq!(stream.told(&burst("b", 10)), 0);
    assert_eq!(stream.told(&burst("b", 100)), 0, "the same user once more");
    let told: Vec<_> = burst("c", 200).iter().flat_map(|request| stream.take(request)).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(stream.rules.rule(told[0].rule).name, "spray");
    assert_eq!(told[0].count, 3);
}

#[test]
fn the_order_in_the_file_does_not_matter() {
    let mut stream = Stream::new(&[many_bursts(), five_a_minute()]);
    let all = [burst("a", 0), burst("b", 0), burst("c", 0)].concat();
    assert_eq!(stream.told(&all), 1);
}

#[test]
fn a_burst_and_then_a_rule_make_a_story() {
    let lines = "type: temporal_ordered\nrules: [burst, creates]\ngroup-by: [user.username]\ntimespan: 10m\ngenerate: true";
    let mut stream = Stream::new(&[five_a_minute(), correlation("story", lines)]);
    assert_eq!(stream.told(&[Request::new(0, "create", "mallory", "pod")]), 0);
    assert_eq!(stream.told(&burst("mallory", 10)), 1, "the burst itself, as `generate` says");
    assert_eq!(stream.told(&[Request::new(100, "create", "eve", "pod")]), 0);
    let told = stream.take(&Request::new(101, "create", "mallory", "pod"));
    assert_eq!(stream.rules.rule(told[0].rule).name, "story");
}

#[test]
fn only_the_outermost_is_told_where_none_says_generate() {
    let set = rules(&[five_a_minute(), many_bursts()]);
    let silent = |name: &str| set.rule(set.find(name).unwrap()).silent;
    assert!(silent("lists") && silent("burst") && !silent("spray"));
}
