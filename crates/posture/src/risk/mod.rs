//! Risks: grants that let their holder become more than they are. Each is a file, not code: see `risks/` of this crate.

mod builtin;
mod exception;
mod rule;

pub use builtin::builtin;
pub(crate) use exception::is_like;
pub use exception::{Exception, ExceptionFile, NotExcepted};
pub use rule::{Becomes, Grant, Range, Risk, RiskError, Scope, Severities, parse};
