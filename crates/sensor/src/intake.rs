//! What the pipeline is given, above all what sources read.

use std::sync::{Arc, RwLock};

use jiff::SignedDuration;
use sundew_cluster::Pods;
use sundew_detect::{Detectors, Finding, Grouping, Severity};
use tokio::sync::{mpsc, oneshot};

use crate::{posture::Posture, source::file::Notice};

/// Bounded, so that a slow store slows the reading and not the memory.
pub(crate) type Intake = mpsc::Sender<Input>;

/// What the pipeline is given.
#[derive(Debug)]
pub(crate) enum Input {
    /// Something that a source read.
    Batch(Batch),
    /// Other decoys, rules or habits from now on.
    Detectors(Arc<Detectors>),
    /// Other sinks from now on.
    Sinks(Vec<SinkWants>),
    /// Another grouping from now on.
    Grouping(Grouping),
    /// Another report from now on of what identities could do, or none.
    Posture(Option<Scanned>),
    /// Other sources from now on.
    Sources(Vec<Expected>),
    /// The pods of a cluster from now on, or none any more.
    Pods(String, Option<Arc<RwLock<Pods>>>),
    /// Time has passed.
    Tick,
    /// Write what is left, say so, and end.
    Stop(oneshot::Sender<()>),
}

/// A sink, and the severity from which on it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SinkWants {
    pub(crate) name: String,
    pub(crate) least: Severity,
}

/// A source, and what is expected of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) origin: Origin,
    /// Whether it brings audit events.
    pub(crate) audit: bool,
    /// How long it may bring nothing before that is an alert.
    pub(crate) silence: Option<SignedDuration>,
    /// What it reads, in words.
    pub(crate) place: String,
    /// What to look at where it brings nothing.
    pub(crate) advice: &'static str,
}

/// What the identities of a cluster could do.
#[derive(Debug, Clone)]
pub(crate) struct Scanned {
    pub(crate) cluster: String,
    pub(crate) posture: Arc<Posture>,
}

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
    /// What a source found by itself.
    Finding(Box<Finding>),
    /// Nothing but a position, or notices.
    Nothing,
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
