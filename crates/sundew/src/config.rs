//! Reads the configuration, and says what to do where there is none.

use std::path::Path;

use anyhow::{Error, Result};
use sundew_sensor::{Config, ConfigError};

/// Reads and checks the configuration at `path`.
pub(crate) fn load(path: &Path) -> Result<Config> {
    Config::load(path).map_err(|error| match &error {
        ConfigError::Read { .. } => Error::new(error).context(
            "no configuration; write one (docs/watch.md shows the smallest), or name it with -c FILE",
        ),
        _ => error.into(),
    })
}
