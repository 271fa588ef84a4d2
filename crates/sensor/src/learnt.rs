//! What detection has learnt, on its way between memory and store.

use sundew_habits::{Kept, Memory};
use sundew_store::{Commit, Remembered, Store, StoreError};

/// Under which kind and key the windows of correlations are remembered; they are of all clusters.
pub(crate) const WINDOWS: (&str, &str) = ("window", "all");

/// How many pieces are written at a time.
const AT_ONCE: usize = 10_000;

/// Gives `memory` what `store` remembers. What it does not take, which is the windows of correlations and what cannot
/// be read, is given back.
///
/// # Errors
///
/// Where the store cannot be read.
pub fn recall(store: &Store, memory: &mut Memory) -> Result<Vec<Remembered>, StoreError> {
    let mut left = Vec::new();
    for piece in store.remembered(None) {
        let Remembered { cluster, kind, key, body } = piece?;
        let kept = Kept { cluster, kind, key, body };
        if !memory.restore(&kept) {
            left.push(remembered(kept));
        }
    }
    Ok(left)
}

/// Writes into `store` everything that `memory` has learnt since that was last given away.
///
/// # Errors
///
/// Where the store cannot be written.
pub fn keep(store: &mut Store, memory: &mut Memory) -> Result<(), StoreError> {
    loop {
        let pieces = memory.take_changed(AT_ONCE);
        if pieces.is_empty() {
            return Ok(());
        }
        let memory = pieces.into_iter().map(remembered).collect();
        store.commit(&Commit { memory, ..Commit::default() })?;
    }
}

/// A piece as the store takes it.
pub(crate) fn remembered(kept: Kept) -> Remembered {
    let Kept { cluster, kind, key, body } = kept;
    Remembered { cluster, kind, key, body }
}
