//! What is known of tokens, as pieces that survive a restart.

use std::hash::Hash;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use smallvec::SmallVec;

use super::{
    Cluster, Tokens,
    bounded::Bounded,
    clock::Span,
    holder::{GoneBy, Holder, MOST_USES, Turns, Use},
    id::{Address, HolderKey, Net},
    node::{Network, Node},
    place::{Kubelet, Place, User, Users},
};
use crate::Kept;

const HOLDER: &str = "tokens.holder";
const ADDRESS: &str = "tokens.address";
const NETWORK: &str = "tokens.network";
const NODE: &str = "tokens.node";

/// First, last.
type Times = (u32, u32);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptHolder {
    first: u32,
    uses: Vec<KeptUse>,
    #[serde(default)]
    pod: u64,
    #[serde(default)]
    node: u64,
    /// Since when, why, and when it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gone: Option<(u32, GoneBy, u32)>,
    /// How much was told, since when.
    #[serde(default)]
    told: (u8, u32),
    #[serde(default, skip_serializing_if = "Option::is_none")]
    turns: Option<[(Option<String>, [u32; 3]); 2]>,
}

#[derive(Serialize, Deserialize)]
struct KeptUse {
    address: String,
    times: Times,
    count: u32,
    #[serde(default)]
    told: u32,
    #[serde(default)]
    home: bool,
}

#[derive(Serialize, Deserialize)]
struct KeptPlace {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pods: Vec<(u32, Times, bool)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    people: Vec<(u32, Times, bool)>,
    #[serde(default)]
    shared: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kubelet: Option<KeptKubelet>,
}

#[derive(Serialize, Deserialize)]
struct KeptKubelet {
    node: u64,
    name: Box<str>,
    times: Times,
    count: u32,
    #[serde(default)]
    several: u32,
}

#[derive(Serialize, Deserialize)]
struct KeptNetwork {
    node: u64,
    name: Box<str>,
    addresses: Vec<String>,
    last: u32,
    #[serde(default)]
    mixed: u32,
}

#[derive(Serialize, Deserialize)]
struct KeptNode {
    heard: u32,
    #[serde(default)]
    own: [Option<String>; 2],
}

impl Tokens {
    /// Up to `most` pieces that changed since they were last taken. Mere counts come minutes late, unless all are asked
    /// for (`usize::MAX`, or not much less).
    pub(crate) fn take_changed(&mut self, most: usize) -> Vec<Kept> {
        self.sweep();
        if most > usize::MAX / 2 {
            self.holders.mark_counted();
            self.places.mark_counted();
            self.networks.mark_counted();
            self.nodes.mark_counted();
        }
        let mut pieces = Pieces { clusters: &self.clusters, most, taken: Vec::new() };
        pieces.take(&mut self.holders, HOLDER, |key| (key.cluster, key.name()), write_holder);
        pieces.take(
            &mut self.places,
            ADDRESS,
            |(cluster, address)| (cluster, address.to_string()),
            write_place,
        );
        pieces.take(&mut self.networks, NETWORK, |(cluster, net)| (cluster, net.to_string()), write_network);
        pieces.take(&mut self.nodes, NODE, |(cluster, node)| (cluster, format!("{node:016x}")), write_node);
        pieces.taken
    }

    /// Takes a piece back. False where it is none of the tokens', or cannot be read.
    pub(crate) fn restore(&mut self, kept: &Kept) -> bool {
        let Some(cluster) = self.cluster(&kept.cluster) else { return false };
        let (key, body) = (&*kept.key, &*kept.body);
        let read = match &*kept.kind {
            HOLDER => self.restore_holder(cluster, key, body),
            ADDRESS => self.restore_place(cluster, key, body),
            NETWORK => self.restore_network(cluster, key, body),
            NODE => self.restore_node(cluster, key, body),
            _ => None,
        };
        read.is_some()
    }

    fn restore_holder(&mut self, cluster: u16, key: &str, body: &[u8]) -> Option<()> {
        let (key, kept) = (HolderKey::named(cluster, key)?, read::<KeptHolder>(body)?);
        let uses = kept.uses.iter().take(MOST_USES).map(read_use).collect::<Option<SmallVec<_>>>()?;
        let (gone, gone_by, gone_told) = kept.gone.unwrap_or((0, GoneBy::Kubelet, 0));
        let (at, _) = self.enter_holder(key, kept.first);
        *self.holders.at_mut(at) = Holder {
            uses,
            pod: kept.pod,
            node: kept.node,
            gone,
            gone_by,
            gone_told,
            told: kept.told.0,
            told_since: kept.told.1,
            turns: kept.turns.map(|turns| Box::new(turns.map(read_turns))),
            ..Holder::new(kept.first)
        };
        self.holders.is_kept(at);
        self.name(at);
        Some(())
    }

