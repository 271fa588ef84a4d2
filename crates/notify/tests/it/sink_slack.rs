//! The Slack sink, against an HTTP server that answers as Slack does.

use std::time::Duration;

use serde_json::{Value, json};
use sundew_detect::Severity;
use sundew_notify::{DeliveryError, Message, Sink};
use tempfile::TempDir;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, method, path},
};

use crate::fixture::{ID, growing, hostile, secret, sink, strong, theft};

const HOOK: &str = "/services/T000/B000/hush-hush";

struct Slack {
    server: MockServer,
    sink: Box<dyn Sink>,
    folder: TempDir,
}

impl Slack {
    /// A server that gives this answer, and a sink that posts to it.
    async fn answering(answer: ResponseTemplate) -> Self {
        let server = MockServer::start().await;
        Mock::given(method("POST")).and(path(HOOK)).respond_with(answer).mount(&server).await;
        let folder = tempfile::tempdir().unwrap();
        let url = secret(folder.path(), "url", &format!("{}{HOOK}\n", server.uri()));
        let sink = sink(json!({"type": "slack", "name": "ops", "urlFile": url, "timeout": "150ms"})).unwrap();
        Self { server, sink, folder }
    }

    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        let delivered = self.sink.deliver(message).await;
        if let Err(error) = &delivered {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("hush") && !shown.contains("services"), "the URL leaked: {shown}");
        }
        delivered
    }

    /// What the server got for a message.
    async fn posted(message: &Message) -> Value {
        let slack = Self::answering(ResponseTemplate::new(200).set_body_string("ok")).await;
        slack.deliver(message).await.unwrap();
        let requests = slack.server.received_requests().await.unwrap();
        serde_json::from_slice(&requests[0].body).unwrap()
    }
}

fn status(code: u16, body: &str) -> ResponseTemplate {
    ResponseTemplate::new(code).set_body_string(body)
}

fn refused(why: &str) -> Result<(), DeliveryError> {
    Err(DeliveryError::Refused { why: why.to_owned() })
}

#[tokio::test]
async fn the_theft_of_a_token_in_slack() {
    insta::assert_json_snapshot!(Slack::posted(&theft()).await);
}

#[tokio::test]
async fn what_the_identity_could_do_in_slack() {
    let posted = Slack::posted(&strong()).await;
    let blocks = posted["blocks"].as_array().unwrap();
    let heading = blocks.iter().position(|block| block.to_string().contains("What this identity could do"));
    insta::assert_json_snapshot!(blocks[heading.unwrap()..][..2]);
}

#[tokio::test]
async fn an_update_says_of_which_incident_it_is() {
    let posted = Slack::posted(&growing()).await;
    assert!(posted["blocks"][0]["text"]["text"].as_str().unwrap().contains("CRITICAL, update: "));
    assert!(posted["blocks"][1].to_string().contains(&format!("More of incident {ID}")));
    assert!(posted.to_string().contains("… and 9 more …"), "{posted:#}");
    assert!(posted.to_string().contains("200 ALLOWED"), "what was granted is shown");
    assert!(posted.to_string().contains("in team-34"), "the newest step is shown");
}

#[tokio::test]
async fn ok_is_delivered() {
    let server = MockServer::start().await;
    let agent = format!("sundew/{}", env!("CARGO_PKG_VERSION"));
    Mock::given(header("user-agent", agent.as_str()))
        .and(header("content-type", "application/json"))
        .respond_with(status(200, "ok"))
        .expect(1)
        .mount(&server)
        .await;
    let folder = tempfile::tempdir().unwrap();
    let url = secret(folder.path(), "url", &server.uri());
    let sink = sink(json!({"type": "slack", "name": "ops", "urlFile": url})).unwrap();
    assert_eq!(sink.deliver(&theft()).await, Ok(()));
    assert_eq!((sink.name(), sink.kind()), ("ops", "slack"));
}

