//! Whether the files that say where a cluster is were changed.

use std::{os::unix::fs::MetadataExt, path::PathBuf, time::SystemTime};

use super::{ConnectOptions, Surroundings, kubeconfig::find};

/// How the kubeconfig's files look from outside: which they are, and when and how each was written. Two that are equal
/// mean that nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(Vec<(PathBuf, Option<Look>)>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Look {
    written: Option<SystemTime>,
    inode: u64,
    length: u64,
}

impl ConnectOptions {
    /// How the files look that [`super::Connection::open`] would read now; none where the pod's own cluster is meant.
    pub fn stamp(&self) -> Stamp {
        self.stamp_from(&Surroundings::here())
    }

    pub(super) fn stamp_from(&self, around: &Surroundings) -> Stamp {
        // That there is none at all is said by whoever opens it.
        let files = find(self, around).unwrap_or_default();
        let look = |file: PathBuf| {
            let known = std::fs::metadata(&file).ok();
            let look = known.map(|known| Look {
                written: known.modified().ok(),
                inode: known.ino(),
                length: known.len(),
            });
            (file, look)
        };
        Stamp(files.into_iter().map(look).collect())
    }
}
