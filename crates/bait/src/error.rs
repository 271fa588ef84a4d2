//! What can keep bait from being planted, drilled or taken away.

use std::path::PathBuf;

use sundew_cluster::HandError;
use thiserror::Error;

/// Names the input and what to do next; holds no token.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BaitError {
    /// A request to the API server.
    #[error(transparent)]
    Hand(#[from] HandError),
    /// The store, where rehearsals are announced and deliveries are read.
    #[error(transparent)]
    Store(#[from] sundew_store::StoreError),
    /// The inventory's text.
    #[error("{}: {source}", path.display())]
    Inventory {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: sundew_decoy::InventoryError,
    },
    /// The inventory's file.
    #[error("cannot {what} {}: {source}", path.display())]
    File {
        /// `read`, `write` and so on.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another run works on the same inventory.
    #[error(
        "{} is being worked on by another run{}; wait until it has ended",
        path.display(), holder.map(|id| format!(" (process {id})")).unwrap_or_default()
    )]
    Busy {
        /// The inventory.
        path: PathBuf,
        /// The other's process id, where it is known.
        holder: Option<u32>,
    },
    /// A Secret stayed empty.
    #[error(
        "Secret {secret} was made and never filled within {seconds} s: no token controller runs in this cluster \
         (kube-controller-manager's serviceaccount-token-controller), or it does not keep up"
    )]
    NeverFilled {
        /// `NAMESPACE/NAME`.
        secret: String,
        /// How long was waited.
        seconds: u64,
    },
    /// A step failed, and everything that was made before it has been taken back.
    #[error("{why}; everything made so far was taken back")]
    TakenBack {
        /// What failed.
        why: Box<BaitError>,
    },
    /// A step failed, and what was made so far could not all be taken back.
    #[error(
        "{why}; and this could not be taken back: {left}. `sundew remove` takes it away once that works again"
    )]
    NotUndone {
        /// What failed first.
        why: Box<BaitError>,
        /// What is left, and why.
        left: String,
    },
    /// Anything else that the user can mend, in a sentence that says how.
    #[error("{0}")]
    Wrong(String),
}

impl BaitError {
    /// What failed first, under what became of the steps before it.
    pub fn cause(&self) -> &Self {
        match self {
            Self::TakenBack { why } | Self::NotUndone { why, .. } => why.cause(),
            other => other,
        }
    }
}
