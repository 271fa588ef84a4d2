//! Who can become whom: a graph from every subject, pod and node to the whole cluster, and the shortest ways through it.
//!
//! A subject that may read a namespace's Secrets becomes every account with a token there. To keep the graph as small
//! as the cluster, such a right is a *power* of its own, held by many and leading to many: edges are the sum of the two,
//! not the product. Going from a power to what it reaches costs nothing, so that a step is one act of an intruder.

use std::collections::VecDeque;

use hashbrown::{HashMap, HashSet};

use super::{
    coverage::Extent,
    cuts::Without,
    held::{Held, Holdings},
    scene::Scene,
};
use crate::{
    model::{PodSecurity, Str, Subject},
    rbac::{AUTHENTICATED, Identity, MASTERS},
    risk::Becomes,
};

/// A right over many things at once, in one namespace or in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Power {
    /// Everything in the namespace.
    Admin,
    /// Long-lived tokens in Secrets.
    SecretTokens,
    /// Any account.
    Accounts,
    /// New pods.
    NewPods,
    /// Running pods.
    Pods,
    /// Any node.
    Nodes,
    /// Any user.
    Users,
}

const POWERS: [Power; 7] = [
    Power::Admin,
    Power::SecretTokens,
    Power::Accounts,
    Power::NewPods,
    Power::Pods,
    Power::Nodes,
    Power::Users,
];

/// A point of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Vertex {
    /// The whole cluster.
    Cluster,
    /// A subject, by its number in the scene.
    Holder(usize),
    /// What runs.
    Running(usize),
    /// A node.
    Node(usize),
    /// A power; none for all namespaces.
    Power(Power, Option<usize>),
}

/// Why one can go from a point to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// What a power reaches, or is part of.
    Within,
    /// The subject holds a risk: its number among those of the subject.
    Holds(usize),
    /// The subject is in the group.
    Member,
    /// The pod holds a token: its number among those of the pod.
    Token(usize),
    /// A Secret holds the account's long-lived token: its number in the cluster.
    Secret(usize),
    /// Secrets could not be read, so any account may have a token in one.
    UnknownSecret,
    /// A process in the pod takes the node.
    Escapes,
    /// A new pod takes a node: nothing in the namespace keeps it from being privileged.
    TakesNode,
    /// The pod runs on the node.
    Runs,
    /// The node's own credential.
    Kubelet,
    /// The control plane's keys lie on the node.
    Keys,
}

/// Where to go from a point, and why.
#[derive(Debug, Clone, Copy)]
struct Edge {
    from: u32,
    to: u32,
    /// 0 within a power, 1 for an act.
    cost: u8,
    why: Why,
}

/// The graph, to be walked from its end.
#[derive(Debug)]
pub(crate) struct Graph {
    edges: Vec<Edge>,
    /// For each point, where the edges that lead to it begin in `into`.
    first: Vec<u32>,
    into: Vec<u32>,
    layout: Layout,
    /// Accounts by name alone.
    by_name: HashMap<Str, Vec<usize>>,
}

/// What is different where some hold less.
#[derive(Debug, Default)]
pub(crate) struct Patch {
    /// Points whose own grants are no longer those of the graph.
    changed: Vec<bool>,
    /// What they hold in place of them: edges by where they lead.
    extra: HashMap<u32, Vec<u32>>,
    edges: Vec<Edge>,
}

/// Points as consecutive numbers.
#[derive(Debug, Clone, Copy)]
struct Layout {
    holders: usize,
    running: usize,
    nodes: usize,
    namespaces: usize,
}

