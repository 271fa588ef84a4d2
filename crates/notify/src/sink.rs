//! What every sink is: a name, a kind and one try at delivering a message.

use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use crate::message::Message;

/// Somewhere that alerts go.
#[async_trait]
pub trait Sink: Send + Sync {
    /// The name from the configuration, unique among the sinks.
    fn name(&self) -> &str;

    /// The kind: `file`, `slack`, `webhook` or `terminal`.
    fn kind(&self) -> &'static str;

    /// Tries once to deliver. `Ok` means that the receiver has the message for good.
    ///
    /// # Errors
    ///
    /// Says whether another try can help. A message whose delivery failed may have arrived all the same, so
    /// receivers can see one twice, with the same incident and revision.
    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError>;
}

/// Why a delivery failed. Holds no URL and no secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DeliveryError {
    /// Another try can help.
    #[error("{why}; it will be tried again")]
    Retry {
        /// The least time to wait, where the receiver named one; at most an hour.
        after: Option<Duration>,
        /// What went wrong, in words.
        why: String,
    },
    /// This message will never be accepted as the sink stands; it belongs among the dead letters.
    #[error("{why}; it will not be tried again")]
    Refused {
        /// What went wrong, in words.
        why: String,
    },
}

impl DeliveryError {
    /// Another try can help, and the receiver named no time.
    pub(crate) fn retry(why: impl Into<String>) -> Self {
        Self::Retry { after: None, why: why.into() }
    }

    /// No other try can help.
    pub(crate) fn refused(why: impl Into<String>) -> Self {
        Self::Refused { why: why.into() }
    }
}
