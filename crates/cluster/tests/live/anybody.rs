//! What the server answers to anybody: what is sent, and how each answer is told.

use serde_json::json;
use sundew_cluster::{ANYBODY_PATHS, Reason};

use crate::server::{Server, ok, status};

#[tokio::test]
async fn four_requests_are_sent_once_each_and_without_any_credential() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/healthz" => ok(&json!("ok")),
        "/api" => status(401, "Unauthorized"),
        _ => status(
            403,
            "namespaces is forbidden: User \"system:anonymous\" cannot list resource \"namespaces\"",
        ),
    })
    .await;
    let answers = server.open().await.ask_as_anybody().await.unwrap();
    let paths: Vec<&str> = answers.iter().map(|(path, _)| *path).collect();
    assert_eq!(paths, ANYBODY_PATHS);
    assert_eq!(answers[0].1, Ok(()));
    assert_eq!(answers[1].1, Ok(()));
    assert_eq!(answers[2].1, Err(Reason::Unauthorized));
    assert!(
        matches!(&answers[3].1, Err(Reason::Forbidden { message }) if message.contains("system:anonymous"))
    );
    let asked = server.asked();
    assert_eq!(asked.len(), 3, "and the version");
    for one in asked {
        assert_eq!(one.method, "GET");
        // The connection itself has a token and impersonates somebody.
        for header in ["authorization", "impersonate-user"] {
            assert_eq!(one.header(header), "", "{}", one.path);
        }
    }
}

#[tokio::test]
async fn a_server_in_trouble_is_asked_once() {
    let server = Server::start(|_| status(503, "down")).await;
    let answers = server.open().await.ask_as_anybody().await.unwrap();
    assert!(matches!(answers[1].1, Err(Reason::Refused { status: 503, .. })));
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn an_answer_longer_than_anybody_reads_was_allowed_all_the_same() {
    let server = Server::start(|_| ok(&json!("x".repeat(100_000)))).await;
    let answers = server.open().await.ask_as_anybody().await.unwrap();
    assert_eq!(answers[2].1, Ok(()));
}
