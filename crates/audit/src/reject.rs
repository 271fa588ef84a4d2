//! Why a piece of input is no event.

use std::fmt;

use thiserror::Error;

/// The kinds of input that are no event, each counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Ends in the middle of a JSON value.
    CutOff,
    /// Text that is no JSON.
    NotJson,
    /// Holds bytes that no text has.
    Binary,
    /// JSON, but neither an audit event nor an envelope with one.
    NotAnEvent,
    /// An audit event with a field of a type that audit.k8s.io/v1 does not have.
    WrongType,
    /// Longer than the limit; only its head was kept.
    TooLong,
    /// The base64 or gzip inside an envelope is broken.
    BadEnvelope,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 7] = [
        Self::CutOff,
        Self::NotJson,
        Self::Binary,
        Self::NotAnEvent,
        Self::WrongType,
        Self::TooLong,
        Self::BadEnvelope,
    ];

    /// The stable word used in counters and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CutOff => "cut_off",
            Self::NotJson => "not_json",
            Self::Binary => "binary",
            Self::NotAnEvent => "not_an_event",
            Self::WrongType => "wrong_type",
            Self::TooLong => "too_long",
            Self::BadEnvelope => "bad_envelope",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A piece of input that is no event: why, and where in the piece.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason} at byte {at}: {what}")]
pub struct Reject {
    /// The kind.
    pub reason: Reason,
    /// The offset within the piece, in bytes.
    pub at: usize,
    /// What was expected or found there.
    pub what: &'static str,
}

impl Reject {
    /// A reject of this kind at this place.
    pub const fn new(reason: Reason, at: usize, what: &'static str) -> Self {
        Self { reason, at, what }
    }
}
