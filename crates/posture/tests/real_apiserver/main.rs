//! Thousands of random questions to a real API server, whose answers and ours are the same.
//!
//! Needs etcd, kube-apiserver and kube-controller-manager in the folder that `KUBEBUILDER_ASSETS` names; without them
//! the test says so and passes.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

mod asked;
mod world;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use fastrand::Rng;
use reqwest::Client;
use serde_json::{Value, json};
use sundew_posture::{
    Cluster, Reader,
    model::Role,
    rbac::{Allowed, Identity, Rbac, Request, Target},
    read::Assume,
};
use sundew_testplane::{ControlPlane, Pki, Wanted, binaries};
use tokio::task::JoinSet;

use self::{
    asked::{QUESTIONS, Question, questions},
    world::{NAMESPACES, objects},
};

const RBAC_API: &str = "/apis/rbac.authorization.k8s.io/v1";
const REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
/// One that asks about `proxy` for somebody without a credential, too.
const SEED: u64 = 4;
const AT_ONCE: usize = 16;

/// Makes them; answers how many the server took.
async fn furnish(plane: &ControlPlane, rng: &mut Rng) -> usize {
    for name in &NAMESPACES[..2] {
        plane.make("/api/v1/namespaces", &json!({"metadata": {"name": name}})).await;
    }
    let admin = plane.admin();
    let mut taken = 0;
    for (path, object) in objects(rng) {
        let answer = admin.post(plane.url(&path)).json(&object).send().await.unwrap();
        let status = answer.status();
        assert!(status.is_success() || status == 422, "{path}: {status}: {}", answer.text().await.unwrap());
        taken += usize::from(status.is_success());
    }
    taken
}

/// What the server has of each kind of role and binding, as it answers.
async fn lists(plane: &ControlPlane) -> Vec<String> {
    let mut lists = Vec::new();
    for resource in ["roles", "clusterroles", "rolebindings", "clusterrolebindings"] {
        let answer = plane.admin().get(plane.url(&format!("{RBAC_API}/{resource}"))).send().await.unwrap();
        lists.push(answer.error_for_status().unwrap().text().await.unwrap());
    }
    lists
}

/// The same once the aggregated roles are joined and nothing changes any more.
async fn settled_lists(plane: &ControlPlane) -> Vec<String> {
    let mut before = Vec::new();
    for _ in 0..120 {
        let now = lists(plane).await;
        let roles: Value = serde_json::from_str(&now[1]).unwrap();
        let joined = roles["items"].as_array().unwrap().iter();
        let empty =
            joined.filter(|role| role["aggregationRule"].is_object() && role["rules"] == json!([])).count();
        let same = |(a, b): (&String, &String)| resource_versions(a) == resource_versions(b);
        if empty == 0 && before.len() == now.len() && before.iter().zip(&now).all(same) {
            return now;
        }
        before = now;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("the roles are not joined after a minute");
}

fn resource_versions(list: &str) -> BTreeSet<String> {
    let list: Value = serde_json::from_str(list).unwrap();
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|item| item["metadata"]["resourceVersion"].to_string() + &item["metadata"]["uid"].to_string())
        .collect()
}

fn read(lists: &[String]) -> Cluster {
    let mut reader = Reader::new();
    for list in lists {
        reader.add("the server", list.as_bytes(), &Assume::default()).unwrap();
    }
    reader.finish()
}

/// The same without what the server has joined, as manifests would say it.
fn unjoined(lists: &[String]) -> Vec<String> {
    let mut lists = lists.to_vec();
    let mut roles: Value = serde_json::from_str(&lists[1]).unwrap();
    for role in roles["items"].as_array_mut().unwrap() {
        if role["aggregationRule"].is_object() {
            role["rules"] = Value::Null;
        }
    }
    lists[1] = roles.to_string();
    lists
}

/// Whether the server is of a distribution that asks about `unsafeproxy` where somebody who is not authenticated asks
/// about `proxy`, so that no browser is led there: OpenShift's is, and some builds for tests are made from its sources.
async fn is_browser_safe(plane: &ControlPlane) -> bool {
    let group = "rbac.authorization.k8s.io";
    let rules = json!([{"verbs": ["get"], "apiGroups": ["browsers"], "resources": ["x/unsafeproxy"]}]);
    let role = json!({"metadata": {"name": "unsafe"}, "rules": rules});
    plane.make(&format!("{RBAC_API}/clusterroles"), &role).await;
    let binding = json!({
        "metadata": {"name": "unsafe"}, "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "unsafe"},
        "subjects": [{"apiGroup": group, "kind": "Group", "name": "system:unauthenticated"}],
    });
    plane.make(&format!("{RBAC_API}/clusterrolebindings"), &binding).await;
    let who = Identity::group("system:unauthenticated");
    let asks =
        |resource| Question { who: who.clone(), request: Request::new("get", "browsers", resource, "") };
    let (client, url) = (plane.admin(), plane.url(REVIEWS));
    // The authorizer learns of both a moment after they are made.
    while !ask(&client, &url, &review(&asks("x/unsafeproxy"))).await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ask(&client, &url, &review(&asks("x/proxy"))).await
}

