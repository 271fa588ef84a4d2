//! Why a request about one object failed.

use crate::{ask::Refusal, trouble::Reason};

/// Why a request about one object failed. Holds no credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandError {
    /// The account may not do it (403).
    #[error("this credential may not {verb} {object}: {message}")]
    Forbidden {
        /// The verb.
        verb: &'static str,
        /// The object.
        object: String,
        /// What the server said.
        message: String,
    },
    /// There is no such object, or its namespace is missing (404).
    #[error("cannot {verb} {object}: it is not there ({message})")]
    Missing {
        /// The verb.
        verb: &'static str,
        /// The object.
        object: String,
        /// What the server said.
        message: String,
    },
    /// An object of that name is there (409 AlreadyExists).
    #[error("{object} is there already")]
    Exists {
        /// The object.
        object: String,
    },
    /// Somebody else changed it meanwhile, or another has its name by now (409 Conflict).
    #[error("{object} was changed by somebody else: {message}")]
    Conflict {
        /// The object.
        object: String,
        /// What the server said.
        message: String,
    },
    /// The server does not take it (400, 422), or an admission policy refuses it.
    #[error("the server does not take {object}: {message}")]
    Refused {
        /// The object.
        object: String,
        /// What the server said.
        message: String,
    },
    /// The kind is none that this can handle.
    #[error("{object} is of a kind that is not planted; use one of {known}")]
    UnknownKind {
        /// The object.
        object: String,
        /// The kinds that are.
        known: String,
    },
    /// Its name or namespace cannot be asked for.
    #[error("{object} cannot be asked for: {why}; correct its metadata")]
    BadKey {
        /// The object.
        object: String,
        /// What is wrong.
        why: &'static str,
    },
    /// Anything else.
    #[error("cannot {verb} {object}: {why}")]
    Failed {
        /// The verb.
        verb: &'static str,
        /// The object.
        object: String,
        /// Why.
        why: Reason,
    },
}

/// What the server's own admission says where it refuses with 403, although the account may.
const ADMISSION: [&str; 5] = [
    "admission webhook",
    "ValidatingAdmissionPolicy",
    "violates PodSecurity",
    "exceeded quota",
    "because it is being terminated",
];

impl HandError {
    /// What a refusal means for `object`.
    pub(super) fn of(verb: &'static str, object: String, refusal: Refusal, limit: usize) -> Self {
        match refusal {
            Refusal::NotFound { message } => Self::Missing { verb, object, message },
            Refusal::Taken => Self::Exists { object },
            Refusal::Because(Reason::Forbidden { message })
                if ADMISSION.iter().any(|words| message.contains(words)) =>
            {
                Self::Refused { object, message }
            }
            Refusal::Because(Reason::Forbidden { message }) => Self::Forbidden { verb, object, message },
            Refusal::Because(Reason::Refused { status: 409, message }) => Self::Conflict { object, message },
            // The uid in a patch is another than the object's (validation/objectmeta.go).
            Refusal::Because(Reason::Refused { status: 422, message })
                if message.contains("metadata.uid") && message.contains("immutable") =>
            {
                Self::Conflict { object, message }
            }
            Refusal::Because(Reason::Refused { status: 400 | 422, message }) => {
                Self::Refused { object, message }
            }
            other => Self::Failed { verb, object, why: other.into_reason(limit) },
        }
    }
}
