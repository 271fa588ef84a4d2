//! Pods and pod templates, as far as they hold credentials or could take their node (core/v1 `types.go`).

use super::{Meta, Refused, Str};

/// What kind of object describes a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are Kubernetes' own")]
pub enum WorkloadKind {
    Pod,
    Deployment,
    DaemonSet,
    StatefulSet,
    ReplicaSet,
    ReplicationController,
    Job,
    CronJob,
    PodTemplate,
}

impl WorkloadKind {
    /// The kind, as manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pod => "Pod",
            Self::Deployment => "Deployment",
            Self::DaemonSet => "DaemonSet",
            Self::StatefulSet => "StatefulSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::ReplicationController => "ReplicationController",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::PodTemplate => "PodTemplate",
        }
    }
}

/// The object that controls another (`metadata.ownerReferences` with `controller: true`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// Its kind, such as `ReplicaSet`.
    pub kind: Str,
    /// Its name, in the same namespace.
    pub name: Str,
}

/// A pod, or what makes pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Its name and namespace.
    pub meta: Meta,
    /// What it is.
    pub kind: WorkloadKind,
    /// What controls it.
    pub owner: Option<Owner>,
    /// The pod, or the template's.
    pub spec: PodSpec,
    /// A pod that has ended (`status.phase` Succeeded or Failed): nothing of it runs any more.
    pub ended: bool,
}

/// A pod's specification.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodSpec {
    /// `serviceAccountName`; `default` where none is written, as Kubernetes does.
    pub account: Str,
    /// `automountServiceAccountToken` of the pod, which goes before the account's.
    pub automount: Option<bool>,
    /// The node it runs on, where it is known.
    pub node: Option<Str>,
    /// `hostNetwork`.
    pub host_network: bool,
    /// `hostPID`.
    pub host_pid: bool,
    /// `hostIPC`.
    pub host_ipc: bool,
    /// `securityContext.runAsUser` of the pod.
    pub run_as_user: Option<i64>,
    /// `securityContext.runAsNonRoot` of the pod.
    pub run_as_non_root: Option<bool>,
    /// All containers: init and ephemeral ones too.
    pub containers: Vec<Container>,
    /// Volumes that matter here: Secrets, tokens, paths of the node.
    pub volumes: Vec<Volume>,
    /// What the Pod Security Standards refuse in it.
    pub refused: Refused,
    /// The flags of the API server, where this is its pod: by name without dashes, and only those that settings are
    /// read from.
    pub server: Option<Box<[(Str, Str)]>>,
}

/// Which list of the pod a container stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are Kubernetes' own")]
pub enum ContainerRole {
    Main,
    Init,
    Ephemeral,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: Str,
    /// Which list it stands in.
    pub role: ContainerRole,
    /// `securityContext.privileged`.
    pub privileged: bool,
    /// `securityContext.capabilities.add`.
    pub capabilities: Vec<Str>,
    /// `securityContext.runAsUser`.
    pub run_as_user: Option<i64>,
    /// `securityContext.runAsNonRoot`.
    pub run_as_non_root: Option<bool>,
    /// `securityContext.allowPrivilegeEscalation`.
    pub allow_escalation: Option<bool>,
    /// Ports opened on the node.
    pub host_ports: Vec<u16>,
    /// Secrets read into the environment (`env` and `envFrom`).
    pub env: Vec<SecretUse>,
    /// Where volumes are mounted.
    pub mounts: Vec<Mount>,
}

/// A Secret read into the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// The Secret's name, in the pod's namespace.
    pub secret: Str,
    /// The one key that is read; all of them with `envFrom`.
    pub key: Option<Str>,
}

/// A volume mounted in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The volume's name.
    pub volume: Str,
    /// Where it is mounted.
    pub path: Str,
    /// `readOnly`.
    pub read_only: bool,
}

/// A volume that matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its name in the pod.
    pub name: Str,
    /// What lies in it.
    pub kind: VolumeKind,
}

/// What lies in a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VolumeKind {
    /// A Secret, whole or in part.
    Secret(Str),
    /// A projected volume: Secrets and tokens.
    Projected {
        /// Secrets in it.
        secrets: Vec<Str>,
        /// Tokens of the pod's account in it.
        tokens: Vec<Token>,
    },
    /// A path of the node.
    HostPath(HostPath),
}

/// A token of the pod's account that the kubelet asks for and renews (`serviceAccountToken` of a projected volume).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// For whom it is good; the API server itself where none is written.
    pub audience: Option<Str>,
    /// How long each is good, in seconds; Kubernetes takes 3600 where nothing is written.
    pub seconds: i64,
    /// The file in the volume.
    pub path: Str,
}

/// A path of the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPath {
    /// The path.
    pub path: Str,
}
