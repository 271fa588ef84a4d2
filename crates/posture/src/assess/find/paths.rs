//! The shortest way of each subject, workload and node to the whole cluster, in words.

use std::collections::BTreeMap;

use super::Assessment;
use crate::{
    assess::{
        points::{Vertex, Why},
        words,
    },
    report::{Because, Object, Path, Step},
};

impl Assessment<'_> {
    /// The ways, shortest first; pods of one workload with the same way are one.
    pub(in crate::assess) fn paths(&self, built_in: &[bool]) -> Vec<Path> {
        let mut found: Vec<Path> = Vec::new();
        let reaches = |vertex: Vertex| {
            let number = self.graph.number(vertex);
            self.ways.reaches(number).then_some(number)
        };
        for (index, &system) in built_in.iter().enumerate() {
            let Some(number) = reaches(Vertex::Holder(index)) else { continue };
            let way = self.graph.way(&self.ways, number);
            // Who gets there as one of a group is told with the group.
            if matches!(way.first(), Some((_, Why::Member))) {
                continue;
            }
            found.push(Path {
                from: self.stop(Vertex::Holder(index)),
                count: 1,
                steps: self.steps(&way),
                system,
            });
        }
        let mut workloads: BTreeMap<(&str, &str, &str, usize), Path> = BTreeMap::new();
        for (index, running) in self.scene.running.iter().enumerate() {
            let Some(number) = reaches(Vertex::Running(index)) else { continue };
            let way = self.graph.way(&self.ways, number);
            let key = (&*running.workload.meta.namespace, &*running.top.0, &*running.top.1, way.len());
            let known = workloads.entry(key).or_insert_with(|| Path {
                from: self.workload(running),
                count: 0,
                steps: self.steps(&way),
                system: false,
            });
            known.count += 1;
        }
        found.extend(workloads.into_values());
        for index in 0..self.scene.nodes.len() {
            if let Some(number) = reaches(Vertex::Node(index)) {
                let way = self.graph.way(&self.ways, number);
                found.push(Path {
                    from: self.stop(Vertex::Node(index)),
                    count: 1,
                    steps: self.steps(&way),
                    system: false,
                });
            }
        }
        found.sort_by(|a, b| (a.steps.len(), &a.from).cmp(&(b.steps.len(), &b.from)));
        found
    }

    /// Of each holder, whether it has a way that Kubernetes itself gave it.
    pub(in crate::assess) fn built_in(&self) -> Vec<bool> {
        let holders = 0..self.scene.holders.len();
        let way = |index| self.graph.way(&self.ways, self.graph.number(Vertex::Holder(index)));
        holders.map(|index| self.is_built_in(&way(index))).collect()
    }

    /// Whether the first act is allowed by bindings of Kubernetes itself only.
    fn is_built_in(&self, way: &[(Vertex, Why)]) -> bool {
        let Some((Vertex::Holder(index), Why::Holds(number))) = way.first().copied() else { return false };
        let holder = &self.scene.holders[index];
        let evidence = self.holdings.why(&holder.subject, &holder.held[number]);
        evidence
            .iter()
            .filter_map(|e| e.binding)
            .all(|binding| self.is_of_kubernetes(binding, &holder.subject))
    }

    /// A point where an intruder can stand.
    fn stop(&self, vertex: Vertex) -> Object {
        match vertex {
            Vertex::Holder(index) => words::subject(&self.scene.holders[index].subject),
            Vertex::Running(index) => {
                let workload = self.scene.running[index].workload;
                words::object(self.cluster, workload.kind.as_str(), &workload.meta)
            }
            Vertex::Node(index) => words::named("Node", "", &self.scene.nodes[index].name),
            Vertex::Cluster | Vertex::Power(..) => words::named("Cluster", "", "cluster-admin"),
        }
    }

    /// The acts of a way: what is between two stops is one act.
    fn steps(&self, way: &[(Vertex, Why)]) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let mut act: Vec<String> = Vec::new();
        let mut because: Vec<Because> = Vec::new();
        for (at, (vertex, why)) in way.iter().enumerate() {
            let next = way.get(at + 1).map_or(Vertex::Cluster, |(vertex, _)| *vertex);
            act.extend(self.act(*vertex, *why, next, &mut because));
            if !matches!(next, Vertex::Power(..)) && *why != Why::Member {
                let act = std::mem::take(&mut act).join("; ");
                steps.push(Step { act, becomes: self.stop(next), because: std::mem::take(&mut because) });
            }
        }
        steps
    }

    fn act(&self, vertex: Vertex, why: Why, next: Vertex, because: &mut Vec<Because>) -> Option<String> {
        Some(match (vertex, why) {
            (Vertex::Holder(index), Why::Holds(number)) => self.grant(index, number, because),
            (_, Why::Member) => {
                let Vertex::Holder(group) = next else { return None };
                format!("as one of {}", self.scene.holders[group].subject)
            }
            (Vertex::Running(index), Why::Token(number)) => {
                let running = &self.scene.running[index];
                format!(
                    "uses the {}",
                    words::token(&running.workload.meta.namespace, &running.tokens[number])
                )
            }
            (_, Why::Secret(index)) => {
                let secret = &self.cluster.secrets[index];
                format!("takes the token in Secret {}", secret.meta)
            }
            (_, Why::UnknownSecret) => {
                "takes its token from a Secret, if it has one (Secrets could not be read)".into()
            }
            (Vertex::Running(index), Why::Escapes) => {
                let how = self.scene.running[index].escape().map_or("", |weakness| weakness.what.as_str());
                format!("leaves the pod: {how}")
            }
            (_, Why::Unguards((guard, a), (pods, b))) => {
                let parts =
                    [(guard, a), (pods, b)].map(|(holder, number)| self.grant(holder, number, because));
                format!("{}, and makes a privileged pod", parts.join("; "))
            }
            (_, Why::TakesNode) => "makes the pod privileged, which nothing there forbids".into(),
            (_, Why::TakesGuard) => {
                "takes the labels of Pod Security off the namespace, and makes a privileged pod".into()
            }
            (_, Why::OfNode) => "asks for the tokens of a pod, as its node".into(),
            (_, Why::Runs) => "enters the pod from its node".into(),
            (_, Why::Kubelet) => "uses the node's own credential".into(),
            (_, Why::Keys) => "takes the control plane's keys from the node's disk".into(),
            (_, Why::Within) => match next {
                Vertex::Running(_) => "enters a running pod".into(),
                Vertex::Holder(_) | Vertex::Node(_) | Vertex::Cluster | Vertex::Power(..) => return None,
            },
            (_, Why::Holds(_) | Why::Token(_) | Why::Escapes) => return None,
        })
    }

    /// A risk that a subject holds, in words, with the rules behind it.
    fn grant(&self, index: usize, number: usize, because: &mut Vec<Because>) -> String {
        let holder = &self.scene.holders[index];
        let held = &holder.held[number];
        let evidence = self.holdings.why(&holder.subject, held);
        because.extend(words::because(&self.holdings, held.risk, &evidence));
        let scope = words::held_scope(&self.holdings, held, &evidence);
        format!("{} ({scope})", self.holdings.terms.risks()[held.risk].title)
    }
}
