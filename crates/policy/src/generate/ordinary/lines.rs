//! The table of what the control plane and the kubelets do all day.

/// The controllers that write all day (`pkg/controller/*`, by their accounts in kube-system).
pub(super) const CONTROLLERS: [&str; 24] = [
    "attachdetach-controller",
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "daemon-set-controller",
    "deployment-controller",
    "disruption-controller",
    "endpoint-controller",
    "endpointslice-controller",
    "endpointslicemirroring-controller",
    "generic-garbage-collector",
    "horizontal-pod-autoscaler",
    "job-controller",
    "namespace-controller",
    "node-controller",
    "persistent-volume-binder",
    "replicaset-controller",
    "replication-controller",
    "resourcequota-controller",
    "root-ca-cert-publisher",
    "service-account-controller",
    "service-ca-cert-publisher",
    "service-cidrs-controller",
    "statefulset-controller",
    "ttl-controller",
];

/// The controllers that read all there is.
pub(super) const READERS: [&str; 7] = [
    "generic-garbage-collector",
    "horizontal-pod-autoscaler",
    "legacy-service-account-token-cleaner",
    "namespace-controller",
    "node-controller",
    "resourcequota-controller",
    "storage-version-migrator-controller",
];

/// The controllers that put something into every namespace.
pub(super) const PUBLISHERS: [&str; 3] =
    ["root-ca-cert-publisher", "service-account-controller", "service-ca-cert-publisher"];

/// Who all controllers are, where they have no accounts of their own, and who makes those accounts.
pub(super) const MANAGER: &str = "system:kube-controller-manager";

/// The other accounts of controllers for which their manager asks tokens.
pub(super) const MORE_ACCOUNTS: [&str; 19] = [
    "bootstrap-signer",
    "certificate-controller",
    "cloud-provider",
    "device-taint-eviction-controller",
    "ephemeral-volume-controller",
    "expand-controller",
    "legacy-service-account-token-cleaner",
    "pod-garbage-collector",
    "pv-protection-controller",
    "pvc-protection-controller",
    "resource-claim-controller",
    "route-controller",
    "selinux-warning-controller",
    "service-controller",
    "storage-version-migrator-controller",
    "taint-eviction-controller",
    "token-cleaner",
    "ttl-after-finished-controller",
    "validatingadmissionpolicy-status-controller",
];

/// Whose work a line is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose {
    ApiServer,
    Manager,
    /// The parts of the control plane that have a name of their own.
    Components,
    /// Those, and the controllers that read all there is.
    Readers,
    /// Who makes what each namespace has, and the accounts of controllers.
    Publishers,
    /// Components, and the controllers that write.
    ControlPlane,
    Nodes,
}

/// What one kind of identity does of its own accord.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) whose: Whose,
    pub(super) verbs: &'static [&'static str],
    /// Group and resources; all of the group where none are named.
    pub(super) resources: &'static [(&'static str, &'static [&'static str])],
    pub(super) urls: &'static [&'static str],
    /// Only accounts of controllers, by their names: none of them is ever a decoy.
    pub(super) own_accounts: bool,
    pub(super) comment: &'static str,
}

const READS: &[&str] = &["get", "list", "watch"];
const CHANGES: &[&str] = &["create", "update", "patch"];

/// What is read and shared by the caches of the control plane.
const CACHED: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "configmaps",
            "endpoints",
            "events",
            "limitranges",
            "namespaces",
            "nodes",
            "persistentvolumeclaims",
            "persistentvolumes",
            "pods",
            "podtemplates",
            "replicationcontrollers",
            "resourcequotas",
            "serviceaccounts",
            "services",
        ],
    ),
    ("admissionregistration.k8s.io", &[]),
    ("apiextensions.k8s.io", &[]),
    ("apiregistration.k8s.io", &[]),
    ("apps", &[]),
    ("autoscaling", &[]),
    ("batch", &[]),
    ("certificates.k8s.io", &[]),
    ("discovery.k8s.io", &[]),
    ("events.k8s.io", &[]),
    ("flowcontrol.apiserver.k8s.io", &[]),
    ("networking.k8s.io", &[]),
    ("node.k8s.io", &[]),
    ("policy", &[]),
    ("rbac.authorization.k8s.io", &[]),
    ("resource.k8s.io", &[]),
    ("scheduling.k8s.io", &[]),
    ("storage.k8s.io", &[]),
];

