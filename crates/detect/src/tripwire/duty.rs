//! Touches that are somebody's duty: counted, listed, not told.
//!
//! Each is as narrow as what the controller in question does: who, which verbs, on what, and that it was allowed. A
//! duty never covers the use of a decoy's own credential.

use sundew_audit::Event;

use super::{Duty, Touch, index::Index, rows::is_kubelet, rules};

/// The controllers of kube-controller-manager that make pods from templates.
const WORKLOAD_CONTROLLERS: [&str; 7] = [
    "deployment-controller",
    "replicaset-controller",
    "replication-controller",
    "statefulset-controller",
    "daemon-set-controller",
    "job-controller",
    "cronjob-controller",
];

/// The other controllers that act in every namespace of their own accord, by the names of their accounts
/// (`plugin/pkg/auth/authorizer/rbac/bootstrappolicy/controller_policy.go`).
const NAMESPACE_CONTROLLERS: [&str; 20] = [
    "root-ca-cert-publisher",
    "service-ca-cert-publisher",
    "service-account-controller",
    "legacy-service-account-token-cleaner",
    "namespace-controller",
    "generic-garbage-collector",
    "pod-garbage-collector",
    "resourcequota-controller",
    "endpoint-controller",
    "endpointslice-controller",
    "endpointslicemirroring-controller",
    "disruption-controller",
    "horizontal-pod-autoscaler",
    "ttl-after-finished-controller",
    "node-controller",
    "taint-eviction-controller",
    "persistent-volume-binder",
    "pvc-protection-controller",
    "ephemeral-volume-controller",
    "resource-claim-controller",
];

/// The duty that `touch` is, if it is one.
pub(super) fn of(index: &Index, event: &Event<'_>, touch: &Touch) -> Option<Duty> {
    // Nobody whose duty this is acts as somebody else.
    if event.impersonated_user.is_some() {
        return None;
    }
    let rule = touch.rule;
    let bait = rule == rules::BAIT_NAMESPACE;
    if rule == rules::SECRET_TOUCHED {
        if kubelet_mount(index, event) {
            return Some(Duty::KubeletMount);
        }
        if token_controller(event) {
            return Some(Duty::TokenController);
        }
    }
    let cleaned = rule == rules::SECRET_TOUCHED || rule == rules::ACCOUNT_CHANGED || bait;
    if cleaned && clean_up(event) {
        return Some(Duty::CleanUp);
    }
    if (rule == rules::SECRET_TOUCHED || bait)
        && reads(event)
        && index.is_walker(&event.user.username.decode())
    {
        return Some(Duty::Walker);
    }
    let workload = rule == rules::WORKLOAD_AS_DECOY || rule == rules::SECRET_MOUNTED;
    if workload && declared_workload(index, event) {
        return Some(Duty::DeclaredWorkload);
    }
    (bait && cluster_controller(event)).then_some(Duty::ClusterController)
}

/// The account name of a controller of kube-controller-manager. Only somebody who may make tokens in kube-system can
/// be one of these, and that is a finding of its own.
fn controller(event: &Event<'_>) -> Option<String> {
    let user = event.user.username.decode();
    user.strip_prefix("system:serviceaccount:kube-system:").map(str::to_owned)
}

/// The one identity of all controllers where they have no accounts of their own.
fn is_controller_manager(event: &Event<'_>) -> bool {
    event.user.username == "system:kube-controller-manager"
}

fn reads(event: &Event<'_>) -> bool {
    event.verb == "get" || event.verb == "list" || event.verb == "watch"
}

/// Whether the API server would not have it. Other failures, such as a conflict or an object that is gone, are
/// everyday life of a controller.
fn refused(event: &Event<'_>) -> bool {
    matches!(event.code(), Some(401 | 403))
}

/// A kubelet reads a Secret that a pod on its node mounts. The Node authorizer refuses a kubelet every other Secret,
/// so a refusal is somebody with a node's credential trying.
fn kubelet_mount(index: &Index, event: &Event<'_>) -> bool {
    if !is_kubelet(event) || !reads(event) || refused(event) {
        return false;
    }
    let Some(object) = event.object_ref else { return false };
    let place = index.secret(&object.namespace.decode(), &object.name.decode());
    let Some(mounted) = place.and_then(|p| index.placement(p)).and_then(|p| p.mounted_by.as_ref()) else {
        return false;
    };
    let user = event.user.username.decode();
    let node = user.strip_prefix("system:node:").unwrap_or_default();
    mounted.nodes.is_empty() || mounted.nodes.iter().any(|n| n == node)
}

/// The token controller reads a Secret before it fills it, and takes it away with its account. It runs under the
/// controller manager's own identity, whatever the others do.
fn token_controller(event: &Event<'_>) -> bool {
    let cleaner = controller(event).is_some_and(|c| c == "legacy-service-account-token-cleaner");
    let does = ["get", "update", "delete"].iter().any(|verb| event.verb == *verb);
    let cleans = cleaner && (event.verb == "patch" || event.verb == "delete");
    !refused(event) && (is_controller_manager(event) && does || cleans)
}

/// What is deleted with its namespace, or with its owner, or is freed from it.
fn clean_up(event: &Event<'_>) -> bool {
    const NAMESPACE: [&str; 3] = ["list", "delete", "deletecollection"];
    const GARBAGE: [&str; 4] = ["get", "patch", "update", "delete"];
    let does = |verbs: &[&str]| verbs.iter().any(|verb| event.verb == *verb);
    let cleans = match controller(event).as_deref() {
        Some("namespace-controller") => does(&NAMESPACE),
        Some("generic-garbage-collector") => does(&GARBAGE),
        _ => is_controller_manager(event) && (does(&NAMESPACE) || does(&GARBAGE)),
    };
    cleans && !refused(event)
}

/// The pods of a workload that the inventory declares, made by the controller whose work that is.
fn declared_workload(index: &Index, event: &Event<'_>) -> bool {
    let by_controller = is_controller_manager(event)
        || controller(event).is_some_and(|c| WORKLOAD_CONTROLLERS.contains(&c.as_str()));
    let Some(object) = event.object_ref else { return false };
    let name = super::body::object_name(event).unwrap_or_else(|| object.name.decode().into_owned());
    by_controller && index.workload_of(&object.namespace.decode(), &name).is_some()
}

/// The control plane and the kubelets at their work in a bait namespace.
fn cluster_controller(event: &Event<'_>) -> bool {
    let user = event.user.username.decode();
    let component =
        ["system:apiserver", "system:kube-scheduler", "system:kube-controller-manager"].contains(&&*user);
    let own = controller(event).is_some_and(|c| {
        NAMESPACE_CONTROLLERS.contains(&c.as_str()) || WORKLOAD_CONTROLLERS.contains(&c.as_str())
    });
    !refused(event) && (component || own || is_kubelet(event))
}
