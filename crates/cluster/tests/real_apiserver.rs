//! Collecting from a real API server, as an account that has the printed role and nothing else.
//!
//! Needs etcd, kube-apiserver and kube-controller-manager in the folder that `KUBEBUILDER_ASSETS` names; without them
//! the test says so and passes.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use sundew_cluster::{
    ClusterError, CollectOptions, Collected, CollectorRole, ConnectOptions, Connection, Page, RESOURCES,
    Reason, SERVICE_ACCOUNT_TOKEN, collect,
};
use sundew_testplane::{ControlPlane, NO_AUDIT, Pki, Wanted, binaries};
use tempfile::TempDir;

/// A value that must never be received; in a Secret as base64, `aHVzaC1odXNo`.
const VALUE: &str = "hush-hush";
const VALUE_BASE64: &str = "aHVzaC1odXNo";

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
        Some(Self { folder, pki, plane })
    }

    /// Something of what is collected, in two namespaces.
    async fn furnish(&self) {
        let make = |path: &'static str, object: Value| async move { self.plane.make(path, &object).await };
        for name in ["shop", "yard"] {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            make("/api/v1/namespaces", namespace).await;
        }
        let container = json!([{"name": "c", "image": "example.org/shop"}]);
        let pod = json!({"metadata": {"name": "till"}, "spec": {"containers": container}});
        make("/api/v1/namespaces/shop/pods", pod).await;
        let template = json!({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": container}});
        let spec = json!({"selector": {"matchLabels": {"app": "x"}}, "template": template});
        let workload = json!({"metadata": {"name": "front"}, "spec": spec});
        make("/apis/apps/v1/namespaces/yard/deployments", workload).await;
        for number in 0..5 {
            let secret = json!({"metadata": {"name": format!("key-{number}")}, "stringData": {"key": VALUE}});
            make("/api/v1/namespaces/shop/secrets", secret).await;
        }
        let of_account = json!({"kubernetes.io/service-account.name": "default"});
        let token = json!({
            "metadata": {"name": "old-token", "annotations": of_account}, "type": SERVICE_ACCOUNT_TOKEN,
        });
        make("/api/v1/namespaces/shop/secrets", token).await;
    }

    fn kubeconfig(&self, authority: &str, token: &str) -> String {
        let cluster =
            json!({"server": self.plane.url(""), "certificate-authority": self.pki.path(authority)});
        json!({
            "current-context": "real",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "real", "context": {"cluster": "c", "user": "u"}}],
        })
        .to_string()
    }

    /// Why a kubeconfig brings no connection.
    async fn refused(&self, kubeconfig: String) -> String {
        let file = self.folder.path().join("refused");
        fs::write(&file, kubeconfig).unwrap();
        let open = ConnectOptions { kubeconfig: Some(file), ..ConnectOptions::default() };
        Connection::open(open).await.unwrap_err().to_string()
    }

    /// Applies what the role prints; returns a kubeconfig for its account.
    async fn account(&self, role: &CollectorRole) -> PathBuf {
        let objects: Vec<Value> = serde_saphyr::from_multiple(&role.yaml().unwrap()).unwrap();
        let accounts = format!("/api/v1/namespaces/{}/serviceaccounts", role.namespace);
        for object in objects {
            let path = match object["kind"].as_str().unwrap() {
                "ServiceAccount" => &accounts,
                "ClusterRole" => "/apis/rbac.authorization.k8s.io/v1/clusterroles",
                "ClusterRoleBinding" => "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
                other => panic!("{other}"),
            };
            self.plane.make(path, &object).await;
        }
        let token = self.plane.make(&format!("{accounts}/{}/token", role.name), &json!({"spec": {}})).await;
        let file = self.folder.path().join(&role.name);
        fs::write(&file, self.kubeconfig("ca.crt", token["status"]["token"].as_str().unwrap())).unwrap();
        let options = CollectOptions { secrets: false, ..CollectOptions::default() };
        // The server's authorizer learns of a new binding a moment after it is made.
        for _ in 0..100 {
            if try_read(&file, &options).await.is_ok_and(|(collected, _)| collected.absent.is_empty()) {
                return file;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the role does not suffice: {:?}", try_read(&file, &options).await);
    }
}

async fn try_read(
    kubeconfig: &Path,
    options: &CollectOptions,
) -> Result<(Collected, Vec<Page>), ClusterError> {
    let open = ConnectOptions { kubeconfig: Some(kubeconfig.to_owned()), ..ConnectOptions::default() };
    let connection = Connection::open(open).await?;
    let mut pages = Vec::new();
    let collected = collect(&connection, options, |page| pages.push(page)).await?;
    Ok((collected, pages))
}

fn names(pages: &[Page], kind: &str, secret_type: Option<&str>) -> Vec<String> {
    let of = pages.iter().filter(|page| page.resource.kind == kind && page.secret_type == secret_type);
    of.flat_map(|page| {
        let value: Value = serde_json::from_slice(&page.bytes).unwrap();
        let items = value["items"].as_array().unwrap().clone();
        items.into_iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned())
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_with_the_printed_role_reads_everything_and_no_value_of_a_secret() {
    let Some(stage) = Stage::start().await else { return };
    stage.furnish().await;
    let kubeconfig = stage.account(&CollectorRole::default()).await;

    let options = CollectOptions { page_size: 3, ..CollectOptions::default() };
    let (collected, pages) = try_read(&kubeconfig, &options).await.unwrap();
    assert_eq!(collected.absent, []);
    assert!(collected.not_served.iter().all(|resource| resource.name.starts_with("mutatingadmission")));
    assert_eq!(collected.lists.len() + collected.not_served.len(), RESOURCES.len() + 1);
    let version: Value = serde_json::from_slice(&collected.version.unwrap()).unwrap();
    assert!(version["gitVersion"].as_str().unwrap().starts_with("v1."));

    assert_eq!(names(&pages, "Pod", None), ["till"]);
    assert_eq!(names(&pages, "Deployment", None), ["front"]);
    assert_eq!(names(&pages, "Secret", Some(SERVICE_ACCOUNT_TOKEN)), ["old-token"]);
    assert_eq!(names(&pages, "Secret", None), ["key-0", "key-1", "key-2", "key-3", "key-4"]);
    let all = stage.plane.admin().get(stage.plane.url("/apis/rbac.authorization.k8s.io/v1/clusterroles"));
    let all: Value = serde_json::from_str(&all.send().await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!(names(&pages, "ClusterRole", None).len(), all["items"].as_array().unwrap().len());

    for page in pages.iter().filter(|page| page.resource.kind == "Secret") {
        let text = std::str::from_utf8(&page.bytes).unwrap();
        assert!(text.contains("PartialObjectMetadata") && !text.contains("\"data\""), "{text}");
        assert!(!text.contains(VALUE) && !text.contains(VALUE_BASE64), "{text}");
    }

    let namespaces = vec!["yard".to_owned(), "nowhere".to_owned()];
    let (collected, pages) =
        try_read(&kubeconfig, &CollectOptions { namespaces, ..options.clone() }).await.unwrap();
    assert!(names(&pages, "Pod", None).is_empty());
    assert_eq!(names(&pages, "Deployment", None), ["front"]);
    assert_eq!(names(&pages, "Namespace", None), ["yard"]);
    let [absent] = &collected.absent[..] else { panic!("{:?}", collected.absent) };
    assert_eq!((absent.namespace.as_deref(), &absent.reason), (Some("nowhere"), &Reason::NoSuchNamespace));

    // The same without the right to Secrets.
    let role = CollectorRole { name: "no-secrets".into(), secrets: false, ..CollectorRole::default() };
    let kubeconfig = stage.account(&role).await;
    let (collected, _) = try_read(&kubeconfig, &options).await.unwrap();
    assert_eq!(collected.absent.len(), 2);
    for absent in &collected.absent {
        assert_eq!(absent.resource.name, "secrets");
        assert!(matches!(&absent.reason, Reason::Forbidden { message } if message.contains("no-secrets")));
    }
    let (collected, _) = try_read(&kubeconfig, &CollectOptions { secrets: false, ..options }).await.unwrap();
    assert_eq!(collected.absent, []);

    let refused = stage.refused(stage.kubeconfig("ca.crt", "no-token-of-this-cluster")).await;
    assert!(refused.contains("does not accept the credential (401)"), "{refused}");
    assert!(!refused.contains("no-token-of-this-cluster"), "{refused}");
    // Another certificate in the authority's place.
    let refused = stage.refused(stage.kubeconfig("sensor.crt", "x")).await;
    assert!(
        refused.starts_with("cannot reach https://127.0.0.1") && refused.contains("certificate"),
        "{refused}"
    );
}
