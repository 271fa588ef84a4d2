//! What the Pod Security Standards refuse in a pod, from its fields (`pod-security-admission/policy/check_*.go`).
//!
//! Always by the newest version of the standards and without what these let pass for Windows and for pods in a user
//! namespace of their own: a level that is said to let a pod in does.

use serde::Deserialize;

use super::wire::{Container, PodSpec, Security, Text, Volume, or_null};
use crate::model::{Control, Refused};

/// What containers may add under `baseline`.
const CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// What reaches no further than the pod, in 1.29, so that no version is newer than what is known.
const SYSCTLS: [&str; 10] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_syncookies",
];

const SELINUX_TYPES: [&str; 4] = ["", "container_t", "container_init_t", "container_kvm_t"];

/// Annotations by which AppArmor was set before it had a field.
const APPARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

/// `seccompProfile` and `appArmorProfile`.
#[derive(Debug, Deserialize)]
pub(super) struct Profile<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
}

impl Profile<'_> {
    fn confines(&self) -> bool {
        matches!(&*self.kind.0, "RuntimeDefault" | "Localhost")
    }
}

/// `seLinuxOptions`.
#[derive(Debug, Deserialize)]
pub(super) struct SeLinux<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    user: Text<'a>,
    #[serde(borrow, default)]
    role: Text<'a>,
}

/// `windowsOptions`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Windows {
    #[serde(default, deserialize_with = "or_null")]
    host_process: bool,
}

/// A probe, or a hook of a container's life.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Probe<'a> {
    #[serde(borrow, default)]
    http_get: Option<Hosted<'a>>,
    #[serde(borrow, default)]
    tcp_socket: Option<Hosted<'a>>,
}

#[derive(Debug, Deserialize)]
struct Hosted<'a> {
    #[serde(borrow, default)]
    host: Text<'a>,
}

impl Probe<'_> {
    fn names_a_host(&self) -> bool {
        [&self.http_get, &self.tcp_socket].into_iter().flatten().any(|of| !of.host.0.is_empty())
    }
}

/// `lifecycle`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Lifecycle<'a> {
    #[serde(borrow, default)]
    post_start: Option<Probe<'a>>,
    #[serde(borrow, default)]
    pre_stop: Option<Probe<'a>>,
}

/// What the standards refuse in a pod, its annotations aside.
pub(super) fn refused(pod: &PodSpec<'_>) -> Refused {
    let mut refused = Refused::default();
    let of_pod = &pod.security_context;
    refused.note(Control::HostNamespaces, pod.host_network || pod.host_pid || pod.host_ipc);
    refused.note(Control::HostPath, pod.volumes.iter().any(|volume| volume.host_path.is_some()));
    refused.note(Control::Volume, !pod.volumes.iter().all(is_ordinary));
    refused.note(Control::Sysctl, of_pod.sysctls.iter().any(|of| !SYSCTLS.contains(&&*of.name.0)));
    refused.note(Control::NonRoot, of_pod.run_as_non_root == Some(false));
    either(&mut refused, of_pod);
    let lists = [&pod.containers, &pod.init_containers, &pod.ephemeral_containers];
    for container in lists.into_iter().flatten() {
        self::container(&mut refused, of_pod, container);
    }
    refused
}

/// What is the same for a pod and its containers.
fn either(refused: &mut Refused, of: &Security<'_>) {
    let unconfined =
        |profile: &Option<Profile<'_>>| profile.as_ref().is_some_and(|profile| !profile.confines());
    refused.note(Control::Seccomp, unconfined(&of.seccomp_profile));
    refused.note(Control::AppArmor, unconfined(&of.app_armor_profile));
    refused.note(Control::RootUser, of.run_as_user == Some(0));
    let windows = of.windows_options.as_ref();
    refused.note(Control::HostProcess, windows.is_some_and(|windows| windows.host_process));
    let selinux = of.se_linux_options.as_ref();
    let wider = |of: &SeLinux<'_>| {
        !SELINUX_TYPES.contains(&&*of.kind.0) || !of.user.0.is_empty() || !of.role.0.is_empty()
    };
    refused.note(Control::SeLinux, selinux.is_some_and(wider));
}

fn container(refused: &mut Refused, of_pod: &Security<'_>, container: &Container<'_>) {
    let of = &container.security_context;
    either(refused, of);
    let add = || of.capabilities.add.iter().map(|capability| &*capability.0);
    refused.note(Control::Privileged, of.privileged);
    refused.note(Control::Capabilities, add().any(|capability| !CAPABILITIES.contains(&capability)));
    refused.note(Control::HostPort, container.ports.iter().any(|port| port.host_port != 0));
    refused.note(Control::ProcMount, !matches!(&*of.proc_mount.0, "" | "Default"));
    let probes = [&container.liveness_probe, &container.readiness_probe, &container.startup_probe];
    let hooks = container.lifecycle.as_ref().map(|hooks| [&hooks.post_start, &hooks.pre_stop]);
    let mut all = probes.into_iter().chain(hooks.into_iter().flatten()).flatten();
    refused.note(Control::HostProbe, all.any(Probe::names_a_host));

    refused.note(Control::Escalation, of.allow_privilege_escalation != Some(false));
    refused.note(Control::NonRoot, of.run_as_non_root.or(of_pod.run_as_non_root) != Some(true));
    let profile = of.seccomp_profile.as_ref().or(of_pod.seccomp_profile.as_ref());
    refused.note(Control::NoSeccomp, profile.is_none());
    let drops_all = of.capabilities.drop.iter().any(|capability| capability.0 == "ALL");
    refused.note(Control::DropAll, !drops_all || add().any(|capability| capability != "NET_BIND_SERVICE"));
}

fn is_ordinary(volume: &Volume<'_>) -> bool {
    let ordinary = [
        &volume.config_map,
        &volume.csi,
        &volume.downward_api,
        &volume.empty_dir,
        &volume.ephemeral,
        &volume.image,
        &volume.persistent_volume_claim,
    ];
    volume.secret.is_some() || volume.projected.is_some() || ordinary.into_iter().any(Option::is_some)
}

/// Whether an annotation of a pod takes AppArmor from a container.
pub(super) fn unconfines(key: &str, value: &str) -> bool {
    key.starts_with(APPARMOR)
        && !(value.is_empty() || value == "runtime/default" || value.starts_with("localhost/"))
}
