//! Whether configuration and inventory fit together.

use sundew_decoy::Inventory;

use super::SensorError;
use crate::config::{Config, SourceConfig};

/// What `config` says of standard input.
pub(super) fn stdin_of(config: &Config) -> Option<(&SourceConfig, &str)> {
    let stdin = config.sources.iter().find(|source| matches!(source, SourceConfig::Stdin(_)))?;
    Some((stdin, config.cluster_of(stdin)))
}

/// Every cluster with decoys must have a source that sees them, or its decoys would never be heard of. What is bait
/// without a Secret is seen in audit events alone.
pub(super) fn check_clusters(config: &Config, inventory: &Inventory) -> Result<(), SensorError> {
    let of = |sees: &dyn Fn(&SourceConfig) -> bool| -> Vec<&str> {
        config.sources.iter().filter(|s| sees(s)).map(|s| config.cluster_of(s)).collect()
    };
    let known = of(&SourceConfig::sees_decoys);
    let audited = of(&SourceConfig::is_audit);
    let unknown = |cluster: &str, known: &[&str]| SensorError::Cluster {
        cluster: cluster.to_owned(),
        known: known.join(", "),
    };
    let mut decoys = inventory.decoys.iter().map(|d| inventory.cluster_of(d));
    if let Some(cluster) = decoys.find(|cluster| !known.contains(cluster)) {
        return Err(unknown(cluster, &known));
    }
    let mut bait = inventory.namespaces.iter().map(|n| n.cluster.as_deref().unwrap_or(&inventory.cluster));
    match bait.find(|cluster| !audited.contains(cluster)) {
        None => Ok(()),
        Some(cluster) if known.contains(&cluster) => {
            Err(SensorError::BaitUnseen { cluster: cluster.to_owned() })
        }
        Some(cluster) => Err(unknown(cluster, &known)),
    }
}

/// Says which placements only the audit log could tell of, where there is none.
pub(super) fn warn_of_unseen(config: &Config, inventory: &Inventory) {
    for decoy in &inventory.decoys {
        let cluster = inventory.cluster_of(decoy);
        let audited = config.sources.iter().any(|s| s.is_audit() && config.cluster_of(s) == cluster);
        if audited {
            continue;
        }
        let blind = decoy.placements.iter().filter(|placement| placement.secret.is_none());
        for placement in blind {
            tracing::warn!(
                decoy = decoy.name(),
                placement = placement.label(),
                "the token of this placement is in no Secret, so only the audit log could tell of its use, and cluster `{cluster}` has no source of one"
            );
        }
    }
}
