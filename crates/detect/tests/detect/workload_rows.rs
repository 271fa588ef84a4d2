//! The rows about pods and what makes them.

use serde_json::{Value, json};

use crate::{
    given::{Shape, request},
    rows::{Row, critical, high},
};

pub(crate) fn pod_with(account: &str) -> Value {
    json!({"containers": [{"name": "sh", "image": "alpine"}], "serviceAccountName": account})
}

/// An object of each kind with a pod template, that runs as `account`.
pub(crate) fn workloads(account: &str) -> Vec<(&'static str, &'static str, Value)> {
    let template = json!({"metadata": {"labels": {"app": "x"}}, "spec": pod_with(account)});
    let with_template = json!({"replicas": 1, "template": template});
    vec![
        ("pods", "Pod", json!({"spec": pod_with(account)})),
        ("deployments.apps", "Deployment", json!({"spec": with_template})),
        ("replicasets.apps", "ReplicaSet", json!({"spec": with_template})),
        ("daemonsets.apps", "DaemonSet", json!({"spec": with_template})),
        ("statefulsets.apps", "StatefulSet", json!({"spec": with_template})),
        ("replicationcontrollers", "ReplicationController", json!({"spec": with_template})),
        ("jobs.batch", "Job", json!({"spec": with_template})),
        (
            "cronjobs.batch",
            "CronJob",
            json!({"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": with_template}}}),
        ),
        ("podtemplates", "PodTemplate", json!({"template": template})),
    ]
}

pub(crate) fn workload(verb: &str, resource: &str) -> Shape {
    let plain = resource.split('.').next().unwrap();
    let uri = format!(
        "/apis/x/v1/namespaces/honeypot/{plain}?fieldManager=kubectl-client-side-apply&fieldValidation=Strict"
    );
    request(verb, &uri).object(resource, "honeypot", "evil").code(if verb == "create" { 201 } else { 200 })
}

pub(crate) fn json_patch(operations: &[(&str, Value)]) -> Value {
    operations.iter().map(|(path, value)| json!({"op": "add", "path": path, "value": value})).collect()
}

pub(crate) fn workloads_as_decoy() -> Vec<Row> {
    let rule = "tripwire.workload_as_decoy";
    let mut rows = Vec::new();
    for (resource, kind, object) in workloads("backup-sa") {
        let mut whole = object.clone();
        whole["kind"] = json!(kind);
        whole["metadata"] = json!({"name": "evil", "namespace": "honeypot"});
        rows.push(critical(rule, None, workload("create", resource).body(&whole)));
        rows.push(critical(rule, None, workload("update", resource).body(&whole)));
        // A merge patch, and what server-side apply sends.
        rows.push(critical(rule, None, workload("patch", resource).body(&object)));
        let (part, inside) = object.as_object().unwrap().iter().next().unwrap();
        let patch = json_patch(&[("/metadata/labels/a", json!("b")), (&format!("/{part}"), inside.clone())]);
        rows.push(critical(rule, None, workload("patch", resource).body(&patch)));
    }
    let alias = json!({"spec": {"containers": [], "serviceAccount": "backup-sa"}});
    rows.push(critical(rule, None, workload("create", "pods").body(&alias)));
    // Refused and unanswered tries are tries.
    let asked = workload("create", "pods").body(&json!({"spec": pod_with("backup-sa")}));
    rows.push(critical(rule, None, asked.clone().code(403)));
    rows.push(critical(rule, None, asked.without("responseStatus").set("stage", json!("ResponseStarted"))));
    for path in [
        "/spec/template/spec/serviceAccountName",
        "/spec/jobTemplate/spec/template/spec/serviceAccountName",
        "/spec/template/spec/serviceAccount",
        "/template/spec/serviceAccountName",
    ] {
        let patch = json_patch(&[(path, json!("backup-sa"))]);
        rows.push(critical(rule, None, workload("patch", "deployments.apps").body(&patch)));
    }
    // The last of two equal keys counts, in an operation as in an object.
    let twice = r#"[{"op":"add","path":"/metadata/labels/a","path":"/spec/template/spec/serviceAccountName","value":"b","value":"backup-sa"}]"#;
    rows.push(critical(rule, None, workload("patch", "deployments.apps").raw_body(twice.into())));
    // What was copied stands in the answer alone.
    let copy = json!([{"op": "copy", "from": "/metadata/annotations/x", "path": "/spec/template/spec/serviceAccountName"}]);
    let copied = workload("patch", "deployments.apps").body(&copy);
    let answer = json!({"spec": {"template": {"spec": pod_with("backup-sa")}}});
    rows.push(critical(rule, None, copied.set("responseObject", answer)));
    rows
}

