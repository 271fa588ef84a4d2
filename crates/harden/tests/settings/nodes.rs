//! Kubelets.

use sundew_harden::settings::{Kubelet, State, kubelet, kubelet_config_map};
use sundew_posture::Severity;

use super::{bad, fact, looked, of_version, state};

const HEAD: &str = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";

fn with(kubelets: Vec<Kubelet>) -> Vec<sundew_harden::settings::Fact> {
    looked(&of_version("v1.36.2"), |seen| seen.kubelets = kubelets)
}

#[test]
fn a_file_that_says_nothing_is_safe_by_its_defaults() {
    let facts = with(vec![kubelet("config.yaml", HEAD).unwrap()]);
    for id in ["kubelet-anonymous", "kubelet-authorization", "kubelet-read-only-port"] {
        assert_eq!(state(&facts, id), State::Good, "{id}");
        assert!(fact(&facts, id).evidence[0].contains("is not set, which means"), "{id}");
    }
}

#[test]
fn each_setting_is_judged_and_the_node_at_fault_named() {
    let open = format!("{HEAD}readOnlyPort: 10255\nauthentication: {{anonymous: {{enabled: true}}}}\n");
    let facts = with(vec![kubelet("a.yaml", HEAD).unwrap(), kubelet("b.yaml", &open).unwrap()]);
    assert_eq!(state(&facts, "kubelet-anonymous"), bad(Severity::High));
    assert_eq!(
        fact(&facts, "kubelet-anonymous").evidence,
        ["file b.yaml: authentication.anonymous.enabled: true"]
    );
    assert_eq!(state(&facts, "kubelet-read-only-port"), bad(Severity::Medium));
    assert_eq!(state(&facts, "kubelet-authorization"), State::Good);
    let wide = format!("{open}authorization: {{mode: AlwaysAllow}}\n");
    let facts = with(vec![kubelet("b.yaml", &wide).unwrap()]);
    assert_eq!(state(&facts, "kubelet-anonymous"), bad(Severity::Critical), "exec for everybody");
    assert_eq!(state(&facts, "kubelet-authorization"), bad(Severity::Critical));
}

#[test]
fn the_config_map_of_kubeadm_and_a_kubelet_s_own_answer_are_read_too() {
    let inner = format!("{HEAD}readOnlyPort: 10255\n");
    let indented = inner.replace('\n', "\n    ");
    let map = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: kubelet-config}}\ndata:\n  kubelet: |\n    {indented}\n"
    );
    let configz =
        r#"{"kubeletconfig": {"readOnlyPort": 10255, "authentication": {"anonymous": {"enabled": false}}}}"#;
    for one in [
        kubelet("map.yaml", &map).unwrap(),
        kubelet("configz.json", configz).unwrap(),
        kubelet_config_map("ConfigMap kube-system/kubelet-config", &inner).unwrap(),
    ] {
        let seen = one.seen.clone();
        assert_eq!(state(&with(vec![one]), "kubelet-read-only-port"), bad(Severity::Medium), "{seen}");
    }
}

#[test]
fn why_the_config_map_could_not_be_read_is_said() {
    let facts = looked(&of_version("v1.36.2"), |seen| seen.kubelets_unread = Some("may not".into()));
    let fact = fact(&facts, "kubelet-anonymous");
    assert_eq!((fact.state, fact.evidence), (State::Unknown, vec!["may not".to_owned()]));
}
