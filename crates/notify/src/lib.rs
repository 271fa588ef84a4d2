//! The sinks: each turns an incident into the message its reader expects.
//!
//! An incident goes out as a [`Message`]. What an alert says is decided once, in [`digest`]; `slack`, `file` and
//! `terminal` only lay it out, and `webhook` sends the wire form or a body of the operator's own. A [`Sink`]
//! tries once and says what came of it; whoever owns the outbox waits, by [`Backoff`], and tries again.

mod backoff;
mod build;
mod config;
pub mod digest;
mod duration;
mod error;
mod file;
mod http;
mod message;
mod plain;
mod secret;
mod signature;
mod sink;
mod slack;
mod template;
mod terminal;
mod text;
mod webhook;

pub use backoff::Backoff;
pub use build::build;
pub use config::{
    FileConfig, FileFormat, HeaderConfig, SinkConfig, SlackConfig, TerminalConfig, WebhookConfig, check_names,
};
pub use error::SinkError;
pub use message::{Message, SCHEMA};
pub use plain::render_text;
pub use secret::Secret;
pub use signature::{SignatureError, sign, verify_signature};
pub use sink::{DeliveryError, Sink};
pub use template::TemplateError;
pub use terminal::render_terminal;
