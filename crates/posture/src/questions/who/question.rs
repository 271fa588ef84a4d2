//! What is asked: a verb, a resource or a path, and where.

use std::fmt;

use super::super::{Known, known};
use crate::{
    model::{Binding, Version},
    rbac::{self, Request},
};

/// A verb on a target, somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// As `get`.
    pub verb: String,
    /// On what.
    pub target: Target,
    /// Where.
    pub reach: Reach,
}

/// What a question is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Objects.
    Resource {
        /// The API group; empty for the core group.
        group: String,
        /// The plural.
        resource: String,
        /// Empty for the resource itself.
        subresource: String,
        /// The object's name; empty for any.
        name: String,
        /// The resource as Kubernetes serves it; none where it is not one of Kubernetes' own.
        known: Option<&'static Known>,
    },
    /// A path of the server that is no resource.
    Url(String),
}

/// In which namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// In this one.
    Namespace(String),
    /// In all of them at once.
    All,
    /// In any one of them.
    Any,
}

/// Subresources that are often written as if they were names.
const SUBRESOURCES: [&str; 14] = [
    "approval",
    "attach",
    "binding",
    "ephemeralcontainers",
    "eviction",
    "exec",
    "finalize",
    "log",
    "portforward",
    "proxy",
    "scale",
    "stats",
    "status",
    "token",
];

