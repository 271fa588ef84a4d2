//! A report as text for others to open: a page to read, and SARIF for code scanning.

mod html;
mod sarif;

use thiserror::Error;

pub use self::{
    html::{
        STYLE,
        escape::{Untrusted, is_hidden},
        html,
    },
    sarif::{SarifOptions, sarif},
};

/// Why a report could not be written out.
#[derive(Debug, Error)]
pub enum RenderError {
    /// The HTML page.
    #[error("the HTML page could not be written: {0}; please report this, and use the JSON output meanwhile")]
    Html(#[from] askama::Error),
    /// SARIF.
    #[error("SARIF could not be written: {0}; please report this, and use the JSON output meanwhile")]
    Sarif(#[from] serde_json::Error),
}
