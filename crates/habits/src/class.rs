//! What kind of identity a user name belongs to.

/// What kind of identity: each has habits of its own kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// A ServiceAccount that some workload uses.
    Workload,
    /// Part of the control plane: `system:kube-…`, `system:apiserver`, the controllers' accounts in kube-system.
    Controller,
    /// `system:node:…`.
    Node,
    /// Somebody with a client certificate, a token of an identity provider or a cloud's.
    Human,
}

/// The accounts in kube-system under which kube-controller-manager runs its controllers
/// (`plugin/pkg/auth/authorizer/rbac/bootstrappolicy/controller_policy.go` and `namespace_policy.go` beside it). In order,
/// to be searched.
const CONTROLLERS: [&str; 48] = [
    "attachdetach-controller",
    "bootstrap-signer",
    "certificate-controller",
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
    "persistent-volume-binder",
    "pod-garbage-collector",
    "podcertificaterequestcleaner",
    "podcertificaterequestcleaner-controller",
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
    "storage-version-garbage-collector",
    "storage-version-migrator-controller",
    "taint-eviction-controller",
    "token-cleaner",
    "ttl-after-finished-controller",
    "ttl-controller",
    "validatingadmissionpolicy-status-controller",
    "volumeattributesclass-protection-controller",
];

impl Class {
    /// The class of a user name; none for one that names nobody.
    pub fn of(user: &str) -> Option<Self> {
        let Some(system) = user.strip_prefix("system:") else {
            return (!user.is_empty()).then_some(Self::Human);
        };
        if let Some(account) = system.strip_prefix("serviceaccount:") {
            let controller = account.strip_prefix("kube-system:").is_some_and(is_controller);
            return Some(if controller { Self::Controller } else { Self::Workload });
        }
        if system.starts_with("node:") {
            return Some(Self::Node);
        }
        let plane = system == "apiserver" || system.starts_with("kube-");
        match system {
            "anonymous" => None,
            _ if plane => Some(Self::Controller),
            _ => Some(Self::Human),
        }
    }

    /// The word used in output and in what is kept.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workload => "workload",
            Self::Controller => "controller",
            Self::Node => "node",
            Self::Human => "human",
        }
    }
}

fn is_controller(account: &str) -> bool {
    CONTROLLERS.binary_search(&account).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_what_kind_of_identity_it_is() {
        for (user, class) in [
            ("system:serviceaccount:shop:frontend", Some(Class::Workload)),
            ("system:serviceaccount:kube-system:coredns", Some(Class::Workload)),
            ("system:serviceaccount:shop:deployment-controller", Some(Class::Workload)),
            ("system:serviceaccount:kube-system:deployment-controller", Some(Class::Controller)),
            ("system:serviceaccount:kube-system:ttl-controller", Some(Class::Controller)),
            ("system:kube-scheduler", Some(Class::Controller)),
            ("system:kube-controller-manager", Some(Class::Controller)),
            ("system:apiserver", Some(Class::Controller)),
            ("system:node:worker-1", Some(Class::Node)),
            ("kubernetes-admin", Some(Class::Human)),
            ("system:admin", Some(Class::Human)),
            ("arn:aws:iam::1:role/x", Some(Class::Human)),
            ("system:anonymous", None),
            ("", None),
        ] {
            assert_eq!(Class::of(user), class, "{user}");
        }
    }

    #[test]
    fn the_controllers_stand_in_order() {
        assert!(CONTROLLERS.is_sorted());
    }
}
