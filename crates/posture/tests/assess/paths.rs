//! Ways of one and of several steps to the whole cluster, each step with its evidence.

use sundew_posture::report::Report;

use crate::given::{
    CLUSTER, account, bare, binding, namespace, node, pod, rights, role, root, scanned, stops, token, way,
};

const ANN: &str = "User ann";
const ROOT: &str = "ServiceAccount ops/root";
const RBAC: &str = "of rbac.authorization.k8s.io";

/// The way of ann, who has these rules at a place, in a cluster with an account that may do everything.
fn of_ann(at: &str, rules: &[&str], more: &[String]) -> Report {
    let mut documents = vec![root(), account("ops/root"), rights("ann", at, ANN, rules)];
    documents.extend_from_slice(more);
    scanned(&documents)
}

#[test]
fn who_may_do_everything_is_there_in_one_step_with_role_and_binding() {
    let report = scanned(&[root()]);
    let [path] = &report.paths[..] else { panic!("{:?}", report.paths) };
    assert_eq!((path.from.to_string().as_str(), path.count, path.steps.len()), (ROOT, 1, 1));
    assert_eq!(path.steps[0].act, "does everything (cluster)");
    let because = &path.steps[0].because[0];
    assert_eq!(
        (because.binding.as_str(), because.role.as_str()),
        ("ClusterRoleBinding root", "ClusterRole root")
    );
}

#[test]
fn each_way_to_become_an_account_is_a_step() {
    let secret = || vec![token("ops/t", "root", "")];
    let runs = || vec![pod("ops/tool", "root", "n1", "")];
    let guard = || vec![namespace("ops", "restricted"), token("x/t", "x", "")];
    for (rule, more, first) in [
        ("create serviceaccounts/token", vec![], ROOT),
        ("impersonate serviceaccounts", vec![], ROOT),
        ("get secrets", secret(), ROOT),
        ("list secrets", secret(), ROOT),
        ("patch secrets", secret(), ROOT),
        ("create pods", guard(), ROOT),
        ("patch deployments of apps", guard(), ROOT),
        ("create pods/exec", runs(), "Pod ops/tool"),
        ("patch pods", runs(), "Pod ops/tool"),
        ("update pods/ephemeralcontainers", runs(), "Pod ops/tool"),
    ] {
        let report = of_ann("ops", &[rule], &more);
        let found = way(&report, ANN).unwrap_or_else(|| panic!("{rule}"));
        assert_eq!(found[0], first, "{rule}");
        assert_eq!(found.last().unwrap(), CLUSTER);
        let step = &report.paths.iter().find(|p| p.from.to_string() == ANN).unwrap().steps[0];
        assert_eq!(step.because[0].binding, "RoleBinding ops/ann", "{rule}");
        let elsewhere = of_ann("blog", &[rule], &more);
        assert_eq!(
            way(&elsewhere, ANN).filter(|_| rule != "create pods" && !rule.contains("deploy")),
            None,
            "{rule} elsewhere"
        );
    }
}

#[test]
fn rights_on_the_whole_cluster_are_one_step() {
    for rules in [
        &["impersonate groups,users"][..],
        &["escalate,update clusterroles of rbac.authorization.k8s.io"],
        &[
            "bind clusterroles of rbac.authorization.k8s.io",
            "create clusterrolebindings of rbac.authorization.k8s.io",
        ],
        &["patch mutatingwebhookconfigurations of admissionregistration.k8s.io"],
    ] {
        assert_eq!(way(&of_ann("cluster", rules, &[]), ANN), stops(&[CLUSTER]), "{rules:?}");
    }
}

