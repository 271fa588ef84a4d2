//! Blocks for the elements of a list, which rules of `sigma-version: 3` have.

use crate::{load, meets};

fn three(selection: &str) -> String {
    format!("title: Rule\nsigma-version: 3\ndetection:\n  selection: {selection}\n  condition: selection\n")
}

fn ports(ports: &str) -> String {
    format!(r#"{{"requestObject":{{"ports":{ports}}},"user":{{"groups":["a","b"]}}}}"#)
}

#[test]
fn a_block_holds_of_one_element() {
    let both = three("{'requestObject.ports[any]': {name: http, port|gte: 1024}}");
    assert!(meets(&both, &ports(r#"[{"name":"x","port":1},{"name":"http","port":8080}]"#)));
    assert!(!meets(&both, &ports(r#"[{"name":"x","port":8080},{"name":"http","port":80}]"#)));
}

#[test]
fn quantifiers_range_over_the_elements() {
    let some = r#"[{"port":1},{"port":2}]"#;
    for (quantifier, of_some, of_same, of_empty, of_none) in [
        ("any", true, true, false, false),
        ("all", false, true, false, false),
        ("all_or_empty", false, true, true, true),
        ("none", false, false, true, true),
    ] {
        let rule = three(&format!("{{'requestObject.ports[{quantifier}].port': 1}}"));
        assert_eq!(meets(&rule, &ports(some)), of_some, "{quantifier}");
        assert_eq!(meets(&rule, &ports(r#"[{"port":1}]"#)), of_same, "{quantifier}");
        assert_eq!(meets(&rule, &ports("[]")), of_empty, "{quantifier}");
        assert_eq!(meets(&rule, "{}"), of_none, "{quantifier}");
    }
}

#[test]
fn a_block_may_have_a_condition() {
    let rule =
        three("{'requestObject.ports[any]': {a: {name: http}, b: {port: 80}, condition: a and not b}}");
    assert!(meets(&rule, &ports(r#"[{"name":"http","port":8080}]"#)));
    assert!(!meets(&rule, &ports(r#"[{"name":"http","port":80},{"port":8080}]"#)));
}

#[test]
fn single_elements_and_elements_themselves() {
    assert!(meets(&three("{'user.groups[0]': a}"), &ports("0")));
    assert!(!meets(&three("{'user.groups[0]': b}"), &ports("0")));
    assert!(meets(&three("{'user.groups[-1]': b}"), &ports("0")));
    assert!(!meets(&three("{'user.groups[2]|exists': true}"), &ports("0")));
    assert!(meets(&three("{'user.groups[all]|contains': ['a', 'b']}"), &ports("0")));
    assert!(!meets(&three("{'user.groups[all]': 'a'}"), &ports("0")));
    assert!(meets(&three("{'requestObject.ports[1].port': 2}"), &ports(r#"[{"port":1},{"port":2}]"#)));
    assert!(meets(&three("{'requestObject.ports[any]': {'.|gt': 5}}"), &ports("[1,9]")));
}

#[test]
fn before_version_three_brackets_are_part_of_a_name() {
    let rule = three("{'requestObject.a[0]': x}").replace("sigma-version: 3\n", "");
    assert!(meets(&rule, r#"{"requestObject":{"a[0]":"x"}}"#));
    assert!(!meets(&rule, r#"{"requestObject":{"a":["x"]}}"#));
}

#[test]
fn a_version_that_is_not_known_is_told() {
    let loaded = load(&three("{verb: get}").replace("sigma-version: 3", "sigma-version: 4"));
    assert_eq!(
        loaded.errors[0].to_string(),
        "rules.yml:2 (rule `Rule`): it is written for version 4 of Sigma; versions up to 3 are known"
    );
}
