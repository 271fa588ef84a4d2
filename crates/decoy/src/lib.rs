//! Decoys: the inventory of planted accounts and where copies of their credentials lie.

pub mod inventory;
pub mod yaml;

pub use inventory::{Decoy, Inventory, InventoryError, MountedBy, Namespace, Placement};
