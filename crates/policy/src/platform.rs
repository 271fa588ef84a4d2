//! How a policy reaches the API server, by what runs it; and the settings that take its place where nobody may give one.

mod managed;
mod own;

use crate::{
    blind::{Unseen, unseen},
    model::Policy,
    need::Needs,
    read,
};

/// What runs the API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// A static pod on each control plane machine.
    Kubeadm,
    /// k3s.
    K3s,
    /// RKE2.
    Rke2,
    /// Talos Linux.
    Talos,
    /// OpenShift.
    OpenShift,
    /// Amazon EKS.
    Eks,
    /// Google GKE.
    Gke,
    /// Azure AKS.
    Aks,
}

impl Platform {
    /// Whether a policy of one's own can be given to its API server.
    pub fn takes_policy(self) -> bool {
        !matches!(self, Self::OpenShift | Self::Eks | Self::Gke | Self::Aks)
    }
}

/// What is written for a platform: the policy with what to do with it above, the policy inside of the document that the
/// platform reads, or where it takes none, the settings, and which detections stay blind with them.
pub fn document(platform: Platform, policy: &Policy, needs: &Needs) -> String {
    match platform {
        Platform::Kubeadm => own::kubeadm(policy),
        Platform::K3s => own::k3s(policy),
        Platform::Rke2 => own::rke2(policy),
        Platform::Talos => own::talos(policy),
        Platform::OpenShift => managed::open_shift(needs),
        Platform::Eks => managed::eks(needs),
        Platform::Gke => managed::gke(needs),
        Platform::Aks => managed::aks(needs),
    }
}

/// What stays blind under a policy that is known from documentation.
fn blind_under(text: &str, needs: &Needs) -> Unseen {
    // A test reads each of them.
    read("documented", text).map(|read| unseen(&read.policy, needs)).unwrap_or_default()
}

/// Lines as comments, empty ones too.
fn comments(text: &str) -> String {
    text.lines().map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect()
}

/// Names as comments, several a line.
fn listed(names: &[String]) -> String {
    let mut text = String::new();
    let mut line = String::new();
    for name in names {
        if !line.is_empty() && line.len() + name.len() > 105 {
            text.push_str(&format!("#   {line}\n"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(name);
    }
    if !line.is_empty() {
        text.push_str(&format!("#   {line}\n"));
    }
    text
}
