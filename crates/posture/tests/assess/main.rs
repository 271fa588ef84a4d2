//! What a scan finds in small clusters, each written out in the test: every row of the comparison with other tools.
#![allow(clippy::unwrap_used, reason = "a test")]

mod compare;
mod cuts;
mod everyone;
mod exceptions;
mod given;
mod groups;
mod halves;
mod least;
mod nodes;
mod paths;
mod pods;
mod privileged;
mod random;
mod recordings;
mod scopes;
mod subjects;
mod tokens;
mod unused;
mod upstream;
mod usage;
mod versions;
