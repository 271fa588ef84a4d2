//! What a plan is made of.

use serde_json::{Value, json};
use sundew_decoy::{MountedBy, Part, persona::SignKind, plan::Choice};

use crate::given::{
    changed, cluster, names, of_kind, only, planned, small, small_plan, small_with, thing, with_word,
};

#[test]
fn the_account_comes_first_then_the_secrets_then_the_rest_in_the_order_of_the_file() {
    let plan = small_plan();
    let kinds: Vec<&str> = plan.objects.iter().map(|p| p.object.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "ServiceAccount",
            "Secret",
            "Secret",
            "Secret",
            "ClusterRole",
            "ClusterRoleBinding",
            "Deployment",
            "Service",
            "ConfigMap",
        ]
    );
    let parts: Vec<Part> = plan.objects.iter().map(|p| p.object.part).collect();
    assert_eq!(parts[..4], [Part::Account, Part::Token, Part::Token, Part::Token]);
    assert_eq!(parts[4..6], [Part::Rights, Part::Rights]);
    assert!(parts[6..].iter().all(|part| *part == Part::Placement));
    let objects: Vec<_> = plan.objects.iter().map(|p| p.object.clone()).collect();
    assert_eq!(plan.decoy.objects, objects);
    assert_eq!(plan.decoy.persona.as_deref(), Some("small"));
    assert_eq!((plan.decoy.state, plan.decoy.planted), (None, None));
    assert_eq!(plan.field_manager, "kubectl-create");
}

#[test]
fn the_first_namespace_of_the_persona_that_exists_is_taken_unless_one_is_chosen() {
    assert_eq!(small_plan().decoy.namespace, "tools");
    let mut around = cluster();
    around.things.retain(|thing| thing.name != "tools");
    assert_eq!(planned(&small(), &around, &Choice::default()).unwrap().decoy.namespace, "apps");
    let choice = Choice { namespace: Some("shop".into()), ..Choice::default() };
    let plan = planned(&small(), &around, &choice).unwrap();
    assert_eq!(plan.decoy.namespace, "shop");
    for planned in &plan.objects {
        let namespace = planned.manifest["metadata"]["namespace"].as_str();
        assert!(namespace == Some("shop") || planned.object.kind.starts_with("Cluster"));
    }
}

#[test]
fn where_namespaces_cannot_be_listed_the_chosen_one_is_believed() {
    let mut around = cluster();
    around.things.retain(|thing| thing.kind != SignKind::Namespace);
    around.unseen.push(("namespaces".into(), "forbidden".into()));
    let choice = Choice { namespace: Some("secret-place".into()), ..Choice::default() };
    assert_eq!(planned(&small(), &around, &choice).unwrap().decoy.namespace, "secret-place");
}

#[test]
fn words_are_filled_in_through_other_words_and_one_value_holds_everywhere() {
    let plan = planned(&small(), &cluster(), &with_word("account", "robot-{random5}")).unwrap();
    let account = plan.decoy.account.clone();
    assert!(account.starts_with("robot-") && account.len() == 11, "{account}");
    let binding = &of_kind(&plan, "ClusterRoleBinding")[0].manifest;
    assert_eq!(binding["subjects"][0]["name"], account);
    assert_eq!(binding["roleRef"]["name"], format!("{account}-role"));
    let deployment = &of_kind(&plan, "Deployment")[0].manifest["spec"]["template"]["spec"];
    assert_eq!(deployment["serviceAccountName"], account);
    let secret = plan.decoy.placements[0].secret.clone().unwrap();
    assert!(secret.starts_with(&format!("{account}-token-")), "{secret}");
    assert_eq!(deployment["volumes"][0]["secret"]["secretName"], secret);
    assert_eq!(plan.decoy.placements[0].location, Some(format!("in runner, {secret}")));
}

