//! Every persona that comes with the program.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;
use sundew_decoy::{
    Inventory, Persona,
    persona::{Right, built_in},
    plan::{Choice, Plan, PlanError},
    stealth::{self, Verdict},
};

use crate::given::{cluster_with, fitting, of_kind, planned};

fn each(mut look: impl FnMut(&Persona, &Plan)) {
    for persona in built_in() {
        let plan = planned(persona, &fitting(persona), &Choice::default());
        look(persona, &plan.unwrap_or_else(|error| panic!("{error}")));
    }
}

#[test]
fn there_is_one_for_each_story_that_was_promised() {
    let ids: BTreeSet<&str> = built_in().iter().map(|persona| persona.id.as_str()).collect();
    for id in [
        "tiller",
        "backup",
        "argocd-manager",
        "dashboard-admin",
        "vault-reviewer",
        "monitoring",
        "kubeconfig",
    ] {
        assert!(ids.contains(id), "{id}");
    }
    assert_eq!(ids.iter().filter(|id| id.starts_with("ci-deployer-")).count(), 4);
}

#[test]
fn its_objects_are_whole_and_in_the_order_of_making() {
    each(|persona, plan| {
        let id = &persona.id;
        assert_eq!(plan.objects[0].object.kind, "ServiceAccount", "{id}");
        let secrets = plan.decoy.placements.len();
        let next = plan.objects[1..=secrets].iter();
        assert!(next.clone().all(|p| p.manifest["type"] == "kubernetes.io/service-account-token"), "{id}");
        for planned in &plan.objects {
            let (object, manifest) = (&planned.object, &planned.manifest);
            assert_eq!(manifest["apiVersion"], object.api_version.as_str(), "{id}");
            assert_eq!(manifest["kind"], object.kind.as_str(), "{id}");
            assert_eq!(manifest["metadata"]["name"], object.name.as_str(), "{id}");
            assert_eq!(manifest["metadata"]["namespace"].as_str(), object.namespace.as_deref(), "{id}");
            assert_eq!(object.namespace.is_none(), object.kind.starts_with("Cluster"), "{id}");
            assert!(object.uid.is_none() && object.digest.is_none(), "{id}");
        }
        let decoys = vec![plan.decoy.clone()];
        let inventory = Inventory::of("prod", decoys, Vec::new()).unwrap();
        let text = serde_json::to_string(&inventory).unwrap();
        assert_eq!(Inventory::read(&text).unwrap(), inventory, "{id}");
    });
}

#[test]
fn what_one_object_says_of_another_is_so() {
    each(|persona, plan| {
        let id = &persona.id;
        let account = plan.decoy.account.as_str();
        let secrets: BTreeSet<&str> =
            of_kind(plan, "Secret").iter().map(|p| p.object.name.as_str()).collect();
        let listed: BTreeSet<&str> =
            plan.decoy.placements.iter().filter_map(|p| p.secret.as_deref()).collect();
        assert_eq!(secrets, listed, "{id}");
        for secret in of_kind(plan, "Secret") {
            let annotations = &secret.manifest["metadata"]["annotations"];
            assert_eq!(annotations["kubernetes.io/service-account.name"], account, "{id}");
        }
        for binding in of_kind(plan, "ClusterRoleBinding") {
            let roles = of_kind(plan, "ClusterRole");
            assert!(roles.iter().any(|role| binding.manifest["roleRef"]["name"] == role.object.name), "{id}");
            assert_eq!(binding.manifest["subjects"][0]["name"], account, "{id}");
            assert_eq!(binding.manifest["subjects"][0]["namespace"], plan.decoy.namespace, "{id}");
        }
        for kind in ["Deployment", "DaemonSet"] {
            for workload in of_kind(plan, kind) {
                let spec = &workload.manifest["spec"];
                let pod = &spec["template"]["spec"];
                assert_eq!(spec["selector"]["matchLabels"], spec["template"]["metadata"]["labels"], "{id}");
                assert_eq!(pod["serviceAccountName"], account, "{id}");
                assert_eq!(pod["automountServiceAccountToken"], false, "{id}");
                let volumes = pod["volumes"].as_array().unwrap();
                let secret =
                    volumes.iter().find_map(|volume| volume["secret"]["secretName"].as_str()).unwrap();
                let name = Some(workload.object.name.clone());
                let of =
                    |p: &&sundew_decoy::Placement| p.mounted_by.as_ref().is_some_and(|m| m.workload == name);
                let placement = plan.decoy.placements.iter().find(of).unwrap();
                assert_eq!(placement.secret.as_deref(), Some(secret), "{id}");
                let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
                for mount in mounts {
                    assert!(volumes.iter().any(|volume| volume["name"] == mount["name"]), "{id}: {mount}");
                }
            }
        }
    });
}

