//! The gate.

use serde_json::json;
use sundew_bait::gate::{Rights, in_words, rights};
use sundew_decoy::persona::Right;
use sundew_posture::Cluster;

use crate::given::{binding, cluster, cluster_with, plan, right, role, small, to_account, to_group};

/// The rules of the grants, each with whom they come through.
fn rules(grants: &[sundew_posture::questions::Grant]) -> Vec<String> {
    grants.iter().map(|grant| format!("{} {}", grant.rule, grant.through).trim().to_owned()).collect()
}

fn nothing() -> Rights {
    Rights { declared: Vec::new(), undeclared: Vec::new(), unread: Vec::new() }
}

/// A persona's own role and binding, with this rule.
fn with_role(rule: &serde_json::Value, rights: &[Right]) -> sundew_decoy::plan::Plan {
    let role = role("shop", "backup", &json!([rule]));
    plan(rights, &[role, binding("shop", "backup", "Role/backup", &to_account("shop", "backup"))])
}

#[test]
fn what_kubernetes_gives_every_account_is_no_right() {
    assert_eq!(rights(&cluster(), &plan(&[], &[])), nothing());
    assert_eq!(in_words(&nothing()), ["nothing but discovery and asking about itself"]);
}

#[test]
fn a_role_that_was_edited_counts_whatever_its_name() {
    let discovery = json!({"verbs": ["get"], "nonResourceURLs": ["/api", "/version"]});
    let metrics = json!({"verbs": ["get"], "nonResourceURLs": ["/metrics"]});
    let edited = role("", "system:discovery", &json!([discovery, metrics]));
    let found = rights(&cluster_with(&json!([edited])), &plan(&[], &[]));
    assert_eq!(rules(&found.undeclared), ["get /metrics Group system:authenticated"]);
    assert!(!found.passes());

    let oneself = json!({"verbs": ["create"], "apiGroups": ["authorization.k8s.io"],
        "resources": ["selfsubjectaccessreviews", "subjectaccessreviews"]});
    let edited = role("", "system:basic-user", &json!([oneself]));
    assert_eq!(rights(&cluster_with(&json!([edited])), &plan(&[], &[])).undeclared.len(), 1);
}

#[test]
fn only_the_very_verbs_and_paths_of_discovery_are_discovery() {
    let found = |rule: serde_json::Value| {
        let role = role("", "some", &json!([rule]));
        let bound = binding("", "some", "ClusterRole/some", &to_group("system:authenticated"));
        rights(&small(&json!([role, bound])), &plan(&[], &[])).undeclared.len()
    };
    for url in ["/api/v1", "/openapi/v3/*", "/.well-known/openid-configuration", "/readyz"] {
        assert_eq!(found(json!({"verbs": ["get"], "nonResourceURLs": [url]})), 0, "{url}");
        assert_eq!(found(json!({"verbs": ["post"], "nonResourceURLs": [url]})), 1, "{url}");
        assert_eq!(found(json!({"verbs": ["*"], "nonResourceURLs": [url]})), 1, "{url}");
    }
    for url in ["*", "/*", "/api*", "/readyz/*", "/logs/"] {
        assert_eq!(found(json!({"verbs": ["get"], "nonResourceURLs": [url]})), 1, "{url}");
    }
    let review = |verb: &str, group: &str, resource: &str| {
        found(json!({"verbs": [verb], "apiGroups": [group], "resources": [resource]}))
    };
    assert_eq!(review("create", "authentication.k8s.io", "selfsubjectreviews"), 0);
    assert_eq!(review("*", "authentication.k8s.io", "selfsubjectreviews"), 1);
    assert_eq!(review("create", "*", "selfsubjectreviews"), 1);
    assert_eq!(review("create", "authentication.k8s.io", "tokenreviews"), 1);
    // No verb, no group: nobody may do anything by it.
    assert_eq!(found(json!({"verbs": [], "apiGroups": [""], "resources": ["pods"]})), 0);
    assert_eq!(found(json!({"verbs": ["get"], "resources": ["pods"]})), 0);
}

