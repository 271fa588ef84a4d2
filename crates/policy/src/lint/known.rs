//! What Kubernetes serves: subresources and verbs of its own resources, and names that are gone.
//!
//! Read from the discovery of a kube-apiserver v1.36.2 with every API and feature on.

use std::sync::OnceLock;

use hashbrown::{HashMap, HashSet};
use sundew_posture::questions::{self, Known};

/// What has every verb of objects.
const FULL: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const CHANGED: &[&str] = &["get", "patch", "update"];
const CREATED: &[&str] = &["create"];
const CONNECTED: &[&str] = &["create", "get"];
const PROXIED: &[&str] = &["create", "delete", "get", "patch", "update"];

/// Resources beside those of `sundew_posture::questions::RESOURCES`: they have to be turned on.
const MORE: &[(&str, &str)] = &[
    ("certificates.k8s.io", "podcertificaterequests"),
    ("coordination.k8s.io", "leasecandidates"),
    ("internal.apiserver.k8s.io", "storageversions"),
    ("resource.k8s.io", "devicetaintrules"),
    ("resource.k8s.io", "podschedulingcontexts"),
    ("resource.k8s.io", "resourceclasses"),
    ("resource.k8s.io", "resourcepoolstatusrequests"),
    ("scheduling.k8s.io", "podgroups"),
    ("scheduling.k8s.io", "workloads"),
    ("storagemigration.k8s.io", "storageversionmigrations"),
];

/// Groups and resources of Kubernetes that are served no more, and since when.
const GONE: &[(&str, &str, &str)] = &[
    ("extensions", "", "1.22"),
    ("policy", "podsecuritypolicies", "1.25"),
    ("settings.k8s.io", "", "1.20"),
    ("auditregistration.k8s.io", "", "1.19"),
];

/// Names in rules of RBAC for which there are no requests.
const ONLY_RBAC: [&str; 5] = ["users", "groups", "uids", "userextras", "signers"];

/// The resources of Kubernetes that requests are about.
pub(super) fn all() -> impl Iterator<Item = &'static Known> {
    questions::RESOURCES.iter().filter(|known| !ONLY_RBAC.contains(&known.name))
}

/// Since when a resource of Kubernetes, or its group, is served no more.
pub(super) fn gone(group: &str, resource: &str) -> Option<&'static str> {
    let of = |(g, r, _): &&(&str, &str, &str)| *g == group && (r.is_empty() || *r == resource);
    GONE.iter().find(of).map(|(.., since)| *since)
}

/// Whether Kubernetes serves every resource of this group, so that nothing installed can add to it.
pub(super) fn is_own_group(group: &str) -> bool {
    static GROUPS: OnceLock<HashSet<&str>> = OnceLock::new();
    let of_more = MORE.iter().map(|(group, _)| *group);
    GROUPS.get_or_init(|| all().map(|known| known.group).chain(of_more).collect()).contains(group)
}

/// Whether a group has this resource, given that it is Kubernetes' own.
pub(super) fn has(group: &str, resource: &str) -> bool {
    of(group, resource).is_some() || MORE.contains(&(group, resource))
}

/// A resource of Kubernetes.
pub(super) fn of(group: &str, resource: &str) -> Option<&'static Known> {
    static KNOWN: OnceLock<HashMap<(&str, &str), &'static Known>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| all().map(|known| ((known.group, known.name), known)).collect());
    known.get(&(group, resource)).copied()
}

/// The subresources of a resource of Kubernetes.
pub(super) fn subresources(group: &str, resource: &str) -> &'static [&'static str] {
    match (group, resource) {
        ("", "pods") => &[
            "attach",
            "binding",
            "ephemeralcontainers",
            "eviction",
            "exec",
            "log",
            "portforward",
            "proxy",
            "resize",
            "status",
        ],
        ("", "namespaces") => &["finalize", "status"],
        ("", "nodes" | "services") => &["proxy", "status"],
        ("", "serviceaccounts") => &["token"],
        ("", "replicationcontrollers") | ("apps", "deployments" | "replicasets" | "statefulsets") => {
            &["scale", "status"]
        }
        ("certificates.k8s.io", "certificatesigningrequests") => &["approval", "status"],
        ("", "persistentvolumeclaims" | "persistentvolumes" | "resourcequotas")
        | ("admissionregistration.k8s.io", "validatingadmissionpolicies")
        | ("apiextensions.k8s.io", "customresourcedefinitions")
        | ("apiregistration.k8s.io", "apiservices")
        | ("apps", "daemonsets")
        | ("autoscaling", "horizontalpodautoscalers")
        | ("batch", "cronjobs" | "jobs")
        | ("flowcontrol.apiserver.k8s.io", _)
        | ("networking.k8s.io", "ingresses" | "networkpolicies" | "servicecidrs")
        | ("policy", "poddisruptionbudgets")
        | ("resource.k8s.io", "resourceclaims")
        | ("storage.k8s.io", "volumeattachments") => &["status"],
        _ => &[],
    }
}

/// The verbs that a resource of Kubernetes has, where it is known.
pub(super) fn verbs(group: &str, resource: &str, subresource: &str) -> Option<&'static [&'static str]> {
    of(group, resource)?;
    if !subresource.is_empty() {
        return subresources(group, resource).contains(&subresource).then_some(match subresource {
            "binding" | "eviction" | "token" => CREATED,
            "exec" | "attach" | "portforward" => CONNECTED,
            "proxy" => PROXIED,
            "log" => &["get"],
            "finalize" => &["update"],
            _ => CHANGED,
        });
    }
    Some(match (group, resource) {
        ("authentication.k8s.io" | "authorization.k8s.io", _) | ("", "bindings") => CREATED,
        ("", "componentstatuses") => &["get", "list"],
        _ => FULL,
    })
}
