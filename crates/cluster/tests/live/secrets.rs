//! The watch over one Secret's metadata, and what it makes of servers that do not behave.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sundew_cluster::{Reason, SecretNews, SecretSeen, watch_secret};
use tokio::{
    sync::mpsc,
    task::{JoinHandle, JoinSet},
    time::timeout,
};

use crate::server::{Asked, Reply, Server, Then, event, failure, ok, status};

const PATIENCE: Duration = Duration::from_secs(60);
const ONE: &str = "/api/v1/namespaces/ns/secrets/x";

/// The Secret's metadata at a version; the label where it is not empty.
fn at(version: u32, uid: &str, last_used: &str) -> Value {
    let mut metadata = json!({
        "namespace": "ns", "name": "x", "uid": uid, "resourceVersion": version.to_string(),
        "creationTimestamp": "2026-01-01T00:00:00Z",
    });
    if !last_used.is_empty() {
        metadata["labels"] = json!({"kubernetes.io/legacy-token-last-used": last_used, "app": "y"});
    }
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
}

fn bookmark(version: u32) -> String {
    let metadata = json!({"resourceVersion": version.to_string()});
    event("BOOKMARK", &json!({"kind": "PartialObjectMetadata", "metadata": metadata}))
}

fn changed(version: u32, last_used: &str) -> String {
    event("MODIFIED", &at(version, "u-1", last_used))
}

/// A watch over a server that answers so.
struct Watching {
    server: Server,
    news: mpsc::Receiver<SecretNews>,
    task: JoinHandle<()>,
    began: Instant,
}

impl Watching {
    async fn over(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let server = Server::start(answer).await;
        let (tell, news) = mpsc::channel(8);
        let agent = Arc::new(|| "an-agent".to_owned());
        let connection = server.open().await;
        let began = Instant::now();
        let task = tokio::spawn(watch_secret(connection, agent, "ns".into(), "x".into(), tell));
        Self { server, news, task, began }
    }

    async fn next(&mut self) -> SecretNews {
        timeout(PATIENCE, self.news.recv()).await.expect("there is news").expect("the watch goes on")
    }

    async fn seen(&mut self) -> SecretSeen {
        match self.next().await {
            SecretNews::Seen(seen) => seen,
            other => panic!("{other:?}"),
        }
    }

    /// Requests that came, in short: `get`, or the version that a watch went on from.
    fn asked(&self) -> Vec<String> {
        let short = |asked: &Asked| match asked.watches() {
            true => format!("watch {}", asked.query("resourceVersion")),
            false => "get".to_owned(),
        };
        self.server.asked().iter().map(short).collect()
    }
}

