//! Why a sensor cannot start, or cannot take a change.

use sundew_notify::SinkError;
use sundew_store::StoreError;
use thiserror::Error;

use crate::{posture::PostureError, source::file::TailError, tls::TlsError};

/// Why a sensor cannot start, or cannot take a change.
#[derive(Debug, Error)]
pub enum SensorError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A sink.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The report of what identities could do.
    #[error(transparent)]
    Posture(#[from] PostureError),
    /// A file source.
    #[error("source `{name}`: {source}")]
    Tail {
        /// Its name.
        name: String,
        /// Why.
        source: TailError,
    },
    /// A webhook source.
    #[error("source `{name}`: {source}")]
    Listen {
        /// Its name.
        name: String,
        /// Why.
        source: Box<TlsError>,
    },
    /// The inventory and the sources are about different clusters.
    #[error(
        "no source is of cluster `{cluster}`, which the inventory has decoys in; sources are of: {known}. Set `cluster` in one of the two files"
    )]
    Cluster {
        /// The cluster that nothing watches.
        cluster: String,
        /// The clusters that sources name.
        known: String,
    },
    /// Bait namespaces have no Secret that could be watched.
    #[error(
        "cluster `{cluster}` has namespaces that are bait as a whole, and only audit events tell of requests into them; add a source of type file or webhook for it, or take the namespaces out of the inventory"
    )]
    BaitUnseen {
        /// The cluster.
        cluster: String,
    },
    /// The configuration's store cannot change while the sensor runs.
    #[error("`store` changed; that needs a restart")]
    StoreChanged,
    /// Standard input cannot be given back, and has one reader.
    #[error("a source of type stdin was added, changed or removed; that needs a restart")]
    StdinChanged,
}