#[test]
fn the_clusters_name_and_a_usual_image_are_words_and_can_be_set() {
    let plan = small_plan();
    let image = |plan: &sundew_decoy::plan::Plan| {
        of_kind(plan, "Deployment")[0].manifest["spec"]["template"]["spec"]["containers"][0]["image"].clone()
    };
    let keys = |plan: &sundew_decoy::plan::Plan| {
        let data = of_kind(plan, "ConfigMap")[0].manifest["data"].as_object().unwrap().clone();
        data.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(image(&plan), "registry.example/tools:1");
    assert!(keys(&plan).contains(&"prod-eu-1.yaml".to_owned()), "{:?}", keys(&plan));
    let plan = planned(&small(), &cluster(), &with_word("image", "a/b:2")).unwrap();
    assert_eq!(image(&plan), "a/b:2");
    let plan = planned(&small(), &cluster(), &with_word("cluster", "other")).unwrap();
    assert!(keys(&plan).contains(&"other.yaml".to_owned()));
}

#[test]
fn two_plans_differ_in_what_is_random() {
    let secret = |plan: &sundew_decoy::plan::Plan| plan.decoy.placements[0].secret.clone().unwrap();
    let (one, two) = (small_plan(), small_plan());
    assert_ne!(secret(&one), secret(&two));
    assert_eq!(one.decoy.placements[1].secret, two.decoy.placements[1].secret);
}

#[test]
fn six_hexadecimal_digits_are_what_they_say() {
    let plan = planned(&small(), &cluster(), &with_word("account", "azdev-sa-{hex6}")).unwrap();
    let digits = plan.decoy.account.strip_prefix("azdev-sa-").unwrap();
    assert!(digits.len() == 6 && digits.bytes().all(|c| c.is_ascii_hexdigit()), "{digits}");
}

#[test]
fn tokens_and_kubeconfigs_stay_and_name_the_placements_that_they_wait_for() {
    let plan = small_plan();
    let config = of_kind(&plan, "ConfigMap")[0];
    assert_eq!(config.tokens, ["file"]);
    assert_eq!(config.manifest["data"]["token"], "{token file}");
    let others = plan.objects.iter().filter(|p| p.object.kind != "ConfigMap");
    assert!(others.into_iter().all(|planned| planned.tokens.is_empty()));
}

#[test]
fn a_placement_outside_has_a_secret_and_no_other_object() {
    let plan = small_plan();
    assert_eq!(plan.outside, ["laptop"]);
    let plan = planned(&small(), &cluster(), &only("laptop")).unwrap();
    assert_eq!(plan.outside, ["laptop"]);
    assert_eq!(
        names(&plan),
        [
            "ServiceAccount deployer",
            "Secret deployer-outside",
            "ClusterRole deployer-role",
            "ClusterRoleBinding deployer-role",
        ]
    );
}

#[test]
fn what_only_serves_a_placement_that_was_left_out_is_left_out_too() {
    let plan = planned(&small(), &cluster(), &only("file")).unwrap();
    assert!(of_kind(&plan, "Deployment").is_empty() && of_kind(&plan, "Service").is_empty());
    assert_eq!(of_kind(&plan, "ConfigMap").len(), 1);
    let plan = planned(&small(), &cluster(), &only("pod")).unwrap();
    assert!(of_kind(&plan, "ConfigMap").is_empty());
    assert_eq!(of_kind(&plan, "Deployment").len() + of_kind(&plan, "Service").len(), 2);
    let mounted = plan.decoy.placements[0].mounted_by.clone();
    assert_eq!(mounted, Some(MountedBy { workload: Some("runner".into()), ..MountedBy::default() }));
}

#[test]
fn a_pod_that_stands_alone_is_listed_as_a_pod() {
    let persona = changed(|persona| {
        let spec = persona.objects[2].manifest["spec"]["template"]["spec"].clone();
        persona.objects[2].manifest =
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "{workload}"}, "spec": spec});
    });
    let plan = planned(&persona, &cluster(), &Choice::default()).unwrap();
    let mounted = plan.decoy.placements[0].mounted_by.clone();
    assert_eq!(mounted, Some(MountedBy { pod: Some("runner".into()), ..MountedBy::default() }));
}

#[test]
fn an_account_and_secrets_can_be_drafted_and_say_more() {
    let drafts = r#"objects:
  - part: token
    manifest:
      apiVersion: v1
      kind: Secret
      metadata: {name: "{secret file}", labels: {team: platform}}
  - part: account
    manifest:
      apiVersion: v1
      kind: ServiceAccount
      metadata: {name: "{account}", labels: {team: platform}}
"#;
    let plan = planned(&small_with("objects:\n", drafts), &cluster(), &Choice::default()).unwrap();
    let secret = &plan.objects[2].manifest;
    assert_eq!((plan.objects.len(), of_kind(&plan, "ServiceAccount").len()), (9, 1));
    assert_eq!(plan.objects[0].manifest["metadata"]["labels"]["team"], "platform");
    assert_eq!(secret["metadata"]["labels"]["team"], "platform");
    assert_eq!(secret["type"], "kubernetes.io/service-account-token");
    assert_eq!(secret["metadata"]["annotations"]["kubernetes.io/service-account.name"], "deployer");
    assert_eq!(plan.objects[0].manifest["metadata"]["namespace"], "tools");
}

#[test]
fn a_secret_is_never_listed_in_its_account() {
    for planned in &small_plan().objects {
        assert_eq!(planned.manifest["secrets"], Value::Null);
    }
}

#[test]
fn a_workload_of_a_similar_name_elsewhere_is_no_hindrance() {
    let mut around = cluster();
    around.things.push(thing(SignKind::Workload, "tools", "runners"));
    around.things.push(thing(SignKind::Workload, "shop", "runner"));
    assert!(planned(&small(), &around, &Choice::default()).is_ok());
}
