//! Memory stays bounded, and what is forgotten is counted.

use sundew_sigma::Limits;

use crate::support::{Request, Stream, correlation, five_a_minute, lists};

fn by(user: &str, second: i64) -> Request {
    Request::new(second, "list", user, "db")
}

#[test]
fn past_the_limit_the_longest_silent_group_is_forgotten_and_counted() {
    let mut stream = Stream::with(&[five_a_minute()], Limits { groups: 2, ..Limits::default() });
    for second in 0..4 {
        assert_eq!(stream.told(&[by("first", second), by("second", second)]), 0);
    }
    assert_eq!(stream.correlator.forgotten(), 0);
    assert_eq!(stream.told(&[by("second", 4)]), 1);
    assert_eq!(stream.told(&[by("third", 4)]), 0);
    assert_eq!(stream.correlator.forgotten(), 1);
    assert_eq!(stream.told(&[by("first", 4)]), 0, "it begins anew");
}

#[test]
fn a_group_whose_window_is_over_is_forgotten_without_a_word() {
    let mut stream = Stream::with(&[five_a_minute()], Limits { groups: 2, ..Limits::default() });
    assert_eq!(stream.told(&[by("first", 0), by("second", 1), by("third", 5000), by("fourth", 5001)]), 0);
    assert_eq!(stream.correlator.forgotten(), 0);
}

#[test]
fn a_clock_years_ahead_makes_no_group_outlive_others() {
    let mut stream = Stream::with(&[five_a_minute()], Limits { groups: 2, ..Limits::default() });
    assert_eq!(stream.told(&[by("future", 200_000_000), by("first", 0), by("second", 0)]), 0);
    for second in 1..4 {
        assert_eq!(stream.told(&[by("first", second), by("second", second)]), 0);
    }
    assert_eq!(stream.told(&[by("first", 4), by("second", 4)]), 2);
}

#[test]
fn any_number_of_groups_takes_no_more_room_than_the_limit() {
    let mut stream = Stream::with(&[five_a_minute()], Limits { groups: 50, ..Limits::default() });
    for at in 0..5_000 {
        stream.take(&by(&format!("user-{at}"), at / 100));
    }
    let saved = stream.correlator.save(&stream.rules);
    assert!(saved.len() < 50 * 200, "{}", saved.len());
    let forgotten = stream.correlator.forgotten();
    assert!((4_900..5_000).contains(&forgotten), "{forgotten}");
}

#[test]
fn any_number_of_hits_takes_no_more_room_than_the_limit() {
    let mut stream = Stream::new(&[five_a_minute()]);
    let mut requests = lists(vec![0; 20_000]);
    for (at, request) in requests.iter_mut().enumerate() {
        request.time += i64::try_from(at).unwrap();
        request.id = at.to_string();
    }
    assert_eq!(stream.told(&requests), 1);
    let saved = stream.correlator.save(&stream.rules);
    assert!(saved.len() < 10_000, "{}", saved.len());
}

#[test]
fn the_hits_of_all_groups_together_are_bounded() {
    let limits = Limits { groups: 40, ..Limits::default() };
    let burst = five_a_minute().replace("gte: 5", "lte: 100000000").replace("100000000", "9999");
    let mut stream = Stream::with(&[burst], limits);
    for second in 0..600 {
        for user in 0..40 {
            stream.take(&by(&format!("user-{user}"), second));
        }
    }
    // 600 hits of 40 users are far more than 25 for each.
    let saved = stream.correlator.save(&stream.rules);
    assert!(saved.len() < 2_000 * 70, "{}", saved.len());
    assert!(stream.correlator.forgotten() > 0);
}

#[test]
fn a_correlation_that_counts_far_remembers_as_many_hits_as_it_needs() {
    let burst = five_a_minute().replace("gte: 5", "gte: 3000");
    let mut stream = Stream::new(&[burst]);
    let mut requests = lists(vec![0; 3_000]);
    for (at, request) in requests.iter_mut().enumerate() {
        request.time += i64::try_from(at).unwrap();
        request.id = at.to_string();
    }
    assert_eq!(stream.told(&requests), 1);
}

#[test]
fn a_flood_of_one_value_does_not_push_out_the_others() {
    let lines = "type: value_count\nrules: [gets]\ngroup-by: [user.username]\ntimespan: 1h\n\
                 condition: {gte: 4, field: objectRef.name}";
    let mut stream = Stream::new(&[correlation("names", lines)]);
    let get = |second, name: &str| Request::new(second, "get", "mallory", name);
    let flood = |from: i64| (from..from + 500).map(|second| get(second, "same")).collect::<Vec<_>>();
    assert_eq!(stream.told(&flood(0)), 0);
    assert_eq!(stream.told(&[get(500, "a")]), 0);
    assert_eq!(stream.told(&flood(501)), 0);
    assert_eq!(stream.told(&[get(1001, "b")]), 0);
    assert_eq!(stream.told(&flood(1002)), 0);
    assert_eq!(stream.told(&[get(1502, "c")]), 1);
}

#[test]
fn a_flood_of_one_rule_does_not_push_out_the_others() {
    let lines =
        "type: temporal_ordered\nrules: [creates, gets, lists]\ngroup-by: [user.username]\ntimespan: 1h";
    let mut stream = Stream::new(&[correlation("story", lines)]);
    let of = |second, verb| Request::new(second, verb, "mallory", "db");
    assert_eq!(stream.told(&[of(0, "create")]), 0);
    assert_eq!(stream.told(&(1..2000).map(|second| of(second, "get")).collect::<Vec<_>>()), 0);
    assert_eq!(stream.told(&[of(2001, "list")]), 1);
}

#[test]
fn long_values_are_cut_and_still_told_apart() {
    let mut stream = Stream::new(&[five_a_minute()]);
    let long = |end: char| format!("{}{end}", "ä".repeat(5_000));
    for second in 0..4 {
        assert_eq!(stream.told(&[by(&long('a'), second), by(&long('b'), second)]), 0);
    }
    let told = stream.take(&by(&long('a'), 4));
    assert!(told[0].group[0].1.len() <= 256, "{}", told[0].group[0].1.len());
    assert!(told[0].group[0].1.starts_with("ääää"));
}

#[test]
fn a_value_cannot_pass_for_two() {
    let lines = "type: event_count\nrules: [lists]\ngroup-by: [user.username, objectRef.name]\ntimespan: 1m\n\
                 condition: {gte: 2}";
    let mut stream = Stream::new(&[correlation("pairs", lines)]);
    let of = |user: &str, name: &str| Request::new(0, "list", user, name);
    assert_eq!(stream.told(&[of("a\u{1f}b", "c"), of("a", "b\u{1f}c")]), 0);
}