pub(crate) fn secrets_mounted() -> Vec<Row> {
    let placed = Some("backup-sa-token");
    let volume = json!({"name": "v", "secret": {"secretName": "backup-sa-token"}});
    let env = json!({"name": "e", "envFrom": [{"secretRef": {"name": "backup-sa-token"}}]});
    let mounted = |event: Shape, body: &Value| high("tripwire.secret_mounted", placed, event.body(body));
    let create = || workload("create", "pods");
    let patch = |path: &str, value: Value| {
        mounted(workload("patch", "deployments.apps"), &json_patch(&[(path, value)]))
    };
    let debug = request("patch", "/api/v1/namespaces/honeypot/pods/web-0/ephemeralcontainers").object(
        "pods/ephemeralcontainers",
        "honeypot",
        "web-0",
    );
    vec![
        mounted(create(), &json!({"spec": {"volumes": [volume]}})),
        mounted(create(), &json!({"spec": {"containers": [env]}})),
        mounted(
            create(),
            &json!({"spec": {"initContainers": [{"name": "i", "env": [
            {"name": "T", "valueFrom": {"secretKeyRef": {"name": "backup-sa-token", "key": "token"}}}]}]}}),
        ),
        mounted(
            create(),
            &json!({"spec": {"volumes": [{"name": "p", "projected": {"sources": [
            {"secret": {"name": "backup-sa-token"}}]}}]}}),
        ),
        patch("/spec/template/spec/volumes/-", volume.clone()),
        patch("/spec/template/spec/volumes/0/secret/secretName", json!("backup-sa-token")),
        // Lists are also counted from their ends.
        patch("/spec/template/spec/volumes/-1", volume.clone()),
        patch("/spec/template/spec/containers/+0/envFrom", env["envFrom"].clone()),
        // Into a pod that is no decoy, an ephemeral container can take the Secret along.
        mounted(debug, &json!({"spec": {"ephemeralContainers": [env]}})),
    ]
}

pub(crate) fn entered(verb: &str, pod: &str, way: &str) -> Shape {
    let uri =
        format!("/api/v1/namespaces/honeypot/pods/{pod}/{way}?command=cat&command=%2Fopt%2Fbackup%2Ftoken");
    request(verb, &uri).object(&format!("pods/{way}"), "honeypot", pod).code(101)
}

pub(crate) fn pods_entered() -> Vec<Row> {
    let rule = "tripwire.pod_entered";
    let mut rows = Vec::new();
    for (pod, placement) in
        [("file-backup", "backup-sa-token"), ("backup-agent-7d4b9c-x2x9z", "backup-agent-token")]
    {
        for way in ["exec", "attach", "portforward"] {
            for verb in ["create", "get"] {
                let event = entered(verb, pod, way);
                rows.push(critical(rule, Some(placement), event.clone().code(403)));
                rows.push(critical(rule, Some(placement), event.set("stage", json!("ResponseStarted"))));
            }
        }
        for verb in ["patch", "update"] {
            rows.push(critical(rule, Some(placement), entered(verb, pod, "ephemeralcontainers").code(200)));
        }
        // Through the kubelet, which needs no right on the pod.
        for way in ["exec", "run", "attach", "portForward", "%65xec"] {
            let uri = format!("/api/v1/nodes/worker-1/proxy/{way}/honeypot/{pod}/backup?command=id&input=1");
            let event = request("get", &uri).object("nodes/proxy", "", "worker-1");
            rows.push(critical(rule, Some(placement), event));
        }
    }
    rows
}
