//! What is written for others to open: the HTML page and SARIF.

mod build;
mod html;
mod sarif;
