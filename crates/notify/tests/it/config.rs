//! What the configuration accepts, and what it says where it does not.

use serde_json::{Value, json};
use sundew_detect::Severity;
use sundew_notify::{SinkConfig, build, check_names};

use crate::fixture::{config, sink};

fn parse_error(value: Value) -> String {
    serde_json::from_value::<SinkConfig>(value).unwrap_err().to_string()
}

fn build_error(value: Value) -> String {
    sink(value).err().unwrap().to_string()
}

#[test]
fn every_kind_has_a_name_and_a_least_severity() {
    // A file is where people look things up; the others call them.
    for (kind, field, value, least) in [
        ("file", "path", "/tmp/alerts.json", Severity::Info),
        ("slack", "urlEnv", "HOOK", Severity::Medium),
        ("webhook", "url", "https://hook.example/", Severity::Medium),
    ] {
        let plain = config(json!({"type": kind, "name": "ops", field: value}));
        assert_eq!((plain.name(), plain.min_severity()), ("ops", least), "{kind}");
        let strict = config(json!({"type": kind, "name": "ops", "minSeverity": "high", field: value}));
        assert_eq!(strict.min_severity(), Severity::High, "{kind}");
        let built = build(&plain, &|_| Some("https://hooks.example/hush".to_owned())).unwrap();
        assert_eq!((built.name(), built.kind()), ("ops", kind));
    }
    assert_eq!(sink(json!({"type": "terminal", "name": "here"})).unwrap().kind(), "terminal");
}

#[test]
fn a_field_that_does_not_exist_is_named() {
    for kind in ["file", "slack", "webhook", "terminal"] {
        let why = parse_error(json!({"type": kind, "name": "ops", "path": "x", "chanel": "#ops"}));
        assert!(why.contains("unknown field"), "{kind}: {why}");
    }
    let why = parse_error(json!({"type": "terminal", "name": "ops", "chanel": "#ops"}));
    assert!(why.contains("`chanel`"), "{why}");
    assert!(parse_error(json!({"type": "email", "name": "ops"})).contains("`email`"));
}

#[test]
fn a_slack_url_in_the_configuration_is_refused_without_being_shown() {
    let why =
        parse_error(json!({"type": "slack", "name": "ops", "url": "https://hooks.slack.com/services/hush"}));
    assert!(why.contains("urlFile") && why.contains("urlEnv") && !why.contains("hush"), "{why}");
}

#[test]
fn one_place_for_the_url_and_one_only() {
    let why = build_error(json!({"type": "slack", "name": "ops"}));
    assert_eq!(why, "sink `ops`: give exactly one of urlFile and urlEnv");
    let two = json!({"type": "webhook", "name": "hook", "url": "https://x.example/", "urlEnv": "HOOK"});
    assert_eq!(build_error(two), "sink `hook`: give exactly one of url, urlFile and urlEnv");
    let two = json!({"type": "webhook", "name": "hook", "url": "https://x.example/", "secretFile": "a", "secretEnv": "B"});
    assert!(build_error(two).contains("secretFile and secretEnv"));
}

#[test]
fn plain_http_to_another_machine_is_refused_without_showing_the_url() {
    let why = build_error(json!({"type": "webhook", "name": "hook", "url": "http://hook.example/hush"}));
    assert!(why.contains("`hook`") && why.contains("https://") && !why.contains("hush"), "{why}");
}

#[test]
fn a_configuration_shows_no_url_when_it_is_printed() {
    let config = config(json!({"type": "webhook", "name": "hook", "url": "https://hook.example/hush"}));
    let shown = format!("{config:?}");
    assert!(shown.contains("[hidden]") && !shown.contains("hush"), "{shown}");
}

#[test]
fn two_sinks_cannot_share_a_name() {
    let one = config(json!({"type": "terminal", "name": "ops"}));
    let other = config(json!({"type": "terminal", "name": "ops-2"}));
    assert!(check_names(&[one.clone(), other.clone()]).is_ok());
    let why = check_names(&[one.clone(), other, one]).unwrap_err().to_string();
    assert!(why.starts_with("two sinks are named `ops`"), "{why}");
}

#[test]
fn a_name_that_no_metric_could_carry_is_refused() {
    for name in ["", "two words", "grüße", &"x".repeat(65)] {
        assert!(
            build_error(json!({"type": "terminal", "name": name})).contains("is no name for a sink"),
            "{name}"
        );
    }
}

#[test]
fn a_timeout_is_written_with_its_unit() {
    let slack = |timeout| json!({"type": "slack", "name": "ops", "urlEnv": "HOOK", "timeout": timeout});
    for good in ["500ms", "10s", "5m"] {
        config(slack(good));
    }
    assert!(parse_error(slack("10")).contains("write it like 10s"));
}

#[test]
fn the_schema_of_the_configuration() {
    insta::assert_json_snapshot!(schemars::schema_for!(SinkConfig));
}
