//! Personas, plans, the stealth check and drift, as those who plant see them.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod built_in;
mod docs;
mod drift;
mod given;
mod inventory;
mod outside;
mod persona;
mod planning;
mod refusals;
mod stealth;
