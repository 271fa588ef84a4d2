//! The few bindings whose removal cuts most ways to the whole cluster.
//!
//! Which bindings most ways go through is only a hint: whoever loses one way may have another. So each cut is tried out:
//! without it, who still gets there?

use hashbrown::{HashMap, HashSet};

use super::{
    Assessment,
    graph::Ways,
    held::Without,
    points::{Vertex, Why},
    words,
};
use crate::{model::Subject, rbac::Identity, report::Cut};

/// How many cuts are told.
const MOST_CUTS: usize = 5;
/// How many candidates are tried for each.
const CANDIDATES: usize = 3;

impl Assessment<'_> {
    /// The cuts, each on top of those before it.
    pub(super) fn cuts(&self, built_in: &[bool]) -> Vec<Cut> {
        let mut cuts = Vec::new();
        let mut removed: HashSet<usize> = HashSet::new();
        let sources = self.sources(built_in);
        let mut before = self.reaching(&self.ways, &sources);
        let mut traffic = self.traffic(&self.ways, &Without::default(), &sources);
        while cuts.len() < MOST_CUTS && before > 0 {
            let candidates =
                traffic.iter().filter(|(binding, _)| !removed.contains(binding)).take(CANDIDATES);
            let tried = candidates.map(|(binding, _)| {
                let mut removed = removed.clone();
                removed.insert(*binding);
                let without = self.without(&removed);
                let patch = self.graph.patch(&self.scene, &self.holdings, &without);
                let ways = self.graph.ways(&patch);
                (self.reaching(&ways, &sources), *binding, without, ways)
            });
            let Some((left, binding, without, ways)) =
                tried.min_by_key(|(left, binding, ..)| (*left, *binding))
            else {
                break;
            };
            if left >= before {
                break;
            }
            removed.insert(binding);
            let of = &self.cluster.bindings[binding];
            let role = self.holdings.rbac.role_of(binding).map(|role| self.cluster.roles[role].to_string());
            cuts.push(Cut {
                binding: words::object(self.cluster, of.kind(), &of.meta),
                role: role.unwrap_or_default(),
                cuts: before - left,
                left,
            });
            before = left;
            traffic = self.traffic(&ways, &without, &sources);
        }
        cuts
    }

    /// Who counts, by point of the graph: not those whom Kubernetes itself lets, which are nothing to remove.
    fn sources(&self, built_in: &[bool]) -> Vec<bool> {
        let counts = |number| match self.graph.vertex(number) {
            Vertex::Holder(index) => self.ways.reaches(number) && !built_in[index],
            Vertex::Running(_) | Vertex::Node(_) => true,
            Vertex::Cluster | Vertex::Power(..) => false,
        };
        (0..self.ways.distance.len()).map(counts).collect()
    }

    /// How many of them reach the whole cluster.
    fn reaching(&self, ways: &Ways, sources: &[bool]) -> usize {
        sources.iter().enumerate().filter(|(number, counts)| **counts && ways.reaches(*number)).count()
    }

    /// Bindings by how many go through them, most first; those of Kubernetes itself are nothing to remove.
    fn traffic(&self, ways: &Ways, without: &Without, sources: &[bool]) -> Vec<(usize, u32)> {
        let mut through: HashMap<usize, u32> = HashMap::new();
        for (vertex, why, count) in self.graph.traffic(ways, sources) {
            let Vertex::Holder(index) = vertex else { continue };
            let parts = match why {
                Why::Holds(number) => vec![(index, number)],
                Why::Unguards(guard, pods) => vec![guard, pods],
                _ => continue,
            };
            let mut bindings: HashSet<usize> = HashSet::new();
            for (index, number) in parts {
                let holder = &self.scene.holders[index];
                let held = without.held.get(&index).unwrap_or(&holder.held);
                let evidence = self.holdings.why(&holder.subject, &held[number]);
                bindings.extend(evidence.iter().filter_map(|e| e.binding));
            }
            for binding in bindings {
                let of = &self.cluster.bindings[binding];
                if !of.built_in {
                    *through.entry(binding).or_default() += count;
                }
            }
        }
        let mut through: Vec<_> = through.into_iter().collect();
        through.sort_by_key(|(binding, count)| (std::cmp::Reverse(*count), *binding));
        through
    }

    /// What everybody concerned holds without some bindings.
    fn without(&self, removed: &HashSet<usize>) -> Without {
        let named: HashSet<&Subject> =
            removed.iter().flat_map(|b| &self.cluster.bindings[*b].subjects).collect();
        let groups = self.holdings.groups(removed);
        let mut held = HashMap::new();
        for (index, holder) in self.scene.holders.iter().enumerate() {
            // Without a group's binding a member may hold by itself what the group held for it.
            let is_concerned =
                || Identity::of(&holder.subject).subjects().iter().any(|of| named.contains(of));
            if holder.has_own && is_concerned() {
                held.insert(index, self.holdings.of(&holder.subject, &groups));
            }
        }
        Without { held, removed: removed.clone() }
    }
}
