//! Tokens that are bound to a pod: a second address, another node, a use after the end.

use sundew_audit::Severity;

use super::{
    Request, Spot, Tokens,
    clock::{DAY, within},
    holder::Use,
    id::{Address, HolderKey, Net, hash},
    node::{Network, Node},
    place::{Place, Standing},
    words::{self, Second},
};
use crate::{Novelty, Seen};

/// How many requests the better known of two addresses must have before anything is told of the other.
const LEAST: u32 = 3;
/// Seconds in which no pod goes on from another address: its containers have to end and to begin in between.
const AT_ONCE: u32 = 5;
/// For so many seconds an old address must be used on beside a new one to show that both live.
const OVERLAP: u32 = 2;

/// One pod, in one request.
#[derive(Debug, Clone, Copy)]
struct Pod {
    /// Where in the table of holders it stands.
    at: u32,
    /// Where in its uses this one stands.
    one: usize,
    who: u32,
    node: u64,
    new_use: bool,
}

impl Tokens {
    /// A token that is bound to the pod with this uid was used.
    pub(super) fn bound(&mut self, request: &Request<'_>, uid: &str) -> Vec<Novelty> {
        let key = HolderKey::of_pod(request.cluster, uid);
        let (at, new) = self.enter_holder(key, request.at);
        if new {
            self.introduce(request, at);
        }
        let (address, time) = (request.address, request.at);
        let holder = self.holders.at_mut(at);
        let (one, new_use, lost) = holder.take(address, time);
        self.uses_forgotten += u64::from(lost);
        let (node, home) = (holder.node, holder.uses[one].home);
        let pod = Pod { at, one, who: key.id as u32, node, new_use };

        let entered = self.places.enter((request.cluster, address), Place::default).at;
        let place = self.places.at_mut(entered);
        let news = place.take_pod(pod.who, node, time, home);
        self.places.note(entered, news, time);

        let mut told = Vec::new();
        told.extend(self.after_the_end(request, pod));
        told.extend(self.whereabouts(request, pod));

        let news = new || new_use || !told.is_empty() || self.holders.at(at).uses[one].count == LEAST;
        self.holders.note(at, news, time);
        let generation = self.holders.generation(at).unwrap_or_default();
        self.spot = Spot::At { holder: at, generation, address };
        told
    }

    /// Notes what a new pod is.
    fn introduce(&mut self, request: &Request<'_>, at: u32) {
        let seen = request.seen;
        let holder = self.holders.at_mut(at);
        holder.node = seen.node.as_deref().filter(|node| !node.is_empty()).map_or(0, |node| hash(&[node]));
        if let (Some((namespace, _)), Some(pod)) = (words::account(&seen.user), seen.pod.as_deref()) {
            holder.pod = hash(&[namespace, pod]);
        }
        if let Some(other) = self.name(at) {
            self.holders.note(other, true, request.at);
        }
    }

    fn after_the_end(&mut self, request: &Request<'_>, pod: Pod) -> Option<Novelty> {
        let holder = self.holders.at_mut(pod.at);
        let late = holder.too_late(request.at)?;
        if within(holder.gone_told, request.at, DAY) {
            return None;
        }
        holder.gone_told = request.at;
        Some(words::after_deletion(request.seen, request.address, holder, late))
    }

    fn whereabouts(&mut self, request: &Request<'_>, pod: Pod) -> Option<Novelty> {
        let here = self.holders.at(pod.at).uses[pod.one];
        match self.standing(request, pod, here.address) {
            Standing::Light => {
                self.settle(pod, true);
                None
            }
            Standing::OtherNode(name) => {
                self.settle(pod, true);
                self.tell(request, pod, None, |seen| words::other_node(seen, &name, here.address, None))
            }
            Standing::Single => {
                let rivals = self.rivals(request, pod);
                self.settle(pod, rivals.is_empty());
                if !rivals.is_empty() {
                    return self.second_address(request, pod, &rivals);
                }
                if pod.new_use
                    && let Some((name, net)) = self.foreign(request, pod)
                {
                    let told = |seen: &Seen<'_>| words::other_node(seen, &name, here.address, Some(net));
                    return self.tell(request, pod, None, told);
                }
                if here.home && here.told == 0 {
                    self.learn_network(request, pod);
                }
                None
            }
        }
    }

    fn settle(&mut self, pod: Pod, settled: bool) {
        let holder = self.holders.at_mut(pod.at);
        holder.settled = settled && holder.gone == 0;
    }

    fn standing(&self, request: &Request<'_>, pod: Pod, address: Address) -> Standing {
        let place = self.places.get(&(request.cluster, address));
        place.map_or(Standing::Single, |place| place.standing(pod.who, pod.node, request.at))
    }

    /// Other addresses of the same family that could be the pod's own, and were used within a day.
    fn rivals(&self, request: &Request<'_>, pod: Pod) -> Vec<usize> {
        let uses = &self.holders.at(pod.at).uses;
        let may = |other: &Use| {
            other.address.is_v4() == request.address.is_v4() && within(other.span.last, request.at, DAY)
        };
        (0..uses.len())
            .filter(|other| *other != pod.one && may(&uses[*other]))
            .filter(|other| self.standing(request, pod, uses[*other].address) == Standing::Single)
            .collect()
    }

