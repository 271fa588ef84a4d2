//! What makes pods: Deployments and their like, and the templates in them.

use std::io;

use fastrand::Rng;
use serde_json::{Value, json};

use super::{
    kit::{chance, labels, meta, owner, pick, suffix, uid},
    plan::{Kind, Plan, Profile, Workload},
    write::Folder,
};

const IMAGES: &[&str] =
    &["alpine", "backend", "frontend", "java-service", "node-service", "python-worker", "tools"];

/// The object that owns a workload's pods: API version, kind, name, UID.
pub(crate) fn pod_owner(plan: &Plan, number: usize) -> (&'static str, &'static str, String, String) {
    let workload = &plan.workloads[number];
    let id = |kind| uid(&mut plan.rng(kind, number));
    match workload.kind {
        Kind::Deployment => ("apps/v1", "ReplicaSet", replica_set(plan, number), id("replicaset-id")),
        Kind::StatefulSet => ("apps/v1", "StatefulSet", workload.name.clone(), id("workload-id")),
        Kind::DaemonSet => ("apps/v1", "DaemonSet", workload.name.clone(), id("workload-id")),
        Kind::CronJob => {
            ("batch/v1", "Job", format!("{}-{}", workload.name, 29_400_000 + number), id("job-id"))
        }
    }
}

fn replica_set(plan: &Plan, number: usize) -> String {
    format!("{}-{}", plan.workloads[number].name, suffix(&mut plan.rng("template-hash", number), 10))
}

/// Deployments, ReplicaSets, StatefulSets, DaemonSets, CronJobs and Jobs.
pub(crate) fn workloads(plan: &Plan, folder: &Folder) -> io::Result<()> {
    for (kind, file, version, name) in [
        (Kind::Deployment, "deployments", "apps/v1", "Deployment"),
        (Kind::StatefulSet, "statefulsets", "apps/v1", "StatefulSet"),
        (Kind::DaemonSet, "daemonsets", "apps/v1", "DaemonSet"),
        (Kind::CronJob, "cronjobs", "batch/v1", "CronJob"),
    ] {
        let mut list = folder.list(file, version, name)?;
        for (number, workload) in
            plan.workloads.iter().enumerate().filter(|(_, workload)| workload.kind == kind)
        {
            let mut meta = meta(
                &mut plan.rng("workload", number),
                &plan.namespaces[workload.namespace].name,
                &workload.name,
            );
            meta.insert("uid".into(), uid(&mut plan.rng("workload-id", number)).into());
            meta.insert("labels".into(), labels(&mut plan.rng("workload", number), &workload.name));
            meta.insert("annotations".into(), json!({ "deployment.kubernetes.io/revision": "3" }));
            meta.insert("generation".into(), 3.into());
            let spec =
                if kind == Kind::CronJob { cron_spec(plan, number) } else { spec(plan, number, workload) };
            let ready = workload.pods;
            let status = json!({ "observedGeneration": 3, "readyReplicas": ready, "replicas": ready });
            list.push(&json!({ "apiVersion": version, "kind": name, "metadata": meta, "spec": spec, "status": status }))?;
        }
        list.finish()?;
    }
    for (kind, file, version, name, parent) in [
        (Kind::Deployment, "replicasets", "apps/v1", "ReplicaSet", "Deployment"),
        (Kind::CronJob, "jobs", "batch/v1", "Job", "CronJob"),
    ] {
        let mut list = folder.list(file, version, name)?;
        for (number, workload) in
            plan.workloads.iter().enumerate().filter(|(_, workload)| workload.kind == kind)
        {
            let (_, _, own_name, own_id) = pod_owner(plan, number);
            let mut meta =
                meta(&mut plan.rng(name, number), &plan.namespaces[workload.namespace].name, &own_name);
            meta.insert("uid".into(), own_id.into());
            let above = uid(&mut plan.rng("workload-id", number));
            meta.insert("ownerReferences".into(), owner(version, parent, &workload.name, &above));
            let mut spec = json!({ "replicas": workload.pods, "template": template(plan, number) });
            spec["selector"] = selector(workload);
            let status =
                json!({ "observedGeneration": 1, "readyReplicas": workload.pods, "replicas": workload.pods });
            list.push(&json!({ "apiVersion": version, "kind": name, "metadata": meta, "spec": spec, "status": status }))?;
            // One in four Deployments keeps an older ReplicaSet for rolling back.
            if kind == Kind::Deployment && number % 4 == 0 {
                let mut rng = plan.rng("old-replicaset", number);
                meta.insert("name".into(), format!("{}-{}", workload.name, suffix(&mut rng, 10)).into());
                meta.insert("uid".into(), uid(&mut rng).into());
                spec["replicas"] = 0.into();
                let status = json!({ "observedGeneration": 2, "replicas": 0 });
                list.push(&json!({ "apiVersion": version, "kind": name, "metadata": meta, "spec": spec, "status": status }))?;
            }
        }
        list.finish()?;
    }
    Ok(())
}

