//! Puts together what many texts described, and notes what was odd in it.

use std::collections::BTreeSet;

use hashbrown::{HashMap, HashSet};

use super::{Assume, Batch, Described, ReadError, Thing, defaults, object::Class, parse};
use crate::model::{Absent, Cluster, Meta, Notice, Place, Str};

/// Kinds whose absence from what was read is worth saying, with the resource that they are.
const RESOURCES: [(&str, &str); 9] = [
    ("Role", "roles"),
    ("ClusterRole", "clusterroles"),
    ("RoleBinding", "rolebindings"),
    ("ClusterRoleBinding", "clusterrolebindings"),
    ("ServiceAccount", "serviceaccounts"),
    ("Pod", "pods"),
    ("Node", "nodes"),
    ("Namespace", "namespaces"),
    ("Secret", "secrets"),
];

/// Puts together what many texts described.
#[derive(Debug, Default)]
pub struct Reader {
    cluster: Cluster,
    seen: HashMap<(Str, Str, Str), usize>,
    kinds: HashSet<Str>,
    twice: usize,
    others: usize,
    /// Kinds in versions that are unknown.
    unknown: BTreeSet<(Str, Str)>,
    /// Kinds of other groups that are named as one of Kubernetes' own is.
    foreign: BTreeSet<(Str, Str)>,
}

impl Reader {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts with a cluster that was read before: what is described from now on joins it, or stands in the place of
    /// the same object. For what a cluster would be with a few objects more; aggregated roles are joined anew.
    pub fn onto(cluster: Cluster) -> Self {
        let mut seen = HashMap::new();
        let mut note = |kind: &str, meta: &Meta, index: usize| {
            seen.insert((kind.into(), meta.namespace.clone(), meta.name.clone()), index);
        };
        macro_rules! note {
            ($list:ident, $object:ident, $kind:expr) => {
                for (index, $object) in cluster.$list.iter().enumerate() {
                    note($kind, &$object.meta, index);
                }
            };
        }
        note!(roles, role, role.kind());
        note!(bindings, binding, binding.kind());
        note!(accounts, _account, "ServiceAccount");
        note!(workloads, workload, workload.kind.as_str());
        note!(nodes, _node, "Node");
        note!(namespaces, _namespace, "Namespace");
        note!(secrets, _secret, "Secret");
        note!(admission, policy, &policy.kind);
        // What nobody described was noted when the cluster was read.
        let kinds = RESOURCES.iter().map(|(kind, _)| (*kind).into()).collect();
        Self { cluster, seen, kinds, ..Self::default() }
    }

    /// Parses one text and takes what it describes: [`parse`] and [`Reader::take`].
    ///
    /// # Errors
    ///
    /// As [`parse`].
    pub fn add(&mut self, file: &str, bytes: &[u8], assume: &Assume) -> Result<usize, ReadError> {
        let batch = parse(file, bytes, assume)?;
        let count = batch.len();
        self.take(batch);
        Ok(count)
    }

    /// Takes what one text described. Of an object that is described twice, the later description counts.
    pub fn take(&mut self, batch: Batch) {
        let file = u32::try_from(self.cluster.files.len()).unwrap_or(u32::MAX);
        self.cluster.files.push(batch.file);
        self.kinds.extend(batch.lists);
        for (line, what) in batch.notices {
            self.cluster.notices.push(Notice { place: Place { file, line }, what });
        }
        for object in batch.objects {
            self.put(file, object);
        }
    }

    /// Notes that objects of `resource` (as `secrets`) could not be read.
    pub fn absent(&mut self, resource: &str, reason: impl Into<String>) {
        self.cluster.absent.push(Absent { resource: resource.into(), reason: reason.into() });
    }

    fn put(&mut self, file: u32, object: Described) {
        let Described { line, api_version, kind, name, namespace, thing } = object;
        let place = Place { file, line };
        if let Thing::Version(version) = thing {
            self.cluster.version = version.parse().ok().or(self.cluster.version);
            if self.cluster.version.is_some() {
                self.cluster.build = Some(version);
            }
            return;
        }
        if matches!(thing, Thing::Other) {
            self.others += 1;
            return;
        }
        if name.is_empty() {
            let what = format!("a {kind} without a name is left out");
            self.cluster.notices.push(Notice { place, what });
            return;
        }
        match standing(&kind, &api_version) {
            Standing::Known => {}
            // Read all the same: what it grants in another version it most likely grants in this one.
            Standing::OtherVersion => _ = self.unknown.insert((kind.clone(), api_version)),
            // It must not stand where one of Kubernetes' own of this name stands.
            Standing::OtherGroup => {
                self.foreign.insert((kind, api_version));
                self.others += 1;
                return;
            }
        }
        self.kinds.insert(kind.clone());
        let cluster = &mut self.cluster;
        let again = self.seen.get(&(kind.clone(), namespace.clone(), name.clone())).copied();
        /// Puts `new` where the same object stood, or at the end; answers where it stands and whether it changed.
        fn put<T: PartialEq>(
            list: &mut Vec<T>,
            again: Option<usize>,
            new: T,
            place: impl Fn(&mut T) -> &mut Place,
        ) -> (usize, bool) {
            let Some(slot) = again.and_then(|index| list.get_mut(index)) else {
                list.push(new);
                return (list.len() - 1, false);
            };
            let mut new = new;
            let at = *place(&mut new);
            *place(&mut new) = *place(slot);
            let differs = new != *slot;
            *place(&mut new) = at;
            *slot = new;
            (again.unwrap_or_default(), differs)
        }
        macro_rules! put {
            ($list:ident, $new:expr) => {{
                let mut new = $new;
                new.meta.place = place;
                put(&mut cluster.$list, again, new, |t| &mut t.meta.place)
            }};
        }
        let (index, differs) = match thing {
            Thing::Role(role) => put!(roles, role),
            Thing::Binding(binding) => put!(bindings, binding),
            Thing::Account(account) => put!(accounts, account),
            Thing::Workload(workload) => put!(workloads, *workload),
            Thing::Node(node) => put!(nodes, node),
            Thing::Namespace(namespace) => put!(namespaces, namespace),
            Thing::Secret(secret) => put!(secrets, secret),
            Thing::Admission(admission) => put!(admission, admission),
            Thing::Version(_) | Thing::Other => return,
        };
        if again.is_none() {
            self.seen.insert((kind, namespace, name), index);
        } else if differs {
            let separator = if namespace.is_empty() { "" } else { "/" };
            let what = format!(
                "{kind} {namespace}{separator}{name} is described twice and differently; this one counts"
            );
            cluster.notices.push(Notice { place, what });
        } else {
            self.twice += 1;
        }
    }

