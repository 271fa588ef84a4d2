//! Values and modifiers.

use crate::{complaint, selects};

/// Each value against each text: which of them are met.
fn table(selection: &str, met: &[&str], unmet: &[&str]) {
    let event = |text: &&str| serde_json::json!({"userAgent": text}).to_string();
    for text in met {
        assert!(selects(selection, &event(text)), "{selection} on {text}");
    }
    for text in unmet {
        assert!(!selects(selection, &event(text)), "{selection} on {text}");
    }
}

#[test]
fn case_is_told_apart_only_where_the_rule_says_so() {
    table("{userAgent: Kubectl}", &["kubectl", "KUBECTL"], &["kubectl/v1", "xkubectl"]);
    table("{userAgent|cased: Kubectl}", &["Kubectl"], &["kubectl"]);
    table("{userAgent: ÄRZTE}", &["ärzte", "Ärzte"], &["arzte"]);
    table("{userAgent|contains|cased: ctl}", &["kubectl/v1"], &["kubeCTL/v1"]);
}

#[test]
fn pieces_are_found_where_they_are_asked_for() {
    table("{userAgent|contains: Ctl/}", &["kubectl/v1", "CTL/"], &["kubectl"]);
    table("{userAgent|startswith: Kube}", &["kubectl", "KUBE"], &["akube", "kub"]);
    table("{userAgent|endswith: CTL}", &["kubectl", "ctl"], &["ctl/", "tl"]);
    table("{userAgent|contains|all: [ube, ctl]}", &["kubectl"], &["kube", "ctl"]);
    table("{userAgent|contains: [a1, b2, c3, d4, E5]}", &["xB2x", "e5"], &["a 1", "5"]);
}

