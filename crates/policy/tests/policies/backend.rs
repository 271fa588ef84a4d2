//! The flags of the audit backends.

use sundew_policy::{Remark, Weight, lint_flags};

const GOOD: &str = "--audit-policy-file=/etc/kubernetes/audit-policy.yaml
--audit-log-path=/var/log/kubernetes/audit.log
--audit-log-maxsize=100
--audit-log-maxbackup=10
--audit-webhook-config-file=/etc/kubernetes/sundew.kubeconfig
--audit-webhook-batch-max-wait=1s
";

fn remarks(text: &str) -> Vec<Remark> {
    lint_flags("flags", text).unwrap()
}

/// What is said of the good flags with one more.
fn with(flag: &str) -> Vec<(usize, Weight, &'static str)> {
    remarks(&format!("{GOOD}{flag}\n")).into_iter().map(|r| (r.line, r.weight, r.code)).collect()
}

#[test]
fn good_flags_are_without_remark() {
    assert_eq!(remarks(GOOD), []);
    let one_line = format!("kube-apiserver {}", GOOD.replace(['\n', '='], " "));
    assert_eq!(remarks(&one_line), []);
    assert_eq!(remarks(&GOOD.replace("--audit-log", "--audit_log")), []);
}

#[test]
fn each_flag_that_loses_events_is_named_with_its_line() {
    use Weight::{Blind, Broken, Lossy};
    for (flag, weight, code) in [
        ("--audit-log-mode=batch", Lossy, "batched-log"),
        ("--audit-log-mode=async", Broken, "wrong-value"),
        ("--audit-log-format=legacy", Blind, "wrong-format"),
        ("--audit-log-format=yaml", Broken, "wrong-format"),
        ("--audit-log-path=-", Lossy, "standard-output"),
        ("--audit-log-maxsize=0", Lossy, "never-rotated"),
        ("--audit-log-maxsize=ten", Broken, "wrong-value"),
        ("--audit-log-maxbackup=1", Lossy, "short-log"),
        ("--audit-log-maxbackup=0", Lossy, "never-removed"),
        ("--audit-log-truncate-enabled", Lossy, "truncated"),
        ("--audit-log-truncate-max-event-size=20971520", Broken, "wrong-value"),
        ("--audit-log-version=audit.k8s.io/v1beta1", Broken, "wrong-value"),
        ("--audit-webhook-mode=blocking", Lossy, "blocking-webhook"),
        ("--audit-webhook-batch-max-wait=30s", Lossy, "late"),
        ("--audit-webhook-batch-max-wait=30", Broken, "wrong-value"),
        ("--audit-webhook-batch-buffer-size=100", Lossy, "small-buffer"),
        ("--audit-webhook-batch-buffer-size=0", Broken, "wrong-value"),
        ("--audit-webhook-batch-throttle-qps=1", Lossy, "throttled"),
        ("--audit-webhook-batch-max-size=10", Lossy, "throttled"),
        ("--audit-webhook-initial-backoff=1s", Lossy, "short-retry"),
        ("--audit-webhook-truncate-enabled=true", Lossy, "truncated"),
        ("--audit-dynamic-configuration", Broken, "unknown-flag"),
        ("--audit-log-maxsise=100", Broken, "unknown-flag"),
    ] {
        assert_eq!(with(flag), [(7, weight, code)], "{flag}");
    }
    for fine in [
        "--audit-log-truncate-enabled=false",
        "--audit-log-compress",
        "--audit-webhook-batch-throttle-enable=false",
    ] {
        assert_eq!(with(fine), [], "{fine}");
    }
}

#[test]
fn the_defaults_of_the_webhook_are_late() {
    let codes: Vec<&str> =
        remarks(&GOOD.replace("--audit-webhook-batch-max-wait=1s\n", "")).iter().map(|r| r.code).collect();
    assert_eq!(codes, ["late"]);
}

#[test]
fn without_policy_or_backend_nothing_is_logged() {
    let codes =
        |text: &str| remarks(text).iter().map(|remark| (remark.weight, remark.code)).collect::<Vec<_>>();
    assert_eq!(codes("--secure-port=6443\n"), [(Weight::Blind, "no-policy"), (Weight::Blind, "no-backend")]);
    let webhook =
        "--audit-policy-file=/p\n--audit-webhook-config-file=/w\n--audit-webhook-batch-max-wait=1s\n";
    assert_eq!(codes(webhook), [(Weight::Lossy, "no-second-witness")]);
    assert_eq!(codes("--audit-policy-file=/p\n--audit-log-path=/l\n"), [(Weight::Lossy, "never-removed")]);
}

