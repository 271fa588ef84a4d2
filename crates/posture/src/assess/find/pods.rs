//! Hot pods, nodes with what all their pods hold, and pods that could take their node.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};

use super::{Assessment, Check, reason, severity};
use crate::{
    Severity,
    assess::{escape::Weakness, held::Held, scene::Running, words},
    model::{Str, Subject, Workload},
    report::{Because, Finding, Object, View},
};

const PODS: &str = "https://kubernetes.io/docs/concepts/security/service-accounts/";
const STANDARDS: &str = "https://kubernetes.io/docs/concepts/security/pod-security-standards/";

/// The risks of one account, with whose they are: its own, or a group's.
type Risks<'a> = Vec<(Severity, &'a Held, usize)>;

impl Assessment<'_> {
    /// The risks that whoever has a token of the account holds, worst first: its own, and those of all accounts of its
    /// namespace. What everybody holds is not among them: it says nothing about this account.
    pub(super) fn risks_of(&self, holder: usize) -> Risks<'_> {
        let risks = self.holdings.terms.risks();
        let mut whose = vec![holder];
        if let Subject::Account { namespace, .. } = &*self.scene.holders[holder].subject {
            let group = format!("system:serviceaccounts:{namespace}");
            whose.extend(self.scene.holder(&Subject::Group(group.into())));
        }
        let held = |of: usize| self.scene.holders[of].held.iter().map(move |held| (of, held));
        let mut found: Risks<'_> = whose
            .into_iter()
            .flat_map(held)
            .map(|(of, held)| (severity(risks[held.risk], held), held, of))
            .collect();
        found.sort_by_key(|(severity, held, _)| (std::cmp::Reverse(*severity), held.risk));
        found
    }

    /// The pods of one workload, as one. They can differ: while it is rolled out, or where a container was added to one.
    pub(super) fn alike(&self) -> Vec<Vec<usize>> {
        let mut groups: BTreeMap<(&Str, &Str, &Str), Vec<usize>> = BTreeMap::new();
        for (index, running) in self.scene.running.iter().enumerate() {
            let key = (&running.workload.meta.namespace, &running.top.0, &running.top.1);
            groups.entry(key).or_default().push(index);
        }
        groups.into_values().collect()
    }

    /// The object that a group of like pods is told as.
    pub(super) fn workload(&self, running: &Running<'_>) -> Object {
        let meta = &running.workload.meta;
        if *running.top.0 == *running.workload.kind.as_str() && running.top.1 == meta.name {
            return words::object(self.cluster, &running.top.0, meta);
        }
        let mut object = words::object(self.cluster, &running.top.0, meta);
        object.name = running.top.1.to_string();
        object
    }

    pub(super) fn pods(&self, alike: &[Vec<usize>], found: &mut Vec<Finding>) {
        for group in alike {
            let running = &self.scene.running[group[0]];
            let namespace = &running.workload.meta.namespace;
            let mut worst: Option<(Severity, String)> = None;
            let mut count = 0;
            let mut because: Vec<Because> = Vec::new();
            let mut said: HashSet<String> = HashSet::new();
            let mut counted: HashSet<usize> = HashSet::new();
            let tokens = group.iter().flat_map(|index| &self.scene.running[*index].tokens);
            for token in tokens.filter(|token| token.is_for_api()) {
                let Some(holder) = self.scene.account(namespace, &token.account) else { continue };
                let what = words::token(namespace, token);
                if said.contains(&what) {
                    continue;
                }
                let risks = self.risks_of(holder);
                let Some((severity, held, _)) = risks.first() else { continue };
                because.push(reason(what.clone()));
                said.insert(what);
                if !counted.insert(holder) {
                    continue;
                }
                count += risks.len();
                let title = self.holdings.terms.risks()[held.risk].title.clone();
                if worst.as_ref().is_none_or(|(known, _)| severity > known) {
                    worst =
                        Some((*severity, format!("{title} ({})", words::scope(held.namespace.as_deref()))));
                }
                because.extend(risks.iter().take(4).map(|(_, held, whose)| self.grants(*whose, held)));
            }
            let Some((severity, title)) = worst else { continue };
            let title = match count {
                1 => title,
                2 => format!("{title}, and 1 more"),
                more => format!("{title}, and {} more", more - 1),
            };
            because.insert(0, reason(how_many(group, &self.scene.running)));
            let check = Check {
                view: View::Pods,
                rule: "pod-hot",
                severity,
                title,
                gives: "Whoever runs a command in this pod, or reads its files, has the token and all that it can do.",
                fix: "Give the workload an account of its own with only what it uses, or set automountServiceAccountToken: false \
                      where it does not talk to the API server."
                    .into(),
                reference: PODS,
                attack: &["T1528", "T1552.007"],
            };
            found.push(check.about(self.workload(running), because, false));
        }
    }

    /// A risk of an account in one line, with the first binding behind it.
    fn grants(&self, holder: usize, held: &Held) -> Because {
        let risk = self.holdings.terms.risks()[held.risk];
        let evidence = self.holdings.why(&self.scene.holders[holder].subject, held);
        let mut because = words::because(&self.holdings, held.risk, &evidence);
        let what = format!("{} ({})", risk.title, words::held_scope(&self.holdings, held, &evidence));
        if because.is_empty() {
            return reason(what);
        }
        Because { what, ..because.swap_remove(0) }
    }

    pub(super) fn nodes(&self, found: &mut Vec<Finding>) {
        let mut on: HashMap<usize, Vec<usize>> = HashMap::new();
        for (index, running) in self.scene.running.iter().enumerate() {
            if let Some(node) = running.node {
                on.entry(node).or_default().push(index);
            }
        }
        let described: HashMap<&str, &crate::model::Node> =
            self.cluster.nodes.iter().map(|n| (&*n.meta.name, n)).collect();
        let mut known: HashMap<usize, Option<(Severity, usize)>> = HashMap::new();
        for (index, node) in self.scene.nodes.iter().enumerate() {
            let mut accounts: BTreeMap<usize, Option<&str>> = BTreeMap::new();
            let pods = on.get(&index).map_or(&[][..], Vec::as_slice);
            for &pod in pods {
                let running = &self.scene.running[pod];
                for token in running.tokens.iter().filter(|token| token.is_for_api()) {
                    if let Some(holder) = self.scene.account(&running.workload.meta.namespace, &token.account)
                    {
                        accounts.entry(holder).or_insert(Some(&running.workload.meta.name));
                    }
                }
            }
            // What the node has as itself.
            accounts.extend(self.scene.kubelet(&node.name).into_iter().map(|holder| (holder, None)));
            let mut worst: Vec<(Severity, usize, Option<&str>, usize)> = Vec::new();
            for (&holder, &pod) in &accounts {
                // Accounts of agents run on every node.
                let known = known.entry(holder).or_insert_with(|| {
                    self.risks_of(holder).first().map(|(severity, held, _)| (*severity, held.risk))
                });
                worst.extend(known.map(|(severity, risk)| (severity, holder, pod, risk)));
            }
            worst.sort_by_key(|(severity, holder, ..)| (std::cmp::Reverse(*severity), *holder));
            let keys = node.control_plane.then_some(Severity::Critical);
            let Some(severity) = keys.max(worst.first().map(|(severity, ..)| *severity)) else { continue };
            let mut because = Vec::new();
            if node.control_plane {
                because
                    .push(reason("the control plane runs on it: its keys and etcd's data lie on its disk"));
            }
            for (_, holder, pod, risk) in worst.iter().take(6) {
                let subject = &self.scene.holders[*holder].subject;
                let title = &self.holdings.terms.risks()[*risk].title;
                because.push(reason(match pod {
                    Some(pod) => format!("{subject} {title}; its token is in pod {pod}"),
                    None => format!("{subject} {title}; the node is one itself"),
                }));
            }
            let title = match (node.control_plane, worst.len()) {
                (true, _) => "whoever takes it takes the cluster".to_owned(),
                (false, 1) => "holds a risky identity".to_owned(),
                (false, count) => format!("holds {count} risky identities together"),
            };
            let object = described.get(&*node.name).map_or_else(
                || words::named("Node", "", &node.name),
                |described| words::object(self.cluster, "Node", &described.meta),
            );
            let check = Check {
                view: View::Nodes,
                rule: "node-union",
                severity,
                title,
                gives: "Whoever becomes root on the node has the tokens of all its pods, and may ask for new ones as the node.",
                fix: "Keep workloads with strong accounts on nodes of their own (taints and node selectors), away from those \
                      that face users."
                    .into(),
                reference: "https://kubernetes.io/docs/concepts/security/multi-tenancy/#node-isolation",
                attack: &["T1528", "T1611"],
            };
            let system = node.control_plane && worst.is_empty();
            found.push(check.about(object, because, system));
        }
    }

    pub(super) fn privileged(&self, alike: &[Vec<usize>], found: &mut Vec<Finding>) {
        for group in alike {
            let running = &self.scene.running[group[0]];
            let mut weak: Vec<&Weakness> = Vec::new();
            for index in group {
                for weakness in &self.scene.running[*index].weaknesses {
                    if !weak.contains(&weakness) {
                        weak.push(weakness);
                    }
                }
            }
            // That a container may run as root is so common that alone it says nothing.
            if weak.iter().all(|weakness| weakness.severity <= Severity::Info) {
                continue;
            }
            weak.sort_by_key(|weakness| {
                (std::cmp::Reverse(weakness.takes_node), std::cmp::Reverse(weakness.severity))
            });
            let worst = weak.iter().map(|weakness| weakness.severity).max().unwrap_or(Severity::Low);
            let mut because = vec![reason(how_many(group, &self.scene.running))];
            because.extend(weak.iter().map(|weakness| reason(weakness.what.clone())));
            let title = match weak.iter().filter(|w| w.severity > Severity::Info).count() {
                1 => weak[0].what.clone(),
                more => format!("{}, and {} more", weak[0].what, more - 1),
            };
            let check = Check {
                view: View::Privileged,
                rule: "pod-privileged",
                severity: worst,
                title,
                gives: if weak[0].takes_node {
                    "A process in this pod takes its node, and with it every pod there."
                } else {
                    "The wall between this pod and its node is thinner than it need be."
                },
                fix: "Take away what the workload does not need, and let Pod Security enforce at least `baseline` in its namespace."
                    .into(),
                reference: STANDARDS,
                attack: &["T1611", "T1610"],
            };
            found.push(check.about(self.workload(running), because, false));
        }
    }
}

/// `3 pods: a, b and 1 more`.
fn how_many(group: &[usize], running: &[Running<'_>]) -> String {
    let pods: Vec<&Workload> = group.iter().map(|index| running[*index].workload).collect();
    let names: Vec<&str> = pods.iter().map(|pod| &*pod.meta.name).collect();
    if names.len() == 1 {
        let kind = pods[0].kind.as_str();
        return format!("{kind} {}", names[0]);
    }
    format!("{} pods: {}", names.len(), words::listed(&names, 3))
}