#[test]
fn several_steps_are_found_and_the_shortest_way_is_told() {
    let more = [
        token("dev/t", "ci", ""),
        rights("ci", "build", "ServiceAccount dev/ci", &["create pods/exec"]),
        pod("build/tool", "maker", "n1", ""),
        rights("maker", "ops", "ServiceAccount build/maker", &["create serviceaccounts/token"]),
    ];
    let long = ["ServiceAccount dev/ci", "Pod build/tool", "ServiceAccount build/maker", ROOT, CLUSTER];
    assert_eq!(way(&of_ann("dev", &["get secrets"], &more), ANN), stops(&long));
    let mut documents = more.to_vec();
    documents.push(rights("short", "build", "ServiceAccount dev/ci", &["impersonate serviceaccounts"]));
    let short = ["ServiceAccount dev/ci", "ServiceAccount build/maker", ROOT, CLUSTER];
    let report = of_ann("dev", &["get secrets"], &documents);
    assert_eq!(way(&report, ANN), stops(&short));
    let lengths: Vec<usize> = report.paths.iter().map(|path| path.steps.len()).collect();
    assert!(lengths.is_sorted(), "{lengths:?}");
}

#[test]
fn a_named_grant_leads_to_what_it_names_only() {
    let more = [
        token("ops/t", "root", ""),
        token("ops/other", "nobody", ""),
        pod("ops/tool", "root", "n1", ""),
        pod("ops/idle", "nobody", "n2", ""),
    ];
    for (at, rule, expected) in [
        ("ops", "get secrets only t", Some(ROOT)),
        ("cluster", "get secrets only t", Some(ROOT)),
        ("blog", "get secrets only t", None),
        ("ops", "get secrets only other", None),
        ("ops", "create serviceaccounts/token only root", Some(ROOT)),
        ("ops", "create serviceaccounts/token only nobody", None),
        ("ops", "impersonate serviceaccounts only root", Some(ROOT)),
        ("ops", "create pods/exec only tool", Some("Pod ops/tool")),
        ("ops", "create pods/exec only idle", None),
        ("cluster", "get nodes/proxy only n1", Some("Pod ops/tool")),
        ("cluster", "get nodes/proxy only n2", None),
    ] {
        let first = way(&of_ann(at, &[rule], &more), ANN).map(|way| way[0].clone());
        assert_eq!(first.as_deref(), expected, "{rule} at {at}");
    }
}

#[test]
fn impersonation_of_named_users_and_groups_leads_to_them() {
    let more = [
        rights("chief", "cluster", "User chief", &["* * of *"]),
        rights("chiefs", "cluster", "Group chiefs", &["* * of *"]),
    ];
    for (rules, expected) in [
        (&["impersonate users only chief"][..], Some("User chief")),
        (&["impersonate users only clerk"], None),
        (&["impersonate users only clerk", "impersonate groups only chiefs"], Some("Group chiefs")),
        (&["impersonate users only clerk", "impersonate groups only clerks"], None),
        (&["impersonate users only clerk", "impersonate groups only system:masters"], Some(CLUSTER)),
        (&["impersonate users only clerk", "impersonate groups"], Some(CLUSTER)),
        (&["impersonate users"], Some("User chief")),
        (&["impersonate groups"], None),
    ] {
        let first = way(&of_ann("cluster", rules, &more), ANN).map(|way| way[0].clone());
        assert_eq!(first.as_deref(), expected, "{rules:?}");
    }
}

#[test]
fn a_secret_of_ones_own_making_takes_any_account_whatever_its_name_must_be() {
    let report = of_ann("ops", &["create secrets", "get secrets only mine"], &[token("x/t", "x", "")]);
    assert_eq!(way(&report, ANN), stops(&[ROOT, CLUSTER]));
}

