//! The store as its callers see it, on real files.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod commit;
mod crash;
mod given;
mod memory;
mod open;
mod outbox;
mod rehearsal;
mod touch;
