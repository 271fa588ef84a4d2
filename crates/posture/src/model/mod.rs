//! The model: the objects of one cluster, as far as they decide what an identity could do.

mod platform;
mod rbac;
mod standards;
mod version;
mod workload;

use std::{fmt, sync::Arc};

use hashbrown::HashMap;
use jiff::Timestamp;

pub use platform::Platform;
pub use rbac::{Binding, Role, RoleRef, Rule, Selector, Subject};
pub use standards::{Control, Refused};
pub use version::Version;
pub use workload::{
    Container, ContainerRole, HostPath, Mount, Owner, PodSpec, SecretUse, Token, Volume, VolumeKind,
    Workload, WorkloadKind,
};

/// A text that many objects share, such as a namespace's name.
pub type Str = Arc<str>;

/// Where an object was described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// Which of [`Cluster::files`].
    pub file: u32,
    /// The line of the object's name, from 1; 0 where it is not known, as for what a server answered.
    pub line: u32,
}

/// What every object has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// `metadata.name`.
    pub name: Str,
    /// `metadata.namespace`; empty for what belongs to the cluster as a whole.
    pub namespace: Str,
    /// `metadata.creationTimestamp`.
    pub created: Option<Timestamp>,
    /// Who keeps it as it is and would undo a change, such as `Helm release shop`, as far as its labels, annotations
    /// and owner say.
    pub keeper: Option<Str>,
    /// Where it was described.
    pub place: Place,
}

impl Meta {
    /// Of an object that is only thought of.
    pub fn new(namespace: &str, name: &str) -> Self {
        let (name, namespace) = (name.into(), namespace.into());
        Self { name, namespace, created: None, keeper: None, place: Place::default() }
    }
}

impl fmt::Display for Meta {
    /// `NAMESPACE/NAME`, or `NAME` alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

/// A ServiceAccount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name and namespace.
    pub meta: Meta,
    /// `automountServiceAccountToken`; Kubernetes mounts a token where nothing is said.
    pub automount: Option<bool>,
    /// The Secrets listed in it, which are where old clusters keep its long-lived tokens.
    pub secrets: Vec<Str>,
    /// The identity that a cloud gives to whoever holds its token, from the annotations of EKS, GKE and AKS.
    pub cloud: Option<Str>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub meta: Meta,
    /// Whether its labels say that the control plane runs on it.
    pub control_plane: bool,
    /// The kubelet's version.
    pub version: Option<Version>,
    /// Whose node it is, where its labels or the kubelet's version tell.
    pub platform: Option<Platform>,
}

/// How much a namespace's Pod Security lets a pod do (`pod-security.kubernetes.io/enforce`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum PodSecurity {
    /// Everything: also where the namespace has no label.
    #[default]
    Privileged,
    /// No host namespaces, no privileged containers, no hostPath.
    Baseline,
    /// As `Baseline`, and no root.
    Restricted,
}

impl PodSecurity {
    /// The level, as labels write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

/// A namespace's labels of Pod Security (`pod-security.kubernetes.io/…`), as they are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodSecurityLabels {
    /// `enforce`: pods beyond it are refused.
    pub enforce: Option<Str>,
    /// `enforce-version`: the version of Kubernetes whose standards are enforced; the newest where it is not written.
    pub enforce_version: Option<Str>,
    /// `audit`: pods beyond it are noted in the audit log.
    pub audit: Option<Str>,
    /// `warn`: whoever makes a pod beyond it is warned.
    pub warn: Option<Str>,
}

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Its name.
    pub meta: Meta,
    /// What Pod Security enforces there.
    pub enforces: PodSecurity,
    /// The labels of Pod Security, as they are written.
    pub labels: PodSecurityLabels,
}

/// A Secret's description. Its values are never kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Its name and namespace.
    pub meta: Meta,
    /// `type`, such as `Opaque`; empty where it is not known.
    pub kind: Str,
    /// The account whose long-lived token it holds (annotation `kubernetes.io/service-account.name`).
    pub account: Option<Str>,
    /// The day its token was last used (label `kubernetes.io/legacy-token-last-used`), as it is written there.
    pub last_used: Option<Str>,
    /// The day its token was declared invalid (label `kubernetes.io/legacy-token-invalid-since`).
    pub invalid_since: Option<Str>,
}

