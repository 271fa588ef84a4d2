//! The only crate that talks to a Kubernetes API: it collects, read-only, what a scan needs, and hands raw JSON on.
//!
//! [`Connection::open`] finds the cluster, as kubectl does. [`collect`] lists what `posture` reads and hands every page
//! of it over as the bytes that the server sent; nothing here parses an object. What could not be read is said in
//! [`Collected::absent`], so that nobody takes half a cluster for a safe one. [`CollectorRole`] prints the least
//! rights that this takes.
//!
//! # Secrets
//!
//! The values of Secrets never cross the wire: the server is asked for `PartialObjectMetadataList`, which has only
//! their metadata. RBAC knows nothing of that, though: `list` on secrets is the right to read them all, whatever form
//! the holder asks for. Who does not want to give that right away leaves them out, with
//! [`CollectOptions::secrets`] and [`CollectorRole::secrets`].
//!
//! # Logs
//!
//! Nothing here logs above debug but a warning. The `kube` crate logs failed requests as errors, under the
//! target `kube_client`; all of them are retried or returned here too, so a program may turn that target off.

mod ask;
mod collect;
mod connect;
mod error;
mod resource;
mod role;
mod trouble;

pub use ask::Patience;
pub use collect::{Absence, CollectOptions, Collected, Listed, Page, collect};
pub use connect::{ConnectOptions, Connection};
pub use error::{ClusterError, Known, Place};
pub use resource::{RESOURCES, Resource, SERVICE_ACCOUNT_TOKEN};
pub use role::CollectorRole;
pub use trouble::Reason;
