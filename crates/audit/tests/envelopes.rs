//! Every envelope yields the event in it, and nothing in a field can break out of one.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod common;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::io::Write;
use sundew_audit::{
    Item, Reason, Unwrapper,
    documents::{Framing, Piece, Splitter},
    plain::PlainEvent,
};

/// What a source's lines held.
#[derive(Default, Debug)]
struct Seen {
    events: Vec<PlainEvent>,
    rejects: Vec<(Reason, bool)>,
}

impl Seen {
    fn add(&mut self, item: Item<'_, '_>) {
        match item {
            Item::Event(event, _) => self.events.push(event.into()),
            Item::Reject { reject, partial, .. } => self.rejects.push((reject.reason, partial.is_some())),
        }
    }
}

fn unwrap(lines: &[&[u8]]) -> Seen {
    let mut unwrapper = Unwrapper::new();
    let mut seen = Seen::default();
    for line in lines {
        unwrapper.line(line, &mut |item| seen.add(item));
    }
    seen
}

fn documents(input: &[u8], limit: usize) -> Seen {
    let mut unwrapper = Unwrapper::new();
    let mut seen = Seen::default();
    let mut splitter = Splitter::new(limit);
    let mut each = |piece: Piece<'_>| match piece {
        Piece::Document(text) => unwrapper.line(text, &mut |item| seen.add(item)),
        Piece::TooLong(_) => seen.rejects.push((Reason::TooLong, false)),
    };
    for part in input.chunks(7) {
        splitter.feed(part, &mut each);
    }
    splitter.finish(&mut each);
    seen
}

/// An event whose free texts hold whatever could confuse an envelope.
fn event() -> String {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": "a-1",
        "stage": "ResponseComplete", "requestURI": "/api?x=\"}]}\\", "verb": "list",
        "user": {"username": "system:serviceaccount:honeypot:backup-sa"}, "sourceIPs": ["10.0.0.1", "127.66.0.66"],
        "userAgent": "{\"kind\":\"Event\"}\n2026-01-01T00:00:00Z stdout F {\"kind\":\"Event\"}",
        "objectRef": {"resource": "pods", "apiVersion": "v1"}, "responseStatus": {"code": 403},
        "requestReceivedTimestamp": "2026-11-20T22:11:22.676439Z", "stageTimestamp": "2026-11-20T22:11:22.676439Z",
    })
    .to_string()
}

