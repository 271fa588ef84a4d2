//! The whole sensor at work: real files, real TLS, a real store, and everything that can go wrong with them.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;

mod changes;
mod clock;
mod delivery;
mod files;
mod kill;
mod poison;
mod posture;
mod store;
mod webhook;
