//! Flags of the API server, in every form in which they are given.

use sundew_harden::settings::{State, apiserver, encryption};
use sundew_posture::Severity;

use super::{KUBEADM, bad, fact, looked, of_version, state, with_flags};

const USUAL: &str = "--authorization-mode=Node,RBAC\n--enable-admission-plugins=NodeRestriction\n";

#[test]
fn each_flag_is_judged_by_its_value_and_by_its_default() {
    for (id, flags, expected) in [
        ("authorization", "--authorization-mode=Node,RBAC", State::Good),
        ("authorization", "--profiling=false", bad(Severity::Critical)),
        ("authorization", "--authorization-mode=RBAC,AlwaysAllow", bad(Severity::Critical)),
        ("authorization", "--authorization-mode=Node,ABAC", bad(Severity::High)),
        ("authorization", "--authorization-mode=RBAC", bad(Severity::Medium)),
        ("authorization", "--authorization-config=/x", State::Unknown),
        ("node-restriction", "--enable-admission-plugins=A,NodeRestriction", State::Good),
        (
            "node-restriction",
            "--enable-admission-plugins=A\n--enable-admission-plugins=NodeRestriction",
            State::Good,
        ),
        ("node-restriction", "--profiling=false", bad(Severity::High)),
        ("pod-security-admission", "--profiling=false", State::Good),
        ("pod-security-admission", "--disable-admission-plugins=PodSecurity", bad(Severity::High)),
        ("external-ips", "--enable-admission-plugins=DenyServiceExternalIPs", State::Good),
        ("profiling", "--authorization-mode=RBAC", bad(Severity::Low)),
        ("profiling", "--profiling=false", State::Good),
        ("profiling", "--profiling=false\n--profiling", bad(Severity::Low)),
        ("insecure-port", "--insecure-port=8080", bad(Severity::Critical)),
        ("insecure-port", "--insecure-port=0", State::Good),
        ("static-tokens", "--token-auth-file=/x.csv", bad(Severity::High)),
        ("static-tokens", "--profiling", State::Good),
        ("static-passwords", "--basic-auth-file=/x.csv", bad(Severity::High)),
        ("token-lookup", "--service-account-lookup=false", bad(Severity::High)),
        ("token-lookup", "--profiling", State::Good),
        ("bootstrap-tokens", "--enable-bootstrap-token-auth", bad(Severity::Info)),
        ("kubelet-certificates", "--kubelet-certificate-authority=/ca.crt", State::Good),
        ("kubelet-certificates", "--profiling", bad(Severity::Medium)),
        ("etcd-tls", "--etcd-servers=http://10.0.0.1:2379", bad(Severity::High)),
        (
            "etcd-tls",
            "--etcd-servers=https://a --etcd-cafile=a --etcd-certfile=b --etcd-keyfile=c",
            State::Good,
        ),
        ("audit", "--audit-policy-file=/p --audit-log-path=/l", State::Good),
        ("audit", "--audit-policy-file=/p", bad(Severity::High)),
        ("audit", "--audit-log-path=/l", bad(Severity::High)),
        ("token-max", "--service-account-max-token-expiration=24h", State::Good),
        ("token-max", "--service-account-max-token-expiration=0", bad(Severity::Low)),
    ] {
        assert_eq!(state(&with_flags("v1.36.2", flags), id), expected, "{id}: {flags}");
    }
}

#[test]
fn flags_that_a_version_has_no_more_are_not_spoken_of() {
    let facts = with_flags("v1.36.2", USUAL);
    assert!(facts.iter().all(|fact| !matches!(fact.id.as_str(), "insecure-port" | "static-passwords")));
    assert_eq!(state(&with_flags("v1.18.0", USUAL), "insecure-port"), bad(Severity::Critical));
}

#[test]
fn a_manifest_a_line_of_ps_and_a_file_of_flags_say_the_same() {
    let manifest = "apiVersion: v1\nkind: Pod\nmetadata: {name: kube-apiserver, namespace: kube-system, labels: {component: kube-apiserver}}\nspec: {containers: [{name: kube-apiserver, command: [kube-apiserver, --profiling=false, --authorization-mode=RBAC]}]}\n";
    let one = apiserver("x", manifest).unwrap();
    for other in [
        "--profiling=false\n--authorization-mode=RBAC\n",
        "# flags\n\n--profiling=false\r\n--authorization-mode\nRBAC\n",
        "kube-apiserver --profiling=false --authorization-mode=RBAC",
        "kube-apiserver\0--profiling=false\0--authorization-mode=RBAC\0",
        "time=\"x\" level=info msg=\"Running kube-apiserver --profiling=false --authorization-mode=RBAC\"",
    ] {
        assert_eq!(apiserver("x", other).unwrap(), one, "{other}");
    }
}

#[test]
fn configurations_may_stand_behind_the_manifest_in_one_file() {
    let text = "kind: AuthorizationConfiguration\napiVersion: apiserver.config.k8s.io/v1\nauthorizers: [{type: Node, name: n}, {type: RBAC, name: r}]\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: kube-apiserver, namespace: kube-system}\nspec: {containers: [{name: s, command: [kube-apiserver, --authorization-config=/z.yaml]}]}\n";
    let declared = apiserver("all.yaml", text).unwrap();
    let facts = looked(&of_version("v1.36.2"), |seen| seen.declared = declared);
    assert_eq!(state(&facts, "authorization"), State::Good);
    assert_eq!(fact(&facts, "authorization").evidence, ["file all.yaml: Node, RBAC"]);
}

