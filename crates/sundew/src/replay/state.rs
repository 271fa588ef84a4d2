//! What was learnt from logs, kept in a folder.

use std::path::Path;

use anyhow::{Context, Result, bail};
use sundew_detect::Watch;
use sundew_sensor::learnt;
use sundew_store::Store;

/// The file in the folder: a store like the sensor's, so that a sensor can go on with what a replay learnt.
pub(crate) const FILE: &str = "sundew.db";

/// A folder with what was learnt.
pub(super) struct State {
    store: Store,
}

impl State {
    /// Opens the folder. It is made, for its owner alone, where something is to be kept in it.
    pub(super) fn open(folder: &Path, learn: bool) -> Result<Self> {
        let shown = folder.display();
        let path = folder.join(FILE);
        if learn {
            make_private(folder).with_context(|| format!("cannot make the folder {shown}"))?;
            let (store, _) = Store::open(&path)?;
            return Ok(Self { store });
        }
        if !path.exists() {
            bail!(
                "{shown} holds nothing that was learnt; run `sundew replay --learn --state {shown} LOGS…` first"
            );
        }
        Ok(Self { store: Store::open_beside(&path)? })
    }

    /// Gives `watch` what was learnt before.
    pub(super) fn recall(&self, watch: &mut Watch) -> Result<()> {
        // Windows of correlations are a running sensor's own, and left where they are.
        learnt::recall(&self.store, &mut watch.memory)?;
        Ok(())
    }

    /// Keeps what `watch` has learnt.
    pub(super) fn keep(mut self, watch: &mut Watch) -> Result<()> {
        Ok(learnt::keep(&mut self.store, &mut watch.memory)?)
    }
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