fn is_the_event(seen: &Seen, times: usize) {
    assert_eq!(seen.events.len(), times, "{seen:?}");
    for event in &seen.events {
        assert_eq!(event.user.username, "system:serviceaccount:honeypot:backup-sa");
        assert_eq!(event.source_ips.last().unwrap(), "127.66.0.66");
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(text.as_bytes()).unwrap();
    gz.finish().unwrap()
}

fn envelopes() -> Vec<(&'static str, Value)> {
    let text = event();
    let value: Value = serde_json::from_str(&text).unwrap();
    let mut item = value.clone();
    item.as_object_mut().unwrap().retain(|k, _| k != "kind" && k != "apiVersion");
    let pushed = json!({"messageType": "DATA_MESSAGE", "logGroup": "/aws/eks/x/cluster", "logStream": "s",
        "logEvents": [{"id": "1", "timestamp": 1, "message": text}]});
    vec![
        ("bare", value.clone()),
        (
            "EventList",
            json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": [item]}),
        ),
        (
            "EKS polled",
            json!({"events": [{"logStreamName": "kube-apiserver-audit-1", "timestamp": 1, "message": text,
            "eventId": "1"}], "nextToken": "t"}),
        ),
        ("EKS pushed", json!({"awslogs": {"data": STANDARD.encode(gzip(&pushed.to_string()))}})),
        ("EKS pushed, opened", pushed),
        (
            "AKS",
            json!({"records": [{"category": "kube-audit", "properties": {"log": text}, "time": "t",
            "resourceId": "r"}]}),
        ),
        ("AKS record", json!({"category": "kube-audit", "properties": {"log": text}, "time": "t"})),
        ("Fluent Bit", json!({"log": format!("{text}\n"), "stream": "stdout"})),
        ("Fluent Bit, merged", json!({"log": value, "stream": "stdout"})),
        ("Vector", json!({"message": text, "host": "h"})),
        ("Loki", json!({"streams": [{"stream": {"job": "a"}, "values": [["1700000000000000000", text]]}]})),
        (
            "Pub/Sub with a bare event",
            json!({"message": {"data": STANDARD.encode(&text), "messageId": "1"},
            "subscription": "s"}),
        ),
        ("array", json!([value])),
    ]
}

#[test]
fn every_envelope_is_recognised_by_itself() {
    for (name, envelope) in envelopes() {
        let line = envelope.to_string();
        let seen = unwrap(&[line.as_bytes()]);
        assert!(seen.rejects.is_empty(), "{name}: {seen:?}");
        is_the_event(&seen, 1);
    }
}

#[test]
fn every_envelope_is_recognised_when_pretty_printed() {
    for (name, envelope) in envelopes() {
        let text = serde_json::to_string_pretty(&envelope).unwrap();
        assert_eq!(Framing::of(text.as_bytes(), true), Framing::Documents, "{name}");
        let seen = documents(text.as_bytes(), 1 << 20);
        assert!(seen.rejects.is_empty(), "{name}: {seen:?}");
        is_the_event(&seen, 1);
    }
}

#[test]
fn a_list_larger_than_the_limit_is_read_element_by_element() {
    let value: Value = serde_json::from_str(&event()).unwrap();
    let list = json!({"kind": "EventList", "items": vec![value; 500]}).to_string();
    assert_eq!(Framing::of(&list.as_bytes()[..4096], false), Framing::Documents);
    is_the_event(&documents(list.as_bytes(), 2048), 500);
}

#[test]
fn a_document_past_the_limit_is_counted_and_the_next_is_read() {
    let huge = json!({"message": "x".repeat(5000)}).to_string();
    let seen = documents(format!("{huge}\n{}", event()).as_bytes(), 2048);
    assert_eq!(seen.rejects, [(Reason::TooLong, false)]);
    is_the_event(&seen, 1);
}

#[test]
fn logs_of_lines_are_taken_as_lines() {
    let cut = &event()[..100];
    for head in [event(), format!("{cut}\n{}", event()), "hello\n".into(), String::new()] {
        assert_eq!(Framing::of(head.as_bytes(), true), Framing::Lines, "{head}");
    }
}

#[test]
fn an_empty_cri_line_is_nothing_and_a_part_keeps_the_space_that_it_ends_in() {
    let seen = unwrap(&[b"2026-11-20T22:09:49.1Z stdout F ", b"2026-11-20T22:09:49.1Z stdout F"]);
    assert!(seen.events.is_empty() && seen.rejects.is_empty(), "{seen:?}");
    let event = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"a","userAgent":"a client"}"#;
    let (first, second) = event.split_at(event.find("client").unwrap());
    for end in ["", "\n", "\r\n"] {
        let part = format!("2026-11-20T22:09:49.1Z stdout P {first}{end}");
        let rest = format!("2026-11-20T22:09:49.1Z stdout F {second}{end}");
        let seen = unwrap(&[part.as_bytes(), rest.as_bytes()]);
        assert_eq!(seen.events[0].user_agent, "a client");
    }
}

#[test]
fn cri_lines_are_joined_stream_by_stream() {
    let text = event();
    let (a, b) = text.split_at(text.len() / 2);
    let seen = unwrap(&[
        format!("2026-11-20T22:11:22.1Z stdout P {a}").as_bytes(),
        b"2026-11-20T22:11:22.1Z stderr F warning: something else",
        format!("2026-11-20T22:11:22.1Z stdout F {b}").as_bytes(),
        format!("2026-11-20T22:11:22.1Z stdout F {text}").as_bytes(),
    ]);
    is_the_event(&seen, 2);
    assert_eq!(seen.rejects, [(Reason::NotJson, false)]);
}

#[test]
fn a_log_entry_of_gke_says_the_same_in_other_words() {
    let entry = json!({
        "insertId": "i", "logName": "projects/p/logs/cloudaudit.googleapis.com%2Fdata_access",
        "operation": {"id": "op-1", "first": true}, "timestamp": "2026-11-20T22:11:22.676439Z",
        "resource": {"type": "k8s_cluster", "labels": {"cluster_name": "c"}},
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": "k8s.io",
            "methodName": "io.k8s.core.v1.secrets.get", "resourceName": "core/v1/namespaces/honeypot/secrets/backup-sa-token",
            "authenticationInfo": {"principalEmail": "system:serviceaccount:honeypot:backup-sa", "authoritySelector": "who"},
            "requestMetadata": {"callerIp": "127.66.0.66", "callerSuppliedUserAgent": "curl/8"},
            "status": {"code": 7, "message": "no"},
        },
        "labels": {"authorization.k8s.io/decision": "forbid"},
    });
    let pubsub = json!({"message": {"data": STANDARD.encode(entry.to_string()), "messageId": "1"}, "subscription": "s"});
    let pretty_list = serde_json::to_string_pretty(&json!([entry])).unwrap();
    for seen in [
        unwrap(&[entry.to_string().as_bytes()]),
        unwrap(&[pubsub.to_string().as_bytes()]),
        documents(pretty_list.as_bytes(), 1 << 20),
    ] {
        is_the_event(&seen, 1);
        let event = &seen.events[0];
        assert_eq!((event.audit_id.as_str(), event.verb.as_str()), ("op-1", "get"));
        assert_eq!(event.object_ref.as_ref().unwrap()[..3], ["secrets", "honeypot", "backup-sa-token"]);
        assert_eq!(event.impersonated_user.as_ref().unwrap().username, "who");
        assert_eq!(event.response_status.as_ref().unwrap().code, 403);
        assert_eq!(event.annotations["authorization.k8s.io/decision"], "forbid");
    }
}