#[test]
fn wildcards_stand_for_any_characters_or_one() {
    table("{userAgent: 'kube*'}", &["kube", "kubectl", "KUBE\nx"], &["akube"]);
    table("{userAgent: '*ctl'}", &["ctl", "kubectl"], &["ctl "]);
    table("{userAgent: 'k?be*v1'}", &["kube/v1", "kAbev1"], &["kbe/v1", "kube/v11", "kube/v"]);
    table("{userAgent: 'a*b*c'}", &["abc", "a-b-b-c"], &["acb", "abcd"]);
    table("{userAgent: '*a?c*a?c'}", &["abcabc", "xabc-aéc"], &["abc"]);
    table("{userAgent: 'a*a'}", &["aa", "aba"], &["a"]);
    table("{userAgent|startswith: 'a*b'}", &["ab", "a-bc"], &["ba", "xab"]);
    table("{userAgent|endswith: 'a*b'}", &["ab", "xa-b"], &["abx"]);
    table("{userAgent|contains: 'a*b'}", &["xa-bx"], &["ba"]);
    table(r"{userAgent: 'a\*b'}", &["a*b"], &["a-b"]);
    table(r"{userAgent: 'a\\*'}", &[r"a\b", r"a\"], &["a*"]);
}

#[test]
fn expressions_match_anywhere_and_tell_case_apart_unless_told() {
    table("{userAgent|re: 'v[0-9]+'}", &["kubectl/v12"], &["kubectl/V12", "v"]);
    table("{userAgent|re|i: 'v[0-9]+$'}", &["kubectl/V12"], &["v12 "]);
    table("{userAgent|re|m: '^b$'}", &["a\nb"], &["ab"]);
    table("{userAgent|re|s: 'a.b'}", &["a\nb"], &["ab"]);
    table("{userAgent|re: 'a.b'}", &["a-b"], &["a\nb"]);
}

#[test]
fn networks_of_both_families_hold_their_addresses() {
    let event = |ip: &str| format!(r#"{{"sourceIPs":["1.2.3.4","{ip}"]}}"#);
    for (net, inside, outside) in [
        ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
        ("fd00::/8", "fd12::1", "fe80::1"),
        ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
        ("2001:db8::1", "2001:DB8::1", "2001:db8::2"),
    ] {
        let selection = format!("{{sourceIPs|cidr: '{net}'}}");
        assert!(selects(&selection, &event(inside)), "{net}");
        assert!(!selects(&selection, &event(outside)), "{net}");
    }
}

#[test]
fn numbers_are_compared_as_numbers_and_texts_as_texts() {
    let code = |code: &str| format!(r#"{{"responseStatus":{{"code":{code}}},"userAgent":"1e2"}}"#);
    for selection in [
        "{responseStatus.code: 403}",
        "{responseStatus.code: '403'}",
        "{responseStatus.code|gte: 403}",
        "{responseStatus.code|gt: 402}",
        "{responseStatus.code|lt: '403.5'}",
        "{responseStatus.code|lte: 403}",
        "{responseStatus.code|startswith: 4}",
        "{responseStatus.code|re: '^40[13]$'}",
    ] {
        assert!(selects(selection, &code("403")), "{selection}");
    }
    assert!(!selects("{responseStatus.code: '403 '}", &code("403")));
    assert!(selects("{userAgent: 100}", &code("200")), "a text that reads as a number");
    assert!(!selects("{userAgent: '100'}", &code("200")));
}

#[test]
fn neq_is_met_by_what_is_there_and_unlike_every_value() {
    let event = r#"{"verb":"get"}"#;
    assert!(selects("{verb|neq: [list, watch]}", event));
    assert!(!selects("{verb|neq: [list, GET]}", event));
    assert!(!selects("{objectRef.name|neq: x}", event), "what is absent is not unlike anything");
}

#[test]
fn null_and_exists_ask_for_absence() {
    let (with, without) = (r#"{"objectRef":{"name":"x"}}"#, r#"{"objectRef":{"resource":"pods"}}"#);
    for (selection, met_with) in [
        ("{objectRef.name: null}", false),
        ("{objectRef.name|exists: true}", true),
        ("{objectRef.name|exists: false}", false),
        ("{objectRef.name|exists: no}", false),
        ("{objectRef.name|neq: null}", true),
    ] {
        assert_eq!(selects(selection, with), met_with, "{selection}");
    }
    assert!(selects("{objectRef.name: null}", without));
    assert!(selects("{objectRef.name: [null, y]}", without));
    assert!(selects("{objectRef.name|exists: false}", without));
    assert!(selects("{objectRef|exists: true}", without));
    assert!(!selects("{objectRef|exists: true}", "{}"));
}

#[test]
fn a_field_can_be_held_against_another() {
    let event = r#"{"user":{"username":"Jane"},"objectRef":{"name":"jane-laptop"},"impersonatedUser":{"username":"jane"}}"#;
    assert!(selects("{impersonatedUser.username|fieldref: user.username}", event));
    assert!(!selects("{impersonatedUser.username|fieldref|cased: user.username}", event));
    assert!(selects("{objectRef.name|fieldref|startswith: user.username}", event));
    assert!(!selects("{objectRef.name|fieldref: user.uid}", event));
    assert!(complaint("{objectRef.name|fieldref: sundew.peeer}").contains("did you mean `sundew.peer`"));
}

#[test]
fn encoded_values_are_looked_for_as_they_would_stand_there() {
    let event = |text: &str| serde_json::json!({"requestObject": {"data": text}}).to_string();
    let data = |modifiers: &str, value: &str| format!("{{requestObject.data|{modifiers}: '{value}'}}");
    assert!(selects(&data("base64", "hello"), &event("aGVsbG8=")));
    assert!(selects(&data("base64offset|contains", "/bin/sh"), &event("eCAvYmluL3NoIC1j")));
    assert!(selects(&data("wide|base64offset|contains", "IEX"), &event("SQBFAFgAIAAoAA==")));
    assert!(selects(&data("windash|contains", " -rf"), &event("rm \u{2013}rf /")));
    assert!(!selects(&data("contains", " -rf"), &event("rm \u{2013}rf /")));
}

#[test]
fn parts_of_a_time_are_compared() {
    let event = r#"{"requestReceivedTimestamp":"2026-11-22T03:04:05.123456Z"}"#;
    for (modifier, value) in
        [("minute", 4), ("hour", 3), ("day", 22), ("week", 47), ("month", 11), ("year", 2026)]
    {
        assert!(selects(&format!("{{requestReceivedTimestamp|{modifier}: {value}}}"), event), "{modifier}");
        assert!(
            !selects(&format!("{{requestReceivedTimestamp|{modifier}: {}}}", value + 1), event),
            "{modifier}"
        );
    }
}

#[test]
fn truth_values_are_met_by_the_words_for_them() {
    let event = |value: &str| format!(r#"{{"requestObject":{{"a":{value}}}}}"#);
    for value in ["true", "\"True\"", "\"1\"", "\"yes\"", "[false,true]"] {
        assert!(selects("{requestObject.a: true}", &event(value)), "{value}");
    }
    for value in ["false", "1", "\"\"", "null", "[]", "{}"] {
        assert!(!selects("{requestObject.a: true}", &event(value)), "{value}");
    }
}

#[test]
fn what_makes_no_sense_is_told_with_advice() {
    for (selection, wanted) in [
        ("{verb|expand: '%x%'}", "the modifier `expand` is not supported; write the values out"),
        ("{verb|re|contains: x}", "`re` and `contains` contradict each other"),
        ("{verb|contains|cidr: x}", "`contains` and `cidr` contradict each other"),
        ("{verb|contains|fieldref: x}", "`contains` and `fieldref` contradict each other"),
        ("{verb|contains|all: x}", "`all` has only one value"),
        ("{verb|i: x}", "`i`, `m` and `s` are flags of `re`"),
        ("{verb|wide: x}", "put `base64` or `base64offset` behind"),
        ("{verb|wide|utf16|base64: x}", "`utf16` does not go with another"),
        ("{verb|base64|base64offset: x}", "`base64offset` does not go with `base64`"),
        ("{verb|base64|re: x}", "here no texts are compared"),
        ("{verb|base64: 'a*'}", "write `\\*` and `\\?` for the characters themselves"),
        ("{verb|base64offset: 'a'}", "too short to be found within base64"),
        ("{verb|cidr: 10.0.0.0/33}", "`10.0.0.0/33` is no network"),
        ("{verb|gt: many}", "`many` is no number"),
        ("{verb|hour: 1.5}", "`1.5` is no part of a time"),
        ("{verb|exists: maybe}", "`exists` takes true or false, not `maybe`"),
        ("{verb|exists|contains: x}", "contradict each other"),
        ("{verb: []}", "a list of values is empty"),
        ("{verb|re: '('}", "is no regular expression: unclosed group"),
        ("{verb|windash: '-------'}", "has 7 dashes, and `windash` takes 5"),
        ("{}", "a selection is empty"),
        ("[true]", "the keyword `true` is no text"),
    ] {
        let told = complaint(selection);
        assert!(told.contains(wanted), "{selection}: {told}");
        assert!(told.starts_with("rules.yml:3 (rule `Rule`): "), "{selection}: {told}");
    }
}

#[test]
fn an_expression_that_would_explode_is_refused_with_its_cost() {
    assert_eq!(
        complaint("{verb|re: '(a{100}){10000}'}"),
        "rules.yml:3 (rule `Rule`): the regular expression `(a{100}){10000}` would need about 2030000 states, and 100000 \
         (5 MiB) are the limit; repeat less: `{0,1000}` makes a thousand copies of what it repeats"
    );
}
