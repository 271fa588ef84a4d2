//! Clusters and logs in few words.

use std::fmt::Write as _;

use sundew_audit::{Event, Item, Unwrapper};
use sundew_harden::Evidence;
use sundew_posture::{Cluster, Reader, read::Assume};

/// A cluster from YAML.
pub(crate) fn cluster(text: &str) -> Cluster {
    let mut reader = Reader::new();
    reader.add("cluster.yaml", text.as_bytes(), &Assume::default()).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let cluster = reader.finish();
    assert!(cluster.notices.is_empty(), "{:?}", cluster.notices);
    cluster
}

/// A request, `more` in JSON with a comma before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) user: &'a str,
    pub(crate) pod: &'a str,
    pub(crate) verb: &'a str,
    pub(crate) group: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) time: &'a str,
    pub(crate) more: &'a str,
}

/// shop/a looks at pods.
pub(crate) const ASK: Ask<'_> = Ask {
    user: "system:serviceaccount:shop:a",
    pod: "",
    verb: "list",
    group: "",
    resource: "pods",
    namespace: "shop",
    name: "",
    time: "2026-02-10T12:00:00Z",
    more: "",
};

/// A log with them as the API server writes it. Before all, and every half hour of the fourteen days before the last
/// of them, somebody else asks for something, so that the window is covered.
pub(crate) fn log(asked: &[Ask<'_>]) -> String {
    let mut text = String::new();
    let end: jiff::Timestamp = "2026-02-10T12:00:00Z".parse().unwrap();
    for step in 0..=(15 * 48) {
        let time = end - jiff::SignedDuration::from_mins(30 * step);
        let time = time.to_string();
        line(&mut text, &Ask { user: "system:serviceaccount:kube-system:other", time: &time, ..ASK });
    }
    asked.iter().for_each(|ask| line(&mut text, ask));
    text
}

/// A log of these alone.
pub(crate) fn bare(asked: &[Ask<'_>]) -> String {
    let mut text = String::new();
    asked.iter().for_each(|ask| line(&mut text, ask));
    text
}

fn line(text: &mut String, ask: &Ask<'_>) {
    let Ask { user, pod, verb, group, resource, namespace, name, time, more } = ask;
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let extra = if pod.is_empty() {
        String::new()
    } else {
        format!(",\"extra\":{{\"authentication.kubernetes.io/pod-name\":[\"{pod}\"]}}")
    };
    let namespace_of = user.split(':').nth(2).unwrap_or("");
    let groups = if user.starts_with("system:serviceaccount:") {
        format!(
            "\"system:serviceaccounts\",\"system:serviceaccounts:{namespace_of}\",\"system:authenticated\""
        )
    } else {
        "\"system:authenticated\"".to_owned()
    };
    writeln!(
        text,
        "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\",\"auditID\":\"{}\",\"stage\":\
         \"ResponseComplete\",\"requestURI\":\"/x\",\"verb\":\"{verb}\",\"user\":{{\"username\":\"{user}\",\"groups\":\
         [{groups}]{extra}}},\"objectRef\":{{\"resource\":\"{resource}\",\"subresource\":\"{subresource}\",\"namespace\":\
         \"{namespace}\",\"name\":\"{name}\",\"apiGroup\":\"{group}\"}},\"responseStatus\":{{\"code\":200}},\
         \"requestReceivedTimestamp\":\"{time}\",\"stageTimestamp\":\"{time}\",\"annotations\":\
         {{\"authorization.k8s.io/decision\":\"allow\"}}{more}}}",
        text.len()
    )
    .unwrap();
}

/// Hands over each event of a log.
pub(crate) fn each(log: &str, take: &mut dyn FnMut(&Event<'_>)) {
    let mut unwrapper = Unwrapper::new();
    for line in log.lines() {
        unwrapper.line(line.as_bytes(), &mut |item| match item {
            Item::Event(event, _) => take(event),
            Item::Reject { reject, .. } => panic!("{reject:?}: {line}"),
        });
    }
}

pub(crate) fn evidence(log: &str) -> Evidence {
    let mut evidence = Evidence::default();
    each(log, &mut |event| evidence.record(event));
    evidence
}
