//! Roles, ClusterRoles and their bindings.

use std::{collections::BTreeMap, io};

use fastrand::Rng;
use serde_json::{Value, json};

use super::{
    kit::{chance, labels, meta, pick},
    plan::{Namespace, Plan, is_built_in},
    write::Folder,
};

const VERSION: &str = "rbac.authorization.k8s.io/v1";
const GROUP: &str = "rbac.authorization.k8s.io";

/// Rules as most roles have them: `groups|resources|verbs|names`, or `!urls|verbs`.
const HARMLESS: &[&str] = &[
    "|pods|get,list,watch",
    "|pods,pods/log|get,list",
    "|configmaps|get,list,watch",
    "|services,endpoints|get,list,watch",
    "|services|get,list,watch",
    "apps|deployments|get,list,watch",
    "apps|deployments,replicasets,statefulsets,daemonsets|get,list,watch",
    "|events|create,patch",
    "|persistentvolumeclaims|get,list,watch",
    "|configmaps|get,update,patch|leader-election",
    "|configmaps|get|app-config,feature-flags",
    "|secrets|get|app-tls",
    "|serviceaccounts|get,list",
    "batch|jobs,cronjobs|get,list,watch",
    "networking.k8s.io|ingresses|get,list,watch",
    "autoscaling|horizontalpodautoscalers|get,list,watch",
    "policy|poddisruptionbudgets|get,list,watch",
    "discovery.k8s.io|endpointslices|list,watch",
    "metrics.k8s.io|pods|get,list",
    "monitoring.coreos.com|servicemonitors,podmonitors,prometheusrules|get,list,watch",
    "gateway.networking.k8s.io|gateways,httproutes|get,list,watch",
    "coordination.k8s.io|leases|get,update|controller-lock",
    "example.com|widgets,widgets/status|get,list,watch,update,patch",
    "example.com|*|get,list,watch",
];

/// More of them, for ClusterRoles.
const HARMLESS_CLUSTER: &[&str] = &[
    "|nodes|get,list,watch",
    "|namespaces|get,list,watch",
    "|persistentvolumes|get,list,watch",
    "storage.k8s.io|storageclasses,csinodes|get,list,watch",
    "apiextensions.k8s.io|customresourcedefinitions|get,list,watch",
    "authentication.k8s.io|tokenreviews|create",
    "authorization.k8s.io|subjectaccessreviews|create",
    "metrics.k8s.io|nodes,pods|get,list,watch",
    "!/metrics,/healthz,/healthz/*|get",
];

/// Rules that a few percent of roles have besides.
const RISKY: &[&str] = &[
    "|secrets|get,list,watch",
    "|secrets|list",
    "|secrets|watch",
    "|secrets|create,update",
    "|secrets|*",
    "|pods|create",
    "|pods|create,delete,get,list,watch",
    "|pods|patch,update",
    "|pods|*",
    "|pods/exec|create",
    "|pods/exec,pods/attach,pods/portforward|create,get",
    "|pods/ephemeralcontainers|patch,update",
    "|serviceaccounts/token|create",
    "|serviceaccounts/token|create|deployer",
    "|configmaps,secrets,services|create,delete,get,list,patch,update,watch",
    "apps|deployments|create,update,patch",
    "apps|deployments,statefulsets|get,list,watch,create,update,patch,delete",
    "apps|*|*",
    "batch|jobs|create",
    "batch|cronjobs,jobs|*",
    "rbac.authorization.k8s.io|rolebindings|create,get,patch",
    "rbac.authorization.k8s.io|roles|bind,escalate",
    "rbac.authorization.k8s.io|roles,rolebindings|*",
    "|serviceaccounts|impersonate",
    "|*|get,list,watch",
    "*|*|get,list",
    "*|*/exec|create",
    "*|*|*",
    "argoproj.io|applications|create,update",
];

/// And for ClusterRoles.
const RISKY_CLUSTER: &[&str] = &[
    "|nodes/proxy|get",
    "|nodes/proxy|create,get",
    "|nodes,nodes/status|patch,update",
    "|users,groups|impersonate",
    "|groups|impersonate|system:masters",
    "rbac.authorization.k8s.io|clusterroles|bind|cluster-admin",
    "rbac.authorization.k8s.io|clusterroles|escalate,update,get",
    "rbac.authorization.k8s.io|clusterrolebindings|create",
    "admissionregistration.k8s.io|mutatingwebhookconfigurations,validatingwebhookconfigurations|create,patch,update",
    "certificates.k8s.io|certificatesigningrequests/approval|update",
    "|namespaces|create,patch,update",
    "|persistentvolumes|create",
];

