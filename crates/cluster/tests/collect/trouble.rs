//! What becomes of a scan when the server refuses, forgets, lies or stalls.

use std::{fs, time::Duration};

use serde_json::json;
use sundew_cluster::{Absence, ClusterError, CollectOptions, Collected, RESOURCES, Reason};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use wiremock::ResponseTemplate;

use crate::server::{self, PODS, SECRETS, Server, list, names, ok, status};

/// The only thing that is not known.
fn only_absence(collected: &Collected) -> &Absence {
    let [absent] = &collected.absent[..] else { panic!("{:?}", collected.absent) };
    assert_eq!(collected.lists.len(), RESOURCES.len(), "all else was read");
    absent
}

/// Collects from a server that answers so for pods; returns why pods are not known.
async fn without_pods(
    options: &CollectOptions,
    answer: impl Fn(&server::Asked) -> ResponseTemplate + Send + Sync + 'static,
) -> (Absence, Server) {
    let server = Server::start([(PODS, Box::new(answer))]).await;
    let (collected, _) = server.collect(options).await;
    let collected = collected.unwrap();
    let absent = only_absence(&collected).clone();
    assert_eq!(absent.resource.name, "pods");
    (absent, server)
}

#[tokio::test]
async fn a_403_on_one_kind_is_recorded_and_the_rest_is_read() {
    let (absent, server) =
        without_pods(&CollectOptions::default(), |_| status(403, "pods is forbidden")).await;
    assert_eq!(absent.reason, Reason::Forbidden { message: "pods is forbidden".into() });
    assert_eq!(server.asked_at(PODS).len(), 1, "asking again does not help");
}

#[tokio::test]
async fn a_401_on_one_kind_is_recorded_and_the_rest_is_read() {
    let (absent, _) = without_pods(&CollectOptions::default(), |_| status(401, "Unauthorized")).await;
    assert_eq!(absent.reason, Reason::Unauthorized);
}

#[tokio::test]
async fn a_list_that_every_server_has_is_not_taken_as_empty_where_it_is_not_found() {
    let (absent, _) = without_pods(&CollectOptions::default(), |_| status(404, "page not found")).await;
    assert!(matches!(absent.reason, Reason::Refused { status: 404, .. }));
}

#[tokio::test]
async fn where_everything_is_forbidden_the_error_says_so() {
    let paths = RESOURCES.iter().map(|resource| match resource.group {
        "" => format!("/api/v1/{}", resource.name),
        group => format!("/apis/{group}/v1/{}", resource.name),
    });
    let server = Server::start_all(paths.collect(), |_| status(403, "not for you")).await;
    let (collected, pages) = server.collect(&CollectOptions::default()).await;
    let error = collected.unwrap_err();
    assert!(matches!(error, ClusterError::NothingRead { why: Reason::Forbidden { .. }, .. }), "{error}");
    assert!(
        error.to_string().contains("context `test`")
            && error.to_string().contains("the role that Sundew prints")
    );
    assert!(pages.is_empty());
}

#[tokio::test]
async fn a_credential_that_is_not_accepted_is_said_at_once() {
    let server = Server::start([("/version", Box::new(|_| status(401, "Unauthorized")))]).await;
    let error = server.open().await.unwrap_err();
    assert!(matches!(error, ClusterError::Unauthorized { .. }), "{error}");
    assert!(error.to_string().contains("context `test`"), "{error}");
    assert!(!format!("{error}{error:?}").contains("a-bearer-token"));
}

#[tokio::test]
async fn a_version_that_is_not_told_keeps_nobody_from_reading() {
    let server = Server::start([("/version", Box::new(|_| status(403, "forbidden")))]).await;
    let (collected, _) = server.collect(&CollectOptions::default()).await;
    let collected = collected.unwrap();
    assert!(matches!(collected.version, Err(Reason::Forbidden { .. })));
    assert!(collected.absent.is_empty());
}

#[tokio::test]
async fn a_list_that_grew_too_old_is_begun_anew_and_its_later_pages_replace_the_earlier() {
    let server = Server::start([(
        PODS,
        Box::new(|asked| match (asked.nth, asked.query("continue")) {
            (0, "") => list("Pod", 0..2, "old"),
            (_, "old") => status(410, "The provided continue parameter is too old"),
            (_, "") => list("Pod", 10..12, "new"),
            _ => list("Pod", 12..13, ""),
        }),
    )])
    .await;
    let (collected, pages) = server.collect(&CollectOptions::default()).await;
    let collected = collected.unwrap();
    assert!(collected.absent.is_empty());
    assert_eq!(names(&pages, "pods"), ["10", "11", "12"]);
    let listed = collected.lists.iter().find(|listed| listed.resource.name == "pods").unwrap();
    assert_eq!((listed.attempt, listed.items, listed.mixed), (2, 3, false));
}

