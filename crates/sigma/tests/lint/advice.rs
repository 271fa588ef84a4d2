//! What a rule should say about itself.

use sundew_sigma::{Source, lint, lint::Weight};

use crate::support::{rule, silent, words};

#[test]
fn a_rule_with_nothing_wrong_is_not_remarked_on() {
    assert_eq!(lint(&[rule("selection:\n  verb: deletecollection\ncondition: selection")]), []);
}

#[test]
fn what_is_missing_is_told_and_what_for() {
    let text = "title: A rule\nlogsource: {product: kubernetes, service: audit}\ndetection:\n  a: {verb: get}\n  condition: a\n";
    let told = words(&lint(&[Source { name: "bare.yml".into(), text: text.into() }]), Weight::Advice);
    for key in ["id", "description", "level", "tags"] {
        assert!(told.iter().any(|text| text.starts_with(&format!("it has no `{key}`"))), "{key}: {told:?}");
    }
    assert_eq!(told.len(), 4, "{told:?}");
}

#[test]
fn what_the_parser_passes_over_is_told() {
    let mut source = rule("selection:\n  verb: get\ncondition: selection");
    source.text = source.text.replace("title:", "status: ready\nrelated: nobody\ntitle:");
    let told = lint(&[source]);
    silent(&words(&told, Weight::Broken));
    let lines: Vec<_> = told.iter().map(|remark| (remark.line, remark.what.as_str())).collect();
    assert_eq!(
        lines,
        [(Some(1), "its status is none that Sigma knows"), (Some(2), "what it is related to cannot be read")]
    );
}
