//! Single objects, watched Secrets and watched pods on a real API server.
//!
//! Needs etcd, kube-apiserver and kube-controller-manager in the folder that `KUBEBUILDER_ASSETS` names; without them
//! the test says so and passes.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, RwLock},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sundew_cluster::{
    ConnectOptions, Connection, Deleted, Hand, HandError, ObjectKey, Pods, PodsNews, Reason,
    SERVICE_ACCOUNT_TOKEN, SecretNews, SecretSeen, watch_pods, watch_secret,
};
use sundew_testplane::{ControlPlane, NO_AUDIT, Pki, Wanted, binaries};
use tempfile::TempDir;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

const PATIENCE: Duration = Duration::from_secs(90);
const RBAC: &str = "rbac.authorization.k8s.io/v1";
const OLD_DAY: &str = "2026-01-02";

struct Stage {
    folder: TempDir,
    pki: Pki,
    plane: ControlPlane,
}

impl Stage {
    async fn start() -> Option<Self> {
        let binaries = binaries()?;
        let folder = tempfile::tempdir().unwrap();
        let pki = Pki::new(&folder.path().join("pki"));
        let wanted = Wanted { folder: folder.path(), pki: &pki, policy: NO_AUDIT, flags: &[] };
        let plane = ControlPlane::start(&binaries, &wanted).await;
        let namespace = json!({"metadata": {"name": "shop"}});
        plane.make("/api/v1/namespaces", &namespace).await;
        // Pods are refused before their account is there, which the controllers make.
        let accounts = plane.url("/api/v1/namespaces/shop/serviceaccounts/default");
        while !plane.admin().get(&accounts).send().await.unwrap().status().is_success() {
            sleep(Duration::from_millis(100)).await;
        }
        Some(Self { folder, pki, plane })
    }

    async fn open(&self, user: Value) -> Connection {
        let cluster = json!({"server": self.plane.url(""), "certificate-authority": self.pki.path("ca.crt")});
        self.open_at(cluster, user).await
    }

    async fn open_at(&self, cluster: Value, user: Value) -> Connection {
        let kubeconfig = json!({
            "current-context": "real",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "real", "context": {"cluster": "c", "user": "u"}}],
        });
        let file: PathBuf = self.folder.path().join("kubeconfig");
        fs::write(&file, kubeconfig.to_string()).unwrap();
        let options = ConnectOptions { kubeconfig: Some(file), ..ConnectOptions::default() };
        Connection::open(options).await.unwrap()
    }

    async fn admin(&self) -> Connection {
        self.open(self.pki.user("admin")).await
    }
}

fn key(api_version: &str, kind: &str, name: &str) -> ObjectKey {
    let namespace = if kind.starts_with("Cluster") { "" } else { "shop" };
    let [api_version, kind, namespace, name] = [api_version, kind, namespace, name].map(str::to_owned);
    ObjectKey { api_version, kind, namespace, name }
}