#[tokio::test]
async fn a_change_of_the_label_is_told_as_it_comes() {
    let mut watching = Watching::over(|asked| match asked.watches() {
        false => ok(&at(5, "u-1", "")),
        true => Reply::Lines(vec![changed(6, "2026-11-20")], Then::Hold),
    })
    .await;
    let seen = watching.seen().await;
    assert_eq!((seen.uid.as_str(), seen.resource_version.as_str(), &seen.last_used), ("u-1", "5", &None));
    assert_eq!(seen.created, "2026-01-01T00:00:00Z");
    assert_eq!(watching.next().await, SecretNews::Watching);
    let seen = watching.seen().await;
    assert_eq!((seen.resource_version.as_str(), seen.last_used.as_deref()), ("6", Some("2026-11-20")));

    let asked = watching.server.asked();
    assert_eq!((asked[0].path.as_str(), asked[1].path.as_str()), (ONE, "/api/v1/namespaces/ns/secrets"));
    assert_eq!(asked[1].query("fieldSelector"), "metadata.name=x");
    assert_eq!(asked[1].query("allowWatchBookmarks"), "true");
    assert!((60..=300).contains(&asked[1].query("timeoutSeconds").parse::<u32>().unwrap()));
    for asked in &asked {
        assert_eq!(asked.header("accept"), "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
        assert_eq!(asked.header("user-agent"), "an-agent");
    }
}

#[tokio::test]
async fn a_watch_that_is_cut_or_ended_goes_on_from_where_it_was() {
    let mut watching = Watching::over(|asked| match (asked.watches(), asked.nth) {
        (false, _) => ok(&at(5, "u-1", "")),
        (true, 0) => Reply::Lines(vec![changed(6, "a"), bookmark(9)], Then::Cut),
        (true, 1) => Reply::Lines(vec![bookmark(11)], Then::End),
        (true, _) => Reply::Lines(vec![changed(12, "b")], Then::Hold),
    })
    .await;
    let mut news = Vec::new();
    for _ in 0..4 {
        news.push(watching.next().await);
    }
    let versions: Vec<_> = news
        .iter()
        .map(|news| match news {
            SecretNews::Seen(seen) => seen.resource_version.as_str(),
            SecretNews::Watching => "watching",
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(versions, ["5", "watching", "6", "12"], "an end is no trouble");
    assert_eq!(watching.asked(), ["get", "watch 5", "watch 9", "watch 11"]);
}

#[tokio::test]
async fn a_connection_that_brings_nothing_any_more_is_given_up_and_opened_anew() {
    let mut watching = Watching::over(|asked| match (asked.watches(), asked.nth) {
        (false, _) => ok(&at(5, "u-1", "")),
        (true, 0) => Reply::Lines(vec![changed(8, "a")], Then::Hold),
        (true, _) => Reply::Lines(vec![changed(9, "b")], Then::Hold),
    })
    .await;
    watching.seen().await;
    assert_eq!(watching.next().await, SecretNews::Watching);
    assert_eq!(watching.seen().await.resource_version, "8");
    tokio::time::pause();
    // The server was asked to end it after five minutes at most.
    tokio::time::advance(Duration::from_secs(331)).await;
    tokio::time::resume();
    assert_eq!(watching.seen().await.resource_version, "9");
    assert_eq!(watching.asked(), ["get", "watch 5", "watch 8"]);
}

#[tokio::test]
async fn what_is_too_old_to_go_on_from_is_looked_at_anew() {
    let gone = || event("ERROR", &json!({"kind": "Status", "code": 410, "reason": "Expired"}));
    let mut watching = Watching::over(move |asked| match (asked.watches(), asked.nth) {
        (false, 0) => ok(&at(5, "u-1", "")),
        (false, 1) => ok(&at(20, "u-1", "a")),
        (false, _) => ok(&at(30, "u-1", "b")),
        (true, 0) => failure(410, "Expired", "too old resource version", ""),
        (true, 1) => Reply::Lines(vec![gone()], Then::End),
        (true, _) => Reply::Lines(Vec::new(), Then::Hold),
    })
    .await;
    assert_eq!(watching.seen().await.resource_version, "5");
    assert_eq!(watching.seen().await.resource_version, "20");
    assert_eq!(watching.next().await, SecretNews::Watching);
    assert_eq!(watching.seen().await.resource_version, "30");
    assert_eq!(watching.asked()[..5], ["get", "watch 5", "get", "watch 20", "get"]);
}

#[tokio::test]
async fn a_server_that_ends_each_watch_at_once_is_not_asked_in_a_loop() {
    let mut watching = Watching::over(|asked| match asked.watches() {
        false => ok(&at(5, "u-1", "")),
        true => Reply::Lines(Vec::new(), Then::End),
    })
    .await;
    watching.seen().await;
    while watching.server.asked().len() < 5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let asked = watching.server.asked();
    let took = asked[4].at - watching.began;
    // Three at once are allowed; the fourth and fifth come a second apart.
    assert!(took >= Duration::from_millis(1900), "{took:?}");
    assert_eq!(watching.next().await, SecretNews::Watching);
    assert!(watching.news.try_recv().is_err(), "nothing else is news");
}

#[tokio::test]
async fn trouble_is_told_once_and_its_end_too() {
    let mut watching = Watching::over(|asked| match (asked.watches(), asked.nth) {
        (false, 0) => status(403, "secrets \"x\" is forbidden"),
        (false, _) => ok(&at(5, "u-1", "")),
        (true, 0) => Reply::Nothing,
        (true, _) => Reply::Lines(Vec::new(), Then::Hold),
    })
    .await;
    let forbidden = Reason::Forbidden { message: "secrets \"x\" is forbidden".into() };
    assert_eq!(watching.next().await, SecretNews::Trouble(forbidden));
    assert_eq!(watching.seen().await.resource_version, "5", "looked at although it cannot be watched");
    assert!(
        matches!(watching.next().await, SecretNews::Trouble(Reason::Unreachable { .. })),
        "another reason"
    );
    assert_eq!(watching.next().await, SecretNews::Watching);
    assert_eq!(watching.asked(), ["get", "get", "watch 5", "get", "watch 5"]);
}

#[tokio::test]
async fn the_same_reason_is_told_once_and_another_one_anew() {
    let mut watching = Watching::over(|asked| match asked.nth {
        0 => Reply::Nothing,
        1 => Reply::Nothing,
        2 => status(403, "secrets \"x\" is forbidden"),
        3 => status(403, "secrets \"x\" is forbidden still"),
        4 => status(401, "who are you"),
        _ => status(500, "no"),
    })
    .await;
    let mut told = Vec::new();
    for _ in 0..4 {
        match watching.next().await {
            SecretNews::Trouble(reason) => told.push(reason),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(told[0], Reason::Unreachable { .. }), "{told:?}");
    assert!(matches!(told[1], Reason::Forbidden { .. }), "{told:?}");
    assert!(
        told[2] == Reason::Unauthorized && matches!(told[3], Reason::Refused { status: 500, .. }),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_secret_that_is_gone_is_waited_for() {
    let mut watching = Watching::over(|asked| match asked.watches() {
        false => status(404, "not found"),
        true => Reply::Lines(
            vec![
                event("ADDED", &at(7, "u-1", "")),
                event("DELETED", &at(8, "u-1", "")),
                event("ADDED", &at(9, "u-2", "")),
            ],
            Then::Hold,
        ),
    })
    .await;
    assert_eq!(watching.next().await, SecretNews::Gone);
    assert_eq!(watching.next().await, SecretNews::Watching);
    assert_eq!(watching.seen().await.uid, "u-1");
    assert_eq!(watching.next().await, SecretNews::Gone);
    assert_eq!(watching.seen().await.uid, "u-2");
    let watch = &watching.server.asked()[1];
    assert!(!watch.query.contains_key("resourceVersion"), "from what is there now");
}

#[tokio::test]
async fn one_that_was_made_anew_meanwhile_has_another_uid() {
    let mut watching = Watching::over(|asked| match (asked.watches(), asked.nth) {
        (false, 0) => ok(&at(5, "u-1", "")),
        (false, _) => ok(&at(50, "u-2", "")),
        (true, 0) => status(410, "too old"),
        (true, _) => Reply::Lines(Vec::new(), Then::Hold),
    })
    .await;
    assert_eq!(watching.seen().await.uid, "u-1");
    assert_eq!(watching.seen().await.uid, "u-2");
}

#[tokio::test]
async fn values_that_were_not_asked_for_are_trouble_and_never_shown() {
    let whole = || {
        let mut secret = at(6, "u-1", "");
        (secret["kind"], secret["data"]) = (json!("Secret"), json!({"token": "c2VjcmV0"}));
        secret
    };
    for in_watch in [false, true] {
        let mut watching = Watching::over(move |asked| match (asked.watches(), in_watch) {
            (false, false) => ok(&whole()),
            (false, true) => ok(&at(5, "u-1", "")),
            (true, _) => Reply::Lines(vec![event("MODIFIED", &whole())], Then::Hold),
        })
        .await;
        loop {
            let news = watching.next().await;
            assert!(!format!("{news:?}").contains("c2VjcmV0"));
            if news == SecretNews::Trouble(Reason::ValuesSent) {
                break;
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_event_is_trouble_and_then_begun_anew() {
    let lines = [
        "{\"type\":\"MODIFIED\",\"object\":".to_owned(),
        "<html>Sign in</html>".to_owned(),
        event("MODIFIED", &json!({"kind": "PartialObjectMetadata"})),
        event("EXPLODED", &json!({})),
        event("BOOKMARK", &json!({"metadata": {}})),
        event("ERROR", &json!("?")),
    ];
    let mut all = JoinSet::new();
    for line in lines {
        all.spawn(begun_anew_after(line));
    }
    all.join_all().await;
}

async fn begun_anew_after(line: String) {
    let sent = line.clone();
    let mut watching = Watching::over(move |asked| match (asked.watches(), asked.nth) {
        (false, 0) => ok(&at(5, "u-1", "")),
        (false, _) => ok(&at(6, "u-1", "a")),
        (true, 0) => Reply::Lines(vec![sent.clone()], Then::Hold),
        (true, _) => Reply::Lines(Vec::new(), Then::Hold),
    })
    .await;
    assert_eq!(watching.seen().await.resource_version, "5");
    assert_eq!(watching.next().await, SecretNews::Watching);
    assert!(matches!(watching.next().await, SecretNews::Trouble(_)), "{line}");
    assert_eq!(watching.seen().await.resource_version, "6");
    assert_eq!(watching.next().await, SecretNews::Watching);
}

#[tokio::test]
async fn a_line_that_does_not_end_is_given_up() {
    let mut watching = Watching::over(|asked| match (asked.watches(), asked.nth) {
        (false, _) => ok(&at(5, "u-1", "")),
        (true, 0) => Reply::Lines(Vec::new(), Then::Flood),
        (true, _) => Reply::Lines(Vec::new(), Then::Hold),
    })
    .await;
    watching.seen().await;
    assert_eq!(watching.next().await, SecretNews::Watching);
    assert!(matches!(watching.next().await, SecretNews::Trouble(Reason::TooLarge { .. })));
    assert_eq!(watching.next().await, SecretNews::Watching);
}

#[tokio::test]
async fn it_ends_when_nobody_listens_any_more() {
    let mut watching = Watching::over(|asked| match asked.watches() {
        false => ok(&at(5, "u-1", "")),
        true => Reply::Lines(Vec::new(), Then::Hold),
    })
    .await;
    watching.seen().await;
    assert_eq!(watching.next().await, SecretNews::Watching);
    drop(watching.news);
    timeout(PATIENCE, watching.task).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn a_name_that_would_lead_elsewhere_is_not_asked_for() {
    let server = Server::start(|_| ok(&json!({}))).await;
    let (tell, mut news) = mpsc::channel(1);
    let agent = Arc::new(|| "an-agent".to_owned());
    watch_secret(server.open().await, agent, "ns".into(), "../x".into(), tell).await;
    assert!(matches!(news.recv().await, Some(SecretNews::Trouble(_))));
    assert!(server.asked().is_empty());
}
