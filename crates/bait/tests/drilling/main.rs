//! Drills as a cluster, a sensor and a user meet them: an API server of the test's own on loopback, and a real store
//! that a sensor of the test's own writes.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "each part uses some of it")]

mod arriving;
mod plane;
mod trouble;
