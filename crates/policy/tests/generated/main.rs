//! What detections need of a policy, the policy that follows, what other policies blind, and what they cost.
#![allow(clippy::unwrap_used)]

mod blind;
mod estimate;
mod generate;
mod given;
mod habits;
mod large;
mod platform;
mod quiet;
mod rules;
mod tripwire;
