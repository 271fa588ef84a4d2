//! Plans as YAML for others to apply.

use serde_json::Value;
use sundew_bait::plant::{render, render_entry};
use sundew_decoy::Inventory;

use crate::stage::plan;

#[test]
fn a_plan_is_written_as_the_documents_that_would_be_made() {
    let mut plan = plan("shop");
    plan.objects.retain(|planned| planned.tokens.is_empty());
    let text = render(&plan).unwrap();
    let read: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    assert_eq!(read, plan.objects.iter().map(|planned| planned.manifest.clone()).collect::<Vec<_>>());
    assert!(text.starts_with("# Take these lines out"), "{text}");
    assert!(text.contains("deployer-laptop"), "{text}");
}

#[test]
fn what_holds_a_token_cannot_be_written_beforehand() {
    let said = render(&plan("shop")).unwrap_err().to_string();
    assert!(said.contains("ConfigMap deploy-config") && said.contains("`ci`"), "{said}");
}

#[test]
fn the_entry_for_the_inventory_names_all_objects_and_no_uid() {
    let text = render_entry(&plan("shop")).unwrap();
    let inventory = Inventory::read(&text).unwrap();
    let decoy = &inventory.decoys[0];
    assert_eq!((decoy.objects.len(), decoy.placements.len(), decoy.state), (6, 2, None));
    assert!(!text.contains("uid"), "{text}");
}
