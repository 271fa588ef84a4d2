//! Kubernetes' RBAC authorizer, exactly: who can do what, and through which binding
//! (`plugin/pkg/auth/authorizer/rbac/rbac.go`, `pkg/apis/rbac/v1/evaluation_helpers.go`).

mod aggregate;
mod identity;
mod matching;
mod node;
mod request;

use hashbrown::HashMap;

pub(crate) use aggregate::aggregate;
pub use identity::{ANONYMOUS, AUTHENTICATED, Identity, MASTERS, UNAUTHENTICATED, account_of, user_of};
pub use matching::{resource_matches, url_matches, verb_matches};
pub use request::{Request, Target};

use crate::model::{Binding, Cluster, Role, RoleRef, Subject};

/// Why something is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed<'c> {
    /// A binding grants a role that has a rule for it.
    Rule {
        /// The binding.
        binding: &'c Binding,
        /// The role.
        role: &'c Role,
        /// Which of the role's rules.
        rule: usize,
        /// The subject of the binding that the identity is.
        subject: &'c Subject,
    },
    /// The identity is in `system:masters`, for which no authorizer is asked.
    Masters,
    /// The Node authorizer lets a node do it, in words (`plugin/pkg/auth/authorizer/node`).
    Node(&'static str),
}

impl Allowed<'_> {
    /// Whether both are the same rule of the same binding: cheaper than to compare what these say.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Rule { binding: a, rule: x, .. }, Self::Rule { binding: b, rule: y, .. }) => {
                std::ptr::eq(*a, *b) && x == y
            }
            _ => false,
        }
    }
}

/// Whether anybody can be this subject: an account that no namespace is known for matches nobody
/// (rbac.go, `appliesToUser`).
fn is_somebody(subject: &Subject) -> bool {
    !matches!(subject, Subject::Account { namespace, .. } if namespace.is_empty())
}

/// The cluster's roles and bindings, ready to be asked.
#[derive(Debug)]
pub struct Rbac<'c> {
    cluster: &'c Cluster,
    /// The role of each binding, where it exists.
    roles: Vec<Option<usize>>,
    /// Bindings of each subject, by index.
    of: HashMap<&'c Subject, Vec<usize>>,
}

impl<'c> Rbac<'c> {
    /// Gets ready.
    pub fn new(cluster: &'c Cluster) -> Self {
        let known: HashMap<(&str, bool, &str), usize> = cluster
            .roles
            .iter()
            .enumerate()
            .map(|(i, r)| ((&*r.meta.namespace, r.cluster, &*r.meta.name), i))
            .collect();
        let find = |binding: &Binding| {
            let RoleRef { cluster, name } = &binding.role;
            // A RoleBinding to a Role means the one in its own namespace; a ClusterRoleBinding can name no Role.
            let namespace = if *cluster { "" } else { &*binding.meta.namespace };
            known.get(&(namespace, *cluster, &**name)).copied()
        };
        let roles = cluster.bindings.iter().map(find).collect();
        let mut of: HashMap<&Subject, Vec<usize>> = HashMap::new();
        for (index, binding) in cluster.bindings.iter().enumerate() {
            for subject in &binding.subjects {
                let bindings = of.entry(subject).or_default();
                if bindings.last() != Some(&index) {
                    bindings.push(index);
                }
            }
        }
        Self { cluster, roles, of }
    }

    /// The objects it was made from.
    pub fn cluster(&self) -> &'c Cluster {
        self.cluster
    }

    /// The role that a binding grants, by the binding's index; none where it does not exist.
    pub fn role_of(&self, binding: usize) -> Option<usize> {
        self.roles.get(binding).copied().flatten()
    }

    /// The bindings that name a subject itself, by index; those of its groups are not among them.
    pub fn bindings_of(&self, subject: &Subject) -> &[usize] {
        self.of.get(subject).map_or(&[], Vec::as_slice)
    }

    /// The bindings that name an identity itself, as an account or by its user name, by index and in their order.
    pub fn own_bindings(&self, who: &Identity) -> Vec<usize> {
        let subjects = who.subjects();
        let own = subjects.iter().filter(|of| !matches!(of, Subject::Group(_)));
        let mut found: Vec<usize> = own.flat_map(|of| self.bindings_of(of).iter().copied()).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Every subject that a binding names.
    pub fn subjects(&self) -> impl Iterator<Item = &'c Subject> {
        self.of.keys().copied()
    }

    /// The first thing that allows a request, or nothing where it is refused.
    pub fn can(&self, who: &Identity, request: &Request<'_>) -> Option<Allowed<'c>> {
        let mut found = None;
        self.each(who, request, &mut |allowed| {
            found = Some(allowed);
            false
        });
        found
    }

    /// Everything that allows a request: each binding and rule.
    pub fn why(&self, who: &Identity, request: &Request<'_>) -> Vec<Allowed<'c>> {
        let mut found = Vec::new();
        self.each(who, request, &mut |allowed| {
            found.push(allowed);
            true
        });
        found
    }

    /// Gives what allows the request to `tell` until it answers false.
    fn each(&self, who: &Identity, request: &Request<'_>, tell: &mut dyn FnMut(Allowed<'c>) -> bool) {
        if who.groups().iter().any(|group| &**group == MASTERS) && !tell(Allowed::Masters) {
            return;
        }
        if let Some(why) = node::allows(self.cluster, who, request)
            && !tell(Allowed::Node(why))
        {
            return;
        }
        for subject in who.subjects() {
            let Some((subject, bindings)) = self.of.get_key_value(&subject) else { continue };
            for &index in bindings {
                let binding = &self.cluster.bindings[index];
                if !binding.cluster && binding.meta.namespace.as_ref() != request.namespace() {
                    continue;
                }
                let Some(role) = self.roles[index].map(|role| &self.cluster.roles[role]) else { continue };
                for (rule, grants) in role.rules.iter().enumerate() {
                    let matches = request.is_allowed_by(grants);
                    if matches && !tell(Allowed::Rule { binding, role, rule, subject }) {
                        return;
                    }
                }
            }
        }
    }

    /// Every subject that can make a request: those named by bindings, with what lets them.
    /// Members of a group are not listed one by one: the group stands for them.
    pub fn who_can(&self, request: &Request<'_>) -> Vec<(&'c Subject, Vec<Allowed<'c>>)> {
        let mut found: HashMap<&Subject, Vec<Allowed<'c>>> = HashMap::new();
        for (index, binding) in self.cluster.bindings.iter().enumerate() {
            if !binding.cluster && binding.meta.namespace.as_ref() != request.namespace() {
                continue;
            }
            let Some(role) = self.roles[index].map(|role| &self.cluster.roles[role]) else { continue };
            let rules = role.rules.iter().enumerate().filter(|(_, rule)| request.is_allowed_by(rule));
            for (rule, _) in rules {
                for subject in binding.subjects.iter().filter(|subject| is_somebody(subject)) {
                    let reasons = found.entry(subject).or_default();
                    let reason = Allowed::Rule { binding, role, rule, subject };
                    // A binding may list a subject twice.
                    if !reasons.last().is_some_and(|last| last.is_same(&reason)) {
                        reasons.push(reason);
                    }
                }
            }
        }
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by_key(|(subject, _)| *subject);
        found
    }
}
