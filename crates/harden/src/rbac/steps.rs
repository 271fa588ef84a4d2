//! The plan: what to apply, in which order, and how each step is undone.

use serde_json::{Value, json};
use sundew_posture::{
    Cluster,
    model::{Binding, Subject},
    usage::{binding_yaml, role_yaml},
};

use super::{Narrowed, Narrowing, Proved, change::Change};
use crate::{
    plan::{File, Plan, Step},
    shell::{FileNames, in_namespace, word},
};

/// Every role and binding that there is.
const BACKUP: &str =
    "kubectl get clusterroles,clusterrolebindings,roles,rolebindings -A -o yaml > before.yaml";

const RBAC: &str = "rbac.authorization.k8s.io";

/// The most lost rights that a step lists.
const MOST_LOST: usize = 12;

/// Where the new roles lie.
const ROLES: &str = "1-roles";
/// Where the changes of bindings lie.
const BINDINGS: &str = "2-bindings";

impl Narrowing {
    /// The steps. Nothing where nothing is to be changed, or where a request would be refused afterwards.
    pub fn plan(&self, cluster: &Cluster, proved: &Proved) -> Option<Plan> {
        if self.changes.is_empty() || !proved.holds() {
            return None;
        }
        let mut names = FileNames::default();
        let mut steps = vec![self.keep(cluster)];
        steps.extend(self.make(&mut names));
        let mut now = cluster.bindings.clone();
        for (narrowed, change) in self.identities.iter().zip(&self.changes) {
            steps.push(take(narrowed, change, &mut now, &mut names));
        }
        steps.extend(self.later());
        let mut notes = self.notes.clone();
        notes.push(
            "After each step look for requests of the identity that are refused (code 403) before you take the next one."
                .to_owned(),
        );
        notes.push(format!(
            "All {} requests ({} different) of the logs that roles and bindings allowed would still be allowed after all \
             steps.",
            proved.requests, proved.different
        ));
        if proved.by_others > 0 {
            notes.push(format!(
                "{} requests were allowed by something else, such as the Node authorizer, and are not changed by this.",
                proved.by_others
            ));
        }
        Some(Plan { title: "Narrower rights, from what was used".to_owned(), steps, notes })
    }

    /// What is left over and harms nobody.
    fn later(&self) -> Option<Step> {
        (!self.idle.is_empty()).then(|| Step {
            title: "Later: look at the roles that nothing binds any more".to_owned(),
            because: vec![
                format!("These harm nobody, and undoing a step needs them: {}.", self.idle.join(", ")),
                "Delete them when the plan has stood for as long as the logs reached back.".to_owned(),
            ],
            ..Step::default()
        })
    }

    /// The step before all others.
    fn keep(&self, cluster: &Cluster) -> Step {
        let mut step = Step {
            title: "Keep what there is".to_owned(),
            because: vec![
                "The files here that undo a step hold names, roles and subjects. Labels and annotations are in before.yaml \
                 alone."
                    .to_owned(),
            ],
            apply: vec![BACKUP.to_owned()],
            ..Step::default()
        };
        let mut now = cluster.bindings.clone();
        let mut gone = Vec::new();
        for change in &self.changes {
            for &at in &change.take {
                now[at].subjects.retain(|subject| !change.is(subject));
                if now[at].subjects.is_empty() {
                    gone.push(binding_yaml(&cluster.bindings[at]));
                }
            }
        }
        if !gone.is_empty() {
            step.because.push(
                "rollback.yaml holds every binding that a later step deletes: `kubectl apply -f rollback.yaml` brings all of \
                 them back at once."
                    .to_owned(),
            );
            step.files.push(File { name: "rollback.yaml".to_owned(), text: gone.join("---\n") });
        }
        step
    }

    /// The step that gives everybody what they need, before anything is taken.
    fn make(&self, names: &mut FileNames) -> Option<Step> {
        let making: Vec<&Change> = self.changes.iter().filter(|change| !change.make.is_empty()).collect();
        if making.is_empty() {
            return None;
        }
        let files = making.iter().map(|change| {
            let documents: Vec<String> = change
                .make
                .iter()
                .flat_map(|(role, binding)| [role_yaml(role), binding_yaml(binding)])
                .collect();
            File { name: names.name(ROLES, &called(&change.subject), ".yaml"), text: documents.join("---\n") }
        });
        Some(Step {
            title: "Give each identity a role with what it used".to_owned(),
            because: vec![
                "Nobody loses anything by this step. `create` refuses where something of the name is there already."
                    .to_owned(),
            ],
            files: files.collect(),
            apply: vec![
                format!("kubectl create --dry-run=server -f {ROLES}/"),
                format!("kubectl create -f {ROLES}/"),
            ],
            undo: vec![format!("kubectl delete -f {ROLES}/")],
        })
    }
}

