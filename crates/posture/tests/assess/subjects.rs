//! Who holds what: rules matched as the API server matches them, joined over all roles of a subject.

use sundew_posture::{Settings, report::View, risk, scan};

use crate::given::{about, account, binding, cluster, holds, now, rights, role, scanned, set};

const A: &str = "ServiceAccount shop/a";

fn held_in_shop(rules: &[&str]) -> Vec<String> {
    let report = scanned(&[rights("r", "shop", A, rules)]);
    holds(&report, A).into_iter().collect()
}

#[test]
fn wildcards_subresources_and_groups_match_exactly() {
    for (rule, expected) in [
        ("create pods/exec", &["pods-exec in namespace shop, high"][..]),
        ("create */exec", &["pods-exec in namespace shop, high"]),
        ("create pods/*", &[]),
        ("create pods", &["pods-create in namespace shop, high"]),
        ("get secrets", &["secrets-get in namespace shop, high"]),
        ("get secrets of apps", &[]),
        ("get secrets of apps,core", &["secrets-get in namespace shop, high"]),
        ("list secrets of *", &["secrets-list in namespace shop, high"]),
        ("get secretsx", &[]),
        ("create deployments", &[]),
        ("create deployments of apps", &["workloads-write in namespace shop, high"]),
    ] {
        assert_eq!(held_in_shop(&[rule]), expected, "{rule}");
    }
}

#[test]
fn a_star_on_all_resources_of_one_group_is_all_their_risks_and_not_everything() {
    let held = held_in_shop(&["* *"]);
    for id in
        ["secrets-get", "pods-create", "pods-exec", "serviceaccounts-token", "impersonate-serviceaccounts"]
    {
        assert!(held.iter().any(|line| line.starts_with(&format!("{id} in"))), "{id}: {held:?}");
    }
    assert!(
        !held.iter().any(|line| line.starts_with("everything") || line.starts_with("workloads")),
        "{held:?}"
    );
    assert_eq!(held_in_shop(&["* * of *"]), ["everything in namespace shop, critical"]);
}

#[test]
fn resource_names_narrow_as_the_api_server_reads_them() {
    for (rule, expected) in [
        ("get secrets only db", &["secrets-get in namespace shop, medium"][..]),
        ("list secrets only db", &["secrets-list in namespace shop, medium"]),
        ("create secrets only db", &[]),
        ("create pods only db", &[]),
        ("deletecollection secrets only db", &[]),
        ("create serviceaccounts/token only b", &["serviceaccounts-token in namespace shop, high"]),
        ("create pods/exec only web-0", &["pods-exec in namespace shop, high"]),
    ] {
        assert_eq!(held_in_shop(&[rule]), expected, "{rule}");
    }
}

#[test]
fn a_rule_for_the_very_name_that_matters_is_the_whole_risk() {
    let rules = ["bind clusterroles of rbac.authorization.k8s.io only cluster-admin", CREATE_BINDINGS];
    let report = scanned(&[rights("r", "cluster", A, &rules)]);
    let held = holds(&report, A);
    assert!(held.contains("bind-admin-in-namespace in cluster, critical"), "as for all names: {held:?}");
    assert!(held.contains("bind-cluster-admin in cluster, critical"), "{held:?}");
    let other = ["bind clusterroles of rbac.authorization.k8s.io only view", CREATE_BINDINGS];
    let report = scanned(&[rights("r", "cluster", A, &other)]);
    let held = holds(&report, A);
    assert_eq!(held, set(&["bind-clusterroles in cluster, medium", "bind-roles in cluster, low"]));
}

const CREATE_BINDINGS: &str = "create clusterrolebindings,rolebindings of rbac.authorization.k8s.io";

#[test]
fn rules_of_several_roles_join_to_a_risk_that_no_role_makes() {
    let report = scanned(&[
        rights("asks", "cluster", "User ann", &["create certificatesigningrequests of certificates.k8s.io"]),
        rights(
            "approves",
            "cluster",
            "User ann",
            &["update certificatesigningrequests/approval of certificates.k8s.io"],
        ),
        rights("signs", "cluster", "User ann", &["approve signers of certificates.k8s.io"]),
    ]);
    let held = holds(&report, "User ann");
    assert!(held.contains("certificates-approve in cluster, critical"), "{held:?}");
    let finding = about(&report, View::Subjects, "User ann").unwrap();
    let bindings: Vec<&str> = finding.because.iter().map(|b| b.binding.as_str()).collect();
    let all = ["asks", "approves", "signs"].map(|name| format!("ClusterRoleBinding {name}"));
    assert_eq!(bindings, all.each_ref().map(String::as_str));
    assert_eq!(about(&report, View::Roles, "ClusterRole approves"), None);
    assert_eq!(about(&report, View::Bindings, "ClusterRoleBinding approves"), None);
}

