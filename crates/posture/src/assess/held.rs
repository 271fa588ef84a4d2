//! Who holds which risk, where, and through which bindings.

use hashbrown::{Equivalent, HashMap, HashSet};

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
    /// Bindings of each subject, by index, apart for each namespace; none for those of the whole cluster.
    in_place: HashMap<(&'c Subject, Option<&'c str>), Vec<usize>>,
}

/// What is covered in the cluster and in namespaces.
#[derive(Debug, Default, Clone)]
pub(crate) struct Reach {
    cluster: Coverage,
    namespaces: HashMap<Str, Coverage>,
}

/// What each group that a binding names covers by itself: most subjects have the same groups, so that these are looked
/// at once.
#[derive(Debug)]
pub(crate) struct Groups {
    reach: HashMap<Str, Reach>,
    /// Bindings that are thought away.
    without: HashSet<usize>,
}

impl<'c> Holdings<'c> {
    pub(crate) fn new(cluster: &'c Cluster, risks: impl IntoIterator<Item = &'c Risk>) -> Self {
        let terms = Terms::new(risks);
        let coverage = cluster.roles.iter().map(|role| terms.of(role)).collect();
        let mut in_place: HashMap<_, Vec<usize>> = HashMap::new();
        for (index, binding) in cluster.bindings.iter().enumerate() {
            let place = (!binding.cluster).then_some(&*binding.meta.namespace);
            for subject in &binding.subjects {
                let bindings = in_place.entry((subject, place)).or_default();
                if bindings.last() != Some(&index) {
                    bindings.push(index);
                }
            }
        }
        Self { rbac: Rbac::new(cluster), terms, coverage, in_place }
    }

