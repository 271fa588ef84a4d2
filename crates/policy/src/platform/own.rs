//! Platforms that take a policy.

use super::comments;
use crate::model::Policy;

/// What losing events is about, the same everywhere.
const LOG: &str = "audit-log-maxsize=100 and audit-log-maxbackup=10 keep a gigabyte: let a sensor read the file as it \
grows.";

/// Flags and mounts: <https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/>.
pub(super) fn kubeadm(policy: &Policy) -> String {
    let head = format!(
        "An audit policy for kubeadm, and for any API server that runs as a static pod.
1. On each control plane machine, write this file to /etc/kubernetes/audit-policy.yaml (mode 0600).
2. In /etc/kubernetes/manifests/kube-apiserver.yaml add to spec.containers[0].command:
     - --audit-policy-file=/etc/kubernetes/audit-policy.yaml
     - --audit-log-path=/var/log/kubernetes/audit.log
     - --audit-log-maxsize=100
     - --audit-log-maxbackup=10
   to its volumeMounts:
     - {{name: audit-policy, mountPath: /etc/kubernetes/audit-policy.yaml, readOnly: true}}
     - {{name: audit-log, mountPath: /var/log/kubernetes}}
   and to spec.volumes:
     - {{name: audit-policy, hostPath: {{path: /etc/kubernetes/audit-policy.yaml, type: File}}}}
     - {{name: audit-log, hostPath: {{path: /var/log/kubernetes, type: DirectoryOrCreate}}}}
3. The kubelet restarts the API server. A later change of the policy alone needs a restart by hand: move the manifest
   out of the folder and back.
{LOG}"
    );
    comments(&head) + "\n" + &policy.yaml()
}

/// <https://docs.k3s.io/security/hardening-guide>.
pub(super) fn k3s(policy: &Policy) -> String {
    let head = format!(
        "An audit policy for k3s.
1. On each server: mkdir -p -m 700 /var/lib/rancher/k3s/server/logs
2. Write this file to /var/lib/rancher/k3s/server/audit.yaml (mode 0600).
3. In /etc/rancher/k3s/config.yaml:
     kube-apiserver-arg:
     - audit-policy-file=/var/lib/rancher/k3s/server/audit.yaml
     - audit-log-path=/var/lib/rancher/k3s/server/logs/audit.log
     - audit-log-maxsize=100
     - audit-log-maxbackup=10
4. systemctl restart k3s, also after a later change of the policy.
{LOG}"
    );
    comments(&head) + "\n" + &policy.yaml()
}

/// <https://docs.rke2.io/security/hardening_guide>, and for clusters that Rancher made
/// <https://ranchermanager.docs.rancher.com/how-to-guides/advanced-user-guides/enable-api-audit-log-in-downstream-clusters>.
pub(super) fn rke2(policy: &Policy) -> String {
    let head = format!(
        "An audit policy for RKE2.
1. On each server, write this file to /etc/rancher/rke2/audit-policy.yaml (mode 0600).
2. In /etc/rancher/rke2/config.yaml:
     audit-policy-file: /etc/rancher/rke2/audit-policy.yaml
     kube-apiserver-arg:
     - audit-log-maxsize=100
     - audit-log-maxbackup=10
   The log is /var/lib/rancher/rke2/server/logs/audit.log.
3. systemctl restart rke2-server, also after a later change of the policy.
In a cluster that Rancher made, this text goes under spec.rkeConfig.machineSelectorConfig, as audit-policy-file of the
control plane's machines.
{LOG}"
    );
    comments(&head) + "\n" + &policy.yaml()
}

/// `cluster.apiServer.auditPolicy` of <https://www.talos.dev/latest/reference/configuration/v1alpha1/config/>. A patch is
/// merged with what is there, and lists are added to: so the field is deleted before.
pub(super) fn talos(policy: &Policy) -> String {
    let head = "A patch of the machine configuration of Talos' control plane, with an audit policy in it. Talos' own policy is one rule,
`level: Metadata`; a patch adds its rules to those that are there, so that one is taken away first:
  talosctl patch machineconfig --nodes CONTROL_PLANE --patch '[{\"op\": \"remove\", \"path\": \"/cluster/apiServer/auditPolicy\"}]'
  talosctl patch machineconfig --nodes CONTROL_PLANE --patch @THIS_FILE
With multi-document configurations, which take no JSON patches, edit it with `talosctl edit machineconfig`.
The log is /var/log/audit/kube/kube-apiserver.log: `talosctl read` reads it, a pod with that hostPath ships it.";
    let mut text = comments(head);
    text.push_str("\ncluster:\n  apiServer:\n    auditPolicy:\n");
    for line in policy.yaml().lines() {
        let line = format!("      {line}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