#[test]
fn changing_a_named_workload_is_running_pods_where_it_is() {
    let deployment = |namespace: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: {namespace}}}\nspec: {{template: {{spec: \
             {{containers: [{{name: main}}]}}}}}}"
        )
    };
    let guards = [namespace("ops", "baseline"), namespace("shop", "baseline")];
    let with = |at: &str, rule: &str, place: &str| {
        let mut more = guards.to_vec();
        more.push(deployment(place));
        way(&of_ann(at, &[rule], &more), ANN)
    };
    let there = stops(&[ROOT, CLUSTER]);
    assert_eq!(with("cluster", "patch deployments of apps only web", "ops"), there);
    assert_eq!(with("cluster", "patch deployments of apps only web", "shop"), None);
    assert_eq!(with("cluster", "patch deployments of apps only other", "ops"), None);
    assert_eq!(
        with("cluster", "patch statefulsets,replicasets of apps only web", "ops"),
        there,
        "one rule file has them all"
    );
    assert_eq!(
        with("cluster", "patch rollouts of argoproj.io only web", "shop"),
        there,
        "a type that is not read"
    );
}

#[test]
fn binding_a_named_role_or_a_named_binding_is_worth_what_it_gives() {
    let create = "create rolebindings,clusterrolebindings";
    let more = [
        role("all", "cluster", &["* * of *"]),
        role("little", "cluster", &["get pods"]),
        binding("big", "cluster", "all", &["User chief"]),
        binding("small", "cluster", "little", &["User clerk"]),
        role("cluster-admin", "cluster", &["* * of *"]),
        binding("admins", "cluster", "cluster-admin", &["Group admins"]),
    ];
    for (rules, reaches) in [
        (vec![format!("bind clusterroles {RBAC} only cluster-admin"), format!("{create} {RBAC}")], true),
        (vec![format!("bind clusterroles {RBAC} only little"), format!("{create} {RBAC}")], false),
        (
            vec![format!("bind clusterroles {RBAC}"), format!("patch clusterrolebindings {RBAC} only big")],
            true,
        ),
        (
            vec![format!("bind clusterroles {RBAC}"), format!("patch clusterrolebindings {RBAC} only small")],
            false,
        ),
        (
            vec![format!("bind clusterroles {RBAC}"), format!("create clusterrolebindings {RBAC} only big")],
            false,
        ),
        // There is no RoleBinding of this name.
        (vec![format!("bind clusterroles {RBAC}"), format!("patch rolebindings {RBAC} only big")], false),
        (
            vec![
                format!("bind clusterroles {RBAC} only cluster-admin"),
                format!("patch clusterrolebindings {RBAC} only big"),
            ],
            false,
        ),
        (
            vec![
                format!("bind clusterroles {RBAC} only cluster-admin"),
                format!("patch clusterrolebindings {RBAC} only admins"),
            ],
            true,
        ),
    ] {
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        assert_eq!(way(&of_ann("cluster", &rules, &more), ANN).is_some(), reaches, "{rules:?}");
    }
}

#[test]
fn kubernetes_own_admin_in_a_namespace_is_nearly_everything_there() {
    let admin = |label: &str| {
        role("admin", "cluster", &["create serviceaccounts/token"])
            .replace("\"admin\"}", &format!("\"admin\", labels: {{{label}}}}}"))
    };
    let rules = [format!("bind clusterroles {RBAC}"), format!("patch rolebindings {RBAC} only team")];
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let team = || binding("team", "ops", "ClusterRole admin", &["Group team"]);
    let made = of_ann("ops", &rules, &[admin("kubernetes.io/bootstrapping: rbac-defaults"), team()]);
    assert_eq!(way(&made, ANN), stops(&[ROOT, CLUSTER]));
    let other = of_ann("ops", &rules, &[admin("a: b"), team()]);
    assert_eq!(way(&other, ANN), None, "another role of this name");
    let elsewhere = of_ann("blog", &rules, &[admin("kubernetes.io/bootstrapping: rbac-defaults"), team()]);
    assert_eq!(way(&elsewhere, ANN), None);
}

