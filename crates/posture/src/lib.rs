//! Posture: what each identity of a cluster could do if it were stolen.
//!
//! Pure: objects go in as bytes, a report comes out; nothing here reads a file or asks a server.
//!
//! 1. [`read`] turns bytes (what `kubectl get … -o json` or `-o yaml` prints, manifests, an API server's lists) into
//!    the [`model`]: a [`Cluster`].
//! 2. [`rbac`] answers exactly what Kubernetes' RBAC authorizer would: who can do what, and through which binding.
//! 3. [`risk`] holds the grants that let their holder become more than they are, one rule file a risk.

pub mod model;
pub mod rbac;
pub mod read;
pub mod risk;

pub use model::Cluster;
pub use read::{ReadError, Reader};
pub use sundew_audit::Severity;
