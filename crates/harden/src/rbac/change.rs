//! What is changed for one identity, and the cluster as it would be then.

use std::collections::BTreeMap;

use hashbrown::HashSet;
use sundew_posture::{
    Cluster,
    model::{Binding, Role, Rule, Subject},
    rbac::Identity,
    usage::role_name,
};

/// What is changed for one identity.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) subject: Subject,
    pub(super) who: Identity,
    /// New roles, each with its binding.
    pub(super) make: Vec<(Role, Binding)>,
    /// The bindings that it is taken out of, by index.
    pub(super) take: Vec<usize>,
    /// Those of them whose other subjects are not to be written down.
    pub(super) quiet: Vec<usize>,
}

impl Change {
    /// Whether a subject of a binding is this identity, as an account or by its user name.
    pub(super) fn is(&self, subject: &Subject) -> bool {
        !matches!(subject, Subject::Group(_)) && self.who.subjects().contains(subject)
    }
}

/// The cluster as it would be after all changes.
pub(super) fn after(cluster: &Cluster, changes: &[Change]) -> Cluster {
    let mut after = cluster.clone();
    for change in changes {
        for &binding in &change.take {
            after.bindings[binding].subjects.retain(|subject| !change.is(subject));
        }
        for (role, binding) in &change.make {
            after.roles.push(role.clone());
            after.bindings.push(binding.clone());
        }
    }
    after
}

/// Names of roles and bindings that are taken, by namespace.
#[derive(Debug)]
pub(super) struct Names(HashSet<(String, String)>);

impl Names {
    pub(super) fn of(cluster: &Cluster) -> Self {
        let roles = cluster.roles.iter().map(|role| &role.meta);
        let metas = roles.chain(cluster.bindings.iter().map(|binding| &binding.meta));
        Self(metas.map(|meta| (meta.namespace.to_string(), meta.name.to_string())).collect())
    }

    /// A name for the roles of a subject that is free in each of the namespaces, and is then taken.
    pub(super) fn free(&mut self, subject: &Subject, rules: &BTreeMap<String, Vec<Rule>>) -> String {
        let first = role_name(subject);
        let others = (2..).map(|number| format!("{first}-{number}"));
        let is_free = |name: &String| {
            let mut places = rules.keys();
            !places.any(|place| self.0.contains(&(place.clone(), name.clone())))
        };
        // It ends: of all numbers only so many are taken.
        let name = std::iter::once(first.clone()).chain(others).find(is_free).unwrap_or(first);
        self.0.extend(rules.keys().map(|place| (place.clone(), name.clone())));
        name
    }
}
