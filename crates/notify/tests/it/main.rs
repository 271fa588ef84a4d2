//! What the sinks do with real files and real HTTP servers.

#![allow(clippy::unwrap_used, reason = "a helper that panics fails its test")]
#![allow(clippy::needless_pass_by_value, reason = "`json!` makes values that have no other owner")]

mod config;
mod fixture;
mod look;
mod sink_file;
mod sink_slack;
mod sink_webhook;
