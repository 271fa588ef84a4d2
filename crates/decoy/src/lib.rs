//! Decoys: the stories they tell, what is made for them, the inventory of those that stand, and what gives bait away.
//!
//! Pure: [`plan::plan`] makes objects of a [`persona::Persona`], [`stealth::check`] looks at them as an intruder would,
//! and the [`Inventory`] lists what was made.

pub mod drift;
pub mod inventory;
mod kinds;
pub mod persona;
pub mod plan;
pub mod stealth;
pub mod surroundings;
mod words;
pub mod yaml;

pub use inventory::{Decoy, Inventory, InventoryError, MountedBy, Namespace, Object, Part, Placement, State};
pub use persona::{Persona, PersonaError};
