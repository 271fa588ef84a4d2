//! `sundew harden cluster` beside a real API server: what it says is what the server does, and what it writes is taken.
//!
//! Needs etcd, kube-apiserver and kube-controller-manager in the folder that `KUBEBUILDER_ASSETS` names; without them
//! the test says so and passes.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    path::Path,
    time::{Duration, Instant},
};

use common::{PATIENCE, Ran, ran, sundew};
use serde_json::{Value, json};
use sundew_testplane::{ControlPlane, NO_AUDIT, Pki, Wanted, binaries};

/// The flags that a control plane of the tests has, as far as settings are read from them.
const FLAGS: &str = "--authorization-mode=Node,RBAC\n--service-account-issuer=https://kubernetes.default.svc\n\
                     --audit-policy-file=policy.yaml\n--audit-log-path=audit.log\n";
const RBAC: &str = "rbac.authorization.k8s.io";

async fn plane(binaries: &Path, folder: &Path, pki: &Pki, flags: &[String]) -> ControlPlane {
    ControlPlane::start(binaries, &Wanted { folder, pki, policy: NO_AUDIT, flags }).await
}

fn facts(folder: &Path, args: &[&str]) -> Value {
    let Ran { code, out, err } = ran(sundew()
        .args(["harden", "cluster", "--kubeconfig", "admin.json", "-o", "json"])
        .args(args)
        .current_dir(folder));
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

fn fact<'f>(told: &'f Value, id: &str) -> &'f Value {
    told["facts"].as_array().unwrap().iter().find(|fact| fact["id"] == id).unwrap()
}

fn pod(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
}

