//! Sigma rules over audit events: read, compiled, matched, correlated.
//!
//! ```text
//! Source ─ RuleSet::load ─ RuleSet ─┬─ judge(event) ─ Hit ─┬─ told
//!                                   │                      └─ Correlator ─ Correlated
//!                                   ├─ possible(outline): what a rule could say of requests of that kind
//!                                   └─ lint ─ Remark
//! ```
//!
//! What a rule says of one event follows from that event alone ([`RuleSet::judge`]); what it says of several is kept
//! by the [`Correlator`], which is told of hits in the order of the stream.

mod condition;
pub mod correlate;
pub mod error;
mod field;
mod filter;
mod index;
pub mod lint;
mod load;
mod matcher;
pub mod outline;
pub mod rule;
pub mod set;

pub use correlate::{Correlated, Correlator, Limits};
pub use error::LoadError;
pub use lint::{Remark, lint};
pub use outline::{About, Outline, Possible, Who, Word, Words};
pub use rule::{AuditLevel, Kind, Level, Rule, RuleId};
pub use set::{Hit, Loaded, RuleSet, Source};
