//! Roles that nobody has, and bindings that lead nowhere: harmless today, and rights for whoever takes the name tomorrow.

use hashbrown::HashSet;

use super::{Assessment, Check, reason};
use crate::{
    Severity,
    assess::words,
    model::{Role, Selector, Subject},
    report::{Finding, View},
};

const REFERENCE: &str = "https://kubernetes.io/docs/concepts/security/rbac-good-practices/#periodic-review";

impl Assessment<'_> {
    pub(super) fn unused(&self, found: &mut Vec<Finding>) {
        self.roles_of_nobody(found);
        self.bindings_to_nothing(found);
    }

    fn roles_of_nobody(&self, found: &mut Vec<Finding>) {
        if self.cluster.lacks("rolebindings") || self.cluster.lacks("clusterrolebindings") {
            return;
        }
        let bound: HashSet<usize> =
            (0..self.cluster.bindings.len()).filter_map(|b| self.holdings.rbac.role_of(b)).collect();
        let selectors: Vec<&Selector> = self.cluster.roles.iter().flat_map(|role| &role.aggregates).collect();
        for (index, role) in self.cluster.roles.iter().enumerate() {
            // What is joined into another serves through it.
            let joined = !role.labels.is_empty() && selectors.iter().any(|s| chooses(s, role));
            if bound.contains(&index) || joined {
                continue;
            }
            let risks = self.holdings.of_role(index).len();
            let check = Check {
                view: View::Unused,
                rule: "role-unused",
                severity: if risks > 0 { Severity::Low } else { Severity::Info },
                title: match risks {
                    0 => "is granted to nobody".into(),
                    _ => "is risky and granted to nobody".into(),
                },
                gives: "A role that lies ready needs only one binding to be used.",
                fix: if role.built_in {
                    "Leave it: Kubernetes makes it, and makes it again.".to_owned()
                } else {
                    format!(
                        "Delete it if nothing installs it again: kubectl delete {} {}",
                        role.kind().to_lowercase(),
                        target(&role.meta)
                    )
                },
                reference: REFERENCE,
                attack: &[],
            };
            let system = role.built_in;
            found.push(check.about(words::object(self.cluster, role.kind(), &role.meta), Vec::new(), system));
        }
    }

    fn bindings_to_nothing(&self, found: &mut Vec<Finding>) {
        for (index, binding) in self.cluster.bindings.iter().enumerate() {
            let object = || words::object(self.cluster, binding.kind(), &binding.meta);
            let delete = || {
                if binding.built_in {
                    return "Leave it: Kubernetes makes it, and makes it again.".to_owned();
                }
                format!(
                    "Delete it: kubectl delete {} {}",
                    binding.kind().to_lowercase(),
                    target(&binding.meta)
                )
            };
            let roles = if binding.role.cluster { "clusterroles" } else { "roles" };
            if self.holdings.rbac.role_of(index).is_none() && !self.cluster.lacks(roles) {
                let kind = if binding.role.cluster { "ClusterRole" } else { "Role" };
                let whole = self.cluster.whole;
                let name = &binding.role.name;
                let check = Check {
                    view: View::Unused,
                    rule: "binding-without-role",
                    severity: Severity::Low,
                    title: match whole {
                        true => format!("grants {kind} {name}, which does not exist"),
                        false => format!("grants {kind} {name}, which nothing that was read describes"),
                    },
                    gives: match whole {
                        true => "Whoever may make a role of that name decides what these subjects can do.",
                        false => "What it gives is not known: nothing follows for its subjects.",
                    },
                    fix: match whole {
                        true => delete(),
                        false => "Let the scan read the role too: the manifest that makes it, or the whole cluster.".into(),
                    },
                    reference: REFERENCE,
                    attack: if whole { &["T1098.006"] } else { &[] },
                };
                found.push(check.about(object(), Vec::new(), binding.built_in));
            }
            if binding.subjects.is_empty() {
                let check = Check {
                    view: View::Unused,
                    rule: "binding-without-subjects",
                    severity: Severity::Info,
                    title: "names no subject".into(),
                    gives: "It grants nothing, and hides among those that do.",
                    fix: delete(),
                    reference: REFERENCE,
                    attack: &[],
                };
                found.push(check.about(object(), Vec::new(), binding.built_in));
            }
            if self.cluster.lacks("serviceaccounts") {
                continue;
            }
            let missing = binding.subjects.iter().filter(|subject| {
                matches!(subject, Subject::Account { .. }) && self.described(subject).is_none()
            });
            let missing: Vec<_> = missing.collect();
            if missing.is_empty() {
                continue;
            }
            let risky = !self.holdings.of_binding(index).is_empty();
            let check = Check {
                view: View::Unused,
                rule: "binding-without-account",
                severity: if risky { Severity::Medium } else { Severity::Low },
                title: match missing.len() {
                    1 if !self.cluster.whole => {
                        format!("names {}, which nothing that was read describes", missing[0])
                    }
                    count if !self.cluster.whole => {
                        format!("names {count} accounts that nothing that was read describes")
                    }
                    1 => format!("names {}, which does not exist", missing[0]),
                    count => format!("names {count} accounts that do not exist"),
                },
                gives: "Whoever may make an account of that name gets these rights.",
                fix: "Take the subject out of the binding, or delete the binding.".into(),
                reference: REFERENCE,
                attack: &["T1098.006"],
            };
            let because = missing.iter().take(8).map(|subject| reason(subject.to_string())).collect();
            found.push(check.about(object(), because, binding.built_in));
        }
    }
}

/// Whether a selector may choose a role. Expressions are few, and which of them hold is not asked: a role that one
/// speaks of is taken as chosen.
fn chooses(selector: &Selector, role: &Role) -> bool {
    let speaks = |key: &str| role.labels.iter().any(|(of, _)| **of == *key);
    let by_expression =
        !selector.expressions.is_empty() && selector.expressions.iter().any(|(key, ..)| speaks(key));
    let by_labels =
        !selector.labels.is_empty() && selector.labels.iter().all(|label| role.labels.contains(label));
    role.cluster && (by_labels || (selector.labels.is_empty() && by_expression))
}

/// `NAME`, or `NAME -n NAMESPACE`.
fn target(meta: &crate::model::Meta) -> String {
    if meta.namespace.is_empty() {
        meta.name.to_string()
    } else {
        format!("{} -n {}", meta.name, meta.namespace)
    }
}
