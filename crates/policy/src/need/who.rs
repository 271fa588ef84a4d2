//! Who makes requests, as far as detections tell identities apart by their names.

use sundew_habits::Class;

/// A kind of identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum By {
    /// A ServiceAccount, as decoys are; none of the control plane's.
    Account,
    /// Somebody with a client certificate, a token of an identity provider or a cloud's.
    Person,
    /// A kubelet.
    Node,
    /// The control plane, the accounts of its controllers in kube-system among it.
    ControlPlane,
    /// A request without a credential.
    Anonymous,
    /// A request whose credential was refused.
    Nobody,
}

/// Everybody who has a name.
pub const NAMED: &[By] = &[By::Account, By::Person, By::Node, By::ControlPlane];
/// Everybody whose request can be answered with anything but 401.
pub const ANYBODY: &[By] = &[By::Account, By::Person, By::Node, By::ControlPlane, By::Anonymous];

/// The API server's own name. Its credential is made when it starts and never leaves the process
/// (`apiserver/pkg/server/options/serving_with_loopback.go`).
pub const API_SERVER: &str = "system:apiserver";
/// The group of all kubelets: no ServiceAccount can be in it.
pub const NODES: &str = "system:nodes";
/// A name that stands for any kubelet's.
pub const ANY_NODE: &str = "system:node:_any";
/// The name of a request without a credential.
pub const ANONYMOUS: &str = "system:anonymous";

/// The parts of the control plane with a name of their own.
pub const COMPONENTS: [&str; 3] = [API_SERVER, "system:kube-controller-manager", "system:kube-scheduler"];

/// The kind that a user name is of.
pub fn kind(user: &str) -> By {
    match Class::of(user) {
        Some(Class::Workload) => By::Account,
        Some(Class::Controller) => By::ControlPlane,
        Some(Class::Node) => By::Node,
        Some(Class::Human) => By::Person,
        None if user.is_empty() => By::Nobody,
        None => By::Anonymous,
    }
}

/// The user name of a controller's account.
pub fn controller(account: &str) -> String {
    format!("system:serviceaccount:kube-system:{account}")
}
