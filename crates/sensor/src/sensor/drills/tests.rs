//! Whose turn it is, and when.

use super::*;

const INVENTORY: &str = "
version: 1
cluster: prod
decoys:
- {namespace: kube-system, account: tiller, state: planted, placements: [{secret: tiller-token}]}
- namespace: honeypot
  account: backup-sa
  placements: [{secret: one}, {name: ci, credentialId: JTI=4c1e6c0a-7d0f-4f0e-8d1c-0d8c6f1f2a33}, {name: laptop, secret: two}]
- {namespace: honeypot, account: half-made, state: planting, placements: [{secret: three}]}
- {namespace: honeypot, account: going, state: removing, placements: [{secret: four}]}
- {cluster: other, namespace: ops, account: deployer, placements: [{secret: five}]}
";

fn plan() -> Plan {
    Plan {
        drill: None,
        inventory: Arc::new(Inventory::read(INVENTORY).unwrap()),
        ways: [("prod".to_owned(), Way::default())].into(),
        sinks: Vec::new(),
        store: PathBuf::new(),
    }
}

fn turns(placements: &[&str], count: usize) -> Vec<String> {
    let placements = placements.iter().map(|p| (*p).to_owned()).collect();
    let drill = DrillConfig {
        every: jiff::SignedDuration::from_hours(24),
        placements,
        patience: Duration::from_secs(1),
    };
    let shown = |t: Turn| format!("{} {} {} {}", t.cluster, t.decoy, t.placement, t.client.name());
    (0..count).filter_map(|number| turn(&drill, &plan(), number)).map(shown).collect()
}

#[test]
fn every_placement_has_its_turn_before_the_client_changes() {
    let all = [
        "prod kube-system/tiller tiller-token kubectl",
        "prod honeypot/backup-sa one kubectl",
        "prod honeypot/backup-sa laptop kubectl",
        "prod kube-system/tiller tiller-token curl",
    ];
    assert_eq!(turns(&[], 4), all);
}

#[test]
fn only_placements_that_are_named_and_can_be_used_have_one() {
    assert_eq!(
        turns(&["laptop", "ci"], 2),
        ["prod honeypot/backup-sa laptop kubectl", "prod honeypot/backup-sa laptop curl"]
    );
    assert!(turns(&["ci", "five", "three", "four"], 3).is_empty());
    assert_eq!(turns(&["tiller-token"], 4).last().unwrap(), "prod kube-system/tiller tiller-token kubectl");
}

#[test]
fn a_placement_that_is_misspelt_is_named_beside_those_that_there_are() {
    let drill = |placements: &[&str]| DrillConfig {
        every: jiff::SignedDuration::from_hours(24),
        placements: placements.iter().map(|p| (*p).to_owned()).collect(),
        patience: Duration::from_secs(1),
    };
    let said = |placements: &[&str]| misnamed(&drill(placements), &plan());
    assert_eq!(said(&[]), None);
    assert_eq!(said(&["one", "laptop"]), None);
    let wrong = said(&["one", "lapdog", "three"]).unwrap();
    assert!(wrong.contains("names lapdog, three, and no"), "{wrong}");
    assert!(wrong.ends_with("there are: tiller-token, one, laptop"), "{wrong}");
}

#[test]
fn that_no_decoy_stands_any_more_is_said() {
    let mut plan = plan();
    let mut inventory = Inventory::clone(&plan.inventory);
    for decoy in &mut inventory.decoys {
        decoy.state = Some(sundew_decoy::State::Tombstoned);
    }
    plan.inventory = Arc::new(inventory);
    let drill = DrillConfig {
        every: jiff::SignedDuration::from_hours(24),
        placements: Vec::new(),
        patience: Duration::from_secs(1),
    };
    assert!(turn(&drill, &plan, 0).is_none());
    assert!(
        none_because(&drill, &plan).starts_with("0 of 5 decoys stand"),
        "{}",
        none_because(&drill, &plan)
    );
}
