//! The watch over all pods, and what it makes of servers that do not behave.

use std::{
    sync::{Arc, RwLock},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sundew_cluster::{PodAt, Pods, PodsNews, Reason, watch_pods};
use tokio::{sync::mpsc, time::timeout};

use crate::server::{Asked, Reply, Server, Then, event, ok, status};

const PATIENCE: Duration = Duration::from_secs(60);

/// A pod that has had its address since an hour ago.
fn pod(number: u32, address: &str, version: u32) -> Value {
    let start = Timestamp::now() - SignedDuration::from_hours(1);
    json!({
        "metadata": {
            "namespace": "shop", "name": format!("web-{number}"), "resourceVersion": version.to_string(),
            "uid": format!("00000000-0000-0000-0000-{number:012}"), "creationTimestamp": start.to_string(),
            "labels": {"pod-template-hash": "7d9f"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-7d9f", "controller": true}],
        },
        "spec": {"nodeName": "node-1", "serviceAccountName": "web"},
        "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]},
    })
}

fn page(pods: &[Value], version: u32, next: &str) -> Reply {
    let metadata = json!({"resourceVersion": version.to_string(), "continue": next});
    ok(&json!({"kind": "PodList", "metadata": metadata, "items": pods}))
}

struct Watching {
    server: Server,
    pods: Arc<RwLock<Pods>>,
    news: mpsc::Receiver<PodsNews>,
}

impl Watching {
    async fn over(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let server = Server::start(answer).await;
        let (tell, news) = mpsc::channel(8);
        let pods = Arc::<RwLock<Pods>>::default();
        tokio::spawn(watch_pods(server.open().await, Arc::clone(&pods), tell));
        Self { server, pods, news }
    }

    async fn next(&mut self) -> PodsNews {
        timeout(PATIENCE, self.news.recv()).await.expect("there is news").expect("the watch goes on")
    }

    /// Who has the address now.
    fn at(&self, address: &str) -> Vec<PodAt> {
        self.pods.read().unwrap().at(address.parse().unwrap(), Timestamp::now())
    }

    fn names(&self, address: &str) -> Vec<String> {
        self.at(address).into_iter().map(|pod| pod.name).collect()
    }

    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let wait = async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, wait).await.expect("it comes to hold");
    }
}

#[tokio::test]
async fn pods_are_listed_page_by_page_and_then_followed() {
    let mut watching = Watching::over(|asked| match (asked.watches(), asked.query("continue")) {
        (false, "") => page(&[pod(1, "10.0.0.1", 3), pod(2, "10.0.0.2", 4)], 9, "more"),
        (false, _) => page(&[pod(3, "10.0.0.3", 5)], 9, ""),
        (true, _) => Reply::Lines(
            vec![
                event("ADDED", &pod(4, "10.0.0.4", 10)),
                event("DELETED", &pod(1, "10.0.0.1", 11)),
                event("BOOKMARK", &json!({"metadata": {"resourceVersion": "12"}})),
            ],
            Then::Hold,
        ),
    })
    .await;
    assert_eq!(watching.next().await, PodsNews::Listed(3));
    assert_eq!(watching.next().await, PodsNews::Watching);
    watching.until(|watching| watching.pods.read().unwrap().past() == 1).await;
    let [pod] = &watching.at("10.0.0.4")[..] else { panic!() };
    assert_eq!(
        (pod.namespace.as_str(), pod.owner.as_str(), pod.node.as_str()),
        ("shop", "Deployment/web", "node-1")
    );
    assert_eq!((pod.account.as_str(), pod.host_network, pod.gone), ("web", false, None));
    assert_eq!(watching.pods.read().unwrap().len(), 3);
    assert!(watching.at("10.0.0.1")[0].gone.is_some(), "remembered for a while");
    let asked = watching.server.asked();
    assert!(asked.iter().all(|asked| asked.path == "/api/v1/pods"));
    assert_eq!(asked[0].query("limit"), "500");
    assert_eq!(asked[2].query("resourceVersion"), "9");
}

