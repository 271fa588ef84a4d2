//! Reads a policy as the API server does, and says what that would not take, what it would ignore, and on which line.
//!
//! What the API server does with each of these was tried on v1.36.2 (`tests/real_policies.rs` does it again); its
//! code is `apiserver/pkg/audit/policy/reader.go` and `apiserver/pkg/apis/audit/validation/validation.go`.

mod fields;
pub(crate) mod node;
mod rule;

use std::cell::RefCell;

use thiserror::Error;

use crate::{
    lint::{Remark, Weight},
    model::Policy,
};
use fields::Fields;
use node::{Node, Value, Wrong};

/// The largest policy that is read, in bytes. What the API server is given is a few thousand.
pub const MAX_BYTES: usize = 4 << 20;

/// The version that the API server reads since 1.24.
const VERSION: &str = "audit.k8s.io/v1";

/// A policy that the API server starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The policy, each rule with its line.
    pub policy: Policy,
    /// What the API server ignores.
    pub remarks: Vec<Remark>,
}

/// Why a text is no policy that an API server starts with.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// It was not looked at.
    #[error("{name}: {bytes} bytes are more than an audit policy has: the most that is read is {MAX_BYTES}")]
    TooLarge {
        /// The input.
        name: String,
        /// Its size.
        bytes: usize,
    },
    /// It was to be an API server's flags, and is not.
    #[error("{name}: no flags of an API server: {problem}")]
    NoFlags {
        /// The input.
        name: String,
        /// What is missing.
        problem: String,
    },
    /// The API server does not start with it.
    #[error("{name}: the API server does not start with this policy: {}", first(.remarks))]
    Broken {
        /// The input.
        name: String,
        /// What is wrong, those of weight Broken first; at least one.
        remarks: Vec<Remark>,
    },
}

fn first(remarks: &[Remark]) -> String {
    let Some(first) = remarks.first() else { return String::new() };
    let place = if first.line == 0 { String::new() } else { format!("line {}: ", first.line) };
    let more = remarks.iter().filter(|remark| remark.weight == Weight::Broken).count().saturating_sub(1);
    let more = match more {
        0 => String::new(),
        more => format!(" (`sundew policy lint` says {more} more)"),
    };
    format!("{place}{}; {}{more}", first.what, first.fix)
}

/// Reads a policy. `name` is only for messages.
///
/// # Errors
///
/// Where the API server would not start with it, with everything that is wrong; and where it is larger than
/// [`MAX_BYTES`].
pub fn read(name: &str, text: &str) -> Result<Read, PolicyError> {
    if text.len() > MAX_BYTES {
        return Err(PolicyError::TooLarge { name: name.to_owned(), bytes: text.len() });
    }
    let notes = Notes::default();
    let policy = document(text, &notes);
    let mut remarks = notes.0.into_inner();
    remarks.sort_by_key(|remark| (remark.weight != Weight::Broken, remark.line));
    if remarks.first().is_some_and(|remark| remark.weight == Weight::Broken) {
        return Err(PolicyError::Broken { name: name.to_owned(), remarks });
    }
    Ok(Read { policy, remarks })
}

/// Where remarks are gathered.
#[derive(Debug, Default)]
struct Notes(RefCell<Vec<Remark>>);

impl Notes {
    fn broken(&self, line: usize, code: &'static str, what: impl Into<String>, fix: impl Into<String>) {
        self.0.borrow_mut().push(Remark::new(line, Weight::Broken, code, what, fix));
    }

    fn dead(&self, line: usize, code: &'static str, what: impl Into<String>, fix: impl Into<String>) {
        self.0.borrow_mut().push(Remark::new(line, Weight::Dead, code, what, fix));
    }
}

fn document(text: &str, notes: &Notes) -> Policy {
    if text.lines().take_while(|line| line.starts_with(['%', '#'])).any(|line| line.starts_with("%YAML 1.2"))
    {
        notes.broken(1, "syntax", "the API server reads YAML 1.1, not 1.2", "take the %YAML line out");
    }
    let (_, more) = node::documents(text);
    if more {
        let what = "the file holds several documents: the API server reads the first and ignores the rest";
        notes.dead(0, "several-documents", what, "put all rules into one document");
    }
    match Node::read(text) {
        Ok(node) => top(&node, notes),
        Err(Wrong { line, problem }) => {
            notes.broken(line, "syntax", problem, "correct the file's syntax");
            Policy::default()
        }
    }
}

