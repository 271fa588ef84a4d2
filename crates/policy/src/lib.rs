//! The API server's audit policy: what it logs, what each detection needs of it, and what a given policy blinds.
//!
//! ```text
//! YAML ─ read ─ Policy ─┬─ decide(request) ─ Decision ─ cut(event): what would have been logged
//!                       └─ lint ─ Remark
//! rules, tripwire, habits ─ needs ─ Need ─┬─ lint: what a policy blinds
//!                                         └─ generate: a policy that blinds nothing, at the least volume
//! ```
//!
//! Pure: text and events in, text and remarks out.

pub mod backend;
pub mod blind;
pub mod cut;
pub mod decide;
pub mod estimate;
pub mod generate;
pub mod lint;
pub mod model;
pub mod need;
pub mod platform;
pub mod print;
pub mod read;

pub use backend::lint_flags;
pub use cut::{Cut, cut};
pub use decide::{Attributes, Decision, Target};
pub use lint::{Remark, Weight, lint};
pub use model::{Level, Policy, Resources, Rule, Stage};
pub use read::{PolicyError, Read, read};
