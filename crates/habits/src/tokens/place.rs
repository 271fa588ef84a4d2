//! What is known of one address: whose it is, and whether many share it.

use smallvec::SmallVec;

use super::clock::{DAY, HOUR, Span, within};

/// How many of those who use an address are remembered: enough to see that it is shared.
const MOST_USERS: usize = 4;
/// With so many others an address is taken to be shared by many.
const MANY: usize = 3;
/// After so many requests a kubelet's address is sure to be its own.
const SURE: u32 = 3;

/// Somebody who uses an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct User {
    pub(super) who: u32,
    pub(super) span: Span,
    /// Whether they were seen here before they were seen anywhere else.
    pub(super) home: bool,
}

/// Those who use an address, as far as they are remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Users(pub(super) SmallVec<[User; 1]>);

impl Users {
    /// Takes in a use. True where it tells something new of the address.
    pub(super) fn take(&mut self, who: u32, at: u32, home: bool) -> bool {
        if let Some(known) = self.0.iter_mut().find(|user| user.who == who) {
            known.span.extend(at);
            return false;
        }
        self.0.retain(|user| within(user.span.last, at, DAY));
        let new = User { who, span: Span::at(at), home };
        if self.0.len() < MOST_USERS {
            self.0.push(new);
            return true;
        }
        // Those who are heard all the time show best whether it is shared: only who left gives way.
        let left = self.0.iter_mut().filter(|user| !within(user.span.last, at, HOUR));
        left.min_by_key(|user| user.span.last).map(|user| *user = new).is_some()
    }

    /// How many others than `who` use it at this time. Those to whom an address was given one after the other do not
    /// use it together.
    pub(super) fn others(&self, who: u32, at: u32) -> usize {
        let now = |user: &User| {
            let together =
                || self.0.iter().any(|other| other.who != user.who && other.span.overlaps(user.span));
            within(user.span.last, at, HOUR) || within(user.span.last, at, DAY) && together()
        };
        self.0.iter().filter(|user| user.who != who && now(user)).count()
    }

    /// How many others than `who` used it within a day.
    pub(super) fn lately(&self, who: u32, at: u32) -> usize {
        self.0.iter().filter(|user| user.who != who && within(user.span.last, at, DAY)).count()
    }

    /// Whether it is certain that several use it together.
    fn together(&self) -> bool {
        let with = |user: &User, homes: bool| {
            let mut others = self.0.iter().filter(|other| other.who != user.who && (other.home || !homes));
            others.any(|other| other.span.overlaps(user.span))
        };
        // Two that were never seen elsewhere before cannot both have it as their own.
        self.0.iter().any(|user| user.home && with(user, true))
            || self.0.iter().filter(|user| with(user, false)).count() > MANY
    }
}

/// A node whose kubelet speaks from an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kubelet {
    /// Hash of the node's name.
    pub(super) node: u64,
    pub(super) name: Box<str>,
    pub(super) span: Span,
    pub(super) count: u32,
    /// When kubelets of several nodes were last seen to speak from here, 0 if never.
    pub(super) several: u32,
}

/// What is known of one address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Pods whose tokens are used from here; not those of the node whose address it is.
    pub(super) pods: Users,
    /// Everybody else: accounts without a pod, people, nodes.
    pub(super) people: Users,
    /// When several pods were last seen to use it together, 0 if never.
    pub(super) shared: u32,
    pub(super) kubelet: Option<Box<Kubelet>>,
}

/// What an address means for a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is the address of the pod's own node, or shared by many: it weighs nothing.
    Light,
    /// It is the address of another node.
    OtherNode(Box<str>),
    /// It could be one pod's own.
    Single,
}

impl Place {
    /// When anybody last spoke from here.
    pub(super) fn last(&self) -> u32 {
        let users = self.pods.0.iter().chain(&self.people.0).map(|user| user.span.last);
        users.chain(self.kubelet.iter().map(|kubelet| kubelet.span.last)).max().unwrap_or(0)
    }

    /// The kubelet of `node` spoke from here. True where that tells something new.
    pub(super) fn take_kubelet(&mut self, node: u64, name: &str, at: u32) -> bool {
        let new = || Kubelet { node, name: name.into(), span: Span::at(at), count: 1, several: 0 };
        let Some(known) = &mut self.kubelet else {
            self.kubelet = Some(Box::new(new()));
            // Those of before are most likely the node's own pods.
            (self.pods, self.shared) = (Users::default(), 0);
            return true;
        };
        if known.node == node {
            known.span.extend(at);
            known.count = known.count.saturating_add(1);
            return known.count == SURE;
        }
        if within(known.span.last, at, HOUR) {
            // A proxy in front of the API server; or a new node that was given the address of an old one, which will
            // soon have been silent for long.
            let fresh = within(known.several, at, HOUR);
            known.several = at;
            return !fresh;
        }
        **known = new();
        true
    }

