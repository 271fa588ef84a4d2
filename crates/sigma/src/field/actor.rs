//! Who somebody is, by the name that the API server authenticated.

use sundew_habits::Class;

/// What kind of actor: `sundew.actor.kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// A ServiceAccount.
    Workload,
    /// Part of the control plane, its controllers' own accounts among it.
    Controller,
    /// A kubelet.
    Node,
    /// Somebody else with a name.
    Human,
    /// A request without a credential.
    Anonymous,
    /// A request whose credential was not taken: a 401 names nobody.
    Unauthenticated,
}

/// All kinds.
pub(crate) const KINDS: [Kind; 6] =
    [Kind::Workload, Kind::Controller, Kind::Node, Kind::Human, Kind::Anonymous, Kind::Unauthenticated];

impl Kind {
    /// The word in rules.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Workload => "workload",
            Self::Controller => "controller",
            Self::Node => "node",
            Self::Human => "human",
            Self::Anonymous => "anonymous",
            Self::Unauthenticated => "unauthenticated",
        }
    }
}

/// What begins a ServiceAccount's user name.
const ACCOUNT: &str = "system:serviceaccount:";

/// The kind of the actor of this user name, empty where there is none.
pub(crate) fn kind(username: &str) -> Kind {
    match Class::of(username) {
        Some(Class::Workload) => Kind::Workload,
        Some(Class::Controller) => Kind::Controller,
        Some(Class::Node) => Kind::Node,
        Some(Class::Human) => Kind::Human,
        None if username.is_empty() => Kind::Unauthenticated,
        None => Kind::Anonymous,
    }
}

/// Namespace and name of the ServiceAccount of this user name, if it is one.
pub(super) fn account(username: &str) -> Option<(&str, &str)> {
    username.strip_prefix(ACCOUNT)?.split_once(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_of_one_kind() {
        for (name, is) in [
            ("", Kind::Unauthenticated),
            ("system:anonymous", Kind::Anonymous),
            ("system:apiserver", Kind::Controller),
            ("system:kube-scheduler", Kind::Controller),
            ("system:serviceaccount:kube-system:job-controller", Kind::Controller),
            ("system:serviceaccount:kube-system:backup-sa", Kind::Workload),
            // Whoever makes an account of that name in a namespace of their own is no controller.
            ("system:serviceaccount:shop:job-controller", Kind::Workload),
            ("system:node:worker-1", Kind::Node),
            ("system:nodeling", Kind::Human),
            ("kubernetes-admin", Kind::Human),
            ("jane@example.org", Kind::Human),
        ] {
            assert_eq!(kind(name), is, "{name}");
        }
    }
}
