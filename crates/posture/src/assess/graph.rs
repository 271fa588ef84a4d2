//! Who can become whom: a graph from every subject, pod and node to the whole cluster, and the shortest ways through it.
//!
//! A subject that may read a namespace's Secrets becomes every account with a token there. To keep the graph as small
//! as the cluster, such a right is a *power* of its own, held by many and leading to many: edges are the sum of the two,
//! not the product. Nobody can stand on a power, so that going to one costs nothing: a step is one act of an intruder,
//! from one stop to the next.

use std::collections::VecDeque;

use hashbrown::HashMap;

use super::{
    build::Builder,
    held::{Holdings, Without},
    named::Index,
    points::{Edge, Layout, NEVER, Vertex, Why},
    scene::Scene,
};
use crate::{
    model::Subject,
    rbac::{ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED},
};

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

impl Ways {
    /// Whether there is a way from a point.
    pub(crate) fn reaches(&self, point: usize) -> bool {
        self.distance[point] != NEVER
    }
}

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
