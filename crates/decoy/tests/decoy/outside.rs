//! A further copy of a decoy's credential, for a place outside the cluster.

use sundew_decoy::{
    Decoy, Inventory, Part,
    plan::{PlanError, outside},
};

use crate::given::{random, small_plan};

fn add(decoy: &Decoy, name: &str, secret: Option<&str>) -> Result<sundew_decoy::plan::Plan, PlanError> {
    outside(decoy, name, secret, "variable KUBE_CONFIG", "kubectl-create", &mut random())
}

#[test]
fn it_is_a_further_secret_of_the_same_account_and_nothing_else() {
    let decoy = small_plan().decoy;
    let plan = add(&decoy, "ci", None).unwrap();
    assert_eq!(plan.objects.len(), 1);
    let secret = &plan.objects[0];
    assert_eq!((secret.object.kind.as_str(), secret.object.part), ("Secret", Part::Token));
    assert_eq!(secret.manifest["metadata"]["annotations"]["kubernetes.io/service-account.name"], "deployer");
    assert_eq!(secret.manifest["metadata"]["namespace"], "tools");
    assert!(secret.object.name.starts_with("deployer-token-"), "{}", secret.object.name);

    assert_eq!(plan.outside, ["ci"]);
    assert!(plan.rights.is_empty());
    let (objects, placements) = (decoy.objects.len(), decoy.placements.len());
    assert_eq!(plan.decoy.objects[..objects], decoy.objects[..]);
    assert_eq!(plan.decoy.placements[..placements], decoy.placements[..]);
    let added = &plan.decoy.placements[placements];
    assert_eq!(added.secret.as_ref(), Some(&secret.object.name));
    assert_eq!(added.location.as_deref(), Some("variable KUBE_CONFIG"));
    Inventory::of("prod", vec![plan.decoy], Vec::new()).unwrap();
}

#[test]
fn it_can_be_added_to_a_decoy_that_was_made_by_hand() {
    let decoy = Decoy::from_argument("kube-system/tiller").unwrap();
    let plan = add(&decoy, "wiki", Some("tiller-token-wiki")).unwrap();
    assert_eq!(plan.objects[0].object.name, "tiller-token-wiki");
    assert_eq!(plan.persona, "");
}

#[test]
fn names_that_are_taken_or_none_are_refused() {
    let decoy = small_plan().decoy;
    let error = add(&decoy, "laptop", None).unwrap_err();
    assert!(matches!(error, PlanError::PlacementThere { .. }), "{error}");
    let error = add(&decoy, "ci", Some("deployer-file")).unwrap_err();
    assert!(matches!(error, PlanError::Taken { .. }), "{error}");
    for (name, secret) in [("a b", None), ("ci", Some("A"))] {
        let error = add(&decoy, name, secret).unwrap_err();
        assert!(matches!(error, PlanError::Broken { .. }), "{error}");
    }
}
