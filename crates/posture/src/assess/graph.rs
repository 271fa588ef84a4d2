//! Who can become whom: a graph from every subject, pod and node to the whole cluster, and the shortest ways through it.
//!
//! A subject that may read a namespace's Secrets becomes every account with a token there. To keep the graph as small
//! as the cluster, such a right is a *power* of its own, held by many and leading to many: edges are the sum of the two,
//! not the product. Nobody can stand on a power, so that going to one costs nothing: a step is one act of an intruder,
//! from one stop to the next.

use std::collections::VecDeque;

use hashbrown::HashMap;

use super::{build::Builder, cuts::Without, held::Holdings, named::Index, scene::Scene};
use crate::{
    model::Subject,
    rbac::{ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED},
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
    /// Any node, as root on it.
    Nodes,
    /// Any node, as its kubelet is known to the API server.
    Kubelets,
    /// Any user.
    Users,
}

const POWERS: [Power; 8] = [
    Power::Admin,
    Power::SecretTokens,
    Power::Accounts,
    Power::NewPods,
    Power::Pods,
    Power::Nodes,
    Power::Kubelets,
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

/// A risk of a subject: the subject's number, and that of the risk among those it holds.
pub(crate) type By = (usize, usize);

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
    /// Who may do everything in the namespace takes the labels of Pod Security off it, and then a node.
    TakesGuard,
    /// The subject takes the guard away by one risk, and makes a pod by another. Each is its own, or a group's.
    Unguards(By, By),
    /// The pod runs on the node.
    Runs,
    /// The node's own credential.
    Kubelet,
    /// A node is given the tokens of its pods' accounts.
    OfNode,
    /// The control plane's keys lie on the node.
    Keys,
}

/// Where to go from a point, and why.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    from: u32,
    to: u32,
    why: Why,
    /// 0 to a power and to a group that one is in, 1 to where an intruder can stand.
    cost: u8,
}

/// The graph, to be walked from its end.
#[derive(Debug)]
pub(crate) struct Graph {
    edges: Vec<Edge>,
    /// For each point, where the edges that lead to it begin in `into`.
    first: Vec<u32>,
    into: Vec<u32>,
    layout: Layout,
    index: Index,
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
pub(super) struct Layout {
    holders: usize,
    running: usize,
    nodes: usize,
    namespaces: usize,
}

impl Layout {
    pub(super) fn edge(self, from: Vertex, to: Vertex, why: Why) -> Edge {
        let cost = u8::from(!matches!((to, why), (Vertex::Power(..), _) | (_, Why::Member)));
        Edge { from: self.number(from), to: self.number(to), why, cost }
    }

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
        let index = Index::new(scene);
        let nobody = Without::default();
        let mut builder = Builder {
            scene,
            holdings,
            without: &nobody,
            layout,
            index: &index,
            edges: Vec::new(),
            parts: HashMap::new(),
        };
        builder.build();
        let edges = builder.edges;
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
        Self { edges, first, into, layout, index }
    }

    /// What changes in the graph where some hold less than they do.
    pub(crate) fn patch(&self, scene: &Scene<'_>, holdings: &Holdings<'_>, without: &Without) -> Patch {
        let mut patch =
            Patch { changed: vec![false; self.layout.count()], extra: HashMap::new(), edges: Vec::new() };
        let mut builder = Builder {
            scene,
            holdings,
            without,
            layout: self.layout,
            index: &self.index,
            edges: Vec::new(),
            parts: HashMap::new(),
        };
        for &index in without.held.keys() {
            patch.changed[self.number(Vertex::Holder(index))] = true;
            builder.all_held(index);
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
                matches!(edge.why, Why::Holds(_) | Why::Unguards(..))
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

/// Whether everybody who can reach the API server is this subject.
pub(crate) fn is_everyone(subject: &Subject) -> bool {
    match subject {
        Subject::Group(name) => {
            matches!(&**name, AUTHENTICATED | UNAUTHENTICATED | "system:serviceaccounts")
        }
        Subject::User(name) => &**name == ANONYMOUS,
        Subject::Account { .. } => false,
    }
}
