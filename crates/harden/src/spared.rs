//! What is bait and stays as it is: nothing of it is changed, counted or named.

use hashbrown::HashSet;
use sundew_decoy::Inventory;
use sundew_posture::{
    model::{Binding, Meta, Rule, Subject, Workload},
    rbac::{Request, Target},
};

/// The decoys, by what they are found with.
#[derive(Debug, Default)]
pub(crate) struct Spared {
    accounts: HashSet<(String, String)>,
    namespaces: HashSet<String>,
    /// Kind, namespace and name.
    objects: HashSet<(String, String, String)>,
    /// Users that walk every namespace by duty.
    walkers: HashSet<String>,
}

impl Spared {
    /// The decoys of an inventory, of all its clusters: a name too many costs a hint, one too few a decoy.
    pub(crate) fn of(inventory: Option<&Inventory>) -> Self {
        let mut spared = Self::default();
        let Some(inventory) = inventory else { return spared };
        spared.namespaces.extend(inventory.namespaces.iter().map(|namespace| namespace.name.clone()));
        spared.walkers.extend(inventory.walkers.iter().cloned());
        for decoy in &inventory.decoys {
            let namespace = &decoy.namespace;
            spared.accounts.insert((namespace.clone(), decoy.account.clone()));
            let by_names = decoy.by_names();
            let made = decoy.objects.iter().chain(&by_names).map(|object| {
                let namespace = object.namespace.clone().unwrap_or_default();
                (object.kind.clone(), namespace, object.name.clone())
            });
            spared.objects.extend(made);
            for mounted in decoy.placements.iter().filter_map(|placement| placement.mounted_by.as_ref()) {
                let mut exposes = |kind: &str, name: &str| {
                    spared.objects.insert((kind.to_owned(), namespace.clone(), name.to_owned()));
                };
                if let Some(pod) = &mounted.pod {
                    exposes("Pod", pod);
                }
                for kind in ["Deployment", "DaemonSet", "StatefulSet", "Job", "CronJob"] {
                    if let Some(workload) = &mounted.workload {
                        exposes(kind, workload);
                    }
                }
            }
        }
        spared
    }

    /// Whether an account is bait.
    pub(crate) fn account(&self, namespace: &str, name: &str) -> bool {
        self.namespaces.contains(namespace)
            || self.accounts.contains(&(namespace.to_owned(), name.to_owned()))
    }

    /// Whether a subject is bait.
    pub(crate) fn subject(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Account { namespace, name } => self.account(namespace, name),
            Subject::User(user) => self.user(user),
            Subject::Group(_) => false,
        }
    }

    /// Whether a binding is bait, or gives bait its rights.
    pub(crate) fn binding(&self, binding: &Binding) -> bool {
        self.object(binding.kind(), &binding.meta)
            || binding.subjects.iter().any(|subject| self.subject(subject))
    }

    /// Whether a pod or what makes pods is bait, or runs as bait.
    pub(crate) fn workload(&self, workload: &Workload) -> bool {
        let namespace = &workload.meta.namespace;
        self.object(workload.kind.as_str(), &workload.meta)
            || self.account(namespace, &workload.spec.account)
            || workload.owner.as_ref().is_some_and(|owner| self.made(&owner.kind, namespace, &owner.name))
    }

    /// Whether an object is bait.
    pub(crate) fn object(&self, kind: &str, meta: &Meta) -> bool {
        self.made(kind, &meta.namespace, &meta.name)
    }

    /// Whether a user walks every namespace by duty, and decoys with it.
    pub(crate) fn is_walker(&self, user: &str) -> bool {
        self.walkers.contains(user)
    }

    /// Whether a user name is that of bait.
    pub(crate) fn user(&self, user: &str) -> bool {
        sundew_posture::rbac::account_of(user).is_some_and(|(namespace, name)| self.account(namespace, name))
    }

    /// Whether a request is about bait, or acts as bait.
    pub(crate) fn is_touched(&self, request: &Request<'_>) -> bool {
        let Target::Resource { resource, name, namespace, .. } = request.target else { return false };
        self.namespaces.contains(namespace)
            || (!name.is_empty() && self.named(resource, namespace, Some(name)))
    }

    /// Whether there is bait among what a request without a name is about.
    pub(crate) fn is_among(&self, request: &Request<'_>) -> bool {
        let Target::Resource { resource, namespace, .. } = request.target else { return false };
        self.named(resource, namespace, None)
    }

    /// Whether a rule, which holds in a namespace or where that is empty in the cluster, names bait.
    pub(crate) fn is_in_rule(&self, place: &str, rule: &Rule) -> bool {
        self.namespaces.contains(place)
            || rule.names.iter().any(|name| rule.resources.iter().any(|of| self.named(of, place, Some(name))))
    }

    /// Whether bait of a resource has a name, or any where none is given, in a namespace or where that is empty in any.
    fn named(&self, resource: &str, namespace: &str, name: Option<&str>) -> bool {
        let is = |of: &str| name.is_none_or(|name| name == of);
        let resource = resource.split('/').next().unwrap_or(resource);
        let here = |of: &str| namespace.is_empty() || of.is_empty() || of == namespace;
        let account = || self.accounts.iter().any(|(of, account)| is(account) && here(of));
        // Kinds and resources differ in case and in the end of the word: networkpolicies are NetworkPolicy.
        let is_kind = |kind: &str| {
            let kind = kind.to_lowercase();
            resource == "*" || resource.starts_with(kind.trim_end_matches('y'))
        };
        let object = || self.objects.iter().any(|(kind, of, made)| is(made) && here(of) && is_kind(kind));
        match resource {
            "serviceaccounts" => account() || object(),
            "users" => name.is_some_and(|name| self.user(name)),
            "namespaces" => self.namespaces.iter().any(|of| is(of)) || object(),
            "groups" => name
                .and_then(|name| name.strip_prefix("system:serviceaccounts:"))
                .is_some_and(|namespace| self.namespaces.contains(namespace)),
            "*" => account() || object() || self.namespaces.iter().any(|of| is(of)),
            _ => object(),
        }
    }

    fn made(&self, kind: &str, namespace: &str, name: &str) -> bool {
        self.namespaces.contains(namespace)
            || self.objects.contains(&(kind.to_owned(), namespace.to_owned(), name.to_owned()))
    }
}
