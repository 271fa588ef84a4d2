//! What identities do, what of it is ordinary, and what of it is told.
#![allow(clippy::unwrap_used, reason = "a helper that panics fails its test")]

mod ageing;
mod bounds;
mod given;
mod keeping;
mod ordinary;
mod surprise;
mod told;