/// Something of each kind that is planted.
fn objects() -> Vec<(ObjectKey, Value)> {
    let containers = json!([{"name": "c", "image": "example.org/shop"}]);
    let template = json!({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": containers}});
    let selector = json!({"matchLabels": {"app": "x"}});
    let once = json!({"spec": {"containers": containers, "restartPolicy": "Never"}});
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"});
    let subjects = json!([{"kind": "ServiceAccount", "name": "x", "namespace": "shop"}]);
    let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]);
    [
        ("v1", "ServiceAccount", "x", json!({})),
        ("v1", "Secret", "x", json!({"stringData": {"a": "b"}})),
        ("v1", "ConfigMap", "x", json!({"data": {"a": "b"}})),
        ("v1", "Pod", "x", json!({"spec": {"containers": containers}})),
        ("v1", "Service", "x", json!({"spec": {"ports": [{"port": 80}]}})),
        ("apps/v1", "Deployment", "x", json!({"spec": {"selector": selector, "template": template}})),
        ("apps/v1", "DaemonSet", "x", json!({"spec": {"selector": selector, "template": template}})),
        (
            "apps/v1",
            "StatefulSet",
            "x",
            json!({"spec": {"serviceName": "x", "selector": selector, "template": template}}),
        ),
        ("batch/v1", "Job", "x", json!({"spec": {"template": once}})),
        (
            "batch/v1",
            "CronJob",
            "x",
            json!({"spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": once}}}}),
        ),
        (RBAC, "Role", "x:y", json!({"rules": rules})),
        (RBAC, "RoleBinding", "x:y", json!({"roleRef": role, "subjects": subjects})),
        (RBAC, "ClusterRole", "x:y", json!({"rules": rules})),
        (RBAC, "ClusterRoleBinding", "x:y", json!({"roleRef": role, "subjects": subjects})),
    ]
    .into_iter()
    .map(|(api_version, kind, name, mut object)| {
        let key = key(api_version, kind, name);
        (object["apiVersion"], object["kind"]) = (json!(api_version), json!(kind));
        object["metadata"] = json!({"name": name, "labels": {"app": "x"}});
        if !key.namespace.is_empty() {
            object["metadata"]["namespace"] = json!(key.namespace);
        }
        (key, object)
    })
    .collect()
}

/// The life of one object, from a dry run to its end.
async fn live(hand: &Hand, key: &ObjectKey, object: &Value) {
    hand.create(object, "kubectl-create", true).await.unwrap();
    assert_eq!(hand.get(key).await.unwrap(), None, "a dry run makes nothing: {key}");
    let mut odd = object.clone();
    odd["metadata"]["colour"] = json!("green");
    let refused = hand.create(&odd, "kubectl-create", false).await.unwrap_err();
    assert!(matches!(&refused, HandError::Refused { .. }), "{refused}");
    assert!(refused.to_string().contains("colour"), "{refused}");

    let made = hand.create(object, "kubectl-create", false).await.unwrap();
    let uid = made["metadata"]["uid"].as_str().unwrap();
    assert_eq!(made["metadata"]["managedFields"][0]["manager"], "kubectl-create");
    let again = hand.create(object, "kubectl-create", false).await.unwrap_err();
    assert!(matches!(again, HandError::Exists { .. }), "{again}");
    assert_eq!(hand.get(key).await.unwrap().unwrap()["metadata"]["uid"], uid);
    let metadata = hand.metadata(key).await.unwrap().unwrap();
    assert!(metadata["metadata"]["uid"] == uid && metadata.get("data").is_none(), "{metadata}");

    let label = |uid: &str| json!({"metadata": {"uid": uid, "labels": {"tier": "back"}}});
    let patched = hand.patch(key, &label(uid), "kubectl-label").await.unwrap();
    assert_eq!(patched["metadata"]["labels"]["tier"], "back");
    assert!(key.kind != "Secret" || patched.get("data").is_none(), "{patched}");
    let other_uid = "00000000-0000-0000-0000-000000000000";
    let error = hand.patch(key, &label(other_uid), "kubectl-label").await.unwrap_err();
    assert!(matches!(error, HandError::Conflict { .. }), "{error}");
    let stale = json!({"metadata": {"resourceVersion": "1", "labels": {"tier": "front"}}});
    let error = hand.patch(key, &stale, "kubectl-label").await.unwrap_err();
    assert!(matches!(error, HandError::Conflict { .. }), "{error}");

    let left = hand.delete(key, other_uid).await.unwrap();
    assert_eq!(left, Deleted::Other { uid: uid.to_owned() });
    assert!(hand.get(key).await.unwrap().is_some(), "another's is left alone");
    assert_eq!(hand.delete(key, uid).await.unwrap(), Deleted::Done);
    let deadline = Instant::now() + PATIENCE;
    while hand.get(key).await.unwrap().is_some() {
        assert!(Instant::now() < deadline, "{key} does not go");
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(hand.delete(key, uid).await.unwrap(), Deleted::WasGone);
}

/// The next news of a Secret whose label satisfies `holds`.
async fn seen(news: &mut mpsc::Receiver<SecretNews>, holds: impl Fn(&SecretSeen) -> bool) -> SecretSeen {
    let wait = async {
        loop {
            match news.recv().await.expect("the watch goes on") {
                SecretNews::Seen(seen) if holds(&seen) => return seen,
                // A machine that is busy with other things.
                SecretNews::Trouble(Reason::Silent { .. } | Reason::Refused { status: 429 | 500.., .. }) => {}
                SecretNews::Trouble(why) => panic!("{why}"),
                _ => {}
            }
        }
    };
    timeout(PATIENCE, wait).await.expect("it is seen")
}

/// Makes an account with a token of the old kind, and gives the token.
async fn token(hand: &Hand) -> String {
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": "shop", "name": "bait"},
    });
    hand.create(&account, "kubectl-create", false).await.unwrap();
    let of_account = json!({"kubernetes.io/service-account.name": "bait"});
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": SERVICE_ACCOUNT_TOKEN,
        "metadata": {"namespace": "shop", "name": "bait-token", "annotations": of_account},
    });
    hand.create(&secret, "kubectl-create", false).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let secret = hand.get(&key("v1", "Secret", "bait-token")).await.unwrap().unwrap();
        if let Some(token) = secret["data"]["token"].as_str() {
            return String::from_utf8(decode(token)).unwrap();
        }
        assert!(Instant::now() < deadline, "the token controller fills the Secret");
        sleep(Duration::from_millis(100)).await;
    }
}

