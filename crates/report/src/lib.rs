//! One page for people that joins what all of Sundew knows of a cluster, and says what to do first.
//!
//! ```text
//! Facts ─ first ─ what to do first ─┐
//!       └ sections ─────────────────┴─ Page ─┬─ html
//!                                            └─ markdown
//! ```
//!
//! Pure: facts in, text out. What was not looked at is said to be so, and never taken for good.

mod facts;
mod first;
mod html;
mod markdown;
mod page;
mod sections;

pub use facts::{Concern, Decoy, Facts, Held, Looked, Sensor};
pub use html::html;
pub use markdown::{code as markdown_code, markdown, text as markdown_text};
pub use page::{Page, Section, State, Table, Todo};

use thiserror::Error;

/// Why a report could not be written out.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The HTML page.
    #[error(
        "the HTML page could not be written: {0}; please report this, and use --format markdown meanwhile"
    )]
    Html(#[from] askama::Error),
}
