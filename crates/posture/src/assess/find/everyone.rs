//! What everybody can do who reaches the API server, with a credential or without.

use super::{Assessment, Check};
use crate::{
    Severity,
    assess::{graph::is_everyone, words},
    rbac::{ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED},
    report::{Because, Finding, View},
};

impl Assessment<'_> {
    pub(super) fn everyone(&self, found: &mut Vec<Finding>) {
        for (index, binding) in self.cluster.bindings.iter().enumerate() {
            for subject in binding.subjects.iter().filter(|subject| is_everyone(subject)) {
                let unknown = matches!(&**subject.name(), ANONYMOUS | UNAUTHENTICATED);
                let risks = self.holdings.of_binding(index);
                let worst = risks
                    .iter()
                    .map(|held| super::severity(self.holdings.terms.risks()[held.risk], held))
                    .max();
                // That it is handed to everybody makes the least worth looking at, and the rest worse by nothing:
                // what is critical for one is critical.
                let by_kubernetes = super::may_be_of_kubernetes(binding);
                let least = match (unknown, by_kubernetes) {
                    // What Kubernetes gives to everybody holds no risk: see below for what does.
                    (_, true) => Severity::Info,
                    (true, false) => Severity::High,
                    (false, false) => Severity::Medium,
                };
                let role = self.holdings.rbac.role_of(index).map(|role| &self.cluster.roles[role]);
                let rules = role.map_or(0, |role| role.rules.len());
                let what = match (role, risks.len()) {
                    (None, _) => "the role does not exist".to_owned(),
                    (Some(_), 0) => format!("{rules} rules, none of them a known risk"),
                    (Some(_), count) => format!("{rules} rules, with {count} risks"),
                };
                let who = match &**subject.name() {
                    ANONYMOUS => "anybody on the network, without a credential",
                    UNAUTHENTICATED => "everybody on the network, without a credential",
                    AUTHENTICATED => "everybody with any credential",
                    _ => "every ServiceAccount",
                };
                let because = Because {
                    what,
                    binding: binding.to_string(),
                    binding_place: self.cluster.place(binding.meta.place),
                    role: role.map_or_else(|| binding.role.name.to_string(), ToString::to_string),
                    role_place: role.map(|role| self.cluster.place(role.meta.place)).unwrap_or_default(),
                };
                let check = Check {
                    view: View::Everyone,
                    rule: if unknown { "everyone-anonymous" } else { "everyone-authenticated" },
                    severity: worst.map_or(least, |worst| worst.max(least)),
                    title: format!("gives {} to {who}", binding.role.name),
                    gives: "Every account, stolen or not, has these rights, and an intruder needs to steal nothing more.",
                    fix: "Name the users, groups or accounts that need it instead, and take the group out of this binding."
                        .into(),
                    reference: "https://kubernetes.io/docs/concepts/security/rbac-good-practices/#hardening",
                    attack: if unknown { &["T1078", "T1190"] } else { &["T1078"] },
                };
                let mut finding = check.about(
                    words::object(self.cluster, binding.kind(), &binding.meta),
                    vec![because],
                    // Whoever was added to a binding that Kubernetes made was not by Kubernetes.
                    by_kubernetes && risks.is_empty(),
                );
                finding.id = words::id(&["everyone", &binding.to_string(), &subject.to_string()]);
                found.push(finding);
            }
        }
    }
}
