//! Who holds which risk, where, and through which bindings.

use hashbrown::{HashMap, HashSet};

use super::coverage::{Coverage, Extent, Terms, covers};
use crate::{
    model::{Cluster, Str, Subject},
    rbac::{Identity, Rbac},
    risk::{Risk, Scope},
};

/// A risk that a subject holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Which of the assessment's risks.
    pub risk: usize,
    /// The namespace in which it is held; none for the whole cluster.
    pub namespace: Option<Str>,
    /// For all objects, or for those of given names.
    pub extent: Extent,
}

/// One rule of a role that takes part in a risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Evidence {
    /// Which of the risk's grants it covers.
    pub grant: usize,
    /// Index of the binding; none where a role is looked at by itself.
    pub binding: Option<usize>,
    /// Index of the role.
    pub role: usize,
    /// Which of the role's rules.
    pub rule: usize,
}

/// Answers who holds what.
#[derive(Debug)]
pub(crate) struct Holdings<'c> {
    pub(crate) rbac: Rbac<'c>,
    pub(crate) terms: Terms<'c>,
    /// Of each role.
    coverage: Vec<Coverage>,
}

/// What is covered in the cluster and in namespaces.
#[derive(Debug, Default, Clone)]
pub(crate) struct Reach {
    cluster: Coverage,
    namespaces: HashMap<Str, Coverage>,
}

impl<'c> Holdings<'c> {
    pub(crate) fn new(cluster: &'c Cluster, risks: impl IntoIterator<Item = &'c Risk>) -> Self {
        let terms = Terms::new(risks);
        let coverage = cluster.roles.iter().map(|role| terms.of(role)).collect();
        Self { rbac: Rbac::new(cluster), terms, coverage }
    }

