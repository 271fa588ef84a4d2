//! The printed role and what is collected are the same.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use serde_json::Value;
use sundew_cluster::{CollectorRole, RESOURCES};

/// The rules of the printed ClusterRole as (group, resource, verb).
fn granted(role: &CollectorRole) -> BTreeSet<(String, String, String)> {
    let objects: Vec<Value> = serde_saphyr::from_multiple(&role.yaml().unwrap()).unwrap();
    let [account, cluster_role, binding] = objects.try_into().unwrap();
    assert_eq!(account["kind"], "ServiceAccount");
    assert_eq!(binding["roleRef"]["name"], cluster_role["metadata"]["name"]);
    assert_eq!(binding["subjects"][0]["name"], account["metadata"]["name"]);
    assert_eq!(binding["subjects"][0]["namespace"], account["metadata"]["namespace"]);
    let texts = |value: &Value| {
        value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut granted = BTreeSet::new();
    for rule in cluster_role["rules"].as_array().unwrap() {
        assert_eq!(rule.as_object().unwrap().len(), 3, "{rule}");
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                for verb in texts(&rule["verbs"]) {
                    granted.insert((group.clone(), resource.clone(), verb));
                }
            }
        }
    }
    granted
}

fn of_table(secrets: bool) -> BTreeSet<(String, String, String)> {
    let wanted = RESOURCES.iter().filter(|resource| secrets || resource.name != "secrets");
    wanted.map(|resource| (resource.group.into(), resource.name.into(), "list".into())).collect()
}

#[test]
fn the_role_grants_list_on_what_is_collected_and_nothing_else() {
    let granted = granted(&CollectorRole::default());
    assert_eq!(granted, of_table(true));
    assert_eq!(granted.len(), 22);
}

#[test]
fn without_secrets_the_role_does_not_name_them() {
    let role = CollectorRole { secrets: false, ..CollectorRole::default() };
    assert_eq!(granted(&role), of_table(false));
    assert!(!role.yaml().unwrap().contains("secrets"));
}