    fn restore_place(&mut self, cluster: u16, key: &str, body: &[u8]) -> Option<()> {
        let (address, kept) = (Address::parse(key)?, read::<KeptPlace>(body)?);
        let KeptPlace { pods, people, shared, kubelet } = kept;
        let kubelet = kubelet.map(|KeptKubelet { node, name, times, count, several }| {
            Box::new(Kubelet { node, name, span: span(times), count, several })
        });
        let (pods, people) = (read_users(&pods), read_users(&people));
        let at = self.places.enter((cluster, address), Place::default).at;
        *self.places.at_mut(at) = Place { pods, people, shared, kubelet };
        self.places.is_kept(at);
        Some(())
    }

    fn restore_network(&mut self, cluster: u16, key: &str, body: &[u8]) -> Option<()> {
        let (net, kept) = (Net::parse_narrow(key)?, read::<KeptNetwork>(body)?);
        let addresses = kept.addresses.iter().map(|text| Address::parse(text)).collect::<Option<_>>()?;
        let new = Network { addresses, mixed: kept.mixed, ..Network::new(kept.node, &kept.name, kept.last) };
        let at = self.networks.enter((cluster, net), || new.clone()).at;
        *self.networks.at_mut(at) = new;
        self.networks.is_kept(at);
        Some(())
    }

    fn restore_node(&mut self, cluster: u16, key: &str, body: &[u8]) -> Option<()> {
        let (name, kept) = (u64::from_str_radix(key, 16).ok()?, read::<KeptNode>(body)?);
        let own = kept.own.map(|net| net.and_then(|net| Net::parse_narrow(&net)));
        let at = self.nodes.enter((cluster, name), Node::default).at;
        *self.nodes.at_mut(at) = Node { heard: kept.heard, own };
        self.nodes.is_kept(at);
        Some(())
    }
}

struct Pieces<'c> {
    clusters: &'c [Cluster],
    most: usize,
    taken: Vec<Kept>,
}

impl Pieces<'_> {
    fn take<K: Copy + Eq + Hash, V>(
        &mut self,
        table: &mut Bounded<K, V>,
        kind: &str,
        name: impl Fn(K) -> (u16, String),
        write: impl Fn(&V) -> Vec<u8>,
    ) {
        while self.taken.len() < self.most
            && let Some((key, value)) = table.next_changed()
        {
            let (cluster, key) = name(key);
            let Some(cluster) = self.clusters.get(usize::from(cluster)) else { continue };
            let body = value.map(&write).unwrap_or_default();
            self.taken.push(Kept { cluster: cluster.name.to_string(), kind: kind.to_owned(), key, body });
        }
    }
}

fn write(kept: &impl Serialize) -> Vec<u8> {
    // Texts and numbers have no way to fail.
    serde_json::to_vec(kept).unwrap_or_default()
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

fn write_holder(holder: &Holder) -> Vec<u8> {
    let uses = holder.uses.iter().map(|one| KeptUse {
        address: one.address.to_string(),
        times: times(one.span),
        count: one.count,
        told: one.told,
        home: one.home,
    });
    let turns = holder.turns.as_deref().copied();
    write(&KeptHolder {
        first: holder.first,
        uses: uses.collect(),
        pod: holder.pod,
        node: holder.node,
        gone: (holder.gone != 0).then_some((holder.gone, holder.gone_by, holder.gone_told)),
        told: (holder.told, holder.told_since),
        turns: turns.map(|turns| turns.map(|turns| (turns.last.map(|last| last.to_string()), turns.times))),
    })
}

fn write_place(place: &Place) -> Vec<u8> {
    let users = |users: &Users| users.0.iter().map(|user| (user.who, times(user.span), user.home)).collect();
    let kubelet = place.kubelet.as_deref().map(|kubelet| KeptKubelet {
        node: kubelet.node,
        name: kubelet.name.clone(),
        times: times(kubelet.span),
        count: kubelet.count,
        several: kubelet.several,
    });
    write(&KeptPlace {
        pods: users(&place.pods),
        people: users(&place.people),
        shared: place.shared,
        kubelet,
    })
}

fn write_network(network: &Network) -> Vec<u8> {
    write(&KeptNetwork {
        node: network.node,
        name: network.name.clone(),
        addresses: network.addresses.iter().map(Address::to_string).collect(),
        last: network.last,
        mixed: network.mixed,
    })
}

fn write_node(node: &Node) -> Vec<u8> {
    write(&KeptNode { heard: node.heard, own: node.own.map(|net| net.map(|net| net.to_string())) })
}

fn read_use(kept: &KeptUse) -> Option<Use> {
    let address = Address::parse(&kept.address)?;
    Some(Use { address, span: span(kept.times), count: kept.count, told: kept.told, home: kept.home })
}

fn read_turns((last, times): (Option<String>, [u32; 3])) -> Turns {
    Turns { last: last.and_then(|text| Address::parse(&text)), times }
}

fn read_users(kept: &[(u32, Times, bool)]) -> Users {
    Users(kept.iter().map(|(who, times, home)| User { who: *who, span: span(*times), home: *home }).collect())
}

fn times(span: Span) -> Times {
    (span.first, span.last)
}

fn span((first, last): Times) -> Span {
    Span { first, last }
}
