//! Correlations that cannot be used say why, and leave the others in use.

use sundew_sigma::RuleSet;

use crate::support::{correlation, five_a_minute, source};

/// What is wrong with the only correlation among these that cannot be used.
fn wrong(correlations: &[String]) -> String {
    let loaded = RuleSet::load(&[source(correlations)]);
    let [error] = loaded.errors.as_slice() else { panic!("{:?}", loaded.errors) };
    assert!(error.line.is_some(), "{error:?}");
    assert!(loaded.set.find("lists").is_some(), "the detections are used all the same");
    assert!(loaded.set.find(error.rule.as_deref().unwrap()).is_none());
    error.to_string()
}

fn one(lines: &str) -> String {
    wrong(&[correlation("broken", lines)])
}

#[test]
fn a_rule_that_does_not_exist_is_told_with_the_one_that_was_meant() {
    let error = one("type: event_count\nrules: [listing]\ntimespan: 1m\ncondition: {gte: 2}");
    assert!(error.contains("`listing`, and there is none; did you mean `lists`?"), "{error}");
}

#[test]
fn a_correlation_of_itself_is_refused() {
    let error = one("type: event_count\nrules: [broken]\ntimespan: 1m\ncondition: {gte: 2}");
    assert!(error.contains("refers to itself"), "{error}");
}

#[test]
fn correlations_that_wait_for_each_other_are_refused() {
    let lines = |of: &str| format!("type: event_count\nrules: [{of}]\ntimespan: 1m\ncondition: {{gte: 2}}");
    let loaded = RuleSet::load(&[source(&[correlation("a", &lines("b")), correlation("b", &lines("a"))])]);
    let told: Vec<String> = loaded.errors.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("itself through `b`") && told[1].contains("itself through `a`"), "{told:?}");
}

#[test]
fn what_refers_to_a_broken_one_is_broken_and_says_so() {
    let broken =
        correlation("inner", "type: event_count\nrules: [nobody]\ntimespan: 1m\ncondition: {gte: 2}");
    let outer = correlation("outer", "type: event_count\nrules: [inner]\ntimespan: 1m\ncondition: {gte: 2}");
    let loaded = RuleSet::load(&[source(&[outer, broken, five_a_minute()])]);
    let told: Vec<String> = loaded.errors.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().any(|error| error.contains("`inner`, which cannot be used; mend that rule first")));
    assert!(loaded.set.find("burst").is_some());
}

#[test]
fn sums_and_means_are_refused() {
    for kind in ["value_sum", "value_avg", "value_percentile", "value_median"] {
        let error = one(&format!(
            "type: {kind}\nrules: [lists]\ntimespan: 1m\ncondition: {{gte: 2, field: objectRef.name}}"
        ));
        assert!(error.contains(&format!("`{kind}` are not known here; audit events have hardly")), "{error}");
    }
}

#[test]
fn windows_that_end_with_silence_are_refused() {
    let error = one(
        "type: event_count\nrules: [lists]\ntimespan: 1m\nwindow: session\ngap: 10s\ncondition: {gte: 2}",
    );
    assert!(error.contains("`session` are not known here; leave `window` and `gap` out"), "{error}");
}

#[test]
fn counts_and_times_beyond_what_can_be_remembered_are_refused() {
    let error = one("type: event_count\nrules: [lists]\ntimespan: 1m\ncondition: {gte: 10001}");
    assert!(error.contains("counts to 10001, and at most 10000"), "{error}");
    for timespan in ["0s", "2y"] {
        let error =
            one(&format!("type: event_count\nrules: [lists]\ntimespan: {timespan}\ncondition: {{gte: 2}}"));
        assert!(error.contains(&format!("timespan `{timespan}`")), "{error}");
    }
}

#[test]
fn a_count_of_values_that_names_no_field_is_refused() {
    let error = one("type: value_count\nrules: [lists]\ntimespan: 1m\ncondition: {gte: 2}");
    assert!(error.contains("does not say what to count; name it under `condition` as `field`"), "{error}");
}

#[test]
fn a_condition_or_an_alias_that_names_another_rule_is_refused() {
    let error = one("type: temporal\nrules: [lists, gets]\ntimespan: 1m\ncondition: lists and creates");
    assert!(
        error.contains("names `creates`, which is not among its `rules`; name one of lists, gets"),
        "{error}"
    );
    let error =
        one("type: temporal\nrules: [lists, gets]\ntimespan: 1m\naliases:\n  who:\n    creates: verb");
    assert!(error.contains("alias `who` names the rule `creates`"), "{error}");
}

#[test]
fn a_group_that_the_inner_correlation_does_not_have_is_refused() {
    let outer = correlation(
        "outer",
        "type: event_count\nrules: [burst]\ngroup-by: [sundew.peer]\ntimespan: 1m\ncondition: {gte: 2}",
    );
    let error = wrong(&[five_a_minute(), outer]);
    assert!(error.contains("needs `sundew.peer` of `burst`, which does not group by it"), "{error}");
}

#[test]
fn an_extension_that_does_not_exist_is_told_with_the_one_that_was_meant() {
    let error =
        one("type: event_count\nrules: [lists]\ngroup-by: [sundew.peeer]\ntimespan: 1m\ncondition: {gte: 2}");
    assert!(error.contains("no field `sundew.peeer`; did you mean `sundew.peer`?"), "{error}");
}

#[test]
fn a_correlation_of_nothing_is_refused() {
    let error = one("type: event_count\ntimespan: 1m\ncondition: {gte: 2}");
    assert!(error.contains("names no rules"), "{error}");
}