#[test]
fn what_all_accounts_are_given_refuses_the_plan_and_is_named_with_its_binding() {
    for group in ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"] {
        let bound = binding("", "all-look", "ClusterRole/view", &to_group(group));
        let found = rights(&cluster_with(&json!([bound])), &plan(&[], &[]));
        assert!(!found.passes() && found.undeclared.len() > 5, "{group}");
        let grant = &found.undeclared[0];
        assert_eq!(grant.through, format!("Group {group}"));
        assert_eq!((&*grant.binding, &*grant.role), ("ClusterRoleBinding all-look", "ClusterRole view"));
        let said = &in_words(&found)[0];
        let end = format!(
            " in the whole cluster, through Group {group}, by ClusterRoleBinding all-look of ClusterRole view"
        );
        assert!(said.starts_with("not declared: ") && said.ends_with(&end), "{said}");
    }
    let elsewhere = binding("", "all-look", "ClusterRole/view", &to_group("system:serviceaccounts:ci"));
    assert_eq!(rights(&cluster_with(&json!([elsewhere])), &plan(&[], &[])), nothing());
}

#[test]
fn a_binding_that_waits_for_an_account_of_that_name_refuses_the_plan() {
    let left = binding("", "old", "ClusterRole/cluster-admin", &to_account("shop", "backup"));
    let found = rights(&cluster_with(&json!([left])), &plan(&[], &[]));
    assert_eq!(rules(&found.undeclared), ["* * of all groups", "* *"]);
    let user = json!({"kind": "User", "name": "system:serviceaccount:shop:backup"});
    let left = binding("shop", "old", "ClusterRole/view", &user);
    assert!(!rights(&cluster_with(&json!([left])), &plan(&[], &[])).passes(), "by its user name too");
}

#[test]
fn what_the_persona_declares_and_the_plan_gives_passes() {
    let rule =
        json!({"verbs": ["get", "list"], "apiGroups": ["", "apps"], "resources": ["pods", "pods/log"]});
    let halves = [right(&["get", "list"], "", &["pods", "pods/log"]), {
        right(&["list", "get", "watch"], "apps", &["pods/log", "pods"])
    }];
    let found = rights(&cluster(), &with_role(&rule, &halves));
    assert_eq!(rules(&found.declared), ["get, list pods, pods/log of core, apps"]);
    assert_eq!((found.passes(), found.unread.len()), (true, 0));
    assert_eq!(
        in_words(&found),
        [
            "declared: get, list pods, pods/log of core, apps in namespace shop, by RoleBinding shop/backup of Role \
          shop/backup"
        ]
    );
    // One part of it is missing.
    for missing in
        [right(&["get"], "apps", &["pods", "pods/log"]), right(&["get", "list"], "apps", &["pods"])]
    {
        let found = rights(&cluster(), &with_role(&rule, &[halves[0].clone(), missing]));
        assert_eq!((found.declared.len(), found.undeclared.len()), (0, 1));
    }
}

#[test]
fn a_declared_right_that_somebody_elses_binding_gives_is_not_the_plans() {
    let pods = json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]);
    let others = [
        role("shop", "look", &pods),
        binding("shop", "look", "Role/look", &to_group("system:serviceaccounts")),
    ];
    let found = rights(&cluster_with(&json!(others)), &plan(&[right(&["get"], "", &["pods"])], &[]));
    assert_eq!((found.declared.len(), rules(&found.undeclared).len()), (0, 1));
}

#[test]
fn names_that_are_declared_hold_for_these_names_alone() {
    let declared =
        Right { resource_names: vec!["a".into(), "b".into()], ..right(&["get"], "", &["configmaps"]) };
    let rule = |names: serde_json::Value| json!({"verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"], "resourceNames": names});
    let passes =
        |names| rights(&cluster(), &with_role(&rule(names), std::slice::from_ref(&declared))).passes();
    assert!(passes(json!(["a"])) && passes(json!(["b", "a"])));
    assert!(!passes(json!(["a", "c"])) && !passes(json!([])));
}

#[test]
fn a_wildcard_refuses_even_where_it_is_declared() {
    for (verb, group, resource) in
        [("*", "", "pods"), ("get", "*", "pods"), ("get", "", "*"), ("get", "", "*/log")]
    {
        let rule = json!({"verbs": [verb], "apiGroups": [group], "resources": [resource]});
        let found = rights(&cluster(), &with_role(&rule, &[right(&[verb], group, &[resource])]));
        assert!(!found.passes() && found.declared.is_empty(), "{verb} {group} {resource}");
    }
}

#[test]
fn a_planned_binding_to_a_role_of_the_cluster_gives_what_that_role_holds_now() {
    let bound = binding("", "reviewer", "ClusterRole/system:auth-delegator", &to_account("shop", "backup"));
    let reviews = right(&["create"], "authentication.k8s.io", &["tokenreviews"]);
    let accesses = right(&["create"], "authorization.k8s.io", &["subjectaccessreviews"]);
    let both = rights(&cluster(), &plan(&[reviews.clone(), accesses], std::slice::from_ref(&bound)));
    assert_eq!((both.passes(), both.declared.len()), (true, 2));
    assert_eq!(rights(&cluster(), &plan(&[reviews], &[bound])).undeclared.len(), 1);
}

