//! Single objects, watched Secrets and watched pods, against a server of the test's own on loopback.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test")]

mod anybody;
mod hand;
mod plugin;
mod pods;
mod secrets;
mod server;
