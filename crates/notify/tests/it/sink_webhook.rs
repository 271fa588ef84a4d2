//! The webhook sink, against a real HTTP server.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use sundew_notify::{
    DeliveryError, Message, SignatureError, Sink, SinkError, TemplateError, sign, verify_signature,
};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::method};

use crate::fixture::{ID, growing, hostile, secret, sink, theft};

async fn server(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    server
}

fn with(server: &MockServer, more: Value) -> Box<dyn Sink> {
    let mut config = json!({"type": "webhook", "name": "hook", "url": format!("{}/hush", server.uri())});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    sink(config).unwrap()
}

/// Delivers with this configuration, and gives what the server got.
async fn posted(message: &Message, more: Value) -> Request {
    let server = server(ResponseTemplate::new(204)).await;
    with(&server, more).deliver(message).await.unwrap();
    server.received_requests().await.unwrap().remove(0)
}

async fn answered(answer: ResponseTemplate) -> Result<(), DeliveryError> {
    let server = server(answer).await;
    let delivered = with(&server, json!({"timeout": "150ms"})).deliver(&theft()).await;
    assert!(!format!("{delivered:?}").contains("hush"), "the URL leaked: {delivered:?}");
    delivered
}

async fn filled(message: &Message, body: &str) -> Value {
    let request = posted(message, json!({"body": body})).await;
    serde_json::from_slice(&request.body).unwrap()
}

fn template_error(body: &str) -> TemplateError {
    let config = json!({"type": "webhook", "name": "hook", "url": "https://hook.example/", "body": body});
    match sink(config).err() {
        Some(SinkError::Template { source, .. }) => source,
        other => panic!("not a template error: {other:?}"),
    }
}

#[tokio::test]
async fn the_wire_form_is_sent_with_the_headers_that_tell_repeats_apart() {
    let request = posted(&growing(), json!({})).await;
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["schema"], "sundew.incident/v1");
    assert_eq!((&body["id"], &body["revision"], &body["change"]), (&json!(ID), &json!(3), &json!("updated")));
    assert_eq!(body["incident"]["decoys"][0]["placement"], "backup-sa-token");
    for (name, value) in [
        ("sundew-incident", ID),
        ("sundew-revision", "3"),
        ("idempotency-key", "inc-7f3k9q2m-3"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(request.headers[name], value, "{name}");
    }
    assert!(!request.headers.contains_key("sundew-signature"));
}

#[tokio::test]
async fn a_key_signs_the_body_so_that_a_receiver_can_check_it() {
    let folder = tempfile::tempdir().unwrap();
    let request = posted(&theft(), json!({"secretFile": secret(folder.path(), "key", "s3cret\n")})).await;
    let header = request.headers["sundew-signature"].to_str().unwrap();
    let check = |secret: &[u8], body: &[u8], now| {
        verify_signature(secret, header, body, now, Duration::from_secs(300))
    };
    let now = Timestamp::now();
    assert_eq!(check(b"s3cret", &request.body, now), Ok(()));
    assert_eq!(check(b"other", &request.body, now), Err(SignatureError::Mismatch));
    assert_eq!(check(b"s3cret", b"{}", now), Err(SignatureError::Mismatch));
    let later = now + Duration::from_secs(600);
    assert_eq!(check(b"s3cret", &request.body, later), Err(SignatureError::Stale));
}

/// Computed with `printf '%s' '1763716800.{"a":1}' | openssl dgst -sha256 -hmac KEY`.
const VECTORS: [(&str, &str, &str); 2] = [
    ("s3cret", "{\"a\":1}", "b7aa2d0e567f4573847bbd2a1c5e1863de41837e50d258676e5deac0d09ddc59"),
    (
        "a key of a good many more bytes than the sixty-four of one block of SHA-256",
        "",
        "7c82cc71469e938275f26bba281ac22bae160fb19435b5929970ce83885275a7",
    ),
];

#[test]
fn signatures_are_those_that_openssl_computes() {
    let now = Timestamp::from_second(1_763_716_800).unwrap();
    for (key, body, hex) in VECTORS {
        let header = format!("t=1763716800,v1={hex}");
        assert_eq!(sign(key.as_bytes(), body.as_bytes(), now), header);
        assert_eq!(verify_signature(key.as_bytes(), &header, body.as_bytes(), now, Duration::ZERO), Ok(()));
    }
}

