//! Hits that come late, twice, or with a clock that is wrong.

use std::collections::BTreeSet;

use jiff::Timestamp;
use proptest::prelude::*;
use sundew_sigma::{Correlated, RuleId};

use crate::support::{Request, Stream, correlation, five_a_minute, lists};

#[test]
fn a_hit_that_comes_late_counts_where_its_time_says() {
    let mut stream = Stream::new(&[five_a_minute()]);
    assert_eq!(stream.told(&lists([0, 1, 2, 4])), 0);
    // The window of its time is over for the stream, and yet it is filled.
    assert_eq!(stream.told(&lists([100, 101])), 0);
    let told = stream.take(&lists([3])[0]);
    assert_eq!(told[0].count, 5);
}

#[test]
fn a_late_hit_in_what_was_told_tells_nothing_new() {
    let mut stream = Stream::new(&[five_a_minute()]);
    assert_eq!(stream.told(&lists([0, 10, 20, 30, 40, 50])), 1);
    assert_eq!(stream.told(&lists([5, 15, 45, 1])), 0);
}

#[test]
fn a_stream_that_runs_backwards_is_told_once() {
    assert_eq!(Stream::new(&[five_a_minute()]).told(&lists((0..20).rev())), 1);
}

#[test]
fn an_event_that_comes_twice_counts_once() {
    let mut stream = Stream::new(&[five_a_minute()]);
    let four = lists([0, 1, 2, 3]);
    assert_eq!(stream.told(&four), 0);
    assert_eq!(stream.told(&four), 0);
    assert_eq!(stream.told(&lists([4])), 1);
}

#[test]
fn two_requests_of_the_same_microsecond_count_twice() {
    let requests = ["a", "b", "c", "d", "e"].map(|name| Request::new(7, "list", "mallory", name));
    assert_eq!(Stream::new(&[five_a_minute()]).told(&requests), 1);
}

const YEARS: i64 = 5 * 365 * 24 * 3600;

#[test]
fn an_event_stamped_years_ahead_neither_blocks_nor_empties_a_window() {
    let mut stream = Stream::new(&[five_a_minute()]);
    assert_eq!(stream.told(&lists([0, 1])), 0);
    assert_eq!(stream.told(&lists([YEARS])), 0);
    assert_eq!(stream.told(&lists([2, 3])), 0);
    assert_eq!(stream.told(&lists([YEARS + 500])), 0);
    assert_eq!(stream.told(&lists([4])), 1);
    // And what is above its threshold stays told.
    assert_eq!(stream.told(&lists([YEARS + 1000, 5, YEARS + 2000, 6])), 0);
}

#[test]
fn an_api_server_with_a_wrong_clock_does_not_keep_the_others_from_being_counted() {
    let mut stream = Stream::new(&[five_a_minute()]);
    // Of two servers every second event says it is years ahead, for hours.
    let mixed: Vec<Request> =
        (0..600).flat_map(|at| [lists([at * 20]), lists([YEARS + at * 20])].concat()).collect();
    assert_eq!(stream.told(&mixed), 0);
    assert_eq!(stream.told(&lists([12_000, YEARS + 12_000, 12_001, YEARS + 12_080, 12_002, 12_003])), 1);
}

#[test]
fn a_group_that_was_full_of_a_wrong_clock_counts_again_once_the_clock_is_right() {
    let mut stream = Stream::new(&[five_a_minute()]);
    assert_eq!(stream.told(&lists((0..2000).map(|at| YEARS + at * 20))), 0);
    assert_eq!(stream.told(&lists(0..5)), 1);
}

fn kinds() -> impl Strategy<Value = String> {
    let lines = |kind: &str, condition: &str| {
        let text = format!(
            "type: {kind}\nrules: [lists, gets, creates]\ngroup-by: [user.username]\ntimespan: 40s\n{condition}"
        );
        correlation("any", &text)
    };
    prop_oneof![
        (2..6_u64).prop_map(move |least| lines("event_count", &format!("condition: {{gte: {least}}}"))),
        (2..5_u64).prop_map(move |least| lines(
            "value_count",
            &format!("condition: {{gte: {least}, field: objectRef.name}}")
        )),
        Just(lines("temporal", "")),
        Just(lines("temporal", "condition: lists and (gets or creates)")),
        Just(lines("temporal_ordered", "")),
    ]
}

/// Requests in the order of their time, each with how many seconds it is late.
fn delayed() -> impl Strategy<Value = Vec<(Request, i64)>> {
    let one = (0..15_i64, 0..3_usize, 0..2_u8, 0..5_u8, 0..100_i64);
    proptest::collection::vec(one, 1..60).prop_map(|steps| {
        let mut second = 0;
        let request = |(at, (gap, verb, user, name, late)): (usize, (i64, usize, u8, u8, i64))| {
            second += gap;
            let verb = crate::support::VERBS[verb];
            let mut request = Request::new(second, verb, &format!("user-{user}"), &format!("name-{name}"));
            request.id = format!("request-{at}");
            (request, late)
        };
        steps.into_iter().enumerate().map(request).collect()
    })
}

fn groups(stream: &mut Stream, requests: &[Request]) -> BTreeSet<String> {
    requests.iter().flat_map(|request| stream.take(request)).map(|met| met.group[0].1.clone()).collect()
}

/// All but the time of the first hit: where room is short, of hits of one kind not all are kept.
fn said(told: Vec<Correlated>) -> Vec<(RuleId, u64, Timestamp)> {
    told.into_iter().map(|met| (met.rule, met.count, met.last)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn who_is_told_of_does_not_depend_on_the_order_of_arrival(kind in kinds(), stream in delayed()) {
        let in_order: Vec<Request> = stream.iter().map(|(request, _)| request.clone()).collect();
        let mut arriving = stream;
        arriving.sort_by_key(|(request, late)| request.time + late * 1_000_000);
        let arriving: Vec<Request> = arriving.into_iter().map(|(request, _)| request).collect();
        let expected = groups(&mut Stream::new(std::slice::from_ref(&kind)), &in_order);
        prop_assert_eq!(groups(&mut Stream::new(&[kind]), &arriving), expected);
    }

    #[test]
    fn repeats_change_nothing(kind in kinds(), stream in delayed()) {
        let mut once = Stream::new(std::slice::from_ref(&kind));
        let mut twice = Stream::new(&[kind]);
        let mut sent: Vec<Request> = Vec::new();
        for (request, late) in stream {
            prop_assert_eq!(once.take(&request), twice.take(&request));
            sent.push(request);
            let again = usize::try_from(late).unwrap();
            if let Some(repeat) = sent.len().checked_sub(again % 10 + 1).and_then(|at| sent.get(at)) {
                prop_assert_eq!(twice.take(repeat), []);
            }
        }
    }

    #[test]
    fn a_wrong_clock_changes_nothing_for_the_right_ones(kind in kinds(), stream in delayed()) {
        let mut right = Stream::new(std::slice::from_ref(&kind));
        let mut mixed = Stream::new(&[kind]);
        for (at, (request, late)) in stream.into_iter().enumerate() {
            prop_assert_eq!(said(right.take(&request)), said(mixed.take(&request)));
            if late < 30 {
                let ahead = YEARS + i64::try_from(at).unwrap() * 1000;
                let wrong = Request { time: request.time + ahead * 1_000_000, ..request };
                prop_assert_eq!(mixed.take(&wrong), []);
            }
        }
    }
}
