//! The things that a path can go through, numbered: namespaces, subjects, what runs, and where.

use std::borrow::Cow;

use hashbrown::{HashMap, HashSet};

use super::{
    escape::{Weakness, weaknesses},
    held::{Held, Holdings},
    tokens::{HeldToken, Tokens},
};
use crate::{
    model::{Cluster, PodSecurity, Str, Subject, Workload, WorkloadKind},
    rbac::{AUTHENTICATED, Identity},
};

/// A pod that runs, or what would make pods and has none.
#[derive(Debug)]
pub(crate) struct Running<'c> {
    pub(crate) workload: &'c Workload,
    /// The object at the top of those that control it: kind and name. The pod itself where nothing does.
    pub(crate) top: (Str, Str),
    /// The node it runs on, by number.
    pub(crate) node: Option<usize>,
    /// The tokens it holds.
    pub(crate) tokens: Vec<HeldToken>,
    /// What weakens the wall between it and its node.
    pub(crate) weaknesses: Vec<Weakness>,
}

impl Running<'_> {
    /// What lets a process in it take the node.
    pub(crate) fn escape(&self) -> Option<&Weakness> {
        self.weaknesses.iter().find(|weakness| weakness.takes_node)
    }
}

/// A subject with what it holds.
#[derive(Debug)]
pub(crate) struct Holder<'c> {
    pub(crate) subject: Cow<'c, Subject>,
    pub(crate) held: Vec<Held>,
    /// Whether any binding of its own makes a part of a risk.
    pub(crate) has_own: bool,
}

/// A node, as it was described or as pods name it.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) name: Str,
    pub(crate) control_plane: bool,
}

/// Everything that is numbered.
#[derive(Debug)]
pub(crate) struct Scene<'c> {
    pub(crate) cluster: &'c Cluster,
    pub(crate) namespaces: Vec<Str>,
    pub(crate) enforces: Vec<PodSecurity>,
    pub(crate) holders: Vec<Holder<'c>>,
    pub(crate) running: Vec<Running<'c>>,
    pub(crate) nodes: Vec<Place>,
    namespace_numbers: HashMap<Str, usize>,
    holder_numbers: HashMap<Subject, usize>,
}

impl<'c> Scene<'c> {
    pub(crate) fn new(holdings: &Holdings<'c>) -> Self {
        let cluster = holdings.cluster();
        let (nodes, node_numbers) = nodes(cluster);
        let (namespaces, namespace_numbers) = namespaces(cluster);
        let mut enforces = vec![PodSecurity::Privileged; namespaces.len()];
        for namespace in &cluster.namespaces {
            enforces[namespace_numbers[&namespace.meta.name]] = namespace.enforces;
        }
        let holders = holders(holdings);
        let holder_numbers =
            holders.iter().enumerate().map(|(i, h)| (h.subject.as_ref().clone(), i)).collect();
        let running = running(cluster, &node_numbers);
        Self { cluster, namespaces, enforces, holders, running, nodes, namespace_numbers, holder_numbers }
    }

    pub(crate) fn namespace(&self, name: &str) -> Option<usize> {
        self.namespace_numbers.get(name).copied()
    }

    pub(crate) fn holder(&self, subject: &Subject) -> Option<usize> {
        self.holder_numbers.get(subject).copied()
    }

    /// Who a node's kubelet is besides everybody, as far as bindings name it.
    pub(crate) fn kubelet(&self, node: &str) -> Vec<usize> {
        let subjects = Identity::node(node).subjects().into_iter();
        let subjects = subjects.filter(|of| &**of.name() != AUTHENTICATED);
        subjects.filter_map(|subject| self.holder(&subject)).collect()
    }

    pub(crate) fn account(&self, namespace: &Str, name: &Str) -> Option<usize> {
        self.holder(&Subject::Account { namespace: namespace.clone(), name: name.clone() })
    }
}

fn nodes(cluster: &Cluster) -> (Vec<Place>, HashMap<Str, usize>) {
    let mut nodes: Vec<Place> = Vec::new();
    let mut numbers = HashMap::new();
    let described = cluster.nodes.iter().map(|node| (&node.meta.name, node.control_plane));
    let named = cluster.workloads.iter().filter_map(|w| Some((w.spec.node.as_ref()?, false)));
    for (name, control_plane) in described.chain(named) {
        numbers.entry_ref(name).or_insert_with(|| {
            nodes.push(Place { name: name.clone(), control_plane });
            nodes.len() - 1
        });
    }
    (nodes, numbers)
}