/// What Pod Security's standards are tried on: each breaks one thing, or nothing.
fn pods() -> Vec<(&'static str, Value)> {
    let good = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let container = |security: Value| json!([{"name": "a", "image": "x", "securityContext": security}]);
    let with = |field: &str, value: Value| {
        let mut security = good.clone();
        security[field] = value;
        security
    };
    let mine = json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
    let of = |security: Value| json!({"securityContext": mine, "containers": container(security)});
    let besides = |field: &str, value: Value| {
        let mut spec = of(good.clone());
        spec[field] = value;
        spec
    };
    vec![
        ("keeps-all", of(good.clone())),
        ("plain", json!({"containers": [{"name": "a", "image": "x"}]})),
        ("root", of(with("runAsUser", json!(0)))),
        (
            "may-be-root",
            json!({"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}, "containers": container(good.clone())}),
        ),
        (
            "no-seccomp",
            json!({"securityContext": {"runAsNonRoot": true}, "containers": container(good.clone())}),
        ),
        ("escalates", of(json!({"capabilities": {"drop": ["ALL"]}}))),
        ("drops-nothing", of(json!({"allowPrivilegeEscalation": false}))),
        ("binds", of(with("capabilities", json!({"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]})))),
        ("chowns", of(with("capabilities", json!({"drop": ["ALL"], "add": ["CHOWN"]})))),
        ("net-admin", of(with("capabilities", json!({"drop": ["ALL"], "add": ["NET_ADMIN"]})))),
        ("privileged", json!({"containers": container(json!({"privileged": true}))})),
        ("unconfined", of(with("seccompProfile", json!({"type": "Unconfined"})))),
        ("no-apparmor", of(with("appArmorProfile", json!({"type": "Unconfined"})))),
        ("selinux", of(with("seLinuxOptions", json!({"type": "spc_t"})))),
        ("host-network", besides("hostNetwork", json!(true))),
        ("host-pid", besides("hostPID", json!(true))),
        ("host-path", besides("volumes", json!([{"name": "v", "hostPath": {"path": "/"}}]))),
        ("nfs", besides("volumes", json!([{"name": "v", "nfs": {"server": "x", "path": "/"}}]))),
        ("empty-dir", besides("volumes", json!([{"name": "v", "emptyDir": {}}]))),
        (
            "host-port",
            json!({"containers": [{"name": "a", "image": "x", "ports": [{"containerPort": 80, "hostPort": 80}]}]}),
        ),
        (
            "host-probe",
            json!({"containers": [{"name": "a", "image": "x", "livenessProbe": {"tcpSocket": {"host": "x", "port": 80}}}]}),
        ),
        (
            "safe-sysctl",
            json!({"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]}, "containers": [{"name": "a", "image": "x"}]}),
        ),
        (
            "sysctl",
            json!({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}, "containers": [{"name": "a", "image": "x"}]}),
        ),
    ]
}

async fn namespace(plane: &ControlPlane, name: &str, labels: Value) {
    plane.make("/api/v1/namespaces", &json!({"metadata": {"name": name, "labels": labels}})).await;
}

/// The labels that a command of the plan sets.
fn labels_of(command: &str) -> Value {
    let set = command.split(' ').filter_map(|word| word.split_once('=')).filter(|(key, _)| key.contains('/'));
    set.map(|(key, value)| (key.to_owned(), Value::from(value))).collect::<serde_json::Map<_, _>>().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_strangers_and_of_pod_security_is_what_the_server_does() {
    let Some(binaries) = binaries() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let pki = Pki::new(&folder.join("pki"));
    // Without it no privileged pod could be made, whatever its namespace enforces.
    let plane = plane(&binaries, folder, &pki, &["--allow-privileged=true".to_owned()]).await;
    fs::write(folder.join("admin.json"), plane.kubeconfig(&pki, &pki.user("admin"))).unwrap();
    fs::write(folder.join("flags"), FLAGS).unwrap();

    // A server that nobody hardened.
    namespace(&plane, "shop", json!({})).await;
    let told = facts(folder, &["--apiserver", "flags", "--probe"]);
    let strangers = fact(&told, "anonymous-requests");
    assert_eq!((&strangers["state"], &strangers["severity"]), (&"bad".into(), &"low".into()), "{strangers}");
    let evidence = strangers["evidence"].to_string();
    assert!(evidence.contains("GET /version: allowed (200)"), "{evidence}");
    assert!(
        evidence.contains("GET /api/v1/namespaces?limit=1: let in as system:anonymous, and may not (403)"),
        "{evidence}"
    );
    assert_eq!(fact(&told, "rights-of-anybody")["state"], "good", "{}", fact(&told, "rights-of-anybody"));
    assert_eq!(fact(&told, "audit")["state"], "good");
    assert_eq!(fact(&told, "node-restriction")["state"], "bad");
    assert!(fact(&told, "kubelet-anonymous")["evidence"][0].as_str().unwrap().contains("is not there"));

    // Somebody lets strangers look.
    let bound = json!({
        "metadata": {"name": "look"}, "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"},
        "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": "system:unauthenticated"}],
    });
    plane.make("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &bound).await;
    // The server takes a binding up a moment after it is made, and the role's rules once they are joined.
    let stranger = plane.stranger(IpAddr::V4(Ipv4Addr::LOCALHOST), "curl/8");
    let deadline = Instant::now() + PATIENCE;
    while stranger.get(plane.url("/api/v1/namespaces")).send().await.unwrap().status() != 200 {
        assert!(Instant::now() < deadline, "the binding is not taken up");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let config = json!({"metadata": {"name": "kubelet-config", "namespace": "kube-system"}, "data": {"kubelet": "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nreadOnlyPort: 10255\n"}});
    plane.make("/api/v1/namespaces/kube-system/configmaps", &config).await;
    let told = facts(folder, &["--apiserver", "flags", "--probe"]);
    assert_eq!(fact(&told, "anonymous-requests")["severity"], "critical");
    let rights = fact(&told, "rights-of-anybody");
    assert_eq!(rights["commands"][0], "kubectl delete clusterrolebinding look", "{rights}");
    let port = fact(&told, "kubelet-read-only-port");
    assert_eq!(port["evidence"][0], "ConfigMap kube-system/kubelet-config: readOnlyPort: 10255");

    // What each pod needs is what the server's own admission says of it.
    for level in ["baseline", "restricted"] {
        namespace(&plane, level, json!({"pod-security.kubernetes.io/enforce": level})).await;
    }
    for (name, spec) in pods() {
        let one = format!("try-{name}");
        namespace(&plane, &one, json!({})).await;
        plane
            .make(
                &format!("/api/v1/namespaces/{one}/serviceaccounts"),
                &json!({"metadata": {"name": "runs"}}),
            )
            .await;
        let mut spec = spec.clone();
        spec["serviceAccountName"] = "runs".into();
        plane.make(&format!("/api/v1/namespaces/{one}/pods"), &pod(name, &spec)).await;
    }
    for level in ["baseline", "restricted"] {
        plane
            .make(
                &format!("/api/v1/namespaces/{level}/serviceaccounts"),
                &json!({"metadata": {"name": "runs"}}),
            )
            .await;
    }
    let out = folder.join("plan");
    let told = facts(folder, &["--out", out.to_str().unwrap()]);
    let said = format!(
        "{}{}",
        fact(&told, "pod-security-open")["commands"],
        fact(&told, "pod-security-needed")["evidence"]
    );
    for (name, spec) in pods() {
        let mut spec = spec.clone();
        spec["serviceAccountName"] = "runs".into();
        let mut admitted = "privileged";
        for level in ["baseline", "restricted"] {
            let url = plane.url(&format!("/api/v1/namespaces/{level}/pods?dryRun=All"));
            let answer = plane.admin().post(url).json(&pod(name, &spec)).send().await.unwrap();
            if answer.status().is_success() {
                admitted = level;
            } else {
                let why = answer.text().await.unwrap();
                assert!(why.contains("violates PodSecurity"), "{name}: {why}");
            }
        }
        let ours = if said.contains(&format!("namespace try-{name}: ")) {
            "privileged"
        } else if said
            .contains(&format!("namespace try-{name} pod-security.kubernetes.io/enforce=restricted"))
        {
            "restricted"
        } else {
            assert!(
                said.contains(&format!("namespace try-{name} pod-security.kubernetes.io/enforce=baseline")),
                "{name}: {said}"
            );
            "baseline"
        };
        assert_eq!(ours, admitted, "{name}");
    }

    // The plan's labels are taken: the dry run warns of nothing, and then they hold.
    let commands = fact(&told, "pod-security-open")["commands"].as_array().unwrap();
    let commands: Vec<&str> = commands.iter().map(|command| command.as_str().unwrap()).collect();
    for command in commands.iter().filter(|command| command.contains("try-")) {
        let name = command.split(' ').find(|word| word.starts_with("try-")).unwrap();
        let dry = if command.contains("--dry-run=server") { "?dryRun=All" } else { "" };
        let patch = json!({"metadata": {"labels": labels_of(command)}});
        let url = plane.url(&format!("/api/v1/namespaces/{name}{dry}"));
        let request = plane.admin().patch(url).header("content-type", "application/merge-patch+json");
        let answer = request.body(patch.to_string()).send().await.unwrap();
        assert!(answer.status().is_success(), "{command}");
        let warnings: Vec<_> = answer.headers().get_all("warning").iter().collect();
        assert!(warnings.is_empty(), "{command}: {warnings:?}");
    }
    let told = facts(folder, &[]);
    let enforced = fact(&told, "pod-security")["evidence"].to_string();
    assert!(enforced.contains("namespace try-plain: enforces baseline"), "{enforced}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_of_the_plan_shuts_strangers_out_and_lets_health_be_asked() {
    let Some(binaries) = binaries() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let pki = Pki::new(&folder.join("pki"));
    // What the plan writes for a cluster of this version.
    let kubeadm = include_str!("../../harden/tests/settings/kubeadm.yaml");
    fs::write(folder.join("kubeadm.yaml"), kubeadm).unwrap();
    let planned = ran(sundew()
        .args(["harden", "cluster", "--from", "kubeadm.yaml", "--out", "plan"])
        .current_dir(folder));
    assert_eq!(planned.code, 0, "{}", planned.err);
    let config = folder.join("plan/authentication.yaml");
    let plane =
        plane(&binaries, folder, &pki, &[format!("--authentication-config={}", config.display())]).await;
    fs::write(folder.join("admin.json"), plane.kubeconfig(&pki, &pki.user("admin"))).unwrap();
    fs::write(folder.join("flags"), format!("{FLAGS}--authentication-config={}\n", config.display()))
        .unwrap();

    let stranger = plane.stranger(IpAddr::V4(Ipv4Addr::LOCALHOST), "curl/8");
    for (path, status) in
        [("/livez", 200), ("/readyz", 200), ("/healthz", 200), ("/version", 401), ("/api", 401)]
    {
        let answer = stranger.get(plane.url(path)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
    }
    let told = facts(folder, &["--apiserver", "flags", "--probe"]);
    let strangers = fact(&told, "anonymous-requests");
    assert_eq!(strangers["state"], "good", "{strangers}");
    assert!(strangers["evidence"].to_string().contains("GET /version: a credential is asked for (401)"));
}