    fn second_address(&mut self, request: &Request<'_>, pod: Pod, rivals: &[usize]) -> Option<Novelty> {
        let holder = self.holders.at(pod.at);
        let uses = &holder.uses;
        let best = holder.longest(|one| one == pod.one || rivals.contains(&one))?;
        let rival = if best == pod.one {
            // Most likely this is the pod itself: there is something to say only of what was not told yet.
            let untold = rivals.iter().copied().filter(|other| uses[*other].told == 0);
            untold.max_by_key(|other| uses[*other].span.last)?
        } else {
            best
        };
        let (here, other) = (uses[pod.one], uses[rival]);
        if here.count.max(other.count) < LEAST {
            return None;
        }
        // A pod whose sandbox was made again, as after a restart of its node, goes on from another address of pods.
        let near = self.are_near(request, here.address, other.address);
        if near && !both_live(here, other, request.at) {
            return None;
        }
        let own_machine = here.address.is_own_machine() || other.address.is_own_machine();
        if own_machine && !self.knows_node(request, pod) {
            // A pod in its node's network can speak from here and from its node's address, if only that were known.
            return None;
        }
        let (long, short) = if best == pod.one { (here, other) } else { (other, here) };
        let place = self.places.get(&(request.cluster, short.address));
        let others = place.map_or(0, |place| place.pods.others(pod.who, request.at));
        let severity = match others {
            _ if own_machine => Severity::Low,
            0 => Severity::High,
            _ => Severity::Medium,
        };
        let second = Second { long, short, others, severity };
        self.tell(request, pod, Some(rival), |seen| words::second_address(seen, second))
    }

    /// Tells, unless this was told within a day, or too much of this token.
    fn tell(
        &mut self,
        request: &Request<'_>,
        pod: Pod,
        rival: Option<usize>,
        novelty: impl FnOnce(&Seen<'_>) -> Novelty,
    ) -> Option<Novelty> {
        let holder = self.holders.at_mut(pod.at);
        let known = rival.is_none_or(|rival| holder.uses[rival].told != 0);
        if known && within(holder.uses[pod.one].told, request.at, DAY) || !holder.may_tell(request.at) {
            return None;
        }
        for at in rival.into_iter().chain([pod.one]) {
            holder.uses[at].told = request.at;
        }
        Some(novelty(request.seen))
    }

    /// Whether both are in one network, or each in one where other pods are.
    fn are_near(&self, request: &Request<'_>, one: Address, other: Address) -> bool {
        let among_pods = |address: Address| {
            let network = self.networks.get(&(request.cluster, address.narrow()));
            network.is_some_and(|network| network.addresses.iter().any(|pod| *pod != address))
        };
        one.wide() == other.wide() || among_pods(one) && among_pods(other)
    }

    fn knows_node(&self, request: &Request<'_>, pod: Pod) -> bool {
        let node = self.nodes.get(&(request.cluster, pod.node));
        node.is_some_and(|node| within(node.heard, request.at, DAY))
    }

    /// The address is the pod's own: so its network is its node's, unless pods of others are in it as well.
    fn learn_network(&mut self, request: &Request<'_>, pod: Pod) {
        let (address, at) = (request.address, request.at);
        let Some(name) = request.seen.node.as_deref().filter(|_| pod.node != 0 && !address.is_own_machine())
        else {
            return;
        };
        let net = address.narrow();
        let entered = self.networks.enter((request.cluster, net), || Network::new(pod.node, name, at)).at;
        let network = self.networks.at_mut(entered);
        let new = network.take(pod.node, name, address, at);
        let clear = new && network.is_clear(at);
        self.networks.note(entered, new, at);
        if clear {
            let entered = self.nodes.enter((request.cluster, pod.node), Node::default).at;
            self.nodes.at_mut(entered).own[usize::from(!address.is_v4())] = Some(net);
            self.nodes.note(entered, true, at);
        }
    }

    /// The node whose pods' network the address lies in: where that is clear, it is not the pod's node, and it is as
    /// clear which network that one has.
    fn foreign(&self, request: &Request<'_>, pod: Pod) -> Option<(Box<str>, Net)> {
        let clear = |net: Net| {
            let network = self.networks.get(&(request.cluster, net));
            network.filter(|network| network.is_clear(request.at))
        };
        let node = self.nodes.get(&(request.cluster, pod.node)).filter(|_| pod.node != 0)?;
        let own = clear(node.own[usize::from(!request.address.is_v4())]?)?;
        let net = request.address.narrow();
        let found = clear(net)?;
        (own.node == pod.node && found.node != pod.node).then(|| (found.name.clone(), net))
    }
}

/// Whether two addresses are used at the same time, and not one after the other.
fn both_live(here: Use, other: Use, at: u32) -> bool {
    let (early_last, late_first) = if here.span.first <= other.span.first {
        (at, other.span.first)
    } else {
        (other.span.last, here.span.first)
    };
    within(other.span.last, at, AT_ONCE) || early_last >= late_first.saturating_add(OVERLAP)
}
