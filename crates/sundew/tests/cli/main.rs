//! The command line as people and scripts meet it: output, exit codes, and the sensor as a process.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;

mod bait;
mod errors;
mod habits;
mod harden_automount;
mod harden_cluster;
mod harden_rbac;
mod harden_tokens;
mod policy_generate;
mod policy_lint;
mod replay;
mod report;
mod rules;
mod scan;
mod small;
mod store;
mod watch;
mod who_can;
