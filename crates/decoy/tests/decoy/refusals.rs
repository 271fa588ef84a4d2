//! What keeps a plan from being made, and what is said then.

use serde_json::{Value, json};
use sundew_decoy::{
    Persona,
    persona::SignKind,
    plan::{Choice, PlanError},
    surroundings::Surroundings,
};

use crate::given::{changed, cluster, cluster_with, only, planned, small, thing, with_word};

fn refused(persona: &Persona, around: &Surroundings, choice: &Choice) -> PlanError {
    planned(persona, around, choice).unwrap_err()
}

/// What is said of the small persona after `change`.
fn broken(change: impl FnOnce(&mut Persona)) -> String {
    let error = refused(&changed(change), &cluster(), &Choice::default());
    assert!(matches!(error, PlanError::Broken { .. }), "{error}");
    error.to_string()
}

/// The same, with the pod of its Deployment changed.
fn broken_pod(change: impl FnOnce(&mut Value)) -> String {
    broken(|persona| change(&mut persona.objects[2].manifest["spec"]["template"]["spec"]))
}

#[test]
fn a_namespace_must_be_chosen_where_the_persona_has_none() {
    let persona = changed(|persona| persona.namespaces.clear());
    let said = refused(&persona, &cluster(), &Choice::default()).to_string();
    assert!(said.contains("--namespace"), "{said}");
}

#[test]
fn a_namespace_that_is_not_there_is_not_made() {
    let choice = Choice { namespace: Some("new".into()), ..Choice::default() };
    let error = refused(&small(), &cluster(), &choice);
    assert_eq!(error, PlanError::NamespaceMissing { namespace: "new".into() });
    let said = refused(&small(), &Surroundings::default(), &Choice::default()).to_string();
    assert!(said.starts_with("there is no namespace `tools` or `apps`"), "{said}");
}

#[test]
fn the_real_product_refuses_it_and_is_named() {
    let around = cluster_with(&small().collides);
    let said = refused(&small(), &around, &Choice::default()).to_string();
    assert!(said.contains("there is ServiceAccount elsewhere/real-x"), "{said}");
}

#[test]
fn a_name_that_is_taken_names_the_word_to_set() {
    for (kind, namespace, name, word) in [
        (SignKind::Account, "tools", "deployer", "account"),
        (SignKind::Secret, "tools", "deployer-file", "fileSecret"),
        (SignKind::Role, "", "deployer-role", "role"),
        (SignKind::Workload, "tools", "runner", "workload"),
        // Its pods would be taken for the decoy's.
        (SignKind::Workload, "tools", "runner-two", "workload"),
    ] {
        let mut around = cluster();
        around.things.push(thing(kind, namespace, name));
        let error = refused(&small(), &around, &Choice::default());
        let PlanError::Taken { object, word: said } = &error else { panic!("{error}") };
        assert!(object.ends_with(name) && said == word, "{error}");
        assert!(planned(&small(), &around, &with_word(word, "other")).is_ok(), "{name}");
    }
}

#[test]
fn words_and_placements_that_it_does_not_have_are_told_with_those_it_has() {
    let said = refused(&small(), &cluster(), &with_word("acount", "x")).to_string();
    assert!(said.contains("no word `acount`") && said.contains("account, config"), "{said}");
    let said = refused(&small(), &cluster(), &only("pot")).to_string();
    assert!(said.contains("no placement `pot`; it has pod, file, laptop"), "{said}");
    let said = refused(&small(), &cluster(), &with_word("account", "a-{nothing}")).to_string();
    assert!(said.contains("no word `nothing`"), "{said}");
}

#[test]
fn a_word_that_the_user_makes_of_itself_is_refused() {
    for value in ["{account}", "{role}"] {
        let said = refused(&small(), &cluster(), &with_word("account", value)).to_string();
        assert!(said.contains("is made of itself"), "{said}");
    }
}

#[test]
fn with_no_image_known_one_must_be_named() {
    let mut around = cluster();
    around.things.retain(|thing| thing.kind != SignKind::Workload);
    let said = refused(&small(), &around, &Choice::default()).to_string();
    assert!(said.contains("--set image=IMAGE"), "{said}");
    assert!(planned(&small(), &around, &with_word("image", "a/b:1")).is_ok());
}

#[test]
fn an_object_that_needs_a_placement_which_was_left_out_says_so() {
    let persona = changed(|persona| {
        persona.objects[4].manifest["data"]["more"] = "{secret pod}".into();
    });
    let said = refused(&persona, &cluster(), &only("file")).to_string();
    assert!(said.contains("its ConfigMap needs placement `pod` too"), "{said}");
}