/// Reads the notation of the tables above.
fn rule(text: &str) -> Value {
    let list = |text: &str| Value::from(text.split(',').map(str::to_owned).collect::<Vec<_>>());
    let parts: Vec<&str> = text.split('|').collect();
    match *parts.as_slice() {
        [urls, verbs] => {
            json!({ "nonResourceURLs": list(urls.trim_start_matches('!')), "verbs": list(verbs) })
        }
        [groups, resources, verbs] => {
            json!({ "apiGroups": list(groups), "resources": list(resources), "verbs": list(verbs) })
        }
        _ => json!({
            "apiGroups": list(parts[0]),
            "resourceNames": list(parts[3]),
            "resources": list(parts[1]),
            "verbs": list(parts[2]),
        }),
    }
}

fn rules(rng: &mut Rng, cluster: bool) -> Vec<Value> {
    let mut rules: Vec<Value> = (0..1 + rng.usize(..4))
        .map(|_| {
            let wide = cluster && chance(rng, 400);
            rule(pick(rng, if wide { HARMLESS_CLUSTER } else { HARMLESS }))
        })
        .collect();
    if chance(rng, if cluster { 60 } else { 40 }) {
        let wide = cluster && chance(rng, 400);
        rules.push(rule(pick(rng, if wide { RISKY_CLUSTER } else { RISKY })));
    }
    rules
}

/// Roles and ClusterRoles. The rules of those with a label of aggregation are also written into the ClusterRoles that
/// gather them, as the controller manager does.
pub(crate) fn roles(plan: &Plan, recorded: &[Value], folder: &Folder) -> io::Result<()> {
    let mut list = folder.list("roles", VERSION, "Role")?;
    recorded
        .iter()
        .filter(|role| role["kind"] == "Role" && is_built_in(role))
        .try_for_each(|role| list.push(role))?;
    for (number, (namespace, name)) in plan
        .namespaces
        .iter()
        .flat_map(|namespace| namespace.roles.iter().map(move |name| (namespace, name)))
        .enumerate()
    {
        let mut rng = plan.rng("role", number);
        let mut meta = meta(&mut rng, &namespace.name, name);
        meta.insert("labels".into(), labels(&mut rng, name));
        let rules = rules(&mut rng, false);
        list.push(&json!({ "apiVersion": VERSION, "kind": "Role", "metadata": meta, "rules": rules }))?;
    }
    list.finish()?;

    let mut list = folder.list("clusterroles", VERSION, "ClusterRole")?;
    let mut gathered: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (number, name) in plan.cluster_roles.iter().enumerate() {
        let mut rng = plan.rng("clusterrole", number);
        let mut meta = meta(&mut rng, "", name);
        let mut labels = labels(&mut rng, name);
        let mut rules = rules(&mut rng, true);
        if let Some(label) = aggregation(&mut rng) {
            // What goes to `view` and `edit` describes resources of operators.
            if label.contains("/aggregate-to-") && !label.contains("platform") {
                rules = vec![rule("example.com|widgets,gadgets|get,list,watch")];
            }
            labels[&label] = "true".into();
            gathered.entry(label).or_default().extend(rules.iter().cloned());
        }
        meta.insert("labels".into(), labels);
        list.push(
            &json!({ "apiVersion": VERSION, "kind": "ClusterRole", "metadata": meta, "rules": rules }),
        )?;
    }
    for (number, (label, rules)) in
        gathered.iter().filter(|(label, _)| label.contains("platform")).enumerate()
    {
        let meta = meta(&mut plan.rng("aggregated", number), "", label.rsplit("to-").next().unwrap_or(label));
        let aggregation = json!({ "clusterRoleSelectors": [{ "matchLabels": { label: "true" } }] });
        list.push(&json!({
            "aggregationRule": aggregation,
            "apiVersion": VERSION,
            "kind": "ClusterRole",
            "metadata": meta,
            "rules": rules,
        }))?;
    }
    for role in recorded.iter().filter(|role| role["kind"] == "ClusterRole" && is_built_in(role)) {
        let mut role = role.clone();
        let more: &[&str] = match role["metadata"]["name"].as_str() {
            Some("view") => &["view"],
            Some("edit" | "admin") => &["view", "edit"],
            _ => &[],
        };
        for label in more {
            let more = gathered.get(&format!("{GROUP}/aggregate-to-{label}")).cloned().unwrap_or_default();
            if let Value::Array(rules) = &mut role["rules"] {
                rules.extend(more);
            }
        }
        list.push(&role)?;
    }
    list.finish()
}

