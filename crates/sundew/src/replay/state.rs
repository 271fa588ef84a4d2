//! What was learnt from logs, kept in a folder.

use std::path::Path;

use anyhow::{Context, Result, bail};
use sundew_detect::Watch;
use sundew_habits::Kept;
use sundew_store::{Commit, Remembered, Store};

/// The file in the folder: a store like the sensor's, so that a sensor can go on with what a replay learnt.
pub(crate) const FILE: &str = "sundew.db";
/// How many pieces are written at a time.
const AT_ONCE: usize = 10_000;

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
    pub(super) fn recall(&mut self, watch: &mut Watch) -> Result<()> {
        for piece in self.store.remembered(None) {
            let Remembered { cluster, kind, key, body } = piece?;
            // Windows of correlations are a running sensor's own.
            watch.memory.restore(&Kept { cluster, kind, key, body });
        }
        Ok(())
    }

    /// Keeps what `watch` has learnt.
    pub(super) fn keep(mut self, watch: &mut Watch) -> Result<()> {
        loop {
            let pieces = watch.memory.take_changed(AT_ONCE);
            if pieces.is_empty() {
                return Ok(());
            }
            let memory = pieces
                .into_iter()
                .map(|Kept { cluster, kind, key, body }| Remembered { cluster, kind, key, body })
                .collect();
            self.store.commit(&Commit { memory, ..Commit::default() })?;
        }
    }
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
