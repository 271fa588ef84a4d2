//! Each duty as it is, and what comes near it.

use serde_json::json;
use sundew_detect::{Desk, Duty};

use crate::given::{DECOY, JTI, Shape, THIEF, WALKER, at, note_of_use, read_of_secret, request};

const MANAGER: &str = "system:kube-controller-manager";

fn controller(name: &str) -> String {
    format!("system:serviceaccount:kube-system:{name}")
}

#[track_caller]
fn is_duty(duty: Duty, event: &Shape) {
    assert_eq!(event.duty(), Some(duty), "{}", event.line());
    assert_eq!(event.told(), None);
}

#[track_caller]
fn is_told(rule: &str, event: &Shape) {
    assert_eq!(event.told().map(|f| f.rule).as_deref(), Some(rule), "{}", event.line());
    assert_eq!(event.duty(), None);
}

const TOUCHED: &str = "tripwire.secret_touched";

fn kubelet(node: &str) -> Shape {
    read_of_secret().by(&format!("system:node:{node}")).from("10.0.0.11")
}

#[test]
fn the_kubelet_of_the_declared_node_reads_the_secret_that_its_pod_mounts() {
    for verb in ["get", "list", "watch"] {
        is_duty(Duty::KubeletMount, &kubelet("worker-1").set("verb", json!(verb)));
    }
    is_duty(Duty::KubeletMount, &kubelet("worker-1").received());
    is_duty(Duty::KubeletMount, &kubelet("worker-1").code(404));
    // Where the inventory names no node, each may.
    let agent = request("get", "/x").object("secrets", "honeypot", "backup-agent-token");
    is_duty(Duty::KubeletMount, &agent.by("system:node:worker-9"));
}

#[test]
fn a_kubelet_elsewhere_or_refused_or_doing_more_than_reading_is_told() {
    is_told(TOUCHED, &kubelet("worker-2"));
    is_told(TOUCHED, &kubelet("worker-11"));
    is_told(TOUCHED, &kubelet("Worker-1"));
    is_told(TOUCHED, &kubelet("worker-1").code(403));
    is_told(TOUCHED, &kubelet("worker-1").code(401));
    for verb in ["update", "patch", "delete"] {
        is_told(TOUCHED, &kubelet("worker-1").set("verb", json!(verb)));
    }
    let groups = |groups| json!({"username": "system:node:worker-1", "groups": groups});
    is_told(TOUCHED, &kubelet("worker-1").set("user", groups(json!(["system:authenticated"]))));
    is_told(TOUCHED, &kubelet("worker-1").set("user", groups(json!(["system:nodes2"]))));
    is_told(TOUCHED, &read_of_secret().set("userAgent", json!("kubelet/v1.36.2")));
    // No pod is declared to mount this one, and nobody mounts through all namespaces.
    let tiller = request("get", "/x").object("secrets", "kube-system", "tiller-token-x7k2p");
    is_told(TOUCHED, &tiller.by("system:node:worker-1"));
    let all = request("list", "/x").object("secrets", "", "backup-sa-token");
    is_told(TOUCHED, &all.by("system:node:worker-1"));
}

#[test]
fn nobody_who_acts_as_another_does_a_duty() {
    let other = json!({"username": "system:admin"});
    is_told(TOUCHED, &kubelet("worker-1").set("impersonatedUser", other.clone()));
    is_told(TOUCHED, &read_of_secret().by(MANAGER).set("impersonatedUser", other.clone()));
    is_told(TOUCHED, &read_of_secret().by(WALKER).set("impersonatedUser", other));
    let as_node = json!({"username": "system:node:worker-1", "groups": ["system:nodes"]});
    is_told(TOUCHED, &read_of_secret().by("kubernetes-admin").set("impersonatedUser", as_node));
}

#[test]
fn the_token_controller_fills_a_secret() {
    for verb in ["get", "update", "delete"] {
        is_duty(Duty::TokenController, &read_of_secret().by(MANAGER).set("verb", json!(verb)));
    }
    // A conflict, or a Secret that is gone already, is its everyday life.
    is_duty(Duty::TokenController, &read_of_secret().by(MANAGER).set("verb", json!("update")).code(409));
    is_duty(Duty::TokenController, &read_of_secret().by(MANAGER).code(404));
    let cleaner = controller("legacy-service-account-token-cleaner");
    for verb in ["patch", "delete"] {
        is_duty(Duty::TokenController, &read_of_secret().by(&cleaner).set("verb", json!(verb)));
    }
    is_told(TOUCHED, &read_of_secret().by(&cleaner));
    is_told(TOUCHED, &read_of_secret().by(MANAGER).code(403));
    is_told(TOUCHED, &read_of_secret().by(MANAGER).set("verb", json!("watch")));
    is_told(TOUCHED, &read_of_secret().by("system:kube-controller-manager-2"));
    is_told(TOUCHED, &read_of_secret().by(&controller("token-controller")));
}