impl Secret {
    /// The type of a Secret that holds a long-lived token of an account.
    pub const TOKEN: &'static str = "kubernetes.io/service-account-token";

    /// Whether it holds a long-lived token of an account.
    pub fn is_token(&self) -> bool {
        &*self.kind == Self::TOKEN || (self.kind.is_empty() && self.account.is_some())
    }
}

/// What stands at the door for objects that are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Its name.
    pub meta: Meta,
    /// Its kind, such as `ValidatingWebhookConfiguration`.
    pub kind: Str,
    /// Whether any part of it looks at pods, as far as that is written in it.
    pub sees_pods: bool,
}

/// A kind of object that was asked for and could not be read. What it would have said is not taken as safe.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Absent {
    /// The resource, such as `secrets`.
    pub resource: Str,
    /// Why, in words.
    pub reason: String,
}

/// Something odd in what was read, which did not stop the reading.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notice {
    /// Where.
    pub place: Place,
    /// What, in words.
    pub what: String,
}

/// The objects of one cluster.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    /// The files or lists that the objects were described in.
    pub files: Vec<String>,
    /// The API server's version, where it is known.
    pub version: Option<Version>,
    /// The same in whole, as v1.33.1-eks-595af52, where the server was asked.
    pub build: Option<Str>,
    /// Whether Kubernetes' own roles are among what was read: a dump of a cluster has them, manifests have not.
    pub whole: bool,
    /// Roles and ClusterRoles.
    pub roles: Vec<Role>,
    /// RoleBindings and ClusterRoleBindings.
    pub bindings: Vec<Binding>,
    /// ServiceAccounts.
    pub accounts: Vec<Account>,
    /// Pods, and the templates that others make pods from.
    pub workloads: Vec<Workload>,
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Namespaces.
    pub namespaces: Vec<Namespace>,
    /// Secrets, without their values.
    pub secrets: Vec<Secret>,
    /// Webhooks and admission policies.
    pub admission: Vec<Admission>,
    /// What could not be read.
    pub absent: Vec<Absent>,
    /// What was odd.
    pub notices: Vec<Notice>,
}

impl Cluster {
    /// Whether objects of `resource` (as `secrets`) could not be read, so that nothing follows from there being none.
    pub fn lacks(&self, resource: &str) -> bool {
        self.absent.iter().any(|absent| &*absent.resource == resource)
    }

    /// The pods of API servers with their flags, by name without dashes and in their order.
    pub fn servers(&self) -> impl Iterator<Item = (&Workload, &[(Str, Str)])> {
        let running = self.workloads.iter().filter(|workload| !workload.ended);
        running.filter_map(|pod| Some((pod, pod.spec.server.as_deref()?)))
    }

    /// Whose Kubernetes it is, where anything tells.
    pub fn platform(&self) -> Option<Platform> {
        let of_server = self.build.as_deref().and_then(Platform::of_version);
        let openshift =
            self.namespaces.iter().any(|namespace| &*namespace.meta.name == "openshift-kube-apiserver");
        of_server
            .or_else(|| openshift.then_some(Platform::OpenShift))
            .or_else(|| self.nodes.iter().find_map(|node| node.platform))
    }

    /// The accounts, by namespace and name.
    pub(crate) fn accounts_by_name(&self) -> HashMap<(&str, &str), &Account> {
        self.accounts
            .iter()
            .map(|account| ((&*account.meta.namespace, &*account.meta.name), account))
            .collect()
    }

    /// `FILE:LINE` of an object.
    pub fn place(&self, place: Place) -> String {
        let file = self.files.get(place.file as usize).map_or("", String::as_str);
        if place.line == 0 { file.to_owned() } else { format!("{file}:{}", place.line) }
    }
}
