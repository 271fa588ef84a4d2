//! What the lint says of correlations.

use sundew_sigma::{Source, lint, lint::Weight};

use crate::support::{rule, says, silent, words};

/// A detection called `base`, one called `dead`, and a correlation.
fn linted(correlation: &str, weight: Weight) -> Vec<String> {
    let base =
        rule("selection:\n  verb: get\ncondition: selection").text.replace("A rule", "A rule\nname: base");
    let dead = rule("selection:\n  hostPath: x\ncondition: selection").text;
    let dead = dead.replace("A rule", "Never\nname: dead").replace("5a1f2c1e", "00000000");
    let lines: String = correlation.lines().map(|line| format!("  {line}\n")).collect();
    let own = format!(
        "title: Several\nid: 1cfd8b3f-7be3-4e0f-9a3e-2f4a2ed3a3b4\ndescription: Several of them.\nlevel: low\n\
         tags: [attack.t1609]\ncorrelation:\n{lines}"
    );
    let text = format!("{base}---\n{dead}---\n{own}");
    let told = lint(&[Source { name: "several.yml".into(), text }]);
    let own: Vec<_> = told.into_iter().filter(|remark| remark.rule == "Several").collect();
    words(&own, weight)
}

#[test]
fn a_count_that_cannot_be_is_told() {
    let count = |condition: &str| {
        linted(
            &format!("type: event_count\nrules: [base]\ntimespan: 1m\ncondition: {{{condition}}}"),
            Weight::Dead,
        )
    };
    says(&count("lt: 1"), &["no count meets its condition"]);
    says(&count("gt: 5, lt: 6"), &["no count meets its condition"]);
    silent(&count("gt: 5, lt: 7"));
    silent(&count("gte: 1"));
}

#[test]
fn more_values_than_a_field_has_are_told() {
    let count = |least: u32| {
        let condition = format!("{{gte: {least}, field: sundew.allowed}}");
        let lines = format!("type: value_count\nrules: [base]\ntimespan: 1m\ncondition: {condition}");
        linted(&lines, Weight::Dead)
    };
    silent(&count(2));
    says(&count(3), &["no count from 1 to 2"]);
}

#[test]
fn more_rules_than_it_names_are_told() {
    let told = linted("type: temporal\nrules: [base, dead]\ntimespan: 1m\ncondition: {gte: 3}", Weight::Dead);
    says(&told, &["no count from 1 to 2"]);
}

#[test]
fn a_correlation_of_what_never_matches_never_matches() {
    let told = |lines: &str| linted(&format!("{lines}\ntimespan: 1m"), Weight::Dead);
    says(
        &told("type: event_count\nrules: [dead]\ncondition: {gte: 2}"),
        &["waits for dead, which can never match"],
    );
    silent(&told("type: event_count\nrules: [base, dead]\ncondition: {gte: 2}"));
    says(&told("type: temporal\nrules: [base, dead]"), &["waits for dead"]);
    says(&told("type: temporal_ordered\nrules: [base, dead]"), &["waits for dead"]);
    says(&told("type: temporal\nrules: [base, dead]\ncondition: {gte: 2}"), &["waits for dead"]);
}

#[test]
fn fields_that_do_not_exist_are_told() {
    let lines = "type: value_count\nrules: [base]\ntimespan: 1m\ncondition: {gte: 2, field: resource}";
    says(
        &linted(lines, Weight::Dead),
        &["no field `resource`, so that there is nothing to count", "objectRef.resource"],
    );
    let lines = "type: event_count\nrules: [base]\ngroup-by: [username]\ntimespan: 1m\ncondition: {gte: 2}";
    says(
        &linted(lines, Weight::Doubt),
        &["no field `username`, so that it does not part the groups", "user.username"],
    );
}

#[test]
fn a_correlation_that_cannot_be_used_is_broken() {
    let lines = "type: event_count\nrules: [bass]\ntimespan: 1m\ncondition: {gte: 2}";
    says(&linted(lines, Weight::Broken), &["`bass`", "did you mean `base`?"]);
}
