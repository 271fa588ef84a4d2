//! What a policy decides, how it is read and printed, what is left of an event under it, and what is wrong with it.
#![allow(clippy::unwrap_used)]

#[path = "../cases/mod.rs"]
mod cases;

mod backend;
mod cut;
mod decide;
mod lint;
mod print;
mod read;
