//! What is written for others to open: the HTML page and SARIF.

// The helpers of tests are tests too.
#![allow(clippy::unwrap_used)]

mod build;
mod html;
mod sarif;