#[test]
fn aggregated_roles_are_joined_with_the_planned_ones() {
    let mut planned = role(
        "",
        "backup",
        &json!([
        {"verbs": ["delete"], "apiGroups": ["shop.example"], "resources": ["orders"]}]),
    );
    planned["metadata"]["labels"] = json!({"rbac.authorization.k8s.io/aggregate-to-view": "true"});
    let bound = binding("shop", "backup", "ClusterRole/view", &to_account("shop", "backup"));
    let found = rights(&cluster(), &plan(&[], &[planned, bound]));
    assert!(rules(&found.undeclared).contains(&"delete orders of shop.example".to_owned()));
}

#[test]
fn what_could_not_be_read_is_said_and_hides_nothing_else() {
    let mut cluster: Cluster = cluster();
    let absent = |resource: &str| sundew_posture::model::Absent {
        resource: resource.into(),
        reason: "forbidden".into(),
    };
    cluster
        .absent
        .extend(["roles", "clusterroles", "rolebindings", "clusterrolebindings", "pods"].map(absent));
    let found = rights(&cluster, &plan(&[], &[]));
    let said =
        ["roles", "clusterroles", "rolebindings", "clusterrolebindings"].map(|r| format!("{r}: forbidden"));
    assert_eq!(found.unread, said);
    assert!(in_words(&found).contains(&"not known: roles: forbidden".to_owned()));
}

#[test]
fn a_planned_object_that_cannot_be_understood_is_said() {
    let broken = role("shop", "backup", &json!([{"verbs": "get"}]));
    let found = rights(&cluster(), &plan(&[], &[broken]));
    assert_eq!(found.unread.len(), 1);
    assert!(found.unread[0].contains("Role shop/backup"), "{:?}", found.unread);
}

#[test]
fn an_account_that_would_be_an_identity_of_a_cloud_is_said() {
    let mut plan = plan(&[], &[]);
    let role = "arn:aws:iam::111122223333:role/backup";
    plan.objects[0].manifest["metadata"]["annotations"] = json!({"eks.amazonaws.com/role-arn": role});
    let found = rights(&cluster(), &plan);
    assert!(found.unread.len() == 1 && found.unread[0].contains(role), "{:?}", found.unread);
}

#[test]
fn the_cluster_itself_is_left_as_it_was() {
    let cluster = cluster();
    let before = (cluster.roles.clone(), cluster.bindings.clone(), cluster.absent.clone());
    let rule = json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]});
    rights(&cluster, &with_role(&rule, &[]));
    assert_eq!((cluster.roles, cluster.bindings, cluster.absent), before);
}

/// The rights of an account where a group may do this.
fn shared_by(group: &str, rule: &serde_json::Value) -> Rights {
    let role = role("", "some", &json!([rule]));
    let bound = binding("", "some", "ClusterRole/some", &to_group(group));
    rights(&small(&json!([role, bound])), &plan(&[], &[]))
}

#[test]
fn what_every_account_may_do_can_be_taken_as_harmless() {
    let projects =
        json!({"verbs": ["create"], "apiGroups": ["project.openshift.io"], "resources": ["projectrequests"]});
    let oneself = json!({"verbs": ["get"], "apiGroups": ["user.openshift.io"], "resources": ["users"], "resourceNames": ["~"]});
    let paths = json!({"verbs": ["get"], "nonResourceURLs": ["/", "/swaggerapi/*"]});
    // Worth nothing without a user to impersonate: it only narrows what one may do.
    let scopes = json!({"verbs": ["impersonate"], "apiGroups": ["authentication.k8s.io"],
        "resources": ["userextras/scopes.authorization.openshift.io"]});
    for rule in [projects, oneself, paths, scopes] {
        for group in ["system:authenticated", "system:serviceaccounts"] {
            let found = shared_by(group, &rule);
            assert_eq!((found.passes(), found.is_shared(), found.objection()), (false, true, None), "{rule}");
        }
    }
    assert!(nothing().is_shared());
}

