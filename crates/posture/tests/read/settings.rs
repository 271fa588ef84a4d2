//! What is read for settings: labels of Pod Security, what its standards refuse, flags of API servers, whose it is.

use sundew_posture::model::{Control, Platform, PodSecurity, Refused};

use super::read;

/// The controls that a pod of this specification breaks, and the strictest level that lets it in.
fn judged(spec: &str) -> (PodSecurity, Vec<Control>) {
    let text = format!("{{apiVersion: v1, kind: Pod, metadata: {{name: a, namespace: b}}, spec: {spec}}}");
    let cluster = read("pod.yaml", text);
    let refused: Refused = cluster.workloads[0].spec.refused;
    (refused.admitted(), refused.by(PodSecurity::Restricted).collect())
}

const KEEPS: &str = "securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}";
const POD: &str = "securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}";

#[test]
fn a_pod_that_keeps_every_control_is_restricted() {
    let volumes = "volumes: [{name: a, emptyDir: {}}, {name: b, configMap: {name: x}}, {name: c, persistentVolumeClaim: {claimName: x}}, {name: d, csi: {driver: x}}, {name: e, downwardAPI: {}}, {name: f, image: {reference: x}}]";
    let spec = format!("{{{POD}, {volumes}, containers: [{{name: a, {KEEPS}}}]}}");
    assert_eq!(judged(&spec), (PodSecurity::Restricted, vec![]));
    // The container's own profile does as well, and one capability may be added.
    let own = "securityContext: {allowPrivilegeEscalation: false, runAsNonRoot: true, seccompProfile: {type: Localhost}, capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}";
    let probe = "livenessProbe: {httpGet: {port: 80}}, lifecycle: {preStop: {tcpSocket: {port: 1}}}";
    assert_eq!(
        judged(&format!("{{containers: [{{name: a, {own}, {probe}}}]}}")),
        (PodSecurity::Restricted, vec![])
    );
}

#[test]
fn an_ordinary_pod_keeps_baseline_and_what_it_lacks_for_more_is_named() {
    let (level, broken) = judged("{containers: [{name: a}]}");
    assert_eq!(level, PodSecurity::Baseline);
    assert_eq!(broken, [Control::Escalation, Control::NonRoot, Control::NoSeccomp, Control::DropAll]);
}

#[test]
fn each_control_of_baseline_is_seen_wherever_it_stands() {
    for (spec, control) in [
        ("{hostNetwork: true}", Control::HostNamespaces),
        ("{hostPID: true}", Control::HostNamespaces),
        ("{hostIPC: true}", Control::HostNamespaces),
        ("{initContainers: [{name: a, securityContext: {privileged: true}}]}", Control::Privileged),
        (
            "{containers: [{name: a, securityContext: {capabilities: {add: [NET_ADMIN]}}}]}",
            Control::Capabilities,
        ),
        ("{volumes: [{name: a, hostPath: {path: /}}]}", Control::HostPath),
        ("{containers: [{name: a, ports: [{hostPort: 80}]}]}", Control::HostPort),
        ("{containers: [{name: a, livenessProbe: {httpGet: {host: x}}}]}", Control::HostProbe),
        ("{containers: [{name: a, startupProbe: {tcpSocket: {host: x}}}]}", Control::HostProbe),
        ("{containers: [{name: a, lifecycle: {postStart: {httpGet: {host: x}}}}]}", Control::HostProbe),
        ("{securityContext: {appArmorProfile: {type: Unconfined}}}", Control::AppArmor),
        ("{securityContext: {seLinuxOptions: {type: spc_t}}}", Control::SeLinux),
        ("{containers: [{name: a, securityContext: {seLinuxOptions: {user: u}}}]}", Control::SeLinux),
        ("{containers: [{name: a, securityContext: {procMount: Unmasked}}]}", Control::ProcMount),
        (
            "{ephemeralContainers: [{name: a, securityContext: {seccompProfile: {type: Unconfined}}}]}",
            Control::Seccomp,
        ),
        ("{securityContext: {sysctls: [{name: kernel.msgmax}]}}", Control::Sysctl),
        ("{securityContext: {windowsOptions: {hostProcess: true}}}", Control::HostProcess),
    ] {
        let (level, broken) = judged(spec);
        assert_eq!(level, PodSecurity::Privileged, "{spec}");
        let baseline: Vec<_> = broken.into_iter().filter(|of| of.level() == PodSecurity::Baseline).collect();
        assert_eq!(baseline, [control], "{spec}");
    }
}

