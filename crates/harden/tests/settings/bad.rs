//! Files that declare nothing.

use sundew_harden::settings::{SettingsError, apiserver, encryption, kubelet};

/// Not a key of anybody.
const KEY: &str = "bm90LWEta2V5LW5vdC1hLWtleQ==";

fn says(error: &SettingsError, want: &[&str]) {
    let said = error.to_string();
    for want in want {
        assert!(said.contains(want), "`{want}` is not in: {said}");
    }
    assert!(!said.contains(&KEY[..8]), "{said}");
    assert!(!said.contains('\n'), "{said}");
}

#[test]
fn what_is_no_api_server_is_said_with_what_to_give() {
    for (text, want) in [
        (
            "kind: Deployment\napiVersion: apps/v1",
            &["f: this is of kind `Deployment`", "the manifest of the API server's static pod"][..],
        ),
        ("a: b", &["YAML that names no kind"]),
        ("--profiling=false\nhello there\n", &["f: line 2 is no flag"]),
        ("--no-such-flag=1\n", &["f: no flag of an API server is in it", "ps -o args="]),
        ("", &["f: no flag of an API server"]),
        ("# nothing\n---\n", &["no flag of an API server"]),
        (
            "kind: Pod\napiVersion: v1\nmetadata: {name: etcd, namespace: kube-system}\nspec: {containers: [{name: e, command: [etcd]}]}",
            &["no flag of an API server"],
        ),
        ("kind: [Pod\n", &["f: line ", "see how an API server's manifest is written"]),
        (
            "kind: AuthenticationConfiguration\napiVersion: apiserver.config.k8s.io/v2",
            &["apiVersion `apiserver.config.k8s.io/v2` of AuthenticationConfiguration is not known"],
        ),
        (
            "kind: AuthorizationConfiguration\napiVersion: apiserver.config.k8s.io/v1",
            &["missing field `authorizers`"],
        ),
    ] {
        says(&apiserver("f", text).unwrap_err(), want);
    }
}

#[test]
fn what_is_no_encryption_configuration_is_said_and_no_key_with_it() {
    let head = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n";
    for (text, want) in [
        (String::new(), &["f: this is empty"][..]),
        ("kind: Secret\napiVersion: v1\n".to_owned(), &["of kind `Secret`", "--encryption-provider-config"]),
        (
            head.replace("/v1", "/v1beta9"),
            &["apiVersion `apiserver.config.k8s.io/v1beta9`", "those that are: apiserver.config.k8s.io/v1"],
        ),
        (format!("{head}resources: {KEY}\n"), &["f: line 3", "cannot be read as YAML"]),
        (
            format!("{head}resources: [{{resources: [secrets], providers: [{{aescbc: {KEY}}}]}}]\n"),
            &["f: line 3"],
        ),
        (
            format!(
                "{head}resources: [{{resources: [secrets], providers: [{{aescbc: {{keys: [{{secret: [{KEY}]}}]}}}}]}}]\n"
            ),
            &["f: line 3"],
        ),
        (format!("{head}resources: [{KEY}\n"), &["f: line "]),
    ] {
        says(&encryption("f", &text).unwrap_err(), want);
    }
    let empty = encryption("f", &format!("{head}resources: null\n")).unwrap();
    assert!(!format!("{empty:?}").is_empty());
}

#[test]
fn what_is_no_kubelet_configuration_is_said() {
    let head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
    for (text, want) in [
        (
            "kind: Config\napiVersion: v1\n".to_owned(),
            &["of kind `Config`", "/var/lib/kubelet/config.yaml"][..],
        ),
        (head.replace("v1beta1", "v1alpha1"), &["apiVersion `kubelet.config.k8s.io/v1alpha1`"]),
        (format!("{head}readOnlyPort: many\n"), &["f: line 3"]),
        (
            "kind: ConfigMap\napiVersion: v1\ndata: {x: y}\n".to_owned(),
            &["a ConfigMap without the key `kubelet`"],
        ),
        (String::new(), &["this is empty"]),
    ] {
        says(&kubelet("f", &text).unwrap_err(), want);
    }
}

#[test]
fn aliases_that_make_a_file_grow_are_refused_soon() {
    let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for i in 1..12 {
        text.push_str(&format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(",")));
    }
    assert!(apiserver("f", &text).is_err());
    assert!(encryption("f", &text).is_err());
    assert!(kubelet("f", &text).is_err());
}