    pub(crate) fn cluster(&self) -> &'c Cluster {
        self.rbac.cluster()
    }

    /// What the bindings of `subjects` cover together, without those in `without`.
    fn reach<'s>(&self, subjects: impl IntoIterator<Item = &'s Subject>, without: &HashSet<usize>) -> Reach {
        let mut reach = Reach::default();
        for subject in subjects {
            for &index in self.rbac.bindings_of(subject) {
                let Some(role) = self.rbac.role_of(index) else { continue };
                let coverage = &self.coverage[role];
                if coverage.is_empty() || without.contains(&index) {
                    continue;
                }
                let binding = &self.cluster().bindings[index];
                if binding.cluster {
                    reach.cluster.join(coverage);
                } else {
                    reach.namespaces.entry_ref(&binding.meta.namespace).or_default().join(coverage);
                }
            }
        }
        reach
    }

    /// The risks that a subject holds by itself, or together with its groups; not those that its groups hold already.
    pub(crate) fn of(&self, subject: &Subject, without: &HashSet<usize>) -> Vec<Held> {
        let subjects = Identity::of(subject).subjects();
        let is_own = |of: &&Subject| !matches!(of, Subject::Group(_)) || *of == subject;
        if !subjects.iter().filter(is_own).any(|of| !self.rbac.bindings_of(of).is_empty()) {
            return Vec::new();
        }
        let whole = self.reach(&subjects, without);
        let groups = self.reach(subjects.iter().filter(|of| !is_own(of)), without);
        self.held(&whole, &groups)
    }

    /// The risks of `whole` that `known` does not hold as far.
    fn held(&self, whole: &Reach, known: &Reach) -> Vec<Held> {
        let mut found = Vec::new();
        let mut total = None;
        for (risk, of) in self.terms.risks().iter().enumerate() {
            let cluster = self.terms.held(risk, &whole.cluster, &whole.cluster);
            if let Some(extent) = cluster
                && self.terms.held(risk, &known.cluster, &known.cluster) < cluster
            {
                found.push(Held { risk, namespace: None, extent });
                total = total.or((extent == Extent::All && is_total(of)).then_some(risk));
            }
        }
        // Who may do everything holds every other risk too, and one line says it.
        if let Some(total) = total {
            found.retain(|held| held.risk == total);
            return found;
        }
        for (namespace, coverage) in &whole.namespaces {
            let mut here = whole.cluster;
            here.join(coverage);
            let mut base = known.cluster;
            base.join(known.namespaces.get(namespace).unwrap_or(&Coverage::default()));
            let from = found.len();
            let mut total = None;
            for (risk, of) in self.terms.risks().iter().enumerate() {
                if of.scope == Scope::Cluster || !matters_in(of, namespace) {
                    continue;
                }
                let Some(extent) = self.terms.held(risk, &here, &whole.cluster) else { continue };
                let wide = self.terms.held(risk, &whole.cluster, &whole.cluster);
                let wider = wide.max(self.terms.held(risk, &base, &known.cluster));
                if wider < Some(extent) {
                    found.push(Held { risk, namespace: Some(namespace.clone()), extent });
                    total = total.or((extent == Extent::All && is_total(of)).then_some(risk));
                }
            }
            if let Some(total) = total {
                let mut index = 0;
                found.retain(|held| {
                    index += 1;
                    index <= from || held.risk == total
                });
            }
        }
        found.sort_by(|a, b| (&a.namespace, a.risk).cmp(&(&b.namespace, b.risk)));
        found
    }

    /// The risks that a role makes by itself, where it is bound as widely as it can be.
    pub(crate) fn of_role(&self, role: usize) -> Vec<Held> {
        let of = &self.cluster().roles[role];
        self.of_coverage(&self.coverage[role], (!of.cluster).then_some(&of.meta.namespace))
    }

    /// The risks that a binding makes by itself.
    pub(crate) fn of_binding(&self, binding: usize) -> Vec<Held> {
        let of = &self.cluster().bindings[binding];
        let Some(role) = self.rbac.role_of(binding) else { return Vec::new() };
        self.of_coverage(&self.coverage[role], (!of.cluster).then_some(&of.meta.namespace))
    }

    fn of_coverage(&self, coverage: &Coverage, namespace: Option<&Str>) -> Vec<Held> {
        if coverage.is_empty() {
            return Vec::new();
        }
        let mut reach = Reach::default();
        match namespace {
            None => reach.cluster = *coverage,
            Some(namespace) => _ = reach.namespaces.insert(namespace.clone(), *coverage),
        }
        self.held(&reach, &Reach::default())
    }

    /// The rules that make what a subject holds: for each grant of the risk every binding and rule that covers it.
    pub(crate) fn why(&self, subject: &Subject, held: &Held) -> Vec<Evidence> {
        let mut found = Vec::new();
        for of in Identity::of(subject).subjects() {
            for &binding in self.rbac.bindings_of(&of) {
                self.evidence_of_binding(binding, held, &mut found);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether a binding takes part in what is held.
    pub(crate) fn takes_part(&self, binding: usize, held: &Held) -> bool {
        let of = &self.cluster().bindings[binding];
        let here = of.cluster || Some(&of.meta.namespace) == held.namespace.as_ref();
        let role = self.rbac.role_of(binding);
        here && role.is_some_and(|role| self.terms.touches(held.risk, &self.coverage[role]))
    }

    /// The rules of one binding that take part in what is held.
    pub(crate) fn evidence_of_binding(&self, binding: usize, held: &Held, found: &mut Vec<Evidence>) {
        let of = &self.cluster().bindings[binding];
        if !of.cluster && Some(&of.meta.namespace) != held.namespace.as_ref() {
            return;
        }
        let Some(role) = self.rbac.role_of(binding) else { return };
        let from = found.len();
        self.evidence_of_role(role, held.risk, found);
        for evidence in &mut found[from..] {
            evidence.binding = Some(binding);
        }
    }

    /// The rules of one role that take part in a risk.
    pub(crate) fn evidence_of_role(&self, role: usize, risk: usize, found: &mut Vec<Evidence>) {
        if self.coverage[role].is_empty() {
            return;
        }
        for (rule, of) in self.cluster().roles[role].rules.iter().enumerate() {
            for (grant, wanted) in self.terms.risks()[risk].grants.iter().enumerate() {
                if covers(of, wanted).is_some() {
                    found.push(Evidence { grant, binding: None, role, rule });
                }
            }
        }
    }
}

/// Whether a risk is the right to do everything.
pub(crate) fn is_total(risk: &Risk) -> bool {
    let star = |words: &[String]| words.iter().any(|word| word == "*");
    risk.grants.iter().all(|grant| star(&grant.verbs) && star(&grant.resources) && star(&grant.groups))
}

fn matters_in(risk: &Risk, namespace: &str) -> bool {
    risk.namespaces.is_empty() || risk.namespaces.iter().any(|of| of == namespace)
}
