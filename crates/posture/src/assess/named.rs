//! Rights that are limited to objects of given names: what those objects are, and where they lead.

use hashbrown::{HashMap, HashSet};

use super::{
    build::Builder,
    coverage::Extent,
    held::{Evidence, Held, is_total},
    points::{Power, Vertex},
    scene::Scene,
};
use crate::{
    model::{Str, Subject, WorkloadKind},
    rbac::MASTERS,
    risk::{Becomes, Grant, Risk},
};

/// What rights that are limited to names can name, by name alone; in each list the numbers of those of that name.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(super) accounts: HashMap<Str, Vec<usize>>,
    secrets: HashMap<Str, Vec<usize>>,
    pods: HashMap<Str, Vec<usize>>,
    /// What runs on each node.
    on: HashMap<Str, Vec<usize>>,
    makers: HashMap<Str, Vec<usize>>,
    bindings: HashMap<Str, Vec<usize>>,
    roles: HashMap<Str, Vec<usize>>,
}

impl Index {
    pub(super) fn new(scene: &Scene<'_>) -> Self {
        let mut index = Self::default();
        let add = |to: &mut HashMap<Str, Vec<usize>>, name: &Str, number| {
            to.entry_ref(name).or_default().push(number);
        };
        for (number, holder) in scene.holders.iter().enumerate() {
            if let Subject::Account { name, .. } = &*holder.subject {
                add(&mut index.accounts, name, number);
            }
        }
        for (number, secret) in scene.cluster.secrets.iter().enumerate() {
            add(&mut index.secrets, &secret.meta.name, number);
        }
        for (number, running) in scene.running.iter().enumerate() {
            if running.workload.kind == WorkloadKind::Pod {
                add(&mut index.pods, &running.workload.meta.name, number);
            }
            if let Some(node) = &running.workload.spec.node {
                add(&mut index.on, node, number);
            }
        }
        let makers = scene.cluster.workloads.iter().enumerate().filter(|(_, w)| w.kind != WorkloadKind::Pod);
        for (number, maker) in makers {
            add(&mut index.makers, &maker.meta.name, number);
        }
        for (number, binding) in scene.cluster.bindings.iter().enumerate() {
            add(&mut index.bindings, &binding.meta.name, number);
        }
        for (number, role) in scene.cluster.roles.iter().enumerate() {
            add(&mut index.roles, &role.meta.name, number);
        }
        index
    }
}

fn named<'i>(of: &'i HashMap<Str, Vec<usize>>, names: &'i HashSet<Str>) -> impl Iterator<Item = usize> + 'i {
    names.iter().flat_map(|name| of.get(name).into_iter().flatten().copied())
}

