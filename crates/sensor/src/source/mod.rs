//! Where events come from. Each source hands batches to the pipeline and learns when one is safe.

pub mod file;
pub(crate) mod follow;
pub(crate) mod stdin;
pub(crate) mod webhook;

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use self::file::Notice;

/// A source's name and the cluster it is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Origin {
    pub(crate) cluster: String,
    pub(crate) source: String,
}

/// What a source read.
#[derive(Debug)]
pub(crate) enum Payload {
    /// Whole lines.
    Lines(Vec<u8>),
    /// One document: the body of a webhook request.
    Document(Vec<u8>),
    /// A piece of an over-long line; true for its first.
    LongPiece(Vec<u8>, bool),
    /// The end of an over-long line: its head, and its length in bytes.
    LongLine(Vec<u8>, u64),
    /// The source has ended.
    End,
}

/// One reading of one source.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) origin: Arc<Origin>,
    pub(crate) payload: Payload,
    /// Where the source has come to with this; written in one transaction with what the payload means.
    pub(crate) position: Option<serde_json::Value>,
    pub(crate) notices: Vec<Notice>,
    /// Told once everything that the payload means is written.
    pub(crate) done: Option<oneshot::Sender<()>>,
}

impl Batch {
    pub(crate) fn new(origin: &Arc<Origin>, payload: Payload) -> Self {
        Self { origin: Arc::clone(origin), payload, position: None, notices: Vec::new(), done: None }
    }
}

/// Where sources hand their batches: bounded, so that a slow store slows the reading and not the memory.
pub(crate) type Intake = mpsc::Sender<crate::pipeline::Input>;
