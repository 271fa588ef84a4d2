//! Lists of objects, written one object at a time.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value, ser::PrettyFormatter};

/// How lists are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As `kubectl get -o json`.
    Kubectl,
    /// As `kubectl get -o yaml`.
    Yaml,
    /// As the API server answers: one line, a list of its own kind, items without kind and apiVersion.
    Server,
}

/// Where the lists go.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) form: Form,
}

/// One file.
pub(crate) struct List {
    out: BufWriter<File>,
    form: Form,
    empty: bool,
    text: Vec<u8>,
}

impl Folder {
    /// Begins the list of `kind`, of the API `version` (such as `apps/v1`), in the file `resource`.
    pub(crate) fn list(&self, resource: &str, version: &str, kind: &str) -> io::Result<List> {
        let ending = if self.form == Form::Yaml { "yaml" } else { "json" };
        let file = File::create(self.path.join(format!("{resource}.{ending}")))?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        match self.form {
            Form::Kubectl => out.write_all(b"{\n    \"apiVersion\": \"v1\",\n    \"items\": [")?,
            Form::Yaml => out.write_all(b"apiVersion: v1\nitems:")?,
            Form::Server => write!(
                out,
                r#"{{"kind":"{kind}List","apiVersion":"{version}","metadata":{{"resourceVersion":"903381742"}},"items":["#
            )?,
        }
        Ok(List { out, form: self.form, empty: true, text: Vec::new() })
    }
}

impl List {
    /// Adds one object.
    pub(crate) fn push(&mut self, object: &Value) -> io::Result<()> {
        let first = std::mem::replace(&mut self.empty, false);
        match self.form {
            Form::Kubectl => {
                self.out.write_all(if first { b"\n        " } else { b",\n        " })?;
                self.pretty(object)
            }
            Form::Yaml => {
                self.out.write_all(if first { b"\n- " } else { b"- " })?;
                let mut text = String::new();
                yaml(&mut text, object, 2);
                self.out.write_all(text.as_bytes())
            }
            Form::Server => {
                if !first {
                    self.out.write_all(b",")?;
                }
                Ok(serde_json::to_writer(&mut self.out, &Ordered(object, true))?)
            }
        }
    }

    /// Ends the list.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let (none, end): (&[u8], &[u8]) = match self.form {
            Form::Kubectl => (
                b"",
                b"],\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": \"\"\n    }\n}\n",
            ),
            Form::Yaml => (b" []\n", b"kind: List\nmetadata:\n  resourceVersion: \"\"\n"),
            Form::Server => (b"", b"]}\n"),
        };
        if self.empty {
            self.out.write_all(none)?;
        } else if self.form == Form::Kubectl {
            self.out.write_all(b"\n    ")?;
        }
        self.out.write_all(end)?;
        self.out.flush()
    }

    /// The object with an indentation of four, as deep as an item stands. No string in JSON has a line break.
    fn pretty(&mut self, object: &Value) -> io::Result<()> {
        self.text.clear();
        let pretty = PrettyFormatter::with_indent(b"    ");
        object.serialize(&mut serde_json::Serializer::with_formatter(&mut self.text, pretty))?;
        for (number, line) in self.text.split(|byte| *byte == b'\n').enumerate() {
            if number > 0 {
                self.out.write_all(b"\n        ")?;
            }
            self.out.write_all(line)?;
        }
        Ok(())
    }
}

/// The fields of the API's types in the order in which Go declares them, which is the order on the wire. Others, such
/// as labels, are sorted.
const ORDER: &[&str] = &[
    "metadata",
    "apiVersion",
    "kind",
    "verbs",
    "apiGroup",
    "apiGroups",
    "resources",
    "resourceNames",
    "nonResourceURLs",
    "rules",
    "subjects",
    "roleRef",
    "aggregationRule",
    "type",
    "name",
    "generateName",
    "image",
    "command",
    "args",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "controller",
    "blockOwnerDeletion",
    "key",
    "operator",
    "effect",
    "spec",
    "replicas",
    "selector",
    "template",
    "volumes",
    "initContainers",
    "containers",
    "ports",
    "envFrom",
    "env",
    "volumeMounts",
    "livenessProbe",
    "readinessProbe",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "imagePullPolicy",
    "securityContext",
    "restartPolicy",
    "terminationGracePeriodSeconds",
    "dnsPolicy",
    "nodeSelector",
    "serviceAccountName",
    "serviceAccount",
    "automountServiceAccountToken",
    "nodeName",
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "imagePullSecrets",
    "schedulerName",
    "tolerations",
    "priorityClassName",
    "priority",
    "enableServiceLinks",
    "preemptionPolicy",
    "status",
    "phase",
    "conditions",
    "lastProbeTime",
    "lastTransitionTime",
    "hostIP",
    "hostIPs",
    "podIP",
    "podIPs",
    "startTime",
    "initContainerStatuses",
    "containerStatuses",
];

/// A value whose fields are written in the order of the wire; at the top without apiVersion and kind.
struct Ordered<'a>(&'a Value, bool);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                let mut sorted: Vec<_> = fields
                    .iter()
                    .filter(|(key, _)| !self.1 || !matches!(key.as_str(), "apiVersion" | "kind"))
                    .map(|(key, value)| (rank(key), key, value))
                    .collect();
                sorted.sort_by(|left, right| (left.0, left.1).cmp(&(right.0, right.1)));
                let mut map = out.serialize_map(Some(sorted.len()))?;
                for (_, key, value) in sorted {
                    map.serialize_entry(key, &Ordered(value, false))?;
                }
                map.end()
            }
            Value::Array(items) => out.collect_seq(items.iter().map(|item| Ordered(item, false))),
            other => other.serialize(out),
        }
    }
}

fn rank(key: &str) -> usize {
    ORDER.iter().position(|known| *known == key).unwrap_or(ORDER.len())
}

/// Writes what follows `- ` or stands at `indent` already, to the end of its last line.
fn yaml(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => fields_yaml(out, fields, indent),
        _ => scalar(out, value),
    }
}

fn fields_yaml(out: &mut String, fields: &Map<String, Value>, indent: usize) {
    for (number, (key, value)) in fields.iter().enumerate() {
        if number > 0 {
            out.push_str(&" ".repeat(indent));
        }
        word(out, key);
        out.push(':');
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                out.push('\n');
                out.push_str(&" ".repeat(indent + 2));
                fields_yaml(out, inner, indent + 2);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                for item in items {
                    out.push_str(&" ".repeat(indent));
                    out.push_str("- ");
                    yaml(out, item, indent + 2);
                }
            }
            _ => {
                out.push(' ');
                scalar(out, value);
            }
        }
    }
}

fn scalar(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => word(out, text),
        other => out.push_str(&other.to_string()),
    }
    out.push('\n');
}

/// A text, in quotes unless it can only be read as a text. JSON's quotes are among YAML's.
fn word(out: &mut String, text: &str) {
    const TAKEN: [&str; 8] = ["true", "false", "null", "yes", "no", "on", "off", "y"];
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./@".contains(&byte))
        && text != "n"
        && !TAKEN.iter().any(|taken| taken.eq_ignore_ascii_case(text));
    if plain {
        out.push_str(text);
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}
