//! What stands behind a peer's address: the pods that had it, or the node that it belongs to.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many pods an incident names.
pub const MAX_PODS: usize = 8;

/// What stands behind a peer's address. Pods alone: what else has addresses in a cluster is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Peer {
    /// Set where the address is a node's own: then it was the node itself, or one of the pods, which share it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The pods that had the address at the time, latest first; at most 8.
    pub pods: Vec<PeerPod>,
    /// How many more pods had it.
    #[serde(skip_serializing_if = "is_zero")]
    pub more: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A pod that had the peer's address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PeerPod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The node that it runs on.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// The account that it runs as, in its namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// What made it, as `Deployment/web`; absent for a pod that stands alone.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// When it went, where it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub gone: Option<Timestamp>,
}

impl Peer {
    /// Takes what was found later into what is known: pods that are known stay where they are, and may be gone by now.
    #[must_use]
    pub fn with(mut self, later: Self) -> Self {
        self.node = self.node.or(later.node);
        self.more = self.more.max(later.more);
        for pod in later.pods {
            let same = |p: &PeerPod| (&p.namespace, &p.name) == (&pod.namespace, &pod.name);
            match self.pods.iter().position(same) {
                Some(known) => self.pods[known] = pod,
                None if self.pods.len() < MAX_PODS => self.pods.push(pod),
                None => self.more += 1,
            }
        }
        self
    }
}
