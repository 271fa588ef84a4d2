//! Detection: events become findings, findings become incidents.
//!
//! ```text
//! Event ─ Detectors ─ Clue ─ Watch ─ Finding ─ Incidents ─ Incident
//!         │ Tripwire         │ Desk
//!         │ Rulebook         │ Correlator
//!         └ Seen             └ Memory
//! ```

pub mod advice;
pub mod client;
pub mod desk;
pub mod detectors;
pub mod echo;
pub mod finding;
pub mod incident;
pub mod incidents;
pub mod peer;
pub mod rehearsal;
mod report;
pub mod rule;
pub mod rules;
pub mod sensor;
mod steps;
pub mod tripwire;
pub mod watch;

pub use desk::{Desk, Outcome};
pub use detectors::{Clue, Detectors, Told};
pub use echo::{Again, Echo, Quiet};
pub use finding::{Actor, DecoyRef, Detector, Finding, Request, Severity};
pub use incident::{Change, Incident, NextStep, Step};
pub use incidents::{Grouping, Growth, Incidents};
pub use peer::{Peer, PeerPod};
pub use rehearsal::{Purpose, Rehearsal, Seen, Sight};
pub use report::label_changed;
pub use rules::{Exception, RuleSettings, Rulebook};
pub use tripwire::{Duty, Signal, Tripwire};
pub use watch::Watch;
