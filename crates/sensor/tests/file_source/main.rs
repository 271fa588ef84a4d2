//! The file source on real files: tailing, rotation, restarts, and everything that goes wrong with logs.
#![allow(clippy::unwrap_used)]

mod given;
mod hammer;
mod lines;
mod restart;
mod rotation;
mod trouble;
mod wait;
