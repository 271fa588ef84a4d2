//! The dump of a real cluster, as it is and as JSON.

use std::{fs, io::Read, path::Path};

use flate2::read::GzDecoder;
use sundew_posture::{Cluster, Reader, model::WorkloadKind, read::Assume};

use super::{read, same::without_places};

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

fn yaml() -> String {
    let mut text = String::new();
    GzDecoder::new(&fixture("cluster.yaml.gz")[..]).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn all_of_it_is_read() {
    let yaml = yaml();
    let mut reader = Reader::new();
    reader.add("cluster.yaml", yaml.as_bytes(), &Assume::default()).unwrap();
    reader.add("secrets.json", &fixture("secrets-metadata.json"), &Assume::default()).unwrap();
    assert_eq!((reader.twice(), reader.others()), (0, 0));
    let cluster = reader.finish();

    let roles = |wide| cluster.roles.iter().filter(|role| role.cluster == wide).count();
    let bindings = |wide| cluster.bindings.iter().filter(|binding| binding.cluster == wide).count();
    assert_eq!((roles(true), roles(false), bindings(true), bindings(false)), (74, 9, 57, 10));
    assert_eq!((cluster.accounts.len(), cluster.namespaces.len(), cluster.nodes.len()), (58, 12, 1));
    let of = |kind| cluster.workloads.iter().filter(|workload| workload.kind == kind).count();
    let workloads = [WorkloadKind::Pod, WorkloadKind::Deployment, WorkloadKind::ReplicaSet].map(of);
    assert_eq!((workloads, cluster.workloads.len()), ([10, 8, 8], 26));
    assert_eq!(cluster.secrets.iter().filter(|secret| secret.is_token()).count(), 2);
    assert_eq!((cluster.secrets.len(), &cluster.absent[..]), (5, &[][..]));
    assert_eq!(cluster.notices, []);
    assert_eq!(cluster.version, None, "its node is one that says no version");
    let aggregated: Vec<_> = cluster.roles.iter().filter(|role| !role.aggregates.is_empty()).collect();
    assert_eq!(aggregated.iter().map(|role| &*role.meta.name).collect::<Vec<_>>(), ["admin", "edit", "view"]);
    assert!(cluster.roles.iter().filter(|role| role.cluster && role.built_in).count() > 60);

    // Each name stands in the line that its place says.
    let lines: Vec<&str> = yaml.lines().collect();
    for meta in cluster.roles.iter().map(|r| &r.meta).chain(cluster.bindings.iter().map(|b| &b.meta)) {
        assert_eq!(lines[meta.place.line as usize - 1].trim(), format!("name: {}", meta.name));
    }
}

#[test]
fn what_the_server_has_joined_already_stays_as_it_is() {
    let text = yaml();
    let cluster = read("cluster.yaml", &text);
    let list: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    for role in cluster.roles.iter().filter(|role| !role.aggregates.is_empty()) {
        let mut items = list["items"].as_array().unwrap().iter();
        let own =
            items.find(|item| item["kind"] == "ClusterRole" && item["metadata"]["name"] == *role.meta.name);
        assert_eq!(role.rules.len(), own.unwrap()["rules"].as_array().unwrap().len(), "{role}");
    }
}

#[test]
fn as_json_it_is_the_same() {
    let text = yaml();
    let list: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    let as_yaml: Cluster = without_places(read("a", &text));
    let as_json = without_places(read("a", serde_json::to_string_pretty(&list).unwrap()));
    assert_eq!(format!("{as_yaml:#?}"), format!("{as_json:#?}"));
    // And object by object, in documents of their own.
    let items = list["items"].as_array().unwrap().iter();
    let documents: Vec<String> = items.map(|item| serde_saphyr::to_string(item).unwrap()).collect();
    let apart = without_places(read("a", documents.join("---\n")));
    assert_eq!(format!("{as_yaml:#?}"), format!("{apart:#?}"));
}
