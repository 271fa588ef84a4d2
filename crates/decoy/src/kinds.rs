//! The kinds of objects that a decoy may consist of.

use crate::{Part, persona::SignKind};

/// One kind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) api_version: &'static str,
    pub(crate) namespaced: bool,
    /// What an object of that name is looked for among; none where the survey does not list them.
    pub(crate) sign: Option<SignKind>,
    /// Where the spec of its pods stands, as a JSON pointer.
    pub(crate) pod: Option<&'static str>,
    /// What such an object can be for.
    pub(crate) parts: &'static [Part],
}

const RBAC: &str = "rbac.authorization.k8s.io/v1";
const IN_TEMPLATE: Option<&str> = Some("/spec/template/spec");

const KINDS: &[Kind] = &[
    kind("ServiceAccount", "v1", true, Some(SignKind::Account), None, &[Part::Account]),
    kind("Secret", "v1", true, Some(SignKind::Secret), None, &[Part::Token, Part::Placement]),
    kind("ConfigMap", "v1", true, None, None, &[Part::Placement]),
    kind("Service", "v1", true, None, None, &[Part::Placement]),
    kind("NetworkPolicy", "networking.k8s.io/v1", true, None, None, &[Part::Placement]),
    kind("Pod", "v1", true, Some(SignKind::Workload), Some("/spec"), &[Part::Placement]),
    kind("Deployment", "apps/v1", true, Some(SignKind::Workload), IN_TEMPLATE, &[Part::Placement]),
    kind("DaemonSet", "apps/v1", true, Some(SignKind::Workload), IN_TEMPLATE, &[Part::Placement]),
    kind("StatefulSet", "apps/v1", true, Some(SignKind::Workload), IN_TEMPLATE, &[Part::Placement]),
    kind("Job", "batch/v1", true, Some(SignKind::Workload), IN_TEMPLATE, &[Part::Placement]),
    kind(
        "CronJob",
        "batch/v1",
        true,
        Some(SignKind::Workload),
        Some("/spec/jobTemplate/spec/template/spec"),
        &[Part::Placement],
    ),
    kind("Role", RBAC, true, Some(SignKind::Role), None, &[Part::Rights]),
    kind("ClusterRole", RBAC, false, Some(SignKind::Role), None, &[Part::Rights]),
    kind("RoleBinding", RBAC, true, None, None, &[Part::Rights]),
    kind("ClusterRoleBinding", RBAC, false, None, None, &[Part::Rights]),
];

const fn kind(
    name: &'static str,
    api_version: &'static str,
    namespaced: bool,
    sign: Option<SignKind>,
    pod: Option<&'static str>,
    parts: &'static [Part],
) -> Kind {
    Kind { name, api_version, namespaced, sign, pod, parts }
}

/// The kind of that name, if a decoy may have one.
pub(crate) fn of(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// The names of all kinds, for messages.
pub(crate) fn names() -> String {
    KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ")
}
