//! The fast reader and `serde_json` see the same in every event, and refuse the same input.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod common;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value, json, value::RawValue};
use sundew_audit::{
    parse,
    plain::{self, PlainEvent},
    skim::{self, Names},
};

/// Both readers on one piece of text: the same event, or both refuse.
fn agree(text: &str) {
    let fast = parse::event(text);
    let plain = plain::event(text);
    match (&fast, &plain) {
        (Ok(fast), Ok(plain)) => assert_eq!(&PlainEvent::from(fast), plain, "{text}"),
        (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) => panic!("only serde_json refuses: {error}\n{text}"),
        (Err(error), Ok(_)) => panic!("only the fast reader refuses: {error}\n{text}"),
    }
}

#[test]
fn on_every_event_of_the_recordings() {
    let lines = common::lines();
    assert!(lines.len() > 8_000);
    for line in &lines {
        assert!(parse::event(line).unwrap().is_audit(), "{line}");
        agree(line);
    }
}

#[test]
fn on_recorded_events_cut_off_anywhere() {
    for line in common::lines().iter().step_by(400) {
        for end in (0..line.len()).filter(|end| line.is_char_boundary(*end)) {
            agree(&line[..end]);
        }
    }
}

#[test]
fn on_recorded_events_with_keys_in_reverse_order() {
    for line in common::lines().iter().step_by(50) {
        let event: BTreeMap<String, Box<RawValue>> = serde_json::from_str(line).unwrap();
        let members: Vec<String> = event.iter().rev().map(|(k, v)| format!("\"{k}\": {v}")).collect();
        let turned = format!(" {{ {} }} ", members.join(" , "));
        assert_eq!(PlainEvent::from(&parse::event(&turned).unwrap()), plain::event(line).unwrap());
    }
}

#[test]
fn on_the_odd_corners_of_json() {
    for text in [
        "{}",
        "[]",
        "null",
        "",
        " ",
        "{",
        "{}}",
        "{} {}",
        "\"x\"",
        "{\"user\":null}",
        "{\"user\":{}}",
        "{\"user\":[]}",
        r#"{"user":{"groups":null,"extra":null,"username":null}}"#,
        r#"{"user":{"groups":[null,"a"],"extra":{"a":null,"b":["x",null]}}}"#,
        r#"{"verb":"get","verb":"list"}"#,
        r#"{"user":{"username":"a","uid":"1"},"user":{"username":"b"}}"#,
        r#"{"objectRef":{"name":"a"},"objectRef":null}"#,
        r#"{"annotations":{"a":"1","a":"2","\u0061":"3"}}"#,
        r#"{"\u0075ser":{"username":"x"}}"#,
        r#"{"verb":"\ud800"}"#,
        r#"{"verb":"\udc00\ud800"}"#,
        r#"{"verb":"\ud83d\ude00"}"#,
        r#"{"verb":"\ud83dx"}"#,
        r#"{"\ud800":1}"#,
        r#"{"requestObject":{"a":"\ud800"}}"#,
        r#"{"verb":"\x"}"#,
        "{\"verb\":\"a\nb\"}",
        r#"{"responseStatus":{"code":200}}"#,
        r#"{"responseStatus":{"code":-0}}"#,
        r#"{"responseStatus":{"code":0}}"#,
        r#"{"responseStatus":{"code":200.0}}"#,
        r#"{"responseStatus":{"code":2e2}}"#,
        r#"{"responseStatus":{"code":99999999999}}"#,
        r#"{"responseStatus":{"code":-5}}"#,
        r#"{"responseStatus":{"code":01}}"#,
        r#"{"responseStatus":{"code":"200"}}"#,
        r#"{"responseStatus":{"code":null,"details":null}}"#,
        r#"{"responseStatus":{"details":{"causes":[1]}}}"#,
        r#"{"requestObject":null,"responseObject":[1,-2.5e+3,true,false,null,{"a":[]}]}"#,
        r#"{"x":1.}"#,
        r#"{"x":.5}"#,
        r#"{"x":-}"#,
        r#"{"x":1e}"#,
        r#"{"x":tru}"#,
        r#"{"x":[1,]}"#,
        r#"{"x":{"a"}}"#,
        r#"{"x":{,}}"#,
        r#"{"x":1,}"#,
        r#"{,"x":1}"#,
        r#"{"x" 1}"#,
        r#"{"x":1 "y":2}"#,
        r#"{"x":[1 2]}"#,
        r#"{1:2}"#,
        r#"{"x":[}"#,
        r#"{"x":{]}"#,
        "{\"x\":\"\u{7f}\u{e9}\u{1f600}\"}",
        "\u{feff}{}",
        "{\"x\":\"\u{0}\"}",
        r#"{"sourceIPs":"1.2.3.4"}"#,
        r#"{"sourceIPs":[1]}"#,
        r#"{"level":5}"#,
        r#"{"level":{"a":[1]}}"#,
    ] {
        agree(text);
    }
}