fn selector(workload: &Workload) -> Value {
    json!({ "matchLabels": { "app.kubernetes.io/name": workload.name } })
}

fn spec(plan: &Plan, number: usize, workload: &Workload) -> Value {
    let mut spec = json!({ "revisionHistoryLimit": 10, "selector": selector(workload), "template": template(plan, number) });
    match workload.kind {
        Kind::Deployment => {
            spec["progressDeadlineSeconds"] = 600.into();
            spec["replicas"] = workload.pods.into();
            let step = json!({ "maxSurge": "25%", "maxUnavailable": "25%" });
            spec["strategy"] = json!({ "rollingUpdate": step, "type": "RollingUpdate" });
        }
        Kind::StatefulSet => {
            spec["replicas"] = workload.pods.into();
            spec["serviceName"] = workload.name.clone().into();
        }
        _ => {
            spec["updateStrategy"] =
                json!({ "rollingUpdate": { "maxUnavailable": 1 }, "type": "RollingUpdate" });
        }
    }
    spec
}

fn cron_spec(plan: &Plan, number: usize) -> Value {
    json!({
        "concurrencyPolicy": "Forbid",
        "jobTemplate": { "spec": { "template": template(plan, number) } },
        "schedule": "*/30 * * * *",
        "suspend": false,
    })
}

/// The template of a workload's pods, the same whenever it is asked for.
pub(crate) fn template(plan: &Plan, number: usize) -> Value {
    let workload = &plan.workloads[number];
    let namespace = &plan.namespaces[workload.namespace];
    let account = &namespace.accounts[workload.account];
    let mut rng = plan.rng("template", number);
    let restricted = namespace.enforce == Some("restricted");
    let mut volumes = volumes(&mut rng, plan, workload);
    let mut containers = vec![container(&mut rng, &workload.name, &volumes, restricted)];
    if chance(&mut rng, 80) {
        containers.push(container(&mut rng, "sidecar", &[], restricted));
    }
    let mut spec = json!({
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": if workload.kind == Kind::CronJob { "OnFailure" } else { "Always" },
        "schedulerName": "default-scheduler",
        "securityContext": if restricted { json!({ "runAsNonRoot": true, "runAsUser": 1000 }) } else { json!({}) },
        "serviceAccount": account.name,
        "serviceAccountName": account.name,
        "terminationGracePeriodSeconds": 30,
    });
    allow(&mut spec, &mut containers[0], &mut volumes, workload.profile);
    if chance(&mut rng, 80) {
        spec["initContainers"] = json!([container(&mut rng, "init", &[], restricted)]);
    }
    spec["containers"] = containers.into();
    if !volumes.is_empty() {
        spec["volumes"] = volumes.into();
    }
    if chance(&mut rng, 80) {
        spec["automountServiceAccountToken"] = false.into();
    }
    if workload.kind == Kind::DaemonSet && workload.pods < plan.nodes {
        spec["nodeSelector"] = json!({ "pool": "pool-7" });
    }
    let labels =
        json!({ "app.kubernetes.io/instance": workload.name, "app.kubernetes.io/name": workload.name });
    json!({ "metadata": { "labels": labels }, "spec": spec })
}

fn volumes(rng: &mut Rng, plan: &Plan, workload: &Workload) -> Vec<Value> {
    let mut volumes = Vec::new();
    if chance(rng, 350) {
        let from = json!({ "defaultMode": 420, "name": format!("{}-config", workload.name) });
        volumes.push(json!({ "configMap": from, "name": "config" }));
    }
    if chance(rng, 250) {
        volumes.push(json!({ "emptyDir": {}, "name": "tmp" }));
    }
    if chance(rng, 60) {
        volumes.push(json!({ "name": "tls", "secret": { "defaultMode": 420, "secretName": "app-tls" } }));
    }
    // Someone's long-lived token in the same namespace, often another account's.
    let namespace = &plan.namespaces[workload.namespace];
    let mut tokens = namespace.accounts.iter().flat_map(|account| &account.tokens);
    if chance(rng, 10)
        && let Some((name, _)) = tokens.nth(rng.usize(..3))
    {
        volumes.push(json!({ "name": "legacy-token", "secret": { "defaultMode": 420, "secretName": name } }));
    }
    if chance(rng, 30) {
        let token = json!({ "audience": "vault", "expirationSeconds": 7200, "path": "vault-token" });
        let sources = json!([{ "serviceAccountToken": token }]);
        volumes
            .push(json!({ "name": "vault-token", "projected": { "defaultMode": 420, "sources": sources } }));
    }
    volumes
}

