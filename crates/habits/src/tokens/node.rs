//! What is known of nodes: that they live, and which network the pods of each have for themselves.

use smallvec::SmallVec;

use super::{
    clock::{DAY, HOUR, later, within},
    id::{Address, Net},
};

/// From so many addresses of one network, all of pods of one node, it is taken to be that node's.
const CLEAR: usize = 4;

/// A network from which pods speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Network {
    /// Hash of the name of the node whose pods they are.
    pub(super) node: u64,
    pub(super) name: Box<str>,
    /// Some of their addresses.
    pub(super) addresses: SmallVec<[Address; 1]>,
    pub(super) last: u32,
    /// When a pod of some other node last spoke from it, 0 if never.
    pub(super) mixed: u32,
}

impl Network {
    /// Nobody spoke from it yet.
    pub(super) fn new(node: u64, name: &str, at: u32) -> Self {
        Self { node, name: name.into(), addresses: SmallVec::new(), last: at, mixed: 0 }
    }

    /// A pod of `node` has `address` in it as its own. True where that tells something new.
    pub(super) fn take(&mut self, node: u64, name: &str, address: Address, at: u32) -> bool {
        if self.node != node {
            if within(self.last, at, DAY) {
                let fresh = within(self.mixed, at, HOUR);
                self.mixed = at;
                return !fresh;
            }
            *self = Self::new(node, name, at);
        }
        self.last = later(self.last, at);
        let new = self.addresses.len() < CLEAR && !self.addresses.contains(&address);
        if new {
            self.addresses.push(address);
        }
        new
    }

    /// Whether it is clear at this time that only pods of its node speak from it.
    pub(super) fn is_clear(&self, at: u32) -> bool {
        self.addresses.len() >= CLEAR && within(self.last, at, HOUR) && !within(self.mixed, at, 7 * DAY)
    }
}

/// A node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Node {
    /// When its kubelet was last heard, 0 if never.
    pub(super) heard: u32,
    /// The network of each family that was clearly its pods' own: IPv4, IPv6.
    pub(super) own: [Option<Net>; 2],
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u32 = 1_795_212_000;

    fn address(last: u8) -> Address {
        Address::parse(&format!("10.244.1.{last}")).unwrap()
    }

    fn filled() -> Network {
        let mut network = Network::new(1, "worker-1", T);
        for last in 1..=4 {
            network.take(1, "worker-1", address(last), T);
        }
        network
    }

    #[test]
    fn four_addresses_of_one_nodes_pods_make_a_network_clear() {
        let mut network = Network::new(1, "worker-1", T);
        for last in [1, 2, 3, 3, 3] {
            network.take(1, "worker-1", address(last), T);
            assert!(!network.is_clear(T));
        }
        network.take(1, "worker-1", address(4), T);
        assert!(network.is_clear(T));
        assert!(!network.is_clear(T + 2 * HOUR), "nobody has been heard from it");
    }

    #[test]
    fn a_network_with_pods_of_two_nodes_is_nobodys() {
        let mut network = filled();
        network.take(2, "worker-2", address(9), T + 10);
        assert!(!network.is_clear(T + 10));
    }

    #[test]
    fn a_network_that_a_new_node_was_given_is_learnt_anew() {
        let mut network = filled();
        network.take(2, "worker-2", address(9), T + 2 * DAY);
        assert_eq!((network.node, network.addresses.len()), (2, 1));
        assert!(!network.is_clear(T + 2 * DAY));
    }
}
