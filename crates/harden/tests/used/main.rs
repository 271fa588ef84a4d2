//! What is concluded from what was used: narrower roles, tokens that nobody uses, and when nothing is concluded.
#![allow(clippy::unwrap_used, reason = "a test")]

mod automount;
mod careful;
mod coverage;
mod given;
mod hidden;
mod rbac;
mod recordings;
