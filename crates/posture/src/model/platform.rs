//! Whose Kubernetes it is, as far as versions and labels tell.

use std::fmt;

/// A distribution or a cloud's service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Platform {
    /// Amazon's.
    Eks,
    /// Google's.
    Gke,
    /// Microsoft's.
    Aks,
    /// Red Hat's.
    OpenShift,
    /// Its API server is a part of one process.
    K3s,
    /// Its API server is a static pod.
    Rke2,
}

/// Labels of nodes by which services are known.
const LABELS: [(&str, Platform); 4] = [
    ("eks.amazonaws.com/nodegroup", Platform::Eks),
    ("cloud.google.com/gke-nodepool", Platform::Gke),
    ("kubernetes.azure.com/cluster", Platform::Aks),
    ("node.openshift.io/os_id", Platform::OpenShift),
];

/// What stands in versions, such as v1.33.1-eks-595af52.
const VERSIONS: [(&str, Platform); 4] =
    [("-eks-", Platform::Eks), ("-gke.", Platform::Gke), ("+k3s", Platform::K3s), ("+rke2", Platform::Rke2)];

impl Platform {
    /// By the whole version of an API server or a kubelet.
    pub fn of_version(version: &str) -> Option<Self> {
        VERSIONS.into_iter().find(|(part, _)| version.contains(part)).map(|(_, platform)| platform)
    }

    /// By the label of a node that is there.
    pub fn of_label(has: impl Fn(&str) -> bool) -> Option<Self> {
        LABELS.into_iter().find(|(label, _)| has(label)).map(|(_, platform)| platform)
    }

    /// Whether somebody else runs the control plane.
    pub fn is_service(self) -> bool {
        matches!(self, Self::Eks | Self::Gke | Self::Aks)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Eks => "EKS",
            Self::Gke => "GKE",
            Self::Aks => "AKS",
            Self::OpenShift => "OpenShift",
            Self::K3s => "k3s",
            Self::Rke2 => "RKE2",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Platform;

    #[test]
    fn a_version_tells_whose_it_is() {
        for (version, platform) in [
            ("v1.33.1-eks-595af52", Some(Platform::Eks)),
            ("v1.32.4-gke.1106006", Some(Platform::Gke)),
            ("v1.31.4+k3s1", Some(Platform::K3s)),
            ("v1.31.4+rke2r1", Some(Platform::Rke2)),
            ("v1.36.2", None),
        ] {
            assert_eq!(Platform::of_version(version), platform, "{version}");
        }
    }
}