#[test]
fn rules_of_two_namespaces_do_not_join_and_those_of_the_cluster_join_with_one() {
    let create = ["create secrets"];
    let get = ["get secrets"];
    let apart = scanned(&[rights("x", "shop", A, &create), rights("y", "blog", A, &get)]);
    assert_eq!(holds(&apart, A), set(&["secrets-get in namespace blog, high"]));
    let joined = scanned(&[rights("x", "shop", A, &create), rights("y", "cluster", A, &get)]);
    assert_eq!(
        holds(&joined, A),
        set(&["secrets-get in cluster, critical", "secrets-create-token in namespace shop, high"])
    );
}

#[test]
fn each_finding_names_role_and_binding_at_fault_where_they_were_read_and_the_fix() {
    let report = scanned(&[account("shop/a"), rights("r", "shop", A, &["get secrets", "get pods"])]);
    let finding = about(&report, View::Subjects, A).unwrap();
    let [because] = &finding.because[..] else { panic!("{finding:?}") };
    assert_eq!(because.what, "get secrets");
    assert_eq!((because.role.as_str(), because.binding.as_str()), ("Role shop/r", "RoleBinding shop/r"));
    assert_eq!(
        (because.role_place.as_str(), because.binding_place.as_str()),
        ("cluster.yaml:7", "cluster.yaml:14")
    );
    assert_eq!(finding.object.place, "cluster.yaml:3");
    assert!(finding.fix.contains("resourceNames") && finding.reference.starts_with("https://"));
    assert_eq!(finding.attack, ["T1552.007", "T1528"]);
}

#[test]
fn one_role_bound_twice_is_one_finding_with_both_bindings() {
    let report = scanned(&[
        role("r", "shop", &["get secrets"]),
        binding("one", "shop", "r", &[A]),
        binding("two", "shop", "r", &[A]),
    ]);
    assert_eq!(about(&report, View::Subjects, A).unwrap().because.len(), 2);
    assert!(about(&report, View::Roles, "Role shop/r").is_some());
    assert!(about(&report, View::Bindings, "RoleBinding shop/two").is_some());
}

#[test]
fn an_account_bound_by_its_user_name_is_the_account() {
    let report = scanned(&[
        account("shop/a"),
        rights("one", "shop", "User system:serviceaccount:shop:a", &["create secrets"]),
        rights("two", "shop", A, &["get secrets"]),
    ]);
    let both = set(&["secrets-get in namespace shop, high", "secrets-create-token in namespace shop, high"]);
    assert_eq!(holds(&report, A), both);
    assert_eq!(holds(&report, "User system:serviceaccount:shop:a"), set(&[]));
}

#[test]
fn names_in_one_namespace_are_told_beside_other_names_in_the_cluster() {
    let report = scanned(&[
        rights("wide", "cluster", A, &["get secrets only ca"]),
        rights("here", "shop", A, &["get secrets only root-token"]),
    ]);
    assert_eq!(
        holds(&report, A),
        set(&["secrets-get in cluster, medium", "secrets-get in namespace shop, medium"])
    );
}

#[test]
fn a_wider_grant_of_the_same_is_told_once() {
    let report = scanned(&[
        rights("wide", "cluster", A, &["get secrets"]),
        rights("here", "shop", A, &["get secrets"]),
        rights("one", "blog", A, &["get secrets only db"]),
    ]);
    assert_eq!(holds(&report, A), set(&["secrets-get in cluster, critical"]));
}

#[test]
fn who_may_do_everything_is_told_in_one_line_and_keeps_what_is_of_other_places() {
    let report = scanned(&[
        rights("all", "shop", A, &["* * of *"]),
        rights("more", "shop", A, &["get secrets"]),
        rights("else", "blog", A, &["get secrets"]),
        rights("wide", "cluster", A, &["list secrets"]),
    ]);
    assert_eq!(
        holds(&report, A),
        set(&[
            "everything in namespace shop, critical",
            "secrets-get in namespace blog, high",
            "secrets-list in cluster, critical",
        ])
    );
    let report =
        scanned(&[rights("all", "cluster", A, &["* * of *"]), rights("more", "shop", A, &["get secrets"])]);
    assert_eq!(holds(&report, A), set(&["everything in cluster, critical"]));
}

