//! What closes the hole: the exact changes for one cluster, each with its reason, its order and its way back.
//!
//! ```text
//! audit logs ─ Evidence ─┐
//! objects ─── Cluster ───┼─ tokens, automount, rbac, settings ─ findings for people ─ Plan: files to apply, in order
//! habits ─── Shown ──────┘
//! ```
//!
//! Pure: what was gathered goes in, plans come out; nothing here asks a cluster or writes a file. Nothing is concluded
//! from what could not be seen: [`evidence::Coverage`] says what the logs cover.

pub mod automount;
pub mod evidence;
pub mod plan;
pub mod rbac;
pub mod settings;
mod shell;
mod spared;
pub mod tokens;

pub use evidence::Evidence;
pub use plan::{Plan, Step};
