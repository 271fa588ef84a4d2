//! Pods, as the API server and the kubelet leave them: scheduled, with their token, and with a status.

use std::io;

use fastrand::Rng;
use serde_json::{Value, json};

use super::{
    kit::{chance, meta, owner, suffix, time},
    plan::{Kind, Plan},
    surroundings::{node_address, node_name},
    workloads::{pod_owner, template},
    write::Folder,
};

/// The pods of all workloads.
pub(crate) fn pods(plan: &Plan, folder: &Folder) -> io::Result<()> {
    let mut list = folder.list("pods", "v1", "Pod")?;
    for (number, workload) in plan.workloads.iter().enumerate() {
        let template = template(plan, number);
        let owner = pod_owner(plan, number);
        let mut rng = plan.rng("pods", number);
        for ordinal in 0..workload.pods {
            let node = match workload.kind {
                Kind::DaemonSet if workload.pods < plan.nodes => ordinal * 8 + 7,
                Kind::DaemonSet => ordinal,
                _ => rng.usize(..plan.nodes),
            };
            list.push(&pod(plan, number, ordinal, node % plan.nodes, &template, &owner, &mut rng))?;
        }
    }
    list.finish()
}

fn pod(
    plan: &Plan,
    number: usize,
    ordinal: usize,
    node: usize,
    template: &Value,
    (version, kind, above, above_id): &(&str, &str, String, String),
    rng: &mut Rng,
) -> Value {
    let workload = &plan.workloads[number];
    let namespace = &plan.namespaces[workload.namespace];
    let name = match workload.kind {
        Kind::StatefulSet => format!("{above}-{ordinal}"),
        _ => format!("{above}-{}", suffix(rng, 5)),
    };
    let mut meta = meta(rng, &namespace.name, &name);
    meta.insert("generateName".into(), format!("{above}-").into());
    let mut labels = template["metadata"]["labels"].clone();
    if workload.kind == Kind::Deployment {
        labels["pod-template-hash"] = above.rsplit('-').next().unwrap_or_default().into();
    }
    meta.insert("labels".into(), labels);
    meta.insert("ownerReferences".into(), owner(version, kind, above, above_id));

    let mut spec = template["spec"].clone();
    spec["enableServiceLinks"] = true.into();
    spec["nodeName"] = node_name(node).into();
    spec["preemptionPolicy"] = "PreemptLowerPriority".into();
    spec["priority"] = 0.into();
    spec["tolerations"] = tolerations();
    // The pod's word counts before the account's.
    let mounts =
        spec["automountServiceAccountToken"].as_bool().or(namespace.accounts[workload.account].automount);
    if mounts != Some(false) {
        mount_token(&mut spec, rng);
    }
    if chance(rng, 1) {
        let image = "registry.example.com/debug:1";
        spec["ephemeralContainers"] =
            json!([{ "image": image, "name": "debugger", "resources": {}, "stdin": true }]);
    }
    let status = status(&spec, node, rng);
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": status })
}

fn tolerations() -> Value {
    let toleration = |key: &str| json!({ "effect": "NoExecute", "key": key, "operator": "Exists", "tolerationSeconds": 300 });
    json!([toleration("node.kubernetes.io/not-ready"), toleration("node.kubernetes.io/unreachable")])
}

/// Adds the volume with the account's token, which admission adds to every pod.
fn mount_token(spec: &mut Value, rng: &mut Rng) {
    let name = format!("kube-api-access-{}", suffix(rng, 5));
    let mount = json!({ "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": name, "readOnly": true });
    for containers in ["containers", "initContainers"] {
        for container in spec.get_mut(containers).and_then(Value::as_array_mut).into_iter().flatten() {
            match container.get_mut("volumeMounts").and_then(Value::as_array_mut) {
                Some(mounts) => mounts.push(mount.clone()),
                None => container["volumeMounts"] = json!([mount]),
            }
        }
    }
    let field = json!({ "apiVersion": "v1", "fieldPath": "metadata.namespace" });
    let volume = json!({
        "name": name,
        "projected": {
            "defaultMode": 420,
            "sources": [
                { "serviceAccountToken": { "expirationSeconds": 3607, "path": "token" } },
                { "configMap": { "items": [{ "key": "ca.crt", "path": "ca.crt" }], "name": "kube-root-ca.crt" } },
                { "downwardAPI": { "items": [{ "fieldRef": field, "path": "namespace" }] } },
            ],
        },
    });
    match spec.get_mut("volumes").and_then(Value::as_array_mut) {
        Some(volumes) => volumes.push(volume),
        None => spec["volumes"] = json!([volume]),
    }
}

fn status(spec: &Value, node: usize, rng: &mut Rng) -> Value {
    let since = time(rng);
    let conditions: Vec<Value> = [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ]
    .iter()
    .map(|kind| json!({ "lastProbeTime": null, "lastTransitionTime": since, "status": "True", "type": kind }))
    .collect();
    let containers: Vec<Value> = spec["containers"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|container| {
            let digest = format!("{:032x}{:032x}", rng.u128(..), rng.u128(..));
            let image = container["image"].as_str().unwrap_or_default();
            json!({
                "containerID": format!("containerd://{digest}"),
                "image": image,
                "imageID": format!("{}@sha256:{digest}", image.split(':').next().unwrap_or_default()),
                "lastState": {},
                "name": container["name"],
                "ready": true,
                "restartCount": rng.u8(..3),
                "started": true,
                "state": { "running": { "startedAt": since } },
            })
        })
        .collect();
    let host = node_address(node);
    let ip = if spec["hostNetwork"] == true {
        host.clone()
    } else {
        format!("10.{}.{}.{}", 64 + (node >> 8), node & 255, rng.u8(2..254))
    };
    json!({
        "conditions": conditions,
        "containerStatuses": containers,
        "hostIP": host,
        "hostIPs": [{ "ip": host }],
        "phase": "Running",
        "podIP": ip,
        "podIPs": [{ "ip": ip }],
        "qosClass": "Burstable",
        "startTime": since,
    })
}