fn decode(base64: &str) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.decode(base64).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_hand_does_and_the_watches_see_is_so_on_a_real_server() {
    let Some(stage) = Stage::start().await else { return };
    let admin = stage.admin().await;
    let hand = admin.hand("kubectl/v1.36.2 (linux/amd64) kubernetes/0123abc");
    for (key, object) in objects() {
        live(&hand, &key, &object).await;
    }
    let mut lost = objects().swap_remove(0).1;
    lost["metadata"]["namespace"] = json!("nowhere");
    let error = hand.create(&lost, "kubectl-create", false).await.unwrap_err();
    assert!(matches!(&error, HandError::Missing { message, .. } if message.contains("nowhere")), "{error}");
    let skew = hand.server_time().unwrap().duration_since(Timestamp::now()).abs();
    assert!(skew < SignedDuration::from_secs(30), "{skew}");

    let token = token(&hand).await;
    token_uses_are_seen(&admin, &hand, &token).await;
    the_endpoint_is_enough_for_a_kubeconfig(&stage, &admin, &token).await;
    pods_are_seen(&stage, &admin, &hand).await;
}

async fn token_uses_are_seen(admin: &Connection, hand: &Hand, token: &str) {
    let names = hand.list_metadata("v1", "Secret", "shop").await.unwrap();
    let names: Vec<_> = names.iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["bait-token"]);
    assert!(hand.list_metadata("v1", "Namespace", "").await.unwrap().len() > 3);

    let (tell, mut news) = mpsc::channel(8);
    let agent = Arc::new(|| "kubectl/v1.36.2 (linux/amd64) kubernetes/4567def".to_owned());
    tokio::spawn(watch_secret(admin.clone(), agent, "shop".into(), "bait-token".into(), tell));
    assert_eq!(seen(&mut news, |_| true).await.last_used, None);

    let path = "/api/v1/namespaces/shop/pods";
    assert_eq!(hand.use_token("no.such.token", path).await.unwrap(), 401);
    assert_eq!(hand.use_token(token, path).await.unwrap(), 403);
    let today = seen(&mut news, |seen| seen.last_used.is_some()).await;

    // Put back, as the sensor does, so that the next use shows too.
    let secret = key("v1", "Secret", "bait-token");
    let back = json!({"metadata": {
        "uid": today.uid, "resourceVersion": today.resource_version,
        "labels": {"kubernetes.io/legacy-token-last-used": OLD_DAY},
    }});
    hand.patch(&secret, &back, "kubectl-label").await.unwrap();
    seen(&mut news, |seen| seen.last_used.as_deref() == Some(OLD_DAY)).await;
    let stale = hand.patch(&secret, &back, "kubectl-label").await.unwrap_err();
    assert!(matches!(stale, HandError::Conflict { .. }), "{stale}");

    // The server does not look at a token anew for about ten seconds.
    let used_again = async {
        loop {
            assert_eq!(hand.use_token(token, path).await.unwrap(), 403);
            sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        never = used_again => never,
        again = seen(&mut news, |seen| seen.last_used.as_deref() != Some(OLD_DAY)) => {
            // The next day may have begun.
            assert!(again.last_used >= today.last_used);
        }
    }

    let uid = today.uid.clone();
    assert_eq!(hand.delete(&secret, &uid).await.unwrap(), Deleted::Done);
    let gone = async { while news.recv().await != Some(SecretNews::Gone) {} };
    timeout(PATIENCE, gone).await.expect("it is seen to go");
}

