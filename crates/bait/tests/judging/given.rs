//! Clusters, plans and personas that the tests begin with.

use std::io::Read;

use flate2::read::GzDecoder;
use jiff::Timestamp;
use serde_json::{Value, json};
use sundew_decoy::{
    Decoy, Object, Part, Persona,
    persona::Right,
    plan::{Plan, Planned},
};
use sundew_posture::{Cluster, Reader, read::Assume};

/// The dump of a cluster of Kubernetes 1.36 with a few products in it, all of its own roles and bindings among them.
fn dump() -> Vec<u8> {
    let packed = include_bytes!("../../../posture/tests/fixtures/cluster.yaml.gz");
    let mut text = Vec::new();
    GzDecoder::new(&packed[..]).read_to_end(&mut text).unwrap();
    text
}

/// That cluster with the descriptions of its Secrets, and `more` objects.
pub(crate) fn cluster_with(more: &Value) -> Cluster {
    let mut reader = Reader::new();
    reader.add("cluster.yaml", &dump(), &Assume::default()).unwrap();
    let secrets = include_bytes!("../../../posture/tests/fixtures/secrets-metadata.json");
    reader.add("secrets.json", secrets, &Assume::default()).unwrap();
    reader.add("more.json", list(more).to_string().as_bytes(), &Assume::default()).unwrap();
    reader.finish()
}

pub(crate) fn cluster() -> Cluster {
    cluster_with(&json!([]))
}

/// A cluster of these objects alone, all of whose lists could be read.
pub(crate) fn small(items: &Value) -> Cluster {
    let mut reader = Reader::new();
    reader.add("small.json", list(items).to_string().as_bytes(), &Assume::default()).unwrap();
    let mut cluster = reader.finish();
    cluster.absent.clear();
    cluster
}

fn list(items: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A plan for `shop/backup` that makes these objects and declares these rights.
pub(crate) fn plan(rights: &[Right], manifests: &[Value]) -> Plan {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "backup", "namespace": "shop"}});
    let planned = |manifest: &Value| {
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let kind = text("/kind").unwrap();
        let object = Object {
            api_version: text("/apiVersion").unwrap_or_default(),
            part: if kind == "ServiceAccount" { Part::Account } else { Part::Rights },
            kind,
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name").unwrap(),
            uid: None,
            digest: None,
        };
        Planned { object, manifest: manifest.clone(), tokens: Vec::new() }
    };
    Plan {
        persona: "backup".into(),
        field_manager: "kubectl-create".into(),
        rights: rights.to_vec(),
        objects: [&account].into_iter().chain(manifests).map(planned).collect(),
        decoy: Decoy::from_argument("shop/backup").unwrap(),
        outside: Vec::new(),
    }
}

pub(crate) fn right(verbs: &[&str], group: &str, resources: &[&str]) -> Right {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Right {
        verbs: owned(verbs),
        api_groups: vec![group.into()],
        resources: owned(resources),
        resource_names: Vec::new(),
        non_resource_urls: Vec::new(),
    }
}

/// A Role or, with no namespace, a ClusterRole.
pub(crate) fn role(namespace: &str, name: &str, rules: &Value) -> Value {
    let kind = if namespace.is_empty() { "ClusterRole" } else { "Role" };
    rbac(kind, namespace, name, "rules", rules)
}

/// A RoleBinding or, with no namespace, a ClusterRoleBinding, of a role as `ClusterRole/view` to one subject.
pub(crate) fn binding(namespace: &str, name: &str, role: &str, subject: &Value) -> Value {
    let kind = if namespace.is_empty() { "ClusterRoleBinding" } else { "RoleBinding" };
    let mut binding = rbac(kind, namespace, name, "subjects", &json!([subject]));
    let (kind, name) = role.split_once('/').unwrap();
    binding["roleRef"] = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name});
    binding
}

fn rbac(kind: &str, namespace: &str, name: &str, field: &str, value: &Value) -> Value {
    let mut object = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
        "metadata": {"name": name}, field: value});
    if !namespace.is_empty() {
        object["metadata"]["namespace"] = namespace.into();
    }
    object
}

pub(crate) fn to_group(name: &str) -> Value {
    json!({"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": name})
}

pub(crate) fn to_account(namespace: &str, name: &str) -> Value {
    json!({"kind": "ServiceAccount", "namespace": namespace, "name": name})
}

/// A persona with nothing that speaks for or against it.
pub(crate) fn persona(id: &str) -> Persona {
    let text = format!(
        "{{version: 1, id: {id}, title: a story, tempts: much, wary: [a], believable: [b], avoid: [c], \
         words: {{account: {id}}}, \
         placements: [{{name: secret, secret: '{{account}}-token-{{random5}}', location: in the namespace}}]}}"
    );
    Persona::read(&text).unwrap()
}
