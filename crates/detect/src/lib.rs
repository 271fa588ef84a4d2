//! Detection: events become findings, findings become incidents.

pub mod finding;
pub mod incident;

pub use finding::{Actor, DecoyRef, Detector, Finding, Request, Severity};
pub use incident::{Change, Incident, NextStep, Step};