#[test]
fn the_resource_names_of_gke_are_read_as_the_api_server_means_them() {
    for (name, want) in [
        ("core/v1/nodes", Some(["nodes", "", "", ""])),
        ("core/v1/nodes/n1/proxy", Some(["nodes", "", "n1", "proxy"])),
        ("core/v1/namespaces/a", Some(["namespaces", "a", "a", ""])),
        ("core/v1/namespaces/a/finalize", Some(["namespaces", "a", "a", "finalize"])),
        ("core/v1/namespaces/a/serviceaccounts/b/token", Some(["serviceaccounts", "a", "b", "token"])),
        ("rbac.authorization.k8s.io/v1/clusterrolebindings/x", Some(["clusterrolebindings", "", "x", ""])),
        ("readyz", None),
    ] {
        let entry = json!({"protoPayload": {"serviceName": "k8s.io", "methodName": "io.k8s.core.v1.x.get",
            "resourceName": name}});
        let seen = unwrap(&[entry.to_string().as_bytes()]);
        let got = seen.events[0].object_ref.clone().map(|r| [0, 1, 2, 7].map(|i| r[i].clone()));
        assert_eq!(got, want.map(|w| w.map(String::from)), "{name}");
    }
}

#[test]
fn an_event_that_was_cut_off_still_tells_who() {
    let text = event();
    let cut = &text[..text.find("\"stage\"").unwrap()];
    for line in
        [cut.to_string(), json!({"events": [{"message": format!("{cut}[Truncated...]")}]}).to_string()]
    {
        let seen = unwrap(&[line.as_bytes()]);
        assert!(seen.events.is_empty());
        assert!(matches!(seen.rejects[..], [(Reason::CutOff | Reason::NotJson, true)]), "{seen:?}");
    }
}

#[test]
fn rubbish_is_counted_by_what_it_is() {
    for (line, want) in [
        (&b"\x00\x01\xff\xfe rubbish"[..], Reason::Binary),
        (b"I1120 22:11:22 klog line", Reason::NotJson),
        (b"{\"a\":1}", Reason::NotAnEvent),
        (b"{\"message\":\"hello\"}", Reason::NotAnEvent),
        (b"{\"kind\":\"Event\",\"apiVersion\":\"v1\",\"message\":\"Pulled image\"}", Reason::NotAnEvent),
        (b"{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"auditID\":7}", Reason::WrongType),
        (b"{\"kind\":\"Event\",\"apiVers", Reason::CutOff),
        (b"{\"message\":{\"data\":\"%%%\"}}", Reason::BadEnvelope),
        (b"{\"awslogs\":{\"data\":\"H4sIAAAA\"}}", Reason::BadEnvelope),
    ] {
        let seen = unwrap(&[line]);
        assert_eq!(seen.rejects.first().map(|r| r.0), Some(want), "{}", String::from_utf8_lossy(line));
        assert!(seen.events.is_empty());
    }
}

#[test]
fn a_bad_byte_in_a_free_text_does_not_hide_the_event() {
    let mut line = event().into_bytes();
    let at = line.windows(4).position(|w| w == b"/api").unwrap() + 1;
    line[at] = 0xff;
    is_the_event(&unwrap(&[&line]), 1);
}

#[test]
fn two_events_on_one_line_are_two_events() {
    let text = event();
    is_the_event(&unwrap(&[format!("{text}{text}").as_bytes()]), 2);
    let seen = unwrap(&[format!("{text}{}", &text[..200]).as_bytes()]);
    is_the_event(&seen, 1);
    assert_eq!(seen.rejects, [(Reason::CutOff, true)]);
}

#[test]
fn envelopes_in_envelopes_without_end_are_refused() {
    let mut text = event();
    for _ in 0..40 {
        text = json!({"message": {"message": serde_json::from_str::<Value>(&text).unwrap()}}).to_string();
    }
    let seen = unwrap(&[text.as_bytes()]);
    assert!(seen.events.is_empty());
    assert_eq!(seen.rejects.len(), 1);
}

#[test]
fn a_gzip_bomb_is_refused() {
    let zeros = "0".repeat(1 << 20);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..160 {
        gz.write_all(zeros.as_bytes()).unwrap();
    }
    let data = STANDARD.encode(gz.finish().unwrap());
    let seen = unwrap(&[json!({"awslogs": {"data": data}}).to_string().as_bytes()]);
    assert_eq!(seen.rejects, [(Reason::BadEnvelope, false)]);
}