/// The step that takes one identity out of its bindings.
fn take(narrowed: &Narrowed, change: &Change, now: &mut [Binding], names: &mut FileNames) -> Step {
    let mut step = Step {
        title: format!("Take {} out of {}", change.subject, listed(&narrowed.out_of)),
        because: because(narrowed),
        ..Step::default()
    };
    let mut gone = Vec::new();
    for &at in &change.take {
        let binding = &mut now[at];
        let object = format!("{}/{}", binding.kind().to_lowercase(), binding.meta.name);
        let object = format!("{}{}", word(&object), in_namespace(&binding.meta.namespace));
        if binding.subjects.iter().all(|subject| change.is(subject)) {
            step.apply.push(format!("kubectl delete {object}"));
            gone.push(binding_yaml(binding));
            binding.subjects.clear();
            continue;
        }
        let called = format!("{}-{}", called(&change.subject), binding.meta);
        let (out, back) = (leaving(binding, change), returning(binding, change, at));
        let mut patch = |patch: &Value, end: &str, type_: &str| {
            let name = names.name(BINDINGS, &called, end);
            let text = format!("{patch:#}\n");
            step.files.push(File { name: name.clone(), text });
            format!("kubectl patch {object} --type {type_} --patch-file {name}")
        };
        let way_back = if back.is_array() { "json" } else { "merge" };
        let (apply, undo) = (patch(&out, ".json", "json"), patch(&back, ".undo.json", way_back));
        step.apply.push(apply);
        step.undo.insert(0, undo);
        binding.subjects.retain(|subject| !change.is(subject));
    }
    if !gone.is_empty() {
        let name = names.name(BINDINGS, &called(&change.subject), ".undo.yaml");
        step.undo.insert(0, format!("kubectl create -f {name}"));
        step.files.push(File { name, text: gone.join("---\n") });
    }
    step
}

/// How a subject is taken out of a binding that has others. A binding that was changed in the meantime refuses it: each
/// index is asked for what should stand there.
fn leaving(binding: &Binding, change: &Change) -> Value {
    let mut out = vec![is_role(binding)];
    // From the last to the first, so that what is left keeps its index.
    for (at, subject) in binding.subjects.iter().enumerate().rev().filter(|(_, subject)| change.is(subject)) {
        let path = format!("/subjects/{at}");
        out.push(json!({"op": "test", "path": format!("{path}/kind"), "value": subject.kind()}));
        out.push(json!({"op": "test", "path": format!("{path}/name"), "value": &**subject.name()}));
        // In a RoleBinding an account of the same namespace may stand without it, and a test of what does not stand
        // there is never passed.
        if let Subject::Account { namespace, .. } = subject
            && *namespace != binding.meta.namespace
        {
            out.push(json!({"op": "test", "path": format!("{path}/namespace"), "value": &**namespace}));
        }
        out.push(json!({"op": "remove", "path": path}));
    }
    Value::Array(out)
}

/// How it is put back: all subjects as they stood before, whatever stands there now, so that it may be done twice and
/// with nobody left. The role cannot be changed, so that another binding of the name refuses it. Where the others are
/// not to be written down, a patch that adds this one.
fn returning(binding: &Binding, change: &Change, at: usize) -> Value {
    if change.quiet.contains(&at) {
        let mine = binding.subjects.iter().filter(|subject| change.is(subject));
        let add = mine.map(|subject| json!({"op": "add", "path": "/subjects/-", "value": value(subject)}));
        return std::iter::once(is_role(binding)).chain(add).collect();
    }
    let role = &binding.role;
    json!({
        "roleRef": {
            "apiGroup": RBAC,
            "kind": if role.cluster { "ClusterRole" } else { "Role" },
            "name": &*role.name,
        },
        "subjects": binding.subjects.iter().map(value).collect::<Vec<_>>(),
    })
}

fn is_role(binding: &Binding) -> Value {
    json!({"op": "test", "path": "/roleRef/name", "value": &*binding.role.name})
}

fn value(subject: &Subject) -> Value {
    match subject {
        Subject::Account { namespace, name } => {
            json!({"kind": "ServiceAccount", "name": &**name, "namespace": &**namespace})
        }
        other => json!({"apiGroup": RBAC, "kind": other.kind(), "name": &**other.name()}),
    }
}

fn because(narrowed: &Narrowed) -> Vec<String> {
    let mut because = vec![format!(
        "It made {} requests in the logs, and they needed {} of the {} rules that it has by bindings of its own.",
        narrowed.requests, narrowed.rules_used, narrowed.rules
    )];
    if !narrowed.loses.is_empty() {
        let (shown, more) = narrowed.loses.split_at(narrowed.loses.len().min(MOST_LOST));
        let more = if more.is_empty() { String::new() } else { format!("; and {} more", more.len()) };
        because.push(format!("It loses: {}{more}.", shown.join("; ")));
    }
    because.extend(narrowed.keeps.iter().map(|kept| format!("It keeps {}: {}.", kept.what, kept.why)));
    because.extend(narrowed.notes.iter().map(|note| {
        let mut letters = note.chars();
        let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
        format!("{first}{}.", letters.as_str())
    }));
    because
}

fn listed(bindings: &[String]) -> String {
    match bindings {
        [one] => one.clone(),
        many => format!("{} bindings", many.len()),
    }
}

/// A subject in a file's name.
fn called(subject: &Subject) -> String {
    match subject {
        Subject::Account { namespace, name } => format!("{namespace}-{name}"),
        other => format!("{}-{}", other.kind().to_lowercase(), other.name()),
    }
}
