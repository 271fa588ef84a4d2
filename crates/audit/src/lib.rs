//! The audit event: finds the lines, unwraps the envelopes, reads the fields without copying.
//!
//! Four ways lead from bytes to events, in order of how much they look at:
//!
//! - [`skim`] passes over whole chunks at several gigabytes a second and points at the few lines that could matter,
//!   in memory or through a [`window`] in the page cache;
//! - [`print`](mod@print) tells lines that differ from an earlier one in ids and times alone;
//! - [`parse`] reads every field of one event, checking that the JSON is sound;
//! - [`plain`] does the same with `serde_json`, as the oracle that the fast one is tested against.
//!
//! [`unwrap`](mod@unwrap) takes one line or document in any known envelope and yields the events in it.

pub mod decompress;
pub mod documents;
pub mod event;
mod json;
mod list;
pub mod parse;
pub mod plain;
pub mod print;
pub mod reject;
pub mod severity;
pub mod skim;
pub mod text;
pub mod unwrap;
pub mod window;

pub use event::{Details, Event, ObjectRef, Status, User};
pub use reject::{Reason, Reject};
pub use severity::Severity;
pub use text::Text;
pub use unwrap::{Item, Unwrapper};
