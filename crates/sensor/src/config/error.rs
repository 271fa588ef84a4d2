//! What can be wrong with a configuration.

use std::path::PathBuf;

use sundew_decoy::yaml::YamlError;
use sundew_notify::SinkError;
use thiserror::Error;

/// What is wrong with a configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is no configuration.
    #[error("{}: {source}", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: YamlError,
    },
    /// The parts do not fit together.
    #[error("{}: {problem}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A sink's name.
    #[error("{}: {source}", path.display())]
    Sink {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: SinkError,
    },
}