#[test]
fn what_restricted_asks_besides_is_seen_one_by_one() {
    for (pod, container, control) in [
        (POD, "securityContext: {capabilities: {drop: [ALL]}}", Control::Escalation),
        ("securityContext: {seccompProfile: {type: RuntimeDefault}}", KEEPS, Control::NonRoot),
        ("securityContext: {runAsNonRoot: true}", KEEPS, Control::NoSeccomp),
        (POD, "securityContext: {allowPrivilegeEscalation: false}", Control::DropAll),
        (
            "securityContext: {runAsNonRoot: true, runAsUser: 0, seccompProfile: {type: RuntimeDefault}}",
            KEEPS,
            Control::RootUser,
        ),
    ] {
        let broken = judged(&format!("{{{pod}, containers: [{{name: a, {container}}}]}}")).1;
        assert_eq!(broken, [control]);
    }
    let nfs = judged(&format!(
        "{{{POD}, volumes: [{{name: a, nfs: {{server: x}}}}], containers: [{{name: a, {KEEPS}}}]}}"
    ));
    assert_eq!(nfs, (PodSecurity::Baseline, vec![Control::Volume]));
}

#[test]
fn an_annotation_takes_app_armor_away_too() {
    for (value, level) in
        [("unconfined", PodSecurity::Privileged), ("runtime/default", PodSecurity::Baseline)]
    {
        let text = format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: a, namespace: b, annotations: {{container.apparmor.security.beta.kubernetes.io/a: {value}}}}}, spec: {{containers: [{{name: a}}]}}}}"
        );
        assert_eq!(read("pod.yaml", text).workloads[0].spec.refused.admitted(), level);
    }
}

#[test]
fn labels_of_pod_security_are_kept_as_they_are_written() {
    let cluster = read(
        "ns.yaml",
        "{apiVersion: v1, kind: Namespace, metadata: {name: a, labels: {pod-security.kubernetes.io/enforce: baseline, pod-security.kubernetes.io/enforce-version: v1.30, pod-security.kubernetes.io/warn: restricted}}}",
    );
    let namespace = &cluster.namespaces[0];
    assert_eq!(namespace.enforces, PodSecurity::Baseline);
    let labels = &namespace.labels;
    let all = [&labels.enforce, &labels.enforce_version, &labels.warn, &labels.audit].map(Option::as_deref);
    assert_eq!(all, [Some("baseline"), Some("v1.30"), Some("restricted"), None]);
}

fn server(metadata: &str, container: &str) -> Vec<(String, String)> {
    let text =
        format!("{{apiVersion: v1, kind: Pod, metadata: {metadata}, spec: {{containers: [{container}]}}}}");
    let cluster = read("pod.yaml", text);
    let servers = cluster.servers().flat_map(|(_, flags)| flags.to_vec());
    servers.map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

#[test]
fn an_api_server_s_flags_are_read_where_its_pod_is_the_cluster_s_own() {
    const NAMED: &str = "{name: kube-apiserver-cp1, namespace: kube-system}";
    let want = [("anonymous-auth".to_owned(), "false".to_owned()), ("profiling".into(), "true".into())];
    for container in [
        "{name: s, command: [kube-apiserver, --anonymous-auth=false, --secret-of-mine=x, --profiling]}",
        "{name: s, command: [/usr/local/bin/kube-apiserver], args: [--anonymous-auth, 'false', --profiling]}",
        "{name: s, command: [/bin/sh, -c, 'exec /x/kube-apiserver --anonymous-auth=false --profiling >> log']}",
    ] {
        // What a word after a flag without a value is, nobody can tell in a shell's line.
        let flags = server(NAMED, container);
        assert_eq!(flags[0], want[0], "{container}");
        assert_eq!(flags[1].0, want[1].0, "{container}");
        assert_eq!(flags.len(), 2, "what is no setting is not kept: {container}");
    }
    let one = "{name: s, command: [kube-apiserver, --profiling=false]}";
    assert_eq!(
        server("{name: x, namespace: kube-system, labels: {component: kube-apiserver}}", one).len(),
        1
    );
    assert_eq!(server("{name: x, namespace: kube-system, labels: {k8s-app: kube-apiserver}}", one).len(), 1);
    for elsewhere in ["{name: kube-apiserver-cp1, namespace: shop}", "{name: x, namespace: kube-system}"] {
        assert_eq!(server(elsewhere, one), [], "anybody may name a pod so");
    }
    assert_eq!(server(NAMED, "{name: s, command: [proxy, --profiling=false]}"), []);
}

#[test]
fn labels_and_versions_tell_whose_kubernetes_it_is() {
    let node = |metadata: &str, version: &str| {
        format!(
            "{{apiVersion: v1, kind: Node, metadata: {metadata}, status: {{nodeInfo: {{kubeletVersion: {version}}}}}}}"
        )
    };
    for (text, platform) in [
        (node("{name: a}", "v1.33.1-eks-595af52"), Some(Platform::Eks)),
        (node("{name: a, labels: {kubernetes.azure.com/cluster: x}}", "v1.33.1"), Some(Platform::Aks)),
        (node("{name: a}", "v1.31.4+k3s1"), Some(Platform::K3s)),
        (
            "{apiVersion: v1, kind: Namespace, metadata: {name: openshift-kube-apiserver}}".into(),
            Some(Platform::OpenShift),
        ),
        ("{gitVersion: v1.32.4-gke.1106006}".into(), Some(Platform::Gke)),
        (node("{name: a}", "v1.36.2"), None),
    ] {
        assert_eq!(read("a.yaml", &text).platform(), platform, "{text}");
    }
}
