//! The edges of the graph: from what everybody holds, what runs and where, to whom one becomes by it.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use hashbrown::HashMap;

use super::{
    coverage::Extent,
    held::{Held, Holdings, Without},
    named::{Index, part_of},
    points::{By, Edge, Layout, Power, Vertex, Why},
    scene::Scene,
};
use crate::{
    model::{PodSecurity, Subject},
    rbac::Identity,
    risk::{Becomes, Risk},
};

pub(super) struct Builder<'b, 'c> {
    pub(super) scene: &'b Scene<'c>,
    pub(super) holdings: &'b Holdings<'c>,
    pub(super) without: &'b Without,
    pub(super) layout: Layout,
    pub(super) index: &'b Index,
    pub(super) edges: Vec<Edge>,
    /// Of groups, as far as they were asked for.
    pub(super) parts: HashMap<usize, Rc<Parts>>,
}

/// Namespaces by number: some, or all.
enum Places {
    All,
    Some(BTreeSet<usize>),
}

impl<'b> Builder<'b, '_> {
    fn held(&self, index: usize) -> &'b [Held] {
        self.without.held.get(&index).unwrap_or(&self.scene.holders[index].held)
    }

    pub(super) fn risk(&self, held: &Held) -> &'b Risk {
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
    pub(super) fn token_of(&self, secret: usize) -> Option<Vertex> {
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
                if running.escape().is_some() {
                    self.edge(pod, Vertex::Power(Power::Nodes, None), Why::Escapes);
                }
                continue;
            };
            self.edge(Vertex::Node(node), pod, Why::Runs);
            if running.escape().is_some() {
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
    pub(super) fn all(&self, becomes: &Becomes, namespace: Option<usize>) -> Vec<Vertex> {
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

    /// Takes the guard away where the same subject may also make pods, be it as one of a group.
    fn unguarded(&mut self, index: usize) {
        let own = self.parts(index);
        if own.guards.is_empty() && own.pods.is_empty() {
            return;
        }
        let mut found = own.meeting(&own);
        // Where both are a group's, it is the group's way.
        for group in self.groups(index) {
            let parts = self.parts_of_group(group);
            found = found.or_else(|| own.meeting(&parts)).or_else(|| parts.meeting(&own));
        }
        if let Some((guard, pods)) = found {
            let nodes = Vertex::Power(Power::Nodes, None);
            self.edge(Vertex::Holder(index), nodes, Why::Unguards(guard, pods));
        }
    }

    /// Most subjects are in the same groups.
    fn parts_of_group(&mut self, group: usize) -> Rc<Parts> {
        if let Some(known) = self.parts.get(&group) {
            return Rc::clone(known);
        }
        let parts = Rc::new(self.parts(group));
        self.parts.insert(group, Rc::clone(&parts));
        parts
    }

    fn parts(&self, holder: usize) -> Parts {
        let mut parts = Parts::default();
        for number in 0..self.held(holder).len() {
            let by = (holder, number);
            if let Some(places) = self.unguards(by) {
                parts.guards.push((by, places));
            }
            match self.makes_pods(by) {
                Some(Places::All) => parts.pods.everywhere = parts.pods.everywhere.or(Some(by)),
                Some(Places::Some(some)) => {
                    for at in some {
                        parts.pods.at.entry(at).or_insert(by);
                    }
                }
                None => {}
            }
        }
        parts
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
}

impl Places {
    fn of(namespace: Option<usize>) -> Self {
        namespace.map_or(Self::All, |at| Self::Some(BTreeSet::from([at])))
    }
}

/// What takes Pod Security away and what makes pods, among all that a subject holds.
#[derive(Default)]
pub(super) struct Parts {
    guards: Vec<(By, Places)>,
    pods: Pods,
}

#[derive(Default)]
struct Pods {
    everywhere: Option<By>,
    at: BTreeMap<usize, By>,
}

impl Pods {
    fn is_empty(&self) -> bool {
        self.everywhere.is_none() && self.at.is_empty()
    }

    fn meeting(&self, places: &Places) -> Option<By> {
        match places {
            Places::All => self.everywhere.or_else(|| self.at.values().next().copied()),
            Places::Some(some) if some.is_empty() => None,
            Places::Some(some) => {
                self.everywhere.or_else(|| some.iter().find_map(|at| self.at.get(at).copied()))
            }
        }
    }
}

impl Parts {
    /// What takes the guard away where `other` makes pods.
    fn meeting(&self, other: &Self) -> Option<(By, By)> {
        self.guards.iter().find_map(|(guard, places)| Some((*guard, other.pods.meeting(places)?)))
    }
}
