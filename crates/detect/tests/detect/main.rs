//! What the detector says of events, and what incidents make of it.
#![allow(clippy::unwrap_used, reason = "a helper that panics fails its test")]

mod drills;
mod duties;
mod forging;
mod given;
mod growth;
mod incidents;
mod nothing;
mod peers;
mod rehearsals;
mod rows;
mod schedule;
mod sensor;
mod steps;
mod table;
mod workload_rows;