fn top(node: &Node, notes: &Notes) -> Policy {
    if node.value == Value::Null {
        notes.broken(0, "empty", "there is no policy in it", format!("begin with `apiVersion: {VERSION}`"));
        return Policy::default();
    }
    let Some(mut fields) = Fields::of(node, "the file", notes) else { return Policy::default() };
    if !is_policy(&mut fields, notes) {
        return Policy::default();
    }
    if let Some((_, metadata)) = fields.take("metadata") {
        about(metadata, notes);
    }
    let omit_stages = fields.stages("omitStages");
    let omit_managed_fields = fields.boolean("omitManagedFields").unwrap_or_default();
    let given = fields.take("rules");
    let known = ["apiVersion", "kind", "metadata", "omitStages", "omitManagedFields", "rules"];
    fields.ignored("a policy", &known, |_| None);
    let rules = match given {
        Some((_, Node { value: Value::List(nodes), .. })) => nodes.as_slice(),
        Some((line, node)) => {
            let what = format!("`rules` is {}, and must be a list", node.kind());
            notes.broken(line, "wrong-type", what, "begin each rule with `- level:`");
            return Policy::default();
        }
        None => &[],
    };
    if rules.is_empty() {
        let line = given.map_or(0, |(line, _)| line);
        let what = "there are no rules, and the API server does not start without one";
        notes.broken(line, "no-rules", what, "add at least `rules: [{level: Metadata}]`");
    }
    let rules = rules.iter().filter_map(|node| rule::read(node, notes)).collect();
    Policy { omit_stages, omit_managed_fields, rules }
}

/// Whether the file says that it is an audit policy. A missing kind is taken to be one.
fn is_policy(fields: &mut Fields<'_>, notes: &Notes) -> bool {
    let version = fields.text("apiVersion").unwrap_or_default();
    let kind = fields.text("kind").unwrap_or_default();
    let wrapped = match (version.1, kind.1) {
        (VERSION, "Policy" | "") => return true,
        (_, "ConfigMap") => {
            "it is a ConfigMap: the API server reads a file, so take the policy out of its `data`"
        }
        ("config.openshift.io/v1", _) => {
            "it is for OpenShift, which has audit profiles and reads no policy: see docs/audit-policy.md"
        }
        ("v1alpha1", _) => {
            "it is for Talos: lint what stands in `cluster.apiServer.auditPolicy`, as a file of its own"
        }
        _ => "",
    };
    if !wrapped.is_empty() {
        notes.broken(version.0, "not-a-policy", "this is no audit policy", wrapped);
    } else if version.1.is_empty() {
        let what = "the file does not say what it is: `apiVersion` is missing";
        notes.broken(
            0,
            "wrong-version",
            what,
            format!("begin with `apiVersion: {VERSION}` and `kind: Policy`"),
        );
    } else if version.1.starts_with("audit.k8s.io/v1") && version.1 != VERSION {
        let what = format!("{} is gone since Kubernetes 1.24", version.1);
        notes.broken(
            version.0,
            "wrong-version",
            what,
            format!("write `apiVersion: {VERSION}`; nothing else changes"),
        );
    } else if version.1 != VERSION {
        let what = format!("`{}` is not the version of an audit policy", version.1);
        notes.broken(version.0, "wrong-version", what, format!("write `apiVersion: {VERSION}`"));
    } else {
        let what = format!("`{}` is not the kind of an audit policy", kind.1);
        notes.broken(kind.0, "wrong-kind", what, "write `kind: Policy`");
    }
    false
}

/// The metadata mean nothing, but must be of the right types all the same.
fn about(node: &Node, notes: &Notes) {
    let Some(mut fields) = Fields::of(node, "`metadata`", notes) else { return };
    for key in ["name", "generateName", "namespace", "uid", "resourceVersion", "selfLink"] {
        fields.text(key);
    }
    for key in ["creationTimestamp", "deletionTimestamp"] {
        if let Some((line, text)) = fields.text(key)
            && text.parse::<jiff::Timestamp>().is_err()
        {
            let what = format!("`{text}` is no time, and the API server does not start with it");
            notes.broken(line, "wrong-type", what, format!("take `{key}` out"));
        }
    }
    for key in [
        "labels",
        "annotations",
        "finalizers",
        "generation",
        "ownerReferences",
        "managedFields",
        "deletionGracePeriodSeconds",
    ] {
        fields.take(key);
    }
    fields.ignored("`metadata`", &["name", "namespace", "labels", "annotations"], |_| None);
}

/// What was probably meant, as a fix.
fn meant<'k>(word: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> String {
    match nearest(word, known.clone()) {
        Some(near) => format!("write `{near}`"),
        None => format!("write one of {}", known.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

/// The word of `known` nearest to `word`, if one is near enough to be meant.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let lower = word.to_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(&known.to_lowercase(), &lower);
    let best = known.into_iter().map(|known| (distance(known), known)).min_by_key(|(distance, _)| *distance);
    best.filter(|(distance, known)| *distance <= 1 + known.len().max(word.len()) / 4).map(|(_, known)| known)
}
