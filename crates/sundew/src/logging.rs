//! The program's own log: standard error, plain words on a terminal, JSON where `SUNDEW_LOG_FORMAT=json` asks for it.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt};

/// Starts the log. `SUNDEW_LOG` sets what is logged, as `warn` or `sundew_sensor=debug`.
pub(crate) fn start(default: &str) {
    // The client library tells each failed request as an error, also those that are tried again; whoever asked says so.
    let default = || EnvFilter::new(format!("{default},kube_client=off"));
    let filter = EnvFilter::try_from_env("SUNDEW_LOG").unwrap_or_else(|_| default());
    let log = fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    // A second start, as in tests, keeps the first.
    let _ = if std::env::var("SUNDEW_LOG_FORMAT").is_ok_and(|format| format == "json") {
        log.json().try_init()
    } else {
        log.with_ansi(io::stderr().is_terminal()).try_init()
    };
}
