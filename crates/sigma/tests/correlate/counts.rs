//! What is counted, and when it is told.

use jiff::Timestamp;

use crate::support::{Request, Stream, correlation, five_a_minute, lists};

#[test]
fn a_window_that_fills_is_told_with_its_count_its_group_and_its_times() {
    let mut stream = Stream::new(&[five_a_minute()]);
    let requests = lists([0, 10, 20, 30, 40]);
    let told: Vec<_> = requests.iter().flat_map(|request| stream.take(request)).collect();
    let [met] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(stream.rules.rule(met.rule).name, "burst");
    assert_eq!(met.count, 5);
    assert_eq!(met.group, [("user.username".to_owned(), "mallory".to_owned())]);
    let time = |at: usize| Timestamp::from_microsecond(requests[at].time).unwrap();
    assert_eq!((met.first, met.last), (time(0), time(4)));
}

#[test]
fn hits_further_apart_than_the_timespan_are_not_counted_together() {
    assert_eq!(Stream::new(&[five_a_minute()]).told(&lists([0, 16, 32, 48, 64, 80])), 0);
}

#[test]
fn a_hit_exactly_a_timespan_later_still_counts() {
    assert_eq!(Stream::new(&[five_a_minute()]).told_at(&lists([0, 1, 2, 3, 60])), [60]);
}

#[test]
fn what_stays_above_its_threshold_is_told_once() {
    assert_eq!(Stream::new(&[five_a_minute()]).told_at(&lists((0..600).step_by(5))), [20]);
}

#[test]
fn what_fell_below_its_threshold_is_told_again() {
    let twice = lists([0, 1, 2, 3, 4, 5, 100, 101, 102, 103, 104, 105]);
    assert_eq!(Stream::new(&[five_a_minute()]).told_at(&twice), [4, 104]);
}

#[test]
fn each_group_and_each_cluster_counts_for_itself() {
    let mut stream = Stream::new(&[five_a_minute()]);
    let by = |user: &str| [0, 1, 2, 3].map(|second| Request::new(second, "list", user, "db"));
    assert_eq!(stream.told(&by("mallory")), 0);
    assert_eq!(stream.told(&by("eve")), 0);
    assert_eq!(stream.take_in("test", &Request::new(4, "list", "mallory", "db")), []);
    assert_eq!(stream.take_in("prod", &Request::new(4, "list", "mallory", "db")).len(), 1);
}

#[test]
fn a_request_of_two_stages_counts_once() {
    let mut stream = Stream::new(&[five_a_minute()]);
    // Both events carry the id and the arrival of their request.
    let stages: Vec<Request> = lists([0, 1, 2, 3]).into_iter().flat_map(|r| [r.clone(), r]).collect();
    assert_eq!(stream.told(&stages), 0);
}

#[test]
fn a_client_that_gives_all_its_requests_one_audit_id_is_counted_all_the_same() {
    let mut requests = lists([0, 1, 2, 3, 4]);
    requests.iter_mut().for_each(|request| request.id = "00000000-same".into());
    assert_eq!(Stream::new(&[five_a_minute()]).told(&requests), 1);
}

#[test]
fn events_without_an_audit_id_are_told_apart_by_what_they_say() {
    let mut requests: Vec<_> =
        ["a", "b", "c", "d", "e"].map(|name| Request::new(0, "list", "mallory", name)).into();
    requests.iter_mut().for_each(|request| request.id = String::new());
    // Events that were converted from a cloud's log may have none.
    let mut stream = Stream::new(&[five_a_minute()]);
    assert_eq!(stream.told(&requests), 1);
    assert_eq!(stream.told(&requests), 0);
}

fn values(fields: &str) -> String {
    let lines = format!(
        "type: value_count\nrules: [gets]\ngroup-by: [user.username]\ntimespan: 10m\ncondition:\n  gte: 3\n  field: {fields}"
    );
    correlation("names", &lines)
}

#[test]
fn different_values_are_counted_and_the_same_one_is_not() {
    let mut stream = Stream::new(&[values("objectRef.name")]);
    let get = |second, name: &str| Request::new(second, "get", "mallory", name);
    assert_eq!(stream.told(&[get(0, "a"), get(1, "a"), get(2, "b"), get(3, "b")]), 0);
    assert_eq!(stream.take(&get(4, "c"))[0].count, 3);
}

#[test]
fn several_fields_are_counted_as_one_value() {
    let mut stream = Stream::new(&[values("[objectRef.namespace, objectRef.name]")]);
    let get = |second, namespace: &str, name: &str| Request {
        namespace: namespace.into(),
        ..Request::new(second, "get", "mallory", name)
    };
    assert_eq!(stream.told(&[get(0, "a", "bc"), get(1, "ab", "c")]), 0);
    assert_eq!(stream.told(&[get(2, "a", "c")]), 1);
}