/// The question as such a server puts it to RBAC.
fn browser_safe(Question { who, request }: &Question) -> Request<'static> {
    let mut request = *request;
    if who.groups().iter().all(|group| **group != *"system:authenticated")
        && let Target::Resource { subresource, .. } = &mut request.target
        && *subresource == "proxy"
    {
        *subresource = "unsafeproxy";
    }
    request
}

fn review(Question { who, request }: &Question) -> Value {
    let mut spec =
        json!({"user": &**who.name(), "groups": who.groups().iter().map(|g| &**g).collect::<Vec<_>>()});
    match request.target {
        Target::Url(path) => spec["nonResourceAttributes"] = json!({"path": path, "verb": request.verb}),
        Target::Resource { group, resource, subresource, name, namespace } => {
            spec["resourceAttributes"] = json!({
                "verb": request.verb, "group": group, "resource": resource, "subresource": subresource,
                "name": name, "namespace": namespace,
            });
        }
    }
    json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec})
}

async fn ask(client: &Client, url: &str, review: &Value) -> bool {
    let answer = client.post(url).json(review).send().await.unwrap();
    let status = answer.status();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert!(status.is_success(), "{review}: {answer}");
    answer["status"]["allowed"].as_bool().unwrap()
}

async fn answers(plane: &ControlPlane, questions: &[Question]) -> Vec<bool> {
    let reviews: Arc<[Value]> = questions.iter().map(review).collect();
    let mut askers = JoinSet::new();
    for first in 0..AT_ONCE {
        let (client, url, reviews) = (plane.admin(), plane.url(REVIEWS), reviews.clone());
        askers.spawn(async move {
            let mut answers = Vec::new();
            for number in (first..reviews.len()).step_by(AT_ONCE) {
                answers.push((number, ask(&client, &url, &reviews[number]).await));
            }
            answers
        });
    }
    let mut all: Vec<_> = askers.join_all().await.into_iter().flatten().collect();
    all.sort_unstable();
    all.into_iter().map(|(_, answer)| answer).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_answers_every_question_as_we_do() {
    let Some(binaries) = binaries() else { return };
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(&folder.path().join("pki"));
    let policy = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None}]\n";
    // RBAC alone, so that what nodes are given comes from bindings as everything else does.
    let flags = ["--authorization-mode=RBAC".to_owned()];
    let wanted = Wanted { folder: folder.path(), pki: &pki, policy, flags: &flags };
    let plane = ControlPlane::start(&binaries, &wanted).await;

    let mut rng = Rng::with_seed(SEED);
    let taken = furnish(&plane, &mut rng).await;
    let is_browser_safe = is_browser_safe(&plane).await;
    assert!(taken > 60, "the server took {taken} objects");
    let lists = settled_lists(&plane).await;
    // Questions borrow their words from it.
    let cluster: &'static Cluster = Box::leak(Box::new(read(&lists)));
    let unjoined = read(&unjoined(&lists));
    for (theirs, ours) in cluster.roles.iter().zip(&unjoined.roles) {
        let rules = |role: &Role| role.rules.iter().map(|rule| format!("{rule:?}")).collect::<BTreeSet<_>>();
        assert_eq!(rules(ours), rules(theirs), "joined by us and by the server: {theirs}");
    }
    let questions = questions(&mut rng, cluster);
    let answers = answers(&plane, &questions).await;
    assert_eq!(resource_versions(&lists[1]), resource_versions(&settled_lists(&plane).await[1]));

    for (which, cluster) in [("as it is", cluster), ("before it is joined", &unjoined)] {
        let rbac = Rbac::new(cluster);
        let mut differences = Vec::new();
        for (question, theirs) in questions.iter().zip(&answers) {
            let request = if is_browser_safe { browser_safe(question) } else { question.request };
            // The Node authorizer is not asked here, nor there.
            let ours = rbac.why(&question.who, &request).iter().any(|why| !matches!(why, Allowed::Node(_)));
            if ours != *theirs {
                differences.push(format!("{}: the server says {theirs}, we {ours}", review(question)));
            }
        }
        assert!(differences.is_empty(), "{which}: {}\n{}", differences.len(), differences.join("\n"));
    }
    let allowed = |of: &[bool]| of.iter().filter(|answer| **answer).count();
    for (of, answers) in [("anybody", &answers[..QUESTIONS]), ("nodes", &answers[QUESTIONS..])] {
        let (count, allowed) = (answers.len(), allowed(answers));
        eprintln!("{count} questions about {of}, {allowed} of them allowed, no difference");
        let enough = count / 10;
        assert!(
            of == "nodes" || (enough < allowed && allowed < count - enough),
            "{allowed} of {count} allowed"
        );
        assert!(0 < allowed && allowed < count);
    }
}
