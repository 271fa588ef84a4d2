//! The edges of the graph: from what everybody holds, what runs and where, to whom one becomes by it.

use hashbrown::{HashMap, HashSet};

use super::{
    coverage::Extent,
    cuts::Without,
    graph::{By, Edge, Layout, Power, Vertex, Why},
    held::{Evidence, Held, Holdings, is_total},
    scene::Scene,
};
use crate::{
    model::{PodSecurity, Str, Subject, WorkloadKind},
    rbac::{Identity, MASTERS},
    risk::{Becomes, Grant, Risk},
};

/// What rights that are limited to names can name, by name alone; in each list the numbers of those of that name.
#[derive(Debug, Default)]
pub(crate) struct Index {
    accounts: HashMap<Str, Vec<usize>>,
    secrets: HashMap<Str, Vec<usize>>,
    pods: HashMap<Str, Vec<usize>>,
    /// What runs on each node.
    on: HashMap<Str, Vec<usize>>,
    makers: HashMap<Str, Vec<usize>>,
    bindings: HashMap<Str, Vec<usize>>,
}

impl Index {
    pub(super) fn new(scene: &Scene<'_>) -> Self {
        let mut index = Self::default();
        let add = |to: &mut HashMap<Str, Vec<usize>>, name: &Str, number| {
            to.entry_ref(name).or_default().push(number)
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
        index
    }
}

fn named<'i>(of: &'i HashMap<Str, Vec<usize>>, names: &'i HashSet<Str>) -> impl Iterator<Item = usize> + 'i {
    names.iter().flat_map(|name| of.get(name).into_iter().flatten().copied())
}

pub(super) struct Builder<'b, 'c> {
    pub(super) scene: &'b Scene<'c>,
    pub(super) holdings: &'b Holdings<'c>,
    pub(super) without: &'b Without,
    pub(super) layout: Layout,
    pub(super) index: &'b Index,
    pub(super) edges: Vec<Edge>,
}

/// Namespaces by number: some, or all.
enum Places {
    All,
    Some(HashSet<usize>),
}

impl<'b> Builder<'b, '_> {
    fn held(&self, index: usize) -> &'b [Held] {
        self.without.held.get(&index).unwrap_or(&self.scene.holders[index].held)
    }

    fn risk(&self, held: &Held) -> &'b Risk {
        self.holdings.terms.risks()[held.risk]
    }

    fn edge(&mut self, from: Vertex, to: Vertex, why: Why) {
        self.edges.push(self.layout.edge(from, to, why));
    }

    fn within(&mut self, power: Power, namespace: Option<usize>, to: Vertex) {
        self.edge(Vertex::Power(power, namespace), to, Why::Within);
    }

    pub(super) fn build(&mut self) {
        let scene = self.scene;
        self.powers();
        for (index, holder) in scene.holders.iter().enumerate() {
            match &*holder.subject {
                Subject::Account { namespace, .. } => {
                    if let Some(at) = scene.namespace(namespace) {
                        self.within(Power::Accounts, Some(at), Vertex::Holder(index));
                    }
                }
                Subject::User(_) => self.within(Power::Users, None, Vertex::Holder(index)),
                Subject::Group(_) => {}
            }
        }
        self.secrets();
        self.running();
        self.nodes();
        for index in 0..scene.holders.len() {
            self.member(index);
            self.all_held(index);
        }
    }

    /// What is part of what.
    fn powers(&mut self) {
        let parts = [Power::SecretTokens, Power::Accounts, Power::NewPods, Power::Pods];
        let nodes = Vertex::Power(Power::Nodes, None);
        for namespace in 0..self.scene.namespaces.len() {
            let here = Some(namespace);
            for power in parts {
                self.within(Power::Admin, here, Vertex::Power(power, here));
                self.within(power, None, Vertex::Power(power, here));
            }
            self.within(Power::NewPods, here, Vertex::Power(Power::Accounts, here));
            if self.scene.enforces[namespace] == PodSecurity::Privileged {
                self.edge(Vertex::Power(Power::NewPods, here), nodes, Why::TakesNode);
            } else {
                // A namespace's own object is in it, as far as rights go.
                self.edge(Vertex::Power(Power::Admin, here), nodes, Why::TakesGuard);
            }
        }
    }

    fn secrets(&mut self) {
        let scene = self.scene;
        if scene.cluster.lacks("secrets") {
            for (index, holder) in scene.holders.iter().enumerate() {
                if let Some(at) = scene.namespace(holder.subject.namespace()) {
                    let from = Vertex::Power(Power::SecretTokens, Some(at));
                    self.edge(from, Vertex::Holder(index), Why::UnknownSecret);
                }
            }
            return;
        }
        for index in 0..scene.cluster.secrets.len() {
            if let (Some(to), Some(at)) =
                (self.token_of(index), scene.namespace(&scene.cluster.secrets[index].meta.namespace))
            {
                self.edge(Vertex::Power(Power::SecretTokens, Some(at)), to, Why::Secret(index));
            }
        }
    }

    /// The account whose token a Secret holds, where it works.
    fn token_of(&self, secret: usize) -> Option<Vertex> {
        let secret = &self.scene.cluster.secrets[secret];
        let works = secret.is_token() && secret.invalid_since.is_none();
        let account = secret.account.as_ref().filter(|_| works)?;
        self.scene.account(&secret.meta.namespace, account).map(Vertex::Holder)
    }

    fn running(&mut self) {
        let scene = self.scene;
        for (index, running) in scene.running.iter().enumerate() {
            let pod = Vertex::Running(index);
            if let Some(at) = scene.namespace(&running.workload.meta.namespace) {
                self.within(Power::Pods, Some(at), pod);
            }
            self.edge(Vertex::Power(Power::Kubelets, None), pod, Why::OfNode);
            for (number, token) in running.tokens.iter().enumerate().filter(|(_, token)| token.is_for_api()) {
                if let Some(account) = scene.account(&running.workload.meta.namespace, &token.account) {
                    self.edge(pod, Vertex::Holder(account), Why::Token(number));
                }
            }
            let Some(node) = running.node else {
                // Something that will run somewhere, and takes the node it gets.
                if running.takes_node {
                    self.edge(pod, Vertex::Power(Power::Nodes, None), Why::Escapes);
                }
                continue;
            };
            self.edge(Vertex::Node(node), pod, Why::Runs);
            if running.takes_node {
                self.edge(pod, Vertex::Node(node), Why::Escapes);
            }
        }
    }

    fn nodes(&mut self) {
        let scene = self.scene;
        for (index, node) in scene.nodes.iter().enumerate() {
            self.within(Power::Nodes, None, Vertex::Node(index));
            if node.control_plane {
                self.edge(Vertex::Node(index), Vertex::Cluster, Why::Keys);
            }
            for holder in scene.kubelet(&node.name) {
                self.edge(Vertex::Node(index), Vertex::Holder(holder), Why::Kubelet);
                self.edge(Vertex::Power(Power::Kubelets, None), Vertex::Holder(holder), Why::Within);
            }
        }
    }

    /// Leads a subject to its groups, as far as they hold anything.
    fn member(&mut self, index: usize) {
        for to in self.groups(index) {
            if !self.held(to).is_empty() {
                self.edge(Vertex::Holder(index), Vertex::Holder(to), Why::Member);
            }
        }
    }

    /// The groups of a subject that any binding names, without itself.
    fn groups(&self, index: usize) -> Vec<usize> {
        let subject = &*self.scene.holders[index].subject;
        let groups = Identity::of(subject).subjects().into_iter();
        let groups = groups.filter(|group| group != subject && matches!(group, Subject::Group(_)));
        groups.filter_map(|group| self.scene.holder(&group)).collect()
    }

    /// Where a subject gets by what it holds.
    pub(super) fn all_held(&mut self, index: usize) {
        for (number, held) in self.held(index).iter().enumerate() {
            // A namespace that nothing else names has nothing in it to become.
            if let Some(namespace) = self.place(held) {
                self.holds(index, number, held, namespace);
            }
        }
        self.unguarded(index);
    }

    /// The namespace of what is held; none for the whole cluster.
    fn place(&self, held: &Held) -> Option<Option<usize>> {
        held.namespace.as_deref().map_or(Some(None), |name| self.scene.namespace(name).map(Some))
    }

    fn holds(&mut self, index: usize, number: usize, held: &Held, namespace: Option<usize>) {
        let Some(becomes) = &self.risk(held).becomes else { return };
        let from = Vertex::Holder(index);
        let targets = match held.extent {
            Extent::All => self.all(becomes, namespace),
            Extent::Named => self.some(index, held, becomes, namespace),
        };
        for to in targets {
            self.edge(from, to, Why::Holds(number));
        }
    }

    /// Where a risk leads that is held for all objects.
    fn all(&self, becomes: &Becomes, namespace: Option<usize>) -> Vec<Vertex> {
        let power = match becomes {
            // Groups are the cluster's: that they may be put on is granted there, if anywhere.
            Becomes::Groups => return vec![Vertex::Cluster],
            Becomes::Admin if namespace.is_none() => return vec![Vertex::Cluster],
            Becomes::Controllers(names) => {
                let accounts =
                    names.iter().flat_map(|name| self.index.accounts.get(&**name).into_iter().flatten());
                return accounts.map(|account| Vertex::Holder(*account)).collect();
            }
            // Only together with pods: see `unguarded`.
            Becomes::UnguardedPods => return Vec::new(),
            Becomes::Admin => Power::Admin,
            Becomes::SecretTokens => Power::SecretTokens,
            Becomes::Accounts => Power::Accounts,
            Becomes::NewPods => Power::NewPods,
            Becomes::Pods => Power::Pods,
            Becomes::Nodes => return vec![Vertex::Power(Power::Kubelets, None)],
            Becomes::Users => return vec![Vertex::Power(Power::Users, None)],
        };
        vec![Vertex::Power(power, namespace)]
    }

    /// Where a risk leads that is held for objects of given names: to those objects, and no others.
    fn some(&self, index: usize, held: &Held, becomes: &Becomes, namespace: Option<usize>) -> Vec<Vertex> {
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
            if let Some(names) = self.limit(risk, evidence, &|r| !r.ends_with("bindings")) {
                let mut roles =
                    cluster.roles.iter().enumerate().filter(|(_, r)| names.contains(&r.meta.name));
                if !roles.any(|(role, _)| self.is_whole(role)) {
                    return Vec::new();
                }
            }
            let Some(names) = self.limit(risk, evidence, &|r| r.ends_with("bindings")) else {
                return vec![at(namespace)];
            };
            // A binding keeps its role for ever: it is worth what that is.
            let here = named(&self.index.bindings, &names).filter(|binding| {
                let of = &cluster.bindings[*binding];
                let place = self.scene.namespace(&of.meta.namespace);
                let is_kind = risk.grants.iter().any(|g| g.resources.iter().any(|r| is_kind(r, of.kind())));
                is_kind
                    && (namespace.is_none() || place == namespace)
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
    fn places_of_workloads(
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

    /// Takes the guard away where the same subject may also make pods, be it as one of a group.
    fn unguarded(&mut self, index: usize) {
        if self.held(index).is_empty() {
            return;
        }
        let mut with = vec![index];
        with.extend(self.groups(index));
        let held = |holder: &usize| {
            (0..self.held(*holder).len()).map(|number| (*holder, number)).collect::<Vec<By>>()
        };
        let all: Vec<By> = with.iter().flat_map(held).collect();
        let guards: Vec<(By, Places)> =
            all.iter().filter_map(|by| Some((*by, self.unguards(*by)?))).collect();
        if guards.is_empty() {
            return;
        }
        let pods: Vec<(By, Places)> =
            all.iter().filter_map(|by| Some((*by, self.makes_pods(*by)?))).collect();
        let both = guards.iter().flat_map(|guard| pods.iter().map(move |pods| (guard, pods)));
        // Where both are a group's, it is the group's way.
        let mut both = both.filter(|((a, _), (b, _))| a.0 == index || b.0 == index);
        if let Some(((guard, _), (pods, _))) = both.find(|((_, at), (_, of))| at.meets(of)) {
            let why = Why::Unguards(*guard, *pods);
            self.edge(Vertex::Holder(index), Vertex::Power(Power::Nodes, None), why);
        }
    }

    fn by(&self, (holder, number): By) -> &'b Held {
        &self.held(holder)[number]
    }

    /// The namespaces that a risk takes the guard away from.
    fn unguards(&self, by: By) -> Option<Places> {
        let held = self.by(by);
        let risk = self.risk(held);
        if risk.becomes != Some(Becomes::UnguardedPods) {
            return None;
        }
        if held.extent == Extent::Named
            && let Some(names) = self.limit(risk, &self.evidence(by.0, held), &|r| part_of(r, "namespaces"))
        {
            let at = self.place(held)?;
            let places = names.iter().filter_map(|name| self.scene.namespace(name));
            return Some(Places::Some(places.filter(|place| at.is_none_or(|at| at == *place)).collect()));
        }
        self.place(held).map(Places::of)
    }

    /// The namespaces that a risk makes pods in.
    fn makes_pods(&self, by: By) -> Option<Places> {
        let held = self.by(by);
        let risk = self.risk(held);
        let namespace = self.place(held)?;
        match (&risk.becomes, held.extent) {
            (Some(Becomes::NewPods | Becomes::Admin), Extent::All) => Some(Places::of(namespace)),
            (Some(Becomes::NewPods), Extent::Named) => {
                let names = self.limit(risk, &self.evidence(by.0, held), &|_| true)?;
                let places = self.places_of_workloads(risk, &names, namespace);
                if places.contains(&None) {
                    return Some(Places::All);
                }
                Some(Places::Some(places.into_iter().flatten().collect()))
            }
            _ => None,
        }
    }

    /// The rules behind what is held, without those of bindings that are thought away.
    fn evidence(&self, index: usize, held: &Held) -> Vec<Evidence> {
        let mut evidence = self.holdings.why(&self.scene.holders[index].subject, held);
        evidence.retain(|e| e.binding.is_none_or(|binding| !self.without.removed.contains(&binding)));
        evidence
    }

    /// The names that a risk is limited to in its grants on the resources that matter; nothing where it is not. Grants
    /// that are for all names limit nothing, nor do those whose names the risk gives itself.
    fn limit(
        &self,
        risk: &Risk,
        evidence: &[Evidence],
        matters: &dyn Fn(&str) -> bool,
    ) -> Option<HashSet<Str>> {
        let roles = &self.scene.cluster.roles;
        let counts = |grant: &Grant| grant.names.is_empty() && grant.resources.iter().any(|r| matters(r));
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

impl Places {
    fn of(namespace: Option<usize>) -> Self {
        namespace.map_or(Self::All, |at| Self::Some(HashSet::from([at])))
    }

    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, Self::All) => true,
            (Self::All, Self::Some(some)) | (Self::Some(some), Self::All) => !some.is_empty(),
            (Self::Some(a), Self::Some(b)) => !a.is_disjoint(b),
        }
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
fn part_of(resource: &str, of: &str) -> bool {
    resource.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