#[test]
fn names_that_kubernetes_refuses_are_refused_before_it_does() {
    for (word, value) in [
        ("account", "Deployer"),
        ("account", ""),
        ("workload", "a.b"),
        ("workload", "0123456789012345678901234567890123456789012345678901234567890123"),
        ("role", "a/b"),
        ("config", "a_b"),
    ] {
        let said = refused(&small(), &cluster(), &with_word(word, value)).to_string();
        assert!(said.contains("is no name that Kubernetes accepts"), "{word}={value}: {said}");
    }
}

#[test]
fn two_placements_with_one_secret_are_refused() {
    let said = refused(&small(), &cluster(), &with_word("outsideSecret", "deployer-file")).to_string();
    assert!(said.contains("comes out twice"), "{said}");
}

#[test]
fn a_role_that_grants_more_than_the_persona_declares_is_refused() {
    let rules = |rule: Value| broken(|persona| persona.objects[0].manifest["rules"] = json!([rule]));
    for rule in [
        json!({"verbs": ["get", "post"], "nonResourceURLs": ["/version"]}),
        json!({"verbs": ["get"], "nonResourceURLs": ["/version", "/metrics"]}),
        json!({"verbs": ["get"], "nonResourceURLs": ["*"]}),
        json!({"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"]}),
    ] {
        let said = rules(rule);
        assert!(said.contains("ClusterRole `deployer-role`: rules[0] grants more"), "{said}");
    }
    assert!(rules(json!({"verbs": "get"})).contains("rules[0]"));
}

#[test]
fn a_right_on_some_names_does_not_cover_all_names() {
    let with_names = |names: Value| {
        changed(|persona| {
            persona.rights[0] = serde_json::from_value(json!({
                "verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["a", "b"]
            }))
            .unwrap();
            persona.objects[0].manifest["rules"] = json!([{
                "verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"], "resourceNames": names
            }]);
        })
    };
    assert!(planned(&with_names(json!(["b"])), &cluster(), &Choice::default()).is_ok());
    for names in [json!([]), json!(["c"])] {
        let said = refused(&with_names(names), &cluster(), &Choice::default()).to_string();
        assert!(said.contains("grants more"), "{said}");
    }
}

#[test]
fn a_role_that_grows_or_makes_others_grow_is_refused() {
    let said = broken(|persona| persona.objects[0].manifest["aggregationRule"] = json!({}));
    assert!(said.contains("can grow by itself"), "{said}");
    let said = broken(|persona| {
        persona.objects[0].manifest["metadata"]["labels"] =
            json!({"rbac.authorization.k8s.io/aggregate-to-view": "true"});
    });
    assert!(said.contains("aggregated into other roles"), "{said}");
}

#[test]
fn a_role_in_a_namespace_cannot_grant_paths() {
    let said = broken(|persona| {
        persona.objects[0].manifest["kind"] = "Role".into();
        persona.objects[1].manifest["roleRef"]["kind"] = "Role".into();
    });
    assert!(said.contains("only a ClusterRole can grant nonResourceURLs"), "{said}");
}

#[test]
fn a_binding_to_a_role_of_the_clusters_or_for_somebody_else_is_refused() {
    let said = broken(|persona| persona.objects[1].manifest["roleRef"]["name"] = "cluster-admin".into());
    assert!(said.contains("binds ClusterRole `cluster-admin`, which this plan does not make"), "{said}");
    for subjects in [
        json!([]),
        json!([{"kind": "Group", "name": "system:authenticated"}]),
        json!([{"kind": "ServiceAccount", "name": "{account}", "namespace": "shop"}]),
        json!([
            {"kind": "ServiceAccount", "name": "{account}", "namespace": "{namespace}"},
            {"kind": "User", "name": "eve"}
        ]),
    ] {
        let said = broken(|persona| persona.objects[1].manifest["subjects"] = subjects);
        assert!(said.contains("must bind ServiceAccount tools/deployer and nobody else"), "{said}");
    }
}

