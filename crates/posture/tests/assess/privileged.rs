//! Pods that could take their node, and what only weakens the wall.

use sundew_posture::{
    Severity,
    report::{Finding, Report, View},
};

use crate::given::{about, bare, scanned};

fn finding(report: &Report) -> Option<&Finding> {
    about(report, View::Privileged, "Pod shop/web")
}

/// A pod with one container that runs as somebody, and `more` in pod and container.
fn with(of_pod: &str, of_container: &str) -> Report {
    scanned(&[bare(
        "shop/web",
        &format!("securityContext: {{runAsUser: 7}}, {of_pod}containers: [{{name: main{of_container}}}]"),
    )])
}

#[test]
fn an_ordinary_pod_is_none() {
    assert_eq!(finding(&with("", "")), None);
    assert_eq!(
        finding(&scanned(&[bare("shop/web", "containers: [{name: main}]")])),
        None,
        "that it may be root says nothing"
    );
}

#[test]
fn each_weakness_is_told_with_how_bad_it_is_and_whether_it_takes_the_node() {
    let context = |text: &str| format!(", securityContext: {{{text}}}");
    for (of_pod, of_container, severity, takes, title) in [
        ("", context("privileged: true"), Severity::High, true, "container main is privileged"),
        ("hostPID: true, ", String::new(), Severity::Medium, false, "sees the node's processes (hostPID)"),
        (
            "hostNetwork: true, ",
            String::new(),
            Severity::Medium,
            false,
            "has the node's network (hostNetwork)",
        ),
        (
            "hostIPC: true, ",
            String::new(),
            Severity::Medium,
            false,
            "shares the node's memory segments (hostIPC)",
        ),
        (
            "",
            context("capabilities: {add: [SYS_ADMIN]}"),
            Severity::High,
            true,
            "container main has the capability SYS_ADMIN",
        ),
        (
            "",
            context("capabilities: {add: [CAP_BPF]}"),
            Severity::High,
            true,
            "container main has the capability BPF",
        ),
        (
            "",
            context("capabilities: {add: [ALL]}"),
            Severity::High,
            true,
            "container main has the capability ALL",
        ),
        (
            "",
            context("capabilities: {add: [NET_ADMIN]}"),
            Severity::Low,
            false,
            "container main has the capability NET_ADMIN",
        ),
        (
            "",
            ", ports: [{containerPort: 80, hostPort: 80}]".into(),
            Severity::Low,
            false,
            "container main opens port 80 of the node",
        ),
        ("", context("runAsUser: 0"), Severity::Low, false, "container main runs as root"),
    ] {
        let report = with(of_pod, &of_container);
        let finding = finding(&report).unwrap_or_else(|| panic!("{title}"));
        assert_eq!((finding.severity, finding.title.as_str()), (severity, title));
        assert_eq!(finding.gives.contains("takes its node"), takes, "{title}");
    }
    let harmless = with("", &context("capabilities: {add: [NET_BIND_SERVICE]}"));
    assert_eq!(finding(&harmless), None);
}

#[test]
fn the_nodes_processes_and_the_right_to_trace_them_are_the_node() {
    let report = with("hostPID: true, ", ", securityContext: {capabilities: {add: [SYS_PTRACE]}}");
    assert!(finding(&report).unwrap().gives.contains("takes its node"));
}

#[test]
fn the_pods_user_counts_where_the_container_names_none() {
    let root = |of_pod: &str, of_container: &str| {
        let report = scanned(&[bare(
            "shop/web",
            &format!("securityContext: {{{of_pod}}}, containers: [{{name: main{of_container}}}]"),
        )]);
        finding(&report).is_some()
    };
    assert!(root("runAsUser: 0", ""));
    assert!(!root("runAsUser: 0", ", securityContext: {runAsUser: 7}"));
    assert!(root("runAsUser: 7", ", securityContext: {runAsUser: 0}"));
    assert!(!root("runAsNonRoot: true", ""));
}

fn mounting(path: &str, read_only: bool) -> Option<(Severity, bool)> {
    let report = with(
        &format!("volumes: [{{name: v, hostPath: {{path: \"{path}\"}}}}], "),
        &format!(", volumeMounts: [{{name: v, mountPath: /v, readOnly: {read_only}}}]"),
    );
    finding(&report).map(|finding| (finding.severity, finding.gives.contains("takes its node")))
}

#[test]
fn paths_of_the_node_are_told_by_what_lies_there() {
    let (high, medium, low) = (Severity::High, Severity::Medium, Severity::Low);
    for (path, write, read) in [
        ("/", (high, true), (high, true)),
        ("/var", (high, true), (high, true)),
        ("/var/", (high, true), (high, true)),
        ("/./var//lib/", (high, true), (high, true)),
        ("/etc", (high, true), (medium, false)),
        ("/etcetera", (medium, false), (low, false)),
        ("/etc/kubernetes", (high, true), (high, true)),
        ("/etc/kubernetes/pki", (high, true), (high, true)),
        ("/var/lib/kubelet", (high, true), (high, true)),
        ("/var/lib/kubelet/pki", (high, true), (high, true)),
        ("/var/lib/kubelet/plugins", (high, true), (medium, false)),
        ("/var/lib/etcd", (high, true), (high, true)),
        ("/var/run", (high, true), (high, true)),
        ("/var/run/docker.sock", (high, true), (high, true)),
        ("/run/containerd/containerd.sock", (high, true), (high, true)),
        ("/var/run/containerd", (high, true), (medium, false)),
        ("/opt/cni/bin", (high, true), (medium, false)),
        ("/var/spool/cron", (high, true), (medium, false)),
        ("/sys", (high, true), (medium, false)),
        ("/var/log", (medium, false), (low, false)),
        ("/data", (medium, false), (low, false)),
    ] {
        assert_eq!(mounting(path, false), Some(write), "writes {path}");
        assert_eq!(mounting(path, true), Some(read), "reads {path}");
    }
}

#[test]
fn a_path_that_no_container_mounts_is_none() {
    assert_eq!(finding(&with("volumes: [{name: v, hostPath: {path: /}}], ", "")), None);
}

#[test]
fn init_and_ephemeral_containers_count() {
    for list in ["initContainers", "ephemeralContainers"] {
        let report = with(&format!("{list}: [{{name: more, securityContext: {{privileged: true}}}}], "), "");
        assert!(
            finding(&report).is_some_and(|f| f.title.starts_with("container more is privileged")),
            "{list}"
        );
    }
}

#[test]
fn what_takes_the_node_comes_first_and_the_rest_is_counted() {
    let report = with("hostNetwork: true, hostPID: true, ", ", securityContext: {privileged: true}");
    let found = finding(&report).unwrap();
    assert_eq!(found.title, "container main is privileged, and 2 more");
    assert_eq!(found.because.len(), 4, "and which pod it is: {found:?}");
}