#[test]
fn a_receiver_accepts_either_of_two_signatures_and_nothing_malformed() {
    let (key, body, hex) = VECTORS[0];
    let now = Timestamp::from_second(1_763_716_800).unwrap();
    let check = |header: &str| verify_signature(key.as_bytes(), header, body.as_bytes(), now, Duration::ZERO);
    let zeros = "0".repeat(64);
    assert_eq!(check(&format!("t=1763716800,v1={zeros},v1={hex},v2=x")), Ok(()));
    assert_eq!(check(&format!("t=1763716800,v1={}", hex.to_uppercase())), Ok(()));
    for other in [zeros.as_str(), "", "zz", &hex[..62], &hex[..63]] {
        assert_eq!(check(&format!("t=1763716800,v1={other}")), Err(SignatureError::Mismatch), "{other}");
    }
    for header in [
        "",
        "t=1763716800",
        &format!("v1={hex}"),
        &format!("t=x,v1={hex}"),
        &format!("t=1,t=1763716800,v1={hex}"),
    ] {
        assert_eq!(check(header), Err(SignatureError::Malformed), "{header}");
    }
}

#[tokio::test]
async fn headers_with_secret_values_are_sent_and_read_anew_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = secret(folder.path(), "token", "Bearer one\n");
    let server = server(ResponseTemplate::new(200)).await;
    let sink = with(&server, json!({"headers": [{"name": "Authorization", "valueFile": file}]}));
    sink.deliver(&theft()).await.unwrap();
    secret(folder.path(), "token", "Bearer two\n");
    sink.deliver(&theft()).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let sent: Vec<_> = requests.iter().map(|r| r.headers["authorization"].to_str().unwrap()).collect();
    assert_eq!(sent, ["Bearer one", "Bearer two"]);
}

#[test]
fn a_header_that_sundew_sets_or_that_nobody_can_send_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let good = secret(folder.path(), "good", "x");
    let bad = secret(folder.path(), "bad", "hush\nX-Other: y");
    for (name, file, reason) in [
        ("Content-Type", &good, "sets this header itself"),
        ("no name", &good, "no name for a header"),
        ("X-Key", &bad, "line break"),
    ] {
        let config = json!({
            "type": "webhook", "name": "hook", "url": "https://hook.example/",
            "headers": [{"name": name, "valueFile": file}],
        });
        let why = sink(config).err().unwrap().to_string();
        assert!(why.contains(name) && why.contains(reason) && !why.contains("hush"), "{why}");
    }
}

#[tokio::test]
async fn every_2xx_is_delivered() {
    for code in [200, 201, 202, 204] {
        assert_eq!(answered(ResponseTemplate::new(code)).await, Ok(()));
    }
}

#[tokio::test]
async fn what_may_pass_is_retried() {
    for code in [408, 425, 429, 500, 502, 503, 504] {
        let delivered = answered(ResponseTemplate::new(code)).await;
        assert!(matches!(delivered, Err(DeliveryError::Retry { after: None, .. })), "{code}: {delivered:?}");
    }
}

#[tokio::test]
async fn what_will_not_pass_is_refused() {
    for code in [301, 307, 400, 401, 403, 404, 410, 413, 422] {
        let delivered = answered(ResponseTemplate::new(code)).await;
        assert!(matches!(delivered, Err(DeliveryError::Refused { .. })), "{code}: {delivered:?}");
    }
}

#[tokio::test]
async fn retry_after_is_honoured_up_to_an_hour() {
    for (value, seconds) in [("7", 7), ("86400", 3600)] {
        let answer = ResponseTemplate::new(503).insert_header("Retry-After", value);
        let Err(DeliveryError::Retry { after, .. }) = answered(answer).await else { panic!("not a retry") };
        assert_eq!(after, Some(Duration::from_secs(seconds)));
    }
}