#[test]
fn on_bodies_nested_deeper_than_any_stack() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let event =
        format!(r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","requestObject":{deep},"verb":"get"}}"#);
    let read = parse::event(&event).unwrap();
    assert!(read.is_audit() && read.verb == "get");
    assert_eq!(read.request_object, Some(deep.as_str()));
    agree(&event);
}

#[test]
fn on_megabyte_bodies_and_strings() {
    let long = "a\\n\\u00e9".repeat(500_000);
    agree(&format!(r#"{{"userAgent":"{long}","requestObject":{{"data":"{long}"}},"verb":"get"}}"#));
}

/// Any JSON value, a few levels deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f32>().prop_filter_map("finite", |f| serde_json::Number::from_f64(f.into()).map(Value::from)),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((".*", inner), 0..6).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

/// An event with any text in every field that a client can choose.
fn any_event() -> impl Strategy<Value = Value> {
    (".*", ".*", ".*", prop::collection::vec(".*", 0..4), any_json(), any_json(), any::<Option<i32>>()).prop_map(
        |(uri, agent, name, addresses, body, unknown, code)| {
            json!({
                "kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": name, "stage": "ResponseComplete",
                "requestURI": uri, "verb": "get", "user": {"username": "u", "extra": {agent.clone(): [name]}},
                "sourceIPs": addresses, "userAgent": agent, "objectRef": {"name": name, "namespace": uri},
                "responseStatus": {"code": code, "message": agent}, "requestObject": body, "unknown": unknown,
                "annotations": {uri.clone(): name},
            })
        },
    )
}

/// Writes JSON with spaces and escapes that no encoder would choose and every decoder must take.
fn write_oddly(value: &Value, seed: &mut u64, out: &mut String) {
    let mut next = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *seed >> 33
    };
    let space = |n: u64| ["", "", " ", "\t", "\n "][(n % 5) as usize];
    match value {
        Value::String(s) => {
            out.push('"');
            for c in s.chars() {
                let mut units = [0; 2];
                match next() % 4 {
                    0 => c.encode_utf16(&mut units).iter().for_each(|u| out.push_str(&format!("\\u{u:04X}"))),
                    _ => out.push_str(
                        serde_json::to_string(&c).unwrap().trim_matches('"').trim_end_matches("\\\""),
                    ),
                }
                if c == '"' && !out.ends_with('"') && !out.ends_with("\\u0022") {
                    out.push_str("\\\"");
                }
            }
            out.push('"');
        }
        Value::Array(list) => {
            out.push('[');
            for (i, item) in list.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(space(i as u64));
                write_oddly(item, seed, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (i, (key, item)) in map.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_oddly(&Value::from(key.as_str()), seed, out);
                out.push_str(space(i as u64 + 2));
                out.push(':');
                write_oddly(item, seed, out);
                out.push_str(space(i as u64 + 3));
            }
            out.push('}');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

/// One of the skims over a chunk: calls back for the lines to be read, returns how many passed.
type Skim<'s> = &'s dyn Fn(&mut dyn FnMut(std::ops::Range<usize>)) -> u64;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn on_events_with_anything_in_their_fields(event in any_event(), mut seed: u64) {
        agree(&event.to_string());
        let mut odd = String::new();
        write_oddly(&event, &mut seed, &mut odd);
        agree(&odd);
    }

    #[test]
    fn on_events_with_one_byte_changed(event in any_event(), at: prop::sample::Index, byte: u8) {
        let mut bytes = event.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(text) = std::str::from_utf8(&bytes) {
            agree(text);
        }
    }

    #[test]
    fn on_any_json_and_any_text(json in any_json(), text in ".*") {
        agree(&json.to_string());
        agree(&text);
    }

    /// Whatever a client writes, the skim points at every line in which a string is a name, and no text makes a
    /// line pass that is not one whole event.
    #[test]
    fn the_skim_points_at_every_line_with_a_name(
        events in prop::collection::vec((any_event(), 0..12usize), 1..8),
        cut: prop::sample::Index,
        mut seed: u64,
    ) {
        let wanted = ["system:serviceaccount:honeypot:backup-sa", "backup-sa-token", "ci", "exec"];
        let names = Names::new(wanted);
        let mut chunk = Vec::new();
        let mut truth = Vec::new();
        for (mut event, place) in events {
            let name = wanted[place % wanted.len()];
            match place / wanted.len() {
                0 => event["user"]["username"] = name.into(),
                1 => event["requestObject"] = json!({"deep": [{"er": name}]}),
                _ => {}
            }
            let mut line = event.to_string();
            match place {
                11 => { line.clear(); write_oddly(&event, &mut seed, &mut line); line = line.replace('\n', " "); }
                10 => line.truncate(line.floor_char_boundary(cut.index(line.len()))),
                _ => {}
            }
            let holds = serde_json::from_str(&line).map(|v: Value| holds_any(&v, &wanted)).unwrap_or(true);
            truth.push(holds && !line.trim().is_empty());
            chunk.extend_from_slice(line.as_bytes());
            chunk.push(b'\n');
        }
        let look = |run: Skim<'_>| {
            let mut seen = Vec::new();
            let passed = run(&mut |range| seen.push(range));
            (seen, passed)
        };
        let fast = look(&|f| skim::skim(&names, &chunk, f));
        let portable = look(&|f| skim::skim_portable(&names, &chunk, f));
        let wide = look(&|f| skim::skim_256(&names, &chunk, f));
        // So many names are looked for another way.
        let others: Vec<String> = (0..99).map(|n| format!("no such name {n}")).collect();
        let many = Names::new(wanted.into_iter().chain(others.iter().map(String::as_str)));
        let among_many = look(&|f| skim::skim(&many, &chunk, f));
        prop_assert_eq!(&fast, &portable);
        prop_assert_eq!(&fast, &wide);
        prop_assert_eq!(&fast, &among_many);
        let mut start = 0;
        for (line, must) in chunk.split(|b| *b == b'\n').zip(&truth) {
            let range = start..start + line.len();
            start = range.end + 1;
            prop_assert!(!must || fast.0.contains(&range), "{}", String::from_utf8_lossy(line));
        }
    }
}

fn holds_any(value: &Value, wanted: &[&str]) -> bool {
    let any = |map: &Map<String, Value>| {
        map.iter().any(|(k, v)| wanted.contains(&k.as_str()) || holds_any(v, wanted))
    };
    match value {
        Value::String(s) => wanted.contains(&s.as_str()),
        Value::Array(list) => list.iter().any(|v| holds_any(v, wanted)),
        Value::Object(map) => any(map),
        _ => false,
    }
}

#[test]
fn spaces_behind_a_name_do_not_hide_it() {
    let name = "system:serviceaccount:honeypot:backup-sa";
    let names = Names::new([name]);
    for space in [" ", "\t", "\r", "  "] {
        let line = format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","user":{{"username":"{name}"{space},"uid":"1"}},"annotations":{{"a":"b"}}}}"#
        );
        let mut looked = [0; 3];
        skim::skim(&names, line.as_bytes(), |_| looked[0] += 1);
        skim::skim_256(&names, line.as_bytes(), |_| looked[1] += 1);
        skim::skim_portable(&names, line.as_bytes(), |_| looked[2] += 1);
        assert_eq!(looked, [1; 3], "{line}");
    }
}

#[test]
fn the_skim_passes_what_has_no_name_and_points_at_what_has() {
    let names = Names::new(["system:serviceaccount:honeypot:backup-sa", "backup-sa-token", "tiller"]);
    for name in common::RECORDINGS {
        let log = common::recording(name);
        let mut looked = Vec::new();
        let passed = skim::skim(&names, &log, |range| looked.push(range));
        let total = log.split(|b| *b == b'\n').filter(|l| !l.is_empty()).count();
        assert_eq!(passed as usize + looked.len(), total);
        let with_name = |line: &&[u8]| {
            let text = std::str::from_utf8(line).unwrap();
            ["\"system:serviceaccount:honeypot:backup-sa\"", "\"backup-sa-token\"", "\"tiller\""]
                .iter()
                .any(|n| text.contains(n))
        };
        let want = log.split(|b| *b == b'\n').filter(with_name).count();
        assert!(looked.len() >= want && want > 0 && looked.len() < want + 40, "{} for {want}", looked.len());
    }
}