#[test]
fn the_garbage_collector_and_the_namespace_controller_clean_up() {
    let (garbage, namespace) = (controller("generic-garbage-collector"), controller("namespace-controller"));
    let account = |user: &str, verb: &str| {
        request(verb, "/x").object("serviceaccounts", "honeypot", "backup-sa").by(user)
    };
    let secret = |user: &str, verb: &str| read_of_secret().by(user).set("verb", json!(verb));
    for verb in ["patch", "update", "delete"] {
        is_duty(Duty::CleanUp, &account(&garbage, verb));
        is_duty(Duty::CleanUp, &secret(&garbage, verb));
        is_duty(Duty::CleanUp, &account(MANAGER, verb));
    }
    is_duty(Duty::CleanUp, &secret(&garbage, "get"));
    is_duty(Duty::CleanUp, &account(&namespace, "delete"));
    is_duty(Duty::CleanUp, &secret(&namespace, "delete").code(404));
    is_duty(Duty::CleanUp, &request("deletecollection", "/x").object("secrets", "vault", "").by(&namespace));
    // Their credentials stolen, they would do something else.
    is_told(TOUCHED, &secret(&namespace, "get"));
    is_told(TOUCHED, &secret(&namespace, "watch"));
    is_told(TOUCHED, &secret(&garbage, "delete").code(403));
    is_told("tripwire.account_changed", &account(&namespace, "patch"));
    is_told("tripwire.account_changed", &account(&controller("replicaset-controller"), "delete"));
    is_told(
        "tripwire.account_changed",
        &account("system:serviceaccount:shop:namespace-controller", "delete"),
    );
    let token = request("create", "/x").object("serviceaccounts/token", "honeypot", "backup-sa");
    is_told("tripwire.token_requested", &token.by(&garbage));
}

#[test]
fn controllers_and_kubelets_work_in_a_bait_namespace() {
    let into = |verb: &str, resource: &str| request(verb, "/x").object(resource, "vault", "x");
    is_duty(Duty::ClusterController, &into("create", "configmaps").by(&controller("root-ca-cert-publisher")));
    is_duty(
        Duty::ClusterController,
        &into("update", "deployments.apps/status").by(&controller("deployment-controller")),
    );
    is_duty(Duty::ClusterController, &into("patch", "pods/status").by(&controller("node-controller")));
    is_duty(Duty::ClusterController, &into("create", "pods/binding").by("system:kube-scheduler"));
    is_duty(Duty::ClusterController, &into("patch", "pods/status").by("system:node:worker-1"));
    is_duty(Duty::ClusterController, &into("get", "limitranges").by("system:apiserver"));
    // Conflicts and objects that are gone are no reason to wake anybody.
    is_duty(
        Duty::ClusterController,
        &into("update", "deployments.apps/status").by(&controller("replicaset-controller")).code(409),
    );
    is_duty(Duty::ClusterController, &into("get", "pods").by("system:node:worker-1").code(404));
    for event in [
        into("create", "configmaps").by(&controller("root-ca-cert-publisher")).code(403),
        into("get", "pods").by(&controller("coredns")),
        into("get", "pods").by("system:serviceaccount:vault:deployment-controller"),
        into("get", "pods").by("system:kube-proxy"),
        into("get", "pods").by("kubernetes-admin"),
        into("get", "pods").set("user", json!({"username": "system:node:worker-1", "groups": []})),
    ] {
        is_told("tripwire.bait_namespace", &event);
    }
    // A decoy's own objects are a decoy's in a bait namespace too.
    is_told(TOUCHED, &read_of_secret().by(&controller("deployment-controller")));
}

fn pod_of(workload: &str) -> Shape {
    let body = json!({
        "metadata": {"generateName": format!("{workload}-7d4b9c-")},
        "spec": {"volumes": [{"name": "t", "secret": {"secretName": "backup-agent-token"}}]},
    });
    request("create", "/api/v1/namespaces/honeypot/pods").object("pods", "honeypot", "").body(&body).code(201)
}

