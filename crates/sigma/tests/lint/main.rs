//! What the lint says of rules.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a helper that panics fails its test"
)]

mod advice;
mod broken;
mod correlations;
mod dead;
mod doubts;
mod sigmahq;
mod support;
