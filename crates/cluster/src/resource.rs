//! What is collected: the one table that the lists and the printed role are both made from.

/// The type of a Secret that holds a legacy token.
pub const SERVICE_ACCOUNT_TOKEN: &str = "kubernetes.io/service-account-token";
/// The group whose resources have moved between versions lately, so that the server is asked which it serves.
pub(crate) const ADMISSION: &str = "admissionregistration.k8s.io";

/// A kind of object that is collected.
#[derive(Debug, PartialEq, Eq)]
pub struct Resource {
    /// The API group, empty for the core one.
    pub group: &'static str,
    /// The versions whose objects are understood, the best first.
    pub versions: &'static [&'static str],
    /// The plural name in paths and roles.
    pub name: &'static str,
    /// The kind of one object.
    pub kind: &'static str,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
}

impl Resource {
    /// Whether only its metadata is asked for.
    pub(crate) fn metadata_only(&self) -> bool {
        self.name == "secrets"
    }

    /// The path of its list, with no query.
    pub(crate) fn path(&self, version: &str, namespace: Option<&str>) -> String {
        let base = match self.group {
            "" => format!("/api/{version}"),
            group => format!("/apis/{group}/{version}"),
        };
        match namespace {
            Some(namespace) => format!("{base}/namespaces/{namespace}/{}", self.name),
            None => format!("{base}/{}", self.name),
        }
    }
}

const CORE: &str = "";
const RBAC: &str = "rbac.authorization.k8s.io";
const APPS: &str = "apps";
const BATCH: &str = "batch";
const V1: &[&str] = &["v1"];
const SINCE_BETA: &[&str] = &["v1", "v1beta1"];
const SINCE_ALPHA: &[&str] = &["v1", "v1beta1", "v1alpha1"];

/// Everything that is collected, in the order in which it is asked for: what a scan cannot do without comes first.
pub static RESOURCES: &[Resource] = &[
    everywhere(RBAC, V1, "clusterroles", "ClusterRole"),
    everywhere(RBAC, V1, "clusterrolebindings", "ClusterRoleBinding"),
    in_namespaces(RBAC, "roles", "Role"),
    in_namespaces(RBAC, "rolebindings", "RoleBinding"),
    everywhere(CORE, V1, "namespaces", "Namespace"),
    in_namespaces(CORE, "serviceaccounts", "ServiceAccount"),
    in_namespaces(CORE, "pods", "Pod"),
    everywhere(CORE, V1, "nodes", "Node"),
    in_namespaces(APPS, "deployments", "Deployment"),
    in_namespaces(APPS, "daemonsets", "DaemonSet"),
    in_namespaces(APPS, "statefulsets", "StatefulSet"),
    in_namespaces(APPS, "replicasets", "ReplicaSet"),
    in_namespaces(BATCH, "jobs", "Job"),
    in_namespaces(BATCH, "cronjobs", "CronJob"),
    in_namespaces(CORE, "replicationcontrollers", "ReplicationController"),
    in_namespaces(CORE, "secrets", "Secret"),
    everywhere(ADMISSION, V1, "validatingwebhookconfigurations", "ValidatingWebhookConfiguration"),
    everywhere(ADMISSION, V1, "mutatingwebhookconfigurations", "MutatingWebhookConfiguration"),
    everywhere(ADMISSION, SINCE_BETA, "validatingadmissionpolicies", "ValidatingAdmissionPolicy"),
    everywhere(
        ADMISSION,
        SINCE_BETA,
        "validatingadmissionpolicybindings",
        "ValidatingAdmissionPolicyBinding",
    ),
    everywhere(ADMISSION, SINCE_ALPHA, "mutatingadmissionpolicies", "MutatingAdmissionPolicy"),
    everywhere(ADMISSION, SINCE_ALPHA, "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding"),
];

/// What decoys are made of besides.
static OTHERS: &[Resource] =
    &[in_namespaces(CORE, "configmaps", "ConfigMap"), in_namespaces(CORE, "services", "Service")];

/// The kinds that decoys are made of, and Namespace, which is only read.
pub(crate) const PLANTED: [&str; 15] = [
    "Namespace",
    "ServiceAccount",
    "Secret",
    "ConfigMap",
    "Pod",
    "Service",
    "Deployment",
    "DaemonSet",
    "StatefulSet",
    "Job",
    "CronJob",
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
];

/// The kind of this name, where decoys are made of it. `api_version` is `v1`, `apps/v1` and so on.
pub(crate) fn planted(api_version: &str, kind: &str) -> Option<&'static Resource> {
    let (group, version) = api_version.rsplit_once('/').unwrap_or((CORE, api_version));
    let mut all = RESOURCES.iter().chain(OTHERS);
    let found = all.find(|resource| resource.kind == kind && PLANTED.contains(&kind))?;
    (found.group == group && found.versions[0] == version).then_some(found)
}

const fn everywhere(
    group: &'static str,
    versions: &'static [&'static str],
    name: &'static str,
    kind: &'static str,
) -> Resource {
    Resource { group, versions, name, kind, namespaced: false }
}

const fn in_namespaces(group: &'static str, name: &'static str, kind: &'static str) -> Resource {
    Resource { group, versions: V1, name, kind, namespaced: true }
}