#[tokio::test]
async fn a_429_is_retried_after_the_time_that_slack_names() {
    let slack = Slack::answering(status(429, "rate_limited").insert_header("Retry-After", "30")).await;
    let Err(DeliveryError::Retry { after, why }) = slack.deliver(&theft()).await else {
        panic!("not a retry")
    };
    assert_eq!(after, Some(Duration::from_secs(30)));
    assert!(why.contains("429"), "{why}");
}

#[tokio::test]
async fn a_500_is_retried_when_the_outbox_likes() {
    let slack = Slack::answering(status(500, "rollup_error")).await;
    assert!(matches!(slack.deliver(&theft()).await, Err(DeliveryError::Retry { after: None, .. })));
}

#[tokio::test]
async fn a_refusal_repeats_slacks_own_word() {
    for (code, word, shown) in [
        (404, "no_service", "Slack answered 404 Not Found: no_service"),
        (403, "invalid_token", "Slack answered 403 Forbidden: invalid_token"),
        (400, "invalid_payload", "Slack answered 400 Bad Request: invalid_payload"),
        (410, "channel_is_archived\n", "Slack answered 410 Gone: channel_is_archived"),
    ] {
        let slack = Slack::answering(status(code, word)).await;
        assert_eq!(slack.deliver(&theft()).await, refused(shown));
    }
}

#[tokio::test]
async fn an_answer_that_repeats_the_url_is_not_repeated() {
    let slack = Slack::answering(status(404, "Cannot POST /services/T000/B000/hush-hush")).await;
    assert_eq!(slack.deliver(&theft()).await, refused("Slack answered 404 Not Found"));
    let slack = Slack::answering(status(404, "hush")).await;
    assert_eq!(slack.deliver(&theft()).await, refused("Slack answered 404 Not Found"));
}

#[tokio::test]
async fn a_200_from_something_that_is_not_slack_is_no_delivery() {
    let slack = Slack::answering(status(200, "<html>Sign in to the proxy</html>")).await;
    let Err(DeliveryError::Refused { why }) = slack.deliver(&theft()).await else { panic!("not refused") };
    assert!(why.contains("not Slack's `ok`"), "{why}");
}

#[tokio::test]
async fn an_endless_answer_is_read_to_its_beginning_only() {
    let slack = Slack::answering(status(404, &"no_service ".repeat(1_000_000))).await;
    assert_eq!(slack.deliver(&theft()).await, refused("Slack answered 404 Not Found"));
}

