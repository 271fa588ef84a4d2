//! What surrounds workloads: namespaces, nodes and webhooks.

use std::io;

use serde_json::{Value, json};

use super::{
    kit::{meta, pick, suffix, time, uid},
    plan::Plan,
    write::Folder,
};

/// Namespaces, nodes, and webhooks that look at pods.
pub(crate) fn surroundings(plan: &Plan, folder: &Folder) -> io::Result<()> {
    let mut list = folder.list("namespaces", "v1", "Namespace")?;
    for (number, namespace) in plan.namespaces.iter().enumerate() {
        let mut meta = meta(&mut plan.rng("namespace", number), "", &namespace.name);
        let mut labels = json!({ "kubernetes.io/metadata.name": namespace.name });
        if let Some(enforce) = namespace.enforce {
            labels["pod-security.kubernetes.io/enforce"] = enforce.into();
            labels["pod-security.kubernetes.io/warn"] = "restricted".into();
        }
        if !namespace.platform {
            labels["team"] = namespace.name.split('-').next().unwrap_or_default().into();
        }
        meta.insert("labels".into(), labels);
        list.push(&json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": meta,
            "spec": { "finalizers": ["kubernetes"] },
            "status": { "phase": "Active" },
        }))?;
    }
    list.finish()?;
    let mut list = folder.list("nodes", "v1", "Node")?;
    (0..plan.nodes).try_for_each(|number| list.push(&node(plan, number)))?;
    list.finish()?;
    webhooks(plan, folder)
}

/// The name of node `number`.
pub(crate) fn node_name(number: usize) -> String {
    format!("ip-10-{}-{}-{}.ec2.internal", number >> 12 & 15, number >> 6 & 63, number & 63)
}

fn node(plan: &Plan, number: usize) -> Value {
    let mut rng = plan.rng("node", number);
    let name = node_name(number);
    let mut meta = meta(&mut rng, "", &name);
    let zone = pick(&mut rng, &["eu-west-1a", "eu-west-1b", "eu-west-1c"]);
    let mut labels = json!({
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "m6i.4xlarge",
        "pool": format!("pool-{}", number % 8),
        "topology.kubernetes.io/region": "eu-west-1",
        "topology.kubernetes.io/zone": zone,
    });
    let mut spec = json!({ "podCIDR": format!("10.{}.{}.0/24", 64 + (number >> 8), number & 255) });
    if number < 3 && plan.nodes > 3 {
        labels["node-role.kubernetes.io/control-plane"] = "".into();
        spec["taints"] = json!([{ "effect": "NoSchedule", "key": "node-role.kubernetes.io/control-plane" }]);
    }
    meta.insert("labels".into(), labels);
    let since = time(&mut rng);
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({
            "lastHeartbeatTime": "2026-11-20T22:17:47Z",
            "lastTransitionTime": since,
            "message": reason,
            "reason": reason,
            "status": status,
            "type": kind,
        })
    };
    let sizes =
        json!({ "cpu": "16", "ephemeral-storage": "209702892Ki", "memory": "64570284Ki", "pods": "234" });
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": meta,
        "spec": spec,
        "status": {
            "addresses": [
                { "address": node_address(number), "type": "InternalIP" },
                { "address": name, "type": "Hostname" },
            ],
            "allocatable": sizes,
            "capacity": sizes,
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID"),
                condition("Ready", "True", "KubeletReady"),
            ],
            "daemonEndpoints": { "kubeletEndpoint": { "Port": 10250 } },
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": uid(&mut rng),
                "containerRuntimeVersion": "containerd://2.1.4",
                "kernelVersion": "6.12.40",
                "kubeProxyVersion": "",
                "kubeletVersion": "v1.34.2",
                "machineID": suffix(&mut rng, 32),
                "operatingSystem": "linux",
                "osImage": "Amazon Linux 2023",
                "systemUUID": uid(&mut rng),
            },
        },
    })
}

/// The address of node `number`.
pub(crate) fn node_address(number: usize) -> String {
    format!("10.{}.{}.{}", number >> 12 & 15, number >> 6 & 63, number & 63)
}

fn webhooks(plan: &Plan, folder: &Folder) -> io::Result<()> {
    for (kind, file, names) in [
        (
            "MutatingWebhookConfiguration",
            "mutatingwebhookconfigurations",
            ["istio-sidecar-injector", "vault-injector"],
        ),
        (
            "ValidatingWebhookConfiguration",
            "validatingwebhookconfigurations",
            ["ingress-nginx-admission", "kyverno"],
        ),
    ] {
        let version = "admissionregistration.k8s.io/v1";
        let mut list = folder.list(file, version, kind)?;
        for (number, name) in names.iter().enumerate() {
            let meta = meta(&mut plan.rng(kind, number), "", name);
            let (group, resource) =
                if name.starts_with("ingress") { ("networking.k8s.io", "ingresses") } else { ("", "pods") };
            list.push(&json!({
                "apiVersion": version,
                "kind": kind,
                "metadata": meta,
                "webhooks": [{
                    "admissionReviewVersions": ["v1"],
                    "clientConfig": { "service": { "name": name, "namespace": "istio-system", "port": 443 } },
                    "failurePolicy": "Ignore",
                    "matchPolicy": "Equivalent",
                    "name": format!("{name}.example.com"),
                    "namespaceSelector": {},
                    "objectSelector": {},
                    "rules": [{
                        "apiGroups": [group],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": [resource],
                        "scope": "*",
                    }],
                    "sideEffects": "None",
                    "timeoutSeconds": 10,
                }],
            }))?;
        }
        list.finish()?;
    }
    Ok(())
}
