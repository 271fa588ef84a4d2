//! Who somebody is, by the name that the API server authenticated.

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

/// The accounts in kube-system that kube-controller-manager makes itself tokens for
/// (`--use-service-account-credentials`, which kubeadm and its kin set): those of
/// `cmd/kube-controller-manager/names/controller_names.go` as far as they talk to the API server.
const CONTROLLERS: [&str; 46] = [
    "attachdetach-controller",
    "bootstrap-signer",
    "certificate-controller",
    "cloud-node-controller",
    "cloud-provider",
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "daemon-set-controller",
    "deployment-controller",
    "device-taint-eviction-controller",
    "disruption-controller",
    "endpoint-controller",
    "endpointslice-controller",
    "endpointslicemirroring-controller",
    "ephemeral-volume-controller",
    "expand-controller",
    "generic-garbage-collector",
    "horizontal-pod-autoscaler",
    "job-controller",
    "kube-apiserver-serving-clustertrustbundle-publisher",
    "legacy-service-account-token-cleaner",
    "namespace-controller",
    "node-controller",
    "node-ipam-controller",
    "persistent-volume-binder",
    "pod-garbage-collector",
    "pv-protection-controller",
    "pvc-protection-controller",
    "replicaset-controller",
    "replication-controller",
    "resource-claim-controller",
    "resourcequota-controller",
    "root-ca-cert-publisher",
    "route-controller",
    "selinux-warning-controller",
    "service-account-controller",
    "service-ca-cert-publisher",
    "service-cidrs-controller",
    "service-controller",
    "statefulset-controller",
    "storage-version-migrator-controller",
    "taint-eviction-controller",
    "token-cleaner",
    "ttl-after-finished-controller",
    "ttl-controller",
    "validatingadmissionpolicy-status-controller",
];

/// The kind of the actor of this user name, empty where there is none.
pub(crate) fn kind(username: &str) -> Kind {
    let Some(rest) = username.strip_prefix("system:") else {
        return if username.is_empty() { Kind::Unauthenticated } else { Kind::Human };
    };
    if let Some((namespace, name)) = account(username) {
        let own = namespace == "kube-system" && CONTROLLERS.binary_search(&name).is_ok();
        return if own { Kind::Controller } else { Kind::Workload };
    }
    if rest.starts_with("node:") {
        return Kind::Node;
    }
    if rest == "anonymous" {
        return Kind::Anonymous;
    }
    if rest == "apiserver" || rest.starts_with("kube-") { Kind::Controller } else { Kind::Human }
}

/// Namespace and name of the ServiceAccount of this user name, if it is one.
pub(super) fn account(username: &str) -> Option<(&str, &str)> {
    username.strip_prefix(ACCOUNT)?.split_once(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers_can_be_searched() {
        assert!(CONTROLLERS.is_sorted());
    }

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
