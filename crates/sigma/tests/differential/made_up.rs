//! Events with everything that JSON may hold against rules that ask for it.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{
    both::Both,
    rule::{Asked, Tape, numbers, rule_with_blocks, rules},
};

const WORDS: [&str; 15] = [
    "get",
    "Get",
    "kube-system",
    "ns",
    "a",
    "ÄRZTE ähnlich",
    "ärzte",
    "true",
    "403",
    "1e2",
    "fd00::1",
    // Letters whose lower case hangs on their neighbours, or is another script's.
    "ΟΔΟΣ",
    "ΣΟΦΟΣ ΣΑΣ",
    "\u{212a}UBE",
    "",
];
/// How many of them are not empty: outside of bodies empty is absent, see the listed differences.
const FULL: usize = WORDS.len() - 1;

const FIELDS: [&str; 16] = [
    "verb",
    "userAgent",
    "user.groups",
    "sourceIPs",
    "objectRef.name",
    "responseStatus.code",
    "requestObject",
    "requestObject.a",
    "requestObject.b",
    "requestObject.a.a",
    "requestObject.a.b",
    "requestObject.b.a",
    "requestObject.a.b.c",
    "requestObject.c.c.a",
    "responseObject.a",
    "nonsense",
];

fn asked() -> Vec<Asked> {
    let mut values: Vec<Value> =
        WORDS.iter().filter(|word| !word.is_empty()).map(|word| Value::from(*word)).collect();
    values.extend([json!(403), json!(0), json!(-1.5), json!(100), json!(true), json!(false)]);
    FIELDS.map(|name| Asked { name, values: values.clone() }).into()
}

/// Where lists may be.
const LISTS: [&str; 4] = ["user.groups", "sourceIPs", "requestObject.a", "requestObject"];

/// What elements of lists may have. A path of two keys through a list within an element is left out: the reference
/// follows only the first element that has it.
fn members() -> Vec<Asked> {
    let values = asked().remove(0).values;
    ["a", "b", "c"].map(|name| Asked { name, values: values.clone() }).into()
}

fn event(tape: &mut Tape<'_>) -> Value {
    let mut event = json!({
        "kind": "Event",
        "verb": tape.pick(&WORDS[..FULL]),
        "stage": "ResponseComplete",
        "userAgent": tape.pick(&WORDS[4..FULL]),
        "user": {"username": tape.pick(&WORDS[..5])},
        "requestReceivedTimestamp": "2026-11-20T22:12:46.116986Z",
    });
    if !tape.one_in(3) {
        event["user"]["groups"] = texts(tape);
    }
    if !tape.one_in(3) {
        event["sourceIPs"] = json!([tape.pick(&["127.0.0.1", "fd00::1", "10.2.3.4", "nowhere"])]);
    }
    if !tape.one_in(3) {
        event["objectRef"] = json!({"name": tape.pick(&WORDS[..5]), "resource": tape.pick(&WORDS[..5])});
    }
    if !tape.one_in(3) {
        event["responseStatus"] = json!({"code": tape.pick(&[200, 403, 100])});
    }
    for body in ["requestObject", "responseObject"] {
        if !tape.one_in(4) {
            event[body] = any_value(4, tape);
            // A body of null is none: see the listed differences.
            if event[body].is_null() {
                event[body] = json!({});
            }
        }
    }
    event
}

fn texts(tape: &mut Tape<'_>) -> Value {
    (0..=tape.number(2)).map(|_| Value::from(*tape.pick(&WORDS[..5]))).collect()
}

fn any_value(depth: usize, tape: &mut Tape<'_>) -> Value {
    match tape.number(if depth == 0 { 6 } else { 12 }) {
        0 => (*tape.pick(&WORDS)).into(),
        1 => json!(*tape.pick(&[403_i64, 0, 100, i64::MAX, -7])),
        2 => json!(*tape.pick(&[-1.5, 100.0, 1e300])),
        3 => tape.one_in(2).into(),
        4 => Value::Null,
        5 => json!(u64::MAX),
        6 | 7 => (0..tape.number(3)).map(|_| element(depth - 1, tape)).collect(),
        _ => {
            let mut map = Map::new();
            for key in ["a", "b", "c"] {
                if !tape.one_in(3) {
                    map.insert(key.into(), any_value(depth - 1, tape));
                }
            }
            map.into()
        }
    }
}

/// No list within a list: the reference follows only its first element that fits.
fn element(depth: usize, tape: &mut Tape<'_>) -> Value {
    let value = any_value(depth, tape);
    if value.is_array() { json!({"b": value}) } else { value }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_rules_on_random_events_have_the_verdicts_of_the_reference(
        of_rules in numbers(200),
        of_events in prop::collection::vec(numbers(60), 20),
    ) {
        let mut tape = Tape::new(&of_rules);
        let mut yaml = rules(8, &asked(), &mut tape);
        let blocks = rule_with_blocks(&LISTS, &members(), &mut tape);
        yaml.push_str(&format!("---\n{blocks}\n"));
        let both = Both::of(&yaml);
        for tape in of_events {
            let event = event(&mut Tape::new(&tape)).to_string();
            let [ours, theirs] = both.judge(&event);
            prop_assert_eq!(ours, theirs, "{}\n{}", event, yaml);
        }
    }
}