/// The label of aggregation that a few ClusterRoles have.
fn aggregation(rng: &mut Rng) -> Option<String> {
    match rng.u32(..1000) {
        0..20 => Some(format!("{GROUP}/aggregate-to-view")),
        20..25 => Some(format!("{GROUP}/aggregate-to-edit")),
        25..40 => Some(format!("rbac.example.com/aggregate-to-platform-{}", rng.u8(..5))),
        _ => None,
    }
}

/// RoleBindings and ClusterRoleBindings.
pub(crate) fn bindings(plan: &Plan, recorded: &[Value], folder: &Folder) -> io::Result<()> {
    for (kind, file, full) in
        [("RoleBinding", "rolebindings", 45_000), ("ClusterRoleBinding", "clusterrolebindings", 5_000)]
    {
        let mut list = folder.list(file, VERSION, kind)?;
        let made: Vec<_> =
            recorded.iter().filter(|object| object["kind"] == kind && is_built_in(object)).collect();
        made.iter().try_for_each(|object| list.push(object))?;
        let wanted = plan.scaled(full).saturating_sub(made.len()).max(10);
        for number in 0..wanted {
            let mut rng = plan.rng(kind, number);
            let namespace = &plan.namespaces[number * plan.namespaces.len() / wanted];
            let cluster = kind == "ClusterRoleBinding";
            let (role_kind, role) =
                if cluster { cluster_role(plan, &mut rng) } else { role(plan, namespace, &mut rng) };
            let name = format!("{}-{number}", role.trim_start_matches("system:"));
            let meta = meta(&mut rng, if cluster { "" } else { &namespace.name }, &name);
            // Were everyone given much, every identity would reach the top in one step and no search would be needed.
            let narrow = role_kind == "Role" || role == "view";
            let count = [1, 1, 1, 2, 3][rng.usize(..5)];
            let subjects: Vec<Value> =
                (0..count).map(|_| subject(plan, namespace, &mut rng, narrow)).collect();
            list.push(&json!({
                "apiVersion": VERSION,
                "kind": kind,
                "metadata": meta,
                "roleRef": { "apiGroup": GROUP, "kind": role_kind, "name": role },
                "subjects": subjects,
            }))?;
        }
        list.finish()?;
    }
    Ok(())
}

/// What a RoleBinding grants: mostly a Role beside it.
fn role(plan: &Plan, namespace: &Namespace, rng: &mut Rng) -> (&'static str, String) {
    match rng.u32(..1000) {
        0..10 => ("Role", format!("removed-{}", rng.u16(..))),
        10..720 if !namespace.roles.is_empty() => {
            ("Role", namespace.roles[rng.usize(..namespace.roles.len())].clone())
        }
        10..870 => ("ClusterRole", "view".to_owned()),
        870..920 => ("ClusterRole", "edit".to_owned()),
        920..930 => ("ClusterRole", "admin".to_owned()),
        _ => ("ClusterRole", plan.cluster_roles[rng.usize(..plan.cluster_roles.len())].clone()),
    }
}

/// What a ClusterRoleBinding grants.
fn cluster_role(plan: &Plan, rng: &mut Rng) -> (&'static str, String) {
    let name = match rng.u32(..1000) {
        0..10 => format!("removed-{}", rng.u16(..)),
        10..13 => "cluster-admin".to_owned(),
        13..63 => "view".to_owned(),
        63..65 => "edit".to_owned(),
        65..95 => "system:auth-delegator".to_owned(),
        _ => plan.cluster_roles[rng.usize(..plan.cluster_roles.len())].clone(),
    };
    ("ClusterRole", name)
}

/// Whom a binding names; everyone only where it grants something `narrow`.
fn subject(plan: &Plan, namespace: &Namespace, rng: &mut Rng, narrow: bool) -> Value {
    let account = |namespace: &Namespace, rng: &mut Rng| {
        let name = &namespace.accounts[rng.usize(..namespace.accounts.len())].name;
        json!({ "kind": "ServiceAccount", "name": name, "namespace": namespace.name })
    };
    let other = |kind: &str, name: String| json!({ "apiGroup": GROUP, "kind": kind, "name": name });
    match rng.u32(..10_000) {
        0..100 => {
            json!({ "kind": "ServiceAccount", "name": format!("gone-{}", rng.u16(..)), "namespace": namespace.name })
        }
        100..130 => other("Group", format!("system:serviceaccounts:{}", namespace.name)),
        130..132 if narrow => other("Group", "system:authenticated".to_owned()),
        132..133 if narrow => other("Group", "system:serviceaccounts".to_owned()),
        130..900 => account(plan.any_namespace(rng), rng),
        900..2400 => other("User", format!("user{}@example.com", rng.usize(..plan.scaled(3000) + 20))),
        2400..3400 => other("Group", format!("oidc:{}-developers", plan.any_namespace(rng).name)),
        _ => account(namespace, rng),
    }
}
