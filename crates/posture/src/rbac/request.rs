//! What is asked of the authorizer.

use std::fmt;

use super::matching::{resource_matches, url_matches, verb_matches};
use crate::model::Rule;

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target<'r> {
    /// Objects.
    Resource {
        /// The API group; empty for the core group.
        group: &'r str,
        /// The resource, plural, as `pods`.
        resource: &'r str,
        /// As `exec`; empty for the resource itself.
        subresource: &'r str,
        /// The object's name; empty where it is not about one.
        name: &'r str,
        /// The namespace; empty for objects of the cluster, and for all namespaces at once.
        namespace: &'r str,
    },
    /// A path of the server that is no resource, as `/metrics`.
    Url(&'r str),
}

/// A verb on a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Request<'r> {
    /// As `get`; for paths, HTTP's method in small letters.
    pub verb: &'r str,
    /// What it is about.
    pub target: Target<'r>,
}

impl<'r> Request<'r> {
    /// A request about all objects of a resource (`pods`, `pods/exec`) in a namespace, or in all where it is empty.
    pub fn new(verb: &'r str, group: &'r str, resource: &'r str, namespace: &'r str) -> Self {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        Self { verb, target: Target::Resource { group, resource, subresource, name: "", namespace } }
    }

    /// The same about one object.
    #[must_use]
    pub fn named(mut self, of: &'r str) -> Self {
        if let Target::Resource { name, .. } = &mut self.target {
            *name = of;
        }
        self
    }

    /// The namespace it is in; empty for none.
    pub fn namespace(&self) -> &'r str {
        if let Target::Resource { namespace, .. } = self.target { namespace } else { "" }
    }

    /// Whether a rule allows it, wherever the rule holds.
    pub fn is_allowed_by(&self, rule: &Rule) -> bool {
        if !rule.verbs.iter().any(|verb| verb_matches(verb, self.verb)) {
            return false;
        }
        match self.target {
            Target::Url(path) => rule.urls.iter().any(|url| url_matches(url, path)),
            Target::Resource { group, resource, subresource, name, .. } => {
                rule.groups.iter().any(|g| verb_matches(g, group))
                    && rule.resources.iter().any(|r| resource_matches(r, resource, subresource))
                    && (rule.names.is_empty() || rule.names.iter().any(|n| **n == *name))
            }
        }
    }
}

impl fmt::Display for Request<'_> {
    /// `get pods/exec of group, named NAME, in NAMESPACE`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.verb)?;
        let Target::Resource { group, resource, subresource, name, namespace } = self.target else {
            let Target::Url(path) = self.target else { return Ok(()) };
            return f.write_str(path);
        };
        f.write_str(resource)?;
        if !group.is_empty() {
            write!(f, ".{group}")?;
        }
        if !subresource.is_empty() {
            write!(f, "/{subresource}")?;
        }
        if !name.is_empty() {
            write!(f, " {name}")?;
        }
        match namespace {
            "" => Ok(()),
            namespace => write!(f, " in {namespace}"),
        }
    }
}