impl Layout {
    fn number(self, vertex: Vertex) -> u32 {
        let number = match vertex {
            Vertex::Cluster => 0,
            Vertex::Holder(i) => 1 + i,
            Vertex::Running(i) => 1 + self.holders + i,
            Vertex::Node(i) => 1 + self.holders + self.running + i,
            Vertex::Power(power, namespace) => {
                let of = POWERS.iter().position(|p| *p == power).unwrap_or_default();
                let namespace = namespace.map_or(0, |n| n + 1);
                1 + self.holders + self.running + self.nodes + of * (self.namespaces + 1) + namespace
            }
        };
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    fn vertex(self, number: u32) -> Vertex {
        let Some(mut at) = (number as usize).checked_sub(1) else { return Vertex::Cluster };
        for (count, make) in [
            (self.holders, Vertex::Holder as fn(usize) -> Vertex),
            (self.running, Vertex::Running),
            (self.nodes, Vertex::Node),
        ] {
            if at < count {
                return make(at);
            }
            at -= count;
        }
        let (power, namespace) = (at / (self.namespaces + 1), at % (self.namespaces + 1));
        Vertex::Power(POWERS[power.min(POWERS.len() - 1)], namespace.checked_sub(1))
    }

    fn count(self) -> usize {
        1 + self.holders + self.running + self.nodes + POWERS.len() * (self.namespaces + 1)
    }
}

/// The way from each point to the whole cluster.
#[derive(Debug)]
pub(crate) struct Ways {
    /// Acts to the cluster; `u32::MAX` where there is no way.
    pub(crate) distance: Vec<u32>,
    /// The first edge of the shortest way.
    next: Vec<Option<Edge>>,
    /// Points in the order in which they were reached, nearest first.
    order: Vec<u32>,
}

const NEVER: u32 = u32::MAX;

impl Graph {
    /// The graph of what everybody holds.
    pub(crate) fn new(scene: &Scene<'_>, holdings: &Holdings<'_>) -> Self {
        let layout = Layout {
            holders: scene.holders.len(),
            running: scene.running.len(),
            nodes: scene.nodes.len(),
            namespaces: scene.namespaces.len(),
        };
        let nobody = Without::default();
        let mut builder =
            Builder { scene, holdings, without: &nobody, layout, edges: Vec::new(), by_name: HashMap::new() };
        builder.build();
        let Builder { edges, by_name, .. } = builder;
        let mut first = vec![0u32; layout.count() + 1];
        for edge in &edges {
            first[edge.to as usize + 1] += 1;
        }
        for i in 1..first.len() {
            first[i] += first[i - 1];
        }
        let mut at = first.clone();
        let mut into = vec![0u32; edges.len()];
        for (index, edge) in (0u32..).zip(&edges) {
            let slot = &mut at[edge.to as usize];
            into[*slot as usize] = index;
            *slot += 1;
        }
        Self { edges, first, into, layout, by_name }
    }

    /// What changes in the graph where some hold less than they do.
    pub(crate) fn patch(&self, scene: &Scene<'_>, holdings: &Holdings<'_>, without: &Without) -> Patch {
        let mut patch =
            Patch { changed: vec![false; self.layout.count()], extra: HashMap::new(), edges: Vec::new() };
        let by_name = self.by_name.clone();
        let mut builder =
            Builder { scene, holdings, without, layout: self.layout, edges: Vec::new(), by_name };
        for (&index, held) in &without.held {
            patch.changed[self.number(Vertex::Holder(index))] = true;
            for (number, held) in held.iter().enumerate() {
                builder.holds(index, number, held);
            }
        }
        patch.edges = builder.edges;
        for (index, edge) in (0u32..).zip(&patch.edges) {
            patch.extra.entry(edge.to).or_default().push(index);
        }
        patch
    }

    pub(crate) fn number(&self, vertex: Vertex) -> usize {
        self.layout.number(vertex) as usize
    }

    pub(crate) fn vertex(&self, number: usize) -> Vertex {
        self.layout.vertex(u32::try_from(number).unwrap_or(NEVER))
    }

    /// The shortest way of each point to the cluster.
    pub(crate) fn ways(&self, patch: &Patch) -> Ways {
        let count = self.layout.count();
        let mut ways = Ways { distance: vec![NEVER; count], next: vec![None; count], order: Vec::new() };
        let mut done = vec![false; count];
        let mut queue = VecDeque::from([0u32]);
        ways.distance[0] = 0;
        while let Some(at) = queue.pop_front() {
            if std::mem::replace(&mut done[at as usize], true) {
                continue;
            }
            ways.order.push(at);
            let (from, to) = (self.first[at as usize] as usize, self.first[at as usize + 1] as usize);
            let edges = self.into[from..to].iter().map(|index| self.edges[*index as usize]);
            let is_gone = |edge: &Edge| {
                matches!(edge.why, Why::Holds(_))
                    && patch.changed.get(edge.from as usize).copied().unwrap_or_default()
            };
            let extra = patch.extra.get(&at).into_iter().flatten().map(|index| patch.edges[*index as usize]);
            for edge in edges.filter(|edge| !is_gone(edge)).chain(extra) {
                let distance = ways.distance[at as usize] + u32::from(edge.cost);
                if distance < ways.distance[edge.from as usize] {
                    ways.distance[edge.from as usize] = distance;
                    ways.next[edge.from as usize] = Some(edge);
                    if edge.cost == 0 { queue.push_front(edge.from) } else { queue.push_back(edge.from) }
                }
            }
        }
        ways
    }

