//! Paths into bodies.

use std::fmt::Write as _;

use crate::selects;

fn body(json: &str) -> String {
    format!(r#"{{"requestObject":{json}}}"#)
}

#[test]
fn a_path_through_a_list_means_any_element() {
    let event = body(r#"{"spec":{"containers":[{"image":"a"},{"image":"b","ports":[{"n":1},{"n":2}]}]}}"#);
    assert!(selects("{requestObject.spec.containers.image: b}", &event));
    assert!(selects("{requestObject.spec.containers.ports.n: 2}", &event));
    assert!(!selects("{requestObject.spec.containers.ports.n: 3}", &event));
    assert!(selects("{requestObject.spec.containers.image|contains|all: [a, b]}", &event));
}

#[test]
fn the_longest_key_is_tried_first_and_a_shorter_one_where_it_leads_nowhere() {
    let dotted = "{requestObject.metadata.annotations.kubernetes.io/service-account.name: x}";
    assert!(selects(
        dotted,
        &body(r#"{"metadata":{"annotations":{"kubernetes.io/service-account.name":"x"}}}"#)
    ));
    assert!(selects(
        dotted,
        &body(r#"{"metadata":{"annotations":{"kubernetes":{"io/service-account":{"name":"x"}}}}}"#)
    ));
    assert!(!selects(dotted, &body(r#"{"metadata":{"annotations":{"kubernetes.io/service-account":"x"}}}"#)));
    let both = body(r#"{"a":{"b":{"c":"short"}},"a.b":{"c":"long"}}"#);
    assert!(selects("{requestObject.a.b.c: long}", &both));
    assert!(!selects("{requestObject.a.b.c: short}", &both));
    let nowhere = body(r#"{"a":{"b":{"c":"short"}},"a.b":{"d":"long"}}"#);
    assert!(selects("{requestObject.a.b.c: short}", &nowhere));
}

#[test]
fn of_two_members_with_one_key_the_last_counts() {
    let event = body(r#"{"a":"first","a":"last"}"#);
    assert!(selects("{requestObject.a: last}", &event));
    assert!(!selects("{requestObject.a: first}", &event));
}

#[test]
fn a_body_nested_beyond_reason_hides_nothing_beside_it() {
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let event = body(&format!(r#"{{"x":{deep},"spec":{{"hostPID":true}}}}"#));
    assert!(selects("{requestObject.spec.hostPID: true}", &event));
    assert!(selects("{requestObject.x|exists: true}", &event));
    assert!(!selects("{requestObject.x: y}", &event));
    assert!(!selects("[needle]", &event));
}

#[test]
fn a_body_of_many_values_hides_nothing_behind_them() {
    let event = body(&format!(r#"{{"x":[{}0],"spec":{{"hostPID":true}}}}"#, "0,".repeat(1_000_000)));
    assert!(selects("{requestObject.spec.hostPID: true}", &event));
}

#[test]
fn many_keys_that_fit_a_path_do_not_multiply() {
    // Every object holds every beginning of the rest of the path, and nowhere is the end of it.
    let path: Vec<_> = (0..16).map(|at| format!("k{at}")).collect();
    let mut json = "0".to_owned();
    for at in (0..path.len()).rev() {
        let mut object = String::from("{");
        for end in at + 1..=path.len() {
            let value = if end == at + 1 { json.as_str() } else { "0" };
            let comma = if end == at + 1 { "" } else { "," };
            write!(object, r#"{comma}"{}":{value}"#, path[at..end].join(".")).unwrap();
        }
        json = format!("{object}}}");
    }
    assert!(!selects(&format!("{{requestObject.{}.end: x}}", path.join(".")), &body(&json)));
}

#[test]
fn a_body_that_is_no_object_is_a_value_itself() {
    assert!(selects("{requestObject: x}", &body(r#""x""#)));
    assert!(selects("{requestObject: 5}", &body("[4,5]")));
    assert!(selects("{requestObject: null}", &body("null")));
}
