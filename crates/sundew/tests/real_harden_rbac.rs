//! `sundew harden rbac` beside a real API server: what was used is recorded there, the plan is applied with kubectl, what
//! was recorded is asked again, and the plan is undone.
//!
//! Needs etcd, kube-apiserver and kube-controller-manager in the folder that `KUBEBUILDER_ASSETS` names, and kubectl;
//! without them the test says so and passes.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use common::{Ran, ran, sundew};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sundew_testplane::{ControlPlane, Pki, Wanted, binaries};

/// Everything, as the defaults of most clusters have it.
const POLICY: &str =
    "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n";

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

/// The inventory: a decoy with rights that nobody must see in a plan.
const INVENTORY: &str = "version: 1\ndecoys: [{namespace: shop, account: backup-sa, placements: []}]\n";

fn has_kubectl() -> bool {
    let there = Command::new("kubectl")
        .arg("version")
        .arg("--client")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let there = there.is_ok_and(|status| status.success());
    if !there {
        eprintln!("skipped: there is no kubectl");
    }
    there
}

/// A request: account, method, path and body.
type Ask = (&'static str, Method, &'static str, Value);

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
}

/// What the accounts do. Nothing of it changes anything, so that it can be done again and be answered the same.
fn used() -> Vec<Ask> {
    let get = Method::GET;
    let none = || Value::Null;
    let binding = json!({
        "metadata": {"name": "viewers"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [],
    });
    vec![
        ("shop/orders", get.clone(), "/api/v1/namespaces/shop/secrets/db", none()),
        ("shop/orders", get.clone(), "/api/v1/namespaces/shop/secrets/not-there", none()),
        ("shop/orders", get.clone(), "/api/v1/namespaces/shop/pods", none()),
        ("shop/orders", get.clone(), "/api/v1/nodes", none()),
        ("shop/web", get.clone(), "/api/v1/namespaces/shop/configmaps/web", none()),
        ("shop/web", get.clone(), "/version", none()),
        ("ops/operator", get.clone(), "/api/v1/configmaps?limit=5", none()),
        ("ops/operator", Method::POST, "/api/v1/namespaces/shop/configmaps?dryRun=All", config_map("made")),
        ("ops/operator", Method::DELETE, "/api/v1/namespaces/shop/pods/none?dryRun=All", none()),
        ("ops/operator", get.clone(), "/metrics", none()),
        (
            "ops/binder",
            Method::POST,
            "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings?dryRun=All",
            binding.clone(),
        ),
        (
            "ops/granter",
            Method::POST,
            "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings?dryRun=All",
            binding,
        ),
        ("ci/deployer", get.clone(), "/apis/apps/v1/namespaces/shop/deployments", none()),
        ("ci/deployer", get, "/api/v1/namespaces/shop/secrets?fieldSelector=metadata.name%3Ddb", none()),
    ]
}

/// What the accounts may do before, never did, and may not do afterwards.
fn unused() -> Vec<Ask> {
    let get = Method::GET;
    let none = || Value::Null;
    vec![
        ("shop/orders", get.clone(), "/api/v1/namespaces/shop/secrets/other", none()),
        (
            "shop/orders",
            Method::POST,
            "/api/v1/namespaces/shop/pods/x/eviction?dryRun=All",
            json!({"metadata": {"name": "x"}}),
        ),
        ("shop/web", get.clone(), "/api/v1/namespaces/shop/secrets/db", none()),
        ("ops/operator", get.clone(), "/api/v1/namespaces/shop/secrets", none()),
        ("ops/operator", Method::DELETE, "/api/v1/namespaces/blog/pods/none?dryRun=All", none()),
        ("ops/idle", get.clone(), "/api/v1/nodes", none()),
        ("ci/deployer", get, "/apis/apps/v1/namespaces/blog/deployments", none()),
        ("ci/deployer", Method::POST, "/api/v1/namespaces/shop/configmaps?dryRun=All", config_map("made")),
    ]
}

/// Namespaces, accounts, roles and bindings.
async fn furnish(plane: &ControlPlane) {
    let make = |path: String, object: Value| async move { plane.make(&path, &object).await };
    for namespace in ["shop", "blog", "ops", "ci"] {
        make("/api/v1/namespaces".into(), json!({"metadata": {"name": namespace}})).await;
    }
    for account in [
        "shop/orders",
        "shop/web",
        "shop/backup-sa",
        "ops/operator",
        "ops/binder",
        "ops/granter",
        "ops/idle",
        "ci/deployer",
    ] {
        let (namespace, name) = account.split_once('/').unwrap();
        make(format!("/api/v1/namespaces/{namespace}/serviceaccounts"), json!({"metadata": {"name": name}}))
            .await;
    }
    make("/api/v1/namespaces/shop/secrets".into(), json!({"metadata": {"name": "db"}})).await;
    make("/api/v1/namespaces/shop/configmaps".into(), config_map("web")).await;
    let rule = |groups: &[&str], resources: &[&str], verbs: &[&str]| json!({"apiGroups": groups, "resources": resources, "verbs": verbs});
    let rbac = "rbac.authorization.k8s.io";
    let of = |kind: &str, name: &str| json!({"apiGroup": rbac, "kind": kind, "name": name});
    let account = |path: &str| {
        let (namespace, name) = path.split_once('/').unwrap();
        json!({"kind": "ServiceAccount", "name": name, "namespace": namespace})
    };
    let group = json!({"kind": "Group", "name": "devs", "apiGroup": rbac});
    let team = [rule(
        &[""],
        &["secrets", "configmaps", "pods", "pods/eviction"],
        &["get", "list", "watch", "create"],
    )];
    make(format!("{RBAC}/namespaces/shop/roles"), json!({"metadata": {"name": "team"}, "rules": team})).await;
    // Somebody stands before them whom the plan does not touch, so that each index matters.
    // In a RoleBinding the namespace may be left out.
    let web = json!({"kind": "ServiceAccount", "name": "web"});
    let subjects = json!([group, account("shop/orders"), account("shop/backup-sa"), web]);
    make(
        format!("{RBAC}/namespaces/shop/rolebindings"),
        json!({"metadata": {"name": "team"}, "roleRef": of("Role", "team"), "subjects": subjects}),
    )
    .await;
    let wide: [(&str, Value, &[&str]); 4] = [
        ("nodes", json!([rule(&[""], &["nodes"], &["get", "list"])]), &["shop/orders", "ops/idle"]),
        (
            "operator",
            json!([rule(&["*"], &["*"], &["*"]), {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]),
            &["ops/operator"],
        ),
        (
            "binder",
            json!([rule(&[rbac], &["rolebindings", "clusterroles", "roles"], &["create", "bind", "delete"])]),
            &["ops/binder"],
        ),
        ("granter", json!([rule(&[rbac], &["rolebindings"], &["create", "delete"])]), &["ops/granter"]),
    ];
    for (name, rules, to) in wide {
        make(format!("{RBAC}/clusterroles"), json!({"metadata": {"name": name}, "rules": rules})).await;
        let subjects: Vec<Value> = to.iter().map(|path| account(path)).collect();
        make(
            format!("{RBAC}/clusterrolebindings"),
            json!({"metadata": {"name": name}, "roleRef": of("ClusterRole", name), "subjects": subjects}),
        )
        .await;
    }
    for (name, role, to) in [("granter-views", "view", "ops/granter"), ("deployer", "edit", "ci/deployer")] {
        make(format!("{RBAC}/clusterrolebindings"), json!({"metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {"meta.helm.sh/release-name": "tools"}}, "roleRef": of("ClusterRole", role), "subjects": [account(to)]})).await;
    }
}

/// The statuses that the API server answers with.
async fn asked(plane: &ControlPlane, client: &Client, asks: &[Ask]) -> Vec<(String, u16)> {
    let mut answers = Vec::new();
    for (account, method, path, body) in asks {
        let (namespace, name) = account.split_once('/').unwrap();
        let tokens = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let token = plane.make(&tokens, &json!({"spec": {}})).await;
        let token = token["status"]["token"].as_str().unwrap();
        let mut request = client.request(method.clone(), plane.url(path)).bearer_auth(token);
        if !body.is_null() {
            request = request.json(body);
        }
        let status = request.send().await.unwrap().status().as_u16();
        answers.push((format!("{account} {method} {path}"), status));
    }
    answers
}

/// Runs commands of a plan in its folder, as its reader would.
fn sh(folder: &Path, home: &Path, commands: &Value) {
    for command in commands.as_array().unwrap() {
        let command = command.as_str().unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-euc", command]).current_dir(folder);
        let done = ran(shell.env("HOME", home).env("KUBECONFIG", home.join("admin.json")));
        assert_eq!(done.code, 0, "{command}\n{}\n{}", done.out, done.err);
    }
}

/// Names, roles and subjects of all bindings.
async fn bindings(plane: &ControlPlane) -> Vec<Value> {
    let mut found = Vec::new();
    for of in ["rolebindings", "clusterrolebindings"] {
        let answer = plane.admin().get(plane.url(&format!("{RBAC}/{of}"))).send().await.unwrap();
        let list: Value = answer.json().await.unwrap();
        for item in list["items"].as_array().unwrap() {
            let whole = |subject: &Value| {
                let mut subject = subject.clone();
                if subject["kind"] == "ServiceAccount" && subject["namespace"].is_null() {
                    subject["namespace"] = item["metadata"]["namespace"].clone();
                }
                subject.to_string()
            };
            let mut subjects: Vec<String> =
                item["subjects"].as_array().into_iter().flatten().map(whole).collect();
            subjects.sort();
            found.push(json!([
                item["metadata"]["namespace"],
                item["metadata"]["name"],
                item["roleRef"],
                subjects
            ]));
        }
    }
    found.sort_by_key(Value::to_string);
    found
}

fn run(folder: &Path, more: &[&str]) -> Ran {
    let at = |name: &str| folder.join(name).display().to_string();
    let args =
        ["harden", "rbac", "--kubeconfig", &at("admin.json"), "--logs", &at("used.log"), "--window", "1s"];
    ran(sundew().args(args).args(["--inventory", &at("inventory.yaml")]).args(more))
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_plan_each_recorded_request_is_answered_as_before_what_was_never_asked_is_refused_and_it_can_be_undone()
 {
    let Some(binaries) = binaries() else { return };
    if !has_kubectl() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let pki = Pki::new(&home.join("pki"));
    let plane =
        ControlPlane::start(&binaries, &Wanted { folder: home, pki: &pki, policy: POLICY, flags: &[] }).await;
    fs::write(home.join("admin.json"), plane.kubeconfig(&pki, &pki.user("admin"))).unwrap();
    fs::write(home.join("inventory.yaml"), INVENTORY).unwrap();
    furnish(&plane).await;
    let stranger = plane.stranger("127.0.0.1".parse().unwrap(), "app/1.0");
    let before = bindings(&plane).await;

    // Who was made within the window is left alone.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let was = asked(&plane, &stranger, &used()).await;
    let refused: Vec<_> = was.iter().filter(|(_, status)| *status == 403).collect();
    assert!(refused.is_empty(), "{refused:?}");
    fs::copy(plane.log(), home.join("used.log")).unwrap();
    let could = asked(&plane, &stranger, &unused()).await;
    assert!(could.iter().all(|(_, status)| *status != 403), "{could:?}");

    let plan = home.join("plan");
    let said = run(home, &["--margin", "none", "-o", "json", "--out", &plan.display().to_string()]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(!said.out.contains("backup-sa"), "a decoy is named");
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let names = |of: &Value| -> Vec<String> {
        let mut names: Vec<String> = of
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                format!(
                    "{}/{}",
                    row["subject"]["namespace"].as_str().unwrap_or(""),
                    row["subject"]["name"].as_str().unwrap()
                )
            })
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        names(&report["identities"]),
        ["ci/deployer", "ops/binder", "ops/idle", "ops/operator", "shop/orders", "shop/web"]
    );
    assert_eq!(names(&report["left"]), ["ops/granter"], "who hands out what it holds may need all of it");
    assert_eq!(report["proof"]["wouldBeRefused"], 0);
    assert!(report["proof"]["requests"].as_u64().unwrap() >= 14);
    let deployer = report["identities"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["subject"]["name"] == "deployer")
        .unwrap();
    assert!(
        deployer["notes"].to_string().contains("Helm release tools keeps ClusterRoleBinding deployer"),
        "{deployer:#}"
    );

    let steps = report["plan"]["steps"].as_array().unwrap();
    for step in steps {
        sh(&plan, home, &step["apply"]);
    }
    assert!(fs::read_to_string(plan.join("before.yaml")).unwrap().contains("meta.helm.sh/release-name"));
    // The API server learns of new roles by a watch.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(asked(&plane, &stranger, &used()).await, was);
    for (ask, status) in asked(&plane, &stranger, &unused()).await {
        assert_eq!(status, 403, "{ask}");
    }

    // Whoever wants all of it back at once may.
    sh(&plan, home, &json!(["kubectl apply --dry-run=server -f rollback.yaml"]));
    // There is nothing left to take.
    let again = run(home, &["--margin", "none"]);
    assert_eq!((again.code, again.err.as_str()), (0, ""));
    assert!(again.out.contains("Nobody") && !again.out.contains("LOSES"), "{}", again.out);

    for step in steps.iter().rev() {
        sh(&plan, home, &step["undo"]);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bindings(&plane).await, before);
    assert_eq!(asked(&plane, &stranger, &unused()).await, could);
}