async fn the_endpoint_is_enough_for_a_kubeconfig(stage: &Stage, admin: &Connection, token: &str) {
    let endpoint = admin.endpoint();
    let authority = stage.folder.path().join("authority.pem");
    fs::write(&authority, endpoint.authority.unwrap()).unwrap();
    let cluster = json!({"server": endpoint.server, "certificate-authority": authority});
    // Any account that the server knows may ask for the version.
    let account = json!({"token": stage_token(stage).await});
    let connection = stage.open_at(cluster, account).await;
    assert!(connection.version().is_ok());
    let error = connection.hand("kubectl").get(&key("v1", "Secret", "bait-token")).await.unwrap_err();
    assert!(matches!(&error, HandError::Forbidden { verb: "get", .. }), "{error}");
    assert!(!format!("{error:?} {connection:?}").contains(token));
}

/// A token of the new kind for the account.
async fn stage_token(stage: &Stage) -> String {
    let path = "/api/v1/namespaces/shop/serviceaccounts/bait/token";
    let made = stage.plane.make(path, &json!({"spec": {}})).await;
    made["status"]["token"].as_str().unwrap().to_owned()
}

async fn pods_are_seen(stage: &Stage, admin: &Connection, hand: &Hand) {
    let pod = objects().into_iter().find(|(key, _)| key.kind == "Pod").unwrap().1;
    let (pods, (tell, mut news)) = (Arc::<RwLock<Pods>>::default(), mpsc::channel(8));
    tokio::spawn(watch_pods(admin.clone(), Arc::clone(&pods), tell));
    assert_eq!(timeout(PATIENCE, news.recv()).await.unwrap(), Some(PodsNews::Listed(0)));
    assert_eq!(timeout(PATIENCE, news.recv()).await.unwrap(), Some(PodsNews::Watching));

    let made = hand.create(&pod, "kubectl-create", false).await.unwrap();
    // As a kubelet would.
    let status = json!({"status": {"phase": "Running", "podIP": "10.1.2.3", "podIPs": [{"ip": "10.1.2.3"}]}});
    let path = stage.plane.url("/api/v1/namespaces/shop/pods/x/status");
    let patch = stage.plane.admin().patch(path).header("content-type", "application/merge-patch+json");
    assert!(patch.body(status.to_string()).send().await.unwrap().status().is_success());
    let at = || pods.read().unwrap().at("10.1.2.3".parse().unwrap(), Timestamp::now());
    let deadline = Instant::now() + PATIENCE;
    while at().is_empty() {
        assert!(Instant::now() < deadline, "the pod is seen");
        sleep(Duration::from_millis(20)).await;
    }
    let found = at();
    assert_eq!((found[0].name.as_str(), found[0].account.as_str(), found[0].gone), ("x", "default", None));

    hand.delete(&key("v1", "Pod", "x"), made["metadata"]["uid"].as_str().unwrap()).await.unwrap();
    while at()[0].gone.is_none() {
        assert!(Instant::now() < deadline, "the pod is seen to go");
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(pods.read().unwrap().len(), 0);
}
