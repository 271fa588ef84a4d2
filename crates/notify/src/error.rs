//! What can be wrong with the configuration of a sink.

use std::path::PathBuf;

use thiserror::Error;

use crate::template::TemplateError;

/// Why a sink cannot be built. Names the sink, the field and what to do; holds no URL and no secret.
#[derive(Debug, Error)]
pub enum SinkError {
    /// The name cannot be used.
    #[error("`{name}` is no name for a sink; use 1 to 64 letters, digits, `-`, `_` or `.`")]
    Name {
        /// The name.
        name: String,
    },
    /// Two sinks have one name.
    #[error("two sinks are named `{name}`; what is owed to each is kept by name, so rename one")]
    Twice {
        /// The name.
        name: String,
    },
    /// None of several fields was given, or more than one.
    #[error("sink `{sink}`: give exactly one of {fields}")]
    Choice {
        /// The sink.
        sink: String,
        /// The fields to choose from.
        fields: &'static str,
    },
    /// A variable of the environment is not set or is empty.
    #[error("sink `{sink}`: {field} names the variable {variable}, which is not set or is empty")]
    Env {
        /// The sink.
        sink: String,
        /// The field that names the variable.
        field: &'static str,
        /// The variable.
        variable: String,
    },
    /// The file of a secret cannot be used.
    #[error("sink `{sink}`: cannot use {field} {}: {why}", path.display())]
    SecretFile {
        /// The sink.
        sink: String,
        /// The field that names the file.
        field: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The URL cannot be used.
    #[error("sink `{sink}`: the URL cannot be used: {why}")]
    Url {
        /// The sink.
        sink: String,
        /// What is wrong with it, without showing it.
        why: String,
    },
    /// A header cannot be sent.
    #[error("sink `{sink}`: header `{header}`: {why}")]
    Header {
        /// The sink.
        sink: String,
        /// The name of the header.
        header: String,
        /// What is wrong with it, without its value.
        why: String,
    },
    /// The template of the body is wrong.
    #[error("sink `{sink}`: body: {source}")]
    Template {
        /// The sink.
        sink: String,
        /// What is wrong with it.
        source: TemplateError,
    },
    /// The file to write alerts to cannot be used.
    #[error("sink `{sink}`: cannot write to {}: {why}", path.display())]
    Path {
        /// The sink.
        sink: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The HTTP client cannot be made.
    #[error("sink `{sink}`: cannot set up HTTPS: {why}; are the system's CA certificates installed?")]
    Client {
        /// The sink.
        sink: String,
        /// What is wrong.
        why: String,
    },
}