#[tokio::test]
async fn a_server_slower_than_the_timeout_is_retried() {
    let slack = Slack::answering(status(200, "ok").set_delay(Duration::from_secs(5))).await;
    let Err(DeliveryError::Retry { why, .. }) = slack.deliver(&theft()).await else { panic!("not a retry") };
    assert_eq!(why, "no answer within 150ms");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_retried() {
    let folder = tempfile::tempdir().unwrap();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = secret(folder.path(), "url", &format!("http://127.0.0.1:{port}/hush"));
    let sink = sink(json!({"type": "slack", "name": "ops", "urlFile": url})).unwrap();
    let Err(DeliveryError::Retry { why, .. }) = sink.deliver(&theft()).await else { panic!("not a retry") };
    assert!(why.starts_with("cannot connect: ") && !why.contains("hush"), "{why}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = MockServer::start().await;
    Mock::given(method("POST")).respond_with(status(200, "ok")).expect(0).mount(&elsewhere).await;
    let slack = Slack::answering(ResponseTemplate::new(307).insert_header("Location", elsewhere.uri())).await;
    let Err(DeliveryError::Refused { why }) = slack.deliver(&theft()).await else { panic!("not refused") };
    assert!(why.contains("307") && why.contains("not followed"), "{why}");
}

#[tokio::test]
async fn a_new_url_in_the_file_takes_hold_without_a_restart() {
    let slack = Slack::answering(status(200, "ok")).await;
    secret(slack.folder.path(), "url", &format!("{}/services/old", slack.server.uri()));
    assert!(matches!(slack.deliver(&theft()).await, Err(DeliveryError::Refused { .. })));
    secret(slack.folder.path(), "url", &format!("{}{HOOK}", slack.server.uri()));
    assert_eq!(slack.deliver(&theft()).await, Ok(()));
}

#[tokio::test]
async fn a_file_that_went_missing_or_holds_no_url_is_retried() {
    let slack = Slack::answering(status(200, "ok")).await;
    secret(slack.folder.path(), "url", "hush");
    assert!(matches!(slack.deliver(&theft()).await, Err(DeliveryError::Retry { .. })));
    std::fs::remove_file(slack.folder.path().join("url")).unwrap();
    let Err(DeliveryError::Retry { why, .. }) = slack.deliver(&theft()).await else { panic!("not a retry") };
    assert!(why.contains("urlFile"), "{why}");
}

/// Every text object in a message.
fn texts(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(fields) if fields.get("type").is_some_and(|t| t == "mrkdwn" || t == "plain_text") => {
            vec![value]
        }
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

fn units(value: &Value) -> usize {
    value.as_str().unwrap().encode_utf16().count()
}

fn assert_within_limits(posted: &Value) {
    let blocks = posted["blocks"].as_array().unwrap();
    assert!(blocks.len() <= 50);
    for block in blocks {
        match block["type"].as_str().unwrap() {
            "header" => assert!(units(&block["text"]["text"]) <= 150),
            "context" => assert!(block["elements"].as_array().unwrap().len() <= 10),
            "section" => {
                let fields = block["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
                assert!(fields.len() <= 10);
                assert!(fields.iter().all(|field| units(&field["text"]) <= 2000));
            }
            other => panic!("unknown block {other}"),
        }
    }
    assert!(texts(posted).iter().all(|text| (1..=3000).contains(&units(&text["text"]))));
    assert!(units(&posted["text"]) <= 40_000);
}

#[tokio::test]
async fn megabytes_of_hostile_text_stay_within_slacks_limits() {
    for text in ["&", "<!channel>", "`", "a", "\u{202e}", "🔴", "\n", "``` "] {
        let megabyte = text.repeat(1_000_000 / text.len());
        assert_within_limits(&Slack::posted(&hostile(&megabyte)).await);
    }
    assert_within_limits(&Slack::posted(&hostile("")).await);
}

#[tokio::test]
async fn no_text_from_outside_is_obeyed_by_slack() {
    let evil = "``` `x` *bold* <!channel> <@U1> <https://evil.example|click> :wave:\n> quote \u{202e}\x07";
    let posted = Slack::posted(&hostile(evil)).await;
    let whole = posted.to_string();
    assert!(!whole.contains('<') && !whole.contains('>') && !whole.contains('\u{202e}'), "{whole}");
    for text in texts(&posted) {
        let shown = text["text"].as_str().unwrap();
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        if text["type"] == "plain_text" {
            assert_eq!(text["emoji"], false);
            continue;
        }
        assert_eq!(text["verbatim"], true);
        // Every piece from outside sits inside a pair of fences or of backticks, on one line.
        let outside: String = match shown.strip_prefix("```\n") {
            Some(block) => block.split("\n```").skip(1).collect(),
            None => shown.split('`').step_by(2).collect(),
        };
        assert!(!outside.contains("evil") && !outside.contains("bold"), "{shown}");
        assert_eq!(shown.matches('`').count() % 2, 0, "{shown}");
    }
}

#[tokio::test]
async fn a_command_that_slack_would_alter_is_not_shown() {
    let mut message = theft();
    "kubectl delete pod 'a`b'".clone_into(&mut message.incident.next[0].run);
    let posted = Slack::posted(&message).await.to_string();
    assert!(!posted.contains("kubectl delete pod") && posted.contains("take the command from"), "{posted}");
}

#[tokio::test]
async fn each_severity_has_a_mark_of_its_own() {
    let mut marks = std::collections::BTreeSet::new();
    for severity in Severity::ALL {
        let mut message = theft();
        message.incident.severity = severity;
        let posted = Slack::posted(&message).await;
        marks.insert(posted["blocks"][0]["text"]["text"].as_str().unwrap().chars().next());
    }
    assert_eq!(marks.len(), Severity::ALL.len());
}
