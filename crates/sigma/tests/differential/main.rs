//! The engine held against `rsigma-eval`, the reference: the same rules and events must come to the same verdicts,
//! but for the differences that `listed.rs` gives reasons for.

mod both;
mod listed;
mod made_up;
mod recorded;
mod rule;
mod sigmahq;