    /// A token of the pod `who`, which runs on `node`, was used from here. True where that tells something new.
    pub(super) fn take_pod(&mut self, who: u32, node: u64, at: u32, home: bool) -> bool {
        let own_node =
            self.kubelet.as_ref().is_some_and(|kubelet| kubelet.node == node && kubelet.several == 0);
        if own_node {
            return false;
        }
        let new = self.pods.take(who, at, home);
        if self.pods.0.len() < 2 || !self.pods.together() {
            return new;
        }
        let known = within(self.shared, at, DAY);
        self.shared = at;
        new || !known
    }

    /// What it means for the pod `who` on `node`.
    pub(super) fn standing(&self, who: u32, node: u64, at: u32) -> Standing {
        if self.is_shared(at) || self.pods.others(who, at) >= MANY {
            return Standing::Light;
        }
        match &self.kubelet {
            Some(kubelet) if within(kubelet.span.last, at, DAY) => {
                let sure =
                    kubelet.count >= SURE && within(kubelet.span.last, at, HOUR) && kubelet.several == 0;
                if sure && node != 0 && kubelet.node != node {
                    return Standing::OtherNode(kubelet.name.clone());
                }
                Standing::Light
            }
            _ => Standing::Single,
        }
    }

    /// Whether pods were seen to use it together.
    pub(super) fn is_shared(&self, at: u32) -> bool {
        within(self.shared, at, DAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u32 = 1_795_212_000;
    const NODE: u64 = 7;

    #[test]
    fn pods_that_have_an_address_one_after_the_other_do_not_share_it() {
        let mut place = Place::default();
        for pod in 0..3 {
            for second in [0, 600] {
                place.take_pod(pod, NODE, T + pod * HOUR * 2 + second, true);
            }
        }
        assert_eq!(place.standing(9, NODE, T + 7 * HOUR), Standing::Single);
        assert_eq!(place.shared, 0);
    }

    #[test]
    fn two_pods_that_use_their_first_address_in_turn_share_it() {
        let mut place = Place::default();
        for (pod, second) in [(1, 0), (2, 1), (1, 2), (2, 3)] {
            place.take_pod(pod, NODE, T + second, true);
        }
        assert_eq!(place.standing(1, NODE, T + 4), Standing::Light);
        assert_eq!(place.standing(9, NODE, T + HOUR * 20), Standing::Light);
        assert_eq!(place.standing(9, NODE, T + DAY * 2), Standing::Single);
    }

    #[test]
    fn an_address_that_three_others_use_weighs_nothing() {
        let mut place = Place::default();
        for pod in 1..=3 {
            assert_eq!(place.standing(pod, NODE, T + pod), Standing::Single);
            place.take_pod(pod, NODE, T + pod, false);
        }
        assert_eq!(place.standing(4, NODE, T + 4), Standing::Light);
    }

    #[test]
    fn a_thousand_pods_in_turn_are_seen_to_share() {
        let mut place = Place::default();
        for round in 0..3 {
            for pod in 0..1000 {
                place.take_pod(pod, NODE, T + round * 1000 + pod, true);
            }
        }
        assert_eq!(place.standing(5000, NODE, T + 3000), Standing::Light);
        assert!(place.pods.0.len() <= MOST_USERS);
    }

    #[test]
    fn a_nodes_address_is_light_for_its_own_pods_and_another_nodes_for_others() {
        let mut place = Place::default();
        for second in 0..SURE {
            place.take_kubelet(NODE, "worker-1", T + second);
        }
        for pod in 0..20 {
            place.take_pod(pod, NODE, T + 5, true);
        }
        assert_eq!(place.standing(1, NODE, T + 10), Standing::Light);
        assert_eq!(place.standing(99, 8, T + 10), Standing::OtherNode("worker-1".into()));
        assert_eq!(place.standing(99, 0, T + 10), Standing::Light, "nobody knows where that pod runs");
        assert_eq!(place.standing(99, 8, T + 2 * HOUR), Standing::Light, "the kubelet has been silent");
        assert_eq!(place.standing(99, 8, T + 2 * DAY), Standing::Single, "it is no node's address any more");
    }

    #[test]
    fn an_address_of_several_kubelets_is_no_nodes() {
        let mut place = Place::default();
        for second in 0..10 {
            place.take_kubelet(u64::from(second % 2), ["a", "b"][second as usize % 2], T + second);
        }
        assert_eq!(place.standing(99, 8, T + 10), Standing::Light);
    }

    #[test]
    fn a_new_node_takes_over_the_address_of_an_old_one() {
        let mut place = Place::default();
        for second in 0..SURE {
            place.take_kubelet(1, "old", T + second);
        }
        for second in 0..SURE {
            place.take_kubelet(2, "new", T + 2 * HOUR + second);
        }
        assert_eq!(place.standing(99, 1, T + 2 * HOUR + 5), Standing::OtherNode("new".into()));
    }
}
