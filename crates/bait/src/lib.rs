//! The life of decoys in a cluster: planted, verified, drilled, retired and removed.
//!
//! Each step is written into the inventory before it is begun, so that a run which was interrupted is finished or taken
//! back by the next one. Nothing that another made is ever changed or deleted: objects are known by their uid.

pub mod announce;
pub mod drill;
pub mod error;
pub mod file;
pub mod gate;
pub mod plant;
pub mod remove;
pub mod search;
pub mod standing;
pub mod survey;

pub use error::BaitError;
