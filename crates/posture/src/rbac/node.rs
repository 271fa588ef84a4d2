//! What the Node authorizer gives a kubelet besides RBAC, as far as it concerns credentials
//! (`plugin/pkg/auth/authorizer/node/node_authorizer.go`, `plugin/pkg/auth/authorizer/rbac/bootstrappolicy`).
//!
//! A node's identity may read the Secrets that its pods use and ask for tokens of its pods' accounts, and no others.
//! The rest of what a kubelet may do (its own Node, leases, events, status of its pods) is given by fixed rules.

use super::{Identity, Request, Target};
use crate::model::{Cluster, PodSpec, VolumeKind, WorkloadKind};

/// Why the Node authorizer allows a request, or nothing where it leaves it to others.
pub(super) fn allows(cluster: &Cluster, who: &Identity, request: &Request<'_>) -> Option<&'static str> {
    let node = who.name().strip_prefix("system:node:")?;
    if !who.groups().iter().any(|group| &**group == "system:nodes") {
        return None;
    }
    let Target::Resource { group, resource, subresource, name, namespace } = request.target else {
        return None;
    };
    let mut pods = cluster.workloads.iter().filter(|w| {
        w.kind == WorkloadKind::Pod
            && *w.meta.namespace == *namespace
            && w.spec.node.as_deref() == Some(node)
            && !w.ended
    });
    match (group, resource, subresource, request.verb) {
        ("", "secrets", "", "get" | "list" | "watch") if !name.is_empty() => {
            pods.any(|pod| uses_secret(&pod.spec, name)).then_some("a pod on the node uses this Secret")
        }
        ("", "serviceaccounts", "token", "create") => {
            pods.any(|pod| *pod.spec.account == *name).then_some("a pod on the node runs as this account")
        }
        ("", "nodes", "", "get") if name == node => Some("it is the node's own object"),
        ("", "nodes", "" | "status", "update" | "patch") if name == node => {
            Some("it is the node's own object")
        }
        ("", "pods", "", "create" | "delete") => Some("a node makes and removes mirror pods of its own"),
        ("", "pods", "status", "update" | "patch") => Some("a node says how its pods are"),
        ("", "events", "", "create" | "update" | "patch") => Some("a node tells what happens"),
        ("authentication.k8s.io", "tokenreviews", "", "create")
        | ("authorization.k8s.io", "subjectaccessreviews" | "localsubjectaccessreviews", "", "create") => {
            Some("a kubelet checks who asks it")
        }
        ("certificates.k8s.io", "certificatesigningrequests", "", "create" | "get" | "list" | "watch") => {
            Some("a kubelet renews its certificate")
        }
        _ => None,
    }
}

fn uses_secret(pod: &PodSpec, secret: &str) -> bool {
    let in_volume = pod.volumes.iter().any(|volume| match &volume.kind {
        VolumeKind::Secret(name) => **name == *secret,
        VolumeKind::Projected { secrets, .. } => secrets.iter().any(|name| **name == *secret),
        VolumeKind::HostPath(_) => false,
    });
    in_volume || pod.containers.iter().flat_map(|c| &c.env).any(|used| *used.secret == *secret)
}
