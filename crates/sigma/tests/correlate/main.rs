//! What correlations say of streams of audit events: in order and out of it, bounded, and over restarts.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a helper that panics fails its test")]

mod bounds;
mod chains;
mod counts;
mod errors;
mod order;
mod reference;
mod restarts;
mod support;