#[tokio::test]
async fn a_list_that_always_grows_too_old_is_gone_on_with_and_said_to_be_mixed() {
    let server = Server::start([(
        PODS,
        Box::new(|asked| match asked.query("continue") {
            "" => list("Pod", 0..2, "old"),
            "old" => ResponseTemplate::new(410)
                .set_body_json(json!({"kind": "Status", "code": 410, "metadata": {"continue": "newer"}})),
            "newer" => list("Pod", 2..3, ""),
            _ => status(400, "no such token"),
        }),
    )])
    .await;
    let (collected, pages) = server.collect(&CollectOptions::default()).await;
    let collected = collected.unwrap();
    assert_eq!(names(&pages, "pods"), ["0", "1", "2"]);
    let listed = collected.lists.iter().find(|listed| listed.resource.name == "pods").unwrap();
    assert_eq!((listed.attempt, listed.items, listed.mixed), (3, 3, true));
}

#[tokio::test]
async fn a_list_that_cannot_be_gone_on_with_is_given_up_after_three_times() {
    let (absent, server) = without_pods(&CollectOptions::default(), |asked| match asked.query("continue") {
        "" => list("Pod", 0..2, "old"),
        _ => status(410, "too old"),
    })
    .await;
    assert_eq!((absent.reason, absent.pages), (Reason::Expired, 1));
    assert_eq!(server.asked_at(PODS).len(), 6);
    let (absent, server) = without_pods(&CollectOptions::default(), |_| {
        ResponseTemplate::new(410).set_body_json(json!({"metadata": {"continue": "for ever"}}))
    })
    .await;
    assert_eq!((absent.reason, absent.pages), (Reason::Expired, 0));
    assert_eq!(server.asked_at(PODS).len(), 4);
}

