//! Credential plugins where nobody sits at a terminal.

use std::{fs, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sundew_cluster::{ClusterError, Hand, HandError, ObjectKey, Reason};

use crate::server::{Asked, Server, ok};

const LONG: Option<Duration> = Some(Duration::from_secs(60));

fn key() -> ObjectKey {
    let [api_version, kind, namespace, name] = ["v1", "Secret", "ns", "x"].map(str::to_owned);
    ObjectKey { api_version, kind, namespace, name }
}

/// A server that lets everybody in, and a kubeconfig with a plugin that runs this script.
async fn server(script: &str) -> Server {
    let server = Server::start(|_: &Asked| ok(&json!({"metadata": {}}))).await;
    let_in(&server, script, "IfAvailable");
    server
}

fn let_in(server: &Server, script: &str, mode: &str) {
    let variable = json!({"name": "FOLDER", "value": server.path("")});
    server.let_in(&json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": mode, "command": "sh",
        "args": ["-c", script], "env": [variable],
    }}));
}

/// A script that writes down each of its runs, and prints a token that ends then.
fn token(ends: Option<Timestamp>) -> String {
    let status = json!({"token": "from-the-plugin", "expirationTimestamp": ends});
    let credential =
        json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status});
    format!("echo \"$KUBERNETES_EXEC_INFO\" >> \"$FOLDER/runs\"; echo '{credential}'")
}

/// What the plugin was told at each of its runs.
fn runs(server: &Server) -> Vec<Value> {
    let runs = fs::read_to_string(server.path("runs")).unwrap_or_default();
    runs.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn ask(hand: &Hand) -> Result<(), HandError> {
    hand.get(&key()).await.map(|_| ())
}

#[tokio::test]
async fn its_token_is_shown_with_each_request_and_it_is_run_once_while_that_lasts() {
    let hour = Timestamp::now() + SignedDuration::from_hours(1);
    for ends in [None, Some(hour)] {
        let server = server(&token(ends)).await;
        let hand = server.open_in(LONG).await.unwrap().hand("x");
        ask(&hand).await.unwrap();
        ask(&hand).await.unwrap();
        let shown: Vec<_> = server.asked().iter().map(|a| a.header("authorization").to_owned()).collect();
        assert_eq!(shown, ["Bearer from-the-plugin", "Bearer from-the-plugin"]);
        let runs = runs(&server);
        assert_eq!(runs.len(), 1);
        assert_eq!(
            (&runs[0]["kind"], &runs[0]["spec"]["interactive"]),
            (&json!("ExecCredential"), &json!(false))
        );
        assert!(!format!("{hand:?}").contains("from-the-plugin"));
    }
}

#[tokio::test]
async fn it_is_run_again_before_its_token_ends() {
    let server = server(&token(Some(Timestamp::now() + SignedDuration::from_secs(20)))).await;
    let hand = server.open_in(LONG).await.unwrap().hand("x");
    let before = runs(&server).len();
    ask(&hand).await.unwrap();
    assert_eq!(runs(&server).len(), before + 1);
}

#[tokio::test]
async fn a_token_that_is_used_on_purpose_is_not_mixed_up_with_its_own() {
    let server = server(&token(None)).await;
    let hand = server.open_in(LONG).await.unwrap().hand("x");
    hand.use_token("a-decoys", "/api/v1/namespaces/ns/pods").await.unwrap();
    assert_eq!(server.asked()[0].header("authorization"), "Bearer a-decoys");
}

#[tokio::test]
async fn one_that_does_not_end_is_killed_and_named() {
    let server = server("echo $$ > \"$FOLDER/pid\"; exec sleep 600").await;
    let error = server.open_in(Some(Duration::from_secs(5))).await.unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, ClusterError::Unusable { .. }), "{said}");
    assert!(said.contains("plugin `sh`") && said.contains("did not end within 5s"), "{said}");
    assert!(said.contains("ask on a terminal") && said.contains("cannot be used by the sensor"), "{said}");
    assert!(!said.contains("sleep"), "its arguments may hold a credential: {said}");
    let pid = fs::read_to_string(server.path("pid")).unwrap();
    let process = format!("/proc/{}/cmdline", pid.trim());
    let started = std::time::Instant::now();
    // A process that was killed and not waited for yet has no command line.
    while fs::read_to_string(&process).is_ok_and(|line| !line.is_empty()) {
        assert!(started.elapsed() < Duration::from_secs(60), "it still runs");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn one_that_must_ask_on_a_terminal_is_not_run() {
    let server = server("").await;
    let_in(&server, &token(None), "Always");
    let said = server.open_in(LONG).await.unwrap_err().to_string();
    assert!(said.contains("plugin `sh`") && said.contains("asks on a terminal"), "{said}");
    assert!(runs(&server).is_empty());
}

#[tokio::test]
async fn what_one_that_fails_prints_is_not_shown() {
    for (script, part) in [
        ("echo s3cr3t; echo s3cr3t >&2; exit 3", "exit status: 3"),
        ("echo s3cr3t", "printed no ExecCredential"),
        ("echo '{\"status\": {\"other\": \"s3cr3t\"}}'", "neither a token nor a certificate"),
        ("echo '{\"status\": {\"token\": \"s3cr3t\", \"expirationTimestamp\": \"s3cr3t\"}}'", "no time"),
        (
            "printf %s '{\"status\": {\"token\": \"s3cr3t\\u0007\"}}'",
            "characters that no HTTP header can have",
        ),
    ] {
        let server = server(script).await;
        let error = server.open_in(LONG).await.unwrap_err();
        let (shown, debug) = (error.to_string(), format!("{error:?}"));
        assert!(shown.contains(part), "{shown}");
        assert!(!shown.contains("s3cr3t") && !debug.contains("s3cr3t"), "{debug}");
    }
}

#[tokio::test]
async fn one_that_fails_later_is_said_and_not_run_for_each_request() {
    let ends = Timestamp::now() + SignedDuration::from_secs(20);
    let script = format!(
        "if [ -e \"$FOLDER/broken\" ]; then echo {{}} >> \"$FOLDER/runs\"; exit 3; fi; {}",
        token(Some(ends))
    );
    let server = server(&script).await;
    let hand = server.open_in(LONG).await.unwrap().hand("x");
    fs::write(server.path("broken"), "").unwrap();
    let before = runs(&server).len();
    for _ in 0..5 {
        let error = ask(&hand).await.unwrap_err();
        let HandError::Failed { why: Reason::Credential { why }, .. } = error else { panic!("{error:?}") };
        assert!(why.contains("failed (exit status: 3)"), "{why}");
    }
    assert!(runs(&server).len() <= before + 2, "at most once in ten seconds");
}