#[test]
fn changing_a_named_role_is_worth_everything_to_who_is_bound_to_it() {
    let escalate = |name: &str| format!("escalate,update clusterroles {RBAC} only {name}");
    assert_eq!(way(&of_ann("cluster", &[&escalate("ann")], &[]), ANN), stops(&[CLUSTER]));
    let other = [role("other", "cluster", &["get pods"]), binding("o", "cluster", "other", &["User clerk"])];
    assert_eq!(way(&of_ann("cluster", &[&escalate("other")], &other), ANN), None);
    let apart =
        [format!("escalate clusterroles {RBAC} only ann"), format!("update clusterroles {RBAC} only other")];
    let apart: Vec<&str> = apart.iter().map(String::as_str).collect();
    assert_eq!(way(&of_ann("cluster", &apart, &other), ANN), None, "neither has both");
}

#[test]
fn everything_on_one_name_is_not_everything() {
    // What it may be is told by the other risks, such as that of a webhook of this name.
    let report = of_ann("cluster", &["* * of * only web"], &[]);
    let path = report.paths.iter().find(|p| p.from.to_string() == ANN);
    assert!(path.is_none_or(|path| !path.steps[0].act.starts_with("does everything")), "{path:?}");
    let shop = [account("shop/root"), rights("all", "cluster", "ServiceAccount shop/root", &["* * of *"])];
    let here = way(&of_ann("shop", &["* * of * only root"], &shop), ANN);
    assert_eq!(here, stops(&["ServiceAccount shop/root", CLUSTER]), "the account of this name, by its token");
}

#[test]
fn controllers_do_what_they_are_told_under_whatever_namespace_they_run() {
    let controller =
        rights("argo", "cluster", "ServiceAccount gitops/argocd-application-controller", &["* * of *"]);
    for rule in ["create applications of argoproj.io", "patch applications of argoproj.io only web"] {
        let report = of_ann("gitops", &[rule], std::slice::from_ref(&controller));
        assert_eq!(
            way(&report, ANN),
            stops(&["ServiceAccount gitops/argocd-application-controller", CLUSTER]),
            "{rule}"
        );
    }
}

#[test]
fn pod_security_cuts_the_way_to_the_node_and_who_may_change_the_label_has_it_again() {
    let tool = || pod("build/tool", "maker", "n1", "");
    let maker = || rights("maker", "cluster", "ServiceAccount build/maker", &["* * of *"]);
    let creates = ["create pods"];
    let of = |level: &str, rules: &[&str], more: &[String]| {
        let mut documents =
            vec![maker(), tool(), namespace("shop", level), rights("ann", "shop", ANN, rules)];
        documents.extend_from_slice(more);
        scanned(&documents)
    };
    let there = stops(&["Node n1", "Pod build/tool", "ServiceAccount build/maker", CLUSTER]);
    assert_eq!(way(&of("", &creates, &[]), ANN), there);
    assert_eq!(way(&of("privileged", &creates, &[]), ANN), there);
    assert_eq!(way(&of("baseline", &creates, &[]), ANN), None);
    assert_eq!(way(&of("restricted", &creates, &[]), ANN), None);
    for rule in [
        "patch namespaces",
        "update namespaces only shop",
        "patch namespaces/status",
        "update namespaces/finalize",
    ] {
        let report = of("baseline", &["create pods", rule], &[]);
        assert_eq!(way(&report, ANN), there, "{rule}");
        let path = report.paths.iter().find(|p| p.from.to_string() == ANN).unwrap();
        let what: Vec<&str> = path.steps[0].because.iter().map(|b| b.what.as_str()).collect();
        assert_eq!(what.len(), 2, "both are shown: {what:?}");
        assert_eq!(way(&of("baseline", &[rule], &[]), ANN), None, "{rule} without pods");
    }
    assert_eq!(
        way(&of("baseline", &["create pods", "patch namespaces only blog"], &[]), ANN),
        None,
        "another's label"
    );
    let wide = |name: &str| rights("wide", "cluster", ANN, &[&format!("patch namespaces only {name}")]);
    assert_eq!(way(&of("baseline", &creates, &[wide("shop")]), ANN), there);
    assert_eq!(way(&of("baseline", &creates, &[wide("blog")]), ANN), None);
    let volumes = rights("volumes", "cluster", ANN, &["create persistentvolumes"]);
    assert_eq!(way(&of("baseline", &creates, &[volumes]), ANN), there, "past Pod Security");
    assert_eq!(way(&of("baseline", &["* * of *"], &[]), ANN), there, "everything is the label too");
}

