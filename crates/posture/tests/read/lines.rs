//! Each object knows the line in which its name stands.

use sundew_posture::Cluster;

use super::{notices, read};

fn places(cluster: &Cluster) -> Vec<String> {
    let roles = cluster.roles.iter().map(|role| &role.meta);
    let accounts = cluster.accounts.iter().map(|account| &account.meta);
    let metas = roles.chain(accounts).chain(cluster.bindings.iter().map(|binding| &binding.meta));
    metas.map(|meta| format!("{meta} {}", cluster.place(meta.place))).collect()
}

#[test]
fn in_yaml_whatever_the_name_is_written_in() {
    let text = "# a comment: ünïcödé\nkind: List\nitems:\n- kind: Role\n  metadata:\n    name: plain\n    \
        namespace: x\n- kind: Role\n  metadata: {namespace: x,\n    name: 'single'}\n- kind: Role\n  metadata:\n    \
        namespace: x\n    name:\n      \"double\"\n---\nkind: ServiceAccount\nmetadata:\n  name: next # a comment\n  \
        namespace: x\n";
    let expected = ["x/plain a.yaml:6", "x/single a.yaml:10", "x/double a.yaml:15", "x/next a.yaml:19"];
    assert_eq!(places(&read("a.yaml", text)), expected);
    assert_eq!(places(&read("a.yaml", text.replace('\n', "\r\n"))), expected);
    assert_eq!(places(&read("a.yaml", format!("\u{feff}{text}"))), expected);
}

#[test]
fn in_json() {
    let text = "{\"kind\": \"List\",\n \"items\": [\n  {\"kind\": \"Role\", \"metadata\":\n   {\"name\": \"a\", \
        \"namespace\": \"x\"}},\n  {\"metadata\": {\"namespace\": \"x\",\n   \"name\": \"b\"}, \"kind\": \"Role\"}]}\n\
        {\"kind\": \"ServiceAccount\",\n \"metadata\": {\"name\": \"c\",\"namespace\":\"x\"}}\n";
    assert_eq!(places(&read("a.json", text)), ["x/a a.json:4", "x/b a.json:6", "x/c a.json:8"]);
}

#[test]
fn near_to_a_name_that_has_escapes_in_it() {
    let text = "{\"kind\": \"ClusterRole\",\n \"metadata\": {\"name\": \"a\\u0026b\",\n  \
        \"creationTimestamp\": \"2026-11-20T22:12:37Z\"}}";
    assert_eq!(places(&read("a.json", text)), ["a&b a.json:3"]);
}

#[test]
fn also_beside_an_object_that_cannot_be_read() {
    let yaml = "kind: List\nitems:\n- kind: Role\n  metadata:\n    labels: {name: a}\n    name: a\n    namespace: x\n\
        - kind: Role\n  metadata:\n    name: b\n    namespace: x\n  rules: everything\n- kind: ServiceAccount\n  \
        metadata:\n    name: c\n    namespace: x\n";
    let cluster = read("a.yaml", yaml);
    // The first line in the object that names it so is taken, be it that of a label.
    assert_eq!(places(&cluster), ["x/a a.yaml:5", "x/c a.yaml:15"]);
    let expected =
        "Role x/b is left out, and not taken as safe: `rules`: invalid type: a string, expected a sequence";
    assert_eq!(notices(&cluster), [format!("a.yaml:10 {expected}")]);

    let json = "{\"kind\": \"List\", \"items\": [\n{\"kind\": \"Role\", \"metadata\": {\"name\": \"a\", \
        \"namespace\": \"x\"}},\n{\"kind\": \"Role\",\n \"metadata\": {\"name\": \"b\", \"namespace\": \"x\"},\n \
        \"rules\": \"everything\"},\n{\"kind\": \"ServiceAccount\",\n \"metadata\": {\"name\": \"c\", \
        \"namespace\": \"x\"}}]}";
    let cluster = read("a.json", json);
    assert_eq!(places(&cluster), ["x/a a.json:2", "x/c a.json:7"]);
    assert_eq!(notices(&cluster), [format!("a.json:4 {expected}")]);
}

#[test]
fn in_a_file_whose_path_is_one_of_windows() {
    let cluster = read(r"C:\dumps\all.yaml", "kind: ClusterRole\nmetadata:\n  name: a\n");
    assert_eq!(places(&cluster), [r"a C:\dumps\all.yaml:3"]);
}