fn namespaces(cluster: &Cluster) -> (Vec<Str>, HashMap<Str, usize>) {
    let mut names: Vec<Str> = Vec::new();
    let mut numbers: HashMap<Str, usize> = HashMap::new();
    let mut add = |name: &Str| {
        if !name.is_empty() && !numbers.contains_key(name) {
            numbers.insert(name.clone(), names.len());
            names.push(name.clone());
        }
    };
    cluster.namespaces.iter().for_each(|n| add(&n.meta.name));
    cluster.accounts.iter().for_each(|a| add(&a.meta.namespace));
    cluster.bindings.iter().for_each(|b| add(&b.meta.namespace));
    cluster.workloads.iter().for_each(|w| add(&w.meta.namespace));
    cluster.secrets.iter().for_each(|s| add(&s.meta.namespace));
    for binding in &cluster.bindings {
        for subject in &binding.subjects {
            if let Subject::Account { namespace, .. } = subject {
                add(namespace);
            }
        }
    }
    (names, numbers)
}

/// Everybody whom a binding names, every account, and every node's identity, with what each holds.
fn holders<'c>(holdings: &Holdings<'c>) -> Vec<Holder<'c>> {
    let mut seen: HashSet<Subject> = HashSet::new();
    let groups = holdings.groups(&HashSet::new());
    let mut found = Vec::new();
    let cluster = holdings.cluster();
    let mut named: Vec<&Subject> = holdings.rbac.subjects().collect();
    named.sort_unstable();
    for subject in named {
        let subject = as_account(subject);
        if seen.insert(subject.clone().into_owned()) {
            let held = holdings.of(&subject, &groups);
            let has_own = holdings.has_own(&subject);
            found.push(Holder { subject, held, has_own });
        }
    }
    let accounts = cluster.accounts.iter().map(|account| (&account.meta.namespace, &account.meta.name));
    // An account that a pod runs as exists, also where the accounts could not be read.
    let used = cluster.workloads.iter().map(|workload| (&workload.meta.namespace, &workload.spec.account));
    for (namespace, name) in accounts.chain(used) {
        let subject = Subject::Account { namespace: namespace.clone(), name: name.clone() };
        if seen.insert(subject.clone()) {
            // No binding names it, and its groups' rights are theirs.
            found.push(Holder { subject: Cow::Owned(subject), held: Vec::new(), has_own: false });
        }
    }
    found
}

/// A binding may name an account by its user name: it is the account all the same.
fn as_account(subject: &Subject) -> Cow<'_, Subject> {
    if let Subject::User(_) = subject
        && let Some(account @ Subject::Account { .. }) = Identity::of(subject).subjects().into_iter().next()
    {
        return Cow::Owned(account);
    }
    Cow::Borrowed(subject)
}

fn running<'c>(cluster: &'c Cluster, nodes: &HashMap<Str, usize>) -> Vec<Running<'c>> {
    let tokens = Tokens::new(cluster);
    let makers: HashMap<(&str, &str, &str), &Workload> = cluster
        .workloads
        .iter()
        .filter(|w| w.kind != WorkloadKind::Pod)
        .map(|w| ((&*w.meta.namespace, w.kind.as_str(), &*w.meta.name), w))
        .collect();
    let top = |workload: &Workload| {
        let mut at = (Str::from(workload.kind.as_str()), workload.meta.name.clone());
        let mut owner = workload.owner.as_ref();
        // A pod, its ReplicaSet, its Deployment; a chain that does not end is not Kubernetes'.
        for _ in 0..4 {
            let Some(of) = owner else { break };
            at = (of.kind.clone(), of.name.clone());
            owner =
                makers.get(&(&*workload.meta.namespace, &*of.kind, &*of.name)).and_then(|w| w.owner.as_ref());
        }
        at
    };
    let mut with_pods: HashSet<(&str, Str, Str)> = HashSet::new();
    let mut found = Vec::new();
    let mut add = |workload: &'c Workload, top: (Str, Str)| {
        let node = workload.spec.node.as_ref().and_then(|node| nodes.get(node)).copied();
        let (tokens, weaknesses) = (tokens.of(workload), weaknesses(workload));
        found.push(Running { workload, top, node, tokens, weaknesses });
    };
    for pod in cluster.workloads.iter().filter(|w| w.kind == WorkloadKind::Pod && !w.ended) {
        let top = top(pod);
        with_pods.insert((&pod.meta.namespace, top.0.clone(), top.1.clone()));
        add(pod, top);
    }
    // What is scaled to nothing, or was never applied, is still what it will be.
    let idle = |w: &&Workload| w.kind != WorkloadKind::Pod && w.owner.is_none();
    for maker in cluster.workloads.iter().filter(idle) {
        let top = (Str::from(maker.kind.as_str()), maker.meta.name.clone());
        if !with_pods.contains(&(&*maker.meta.namespace, top.0.clone(), top.1.clone())) {
            add(maker, top);
        }
    }
    found
}
