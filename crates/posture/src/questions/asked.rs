//! Which object a question is about, as it is written: `sa/shop/orders`, `clusterrole/view`, `group/system:masters`.

use std::{fmt, str::FromStr};

use sundew_decoy::yaml::nearest;
use thiserror::Error;

use crate::{
    model::{Cluster, Str, Subject, WorkloadKind},
    rbac::Rbac,
};

/// The forms in which an object can be asked for.
const FORMS: &str = "role/NAMESPACE/NAME, clusterrole/NAME, sa/NAMESPACE/NAME, user/NAME, group/NAME, \
                     rolebinding/NAMESPACE/NAME, clusterrolebinding/NAME, pod/NAMESPACE/NAME or node/NAME";

/// Why there is no answer about an object.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AskError {
    /// It is not written as an object is.
    #[error("`{text}` names no object{}; write it as {FORMS}", .hint.as_ref().map_or(String::new(), |h| format!(" (did you mean `{h}/…`?)")))]
    Form {
        /// What was written.
        text: String,
        /// The kind that was probably meant.
        hint: Option<&'static str>,
    },
    /// The cluster has none of that name.
    #[error("there is no {asked} in what was read{}", .nearest.as_ref().map_or(String::new(), |n| format!("; did you mean `{n}`?")))]
    Unknown {
        /// What was asked for.
        asked: String,
        /// The one of that kind whose name is nearest.
        nearest: Option<String>,
    },
}

/// An object that a question is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A Role, or a ClusterRole where the namespace is empty.
    Role(Str, Str),
    /// A RoleBinding, or a ClusterRoleBinding where the namespace is empty.
    Binding(Str, Str),
    /// An account, a user or a group.
    Subject(Subject),
    /// A pod, or what makes pods.
    Workload(WorkloadKind, Str, Str),
    /// A node.
    Node(Str),
}

/// The words for kinds, the first of each its short form, and whether a namespace follows.
const KINDS: [(&str, &str, bool); 20] = [
    ("role", "role", true),
    ("clusterrole", "clusterrole", false),
    ("sa", "sa", true),
    ("serviceaccount", "sa", true),
    ("user", "user", false),
    ("group", "group", false),
    ("rolebinding", "rolebinding", true),
    ("clusterrolebinding", "clusterrolebinding", false),
    ("pod", "pod", true),
    ("po", "pod", true),
    ("deployment", "deployment", true),
    ("deploy", "deployment", true),
    ("daemonset", "daemonset", true),
    ("statefulset", "statefulset", true),
    ("replicaset", "replicaset", true),
    ("replicationcontroller", "replicationcontroller", true),
    ("job", "job", true),
    ("cronjob", "cronjob", true),
    ("node", "node", false),
    ("no", "node", false),
];

impl FromStr for Asked {
    type Err = AskError;

    fn from_str(text: &str) -> Result<Self, AskError> {
        let wrong = |hint| AskError::Form { text: text.to_owned(), hint };
        let (kind, rest) = text.split_once('/').unwrap_or((text, ""));
        let word = kind.to_lowercase();
        let Some(&(_, kind, namespaced)) = KINDS.iter().find(|(of, _, _)| *of == word) else {
            return Err(wrong(nearest(&word, KINDS.iter().map(|(of, _, _)| *of))));
        };
        let (namespace, name) = match (namespaced, rest.split_once('/')) {
            // The names of users may have slashes; those of objects may not.
            (false, _) if matches!(kind, "user" | "group") => ("", rest),
            (false, None) => ("", rest),
            (true, Some((namespace, name))) if !namespace.is_empty() && !name.contains('/') => {
                (namespace, name)
            }
            _ => return Err(wrong(None)),
        };
        if name.is_empty() {
            return Err(wrong(None));
        }
        let (namespace, name) = (Str::from(namespace), Str::from(name));
        Ok(match kind {
            "role" | "clusterrole" => Self::Role(namespace, name),
            "rolebinding" | "clusterrolebinding" => Self::Binding(namespace, name),
            "sa" => Self::Subject(Subject::Account { namespace, name }),
            "user" => Self::Subject(user(name)),
            "group" => Self::Subject(Subject::Group(name)),
            "node" => Self::Node(name),
            "deployment" => Self::Workload(WorkloadKind::Deployment, namespace, name),
            "daemonset" => Self::Workload(WorkloadKind::DaemonSet, namespace, name),
            "statefulset" => Self::Workload(WorkloadKind::StatefulSet, namespace, name),
            "replicaset" => Self::Workload(WorkloadKind::ReplicaSet, namespace, name),
            "replicationcontroller" => Self::Workload(WorkloadKind::ReplicationController, namespace, name),
            "job" => Self::Workload(WorkloadKind::Job, namespace, name),
            "cronjob" => Self::Workload(WorkloadKind::CronJob, namespace, name),
            _ => Self::Workload(WorkloadKind::Pod, namespace, name),
        })
    }
}