#[test]
fn what_a_namespaces_group_or_a_binding_of_its_own_gives_is_not_shared() {
    let projects =
        json!({"verbs": ["create"], "apiGroups": ["project.openshift.io"], "resources": ["projectrequests"]});
    let found = shared_by("system:serviceaccounts:shop", &projects);
    assert!(!found.passes() && found.objection().unwrap().contains("not every account"), "{found:?}");
    let role = role("", "some", &json!([projects]));
    let bound = binding("", "some", "ClusterRole/some", &to_account("shop", "backup"));
    let found = rights(&small(&json!([role, bound])), &plan(&[], &[]));
    assert!(found.objection().unwrap().contains("bound to the account itself"), "{found:?}");
}

#[test]
fn pulling_a_projects_own_images_is_harmless_and_pulling_everybodys_is_not() {
    let pull = json!({"verbs": ["get"], "apiGroups": ["", "image.openshift.io"], "resources": ["imagestreams/layers"]});
    let group = to_group("system:serviceaccounts:shop");
    let in_the_project = binding("shop", "system:image-pullers", "ClusterRole/system:image-puller", &group);
    let everywhere = binding("", "system:image-pullers", "ClusterRole/system:image-puller", &group);
    let puller = role("", "system:image-puller", &json!([pull]));
    let found = rights(&small(&json!([puller, in_the_project])), &plan(&[], &[]));
    assert_eq!((found.passes(), found.objection()), (false, None), "{found:?}");
    let found = rights(&small(&json!([puller, everywhere])), &plan(&[], &[]));
    assert!(found.objection().unwrap().contains("not every account"), "{found:?}");
}

#[test]
fn a_wildcard_is_harmless_to_nobody() {
    for (verb, group, resource) in
        [("*", "x.io", "y"), ("get", "*", "y"), ("get", "x.io", "*"), ("get", "x.io", "*/z")]
    {
        let rule = json!({"verbs": [verb], "apiGroups": [group], "resources": [resource]});
        let found = shared_by("system:authenticated", &rule);
        assert!(found.objection().unwrap().contains("wildcard"), "{rule}: {found:?}");
    }
    for url in ["*", "/*", "/logs/*", "/logs/", "/debug/pprof/heap"] {
        let rule = json!({"verbs": ["get"], "nonResourceURLs": [url]});
        assert!(!shared_by("system:authenticated", &rule).is_shared(), "{url}");
    }
}

#[test]
fn what_a_scan_calls_a_risk_is_harmless_to_nobody_however_many_have_it() {
    let rbac = "rbac.authorization.k8s.io";
    for (verb, group, resource) in [
        ("get", "", "secrets"),
        ("list", "", "secrets"),
        ("watch", "", "secrets"),
        ("update", "", "secrets"),
        ("create", "", "pods"),
        ("create", "", "pods/exec"),
        ("get", "", "pods/exec"),
        ("create", "", "pods/attach"),
        ("update", "", "pods/ephemeralcontainers"),
        ("create", "", "serviceaccounts/token"),
        ("impersonate", "", "users"),
        ("impersonate", "", "serviceaccounts"),
        ("impersonate", "", "groups"),
        ("impersonate:user-info", "authentication.k8s.io", "users"),
        ("get", "", "nodes/proxy"),
        ("create", "", "nodes/proxy"),
        ("escalate", rbac, "clusterroles"),
        ("bind", rbac, "clusterroles"),
        ("create", "apps", "deployments"),
        ("create", "admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ] {
        let rule = json!({"verbs": [verb], "apiGroups": [group], "resources": [resource]});
        let found = shared_by("system:authenticated", &rule);
        assert!(!found.passes() && !found.is_shared(), "{rule}: {found:?}");
    }
}

#[test]
fn rights_that_are_a_risk_together_with_declared_ones_are_harmless_to_nobody() {
    let uids =
        json!({"verbs": ["impersonate"], "apiGroups": ["authentication.k8s.io"], "resources": ["uids"]});
    assert!(shared_by("system:authenticated", &uids).is_shared(), "a uid alone cannot be impersonated");
    let of_plan = json!({"verbs": ["impersonate"], "apiGroups": [""], "resources": ["users"], "resourceNames": ["ann"]});
    let cluster = small(&json!([
        role("", "some", &json!([uids])),
        binding("", "some", "ClusterRole/some", &to_group("system:authenticated")),
    ]));
    let declared = Right { resource_names: vec!["ann".into()], ..right(&["impersonate"], "", &["users"]) };
    let own = [
        role("", "own", &json!([of_plan])),
        binding("", "own", "ClusterRole/own", &to_account("shop", "backup")),
    ];
    let found = rights(&cluster, &plan(&[declared], &own));
    assert_eq!((found.declared.len(), found.undeclared.len()), (1, 1));
    assert!(found.objection().unwrap().contains("impersonates uids"), "{found:?}");
}
