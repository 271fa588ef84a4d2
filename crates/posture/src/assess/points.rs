//! The points of the graph and the edges between them, as numbers.

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
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) why: Why,
    /// 0 to a power and to a group that one is in, 1 to where an intruder can stand.
    pub(super) cost: u8,
}

/// Points as consecutive numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) holders: usize,
    pub(super) running: usize,
    pub(super) nodes: usize,
    pub(super) namespaces: usize,
}

impl Layout {
    pub(super) fn edge(self, from: Vertex, to: Vertex, why: Why) -> Edge {
        let cost = u8::from(!matches!((to, why), (Vertex::Power(..), _) | (_, Why::Member)));
        Edge { from: self.number(from), to: self.number(to), why, cost }
    }

    pub(super) fn number(self, vertex: Vertex) -> u32 {
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

    pub(super) fn vertex(self, number: u32) -> Vertex {
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

    pub(super) fn count(self) -> usize {
        1 + self.holders + self.running + self.nodes + POWERS.len() * (self.namespaces + 1)
    }
}

/// The distance of a point from which there is no way.
pub(super) const NEVER: u32 = u32::MAX;
