//! Filters: exclusions that apply to rules of other files.

use crate::{load, meets};

const RULES: &str = "title: Listing\nname: listing\nid: 11111111-2222-4333-8444-555555555555\n\
    logsource: {product: kubernetes, service: audit}\ndetection:\n  selection: {verb: list}\n  condition: selection\n";

fn with(rules: &str, more: &str) -> String {
    format!(
        "{RULES}---\ntitle: Not Jane\n{more}filter:\n  rules: {rules}\n  selection: {{user.username: jane}}\n  \
         condition: not selection\n"
    )
}

const JANE: &str = r#"{"verb":"list","user":{"username":"jane"}}"#;
const JOHN: &str = r#"{"verb":"list","user":{"username":"john"}}"#;

#[test]
fn a_filter_takes_from_the_rules_it_names() {
    for rules in ["any", "[listing]", "[11111111-2222-4333-8444-555555555555]", "[Listing]", "listing"] {
        assert!(!meets(&with(rules, ""), JANE), "{rules}");
        assert!(meets(&with(rules, ""), JOHN), "{rules}");
    }
}

#[test]
fn a_filter_applies_where_its_log_source_does() {
    assert!(!meets(&with("any", "logsource: {product: Kubernetes}\n"), JANE));
    let loaded = load(&with("any", "logsource: {product: windows}\n"));
    assert_eq!(loaded.set.rules().len(), 1);
    assert!(loaded.errors[0].to_string().contains("the filter is for any rule"), "{}", loaded.errors[0]);
}

#[test]
fn a_filter_for_a_rule_that_is_not_there_is_told_and_the_rules_go_on() {
    let loaded = load(&with("[listings]", ""));
    assert_eq!(loaded.set.rules().len(), 1);
    assert_eq!(
        loaded.errors[0].to_string(),
        "rules.yml:11 (rule `Not Jane`): the filter is for listings, and no detection with this log source is called so; \
         name a detection by its `name` or `id`"
    );
}

#[test]
fn selections_of_rule_and_filter_may_have_the_same_name() {
    let text = with("any", "").replace("condition: not selection", "condition: not 1 of selection*");
    assert!(!meets(&text, JANE));
    assert!(meets(&text, JOHN));
}
