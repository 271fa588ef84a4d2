//! What stands behind the peer's address of an incident, as far as the pods of its cluster are known.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use sundew_cluster::{PodAt, Pods};
use sundew_detect::{Incident, Peer, PeerPod, peer::MAX_PODS};

/// What stands behind it now, added to what was known: an address that went from one pod to another while the incident
/// grew has both.
pub(super) fn behind(clusters: &HashMap<String, Arc<RwLock<Pods>>>, incident: &Incident) -> Option<Peer> {
    let known = incident.peer.clone();
    let Some(pods) = clusters.get(&incident.cluster) else { return known };
    let Some(address) = incident.actor.ip.as_deref().and_then(|ip| ip.parse().ok()) else { return known };
    let pods = pods.read().unwrap_or_else(PoisonError::into_inner);
    // What is known of the beginning is not looked up again: the past of pods is kept for a while only.
    let times = match known {
        None => [Some(incident.first_seen), Some(incident.last_seen)],
        Some(_) => [None, Some(incident.last_seen)],
    };
    let found = times.into_iter().flatten().filter_map(|time| peer(pods.at(address, time)));
    found.fold(known, |known, found| {
        Some(match known {
            Some(known) => known.with(found),
            None => found,
        })
    })
}

fn peer(pods: Vec<PodAt>) -> Option<Peer> {
    let first = pods.first()?;
    let shared = pods.iter().all(|pod| pod.host_network);
    let node = Some(first.node.clone()).filter(|node| shared && !node.is_empty());
    let more = pods.len().saturating_sub(MAX_PODS) as u64;
    let pods = pods.into_iter().take(MAX_PODS).map(|pod| {
        let PodAt { namespace, name, node, account, owner, gone, .. } = pod;
        PeerPod { namespace, name, node, account, owner, gone }
    });
    Some(Peer { node, pods: pods.collect(), more })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, host_network: bool) -> PodAt {
        PodAt {
            namespace: "shop".into(),
            name: name.into(),
            node: "worker-1".into(),
            account: "web".into(),
            owner: "Deployment/web".into(),
            host_network,
            gone: None,
        }
    }

    #[test]
    fn a_pod_with_an_address_of_its_own_is_named_with_workload_node_and_account() {
        let peer = peer(vec![pod("web-1", false)]).unwrap();
        assert_eq!((peer.node, peer.more), (None, 0));
        let PeerPod { name, node, account, owner, .. } = &peer.pods[0];
        assert_eq!([name, node, account, owner], ["web-1", "worker-1", "web", "Deployment/web"]);
    }

    #[test]
    fn the_address_of_a_node_is_said_to_be_one_with_the_pods_that_share_it() {
        let all: Vec<PodAt> = (0..11).map(|n| pod(&format!("agent-{n}"), true)).collect();
        let peer = peer(all).unwrap();
        assert_eq!((peer.node.as_deref(), peer.pods.len(), peer.more), (Some("worker-1"), 8, 3));
    }

    #[test]
    fn nobody_is_named_where_nobody_had_the_address() {
        assert_eq!(peer(Vec::new()), None);
    }
}
