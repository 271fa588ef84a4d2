//! Conditions, keywords and lists of selections.

use crate::{load, meets, selects};

fn with(condition: &str) -> String {
    format!(
        "title: Rule\ndetection:\n  sel_verb: {{verb: get}}\n  sel_pods: {{objectRef.resource: pods}}\n  \
         other: {{stage: Panic}}\n  _hidden: {{level: Request}}\n  condition: {condition}\n"
    )
}

const GET_PODS: &str = r#"{"verb":"get","objectRef":{"resource":"pods"}}"#;
const GET_NODES: &str = r#"{"verb":"get","objectRef":{"resource":"nodes"}}"#;

#[test]
fn conditions_join_selections() {
    for (condition, pods, nodes) in [
        ("sel_verb and sel_pods", true, false),
        ("sel_verb and not sel_pods", false, true),
        ("sel_pods or other", true, false),
        ("not (sel_pods or other)", false, true),
        ("other or sel_verb and sel_pods", true, false),
        ("not not sel_verb", true, true),
        ("1 of sel_*", true, true),
        ("all of sel_*", true, false),
        ("any of *", true, true),
        ("2 of them", true, false),
        ("2 of *", true, false),
        ("not 1 of them", false, false),
        ("all of them", false, false),
        ("[sel_pods and other, sel_verb and sel_pods]", true, false),
    ] {
        assert_eq!(meets(&with(condition), GET_PODS), pods, "{condition}");
        assert_eq!(meets(&with(condition), GET_NODES), nodes, "{condition}");
    }
}

#[test]
fn what_begins_with_an_underscore_is_not_one_of_them() {
    let event = r#"{"level":"Request","verb":"get"}"#;
    assert!(!meets(&with("2 of them"), event));
    assert!(meets(&with("2 of *"), event));
}

#[test]
fn a_list_of_maps_means_any_of_them() {
    let selection = "[{verb: get, stage: Panic}, {objectRef.resource: pods}]";
    assert!(selects(selection, GET_PODS));
    assert!(!selects(selection, GET_NODES));
}

#[test]
fn keywords_are_looked_for_in_every_text_of_the_event() {
    for event in [
        r#"{"userAgent":"a NEEDLE b"}"#,
        r#"{"user":{"extra":{"x":["needle"]}}}"#,
        r#"{"impersonatedUser":{"groups":["needles"]}}"#,
        r#"{"annotations":{"x":"needle"}}"#,
        r#"{"requestObject":{"a":[{"b":"needle"}]}}"#,
        r#"{"responseStatus":{"message":"no needle"}}"#,
        r#"{"sourceIPs":["needle"]}"#,
    ] {
        assert!(selects("[hay, needle]", event), "{event}");
        assert!(selects("needle", event), "{event}");
        assert!(selects("{'|contains|all': [need, dle]}", event), "{event}");
    }
    for event in
        [r#"{"annotations":{"needle":"x"}}"#, r#"{"auditID":"needle"}"#, r#"{"stageTimestamp":"needle"}"#]
    {
        assert!(!selects("[needle]", event), "{event}");
    }
    assert!(selects("['*nee?le']", r#"{"verb":"x needle"}"#));
    assert!(!selects("['nee?le']", r#"{"verb":"x needle"}"#), "with wildcards all of the text is meant");
}

#[test]
fn a_condition_that_names_nothing_is_told_with_what_there_is() {
    for (condition, wanted) in [
        (
            "selection",
            "names `selection`, and there is no such selection; there is `_hidden`, `other`, `sel_pods`, `sel_verb`",
        ),
        ("all of selection*", "names `selection*`, and there is no such selection"),
        ("5 of them", "`5 of them` is never met: there are 3"),
        ("0 of them", "`0 of` is always met"),
    ] {
        let loaded = load(&with(condition));
        let told = loaded.errors[0].to_string();
        assert!(told.contains(wanted), "{told}");
        assert!(told.starts_with("rules.yml:7 (rule `Rule`)"), "{told}");
    }
}