    pub(crate) fn cluster(&self) -> &'c Cluster {
        self.rbac.cluster()
    }

    /// The bindings that name a subject itself and hold in a namespace, or in the whole cluster where it is none; those
    /// of the whole cluster are not among those of a namespace.
    pub(crate) fn bindings_in(&self, subject: &Subject, namespace: Option<&str>) -> &[usize] {
        self.in_place.get(&Asked(subject, namespace)).map_or(&[], Vec::as_slice)
    }

    /// The bindings by which an identity may hold something in a namespace: those there, and those of the whole cluster.
    pub(crate) fn bindings_for(&self, subject: &Subject, namespace: Option<&str>) -> Vec<usize> {
        let mut found = Vec::new();
        for of in Identity::of(subject).subjects() {
            found.extend_from_slice(self.bindings_in(&of, None));
            if namespace.is_some() {
                found.extend_from_slice(self.bindings_in(&of, namespace));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// What every group covers, without the bindings in `without`.
    pub(crate) fn groups(&self, without: &HashSet<usize>) -> Groups {
        let mut reach = HashMap::new();
        for subject in self.rbac.subjects() {
            if let Subject::Group(name) = subject {
                reach.insert(name.clone(), self.reach([subject], without));
            }
        }
        Groups { reach, without: without.clone() }
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

    /// Whether any binding of the subject itself makes a part of any risk.
    pub(crate) fn has_own(&self, subject: &Subject) -> bool {
        let subjects = Identity::of(subject).subjects();
        subjects.iter().filter(|of| is_own(of, subject)).any(|of| {
            let mut bindings = self.rbac.bindings_of(of).iter();
            bindings.any(|b| self.rbac.role_of(*b).is_some_and(|role| !self.coverage[role].is_empty()))
        })
    }

    /// The risks that a subject holds by itself, or together with its groups; not those that its groups hold already.
    pub(crate) fn of(&self, subject: &Subject, groups: &Groups) -> Vec<Held> {
        if !self.has_own(subject) {
            return Vec::new();
        }
        let subjects = Identity::of(subject).subjects();
        let own = self.reach(subjects.iter().filter(|of| is_own(of, subject)), &groups.without);
        let known = subjects.iter().filter(|of| !is_own(of, subject));
        let known: Vec<&Reach> = known.filter_map(|of| groups.reach.get(of.name())).collect();
        self.held(&own, &known)
    }

    /// The risks of what is covered by oneself and by groups that the groups do not hold as far.
    fn held(&self, own: &Reach, groups: &[&Reach]) -> Vec<Held> {
        let mut known = Coverage::default();
        groups.iter().for_each(|group| known.join(&group.cluster));
        let mut whole = own.cluster;
        whole.join(&known);
        let mut found = Vec::new();
        let mut total = None;
        for (risk, of) in self.terms.risks().iter().enumerate() {
            if !self.terms.touches(risk, &own.cluster) {
                continue;
            }
            let Some(extent) = self.terms.held(risk, &whole, &whole) else { continue };
            let before = self.terms.held(risk, &known, &known);
            // Whoever has it by a binding of their own keeps it when the group's is taken away.
            let alone = self.terms.held(risk, &own.cluster, &own.cluster) == Some(extent);
            // One more name is more, where both are for given names.
            if before < Some(extent) || alone || extent == Extent::Named {
                found.push(Held { risk, namespace: None, extent });
                total = total.or((extent == Extent::All && is_total(of)).then_some(risk));
            }
        }
        // Who may do everything holds every other risk too, and one line says it.
        if let Some(total) = total {
            found.retain(|held| held.risk == total);
            return found;
        }
        let mut places: HashSet<&Str> = own.namespaces.keys().collect();
        if !own.cluster.is_empty() {
            places.extend(groups.iter().flat_map(|group| group.namespaces.keys()));
        }
        for namespace in places {
            let nothing = Coverage::default();
            let mine = own.namespaces.get(namespace).unwrap_or(&nothing);
            let mut base = known;
            for group in groups {
                base.join(group.namespaces.get(namespace).unwrap_or(&nothing));
            }
            self.held_in(
                namespace,
                &Here { own: &own.cluster, mine, whole: &whole, known: &known, base: &base },
                &mut found,
            );
        }
        found.sort_by(|a, b| (&a.namespace, a.risk).cmp(&(&b.namespace, b.risk)));
        found
    }

    /// The risks in one namespace that neither the groups hold there, nor anybody of them in the whole cluster.
    fn held_in(&self, namespace: &Str, here: &Here<'_>, found: &mut Vec<Held>) {
        let mut all = *here.whole;
        all.join(here.base);
        all.join(here.mine);
        let from = found.len();
        let mut total = None;
        for (risk, of) in self.terms.risks().iter().enumerate() {
            let in_namespace = self.terms.touches(risk, here.mine);
            if of.scope == Scope::Cluster
                || !matters_in(of, namespace)
                || !(in_namespace || self.terms.touches(risk, here.own))
            {
                continue;
            }
            let Some(extent) = self.terms.held(risk, &all, here.whole) else { continue };
            let wide = self.terms.held(risk, here.whole, here.whole);
            let wider = wide.max(self.terms.held(risk, here.base, here.known));
            // As in the cluster; but what is held there too is told there.
            let alone = wide < Some(extent) && self.terms.held(risk, here.mine, here.own) == Some(extent);
            if wider < Some(extent) || alone || (extent == Extent::Named && in_namespace) {
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
        self.held(&reach, &[])
    }

    /// The rules that make what a subject holds: for each grant of the risk every binding and rule that covers it.
    pub(crate) fn why(&self, subject: &Subject, held: &Held) -> Vec<Evidence> {
        let mut found = Vec::new();
        for binding in self.bindings_for(subject, held.namespace.as_deref()) {
            self.evidence_of_binding(binding, held, &mut found);
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

/// A key of bindings that need not live as long as the cluster.
#[derive(Hash)]
struct Asked<'a>(&'a Subject, Option<&'a str>);

impl Equivalent<(&Subject, Option<&str>)> for Asked<'_> {
    fn equivalent(&self, key: &(&Subject, Option<&str>)) -> bool {
        self.0 == key.0 && self.1 == key.1
    }
}

/// What is covered in one namespace and around it.
struct Here<'h> {
    /// By oneself, in the whole cluster.
    own: &'h Coverage,
    /// By oneself, in the namespace.
    mine: &'h Coverage,
    /// By oneself and the groups, in the whole cluster.
    whole: &'h Coverage,
    /// By the groups, in the whole cluster.
    known: &'h Coverage,
    /// By the groups, in the namespace and the whole cluster.
    base: &'h Coverage,
}

/// Whether `of` is the subject itself under one of its names, and not a group that it is in.
fn is_own(of: &Subject, subject: &Subject) -> bool {
    !matches!(of, Subject::Group(_)) || of == subject
}

/// Whether a risk is the right to do everything.
pub(crate) fn is_total(risk: &Risk) -> bool {
    let star = |words: &[String]| words.iter().any(|word| word == "*");
    risk.grants.iter().all(|grant| star(&grant.verbs) && star(&grant.resources) && star(&grant.groups))
}

fn matters_in(risk: &Risk, namespace: &str) -> bool {
    risk.namespaces.is_empty() || risk.namespaces.iter().any(|of| of == namespace)
}

/// What holders hold while some bindings are thought away; holders that are not in it hold what they do.
#[derive(Debug, Default)]
pub(super) struct Without {
    pub(super) held: HashMap<usize, Vec<Held>>,
    /// The bindings.
    pub(super) removed: HashSet<usize>,
}