fn container(rng: &mut Rng, name: &str, volumes: &[Value], restricted: bool) -> Value {
    let port = 8000 + rng.u32(..1000);
    let mut env = vec![
        json!({ "name": "LOG_LEVEL", "value": "info" }),
        json!({ "name": "POD_IP", "valueFrom": { "fieldRef": { "apiVersion": "v1", "fieldPath": "status.podIP" } } }),
        json!({ "name": "DATABASE_HOST", "value": format!("db-{}.data-prod.svc.cluster.local", rng.u8(..40)) }),
    ];
    if chance(rng, 250) {
        let key = json!({ "key": "password", "name": format!("{name}-database") });
        env.push(json!({ "name": "DATABASE_PASSWORD", "valueFrom": { "secretKeyRef": key } }));
    }
    let mounts: Vec<Value> = volumes
        .iter()
        .map(|volume| {
            let name = volume["name"].as_str().unwrap_or_default();
            json!({ "mountPath": format!("/var/lib/app/{name}"), "name": name })
        })
        .collect();
    let probe = json!({
        "failureThreshold": 3,
        "httpGet": { "path": "/healthz", "port": port, "scheme": "HTTP" },
        "periodSeconds": 10,
        "successThreshold": 1,
        "timeoutSeconds": 1,
    });
    let image = pick(rng, IMAGES);
    let mut container = json!({
        "env": env,
        "image": format!("registry.example.com/{image}:{}.{}.{}", rng.u8(1..9), rng.u8(..30), rng.u8(..20)),
        "imagePullPolicy": "IfNotPresent",
        "name": name,
        "ports": [{ "containerPort": port, "name": "http", "protocol": "TCP" }],
        "resources": {
            "limits": { "memory": format!("{}Mi", 128 << rng.u8(..5)) },
            "requests": { "cpu": format!("{}m", 10 + rng.u16(..500)), "memory": "128Mi" },
        },
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    });
    if chance(rng, 400) {
        container["args"] = json!([format!("--listen=:{port}"), "--config=/var/lib/app/config/config.yaml"]);
    }
    if chance(rng, 300) {
        container["readinessProbe"] = probe;
    }
    if !mounts.is_empty() {
        container["volumeMounts"] = mounts.into();
    }
    if chance(rng, 60) {
        container["envFrom"] = json!([{ "secretRef": { "name": format!("{name}-settings") } }]);
    }
    if restricted || chance(rng, 200) {
        container["securityContext"] = json!({
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "seccompProfile": { "type": "RuntimeDefault" },
        });
    }
    container
}

/// Gives a pod what `profile` says.
fn allow(spec: &mut Value, container: &mut Value, volumes: &mut Vec<Value>, profile: Profile) {
    let mut host_path = |container: &mut Value, path: &str| {
        volumes.push(json!({ "hostPath": { "path": path, "type": "" }, "name": "host" }));
        let mount = json!({ "mountPath": format!("/host{path}"), "name": "host" });
        match container["volumeMounts"].as_array_mut() {
            Some(mounts) => mounts.push(mount),
            None => container["volumeMounts"] = json!([mount]),
        }
    };
    match profile {
        Profile::Plain => {}
        Profile::Privileged => container["securityContext"] = json!({ "privileged": true }),
        Profile::HostNetwork => spec["hostNetwork"] = true.into(),
        Profile::HostProcesses => {
            spec["hostNetwork"] = true.into();
            spec["hostPID"] = true.into();
            host_path(container, "/");
        }
        Profile::DockerSocket => host_path(container, "/var/run/docker.sock"),
        Profile::KubeletDir => {
            container["securityContext"] = json!({ "privileged": true, "runAsUser": 0 });
            host_path(container, "/var/lib/kubelet");
        }
        Profile::Capabilities => {
            container["securityContext"] = json!({ "capabilities": { "add": ["NET_ADMIN", "SYS_ADMIN"] } });
        }
        Profile::HostPort => container["ports"][0]["hostPort"] = 8080.into(),
    }
}
