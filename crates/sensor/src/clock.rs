//! The time of day, which can jump, behind a trait so that tests can make it.

use std::fmt::Debug;

use jiff::Timestamp;

/// Tells the time of day.
pub trait Clock: Debug + Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
