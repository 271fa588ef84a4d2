//! What is counted survives a restart and a change of rules.

use proptest::prelude::*;
use sundew_sigma::{Correlator, Limits};

use crate::support::{Request, Stream, VERBS, correlation, five_a_minute, lists, rules};

fn restart(stream: &mut Stream) {
    let saved = stream.correlator.save(&stream.rules);
    stream.correlator = Correlator::new(Limits::default());
    stream.correlator.restore(&stream.rules, &saved);
}

#[test]
fn a_window_that_is_half_full_survives_a_restart() {
    let mut stream = Stream::new(&[five_a_minute()]);
    assert_eq!(stream.told(&lists([0, 1, 2])), 0);
    restart(&mut stream);
    // What was counted before does not count again when the stream is read once more.
    assert_eq!(stream.told(&lists([1, 2])), 0);
    assert_eq!(stream.told(&lists([3])), 0);
    assert_eq!(stream.told(&lists([4])), 1);
}

#[test]
fn what_was_told_before_a_restart_is_not_told_after_it() {
    let mut stream = Stream::new(&[five_a_minute()]);
    assert_eq!(stream.told(&lists(0..5)), 1);
    restart(&mut stream);
    assert_eq!(stream.told(&lists(0..9)), 0);
}

#[test]
fn a_correlation_that_was_changed_begins_anew_and_the_others_go_on() {
    let other = five_a_minute().replace("burst", "other");
    let mut stream = Stream::new(&[five_a_minute(), other.clone()]);
    assert_eq!(stream.told(&lists(0..4)), 0);
    let saved = stream.correlator.save(&stream.rules);
    stream.rules = rules(&[other, five_a_minute().replace("gte: 5", "gte: 3")]);
    stream.correlator = Correlator::new(Limits::default());
    stream.correlator.restore(&stream.rules, &saved);
    let told = stream.take(&lists([5])[0]);
    assert_eq!(told.len(), 1);
    assert_eq!(stream.rules.rule(told[0].rule).name, "other");
}

#[test]
fn what_cannot_be_read_is_forgotten() {
    let mut stream = Stream::new(&[five_a_minute()]);
    let good = stream.correlator.save(&stream.rules);
    let newer = String::from_utf8(good.clone()).unwrap().replace("\"version\":1", "\"version\":99");
    for bad in [&b""[..], b"{", b"\xff\xfe", &good[..good.len() / 2], newer.as_bytes()] {
        stream.correlator.restore(&stream.rules, bad);
    }
    assert_eq!(stream.told(&lists(0..4)), 0);
    assert_eq!(stream.told(&lists([4])), 1);
}

#[test]
fn hostile_bytes_do_no_harm() {
    let story = "type: temporal\nrules: [lists, gets]\ngroup-by: [user.username]\ntimespan: 1m";
    let mut stream = Stream::new(&[correlation("story", story)]);
    stream.told(&lists([0]));
    let saved = String::from_utf8(stream.correlator.save(&stream.rules)).unwrap();
    let time = (1_790_000_000_i64 * 1_000_000).to_string();
    for extreme in [i64::MIN.to_string(), i64::MAX.to_string(), "0".to_owned()] {
        stream.correlator.restore(&stream.rules, saved.replace(&time, &extreme).as_bytes());
        stream.told(&lists([0, 1]));
    }
    // A place that no rule of the correlation has.
    let stranger = saved.replace(",0,false]", ",77,false]");
    assert_ne!(stranger, saved);
    stream.correlator.restore(&stream.rules, stranger.as_bytes());
    assert_eq!(stream.told(&lists([2, 3])), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_restart_at_any_moment_changes_nothing(
        steps in proptest::collection::vec((0..15_i64, 0..3_usize, 0..4_u8, any::<bool>()), 1..30),
        kind in prop_oneof![
            Just("event_count\ncondition: {gte: 3}"),
            Just("value_count\ncondition: {gte: 3, field: objectRef.name}"),
            Just("temporal"),
            Just("temporal_ordered"),
        ],
    ) {
        let lines = format!("rules: [lists, gets, creates]\ntimespan: 40s\ntype: {kind}");
        let one = correlation("any", &lines);
        let mut whole = Stream::new(std::slice::from_ref(&one));
        let mut broken = Stream::new(&[one]);
        let mut second = 0;
        for (gap, verb, name, stop) in steps {
            second += gap;
            let request = Request::new(second, VERBS[verb], "mallory", &format!("name-{name}"));
            prop_assert_eq!(whole.take(&request), broken.take(&request));
            if stop {
                restart(&mut broken);
            }
        }
    }
}