#[test]
fn what_kubernetes_made_is_folded_and_what_was_added_to_it_is_not() {
    let labelled = |text: String| {
        let labels = ", labels: {kubernetes.io/bootstrapping: rbac-defaults}}";
        text.replace(
            "metadata: {name: \"cluster-admin\"}",
            &format!("metadata: {{name: \"cluster-admin\"{labels}"),
        )
    };
    let of = |to: &[&str]| {
        scanned(&[
            labelled(role("cluster-admin", "cluster", &["* * of *"])),
            labelled(binding("cluster-admin", "cluster", "cluster-admin", to)),
        ])
    };
    let fresh = of(&["Group system:masters"]);
    assert_eq!(fresh.counting().count(), 0, "{:?}", fresh.findings);
    assert!(about(&fresh, View::Subjects, "Group system:masters").is_some_and(|f| f.system));
    let changed = of(&[
        "Group system:masters",
        "User bob",
        "ServiceAccount kube-system/tiller",
        "User system:kube-scheduler",
    ]);
    for subject in ["User bob", "ServiceAccount kube-system/tiller", "User system:kube-scheduler"] {
        let finding = about(&changed, View::Subjects, subject).unwrap();
        assert!(!finding.system, "{subject}");
    }
    let binding = about(&changed, View::Bindings, "ClusterRoleBinding cluster-admin").unwrap();
    assert!(!binding.system);
    let paths: Vec<bool> = changed.paths.iter().map(|path| path.system).collect();
    assert_eq!(paths, [true, false, false, false], "the group's alone is folded: {:?}", changed.paths);
}

#[test]
fn a_binding_of_ones_own_to_a_part_of_kubernetes_is_not_folded() {
    let report = scanned(&[rights("nodes", "cluster", "Group system:nodes", &["get secrets"])]);
    assert!(!about(&report, View::Subjects, "Group system:nodes").unwrap().system);
    assert!(!about(&report, View::Bindings, "ClusterRoleBinding nodes").unwrap().system);
}

#[test]
fn a_custom_risk_is_looked_for_like_the_others_and_one_that_is_off_is_not() {
    let text = "id: widgets-write\ntitle: writes widgets\ngives: Widgets.\ngrants:\n  - verbs: [create]\n    \
                resources: [widgets]\n    groups: [example.com]\nscope: namespace\nseverity: {cluster: high}\n\
                becomes: new-pods\nfix: Do not.\nreference: https://example.com/\n";
    let cluster = cluster(&[rights("r", "shop", A, &["create widgets of example.com", "get secrets"])]);
    let mut settings = Settings::new(now());
    settings.risks.push(risk::parse("widgets.yaml", text).unwrap());
    settings.exceptions.off.push("secrets-get".to_owned());
    let report = scan(&cluster, &settings);
    assert_eq!(holds(&report, A), set(&["widgets-write in namespace shop, medium"]));
    assert_eq!(report.risks["widgets-write"].title, "writes widgets");
}

#[test]
fn more_risks_than_can_be_looked_for_are_named_and_not_left_out_in_silence() {
    let mut settings = Settings::new(now());
    let first = settings.risks[0].clone();
    for number in 0..600 {
        let mut risk = first.clone();
        risk.id = format!("copy-{number}");
        settings.risks.push(risk);
    }
    let report = scan(&cluster(&[account("shop/a")]), &settings);
    let left_out = |n: &&String| n.starts_with("risk copy-599 is not looked for");
    assert_eq!(report.cluster.notices.iter().filter(left_out).count(), 1);
}

#[test]
fn the_worst_risk_gives_a_finding_its_words_and_the_first_two_its_title() {
    let report = scanned(&[rights(
        "r",
        "shop",
        A,
        &["delete events", "get secrets", "create pods", "create pods/eviction"],
    )]);
    let finding = about(&report, View::Subjects, A).unwrap();
    assert_eq!(finding.rule, "pods-create");
    assert_eq!(finding.title, "creates pods, reads Secrets, and 2 more");
    assert_eq!(finding.scope, "namespace shop");
    let severities: Vec<_> = finding.risks.iter().map(|risk| risk.severity).collect();
    assert!(severities.is_sorted_by(|a, b| a >= b));
    assert_eq!(report.worst(), Some(finding.severity));
}