#[test]
fn of_several_servers_the_one_that_differs_is_named() {
    let second = "
- apiVersion: v1
  kind: Pod
  metadata: {name: kube-apiserver-cp2, namespace: kube-system, labels: {component: kube-apiserver}}
  spec: {containers: [{name: s, command: [kube-apiserver, --authorization-mode=Node, --profiling=false]}]}
";
    let facts = looked(&format!("{KUBEADM}{}", second.trim_start_matches('\n')), |_| {});
    let authorization = fact(&facts, "authorization");
    assert_eq!(authorization.state, bad(Severity::High));
    let profiling = fact(&facts, "profiling");
    assert_eq!(profiling.evidence.len(), 1, "{profiling:?}");
    assert!(profiling.evidence[0].contains("kube-apiserver-cp1"), "{profiling:?}");
}

#[test]
fn a_provider_s_control_plane_is_not_seen_and_its_own_command_is_named() {
    for (version, labels, command) in [
        ("v1.33.1-eks-595af52", "", "aws eks describe-cluster"),
        ("v1.32.4-gke.1106006", "", "gcloud container clusters describe"),
        ("v1.33.1", "kubernetes.azure.com/cluster: x", "az "),
    ] {
        let node = format!(
            "{{apiVersion: v1, kind: Node, metadata: {{name: a, labels: {{{labels}}}}}, status: {{nodeInfo: {{kubeletVersion: {version}}}}}}}"
        );
        let facts = looked(&node, |_| {});
        for id in ["audit", "encryption-at-rest", "control-plane", "kubelet-read-only-port"] {
            let fact = fact(&facts, id);
            assert_eq!(fact.state, State::Unknown, "{id}");
            let named = fact.how_to_see.contains(command)
                || (id.starts_with("kubelet") && command.starts_with("aws"));
            assert!(named, "{id}: {}", fact.how_to_see);
        }
        assert_eq!(fact(&facts, "anonymous-requests").how_to_see, "--probe asks the server itself");
        assert!(facts.iter().all(|fact| fact.id != "etcd-tls"), "nobody can set it there");
    }
}

#[test]
fn what_k3s_and_openshift_show_elsewhere_is_said() {
    let k3s = "{apiVersion: v1, kind: Node, metadata: {name: a}, status: {nodeInfo: {kubeletVersion: v1.31.4+k3s1}}}";
    assert!(fact(&looked(k3s, |_| {}), "profiling").how_to_see.contains("journalctl -u k3s"));
    let openshift = "{apiVersion: v1, kind: Namespace, metadata: {name: openshift-kube-apiserver}}";
    assert!(fact(&looked(openshift, |_| {}), "profiling").how_to_see.contains("oc get kubeapiserver"));
}

const HEAD: &str = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n";
const FLAG: &str = "--encryption-provider-config=/e.yaml";
/// Not a key of anybody.
const KEY: &str = "bm90LWEta2V5LW5vdC1hLWtleS1ub3QtYS1rZXktMDA=";

#[test]
fn encryption_at_rest_is_judged_by_what_secrets_are_written_with() {
    let secretbox = format!(
        "resources: [{{resources: [secrets], providers: [{{secretbox: {{keys: [{{name: k, secret: {KEY}}}]}}}}, {{identity: {{}}}}]}}]"
    );
    for (rest, expected, words) in [
        (
            "resources: [{resources: [secrets], providers: [{identity: {}}, {kms: {apiVersion: v2, name: x, endpoint: 'unix:///x'}}]}]",
            bad(Severity::High),
            "identity (not encrypted), then kms v2",
        ),
        (
            "resources: [{resources: [configmaps], providers: [{kms: {apiVersion: v2, name: x}}]}]",
            bad(Severity::High),
            "no entry names secrets",
        ),
        (
            "resources: [{resources: ['*.'], providers: [{kms: {apiVersion: v2, name: x}}]}]",
            State::Good,
            "*. by kms v2",
        ),
        ("resources: [{resources: [secrets], providers: [{kms: {name: x}}]}]", bad(Severity::Low), "kms v1"),
        // An entry before the wildcard takes Secrets out of it.
        (
            "resources: [{resources: [secrets], providers: [{identity: null}]}, {resources: ['*.*'], providers: [{kms: {apiVersion: v2, name: x}}]}]",
            bad(Severity::High),
            "secrets by identity",
        ),
        (secretbox.as_str(), bad(Severity::Info), "secretbox (256 bits), then identity"),
    ] {
        let given = encryption("e.yaml", &format!("{HEAD}{rest}")).unwrap();
        assert!(!format!("{given:?}").contains(&KEY[..12]), "the key is kept");
        let facts = looked(&of_version("v1.36.2"), |seen| {
            seen.declared = apiserver("flags", FLAG).unwrap();
            seen.encryption = Some(given);
        });
        let fact = fact(&facts, "encryption-at-rest");
        assert_eq!(fact.state, expected, "{rest}");
        assert!(
            fact.evidence.iter().any(|line| line.contains(words)),
            "`{words}` is not in {:?}",
            fact.evidence
        );
        assert!(!format!("{fact:?}").contains(&KEY[..12]));
    }
}

#[test]
fn encryption_that_is_declared_and_not_shown_is_not_seen_and_one_that_no_server_uses_is_none() {
    assert_eq!(state(&with_flags("v1.36.2", FLAG), "encryption-at-rest"), State::Unknown);
    assert_eq!(state(&with_flags("v1.36.2", USUAL), "encryption-at-rest"), bad(Severity::Medium));
    let given = format!(
        "{HEAD}resources: [{{resources: [secrets], providers: [{{kms: {{apiVersion: v2, name: x}}}}]}}]"
    );
    let facts = looked(KUBEADM, |seen| seen.encryption = Some(encryption("e.yaml", &given).unwrap()));
    let fact = fact(&facts, "encryption-at-rest");
    assert_eq!(fact.state, bad(Severity::Medium));
    assert!(fact.title.contains("no API server uses the file"), "{}", fact.title);
}