#[test]
fn a_hit_without_the_field_that_is_counted_is_left_out() {
    let mut stream = Stream::new(&[values("objectRef.name")]);
    let get = |second, name: &str| Request::new(second, "get", "mallory", name);
    assert_eq!(stream.told(&[get(0, "a"), get(1, "b"), get(2, "")]), 0);
}

#[test]
fn a_field_of_group_by_that_the_events_lack_is_left_out_of_the_group() {
    let lines = "type: event_count\nrules: [lists]\ngroup-by: [user.username, objectRef.name]\ntimespan: 1m\n\
                 condition: {gte: 1}";
    let mut stream = Stream::new(&[correlation("any", lines)]);
    let told = stream.take(&Request::new(0, "list", "mallory", ""));
    assert_eq!(told[0].group, [("user.username".to_owned(), "mallory".to_owned())]);
}

fn temporal(kind: &str, condition: &str) -> String {
    let lines = format!(
        "type: {kind}\nrules: [lists, gets, creates]\ngroup-by: [user.username]\ntimespan: 10m\n{condition}"
    );
    correlation("story", &lines)
}

fn verbs<const N: usize>(verbs: [&'static str; N]) -> [Request; N] {
    let mut second = 0;
    verbs.map(|verb| {
        second += 10;
        Request::new(second, verb, "mallory", "db")
    })
}

#[test]
fn temporal_without_a_condition_wants_all_its_rules() {
    let mut stream = Stream::new(&[temporal("temporal", "")]);
    assert_eq!(stream.told(&verbs(["create", "get", "create"])), 0);
    let last = stream.take(&Request::new(40, "list", "mallory", "db"));
    assert_eq!(last[0].count, 3);
}

#[test]
fn temporal_with_a_number_wants_so_many_of_its_rules() {
    let story = temporal("temporal", "condition: {gte: 2}");
    assert_eq!(Stream::new(&[story]).told_at(&verbs(["create", "create", "get"])), [20]);
}

#[test]
fn temporal_with_words_wants_what_they_say() {
    let story = || temporal("temporal", "condition: creates and (lists or gets)");
    assert_eq!(Stream::new(&[story()]).told(&verbs(["list", "get", "list"])), 0);
    assert_eq!(Stream::new(&[story()]).told(&verbs(["list", "create"])), 1);
    let story = || temporal("temporal", "condition: 2 of them and not creates");
    assert_eq!(Stream::new(&[story()]).told(&verbs(["list", "create", "get"])), 0);
    assert_eq!(Stream::new(&[story()]).told(&verbs(["list", "get"])), 1);
}

#[test]
fn temporal_ordered_wants_them_in_this_order() {
    let story = || temporal("temporal_ordered", "");
    assert_eq!(Stream::new(&[story()]).told(&verbs(["create", "get", "list"])), 0);
    assert_eq!(Stream::new(&[story()]).told(&verbs(["get", "list", "create", "get"])), 0);
    assert_eq!(Stream::new(&[story()]).told(&verbs(["get", "list", "create", "get", "create"])), 1);
}

#[test]
fn an_alias_joins_fields_of_different_names() {
    let lines = "type: temporal\nrules: [lists, gets]\ngroup-by: [who]\ntimespan: 10m\n\
                 aliases:\n  who:\n    lists: user.username\n    gets: objectRef.name";
    let mut stream = Stream::new(&[correlation("joined", lines)]);
    assert_eq!(stream.take(&Request::new(0, "list", "alice", "x")), []);
    assert_eq!(stream.take(&Request::new(1, "get", "alice", "bob")), []);
    let told = stream.take(&Request::new(2, "get", "carol", "alice"));
    assert_eq!(told[0].group, [("who".to_owned(), "alice".to_owned())]);
}

#[test]
fn windows_that_do_not_overlap_begin_at_whole_timespans() {
    let lines = "type: event_count\nrules: [lists]\ngroup-by: [user.username]\ntimespan: 1m\nwindow: tumbling\n\
                 condition: {gte: 3}";
    let mut stream = Stream::new(&[correlation("minute", lines)]);
    // 1,790,000,000 is 20 seconds into a minute.
    assert_eq!(stream.told(&lists([38, 39, 40, 41])), 0);
    assert_eq!(stream.told(&lists([42])), 1);
}

#[test]
fn rules_that_a_correlation_counts_are_silent_unless_it_says_generate() {
    let lines = "type: event_count\nrules: [lists]\ntimespan: 1m\ncondition: {gte: 2}\ngenerate: true";
    let generating = correlation("loud", lines);
    let set = crate::support::rules(&[generating, temporal("temporal", "").replace("lists, ", "")]);
    let silent = |name: &str| set.rule(set.find(name).unwrap()).silent;
    assert!(!silent("lists"));
    assert!(silent("gets") && silent("creates"));
    assert!(!silent("loud") && !silent("story"));
}
