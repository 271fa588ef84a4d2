//! The only crate that talks to a Kubernetes API: it collects what a scan needs, plants and removes single objects, and
//! watches the decoys' Secrets and the pods.
//!
//! [`Connection::open`] finds the cluster, as kubectl does.
//!
//! - [`collect`] lists what `posture` reads and hands every page of it over as the bytes that the server sent, its objects
//!   not looked at. What could not be read is said in [`Collected::absent`], so that nobody takes half a cluster for a safe
//!   one. [`CollectorRole`] prints the least rights that this takes.
//! - [`Connection::ask_as_anybody`] says what the server answers to anybody.
//! - [`Hand`] makes, reads, changes and deletes single objects of the kinds that decoys are made of, and uses tokens.
//! - [`watch_secret`] follows the metadata of one Secret, [`watch_pods`] all pods and their addresses: for as long as
//!   somebody listens, whatever becomes of the server meanwhile.
//!
//! # Secrets
//!
//! When it collects or watches, the values of Secrets never cross the wire: the server is asked for
//! `PartialObjectMetadata`, and what sends more is not read. Only [`Hand::get`] reads a Secret whole. RBAC knows nothing
//! of that, though: `list` on secrets is the right to read them all, whatever form the holder asks for. Who does not want
//! to give that right away leaves them out, with [`CollectOptions::secrets`] and [`CollectorRole::secrets`].
//!
//! # Logs
//!
//! Nothing here logs above debug but a warning. The `kube` crate logs failed requests as errors, under the
//! target `kube_client`; all of them are retried or returned here too, so a program may turn that target off.

mod anybody;
mod ask;
mod clock;
mod collect;
mod connect;
mod error;
mod hand;
mod list;
mod pods;
mod resource;
mod role;
mod secrets;
mod trouble;
mod watch;

pub use anybody::ANYBODY_PATHS;
pub use ask::{Agent, Patience};
pub use collect::{Absence, CollectOptions, Collected, Listed, Page, collect};
pub use connect::{ConnectOptions, Connection, Endpoint, Stamp};
pub use error::{ClusterError, Known, Place};
pub use hand::{Deleted, Hand, HandError, ObjectKey};
pub use pods::{PodAt, Pods, PodsNews, watch_pods};
pub use resource::{RESOURCES, Resource, SERVICE_ACCOUNT_TOKEN};
pub use role::CollectorRole;
pub use secrets::{SecretNews, SecretSeen, watch_secret};
pub use trouble::Reason;
