//! The personas that come with the program.

use std::collections::BTreeSet;

use serde_json::Value;
use sundew_bait::{
    gate::{in_words, rights},
    search::{Remembered, search},
};
use sundew_decoy::{
    Decoy, Persona,
    persona::{SignKind, built_in},
    plan::{Choice, Plan, plan},
    surroundings::{Surroundings, Thing},
};

use crate::given::{cluster, cluster_with, time};

/// The persona as it is planned where it belongs.
fn planned(persona: &Persona) -> Plan {
    let namespace = persona.namespaces.first().cloned().unwrap_or_else(|| "kube-system".into());
    let thing = |kind, namespace: &str, name: &str| Thing {
        kind,
        namespace: namespace.into(),
        name: name.into(),
        created: None,
        images: vec!["registry.example/app:1".into()],
    };
    let things =
        vec![thing(SignKind::Namespace, "", &namespace), thing(SignKind::Workload, &namespace, "app")];
    let now = time("2026-11-21T12:00:00Z");
    let around = Surroundings { cluster: "prod".into(), now, things, unseen: Vec::new() };
    let mut calls = 0;
    let mut random = |letters: usize| {
        calls += 1;
        format!("{calls:0letters$}")
    };
    let choice = Choice { namespace: Some(namespace), ..Choice::default() };
    plan(persona, &around, &choice, &mut random).unwrap()
}

#[test]
fn every_one_passes_the_gate_in_a_cluster_as_kubernetes_makes_it() {
    assert!(built_in().len() > 1);
    let cluster = cluster();
    for persona in built_in() {
        let found = rights(&cluster, &planned(persona));
        assert!(found.passes() && found.unread.is_empty(), "{}: {:#?}", persona.id, in_words(&found));
    }
}

#[test]
fn every_one_is_found_again_with_its_placements_after_its_inventory_was_lost() {
    for persona in built_in() {
        let plan = planned(persona);
        let made: Vec<Value> = plan.objects.iter().map(|planned| planned.manifest.clone()).collect();
        let mut cluster = cluster_with(&made.into());
        // The dump holds bait itself.
        cluster.secrets.retain(|secret| secret.meta.created.is_none());
        let (namespace, account) = (&plan.decoy.namespace, &plan.decoy.account);
        let found = search(&cluster, built_in(), &Remembered::default());
        let first = &found.first().unwrap_or_else(|| panic!("{} is not found", persona.id)).decoy;
        assert_eq!((&first.namespace, &first.account), (namespace, account));
        assert_eq!(first.persona.as_deref(), Some(persona.id.as_str()));
        let secrets = |decoy: &Decoy| {
            decoy.placements.iter().filter_map(|placement| placement.secret.clone()).collect::<BTreeSet<_>>()
        };
        assert_eq!(secrets(first), secrets(&plan.decoy), "{}", persona.id);
        for placement in &first.placements {
            let planned = plan.decoy.placements.iter().find(|of| of.secret == placement.secret).unwrap();
            assert!(
                placement.name.is_none() || placement.name == planned.name,
                "{}: {placement:?}",
                persona.id
            );
        }
        let mounts = |decoy: &Decoy| {
            let mut by: Vec<_> = decoy.placements.iter().filter_map(|p| p.mounted_by.clone()).collect();
            by.iter_mut().for_each(|by| by.nodes.clear());
            by
        };
        assert_eq!(mounts(first), mounts(&plan.decoy), "{}", persona.id);
    }
}
