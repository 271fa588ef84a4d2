//! Reading rule files.

use super::*;

fn read_one(text: &str) -> (Vec<Document>, Vec<LoadError>) {
    read(&[Source { name: "rules.yml".into(), text: text.into() }])
}

fn told(text: &str) -> String {
    let (documents, errors) = read_one(text);
    assert!(documents.is_empty(), "{documents:?}");
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

const RULE: &str =
    "title: A\nlogsource: {product: kubernetes}\ndetection:\n  sel:\n    verb: get\n  condition: sel\n";

#[test]
fn documents_know_the_line_they_begin_in() {
    let text = format!("# a note\n---\n{RULE}---\n{RULE}...\n---\n\n# nothing here\n---\n{RULE}");
    let (documents, errors) = read_one(&text);
    assert_eq!(errors, []);
    assert_eq!(documents.iter().map(|document| document.line).collect::<Vec<_>>(), [2, 9, 20]);
    assert_eq!(documents[1].line_of("verb: get"), Some(14));
}

#[test]
fn documents_that_build_on_each_other_are_read_together() {
    let text = "action: global\nlogsource: {product: kubernetes}\n---\ntitle: A\ndetection: {sel: {verb: get}, condition: \
                sel}\n---\ntitle: B\ndetection: {sel: {verb: list}, condition: sel}\n";
    let (documents, errors) = read_one(text);
    assert_eq!(errors, []);
    assert_eq!(documents.iter().map(Document::title).collect::<Vec<_>>(), ["A", "B"]);
}

#[test]
fn a_syntax_error_names_its_line_and_leaves_the_other_documents_alone() {
    let text = format!("{RULE}---\ntitle: Broken\ndetection:\n  sel: [get\n  condition: sel\n---\n{RULE}");
    let (documents, errors) = read_one(&text);
    assert_eq!(documents.len(), 2);
    let error = errors[0].to_string();
    assert!(error.starts_with("rules.yml:1"), "{error}");
    assert!(error.contains("(rule `Broken`): not valid YAML"), "{error}");
}

#[test]
fn an_unknown_modifier_is_told_with_the_one_that_was_meant() {
    assert_eq!(
        told(&RULE.replace("verb:", "verb|contain:")),
        "rules.yml:5 (rule `A`): there is no modifier `contain`; did you mean `contains`?"
    );
    assert_eq!(
        told(&RULE.replace("verb:", "verb|not:")),
        "rules.yml:5 (rule `A`): `not` is no modifier; write `not SELECTION` in the condition, or use `neq`"
    );
}

#[test]
fn a_condition_that_cannot_be_read_is_told_in_one_line() {
    assert_eq!(
        told(&RULE.replace("condition: sel", "condition: sel andd sel")),
        "rules.yml:6 (rule `A`): the condition cannot be read from its column 5 on; join selections with and, or, not, \
         parentheses and `1 of NAME*`"
    );
}

#[test]
fn a_level_that_does_not_exist_is_an_error_and_a_status_is_not() {
    assert_eq!(
        told(&format!("{RULE}level: urgent\n")),
        "rules.yml:7 (rule `A`): there is no level `urgent`; write informational, low, medium, high or critical"
    );
    let (documents, errors) = read_one(&format!("{RULE}status: ripe\n"));
    assert_eq!((documents.len(), errors.len()), (1, 0));
}

#[test]
fn what_is_missing_is_named() {
    assert_eq!(
        told("title: A\ndetection: {sel: {verb: get}}\n"),
        "rules.yml:1 (rule `A`): `condition` is missing; add `condition:`"
    );
    assert_eq!(told("title: A\n"), "rules.yml:1 (rule `A`): `detection` is missing; add `detection:`");
    assert!(told("- a\n- b\n").contains("not a YAML mapping"));
}

#[test]
fn what_would_make_a_parser_run_out_of_stack_is_refused() {
    let open = format!("{}sel{}", "(".repeat(20_000), ")".repeat(20_000));
    let escaped = format!("\"{}sel\"", "\\x28".repeat(20_000));
    let negated = format!("{}sel", "not ".repeat(15_000));
    for condition in [open, escaped, negated] {
        let told = told(&RULE.replace("condition: sel", &format!("condition: {condition}")));
        assert!(told.contains("are nested deeper than 60 levels"), "{told}");
    }
    let told = told(&format!("title: A\ndetection: {}", "[".repeat(100_000)));
    assert_eq!(
        told,
        "rules.yml:1 (rule `A`): brackets are nested deeper than 400 levels; name the parts as selections of their own and \
         join those"
    );
}

#[test]
fn a_document_of_many_megabytes_is_refused() {
    let told = told(&format!("title: A\ndescription: {}\n", "long ".repeat(1 << 20)));
    assert_eq!(
        told,
        "rules.yml:1 (rule `A`): it is 5 MiB long, and 4 MiB are the limit; cut it into several rules"
    );
}

#[test]
fn a_bomb_of_aliases_is_refused() {
    let mut text = "title: A\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for at in 1..12 {
        let list = format!("*a{}, ", at - 1).repeat(10);
        text.push_str(&format!("a{at}: &a{at} [{list}]\n"));
    }
    assert!(told(&text).contains("not valid YAML"), "{}", told(&text));
}

#[test]
fn a_rule_without_a_name_is_called_by_its_id_or_its_title() {
    assert_eq!(name_of(Some(" n "), Some("i"), "T"), "n");
    assert_eq!(name_of(None, Some("i"), "T"), "i");
    assert_eq!(name_of(None, None, "Shell, opened in a Pod!"), "shell__opened_in_a_pod");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_text_makes_loading_panic(
        pieces in proptest::collection::vec((0_usize..RULE.len(), 0_usize..8, "[ -~\n\u{e9}]{0,6}"), 0..6),
    ) {
        let mut text = RULE.to_owned();
        for (at, length, piece) in pieces {
            let at = at.min(text.len());
            let until = (at + length).min(text.len());
            if text.is_char_boundary(at) && text.is_char_boundary(until) {
                text.replace_range(at..until, &piece);
            }
        }
        let _ = crate::RuleSet::load(&[Source { name: "rules.yml".into(), text }]);
    }
}
