//! Drift: whether an object is still as it was made, by a digest without what the cluster changes by itself.

use aws_lc_rs::digest::{SHA256, digest as hash};
use serde_json::{Map, Value};

/// What the API server and the controllers write into an object's metadata.
const METADATA: &[&str] =
    &["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "selfLink"];
/// Annotations by the token controller, the deployment controller, the daemon set controller and OpenShift's registry.
const ANNOTATIONS: &[&str] = &[
    "kubernetes.io/service-account.uid",
    "deployment.kubernetes.io/revision",
    "deprecated.daemonset.template.generation",
    "openshift.io/internal-registry-pull-secret-ref",
];
/// Labels that tell of a token's use, and of its end: a use is no drift.
const LABELS: &[&str] = &["kubernetes.io/legacy-token-last-used", "kubernetes.io/legacy-token-invalid-since"];

/// SHA-256, in hexadecimal, of an object as it stands in the cluster, or of its `PartialObjectMetadata`. The same object
/// read in the same form gives the same digest until somebody changes it. Of Secrets only the metadata counts, in either
/// form, and no value of theirs is looked at.
pub fn digest(live: &Value) -> String {
    let mut canonical = String::new();
    write(&essence(live), &mut canonical);
    hash(&SHA256, canonical.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The object without what the cluster sets by itself.
fn essence(live: &Value) -> Value {
    let Value::Object(fields) = live else { return live.clone() };
    // An item of a list does not say its kind; of what a decoy consists of, only Secrets have a type.
    let is_secret = live["kind"] == "Secret" || (live["kind"].is_null() && live["type"].is_string());
    // Kind and version are other ones in `PartialObjectMetadata`.
    let kept = fields.iter().filter(|(key, _)| match key.as_str() {
        "apiVersion" | "kind" | "status" => false,
        "metadata" => true,
        _ => !is_secret,
    });
    let kept = kept.map(|(key, value)| {
        let value = match key.as_str() {
            "metadata" => metadata(value),
            "secrets" | "imagePullSecrets" => without_registry(value),
            "spec" => without_node(value),
            _ => value.clone(),
        };
        (key.clone(), value)
    });
    let kept = kept.filter(|(_, value)| !value.is_null());
    Value::Object(kept.collect())
}

fn metadata(value: &Value) -> Value {
    let Value::Object(fields) = value else { return value.clone() };
    let mut kept = without(fields, METADATA);
    for (key, volatile) in [("annotations", ANNOTATIONS), ("labels", LABELS)] {
        let Some(Value::Object(entries)) = kept.remove(key) else { continue };
        let entries = without(&entries, volatile);
        // None left is the same as none at all: the label of a use comes and goes.
        if !entries.is_empty() {
            kept.insert(key.into(), Value::Object(entries));
        }
    }
    Value::Object(kept)
}

/// The scheduler writes the node into a pod.
fn without_node(spec: &Value) -> Value {
    match spec {
        Value::Object(fields) => Value::Object(without(fields, &["nodeName"])),
        other => other.clone(),
    }
}

/// OpenShift gives every account the Secrets of its registry, a little later.
fn without_registry(value: &Value) -> Value {
    let Value::Array(items) = value else { return value.clone() };
    let of_registry = |item: &&Value| item["name"].as_str().is_some_and(|name| name.contains("-dockercfg-"));
    let kept: Vec<Value> = items.iter().filter(|item| !of_registry(item)).cloned().collect();
    if kept.is_empty() { Value::Null } else { Value::Array(kept) }
}

fn without(fields: &Map<String, Value>, left_out: &[&str]) -> Map<String, Value> {
    let kept = fields.iter().filter(|(key, _)| !left_out.contains(&key.as_str()));
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// JSON with the keys in order, whatever order the map keeps.
fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort();
            out.push('{');
            for key in keys {
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write(&fields[key], out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write(item, out);
                out.push(',');
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}
