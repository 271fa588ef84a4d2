//! What makes a pod more than a pod: ways from a container to its node.

use crate::{
    Severity,
    model::{PodSpec, VolumeKind, Workload},
};

/// Something in a pod's specification that weakens the wall between it and its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weakness {
    /// A stable name, as `privileged`.
    pub id: &'static str,
    /// What it is, as `container agent is privileged`.
    pub what: String,
    /// How bad it is by itself.
    pub severity: Severity,
    /// Whether a process in the pod takes the node by it.
    pub takes_node: bool,
}

/// Capabilities with which a process leaves its container (capabilities(7)).
const ESCAPING: [&str; 6] = ["ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO", "DAC_READ_SEARCH", "BPF"];
/// Capabilities that are told of nowhere: those that Pod Security's baseline lets a container add, but for two that get
/// past the permissions of files (DAC_OVERRIDE) and out of a root folder (SYS_CHROOT).
const ORDINARY: [&str; 11] = [
    "AUDIT_WRITE",
    "CHOWN",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
];
/// Paths of a node whose content is the node: who writes there runs there, and who reads some has its credentials.
const NODE_PATHS: [&str; 20] = [
    "/etc",
    "/root",
    "/home",
    "/proc",
    "/dev",
    "/boot",
    "/usr",
    "/run/containerd",
    "/var/lib/kubelet",
    "/var/lib/etcd",
    "/var/lib/rancher",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/spool/cron",
    "/bin",
    "/sbin",
    "/lib",
    "/opt",
    "/sys",
];
/// Paths that are enough to be read: keys of the node or of the whole cluster, and the tokens of the pods.
const KEYS: [&str; 5] =
    ["/etc/kubernetes", "/var/lib/kubelet/pki", "/var/lib/kubelet/pods", "/var/lib/etcd", "/var/lib/rancher"];
/// Sockets of container runtimes: a container that reaches one starts any other.
const SOCKETS: [&str; 4] = ["docker.sock", "containerd.sock", "crio.sock", "cri-dockerd.sock"];

/// Everything in a pod that weakens the wall to its node.
pub fn weaknesses(workload: &Workload) -> Vec<Weakness> {
    let spec = &workload.spec;
    let mut found = Vec::new();
    let mut tell =
        |id, what: String, severity, takes_node| found.push(Weakness { id, what, severity, takes_node });
    let traces = spec.containers.iter().any(|c| c.capabilities.iter().any(|cap| bare(cap) == "SYS_PTRACE"));
    if spec.host_pid {
        tell("host-pid", "sees the node's processes (hostPID)".into(), Severity::Medium, traces);
    }
    if spec.host_network {
        tell("host-network", "has the node's network (hostNetwork)".into(), Severity::Medium, false);
    }
    if spec.host_ipc {
        tell("host-ipc", "shares the node's memory segments (hostIPC)".into(), Severity::Medium, false);
    }
    for container in &spec.containers {
        let name = &container.name;
        if container.privileged {
            tell("privileged", format!("container {name} is privileged"), Severity::High, true);
        }
        for capability in &container.capabilities {
            let of = bare(capability);
            if ESCAPING.contains(&of) {
                tell("capability", format!("container {name} has the capability {of}"), Severity::High, true);
            } else if !ORDINARY.contains(&of) {
                tell("capability", format!("container {name} has the capability {of}"), Severity::Low, false);
            }
        }
        if let [port, ..] = container.host_ports[..] {
            tell(
                "host-port",
                format!("container {name} opens port {port} of the node"),
                Severity::Low,
                false,
            );
        }
        let user = container.run_as_user.or(spec.run_as_user);
        let not_root = container.run_as_non_root.or(spec.run_as_non_root).unwrap_or(false);
        if user == Some(0) {
            tell("root", format!("container {name} runs as root"), Severity::Low, false);
        } else if user.is_none() && !not_root {
            tell("root", format!("container {name} may run as root"), Severity::Info, false);
        }
    }
    host_paths(spec, &mut tell);
    found
}

fn host_paths(spec: &PodSpec, tell: &mut impl FnMut(&'static str, String, Severity, bool)) {
    for volume in &spec.volumes {
        let VolumeKind::HostPath(host) = &volume.kind else { continue };
        let mounts = spec.containers.iter().flat_map(|c| &c.mounts).filter(|m| m.volume == volume.name);
        let writes = mounts.clone().any(|mount| !mount.read_only);
        let is_used = mounts.count() > 0;
        let path = &*plain(&host.path);
        let how = if writes { "writes" } else { "reads" };
        let what = format!("{how} {path} of the node (hostPath)");
        let within =
            |root: &str| path == root || path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
        let whole = matches!(path, "/" | "/var" | "/var/lib" | "/run");
        if !is_used {
            continue;
        } else if SOCKETS.iter().any(|socket| path.ends_with(socket)) {
            tell("runtime-socket", format!("reaches the container runtime ({path})"), Severity::High, true);
        } else if whole || KEYS.iter().any(|root| within(root)) || path == "/var/lib/kubelet" {
            tell("host-path", what, Severity::High, true);
        } else if NODE_PATHS.iter().any(|root| within(root)) {
            let severity = if writes { Severity::High } else { Severity::Medium };
            tell("host-path", what, severity, writes);
        } else {
            tell("host-path", what, if writes { Severity::Medium } else { Severity::Low }, false);
        }
    }
}

/// A path without doubled or last slashes and dots. `/var/run` is `/run` on every node of today.
fn plain(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let parts = if let ["var", "run", ..] = parts[..] { &parts[1..] } else { &parts[..] };
    format!("/{}", parts.join("/"))
}

/// Manifests write capabilities with and without `CAP_`.
fn bare(capability: &str) -> &str {
    capability.strip_prefix("CAP_").unwrap_or(capability)
}