/// A user by name; an account's user name is the account.
fn user(name: Str) -> Subject {
    match name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':')) {
        Some((namespace, name)) => Subject::Account { namespace: namespace.into(), name: name.into() },
        None => Subject::User(name),
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(namespace, name) if namespace.is_empty() => write!(f, "ClusterRole {name}"),
            Self::Role(namespace, name) => write!(f, "Role {namespace}/{name}"),
            Self::Binding(namespace, name) if namespace.is_empty() => write!(f, "ClusterRoleBinding {name}"),
            Self::Binding(namespace, name) => write!(f, "RoleBinding {namespace}/{name}"),
            Self::Subject(subject) => subject.fmt(f),
            Self::Workload(kind, namespace, name) => write!(f, "{} {namespace}/{name}", kind.as_str()),
            Self::Node(name) => write!(f, "Node {name}"),
        }
    }
}

impl Asked {
    /// That there is none, with the nearest of the same kind.
    pub(super) fn unknown(&self, rbac: &Rbac<'_>) -> AskError {
        let known = self.known(rbac);
        let name = self.written();
        let nearest = nearest(&name, known.iter().map(String::as_str)).map(ToOwned::to_owned);
        AskError::Unknown { asked: self.to_string(), nearest }
    }

    /// As it is written on a command line.
    fn written(&self) -> String {
        let path = |kind: &str, namespace: &str, name: &str| match namespace {
            "" => format!("{kind}/{name}"),
            namespace => format!("{kind}/{namespace}/{name}"),
        };
        match self {
            Self::Role(namespace, name) => {
                path(if namespace.is_empty() { "clusterrole" } else { "role" }, namespace, name)
            }
            Self::Binding(namespace, name) => {
                path(if namespace.is_empty() { "clusterrolebinding" } else { "rolebinding" }, namespace, name)
            }
            Self::Subject(Subject::Account { namespace, name }) => path("sa", namespace, name),
            Self::Subject(Subject::User(name)) => path("user", "", name),
            Self::Subject(Subject::Group(name)) => path("group", "", name),
            Self::Workload(kind, namespace, name) => path(&kind.as_str().to_lowercase(), namespace, name),
            Self::Node(name) => path("node", "", name),
        }
    }

    /// Everything of the same kind that there is, as it is written.
    fn known(&self, rbac: &Rbac<'_>) -> Vec<String> {
        let cluster: &Cluster = rbac.cluster();
        let same = |other: &Self| match (self, other) {
            (Self::Role(a, _), Self::Role(b, _)) | (Self::Binding(a, _), Self::Binding(b, _)) => {
                a.is_empty() == b.is_empty()
            }
            (Self::Workload(a, ..), Self::Workload(b, ..)) => a == b,
            (Self::Subject(a), Self::Subject(b)) => a.kind() == b.kind(),
            (Self::Node(_), Self::Node(_)) => true,
            _ => false,
        };
        let roles = cluster.roles.iter().map(|r| Self::Role(r.meta.namespace.clone(), r.meta.name.clone()));
        let bindings =
            cluster.bindings.iter().map(|b| Self::Binding(b.meta.namespace.clone(), b.meta.name.clone()));
        let accounts = cluster.accounts.iter().map(|a| {
            Self::Subject(Subject::Account { namespace: a.meta.namespace.clone(), name: a.meta.name.clone() })
        });
        let subjects = rbac.subjects().map(|subject| Self::Subject(subject.clone()));
        let workloads = cluster
            .workloads
            .iter()
            .map(|w| Self::Workload(w.kind, w.meta.namespace.clone(), w.meta.name.clone()));
        let nodes = cluster.nodes.iter().map(|node| Self::Node(node.meta.name.clone()));
        let all = roles.chain(bindings).chain(accounts).chain(subjects).chain(workloads).chain(nodes);
        all.filter(same).map(|one| one.written()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_written_as_they_are_said() {
        for (text, said) in [
            ("role/shop/orders", "Role shop/orders"),
            ("ClusterRole/system:node", "ClusterRole system:node"),
            ("sa/shop/orders", "ServiceAccount shop/orders"),
            ("serviceaccount/shop/orders", "ServiceAccount shop/orders"),
            ("user/system:serviceaccount:shop:orders", "ServiceAccount shop/orders"),
            ("user/https://issuer/alice", "User https://issuer/alice"),
            ("group/system:masters", "Group system:masters"),
            ("rolebinding/shop/orders", "RoleBinding shop/orders"),
            ("pod/shop/orders-1", "Pod shop/orders-1"),
            ("deploy/shop/orders", "Deployment shop/orders"),
            ("node/worker-1", "Node worker-1"),
        ] {
            assert_eq!(text.parse::<Asked>().unwrap().to_string(), said);
        }
    }

    #[test]
    fn what_names_no_object_is_refused_with_the_forms_that_do() {
        for text in
            ["", "orders", "sa/orders", "sa/shop/", "sa//orders", "pod/a/b/c", "clusterrole/a/b", "node/"]
        {
            let said = text.parse::<Asked>().unwrap_err().to_string();
            assert!(said.contains("write it as role/NAMESPACE/NAME"), "{said}");
        }
        let said = "clusterole/view".parse::<Asked>().unwrap_err().to_string();
        assert!(said.contains("did you mean `clusterrole/…`?"), "{said}");
    }
}
