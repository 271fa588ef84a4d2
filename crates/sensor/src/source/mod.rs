//! Where events come from. Each source hands batches to the pipeline and learns when one is safe.

pub(crate) mod cluster;
pub mod file;
pub(crate) mod follow;
pub(crate) mod stdin;
pub(crate) mod webhook;
