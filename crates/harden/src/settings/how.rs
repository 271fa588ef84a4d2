//! How what could not be seen can be seen, by whose Kubernetes it is.

use sundew_posture::model::Platform;

use super::Seen;

/// What somebody wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Flags,
    Anonymous,
    Audit,
    Encryption,
    Kubelets,
}

impl Seen<'_> {
    pub(super) fn platform(&self) -> Option<Platform> {
        self.cluster.platform()
    }

    /// Whether somebody else runs the control plane and shows no flags of it.
    pub(super) fn is_service(&self) -> bool {
        self.platform().is_some_and(Platform::is_service)
    }

    /// How to see `what`.
    pub(super) fn how(&self, what: What) -> String {
        let Some(platform) = self.platform() else { return usual(what).to_owned() };
        of(platform, what).unwrap_or_else(|| usual(what)).to_owned()
    }
}

fn usual(what: What) -> &'static str {
    match what {
        What::Flags | What::Audit => {
            "--apiserver FILE with /etc/kubernetes/manifests/kube-apiserver.yaml of a control plane node, or with what \
             `ps -o args= -C kube-apiserver` prints there"
        }
        What::Anonymous => {
            "--probe asks the server itself; --apiserver FILE with /etc/kubernetes/manifests/kube-apiserver.yaml of a \
             control plane node, or with what `ps -o args= -C kube-apiserver` prints there, shows its flags"
        }
        What::Encryption => {
            "--apiserver FILE for the flag, and --encryption FILE with the file that --encryption-provider-config names"
        }
        What::Kubelets => {
            "--kubelet FILE with /var/lib/kubelet/config.yaml of each kind of node, or let this account get ConfigMap \
             kube-system/kubelet-config, which kubeadm writes"
        }
    }
}

/// What differs from the usual way.
fn of(platform: Platform, what: What) -> Option<&'static str> {
    Some(match (platform, what) {
        (_, What::Anonymous) if platform.is_service() => "--probe asks the server itself",
        (Platform::Eks, What::Audit) => {
            "`aws eks describe-cluster --name NAME --query cluster.logging`: `audit` must be among the enabled types"
        }
        (Platform::Eks, What::Encryption) => {
            "`aws eks describe-cluster --name NAME --query cluster.encryptionConfig`; since 1.28 EKS encrypts all \
             objects with a key of its own where nothing is set"
        }
        (Platform::Eks, What::Kubelets) => {
            "--kubelet FILE with /etc/kubernetes/kubelet/config.json of a node, or the user data of the node group's \
             launch template"
        }
        (Platform::Eks, What::Flags) => {
            "`aws eks describe-cluster --name NAME` shows what can be set; AWS sets the other flags and shows none"
        }
        (Platform::Gke, What::Audit) => {
            "`gcloud container clusters describe NAME --location LOCATION --format='value(loggingConfig)'`, and whether \
             Data Access audit logs of the Kubernetes Engine API are on"
        }
        (Platform::Gke, What::Encryption) => {
            "`gcloud container clusters describe NAME --location LOCATION --format='value(databaseEncryption)'`"
        }
        (Platform::Gke, What::Kubelets) => {
            "`gcloud container clusters describe NAME --location LOCATION \
             --format='yaml(nodePoolDefaults.nodeConfigDefaults.nodeKubeletConfig, nodePools[].config.kubeletConfig)'`: \
             insecureKubeletReadonlyPortEnabled must be false"
        }
        (Platform::Gke, What::Flags) => {
            "`gcloud container clusters describe NAME --location LOCATION` shows what can be set; Google sets the other \
             flags and shows none"
        }
        (Platform::Aks, What::Audit) => {
            "`az monitor diagnostic-settings list --resource $(az aks show -g GROUP -n NAME --query id -o tsv)`: \
             kube-audit must be on"
        }
        (Platform::Aks, What::Encryption) => {
            "`az aks show -g GROUP -n NAME --query securityProfile.azureKeyVaultKms`"
        }
        (Platform::Aks, What::Kubelets) => {
            "`az aks nodepool list -g GROUP --cluster-name NAME --query '[].kubeletConfig'`, and /etc/default/kubelet \
             of a node"
        }
        (Platform::Aks, What::Flags) => {
            "`az aks show -g GROUP -n NAME` shows what can be set; Microsoft sets the other flags and shows none"
        }
        (Platform::OpenShift, What::Encryption) => {
            "`oc get apiserver cluster -o jsonpath='{.spec.encryption.type}'`: empty means none"
        }
        (Platform::OpenShift, What::Audit) => {
            "`oc get apiserver cluster -o jsonpath='{.spec.audit.profile}'`: None means that nothing is logged"
        }
        (Platform::OpenShift, What::Flags) => {
            "`oc get kubeapiserver cluster -o jsonpath='{.spec.observedConfig.apiServerArguments}'`: OpenShift's \
             operators set the flags, and no pod shows them"
        }
        (Platform::OpenShift, What::Kubelets) => {
            "`oc get machineconfig -o name`, and --kubelet FILE with /etc/kubernetes/kubelet.conf of a node"
        }
        (Platform::K3s, What::Flags | What::Audit) => {
            "--apiserver FILE with what `journalctl -u k3s | grep -m1 'Running kube-apiserver'` prints on a server: k3s \
             runs the API server within itself, and no pod shows its flags"
        }
        (Platform::K3s, What::Encryption) => "`k3s secrets-encrypt status` on a server",
        (Platform::Rke2, What::Encryption) => "`rke2 secrets-encrypt status` on a server",
        (Platform::K3s | Platform::Rke2, What::Kubelets) => {
            "--kubelet FILE with the files of /var/lib/rancher/*/agent/etc/kubelet.conf.d on a node"
        }
        _ => return None,
    })
}
