//! What is judged before bait is made, and after: what its account could do, where it fits, how it stands, and how it is
//! found again.
#![allow(clippy::unwrap_used)]

mod gate;
mod given;
mod personas;
mod search;
mod standing;
mod survey;
