//! The life of a decoy against an API server that fails in every way a real one can.
#![allow(clippy::unwrap_used, reason = "a test")]

mod announce;
mod fake;
mod file;
mod grow;
mod plant;
mod remove;
mod render;
mod stage;
mod trouble;