impl Builder<'_, '_> {
    /// Where a risk leads that is held for objects of given names: to those objects, and no others.
    pub(super) fn some(
        &self,
        index: usize,
        held: &Held,
        becomes: &Becomes,
        namespace: Option<usize>,
    ) -> Vec<Vertex> {
        let scene = self.scene;
        let risk = self.risk(held);
        let evidence = self.evidence(index, held);
        let limit = |matters: &dyn Fn(&str) -> bool| self.limit(risk, &evidence, matters);
        let here = |of: &str| namespace.is_none_or(|at| scene.namespace(of) == Some(at));
        let accounts = |names: &HashSet<Str>| -> Vec<Vertex> {
            let accounts = named(&self.index.accounts, names);
            accounts.filter(|a| here(scene.holders[*a].subject.namespace())).map(Vertex::Holder).collect()
        };
        let running = |numbers: &mut dyn Iterator<Item = usize>| -> Vec<Vertex> {
            numbers
                .filter(|n| here(&scene.running[*n].workload.meta.namespace))
                .map(Vertex::Running)
                .collect()
        };
        let holders = |names: HashSet<Str>, make: fn(Str) -> Subject| -> Vec<Vertex> {
            names.into_iter().filter_map(|name| scene.holder(&make(name))).map(Vertex::Holder).collect()
        };
        let whole = || self.all(becomes, namespace);
        match becomes {
            Becomes::SecretTokens => limit(&|r| r == "secrets").map_or_else(whole, |names| {
                let secrets = named(&self.index.secrets, &names);
                let secrets = secrets.filter(|s| here(&scene.cluster.secrets[*s].meta.namespace));
                secrets.filter_map(|secret| self.token_of(secret)).collect()
            }),
            Becomes::Accounts => {
                limit(&|r| part_of(r, "serviceaccounts")).map_or_else(whole, |names| accounts(&names))
            }
            Becomes::Users => {
                limit(&|r| r == "users").map_or_else(whole, |names| holders(names, Subject::User))
            }
            Becomes::Groups => limit(&|r| r == "groups").map_or_else(whole, |names| {
                if names.contains(MASTERS) {
                    return vec![Vertex::Cluster];
                }
                holders(names, Subject::Group)
            }),
            Becomes::Pods => {
                let of_nodes = limit(&|r| part_of(r, "nodes"));
                let of_pods = limit(&|r| part_of(r, "pods"));
                let of_accounts = limit(&|r| part_of(r, "serviceaccounts"));
                match (of_nodes, of_pods, of_accounts) {
                    (Some(names), ..) => running(&mut named(&self.index.on, &names)),
                    (_, Some(names), _) => running(&mut named(&self.index.pods, &names)),
                    (.., Some(names)) => accounts(&names),
                    (None, None, None) => whole(),
                }
            }
            // Changing one workload is running a pod as any account there.
            Becomes::NewPods => limit(&|_| true).map_or_else(whole, |names| {
                let places = self.places_of_workloads(risk, &names, namespace);
                places.into_iter().map(|at| Vertex::Power(Power::NewPods, at)).collect()
            }),
            Becomes::Admin => self.some_admin(index, risk, &evidence, namespace),
            // Whoever changes one of these has what the whole is worth.
            Becomes::Controllers(_) | Becomes::Nodes | Becomes::UnguardedPods => whole(),
        }
    }

    /// Binding a given role, writing the subjects of a given binding, or changing a given role.
    fn some_admin(
        &self,
        index: usize,
        risk: &Risk,
        evidence: &[Evidence],
        namespace: Option<usize>,
    ) -> Vec<Vertex> {
        let cluster = self.scene.cluster;
        let asks =
            |wanted: &str| risk.grants.iter().any(|grant| grant.verbs.iter().any(|verb| verb == wanted));
        let at = |namespace: Option<usize>| {
            namespace.map_or(Vertex::Cluster, |at| Vertex::Power(Power::Admin, Some(at)))
        };
        // All verbs on all resources, but of given names: what that is worth the other risks say.
        if is_total(risk) {
            return Vec::new();
        }
        if asks("bind") {
            if let Some(names) = self.limit(risk, evidence, &|r| !r.ends_with("bindings"))
                && !named(&self.index.roles, &names).any(|role| self.is_whole(role))
            {
                return Vec::new();
            }
            let Some(names) = self.limit(risk, evidence, &|r| r.ends_with("bindings")) else {
                return vec![at(namespace)];
            };
            let binds = |grant: &Grant| grant.verbs.iter().any(|verb| verb == "bind");
            let bindable = self.limit_of(risk, evidence, &binds);
            // A binding keeps its role for ever: it is worth what that is.
            let here = named(&self.index.bindings, &names).filter(|binding| {
                let of = &cluster.bindings[*binding];
                let place = self.scene.namespace(&of.meta.namespace);
                let is_kind = risk.grants.iter().any(|g| g.resources.iter().any(|r| is_kind(r, of.kind())));
                is_kind
                    && (namespace.is_none() || place == namespace)
                    && bindable.as_ref().is_none_or(|names| names.contains(&of.role.name))
                    && self.holdings.rbac.role_of(*binding).is_some_and(|role| self.is_whole(role))
            });
            return here.map(|b| at(self.scene.namespace(&cluster.bindings[b].meta.namespace))).collect();
        }
        if asks("escalate") {
            let Some(names) = self.limit(risk, evidence, &|_| true) else { return vec![at(namespace)] };
            // Only who is bound to the role gets what is written into it.
            let subject = &self.scene.holders[index].subject;
            let name = namespace.map(|at| &*self.scene.namespaces[at]);
            let mut bound = self.holdings.bindings_for(subject, name).into_iter();
            let is_bound = bound.any(|b| {
                !self.without.removed.contains(&b) && names.contains(&cluster.bindings[b].role.name)
            });
            return if is_bound { vec![at(namespace)] } else { Vec::new() };
        }
        vec![at(namespace)]
    }