const POD: &str = "apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver, namespace: kube-system}
spec:
  containers:
  - name: kube-apiserver
    command:
    - kube-apiserver
    - --advertise-address=192.0.2.1
    - --audit-policy-file=/etc/kubernetes/audit-policy.yaml
    - --audit-log-path=/var/log/kubernetes/audit.log
    - --audit-log-maxbackup=10
    volumeMounts:
    - {name: audit-policy, mountPath: /etc/kubernetes/audit-policy.yaml, readOnly: true}
    - {name: audit-log, mountPath: /var/log/kubernetes}
  volumes:
  - {name: audit-policy, hostPath: {path: /etc/kubernetes/audit-policy.yaml, type: File}}
  - {name: audit-log, hostPath: {path: /var/log/kubernetes, type: DirectoryOrCreate}}
";

#[test]
fn a_static_pod_that_mounts_the_policy_and_the_log_is_without_remark() {
    assert_eq!(remarks(POD), []);
}

#[test]
fn what_a_static_pod_does_not_mount_is_said() {
    use Weight::{Broken, Lossy};
    let said = |from: &str, to: &str| {
        assert!(POD.contains(from), "{from}");
        remarks(&POD.replace(from, to)).into_iter().map(|r| (r.line, r.weight, r.code)).collect::<Vec<_>>()
    };
    let policy = "    - {name: audit-policy, mountPath: /etc/kubernetes/audit-policy.yaml, readOnly: true}\n";
    let log = "    - {name: audit-log, mountPath: /var/log/kubernetes}\n";
    assert_eq!(said(policy, ""), [(10, Broken, "not-mounted")]);
    assert_eq!(said(log, ""), [(11, Lossy, "log-not-mounted")]);
    assert_eq!(said("kubernetes}\n", "kubernetes, readOnly: true}\n"), [(15, Broken, "read-only-log")]);
    assert_eq!(
        said("mountPath: /var/log/kubernetes}", "mountPath: /var/log/kubernetes/audit.log}"),
        [(15, Lossy, "log-is-mount")]
    );
    assert_eq!(
        said("hostPath: {path: /var/log/kubernetes, type: DirectoryOrCreate}", "emptyDir: {}"),
        [(15, Lossy, "log-in-pod")]
    );
    assert_eq!(
        said("  - {name: audit-log, hostPath", "  - {name: log, hostPath"),
        [(15, Broken, "no-volume")]
    );
    // A folder whose name merely begins alike is another.
    assert_eq!(
        said("mountPath: /var/log/kubernetes}", "mountPath: /var/log/kube}"),
        [(11, Lossy, "log-not-mounted")]
    );
    assert_eq!(said("mountPath: /var/log/kubernetes}", "mountPath: /var/log/}"), []);
}

#[test]
fn flags_are_found_in_a_shell_line_and_in_a_file_of_k3s() {
    let shell = POD.replace(
        "    - kube-apiserver\n",
        "    - /bin/sh\n    - -c\n    - exec kube-apiserver --audit-log-mode=batch --etcd-servers=x\n",
    );
    let codes: Vec<&str> = remarks(&shell).iter().map(|remark| remark.code).collect();
    assert_eq!(codes, ["batched-log"]);
    let k3s = "kube-apiserver-arg:\n- audit-policy-file=/p\n- audit-log-path=/l\n- audit-log-maxbackup=10\n- audit-log-mode=batch\n";
    assert_eq!(remarks(k3s).iter().map(|r| (r.line, r.code)).collect::<Vec<_>>(), [(5, "batched-log")]);
}

#[test]
fn a_file_without_flags_is_an_error_that_says_what_to_give() {
    let error = |text: &str| lint_flags("pod.yaml", text).unwrap_err().to_string();
    insta::assert_snapshot!(error("hello\n"), @"pod.yaml: no flags of an API server: there is no flag in it: give the manifest of the API server's pod, or one flag a line");
    insta::assert_snapshot!(error("kind: ConfigMap\n"), @"pod.yaml: no flags of an API server: it has neither `spec.containers` nor `kube-apiserver-arg`");
    insta::assert_snapshot!(error("spec: {containers: [{command: [etcd]}]}\n"), @"pod.yaml: no flags of an API server: no container of it runs kube-apiserver");
}