#[test]
fn the_rights_that_it_declares_are_those_of_its_roles_and_harmless() {
    each(|persona, plan| {
        let mut granted: Vec<Right> = Vec::new();
        for role in of_kind(plan, "ClusterRole").into_iter().chain(of_kind(plan, "Role")) {
            let rules: Vec<Right> = serde_json::from_value(role.manifest["rules"].clone()).unwrap();
            granted.extend(rules);
        }
        assert_eq!(granted, plan.rights, "{}", persona.id);
        for right in granted {
            assert!(right.resources.is_empty() && right.verbs == ["get"], "{}", persona.id);
            // Everybody who is logged in may read these (ClusterRole system:public-info-viewer).
            let harmless = |url: &String| ["/version", "/healthz"].contains(&url.as_str());
            assert!(right.non_resource_urls.iter().all(harmless), "{}", persona.id);
        }
    });
}

#[test]
fn no_point_of_the_stealth_check_refuses_it() {
    for persona in built_in() {
        let around = fitting(persona);
        let plan = planned(persona, &around, &Choice::default()).unwrap();
        for check in stealth::check(&plan, &around) {
            assert_ne!(check.verdict, Verdict::Refused, "{}: {}: {}", persona.id, check.point, check.found);
        }
    }
}

#[test]
fn each_sign_of_the_real_product_refuses_it() {
    for persona in built_in() {
        for sign in &persona.collides {
            let mut around = cluster_with(std::slice::from_ref(sign));
            around.things.extend(fitting(persona).things);
            let error = planned(persona, &around, &Choice::default()).unwrap_err();
            assert!(matches!(error, PlanError::Collides { .. }), "{}: {error}", persona.id);
        }
    }
}

#[test]
fn each_of_its_placements_can_be_planted_alone() {
    for persona in built_in() {
        for placement in &persona.placements {
            let choice = Choice { placements: vec![placement.name.clone()], ..Choice::default() };
            let plan = planned(persona, &fitting(persona), &choice).unwrap();
            assert_eq!(plan.decoy.placements.len(), 1, "{}", persona.id);
            assert_eq!(of_kind(&plan, "Secret").len(), 1, "{}", persona.id);
        }
    }
}

#[test]
fn a_pods_of_it_can_run_where_the_restricted_standard_is_enforced() {
    for id in ["backup", "monitoring"] {
        let persona = built_in().iter().find(|persona| persona.id == id).unwrap();
        let plan = planned(persona, &fitting(persona), &Choice::default()).unwrap();
        let workload = plan.objects.iter().find(|p| !p.manifest["spec"]["template"].is_null()).unwrap();
        let pod = &workload.manifest["spec"]["template"]["spec"];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{id}");
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{id}");
        let container = &pod["containers"][0]["securityContext"];
        assert_eq!(container["allowPrivilegeEscalation"], false, "{id}");
        assert_eq!(container["capabilities"]["drop"][0], "ALL", "{id}");
    }
}

/// Every `{word}` that still stands in a value.
fn left(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            for part in text.split('{').skip(1) {
                found.extend(part.split_once('}').map(|(word, _)| word.to_owned()));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| left(item, found)),
        Value::Object(fields) => fields.iter().for_each(|(key, item)| {
            left(&Value::from(key.as_str()), found);
            left(item, found);
        }),
        _ => {}
    }
}

proptest! {
    #[test]
    fn no_word_is_left_but_tokens_and_kubeconfigs_whatever_the_cluster_is_called(
        cluster in "\\PC{0,40}",
        namespace in "[a-z]([a-z0-9-]{0,20}[a-z0-9])?",
        which in 0..built_in().len(),
    ) {
        let persona = &built_in()[which];
        let mut around = fitting(persona);
        around.cluster = cluster;
        around.things.push(crate::given::thing(sundew_decoy::persona::SignKind::Namespace, "", &namespace));
        let choice = Choice { namespace: Some(namespace.clone()), ..Choice::default() };
        let plan = planned(persona, &around, &choice).unwrap();
        prop_assert_eq!(&plan.decoy.namespace, &namespace);
        for planned in &plan.objects {
            let mut found = Vec::new();
            left(&planned.manifest, &mut found);
            let names: BTreeSet<String> = planned.tokens.iter().cloned().collect();
            let of: BTreeSet<String> = found
                .iter()
                .map(|word| word.trim_start_matches("token ").trim_start_matches("kubeconfig ").to_owned())
                .collect();
            prop_assert_eq!(names, of);
        }
        for placement in &plan.decoy.placements {
            let location = placement.location.as_ref().unwrap();
            prop_assert_eq!(location.find('{'), None);
        }
    }
}