    /// Whether a role gives everything, or as `admin` does nearly so.
    fn is_whole(&self, role: usize) -> bool {
        let of = &self.scene.cluster.roles[role];
        let of_kubernetes = of.built_in && matches!(&*of.meta.name, "cluster-admin" | "admin");
        of_kubernetes
            || self
                .holdings
                .of_role(role)
                .iter()
                .any(|held| held.extent == Extent::All && is_total(self.risk(held)))
    }

    /// The namespaces where workloads of given names are; none for all. Of types that are not read it is taken that
    /// they are wherever they may be.
    pub(super) fn places_of_workloads(
        &self,
        risk: &Risk,
        names: &HashSet<Str>,
        namespace: Option<usize>,
    ) -> Vec<Option<usize>> {
        let resources: Vec<&str> =
            risk.grants.iter().flat_map(|g| &g.resources).map(String::as_str).collect();
        let is_read = |resource: &&str| {
            KINDS.iter().any(|kind| is_kind(resource, kind.as_str())) && !self.scene.cluster.lacks(resource)
        };
        if !resources.iter().all(is_read) {
            return vec![namespace];
        }
        let mut found: Vec<Option<usize>> = named(&self.index.makers, names)
            .map(|maker| &self.scene.cluster.workloads[maker])
            .filter(|maker| resources.iter().any(|r| is_kind(r, maker.kind.as_str())))
            .filter_map(|maker| self.scene.namespace(&maker.meta.namespace))
            .filter(|at| namespace.is_none_or(|of| of == *at))
            .map(Some)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The rules behind what is held, without those of bindings that are thought away.
    pub(super) fn evidence(&self, index: usize, held: &Held) -> Vec<Evidence> {
        let mut evidence = self.holdings.why(&self.scene.holders[index].subject, held);
        evidence.retain(|e| e.binding.is_none_or(|binding| !self.without.removed.contains(&binding)));
        evidence
    }

    /// The names that a risk is limited to in its grants on the resources that matter; nothing where it is not. Grants
    /// that are for all names limit nothing, nor do those whose names the risk gives itself.
    pub(super) fn limit(
        &self,
        risk: &Risk,
        evidence: &[Evidence],
        matters: &dyn Fn(&str) -> bool,
    ) -> Option<HashSet<Str>> {
        let counts = |grant: &Grant| grant.names.is_empty() && grant.resources.iter().any(|r| matters(r));
        self.limit_of(risk, evidence, &counts)
    }

    /// The names that the rules behind some grants of a risk are limited to; nothing where they are not.
    fn limit_of(
        &self,
        risk: &Risk,
        evidence: &[Evidence],
        counts: &dyn Fn(&Grant) -> bool,
    ) -> Option<HashSet<Str>> {
        let roles = &self.scene.cluster.roles;
        let mut limit: Option<HashSet<Str>> = None;
        for (number, _) in risk.grants.iter().enumerate().filter(|(_, grant)| counts(grant)) {
            let rules = evidence.iter().filter(|e| e.grant == number).map(|e| &roles[e.role].rules[e.rule]);
            let rules: Vec<_> = rules.collect();
            if rules.iter().any(|rule| rule.names.is_empty()) {
                continue;
            }
            let names: HashSet<Str> = rules.iter().flat_map(|rule| &rule.names).cloned().collect();
            limit = Some(match limit {
                None => names,
                Some(limit) => limit.intersection(&names).cloned().collect(),
            });
        }
        limit
    }
}

/// Kinds of workloads that are read.
const KINDS: [WorkloadKind; 7] = [
    WorkloadKind::Deployment,
    WorkloadKind::DaemonSet,
    WorkloadKind::StatefulSet,
    WorkloadKind::ReplicaSet,
    WorkloadKind::ReplicationController,
    WorkloadKind::Job,
    WorkloadKind::CronJob,
];

/// Whether a resource is that of a kind: its name in small letters with an s.
fn is_kind(resource: &str, kind: &str) -> bool {
    resource.strip_suffix('s').is_some_and(|of| of.eq_ignore_ascii_case(kind))
}

/// Whether a resource is another, or a subresource of it.
pub(super) fn part_of(resource: &str, of: &str) -> bool {
    resource.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
