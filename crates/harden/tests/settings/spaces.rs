//! Pod Security's labels.

use sundew_harden::settings::{State, apiserver};
use sundew_posture::Severity;

use super::{KUBEADM, bad, fact, looked};

#[test]
fn the_strictest_level_is_offered_that_all_of_a_namespace_keeps() {
    let fits = "allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}";
    let text = format!(
        "apiVersion: v1\nkind: List\nitems:\n- {{apiVersion: v1, kind: Namespace, metadata: {{name: strict}}}}\n- {{apiVersion: v1, kind: Namespace, metadata: {{name: empty}}}}\n- {{apiVersion: v1, kind: Pod, metadata: {{name: a, namespace: strict}}, spec: {{securityContext: {{runAsNonRoot: true, seccompProfile: {{type: RuntimeDefault}}}}, containers: [{{name: a, securityContext: {{{fits}}}}}]}}}}\n"
    );
    let fact = fact(&looked(&text, |_| {}), "pod-security-open");
    assert_eq!(fact.state, bad(Severity::Medium));
    assert!(
        fact.evidence
            .contains(&"namespace strict: no enforce label; its one pod or template keeps restricted".into()),
        "{fact:?}"
    );
    assert!(fact.evidence.contains(&"namespace empty: no enforce label; no pods".into()));
    assert!(fact.commands[0].contains("--dry-run=server"), "{:?}", fact.commands);
    assert!(
        fact.commands
            .iter()
            .any(|of| of.contains("namespace strict pod-security.kubernetes.io/enforce=restricted"))
    );
    assert!(
        fact.commands
            .iter()
            .any(|of| of.contains("namespace empty pod-security.kubernetes.io/enforce=baseline"))
    );
}

#[test]
fn a_namespace_whose_pods_need_the_node_is_only_warned() {
    let fact = fact(&looked(KUBEADM, |_| {}), "pod-security-needed");
    assert_eq!(fact.state, bad(Severity::Low));
    assert_eq!(
        fact.evidence,
        [
            "namespace logs: no enforce label, warn=baseline; needs the node: a hostPath volume (DaemonSet shipper)"
        ]
    );
    assert!(fact.commands.iter().all(|command| !command.contains("enforce=")), "{:?}", fact.commands);
}

#[test]
fn the_cluster_s_own_namespaces_are_left_out_and_said_to_be() {
    let facts = looked(KUBEADM, |_| {});
    let all = format!("{facts:?}");
    assert!(!all.contains("namespace kube-system pod-security"), "no command for it");
    let good = fact(&facts, "pod-security");
    assert!(
        good.evidence.contains(&"namespace payments: enforces restricted as of v1.35".into()),
        "{good:?}"
    );
    assert!(good.evidence.iter().any(|line| line.starts_with("left out: namespace kube-system")), "{good:?}");
}

#[test]
fn without_the_pods_the_server_s_own_dry_run_is_offered() {
    let facts = looked("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}", |_| {});
    let fact = fact(&facts, "pod-security-open");
    assert_eq!(fact.state, State::Unknown);
    assert_eq!(
        fact.commands,
        [
            "kubectl label --dry-run=server --overwrite namespace shop pod-security.kubernetes.io/enforce=baseline"
        ]
    );
}

#[test]
fn defaults_that_the_server_may_have_for_all_namespaces_are_said() {
    let facts = looked(KUBEADM, |seen| {
        seen.declared = apiserver("flags", "--admission-control-config-file=/a.yaml").unwrap();
    });
    let fact = fact(&facts, "pod-security-open");
    assert!(
        fact.evidence.iter().any(|line| line.contains("it may set a level for namespaces without labels")),
        "{fact:?}"
    );
}
