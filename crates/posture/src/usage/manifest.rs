//! Roles and bindings as YAML that any cluster takes.

use std::fmt::Write as _;

use crate::model::{Binding, Meta, Role, Rule, Str, Subject};

const API: &str = "rbac.authorization.k8s.io";

/// A role as a document of YAML, with no `---` before or after it. An aggregated one is written with its selectors,
/// and without the rules that Kubernetes joins by them.
pub fn role_yaml(role: &Role) -> String {
    let mut text = head(role.kind(), &role.meta);
    if !role.labels.is_empty() {
        text.push_str("  labels:\n");
        for (key, value) in &role.labels {
            _ = writeln!(text, "    {}: {}", quote(key), quote(value));
        }
    }
    text.push_str("rules:\n");
    if role.rules.is_empty() {
        text.truncate(text.len() - 1);
        text.push_str(" []\n");
    }
    for rule in role.rules.iter() {
        add_rule(&mut text, rule);
    }
    text
}

fn add_rule(text: &mut String, rule: &Rule) {
    let lists = [
        ("apiGroups", &rule.groups),
        ("resources", &rule.resources),
        ("resourceNames", &rule.names),
        ("nonResourceURLs", &rule.urls),
        ("verbs", &rule.verbs),
    ];
    let mut before = "  - ";
    for (key, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        _ = writeln!(text, "{before}{key}: {}", quoted(list));
        before = "    ";
    }
}

/// A binding as a document of YAML.
pub fn binding_yaml(binding: &Binding) -> String {
    let mut text = head(binding.kind(), &binding.meta);
    let kind = if binding.role.cluster { "ClusterRole" } else { "Role" };
    _ = writeln!(text, "roleRef:\n  apiGroup: {API}\n  kind: {kind}\n  name: {}", quote(&binding.role.name));
    text.push_str(if binding.subjects.is_empty() { "subjects: []\n" } else { "subjects:\n" });
    for subject in &binding.subjects {
        _ = writeln!(text, "  - kind: {}\n    name: {}", subject.kind(), quote(subject.name()));
        match subject {
            Subject::Account { namespace, .. } => _ = writeln!(text, "    namespace: {}", quote(namespace)),
            _ => _ = writeln!(text, "    apiGroup: {API}"),
        }
    }
    text
}

fn head(kind: &str, meta: &Meta) -> String {
    let mut text = format!("apiVersion: {API}/v1\nkind: {kind}\nmetadata:\n  name: {}\n", quote(&meta.name));
    if !meta.namespace.is_empty() {
        _ = writeln!(text, "  namespace: {}", quote(&meta.namespace));
    }
    text
}

/// A JSON string, which is a YAML one too, whatever is in it.
fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn quoted(texts: &[Str]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quote(text)).collect();
    format!("[{}]", texts.join(", "))
}
