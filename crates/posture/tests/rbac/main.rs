//! Kubernetes' RBAC, asked twice: by the program, and by a slow second implementation that works in another way.
#![allow(clippy::unwrap_used, reason = "a test")]

mod aggregate;
mod naive;
mod same;
mod small;
