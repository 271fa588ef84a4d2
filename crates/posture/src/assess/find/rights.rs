//! Subjects, roles and bindings that hold or hand out a risk.

use super::{Assessment, is_of_kubernetes, may_be_of_kubernetes, severity};
use crate::{
    assess::{held::Held, words},
    model::Subject,
    rbac::Identity,
    report::{Because, Finding, Object, RiskHeld, View},
};

impl Assessment<'_> {
    pub(super) fn subjects(&self, found: &mut Vec<Finding>) {
        for holder in &self.scene.holders {
            if holder.held.is_empty() {
                continue;
            }
            let subject = &*holder.subject;
            let object = self.subject(subject);
            for held in by_place(&holder.held) {
                let reasons = self.reasons(subject, held);
                let system = reasons.iter().all(|b| self.is_of_kubernetes(*b, subject));
                let because = reasons.iter().take(words::MOST_REASONS).map(|b| self.because(*b));
                found.push(self.of_risks(View::Subjects, object.clone(), held, because.collect(), system));
            }
        }
    }

    pub(super) fn roles(&self, found: &mut Vec<Finding>) {
        for (index, role) in self.cluster.roles.iter().enumerate() {
            let held = self.holdings.of_role(index);
            if held.is_empty() {
                continue;
            }
            let object = words::object(self.cluster, role.kind(), &role.meta);
            let system = role.built_in;
            found.push(self.of_risks(View::Roles, object, &held, vec![self.of_role(index)], system));
        }
    }

    pub(super) fn bindings(&self, found: &mut Vec<Finding>) {
        for (index, binding) in self.cluster.bindings.iter().enumerate() {
            let held = self.holdings.of_binding(index);
            if held.is_empty() || binding.subjects.is_empty() {
                continue;
            }
            let object = words::object(self.cluster, binding.kind(), &binding.meta);
            let system = binding.subjects.iter().all(|subject| is_of_kubernetes(binding, subject));
            found.push(self.of_risks(View::Bindings, object, &held, vec![self.because(index)], system));
        }
    }

    /// Whether a binding is Kubernetes' own as far as a subject has it by itself or as one of a group.
    pub(in crate::assess) fn is_of_kubernetes(&self, binding: usize, subject: &Subject) -> bool {
        let binding = &self.cluster.bindings[binding];
        // One of ones own may name thousands.
        if !may_be_of_kubernetes(binding) {
            return false;
        }
        let whose = Identity::of(subject).subjects();
        let mut named = binding.subjects.iter().filter(|of| whose.contains(of));
        named.all(|of| is_of_kubernetes(binding, of))
    }

    /// The bindings behind what a subject holds in one place: those of the place, and those of the cluster.
    fn reasons(&self, subject: &Subject, held: &[Held]) -> Vec<usize> {
        let namespace = held.first().and_then(|held| held.namespace.as_deref());
        let mut found = self.holdings.bindings_for(subject, namespace);
        found.retain(|binding| held.iter().any(|held| self.holdings.takes_part(*binding, held)));
        found
    }

    fn because(&self, index: usize) -> Because {
        let of = &self.cluster.bindings[index];
        let because =
            self.holdings.rbac.role_of(index).map_or_else(|| super::reason(""), |role| self.of_role(role));
        Because { binding: of.to_string(), binding_place: self.cluster.place(of.meta.place), ..because }
    }

    fn of_role(&self, index: usize) -> Because {
        let role = &self.cluster.roles[index];
        Because {
            what: self.risky_rules(index),
            role: role.to_string(),
            role_place: self.cluster.place(role.meta.place),
            ..super::reason("")
        }
    }

    /// The rules of a role that make risks, in words.
    fn risky_rules(&self, index: usize) -> String {
        let mut said: Vec<String> = Vec::new();
        for rule in self.cluster.roles[index].rules.iter() {
            if self.holdings.terms.is_risky(rule) {
                let text = words::rule(rule);
                if !said.contains(&text) {
                    said.push(text);
                }
            }
        }
        match said.len() {
            0..=4 => said.join("; "),
            count => format!("{}; and {} more rules", said[..4].join("; "), count - 4),
        }
    }

    fn of_risks(
        &self,
        view: View,
        object: Object,
        held: &[Held],
        because: Vec<Because>,
        system: bool,
    ) -> Finding {
        let risks = self.holdings.terms.risks();
        let mut worst: Vec<&Held> = held.iter().collect();
        worst.sort_by_key(|held| (std::cmp::Reverse(severity(risks[held.risk], held)), held.risk));
        let first = worst[0];
        let risk = risks[first.risk];
        let namespace = first.namespace.as_deref();
        let titles: Vec<&str> = worst.iter().map(|held| risks[held.risk].title.as_str()).collect();
        let title = words::titles(&titles);
        Finding {
            id: words::id(&[
                view.as_str(),
                &object.kind,
                &object.namespace,
                &object.name,
                namespace.unwrap_or_default(),
            ]),
            view,
            rule: risk.id.clone(),
            risks: worst
                .iter()
                .map(|held| RiskHeld {
                    id: risks[held.risk].id.clone(),
                    severity: severity(risks[held.risk], held),
                    accepted: None,
                    used: None,
                })
                .collect(),
            severity: severity(risk, first),
            object,
            title,
            scope: words::scope(namespace),
            gives: risk.gives.clone(),
            because,
            fix: risk.fix.clone(),
            attack: risk.attack.clone(),
            reference: risk.reference.clone(),
            system,
            accepted: None,
            exception_ended: None,
        }
    }
}

/// What is held, cut by where: it is sorted so.
fn by_place(held: &[Held]) -> impl Iterator<Item = &[Held]> {
    held.chunk_by(|a, b| a.namespace == b.namespace)
}
