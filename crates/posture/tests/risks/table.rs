//! The permissions that matter, as rules of roles, and the risk that each is.

/// A rule of a role: verb, API group, resource, and the only name it is for (empty for all names).
pub(crate) type Rule<'r> = (&'r str, &'r str, &'r str, &'r str);

pub(crate) const RBAC: &str = "rbac.authorization.k8s.io";
pub(crate) const ADMISSION: &str = "admissionregistration.k8s.io";
pub(crate) const AUTHENTICATION: &str = "authentication.k8s.io";
pub(crate) const CERTIFICATES: &str = "certificates.k8s.io";

/// A row of the table of permissions that matter: rules that an identity has, and all the risks that these are.
pub(crate) struct Row {
    pub(crate) row: &'static str,
    pub(crate) version: &'static str,
    pub(crate) rules: Vec<Rule<'static>>,
    pub(crate) risks: &'static [&'static str],
}

fn row(row: &'static str, rules: &[Rule<'static>], risks: &'static [&'static str]) -> Row {
    Row { row, version: "1.36", rules: rules.to_vec(), risks }
}

/// The same verbs on a resource.
fn each(verbs: &[&'static str], group: &'static str, resource: &'static str) -> Vec<Rule<'static>> {
    verbs.iter().map(|verb| (*verb, group, resource, "")).collect()
}

/// One row for each of these, all with the same risks.
fn rows(name: &'static str, alternatives: Vec<Rule<'static>>, risks: &'static [&'static str]) -> Vec<Row> {
    alternatives.into_iter().map(|rule| row(name, &[rule], risks)).collect()
}

const WRITE: &[&str] = &["create", "update", "patch"];
const CHANGE: &[&str] = &["update", "patch"];

fn credentials() -> Vec<Row> {
    let mut table = vec![
        row("secrets, get", &[("get", "", "secrets", "")], &["secrets-get"]),
        row("secrets, get of one", &[("get", "", "secrets", "one")], &["secrets-get"]),
        row("secrets by patch", &[("patch", "", "secrets", "")], &["secrets-patch"]),
        row(
            "secrets by deletecollection",
            &[("deletecollection", "", "secrets", "")],
            &["secrets-deletecollection"],
        ),
        row(
            "create secrets with get",
            &[("create", "", "secrets", ""), ("get", "", "secrets", "mine")],
            &["secrets-get", "secrets-create-token", "bootstrap-tokens-create"],
        ),
        row(
            "create secrets with pods",
            &[("create", "", "secrets", ""), ("create", "", "pods", "")],
            &["pods-create", "bootstrap-tokens-create"],
        ),
        row("create secrets in kube-system", &[("create", "", "secrets", "")], &["bootstrap-tokens-create"]),
        row("tokens", &[("create", "", "serviceaccounts/token", "")], &["serviceaccounts-token"]),
        row("tokens of one", &[("create", "", "serviceaccounts/token", "one")], &["serviceaccounts-token"]),
        row(
            "serviceaccounts with create pods",
            &[("patch", "", "serviceaccounts", ""), ("create", "", "pods", "")],
            &["cloud-role-by-pod", "pods-create"],
        ),
        row(
            "serviceaccounts with workloads",
            &[("update", "", "serviceaccounts", ""), ("patch", "apps", "deployments", "")],
            &["cloud-role-by-workload", "workloads-write"],
        ),
        row("events", &[("delete", "", "events", "")], &["events-delete"]),
        row("events, newer", &[("deletecollection", "events.k8s.io", "events", "")], &["events-delete"]),
    ];
    table.extend(rows("secrets, list", each(&["list", "watch"], "", "secrets"), &["secrets-list"]));
    table
}

fn pods() -> Vec<Row> {
    let mut table = vec![
        row("create pods", &[("create", "", "pods", "")], &["pods-create"]),
        row("create jobs", &[("create", "batch", "jobs", "")], &["jobs-create"]),
        row("exec", &[("create", "", "pods/exec", "")], &["pods-exec"]),
        row("exec of any resource", &[("create", "", "*/exec", "")], &["pods-exec"]),
        row("attach", &[("create", "", "pods/attach", "")], &["pods-attach"]),
        row("port-forward", &[("create", "", "pods/portforward", "")], &["pods-portforward"]),
        row("pods/proxy", &[("get", "", "pods/proxy", "")], &["pods-services-proxy"]),
        row("services/proxy", &[("create", "", "services/proxy", "")], &["pods-services-proxy"]),
        row("eviction", &[("create", "", "pods/eviction", "")], &["pods-evict"]),
        row("binding", &[("create", "", "pods/binding", "")], &["pods-bind"]),
        row(
            "networkpolicies",
            &[("delete", "networking.k8s.io", "networkpolicies", "")],
            &["networkpolicies-write"],
        ),
    ];
    for resource in ["deployments", "daemonsets", "statefulsets", "replicasets"] {
        table.extend(rows("workloads", each(WRITE, "apps", resource), &["workloads-write"]));
    }
    table.extend(rows("cronjobs", each(WRITE, "batch", "cronjobs"), &["cronjobs-write"]));
    table.extend(rows("rcs", each(WRITE, "", "replicationcontrollers"), &["replicationcontrollers-write"]));
    table.extend(rows("change pods", each(CHANGE, "", "pods"), &["pods-update"]));
    let ephemeral = each(CHANGE, "", "pods/ephemeralcontainers");
    table.extend(rows("ephemeral containers", ephemeral, &["pods-ephemeralcontainers"]));
    for (resource, risks) in [
        ("pods/exec", &["pods-exec-by-get"] as &[_]),
        ("pods/attach", &["pods-exec-by-get"]),
        ("pods/portforward", &["pods-portforward-by-get"]),
    ] {
        let rules = vec![("get", "", resource, "")];
        table.push(Row { row: "by get before 1.35", version: "1.34", rules: rules.clone(), risks });
        table.push(Row { row: "not by get from 1.35", version: "1.35", rules, risks: &[] });
    }
    table
}

fn nodes() -> Vec<Row> {
    let mut table = vec![
        row("nodes/log", &[("get", "", "nodes/log", "")], &["nodes-log"]),
        row("nodes/configz", &[("get", "", "nodes/configz", "")], &["nodes-pods"]),
        row("nodes/pods", &[("get", "", "nodes/pods", "")], &["nodes-pods"]),
        row("nodes/stats", &[("get", "", "nodes/stats", "")], &["nodes-stats"]),
        row("delete nodes", &[("delete", "", "nodes", "")], &["nodes-delete"]),
        row("persistentvolumes", &[("create", "", "persistentvolumes", "")], &["persistentvolumes-create"]),
    ];
    table.push(Row {
        row: "none yet",
        version: "1.32",
        rules: vec![("get", "", "nodes/pods", "")],
        risks: &[],
    });
    table.extend(rows("nodes/proxy", each(&["get", "create"], "", "nodes/proxy"), &["nodes-proxy"]));
    table.extend(rows("change nodes", each(CHANGE, "", "nodes"), &["nodes-write"]));
    table.extend(rows("nodes/status", each(CHANGE, "", "nodes/status"), &["nodes-status-write"]));
    table.extend(rows("namespaces", each(CHANGE, "", "namespaces"), &["namespaces-write"]));
    table.extend(rows(
        "namespaces/status",
        each(CHANGE, "", "namespaces/status"),
        &["namespaces-status-write"],
    ));
    table.extend(rows("finalize", each(&["update"], "", "namespaces/finalize"), &["namespaces-finalize"]));
    table.extend(rows("csi", each(WRITE, "storage.k8s.io", "csidrivers"), &["csidrivers-write"]));
    table.extend(rows("storage", each(WRITE, "storage.k8s.io", "storageclasses"), &["storageclasses-write"]));
    table
}

fn roles() -> Vec<Row> {
    let mut table = Vec::new();
    for verb in CHANGE {
        let with = |resource| [("escalate", RBAC, resource, ""), (*verb, RBAC, resource, "")];
        table.push(row("escalate clusterroles", &with("clusterroles"), &["escalate-clusterroles"]));
        table.push(row("escalate roles", &with("roles"), &["escalate-roles"]));
    }
    let new = [("escalate", RBAC, "clusterroles", ""), ("create", RBAC, "clusterroles", "")];
    table.push(row("escalate and create", &new, &["escalate-new-clusterroles"]));
    for verb in WRITE {
        let with = |role, name, binding| [("bind", RBAC, role, name), (*verb, RBAC, binding, "")];
        table.extend([
            row(
                "bind any",
                &with("clusterroles", "", "clusterrolebindings"),
                &["bind-cluster-admin", "bind-clusterroles"],
            ),
            row(
                "bind cluster-admin",
                &with("clusterroles", "cluster-admin", "clusterrolebindings"),
                &["bind-cluster-admin", "bind-clusterroles"],
            ),
            row("bind view", &with("clusterroles", "view", "clusterrolebindings"), &["bind-clusterroles"]),
            row("bind view there", &with("clusterroles", "view", "rolebindings"), &["bind-roles"]),
            row(
                "bind admin there",
                &with("clusterroles", "admin", "rolebindings"),
                &["bind-admin-in-namespace", "bind-roles"],
            ),
            row("bind roles", &with("roles", "", "rolebindings"), &["bind-roles"]),
        ]);
    }
    table
}

fn others() -> Vec<Row> {
    let be = |resource| ("impersonate", "", resource, "");
    let extra = |resource| ("impersonate", AUTHENTICATION, resource, "");
    let mode = |verb, resource| (verb, AUTHENTICATION, resource, "");
    let user = [mode("impersonate:user-info", "users"), ("impersonate-on:user-info:list", "", "secrets", "")];
    let mut table = vec![
        row("users", &[be("users")], &["impersonate-users"]),
        row(
            "groups",
            &[be("users"), be("groups")],
            &["impersonate-users", "impersonate-masters", "impersonate-groups"],
        ),
        row(
            "groups with an account",
            &[be("serviceaccounts"), be("groups")],
            &["impersonate-serviceaccounts", "impersonate-masters", "impersonate-groups"],
        ),
        row("accounts", &[be("serviceaccounts")], &["impersonate-serviceaccounts"]),
        row("uids", &[be("users"), extra("uids")], &["impersonate-users", "impersonate-attributes"]),
        row(
            "extras",
            &[be("users"), extra("userextras/scopes")],
            &["impersonate-users", "impersonate-attributes"],
        ),
        row("constrained, users", &user, &["impersonate-constrained-users"]),
        row(
            "constrained, accounts",
            &[
                mode("impersonate:serviceaccount", "serviceaccounts"),
                ("impersonate-on:serviceaccount:patch", "apps", "deployments", ""),
            ],
            &["impersonate-constrained-accounts"],
        ),
        row(
            "constrained, nodes",
            &[
                mode("impersonate:arbitrary-node", "nodes"),
                ("impersonate-on:arbitrary-node:get", "", "secrets", ""),
            ],
            &["impersonate-constrained-nodes"],
        ),
        row(
            "constrained, tokens of nodes",
            &[
                mode("impersonate:arbitrary-node", "nodes"),
                ("impersonate-on:arbitrary-node:create", "", "serviceaccounts/token", ""),
            ],
            &["impersonate-constrained-nodes", "impersonate-node-tokens"],
        ),
        row(
            "constrained, own node",
            &[
                mode("impersonate:associated-node", "nodes"),
                ("impersonate-on:associated-node:get", "", "pods", ""),
            ],
            &["impersonate-associated-node"],
        ),
    ];
    table.push(Row { row: "not before 1.36", version: "1.35", rules: user.to_vec(), risks: &[] });
    table
}

fn certificates() -> Vec<Row> {
    let mut table = Vec::new();
    for verb in CHANGE {
        let approve = |signer| {
            [
                ("create", CERTIFICATES, "certificatesigningrequests", ""),
                (*verb, CERTIFICATES, "certificatesigningrequests/approval", ""),
                ("approve", CERTIFICATES, "signers", signer),
            ]
        };
        table.extend([
            row("any signer", &approve(""), &["certificates-approve", "certificates-approve-kubelet"]),
            row(
                "all of Kubernetes",
                &approve("kubernetes.io/*"),
                &["certificates-approve", "certificates-approve-kubelet"],
            ),
            row("clients", &approve("kubernetes.io/kube-apiserver-client"), &["certificates-approve"]),
            row(
                "nodes",
                &approve("kubernetes.io/kube-apiserver-client-kubelet"),
                &["certificates-approve-kubelet"],
            ),
            row("another signer", &approve("example.com/sidecars"), &[]),
            row(
                "sign",
                &[
                    ("sign", CERTIFICATES, "signers", ""),
                    (*verb, CERTIFICATES, "certificatesigningrequests/status", ""),
                ],
                &["certificates-sign"],
            ),
        ]);
    }
    table.push(row(
        "nodes approved by themselves",
        &[
            ("create", CERTIFICATES, "certificatesigningrequests", ""),
            ("create", CERTIFICATES, "certificatesigningrequests/nodeclient", ""),
        ],
        &["certificates-node-autoapproved"],
    ));
    table
}

fn admission() -> Vec<Row> {
    let mut table = Vec::new();
    let (policies, bindings) = ("mutatingadmissionpolicies", "mutatingadmissionpolicybindings");
    let both = vec![("create", ADMISSION, policies, ""), ("create", ADMISSION, bindings, "")];
    table.push(Row { row: "not before 1.36", version: "1.35", rules: both.clone(), risks: &[] });
    table.push(row("mutating policies", &both, &["mutating-policies-write"]));
    for resource in [policies, bindings] {
        table.extend(rows("changed", each(CHANGE, ADMISSION, resource), &["mutating-policies-change"]));
        table.extend(rows("deleted", each(&["delete"], ADMISSION, resource), &["mutating-policies-delete"]));
    }
    for resource in ["validatingadmissionpolicies", "validatingadmissionpolicybindings"] {
        let verbs = each(&["create", "update", "patch", "delete"], ADMISSION, resource);
        table.extend(rows("validating policies", verbs, &["validating-policies-write"]));
    }
    for (resource, risks) in [
        ("mutatingwebhookconfigurations", &["webhooks-mutating-write"] as &[_]),
        ("validatingwebhookconfigurations", &["webhooks-validating-write"]),
    ] {
        table.extend(rows("webhooks", each(WRITE, ADMISSION, resource), risks));
        table.extend(rows("webhooks deleted", each(&["delete"], ADMISSION, resource), &["webhooks-delete"]));
    }
    let (api, crd) = ("apiregistration.k8s.io", "apiextensions.k8s.io");
    table.extend(rows("apiservices", each(WRITE, api, "apiservices"), &["apiservices-write"]));
    let definitions = each(WRITE, crd, "customresourcedefinitions");
    table.extend(rows("definitions", definitions, &["customresourcedefinitions-write"]));
    table
}

fn traffic_and_more() -> Vec<Row> {
    let flow = "flowcontrol.apiserver.k8s.io";
    let mut table = Vec::new();
    table.extend(rows("services", each(WRITE, "", "services"), &["services-external-ips"]));
    table.extend(rows("services/status", each(CHANGE, "", "services/status"), &["services-status-write"]));
    table.extend(rows("endpoints", each(WRITE, "", "endpoints"), &["endpoints-write"]));
    table.extend(rows(
        "slices",
        each(WRITE, "discovery.k8s.io", "endpointslices"),
        &["endpointslices-write"],
    ));
    for (name, risks) in [
        ("aws-auth", &["aws-auth-write"] as &[_]),
        ("coredns", &["coredns-write"]),
        ("extension-apiserver-authentication", &["extension-authentication-write"]),
        ("kubeadm-config", &["cluster-configuration-write"]),
        ("something-else", &[]),
    ] {
        table.push(row("configmaps in kube-system", &[("patch", "", "configmaps", name)], risks));
    }
    table.extend(rows(
        "revisions",
        each(WRITE, "apps", "controllerrevisions"),
        &["controllerrevisions-write"],
    ));
    table.extend(rows("leases", each(WRITE, "coordination.k8s.io", "leases"), &["leases-write"]));
    let classes = each(WRITE, "scheduling.k8s.io", "priorityclasses");
    table.extend(rows("priorityclasses", classes, &["priorityclasses-write"]));
    table.extend(rows("flowschemas", each(WRITE, flow, "flowschemas"), &["flowschemas-write"]));
    table
}

fn controllers() -> Vec<Row> {
    let mut table = Vec::new();
    for (group, resource, risks) in [
        ("argoproj.io", "applications", &["argocd-applications-write"] as &[_]),
        ("argoproj.io", "applicationsets", &["argocd-applications-write"]),
        ("kustomize.toolkit.fluxcd.io", "kustomizations", &["flux-kustomizations-write"]),
        ("helm.toolkit.fluxcd.io", "helmreleases", &["flux-helmreleases-write"]),
        ("argoproj.io", "workflows", &["argo-workflows-write"]),
        ("argoproj.io", "cronworkflows", &["argo-workflows-write"]),
        ("argoproj.io", "rollouts", &["argo-rollouts-write"]),
        ("tekton.dev", "taskruns", &["tekton-runs-create"]),
        ("tekton.dev", "pipelineruns", &["tekton-runs-create"]),
        ("kyverno.io", "clusterpolicies", &["kyverno-clusterpolicies-write"]),
        ("kyverno.io", "policies", &["kyverno-policies-write"]),
        ("policies.kyverno.io", "mutatingpolicies", &["kyverno-newer-policies-write"]),
        ("cert-manager.io", "certificates", &["cert-manager-certificates-write"]),
        ("external-secrets.io", "externalsecrets", &["externalsecrets-write"]),
        ("external-secrets.io", "clustersecretstores", &["external-secret-stores-write"]),
        ("velero.io", "restores", &["velero-restores-create"]),
        ("pkg.crossplane.io", "providers", &["crossplane-packages-write"]),
        ("apiextensions.crossplane.io", "compositions", &["crossplane-compositions-write"]),
        ("kubernetes.crossplane.io", "objects", &["crossplane-objects-write"]),
        ("operators.coreos.com", "subscriptions", &["olm-subscriptions-write"]),
    ] {
        table.push(row("a controller's object", &[("create", group, resource, "")], risks));
    }
    let velero = |verb, resource| (verb, "velero.io", resource, "");
    table.push(row(
        "restores from a storage of one's own",
        &[velero("create", "restores"), velero("create", "backupstoragelocations")],
        &["velero-restores-create", "velero-restores-from-own-storage"],
    ));
    table.push(row(
        "backups",
        &[velero("create", "downloadrequests"), velero("get", "downloadrequests")],
        &["velero-backups-download"],
    ));
    let olm = |resource| ("create", "operators.coreos.com", resource, "");
    table.push(row(
        "operators of one's own",
        &[olm("subscriptions"), olm("catalogsources")],
        &["olm-catalogs-write", "olm-subscriptions-write"],
    ));
    table
}

/// Every row.
pub(crate) fn table() -> Vec<Row> {
    let parts =
        [credentials, pods, nodes, roles, others, certificates, admission, traffic_and_more, controllers];
    parts.iter().flat_map(|part| part()).collect()
}