#[test]
fn the_controller_of_a_declared_workload_makes_its_pods() {
    is_duty(Duty::DeclaredWorkload, &pod_of("backup-agent").by(&controller("replicaset-controller")));
    is_duty(Duty::DeclaredWorkload, &pod_of("backup-agent").by(MANAGER));
    let set = json!({"metadata": {"name": "backup-agent-7d4b9c"}, "spec": {"template": {"spec": {
        "serviceAccountName": "backup-sa"}}}});
    let set =
        request("create", "/x").object("replicasets.apps", "honeypot", "backup-agent-7d4b9c").body(&set);
    is_duty(Duty::DeclaredWorkload, &set.clone().by(&controller("deployment-controller")));
    is_told("tripwire.workload_as_decoy", &set.by("kubernetes-admin"));
    for event in [
        pod_of("backup-agent"),
        pod_of("backup-agents").by(&controller("replicaset-controller")),
        pod_of("evil").by(&controller("replicaset-controller")),
        pod_of("backup-agent").by(&controller("namespace-controller")),
        pod_of("backup-agent").by("system:serviceaccount:shop:replicaset-controller"),
    ] {
        is_told("tripwire.secret_mounted", &event);
    }
}

#[test]
fn walkers_may_read_and_nothing_else() {
    for verb in ["get", "list", "watch"] {
        is_duty(Duty::Walker, &read_of_secret().by(WALKER).set("verb", json!(verb)));
        is_duty(Duty::Walker, &request(verb, "/x").object("pods", "vault", "").by(WALKER));
    }
    for verb in ["update", "patch", "delete"] {
        is_told(TOUCHED, &read_of_secret().by(WALKER).set("verb", json!(verb)));
        is_told("tripwire.bait_namespace", &request(verb, "/x").object("pods", "vault", "x").by(WALKER));
    }
    is_told(TOUCHED, &read_of_secret().by("system:serviceaccount:velero:velero-2"));
    let token = request("create", "/x").object("serviceaccounts/token", "honeypot", "backup-sa");
    is_told("tripwire.token_requested", &token.by(WALKER));
    let exec = request("get", "/x").object("pods/exec", "honeypot", "file-backup");
    is_told("tripwire.pod_entered", &exec.by(WALKER));
    let review = json!({"spec": {"user": DECOY}});
    let review =
        request("create", "/x").object("subjectaccessreviews.authorization.k8s.io", "", "").body(&review);
    is_told("tripwire.token_checked", &review.by(WALKER));
}

#[test]
fn no_duty_covers_the_use_of_a_decoy_s_own_credential() {
    // This decoy stands among the walkers, for whatever reason.
    let tiller = "system:serviceaccount:kube-system:tiller";
    is_told("tripwire.token_used", &read_of_secret().by(tiller));
    is_told("tripwire.token_used", &request("list", "/x").object("pods", "vault", "").by(tiller));
    for user in [WALKER, MANAGER, "system:node:worker-1", "system:apiserver"] {
        is_told("tripwire.token_used", &read_of_secret().by(user).credential(JTI));
        is_told(
            "tripwire.impersonated",
            &read_of_secret().by(user).set("impersonatedUser", json!({"username": DECOY})),
        );
    }
}

#[test]
fn what_was_suppressed_is_counted_by_who_and_what() {
    let mut desk = Desk::default();
    for (seconds, event) in
        [(5, kubelet("worker-1")), (1, kubelet("worker-1")), (9, read_of_secret().by(WALKER))]
    {
        for signal in event.at(seconds).judge() {
            assert_eq!(desk.decide(signal), None);
        }
    }
    let counted = desk.take_suppressed();
    assert_eq!(counted.len(), 2);
    let (key, count) = counted.iter().find(|(key, _)| key.reason == Duty::KubeletMount).unwrap();
    assert_eq!(
        (key.decoy.as_str(), key.user.as_str(), key.peer.as_str()),
        ("honeypot/backup-sa", "system:node:worker-1", "10.0.0.11")
    );
    assert_eq!((count.count, count.first, count.last), (2, at(1), at(5)));
    assert!(desk.take_suppressed().is_empty(), "taken once");
}

#[test]
fn the_note_of_a_use_is_nobody_s_duty() {
    is_told("tripwire.token_last_used", &note_of_use("backup-sa-token"));
    is_told(TOUCHED, &note_of_use("backup-sa-token").by(THIEF));
}
