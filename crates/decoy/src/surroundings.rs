//! What a decoy must fit into: the parts of a cluster that planning and the stealth check look at.

use std::fmt;

use jiff::Timestamp;

use crate::persona::SignKind;

/// A cluster, as bait sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The cluster's name in the inventory.
    pub cluster: String,
    /// When this was looked at, by the cluster's clock.
    pub now: Timestamp,
    /// Everything that has a name there and was looked at.
    pub things: Vec<Thing>,
    /// What could not be looked at, such as `secrets`, and why, in words.
    pub unseen: Vec<(String, String)>,
}

/// Something in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// What it is.
    pub kind: SignKind,
    /// Its namespace; empty for what belongs to the cluster as a whole.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// The images that it runs, of a workload.
    pub images: Vec<String>,
}

impl fmt::Display for Thing {
    /// `ServiceAccount shop/web`, or `namespace shop`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, namespace, name, .. } = self;
        match namespace.as_str() {
            "" => write!(f, "{kind} {name}"),
            _ => write!(f, "{kind} {namespace}/{name}"),
        }
    }
}