#[tokio::test]
async fn a_server_slower_than_the_timeout_is_retried() {
    let delivered = answered(ResponseTemplate::new(200).set_delay(Duration::from_secs(5))).await;
    assert!(matches!(delivered, Err(DeliveryError::Retry { .. })), "{delivered:?}");
}

#[tokio::test]
async fn a_string_that_is_one_placeholder_becomes_the_value_itself() {
    let body = r#"{"n": "{{ incident.findings }}", "who": "{{incident.actor}}", "list": ["{{ incident.attack }}"],
                   "tool": "{{ incident.tool }}", "fixed": [1, true, null, "as it is"]}"#;
    let filled = filled(&theft(), body).await;
    assert_eq!(filled["n"], 7);
    assert_eq!(filled["who"]["ip"], "127.66.0.66");
    assert_eq!(filled["list"], json!([["T1528", "T1550.001", "T1613"]]));
    assert_eq!(filled["fixed"], json!([1, true, null, "as it is"]));
}

#[tokio::test]
async fn placeholders_inside_a_longer_string_become_text() {
    let body = r#"{"text": "{{ headline }} ({{ incident.findings }} findings, {{ incident.attack }})"}"#;
    assert_eq!(
        filled(&theft(), body).await["text"],
        "CRITICAL: The token of decoy honeypot/backup-sa was used (7 findings, T1528, T1550.001, T1613)",
    );
}

#[tokio::test]
async fn what_an_incident_does_not_have_is_null_or_nothing() {
    let mut message = theft();
    message.incident.tool = None;
    let filled =
        filled(&message, r#"{"tool": "{{ incident.tool }}", "text": "[{{ incident.tool }}]"}"#).await;
    assert_eq!(filled, json!({"tool": null, "text": "[]"}));
}

#[tokio::test]
async fn no_value_can_leave_its_string_or_bring_a_placeholder() {
    let evil = "\", \"admin\": true, \"x\": \"{{ incident.cluster }}\n";
    let filled =
        filled(&hostile(evil), r#"{"a": "{{ incident.title }}", "b": "<{{ incident.title }}>"}"#).await;
    assert_eq!(filled, json!({"a": evil, "b": format!("<{evil}>")}));
}

#[tokio::test]
async fn every_field_of_the_wire_form_has_a_placeholder() {
    let mut message = theft();
    message.incident.drill = true;
    message.incident.actor.impersonated = Some("bob".to_owned());
    let wire = serde_json::to_value(&message).unwrap();
    let mut names = Vec::new();
    for (key, value) in wire.as_object().unwrap() {
        names.push(key.clone());
        for (inner, _) in value.as_object().into_iter().flatten() {
            names.push(format!("{key}.{inner}"));
        }
    }
    names
        .extend(wire["incident"]["actor"].as_object().unwrap().keys().map(|k| format!("incident.actor.{k}")));
    let body: Value = names.iter().map(|name| (name.clone(), json!(format!("{{{{ {name} }}}}")))).collect();
    let filled = filled(&message, &body.to_string()).await;
    for name in names {
        assert_eq!(filled[&name], *wire.pointer(&format!("/{}", name.replace('.', "/"))).unwrap(), "{name}");
    }
}

#[test]
fn an_unknown_placeholder_is_named_with_the_one_most_like_it() {
    let why = template_error(r#"{"a": "{{ incident.titel }}"}"#).to_string();
    assert_eq!(why, "there is no placeholder `incident.titel`; did you mean `incident.title`?");
    let why = template_error(r#"{"a": "{{ incident.first_seen }}"}"#).to_string();
    assert!(why.contains("`incident.firstSeen`"), "{why}");
}

#[test]
fn a_template_that_is_no_json_or_half_a_placeholder_is_refused() {
    assert!(matches!(template_error("{\"a\": {{ incident.title }}}"), TemplateError::Json(_)));
    assert!(matches!(template_error(r#"{"a": "{{ incident.title"}"#), TemplateError::Unclosed(_)));
    assert!(matches!(template_error(r#"{"{{ incident.title }}": 1}"#), TemplateError::Key(_)));
    let shown = template_error(r#"["{{ id"]"#).to_string();
    assert_eq!(shown, "`{{` without `}}` in \"{{ id\"");
}
