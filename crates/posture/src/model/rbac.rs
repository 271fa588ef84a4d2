//! Roles, bindings and subjects (rbac.authorization.k8s.io/v1 `types.go`).

use std::{fmt, sync::Arc};

use super::{Meta, Str};

/// One rule of a role. An empty list where Kubernetes wants something matches nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// `get`, `*`, …
    pub verbs: Vec<Str>,
    /// API groups; the core group is empty.
    pub groups: Vec<Str>,
    /// `pods`, `pods/exec`, `*/exec`, `*`.
    pub resources: Vec<Str>,
    /// The objects it is limited to; all where there are none.
    pub names: Vec<Str>,
    /// Paths that are no resources, such as `/metrics` or `/healthz*`.
    pub urls: Vec<Str>,
}

/// Labels that a ClusterRole must have to be joined into an aggregated one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    /// `matchLabels`: all of them.
    pub labels: Vec<(Str, Str)>,
    /// `matchExpressions`: key, operator, values.
    pub expressions: Vec<(Str, Str, Vec<Str>)>,
}

/// A Role or a ClusterRole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name; the namespace is empty for a ClusterRole.
    pub meta: Meta,
    /// Whether it is a ClusterRole.
    pub cluster: bool,
    /// What it grants; for an aggregated ClusterRole, joined from the others.
    pub rules: Arc<[Rule]>,
    /// The selectors of an aggregated ClusterRole; empty for others.
    pub aggregates: Vec<Selector>,
    /// Labels, of ClusterRoles only: aggregation selects by them.
    pub labels: Vec<(Str, Str)>,
    /// Whether Kubernetes itself made it (label `kubernetes.io/bootstrapping: rbac-defaults`).
    pub built_in: bool,
}

/// Which role a binding grants.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoleRef {
    /// Whether it names a ClusterRole.
    pub cluster: bool,
    /// Its name.
    pub name: Str,
}

/// Who is granted a role.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// A ServiceAccount.
    Account {
        /// Its namespace.
        namespace: Str,
        /// Its name.
        name: Str,
    },
    /// A user, by the name that authentication gives.
    User(Str),
    /// A group.
    Group(Str),
}

impl Subject {
    /// The kind, as bindings write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Account { .. } => "ServiceAccount",
            Self::User(_) => "User",
            Self::Group(_) => "Group",
        }
    }

    /// The name, without a namespace.
    pub fn name(&self) -> &Str {
        match self {
            Self::Account { name, .. } | Self::User(name) | Self::Group(name) => name,
        }
    }

    /// An account's namespace; empty for others.
    pub fn namespace(&self) -> &str {
        if let Self::Account { namespace, .. } = self { namespace } else { "" }
    }
}

impl fmt::Display for Subject {
    /// `ServiceAccount NAMESPACE/NAME`, `User NAME`, `Group NAME`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account { namespace, name } => write!(f, "ServiceAccount {namespace}/{name}"),
            Self::User(name) | Self::Group(name) => write!(f, "{} {name}", self.kind()),
        }
    }
}

/// A RoleBinding or a ClusterRoleBinding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Its name; the namespace is empty for a ClusterRoleBinding.
    pub meta: Meta,
    /// Whether it is a ClusterRoleBinding.
    pub cluster: bool,
    /// What it grants.
    pub role: RoleRef,
    /// To whom.
    pub subjects: Vec<Subject>,
    /// Whether Kubernetes itself made it.
    pub built_in: bool,
}

impl Binding {
    /// The kind, as manifests write it.
    pub fn kind(&self) -> &'static str {
        if self.cluster { "ClusterRoleBinding" } else { "RoleBinding" }
    }
}

impl Role {
    /// The kind, as manifests write it.
    pub fn kind(&self) -> &'static str {
        if self.cluster { "ClusterRole" } else { "Role" }
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.meta)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.meta)
    }
}
