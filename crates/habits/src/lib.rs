//! What each identity normally does, and where each token is used from.
//!
//! ```text
//! Event ─ Seen ─ Memory::observe ─┬─ Novelty: what this identity never did before
//!                                 └─ Slots ─ Memory::again: the same once more, at the cost of a count
//!
//! Memory ─ Cluster ─ Identity ─ Entry: one habit; a request is taken apart into them (Facets), and held against those
//!                               of its identity (Judge)
//! ```
//!
//! Somebody is known who was watched for long enough (`Settings`), and is surprised only by what is rare for them: whose
//! habits were mostly seen once has new ones all the time ([`Shown::missing`] says so). What was new is a habit at once;
//! for an hour it still counts as new, so that an incident shows all that belongs to it.
//!
//! Nothing here does input or output: what must survive a restart is given away as [`Kept`] and taken back.

mod class;
mod client;
mod clock;
mod cluster;
mod crowd;
mod entry;
mod facets;
mod identity;
mod judge;
mod kept;
pub mod memory;
mod names;
mod network;
pub mod novelty;
mod secret;
pub mod seen;
pub mod shown;
pub mod tokens;
mod verb;
mod words;

pub use memory::{Kept, Memory, Observed, Settings, Slots};
pub use novelty::Novelty;
pub use seen::{Class, Seen};
pub use shown::Shown;
