//! Posture: what each identity of a cluster could do if it were stolen.
//!
//! Pure: objects go in as bytes, a report comes out; nothing here reads a file or asks a server.
//!
//! 1. [`read`] turns bytes (what `kubectl get … -o json` or `-o yaml` prints, manifests, an API server's lists) into
//!    the [`model`]: a [`Cluster`].
//! 2. [`rbac`] answers exactly what Kubernetes' RBAC authorizer would: who can do what, and through which binding.
//! 3. [`risk`] holds the grants that let their holder become more than they are, one rule file a risk.
//! 4. [`assess`] finds who holds them, what runs with them and where they lead; [`usage`] what of them is used.
//! 5. [`report`] is what comes out.

pub mod assess;
pub mod model;
pub mod questions;
pub mod rbac;
pub mod read;
pub mod render;
pub mod report;
pub mod risk;
pub mod usage;

pub use assess::{Settings, scan};
pub use model::Cluster;
pub use read::{ReadError, Reader};
pub use sundew_audit::Severity;