pub(super) const LINES: &[Line] = &[
    Line {
        whose: Whose::Components,
        verbs: &["get", "list", "watch", "create", "update", "patch", "delete"],
        resources: &[("coordination.k8s.io", &["leases"])],
        urls: &[],
        own_accounts: false,
        comment: "Who leads, said again every two seconds.",
    },
    Line {
        whose: Whose::Nodes,
        verbs: &["get", "list", "watch", "create", "update", "patch"],
        resources: &[("coordination.k8s.io", &["leases"])],
        urls: &[],
        own_accounts: false,
        comment: "Every kubelet's sign of life.",
    },
    Line {
        whose: Whose::Readers,
        verbs: READS,
        resources: CACHED,
        urls: &[],
        own_accounts: false,
        comment: "What the control plane reads to do its work; Secrets are not among this, nor logs or ways into pods.",
    },
    Line {
        whose: Whose::Readers,
        verbs: &["get"],
        resources: &[],
        urls: &[
            "/api",
            "/api/*",
            "/apis",
            "/apis/*",
            "/healthz*",
            "/livez*",
            "/openapi/*",
            "/readyz*",
            "/version",
        ],
        own_accounts: false,
        comment: "Where it finds its way, and asks itself how it is.",
    },
    Line {
        whose: Whose::ControlPlane,
        verbs: CHANGES,
        resources: &[
            (
                "",
                &[
                    "events",
                    "endpoints",
                    "namespaces/status",
                    "persistentvolumeclaims/status",
                    "persistentvolumes/status",
                ],
            ),
            (
                "",
                &[
                    "nodes/status",
                    "pods/status",
                    "replicationcontrollers/status",
                    "resourcequotas/status",
                    "services/status",
                ],
            ),
            (
                "apps",
                &[
                    "controllerrevisions",
                    "replicasets",
                    "daemonsets/status",
                    "deployments/status",
                    "replicasets/status",
                    "statefulsets/status",
                ],
            ),
            ("autoscaling", &["horizontalpodautoscalers/status"]),
            ("batch", &["cronjobs/status", "jobs/status"]),
            ("discovery.k8s.io", &["endpointslices"]),
            ("events.k8s.io", &["events"]),
            ("flowcontrol.apiserver.k8s.io", &[]),
            ("networking.k8s.io", &["servicecidrs", "servicecidrs/status"]),
            ("policy", &["poddisruptionbudgets/status"]),
        ],
        urls: &[],
        own_accounts: false,
        comment: "What controllers write down: how things stand, and copies of what was asked for. Pods are not among this.",
    },
    Line {
        whose: Whose::Publishers,
        verbs: &["create"],
        resources: &[("", &["configmaps", "serviceaccounts"])],
        urls: &[],
        own_accounts: false,
        comment: "What controllers put into every namespace, and make for themselves when they start.",
    },
    Line {
        whose: Whose::Manager,
        verbs: &["create"],
        resources: &[("", &["serviceaccounts/token"])],
        urls: &[],
        own_accounts: true,
        comment: "The tokens of its own controllers.",
    },
    Line {
        whose: Whose::ApiServer,
        verbs: &["create", "update", "patch"],
        resources: &[
            ("", &["configmaps", "namespaces", "services"]),
            ("apiregistration.k8s.io", &[]),
            ("networking.k8s.io", &["ipaddresses", "servicecidrs", "servicecidrs/status"]),
            ("rbac.authorization.k8s.io", &[]),
            ("scheduling.k8s.io", &["priorityclasses"]),
        ],
        urls: &[],
        own_accounts: false,
        comment: "What an API server puts up when it starts. Nobody else can be this user: its credential never leaves the process.",
    },
    Line {
        whose: Whose::Nodes,
        verbs: READS,
        resources: &[
            (
                "",
                &[
                    "configmaps",
                    "endpoints",
                    "nodes",
                    "persistentvolumeclaims",
                    "persistentvolumes",
                    "pods",
                    "services",
                ],
            ),
            ("discovery.k8s.io", &["endpointslices"]),
            ("networking.k8s.io", &["servicecidrs"]),
            ("node.k8s.io", &["runtimeclasses"]),
            ("resource.k8s.io", &["resourceclaims", "resourceslices"]),
            ("storage.k8s.io", &["csidrivers", "csinodes", "volumeattachments"]),
        ],
        urls: &[],
        own_accounts: false,
        comment: "What kubelets read to run their pods. Secrets and tokens of pods are logged.",
    },
    Line {
        whose: Whose::Nodes,
        verbs: CHANGES,
        resources: &[("", &["events", "pods/status"]), ("events.k8s.io", &["events"])],
        urls: &[],
        own_accounts: false,
        comment: "What kubelets say of their pods.",
    },
];