    /// The points on the shortest way from `start`, each with why the next is reached; the last is the cluster.
    pub(crate) fn way(&self, ways: &Ways, start: usize) -> Vec<(Vertex, Why)> {
        let mut steps = Vec::new();
        let mut at = start;
        while let Some(edge) = ways.next[at] {
            steps.push((self.vertex(at), edge.why));
            at = edge.to as usize;
        }
        steps
    }

    /// How many of `sources` go through each point on their shortest way, themselves among them.
    pub(crate) fn traffic(&self, ways: &Ways, sources: &[bool]) -> Vec<(Vertex, Why, u32)> {
        let mut through = vec![0u32; self.layout.count()];
        let mut found = Vec::new();
        for &at in ways.order.iter().rev() {
            let vertex = self.layout.vertex(at);
            through[at as usize] += u32::from(sources[at as usize]);
            let Some(edge) = ways.next[at as usize] else { continue };
            through[edge.to as usize] += through[at as usize];
            if through[at as usize] > 0 {
                found.push((vertex, edge.why, through[at as usize]));
            }
        }
        found
    }
}

struct Builder<'b, 'c> {
    scene: &'b Scene<'c>,
    holdings: &'b Holdings<'c>,
    without: &'b Without,
    layout: Layout,
    edges: Vec<Edge>,
    /// Accounts by name alone, for controllers that may be installed anywhere.
    by_name: HashMap<Str, Vec<usize>>,
}

impl<'b> Builder<'b, '_> {
    fn held(&self, index: usize) -> &'b [Held] {
        self.without.held.get(&index).unwrap_or(&self.scene.holders[index].held)
    }

    fn edge(&mut self, from: Vertex, to: Vertex, cost: u8, why: Why) {
        let (from, to) = (self.layout.number(from), self.layout.number(to));
        self.edges.push(Edge { from, to, cost, why });
    }

    fn within(&mut self, power: Power, namespace: Option<usize>, to: Vertex) {
        self.edge(Vertex::Power(power, namespace), to, 0, Why::Within);
    }

    fn build(&mut self) {
        let scene = self.scene;
        self.powers();
        for (index, holder) in scene.holders.iter().enumerate() {
            if let Subject::Account { namespace, name } = &*holder.subject {
                if let Some(at) = scene.namespace(namespace) {
                    self.within(Power::Accounts, Some(at), Vertex::Holder(index));
                }
                self.by_name.entry(name.clone()).or_default().push(index);
            }
            if let Subject::User(_) = &*holder.subject {
                self.within(Power::Users, None, Vertex::Holder(index));
            }
        }
        self.secrets();
        self.running();
        self.nodes();
        for index in 0..scene.holders.len() {
            self.member(index);
            for (number, held) in self.held(index).iter().enumerate() {
                self.holds(index, number, held);
            }
        }
    }

    /// What is part of what.
    fn powers(&mut self) {
        let parts = [Power::SecretTokens, Power::Accounts, Power::NewPods, Power::Pods];
        for namespace in 0..self.scene.namespaces.len() {
            for power in parts {
                self.within(Power::Admin, Some(namespace), Vertex::Power(power, Some(namespace)));
                self.within(power, None, Vertex::Power(power, Some(namespace)));
            }
            self.within(Power::NewPods, Some(namespace), Vertex::Power(Power::Accounts, Some(namespace)));
            // Who may read the Secrets of a whole namespace as its admin may also make them.
            if self.scene.enforces[namespace] == PodSecurity::Privileged {
                let nodes = Vertex::Power(Power::Nodes, None);
                self.edge(Vertex::Power(Power::NewPods, Some(namespace)), nodes, 1, Why::TakesNode);
            }
        }
    }

    fn secrets(&mut self) {
        let scene = self.scene;
        if scene.cluster.lacks("secrets") {
            for (index, holder) in scene.holders.iter().enumerate() {
                if let Some(at) = scene.namespace(holder.subject.namespace()) {
                    let from = Vertex::Power(Power::SecretTokens, Some(at));
                    self.edge(from, Vertex::Holder(index), 0, Why::UnknownSecret);
                }
            }
            return;
        }
        for (index, secret) in scene.cluster.secrets.iter().enumerate() {
            let Some(account) =
                secret.account.as_ref().filter(|_| secret.is_token() && secret.invalid_since.is_none())
            else {
                continue;
            };
            let to = scene.account(&secret.meta.namespace, account);
            if let (Some(at), Some(to)) = (scene.namespace(&secret.meta.namespace), to) {
                let from = Vertex::Power(Power::SecretTokens, Some(at));
                self.edge(from, Vertex::Holder(to), 0, Why::Secret(index));
            }
        }
    }

    fn running(&mut self) {
        let scene = self.scene;
        for (index, running) in scene.running.iter().enumerate() {
            let pod = Vertex::Running(index);
            if let Some(at) = scene.namespace(&running.workload.meta.namespace) {
                self.within(Power::Pods, Some(at), pod);
            }
            for (number, token) in running.tokens.iter().enumerate().filter(|(_, token)| token.is_for_api()) {
                if let Some(account) = scene.account(&running.workload.meta.namespace, &token.account) {
                    self.edge(pod, Vertex::Holder(account), 1, Why::Token(number));
                }
            }
            let Some(node) = running.node else {
                // Something that will run somewhere, and takes the node it gets.
                if running.takes_node {
                    self.edge(pod, Vertex::Power(Power::Nodes, None), 1, Why::Escapes);
                }
                continue;
            };
            self.edge(Vertex::Node(node), pod, 0, Why::Runs);
            if running.takes_node {
                self.edge(pod, Vertex::Node(node), 1, Why::Escapes);
            }
        }
    }

    fn nodes(&mut self) {
        let scene = self.scene;
        for (index, node) in scene.nodes.iter().enumerate() {
            self.within(Power::Nodes, None, Vertex::Node(index));
            if node.control_plane {
                self.edge(Vertex::Node(index), Vertex::Cluster, 1, Why::Keys);
            }
            for subject in Identity::node(&node.name).subjects() {
                if let Some(holder) = scene.holder(&subject) {
                    self.edge(Vertex::Node(index), Vertex::Holder(holder), 1, Why::Kubelet);
                }
            }
        }
    }

    /// Leads a subject to its groups, as far as they hold anything.
    fn member(&mut self, index: usize) {
        let scene = self.scene;
        let subject = &*scene.holders[index].subject;
        for group in Identity::of(subject).subjects() {
            if group == *subject || !matches!(group, Subject::Group(_)) {
                continue;
            }
            if let Some(to) = scene.holder(&group).filter(|to| !self.held(*to).is_empty()) {
                self.edge(Vertex::Holder(index), Vertex::Holder(to), 1, Why::Member);
            }
        }
    }

    fn holds(&mut self, index: usize, number: usize, held: &Held) {
        let scene = self.scene;
        let from = Vertex::Holder(index);
        let why = Why::Holds(number);
        let namespace = held.namespace.as_deref().map(|name| scene.namespace(name));
        // A namespace that nothing else names has nothing in it to become.
        let Some(namespace) = namespace.map_or(Some(None), |at| at.map(Some)) else { return };
        let risk = self.holdings.terms.risks()[held.risk];
        let Some(becomes) = &risk.becomes else { return };
        if held.extent == Extent::Named {
            self.named(index, number, held, namespace);
            return;
        }
        let power = match becomes {
            // Groups are the cluster's: that they may be put on is granted there, if anywhere.
            Becomes::Groups => {
                self.edge(from, Vertex::Cluster, 1, why);
                return;
            }
            Becomes::Admin if namespace.is_none() => {
                self.edge(from, Vertex::Cluster, 1, why);
                return;
            }
            Becomes::Admin => Power::Admin,
            Becomes::SecretTokens => Power::SecretTokens,
            Becomes::Accounts => Power::Accounts,
            Becomes::NewPods => Power::NewPods,
            Becomes::Pods => Power::Pods,
            Becomes::Nodes => Power::Nodes,
            Becomes::Users => Power::Users,
            Becomes::UnguardedPods => {
                self.unguarded(index, number, namespace);
                return;
            }
            Becomes::Controllers(names) => {
                for name in names {
                    for account in self.by_name.get(&**name).cloned().unwrap_or_default() {
                        self.edge(from, Vertex::Holder(account), 1, why);
                    }
                }
                return;
            }
        };
        let wide = matches!(power, Power::Nodes | Power::Users);
        self.edge(from, Vertex::Power(power, if wide { None } else { namespace }), 1, why);
    }

    /// Takes the guard away where the same subject may also make pods.
    fn unguarded(&mut self, index: usize, number: usize, namespace: Option<usize>) {
        let scene = self.scene;
        let makes_pods = self.held(index).iter().any(|held| {
            let risk = self.holdings.terms.risks()[held.risk];
            let here = held.namespace.is_none()
                || namespace.is_none()
                || held.namespace.as_deref().and_then(|n| scene.namespace(n)) == namespace;
            here && held.extent == Extent::All
                && matches!(risk.becomes, Some(Becomes::NewPods | Becomes::Admin))
        });
        if makes_pods {
            self.edge(Vertex::Holder(index), Vertex::Power(Power::Nodes, None), 1, Why::Holds(number));
        }
    }

    /// A risk held for objects of given names: to those objects, and no others.
    fn named(&mut self, index: usize, number: usize, held: &Held, namespace: Option<usize>) {
        let scene = self.scene;
        let risk = self.holdings.terms.risks()[held.risk];
        let Some(becomes) = &risk.becomes else { return };
        let names = self.names(index, held);
        let here = |of: &str| namespace.is_none_or(|at| scene.namespace(of) == Some(at));
        let is_named = |name: &Str| names.contains(name);
        let targets: Vec<Vertex> = match becomes {
            Becomes::SecretTokens => scene
                .cluster
                .secrets
                .iter()
                .filter(|secret| here(&secret.meta.namespace) && is_named(&secret.meta.name))
                .filter_map(|secret| scene.account(&secret.meta.namespace, secret.account.as_ref()?))
                .map(Vertex::Holder)
                .collect(),
            Becomes::Accounts => names
                .iter()
                .flat_map(|name| self.by_name.get(name).into_iter().flatten())
                .filter(|account| here(scene.holders[**account].subject.namespace()))
                .map(|account| Vertex::Holder(*account))
                .collect(),
            Becomes::Users => {
                let users = names.iter().filter_map(|name| scene.holder(&Subject::User(name.clone())));
                users.map(Vertex::Holder).collect()
            }
            Becomes::Groups if names.iter().any(|name| &**name == MASTERS) => vec![Vertex::Cluster],
            Becomes::Groups => {
                let groups = names.iter().filter_map(|name| scene.holder(&Subject::Group(name.clone())));
                groups.map(Vertex::Holder).collect()
            }
            Becomes::Pods => scene
                .running
                .iter()
                .enumerate()
                .filter(|(_, r)| here(&r.workload.meta.namespace) && is_named(&r.workload.meta.name))
                .map(|(i, _)| Vertex::Running(i))
                .collect(),
            // Changing one workload is running a pod as any account there.
            Becomes::NewPods => vec![Vertex::Power(Power::NewPods, namespace)],
            Becomes::Controllers(_) => Vec::new(),
            // Binding a given role is worth what the role is; changing one is worth everything.
            Becomes::Admin
                if risk.grants.iter().any(|grant| grant.verbs.iter().any(|verb| verb == "bind")) =>
            {
                self.admin_of(&names, namespace)
            }
            Becomes::Admin if namespace.is_none() => vec![Vertex::Cluster],
            Becomes::Admin => vec![Vertex::Power(Power::Admin, namespace)],
            Becomes::Nodes | Becomes::UnguardedPods => Vec::new(),
        };
        for to in targets {
            self.edge(Vertex::Holder(index), to, 1, Why::Holds(number));
        }
    }

    /// The right to bind or to change given roles only is worth what the greatest of them is.
    fn admin_of(&self, names: &HashSet<Str>, namespace: Option<usize>) -> Vec<Vertex> {
        let cluster = self.scene.cluster;
        let mut roles = cluster.roles.iter().enumerate().filter(|(_, role)| names.contains(&role.meta.name));
        let total = roles.any(|(index, _)| {
            let held = self.holdings.of_role(index);
            held.iter().any(|held| super::held::is_total(self.holdings.terms.risks()[held.risk]))
        });
        match (total, namespace) {
            (true, None) => vec![Vertex::Cluster],
            (true, Some(_)) => vec![Vertex::Power(Power::Admin, namespace)],
            (false, _) => Vec::new(),
        }
    }

    /// The names that the rules behind what is held are limited to.
    fn names(&self, index: usize, held: &Held) -> HashSet<Str> {
        let subject = &*self.scene.holders[index].subject;
        let evidence = self.holdings.why(subject, held);
        let roles = &self.scene.cluster.roles;
        evidence.iter().flat_map(|e| roles[e.role].rules[e.rule].names.iter().cloned()).collect()
    }
}

/// Whether everybody who can reach the API server is this subject.
pub(crate) fn is_everyone(subject: &Subject) -> bool {
    match subject {
        Subject::Group(name) => {
            matches!(&**name, AUTHENTICATED | crate::rbac::UNAUTHENTICATED | "system:serviceaccounts")
        }
        Subject::User(name) => &**name == crate::rbac::ANONYMOUS,
        Subject::Account { .. } => false,
    }
}
