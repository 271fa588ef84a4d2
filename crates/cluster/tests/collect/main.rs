//! Collecting from an API server: whole, and when it goes wrong.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod server;
mod trouble;
mod whole;