impl Target {
    /// Reads `pods`, `po`, `deployments.apps`, `secrets/db`, `/metrics`. `group` and `subresource` come from elsewhere.
    ///
    /// # Errors
    ///
    /// Where it says two things, or nothing.
    pub fn parse(text: &str, group: Option<&str>, subresource: &str) -> Result<Self, String> {
        if text.starts_with('/') {
            if group.is_some() || !subresource.is_empty() {
                return Err(format!(
                    "`{text}` is a path of the server: it has no API group and no subresource"
                ));
            }
            return Ok(Self::Url(text.to_owned()));
        }
        let (word, name) = text.split_once('/').unwrap_or((text, ""));
        if word.is_empty() || text.ends_with('/') {
            return Err(format!(
                "`{text}` names no resource; write it as pods, deployments.apps, secrets/NAME or /metrics"
            ));
        }
        let (word, of) = match word.split_once('.') {
            Some((word, of)) => (word, Some(of)),
            None => (word, None),
        };
        if let (Some(of), Some(group)) = (of, group)
            && of != group
        {
            return Err(format!("`{text}` names the API group {of}, and --group {group}; leave one out"));
        }
        // `core` is how people say the group whose name is empty.
        let group = of.or(group).map(|group| if group == "core" { "" } else { group });
        let known = known(word, group);
        let resource = known.map_or_else(|| word.to_owned(), |known| known.name.to_owned());
        let default = match known {
            Some(known) => known.group,
            None if word == "*" => "*",
            None => "",
        };
        let group = group.unwrap_or(default).to_owned();
        Ok(Self::Resource {
            group,
            resource,
            subresource: subresource.to_owned(),
            name: name.to_owned(),
            known,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Resource { group, resource, subresource, name, .. } = self else {
            let Self::Url(path) = self else { return Ok(()) };
            return f.write_str(path);
        };
        f.write_str(resource)?;
        if !subresource.is_empty() {
            write!(f, "/{subresource}")?;
        }
        match group.as_str() {
            "" => {}
            "*" => f.write_str(" of all groups")?,
            group => write!(f, " of {group}")?,
        }
        if !name.is_empty() {
            write!(f, " named {name}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.target)?;
        match &self.reach {
            _ if self.is_wide() => Ok(()),
            Reach::Namespace(namespace) => write!(f, " in {namespace}"),
            Reach::All => f.write_str(" in all namespaces"),
            Reach::Any => f.write_str(" in any namespace"),
        }
    }
}

impl Question {
    /// What would be asked of the server.
    pub(super) fn request(&self) -> Request<'_> {
        let target = match &self.target {
            Target::Url(path) => rbac::Target::Url(path),
            Target::Resource { group, resource, subresource, name, .. } => rbac::Target::Resource {
                group,
                resource,
                subresource,
                name,
                namespace: self.namespace().unwrap_or_default(),
            },
        };
        Request { verb: &self.verb, target }
    }

    /// The namespace of the request. A request about one Namespace is in it (apiserver `request/requestinfo.go`).
    fn namespace(&self) -> Option<&str> {
        match (&self.target, &self.reach) {
            (Target::Resource { group, resource, name, .. }, _)
                if group.is_empty() && resource == "namespaces" && !name.is_empty() =>
            {
                Some(name)
            }
            _ if self.is_wide() => None,
            (_, Reach::Namespace(namespace)) => Some(namespace),
            _ => None,
        }
    }

    /// Whether it is about what belongs to no namespace.
    pub(super) fn is_wide(&self) -> bool {
        match &self.target {
            Target::Url(_) => true,
            Target::Resource { known, .. } => known.is_some_and(|known| !known.namespaced),
        }
    }

    /// Whether a binding holds where it is asked for; false where it holds in a part of that.
    pub(super) fn reaches(&self, binding: &Binding) -> Option<bool> {
        if binding.cluster {
            return Some(true);
        }
        if let Some(namespace) = self.namespace() {
            return (*binding.meta.namespace == *namespace).then_some(true);
        }
        match self.reach {
            _ if self.is_wide() => None,
            Reach::Any => Some(true),
            _ => Some(false),
        }
    }

    /// How the question is taken, where it could mean something else.
    pub(super) fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        let Target::Resource { group, resource, subresource, name, known } = &self.target else {
            return doubts;
        };
        if known.is_none() && resource != "*" {
            let of = if group.is_empty() { "the core API group" } else { group };
            doubts.push(format!(
                "`{resource}` of {of} is not one of Kubernetes' own resources: it is taken as it is written, as a \
                 plural; another group is given as RESOURCE.GROUP"
            ));
        }
        if self.is_wide() && matches!(&self.reach, Reach::Namespace(_)) {
            doubts.push(format!("{resource} belong to no namespace: -n says nothing here"));
        }
        if SUBRESOURCES.contains(&name.as_str()) {
            doubts.push(format!(
                "`{name}` is taken as the name of one of the {resource}; the subresource is asked for with \
                 --subresource {name}"
            ));
        }
        if self.verb == "create" && !name.is_empty() && subresource.is_empty() {
            doubts.push(
                "a request that creates has no name yet: a rule that lists names never allows it".into(),
            );
        }
        doubts
    }

    /// What to know beside an answer.
    pub(super) fn notes(&self, version: Option<Version>) -> Vec<String> {
        let Target::Resource { group, resource, subresource, .. } = &self.target else { return Vec::new() };
        by_version(&self.verb, group, resource, subresource, version).into_iter().collect()
    }

    /// The same, and who can beside those that bindings name.
    pub(super) fn notes_for_all(&self, version: Option<Version>) -> Vec<String> {
        let mut notes =
            vec!["members of system:masters can do everything: no authorizer is asked for them".to_owned()];
        let Target::Resource { group, resource, subresource, .. } = &self.target else { return notes };
        match (&**group, &**resource, &**subresource, self.verb.as_str()) {
            ("", "secrets", "", "get" | "list" | "watch") => {
                notes.push("every node can, for the Secrets that its pods use (Node authorizer)".into());
            }
            ("", "serviceaccounts", "token", "create") => {
                notes.push("every node can, for the accounts that its pods run as (Node authorizer)".into());
            }
            _ => {}
        }
        notes.extend(self.notes(version));
        notes
    }
}

/// What the same right means in another version (kube-apiserver's `AuthorizePodWebsocketUpgradeCreatePermission`, on
/// from 1.35).
fn by_version(
    verb: &str,
    group: &str,
    resource: &str,
    subresource: &str,
    version: Option<Version>,
) -> Option<String> {
    if !matches!((group, resource, subresource), ("", "pods", "exec" | "attach" | "portforward")) {
        return None;
    }
    let since = Version { major: 1, minor: 35 };
    let of = match version {
        Some(version) => format!("this is {version}"),
        None => "the version is not known; --kubernetes-version says it".to_owned(),
    };
    let before = version.is_none_or(|version| version < since);
    match verb {
        "create" if before => {
            Some(format!("before 1.35 the verb get does the same over WebSocket ({of}): ask for get too"))
        }
        "get" if !before => {
            Some(format!("from 1.35 on get alone does nothing here, create is needed ({of})"))
        }
        "get" => {
            Some(format!("before 1.35 get is enough, over WebSocket; from 1.35 on create is needed ({of})"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, group: Option<&str>, subresource: &str) -> String {
        Target::parse(text, group, subresource).unwrap().to_string()
    }

    #[test]
    fn resources_are_read_as_kubectl_reads_them() {
        assert_eq!(said("po", None, ""), "pods");
        assert_eq!(said("deploy", None, ""), "deployments of apps");
        assert_eq!(said("deployments.apps", None, "scale"), "deployments/scale of apps");
        assert_eq!(said("secrets/db", None, ""), "secrets named db");
        assert_eq!(
            said("signers/kubernetes.io/kubelet-serving", None, ""),
            "signers of certificates.k8s.io named kubernetes.io/kubelet-serving"
        );
        assert_eq!(said("widgets.example.org", None, ""), "widgets of example.org");
        assert_eq!(said("widgets", Some("example.org"), ""), "widgets of example.org");
        assert_eq!(said("*", None, ""), "* of all groups");
        assert_eq!(said("/metrics", None, ""), "/metrics");
    }

    #[test]
    fn what_says_two_things_or_nothing_is_refused() {
        for (text, group, subresource) in [
            ("", None, ""),
            ("pods/", None, ""),
            ("deployments.apps", Some("batch"), ""),
            ("/metrics", Some("apps"), ""),
        ] {
            assert!(Target::parse(text, group, subresource).is_err(), "{text}");
        }
    }
}