#[test]
fn a_pod_that_opens_its_node_or_takes_what_is_not_the_decoys_is_refused() {
    let set = |key: &str, value: Value| broken_pod(|pod| pod[key] = value);
    for (said, why) in [
        (set("automountServiceAccountToken", true.into()), "automountServiceAccountToken: false"),
        (set("automountServiceAccountToken", Value::Null), "automountServiceAccountToken: false"),
        (set("serviceAccountName", "admin".into()), "runs as `admin`"),
        (set("hostNetwork", true.into()), "`hostNetwork` opens the node"),
        (set("hostPID", true.into()), "`hostPID` opens the node"),
    ] {
        assert!(said.contains(why), "{said}");
    }
    for (volume, why) in [
        (json!({"name": "x", "hostPath": {"path": "/"}}), "volume `x`: `hostPath` lies outside"),
        (json!({"name": "x", "persistentVolumeClaim": {"claimName": "data"}}), "lies outside the decoy"),
        (json!({"name": "x", "secret": {"secretName": "real"}}), "takes Secret `real`"),
        (json!({"name": "x", "configMap": {"name": "real"}}), "takes ConfigMap `real`"),
        (
            json!({"name": "x", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}),
            "`serviceAccountToken` belongs to no placement",
        ),
        (
            json!({"name": "x", "projected": {"sources": [{"secret": {"name": "real"}}]}}),
            "takes Secret `real`",
        ),
    ] {
        let said = broken_pod(|pod| pod["volumes"].as_array_mut().unwrap().push(volume));
        assert!(said.contains(why), "{said}");
    }
    for (key, value, why) in [
        ("securityContext", json!({"privileged": true}), "a container with privileges"),
        ("securityContext", json!({"allowPrivilegeEscalation": true}), "a container with privileges"),
        ("securityContext", json!({"capabilities": {"add": ["SYS_ADMIN"]}}), "a container with privileges"),
        ("envFrom", json!([{"secretRef": {"name": "real"}}]), "takes Secret `real`"),
        ("envFrom", json!([{"configMapRef": {"name": "real"}}]), "takes ConfigMap `real`"),
        (
            "env",
            json!([{"name": "A", "valueFrom": {"secretKeyRef": {"name": "real"}}}]),
            "takes Secret `real`",
        ),
    ] {
        let said = broken_pod(|pod| pod["containers"][0][key] = value);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn a_workload_that_does_not_show_its_placements_secret_is_refused() {
    let said = broken_pod(|pod| pod["volumes"] = json!([]));
    assert!(
        said.contains("placement `pod` is mounted by `runner`, which does not mount its Secret"),
        "{said}"
    );
    let said = broken(|persona| persona.placements[0].mounted_by = Some("walker".into()));
    assert!(said.contains("which is not made"), "{said}");
}

#[test]
fn an_object_that_could_not_be_taken_away_cleanly_or_lies_elsewhere_is_refused() {
    for key in ["finalizers", "ownerReferences", "generateName", "uid"] {
        let said = broken(|persona| persona.objects[4].manifest["metadata"][key] = json!(["x"]));
        assert!(said.contains(&format!("must not set `metadata.{key}`")), "{said}");
    }
    let said = broken(|persona| persona.objects[4].manifest["metadata"]["namespace"] = "shop".into());
    assert!(said.contains("must be in namespace `tools`"), "{said}");
    let said = broken(|persona| persona.objects[0].manifest["metadata"]["namespace"] = "tools".into());
    assert!(said.contains("can have no namespace"), "{said}");
    let said = broken(|persona| persona.objects[4].manifest["kind"] = "Namespace".into());
    assert!(said.contains("a decoy can only have"), "{said}");
    let said = broken(|persona| persona.objects[4].manifest["apiVersion"] = "v2".into());
    assert!(said.contains("is no kind that a decoy can have"), "{said}");
}

#[test]
fn a_service_that_can_be_reached_from_outside_is_refused() {
    for (key, value) in
        [("type", json!("LoadBalancer")), ("type", json!("NodePort")), ("externalIPs", json!(["1.2.3.4"]))]
    {
        let said = broken(|persona| persona.objects[3].manifest["spec"][key] = value);
        assert!(said.contains("from outside the cluster"), "{said}");
    }
}

#[test]
fn secrets_and_accounts_that_belong_to_no_placement_are_refused() {
    let secret = |part: &str, kind: &str, annotation: &str| {
        json!({"part": part, "manifest": {
            "apiVersion": "v1", "kind": "Secret", "type": kind,
            "metadata": {
                "name": "{config}-x", "annotations": {"kubernetes.io/service-account.name": annotation}
            },
        }})
    };
    let token = "kubernetes.io/service-account-token";
    for (draft, why) in [
        (secret("placement", token, "{account}"), "holds a token and belongs to no placement"),
        (secret("token", "Opaque", "{account}"), "must be of type"),
        (secret("token", token, "admin"), "must name the account"),
    ] {
        let said = broken(|persona| persona.objects.push(serde_json::from_value(draft).unwrap()));
        assert!(said.contains(why), "{said}");
    }
    let account = |name: &str| {
        json!({"part": "account", "manifest": {
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}, "secrets": [{"name": "x"}],
        }})
    };
    for (name, why) in
        [("{config}", "has one account, `deployer`"), ("{account}", "must not list its `secrets`")]
    {
        let said = broken(|persona| persona.objects.push(serde_json::from_value(account(name)).unwrap()));
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn keys_that_come_out_the_same_are_refused() {
    let said = broken(|persona| {
        persona.objects[4].manifest["data"] = json!({"{workload}": "a", "runner": "b"});
    });
    assert!(said.contains("the key `runner` comes out twice"), "{said}");
}
