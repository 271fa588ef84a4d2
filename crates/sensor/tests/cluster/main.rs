//! A cluster as a source: the sensor over an API server of the tests' own, on loopback.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;

mod api;
mod attribution;
mod drills;
mod gone;
mod heartbeat;
mod label;
mod trouble;
mod upkeep;