#[tokio::test]
async fn what_went_while_the_watch_was_too_old_is_found_gone_by_the_next_list() {
    let mut watching = Watching::over(|asked| match (asked.watches(), asked.nth) {
        (false, 0) => page(&[pod(1, "10.0.0.1", 3), pod(2, "10.0.0.2", 4)], 9, ""),
        (false, _) => page(&[pod(2, "10.0.0.2", 4), pod(3, "10.0.0.1", 40)], 50, ""),
        (true, 0) => {
            let gone = json!({"kind": "Status", "code": 410});
            Reply::Lines(vec![event("ADDED", &pod(7, "10.0.0.7", 11)), event("ERROR", &gone)], Then::End)
        }
        (true, _) => Reply::Lines(Vec::new(), Then::Hold),
    })
    .await;
    assert_eq!(watching.next().await, PodsNews::Listed(2));
    watching.until(|watching| watching.pods.read().unwrap().past() == 2).await;
    assert_eq!(watching.pods.read().unwrap().len(), 2);
    // Until the second is over, it was both's.
    watching.until(|watching| watching.names("10.0.0.1") == ["web-3"]).await;
    watching.until(|watching| watching.server.asked().len() == 4).await;
    assert_eq!(watching.server.asked()[3].query("resourceVersion"), "50");
    assert_eq!(watching.next().await, PodsNews::Watching);
    assert!(watching.news.try_recv().is_err(), "410 is no trouble");
}

#[tokio::test]
async fn a_list_that_grew_too_old_while_it_was_read_leaves_nothing_behind() {
    let mut watching = Watching::over(|asked| match (asked.watches(), asked.nth) {
        (false, 0) => page(&[pod(1, "10.0.0.1", 3)], 9, "more"),
        (false, 1) => status(410, "the continue parameter is too old"),
        (false, _) => page(&[pod(2, "10.0.0.2", 4)], 20, ""),
        (true, _) => Reply::Lines(Vec::new(), Then::Hold),
    })
    .await;
    assert_eq!(watching.next().await, PodsNews::Listed(1));
    assert_eq!(watching.names("10.0.0.2"), ["web-2"]);
    assert_eq!(watching.pods.read().unwrap().len(), 1);
}

#[tokio::test]
async fn a_pod_that_cannot_be_read_is_counted_and_the_others_are_taken_in() {
    let odd = || json!({"metadata": {"name": 7}, "status": []});
    let mut watching = Watching::over(move |asked| match asked.watches() {
        false => page(&[odd(), pod(1, "10.0.0.1", 3)], 9, ""),
        true => {
            Reply::Lines(vec![event("ADDED", &odd()), event("ADDED", &pod(2, "10.0.0.2", 10))], Then::Hold)
        }
    })
    .await;
    assert_eq!(watching.next().await, PodsNews::Listed(1));
    watching.until(|watching| watching.names("10.0.0.2") == ["web-2"]).await;
    assert_eq!(watching.pods.read().unwrap().unreadable(), 2);
}

#[tokio::test]
async fn a_stream_that_is_no_stream_is_trouble_and_the_pods_are_listed_anew() {
    let mut watching = Watching::over(|asked| match (asked.watches(), asked.nth) {
        (false, 0) => page(&[pod(1, "10.0.0.1", 3)], 9, ""),
        (false, _) => page(&[pod(1, "10.0.0.1", 3), pod(2, "10.0.0.2", 4)], 20, ""),
        (true, 0) => Reply::Lines(vec!["<html>Sign in</html>".into()], Then::Hold),
        (true, _) => Reply::Lines(Vec::new(), Then::Hold),
    })
    .await;
    assert_eq!(watching.next().await, PodsNews::Listed(1));
    assert_eq!(watching.next().await, PodsNews::Watching);
    assert!(matches!(watching.next().await, PodsNews::Trouble(Reason::Damaged { .. })));
    assert_eq!(watching.next().await, PodsNews::Watching);
    assert_eq!(watching.names("10.0.0.2"), ["web-2"]);
}

#[tokio::test]
async fn who_may_not_list_pods_is_told_once() {
    let mut watching = Watching::over(|asked| match (asked.watches(), asked.nth) {
        (false, 0..3) => status(403, "pods is forbidden"),
        (false, _) => page(&[], 9, ""),
        (true, _) => Reply::Lines(Vec::new(), Then::Hold),
    })
    .await;
    let forbidden = Reason::Forbidden { message: "pods is forbidden".into() };
    assert_eq!(watching.next().await, PodsNews::Trouble(forbidden));
    assert_eq!(watching.next().await, PodsNews::Listed(0));
    assert_eq!(watching.next().await, PodsNews::Watching);
    assert!(watching.pods.read().unwrap().is_empty());
}
