//! The running thing: sources, detection, incidents, store and delivery; and the same over files at rest.
//!
//! ```text
//! source/* ─ Batch ─ pipeline ─ one transaction ─ store ─ delivery ─ sinks
//! ```

pub mod clock;
pub mod config;
mod delivery;
mod intake;
pub mod learnt;
mod ledger;
mod patience;
mod pipeline;
mod posture;
pub mod replay;
mod sensor;
pub mod source;
mod status;
mod tls;

pub use config::{Config, ConfigError};
pub use patience::Patience;
pub use posture::{Posture, PostureError};
pub use sensor::{Extras, Sensor, SensorError};
pub use status::Counters;
pub use tls::{TlsError, provider};