#[tokio::test]
async fn a_429_is_asked_again_after_the_time_that_the_server_names() {
    let server = Server::start([(
        PODS,
        Box::new(|asked| match asked.nth {
            0 => status(429, "too many requests").insert_header("Retry-After", "1"),
            _ => list("Pod", 0..1, ""),
        }),
    )])
    .await;
    let (collected, pages) = server.collect(&CollectOptions::default()).await;
    assert!(collected.unwrap().absent.is_empty());
    assert_eq!(names(&pages, "pods"), ["0"]);
    let asked = server.asked_at(PODS);
    assert!(asked[1].at - asked[0].at >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_server_that_is_not_ready_for_a_moment_is_asked_again_in_the_middle_of_a_list() {
    let server = Server::start([(
        PODS,
        Box::new(|asked| match (asked.query("continue"), asked.nth) {
            ("", 2..) => list("Pod", 0..1, "next"),
            ("next", 4..) => list("Pod", 1..2, ""),
            (_, nth) => status([500, 503, 502, 504][nth % 4], "not now"),
        }),
    )])
    .await;
    let (collected, pages) = server.collect(&CollectOptions::default()).await;
    assert!(collected.unwrap().absent.is_empty());
    assert_eq!(names(&pages, "pods"), ["0", "1"]);
}

#[tokio::test]
async fn a_500_for_ever_is_given_up_and_recorded() {
    let (absent, server) = without_pods(&CollectOptions::default(), |_| status(500, "etcd is gone")).await;
    assert_eq!(absent.reason, Reason::Refused { status: 500, message: "etcd is gone".into() });
    assert_eq!(server.asked_at(PODS).len(), 4, "once, and three retries");
}

#[tokio::test]
async fn a_list_that_stalls_is_given_up_and_recorded() {
    let stalled = |_: &server::Asked| list("Pod", 0..1, "").set_delay(Duration::from_secs(60));
    let mut server = Server::start([(PODS, Box::new(stalled) as server::Answer)]).await;
    server.request = Duration::from_millis(700);
    let (collected, _) = server.collect(&CollectOptions::default()).await;
    let collected = collected.unwrap();
    assert_eq!(only_absence(&collected).reason, Reason::Silent { waited: server.request });
    assert_eq!(server.asked_at(PODS).len(), 2);
}

#[tokio::test]
async fn a_server_that_stalls_at_once_is_an_error_that_names_it() {
    let stalled = |_: &server::Asked| ok(&json!({})).set_delay(Duration::from_secs(60));
    let mut server = Server::start([("/version", Box::new(stalled) as server::Answer)]).await;
    server.request = Duration::from_millis(400);
    let error = server.open().await.unwrap_err();
    assert!(error.to_string().contains("context `test`"), "{error}");
    assert!(error.to_string().contains("no whole answer came within 400ms"), "{error}");
}

#[tokio::test]
async fn what_is_no_list_of_the_kind_is_not_handed_over() {
    for (body, part) in [
        (r#"{"kind":"PodList","metadata":{},"items":[{"metadata":{"na"#, "it ends too early"),
        (r#"{"kind":"PodList","metadata":{},"items":{}}"#, "its fields are not a list's"),
        (
            r#"{"kind":"ConfigMapList","metadata":{},"items":[]}"#,
            "its kind is `ConfigMapList` instead of `PodList`",
        ),
        ("<html>Sign in</html>", "it is not JSON"),
        ("", "it ends too early"),
    ] {
        let answer =
            move |_: &server::Asked| ResponseTemplate::new(200).set_body_raw(body, "application/json");
        let (absent, _) = without_pods(&CollectOptions::default(), answer).await;
        assert!(matches!(&absent.reason, Reason::Damaged { what } if what.contains(part)), "{absent:?}");
        assert_eq!(absent.pages, 0);
    }
}

#[tokio::test]
async fn a_page_that_names_itself_as_the_next_ends_the_list() {
    let (absent, _) = without_pods(&CollectOptions::default(), |_| list("Pod", 0..1, "again")).await;
    assert!(
        matches!(&absent.reason, Reason::Damaged { what } if what.contains("names itself")),
        "{absent:?}"
    );
}

#[tokio::test]
async fn of_objects_that_are_too_large_fewer_are_asked_for_at_once() {
    let large = |asked: &server::Asked| {
        let limit: usize = asked.query("limit").parse().unwrap();
        let from: usize = asked.query("continue").parse().unwrap_or(0);
        let items: Vec<_> = (from..5.min(from + limit))
            .map(|name| json!({"metadata": {"name": name.to_string()}, "spec": "x".repeat(1000)}))
            .collect();
        let next = if from + limit < 5 { (from + limit).to_string() } else { String::new() };
        ok(&json!({"kind": "PodList", "metadata": {"continue": next}, "items": items}))
    };
    let server = Server::start([(PODS, Box::new(large))]).await;
    let options = CollectOptions { page_bytes: 2500, ..CollectOptions::default() };
    let (collected, pages) = server.collect(&options).await;
    assert!(collected.unwrap().absent.is_empty());
    assert_eq!(names(&pages, "pods"), ["0", "1", "2", "3", "4"]);
    assert!(pages.iter().all(|page| page.bytes.len() <= 2500));

    let options = CollectOptions { page_bytes: 900, ..CollectOptions::default() };
    let (absent, _) = without_pods(&options, large).await;
    assert_eq!(absent.reason, Reason::TooLarge { limit: 900 });
}

#[tokio::test]
async fn secrets_that_come_with_their_values_are_thrown_away() {
    let server = Server::start([(
        SECRETS,
        Box::new(|_| ok(&json!({"kind": "SecretList", "items": [{"data": {"token": "c2VjcmV0"}}]}))),
    )])
    .await;
    let (collected, pages) = server.collect(&CollectOptions::default()).await;
    let collected = collected.unwrap();
    assert_eq!(collected.absent.len(), 2);
    assert!(collected.absent.iter().all(|absent| absent.reason == Reason::ValuesSent));
    assert!(pages.iter().all(|page| page.resource.name != "secrets"));
    assert!(!format!("{collected:?}").contains("c2VjcmV0"));
}

#[tokio::test]
async fn after_some_lists_without_an_answer_the_rest_is_not_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    fs::write(folder.path().join("kubeconfig"), server::kubeconfig(&url)).unwrap();
    let broken = tokio::spawn(async move {
        let mut half = 0;
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let answer: &[u8] = if request[..read].starts_with(b"GET /version ") {
                b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
            } else {
                half += 1;
                assert!(half < 2 * RESOURCES.len(), "it was asked on and on");
                b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"kind\":\"PodList\","
            };
            let _ = stream.write_all(answer).await;
        }
    });
    let connection = server::open(&folder, Duration::from_secs(20)).await.unwrap();
    let error = sundew_cluster::collect(&connection, &CollectOptions::default(), |_| {}).await.unwrap_err();
    let ClusterError::NothingRead { lists, why: Reason::Unreachable { .. }, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(lists, RESOURCES.len() + 1);
    assert!(!broken.is_finished(), "{:?}", broken.await);
    broken.abort();
}
