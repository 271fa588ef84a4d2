//! The decoys that the command line names, as an inventory.

use anyhow::{Context, Result, bail};
use sundew_decoy::{Decoy, Inventory, yaml};

use crate::args::Decoys;

/// The inventory that `--inventory` or `--decoy` give. None where neither was given.
pub(crate) fn inventory(args: &Decoys, cluster: Option<&str>) -> Result<Option<Inventory>> {
    if let Some(path) = &args.inventory {
        if !args.decoys.is_empty() || !args.bait.is_empty() {
            bail!(
                "--inventory holds all decoys; leave out --decoy and --bait-namespace, or add them to the file"
            );
        }
        return read(path).map(Some);
    }
    if args.decoys.is_empty() && args.bait.is_empty() {
        return Ok(None);
    }
    let decoys = args.decoys.iter().map(|text| Decoy::from_argument(text)).collect::<Result<Vec<_>, _>>()?;
    let inventory = Inventory::of(cluster.unwrap_or("default"), decoys, args.bait.clone())?;
    Ok(Some(inventory))
}

/// Reads an inventory file.
pub(crate) fn read(path: &std::path::Path) -> Result<Inventory> {
    let shown = path.display();
    let size = std::fs::metadata(path).with_context(|| format!("cannot read the inventory {shown}"))?.len();
    if size > yaml::MAX_BYTES {
        bail!(
            "the inventory {shown} has {size} bytes, over the limit of {}; split it by cluster",
            yaml::MAX_BYTES
        );
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the inventory {shown}"))?;
    Inventory::read(&text).with_context(|| format!("the inventory {shown}"))
}