    /// How many objects were described more than once in the same words.
    pub fn twice(&self) -> usize {
        self.twice
    }

    /// How many objects were of kinds that do not matter here.
    pub fn others(&self) -> usize {
        self.others
    }

    /// The cluster: aggregated roles joined, and what nobody described noted.
    pub fn finish(mut self) -> Cluster {
        for (kind, api_version) in &self.unknown {
            let what = format!(
                "apiVersion `{api_version}` of {kind} is unknown; it is read as the version that is known"
            );
            self.cluster.notices.push(Notice { place: Place::default(), what });
        }
        for (kind, api_version) in &self.foreign {
            let what = format!("{kind} of `{api_version}` is another kind of the same name; it is left out");
            self.cluster.notices.push(Notice { place: Place::default(), what });
        }
        for (kind, resource) in RESOURCES {
            if !self.kinds.contains(kind) && !self.cluster.lacks(resource) {
                self.absent(resource, "nothing that was read describes any");
            }
        }
        if self.cluster.version.is_none() {
            // A kubelet is never newer than its API server, so this is the least that the server can be.
            self.cluster.version = self.cluster.nodes.iter().filter_map(|node| node.version).max();
        }
        self.cluster.whole = self.cluster.roles.iter().any(|role| role.built_in);
        if !self.cluster.whole {
            self.bound_defaults();
        }
        crate::rbac::aggregate(&mut self.cluster);
        self.cluster
    }

    /// Manifests bind `cluster-admin` and its like without describing them: what these give is known all the same.
    fn bound_defaults(&mut self) {
        let cluster = &mut self.cluster;
        let described: HashSet<Str> =
            cluster.roles.iter().filter(|r| r.cluster).map(|r| r.meta.name.clone()).collect();
        let bound: HashSet<Str> =
            cluster.bindings.iter().filter(|b| b.role.cluster).map(|b| b.role.name.clone()).collect();
        // A test reads this text; were it broken, what is bound would be told as not described.
        let Ok(batch) = parse("", defaults::BOUND_BY_PEOPLE, &Assume::default()) else { return };
        for object in batch.objects {
            let Thing::Role(mut role) = object.thing else { continue };
            if !bound.contains(&role.meta.name) || described.contains(&role.meta.name) {
                continue;
            }
            let name = &role.meta.name;
            let what = format!(
                "ClusterRole {name} is bound and not among what was read; it is taken as Kubernetes makes it"
            );
            cluster.notices.push(Notice { place: Place { file: u32::MAX, line: 0 }, what });
            role.meta.place = Place { file: u32::MAX, line: 0 };
            cluster.roles.push(role);
        }
    }
}

/// What an object's `apiVersion` says of it.
enum Standing {
    /// It is what this was written for.
    Known,
    /// The same kind in a version that this was not written for.
    OtherVersion,
    /// A kind of somebody else's API: clouds and operators have Roles, ServiceAccounts and Jobs of their own.
    OtherGroup,
}

fn standing(kind: &str, api_version: &str) -> Standing {
    // Items of an API server's list and descriptions alone do not say it.
    if api_version.is_empty() || api_version.starts_with("meta.k8s.io/") {
        return Standing::Known;
    }
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let (groups, versions): (&[&str], &[&str]) = match Class::of(kind) {
        Class::Role | Class::Binding => (&["rbac.authorization.k8s.io"], &["v1"]),
        Class::Account | Class::Node | Class::Namespace | Class::Secret => (&[""], &["v1"]),
        // `extensions` is where Deployments and their like began.
        Class::Workload(_) => (&["", "apps", "batch", "extensions"], &["v1"]),
        Class::Webhooks => (&["admissionregistration.k8s.io"], &["v1"]),
        Class::Policy => (&["admissionregistration.k8s.io"], &["v1", "v1beta1"]),
        Class::Other => return Standing::Known,
    };
    match (groups.contains(&group), versions.contains(&version)) {
        (true, true) => Standing::Known,
        (true, false) => Standing::OtherVersion,
        (false, _) => Standing::OtherGroup,
    }
}
