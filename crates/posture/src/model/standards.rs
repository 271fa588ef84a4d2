//! What the Pod Security Standards refuse in a pod, one bit a control.

use super::PodSecurity;

/// A control of the Pod Security Standards (`pod-security-admission/policy`, as 1.36 has them). Those that `baseline`
/// has come first; `restricted` has all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Control {
    /// `hostNetwork`, `hostPID`, `hostIPC`.
    HostNamespaces,
    /// `privileged`.
    Privileged,
    /// `capabilities.add` beyond what containers have anyway.
    Capabilities,
    /// A `hostPath` volume.
    HostPath,
    /// A port of the node.
    HostPort,
    /// A probe or a hook that names a host, since 1.34.
    HostProbe,
    /// An AppArmor profile that confines nothing.
    AppArmor,
    /// SELinux options beyond a container's types.
    SeLinux,
    /// `procMount` other than the default.
    ProcMount,
    /// A seccomp profile that confines nothing.
    Seccomp,
    /// A sysctl that reaches beyond the pod.
    Sysctl,
    /// A Windows container that is a process of the host.
    HostProcess,
    /// A volume of a kind that is not among the ordinary ones.
    Volume,
    /// `allowPrivilegeEscalation` is not false.
    Escalation,
    /// `runAsNonRoot` is not true.
    NonRoot,
    /// `runAsUser` is 0.
    RootUser,
    /// No seccomp profile is named.
    NoSeccomp,
    /// `capabilities.drop` lacks `ALL`, or more than `NET_BIND_SERVICE` is added.
    DropAll,
}

impl Control {
    /// All of them, in their order.
    pub const ALL: [Self; 18] = [
        Self::HostNamespaces,
        Self::Privileged,
        Self::Capabilities,
        Self::HostPath,
        Self::HostPort,
        Self::HostProbe,
        Self::AppArmor,
        Self::SeLinux,
        Self::ProcMount,
        Self::Seccomp,
        Self::Sysctl,
        Self::HostProcess,
        Self::Volume,
        Self::Escalation,
        Self::NonRoot,
        Self::RootUser,
        Self::NoSeccomp,
        Self::DropAll,
    ];

    /// The least level that refuses it.
    pub fn level(self) -> PodSecurity {
        if self < Self::Volume { PodSecurity::Baseline } else { PodSecurity::Restricted }
    }

    /// What a pod has that is refused, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::HostNamespaces => "hostNetwork, hostPID or hostIPC",
            Self::Privileged => "a privileged container",
            Self::Capabilities => "added capabilities",
            Self::HostPath => "a hostPath volume",
            Self::HostPort => "a hostPort",
            Self::HostProbe => "a probe or hook that names a host",
            Self::AppArmor => "an unconfined AppArmor profile",
            Self::SeLinux => "SELinux options",
            Self::ProcMount => "an unmasked /proc",
            Self::Seccomp => "an unconfined seccomp profile",
            Self::Sysctl => "unsafe sysctls",
            Self::HostProcess => "a Windows process of the host",
            Self::Volume => "a volume of a restricted kind",
            Self::Escalation => "allowPrivilegeEscalation is not false",
            Self::NonRoot => "runAsNonRoot is not true",
            Self::RootUser => "runAsUser is 0",
            Self::NoSeccomp => "no seccompProfile",
            Self::DropAll => "not all capabilities are dropped",
        }
    }

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// The controls that a pod breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Refused(u32);

impl Refused {
    /// Notes that the pod breaks a control, where it does.
    pub fn note(&mut self, control: Control, breaks: bool) {
        if breaks {
            self.0 |= control.bit();
        }
    }

    /// The controls of `level` that are broken.
    pub fn by(self, level: PodSecurity) -> impl Iterator<Item = Control> {
        Control::ALL
            .into_iter()
            .filter(move |control| control.level() <= level && self.0 & control.bit() != 0)
    }

    /// The strictest level that lets the pod in.
    pub fn admitted(self) -> PodSecurity {
        let levels = [PodSecurity::Restricted, PodSecurity::Baseline];
        let admits = |level: &PodSecurity| self.by(*level).next().is_none();
        levels.into_iter().find(admits).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_level_that_lets_a_pod_in_is_that_whose_controls_it_keeps() {
        let mut pod = Refused::default();
        assert_eq!(pod.admitted(), PodSecurity::Restricted);
        pod.note(Control::NonRoot, true);
        pod.note(Control::HostPath, false);
        assert_eq!(pod.admitted(), PodSecurity::Baseline);
        pod.note(Control::HostPath, true);
        assert_eq!(pod.admitted(), PodSecurity::Privileged);
        assert_eq!(pod.by(PodSecurity::Baseline).collect::<Vec<_>>(), [Control::HostPath]);
        assert_eq!(pod.by(PodSecurity::Restricted).count(), 2);
        assert_eq!(pod.by(PodSecurity::Privileged).count(), 0);
    }
}