#[test]
fn the_label_and_the_pod_may_come_from_oneself_and_from_a_group() {
    let a = "ServiceAccount shop/a";
    let group = "Group system:serviceaccounts:shop";
    let of = |one: &str, other: &str| {
        scanned(&[
            rights("maker", "cluster", "ServiceAccount build/maker", &["* * of *"]),
            pod("build/tool", "maker", "n1", ""),
            namespace("shop", "baseline"),
            rights("pods", "shop", one, &["create pods"]),
            rights("label", "shop", other, &["patch namespaces"]),
            account("shop/b"),
        ])
    };
    let there = stops(&["Node n1", "Pod build/tool", "ServiceAccount build/maker", CLUSTER]);
    for (one, other) in [(a, group), (group, a)] {
        let report = of(one, other);
        assert_eq!(way(&report, a), there, "{one} {other}");
        // Who makes pods there can be the account that changes the label.
        assert_eq!(way(&report, group).map(|way| way[0].clone()), (one == group).then(|| a.to_owned()));
    }
    assert_eq!(way(&of(group, group), group), there);
}

#[test]
fn a_nodes_identity_is_not_root_on_it() {
    let kubelet =
        ["create certificatesigningrequests,certificatesigningrequests/nodeclient of certificates.k8s.io"];
    let report = of_ann("cluster", &kubelet, &[node("cp", true), pod("ops/tool", "root", "n1", "")]);
    assert_eq!(
        way(&report, ANN),
        stops(&["Pod ops/tool", ROOT, CLUSTER]),
        "by the pods, and not by the keys on the disk"
    );
    let none = of_ann("cluster", &kubelet, &[node("cp", true)]);
    assert_eq!(way(&none, ANN), None);
    let named = [
        "create certificatesigningrequests of certificates.k8s.io",
        "update certificatesigningrequests/approval of certificates.k8s.io only mine",
        "approve signers of certificates.k8s.io only kubernetes.io/kube-apiserver-client-kubelet",
    ];
    let report = of_ann("cluster", &named, &[pod("ops/tool", "root", "n1", "")]);
    assert_eq!(
        way(&report, ANN),
        stops(&["Pod ops/tool", ROOT, CLUSTER]),
        "it makes the request of that name"
    );
}

#[test]
fn a_token_that_is_not_for_the_api_server_or_was_declared_invalid_leads_nowhere() {
    let projected = bare(
        "shop/web",
        "serviceAccountName: root, automountServiceAccountToken: false, containers: [{name: m}], \
        volumes: [{name: t, projected: {sources: [{serviceAccountToken: {audience: vault, path: t}}]}}]",
    );
    let report = scanned(&[rights("root", "cluster", "ServiceAccount shop/root", &["* * of *"]), projected]);
    assert_eq!(way(&report, "Pod shop/web"), None);
    let invalid = token("ops/t", "root", ", labels: {kubernetes.io/legacy-token-invalid-since: 2026-01-01}");
    for rule in ["get secrets", "get secrets only t"] {
        assert_eq!(way(&of_ann("ops", &[rule], std::slice::from_ref(&invalid)), ANN), None, "{rule}");
    }
}

#[test]
fn pods_of_one_workload_with_the_same_way_are_one_path_with_their_number() {
    let owned = |name: &str| {
        pod(&format!("ops/{name}"), "root", "n1", "").replace(
            "namespace: ops}",
            "namespace: ops, ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: agent, uid: u, controller: true}]}",
        )
    };
    let report = scanned(&[root(), owned("x"), owned("y"), owned("z")]);
    let path = report.paths.iter().find(|path| path.from.kind == "DaemonSet").unwrap();
    assert_eq!((path.from.to_string().as_str(), path.count), ("DaemonSet ops/agent", 3));
}
