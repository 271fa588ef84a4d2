//! Which of the risks' grants each role covers: every grant of every risk is one bit, so that the rights of a subject
//! are the union of its roles' bits, however many roles and risks there are.

use hashbrown::HashMap;

use crate::{
    model::{Role, Rule},
    rbac::{resource_matches, verb_matches},
    risk::{Grant, Risk},
};

/// Words of a set of bits.
const WORDS: usize = 8;

/// The most grants that all risks together may have; the built-in ones have about 130.
pub const MOST_GRANTS: usize = WORDS * 64;

/// A set of grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bits([u64; WORDS]);

impl Bits {
    fn set(&mut self, bit: usize) {
        self.0[bit / 64] |= 1 << (bit % 64);
    }

    fn has(&self, bit: usize) -> bool {
        self.0[bit / 64] >> (bit % 64) & 1 == 1
    }

    fn join(&mut self, other: &Self) {
        for (word, of) in self.0.iter_mut().zip(other.0) {
            *word |= of;
        }
    }

    fn is_empty(&self) -> bool {
        self.0 == [0; WORDS]
    }
}

/// What a role, or several together, cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Coverage {
    /// Grants covered for all names that matter.
    all: Bits,
    /// Grants covered for given names only.
    named: Bits,
}

impl Coverage {
    /// Adds what another covers.
    pub(crate) fn join(&mut self, other: &Self) {
        self.all.join(&other.all);
        self.named.join(&other.named);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty() && self.named.is_empty()
    }
}

/// How far a risk is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Extent {
    /// For objects of given names only.
    Named,
    /// For all.
    All,
}

/// The risks that are looked for, with a number for each of their grants.
#[derive(Debug)]
pub(crate) struct Terms<'r> {
    risks: Vec<&'r Risk>,
    /// The first bit of each risk; its grants have the bits from there.
    first: Vec<usize>,
    /// Grants by the resource they name, so that a rule is held against few.
    by_resource: HashMap<&'r str, Vec<usize>>,
    grants: Vec<&'r Grant>,
    /// Risks for which there is no number left.
    left_out: Vec<&'r Risk>,
}

impl<'r> Terms<'r> {
    /// Numbers the grants of `risks`, which are at most [`MOST_GRANTS`]; further risks are left out.
    pub(crate) fn new(risks: impl IntoIterator<Item = &'r Risk>) -> Self {
        let mut terms = Self {
            risks: Vec::new(),
            first: Vec::new(),
            by_resource: HashMap::new(),
            grants: Vec::new(),
            left_out: Vec::new(),
        };
        for risk in risks {
            if terms.grants.len() + risk.grants.len() > MOST_GRANTS {
                terms.left_out.push(risk);
                continue;
            }
            terms.first.push(terms.grants.len());
            terms.risks.push(risk);
            for grant in &risk.grants {
                for resource in &grant.resources {
                    let bits = terms.by_resource.entry(resource).or_default();
                    if bits.last() != Some(&terms.grants.len()) {
                        bits.push(terms.grants.len());
                    }
                }
                terms.grants.push(grant);
            }
        }
        terms
    }

    pub(crate) fn left_out(&self) -> &[&'r Risk] {
        &self.left_out
    }

    pub(crate) fn risks(&self) -> &[&'r Risk] {
        &self.risks
    }

    /// What a role covers.
    pub(crate) fn of(&self, role: &Role) -> Coverage {
        let mut coverage = Coverage::default();
        for rule in role.rules.iter() {
            self.add(rule, &mut coverage);
        }
        coverage
    }

    fn add(&self, rule: &Rule, coverage: &mut Coverage) {
        let mut hold = |bit: usize| match covers(rule, self.grants[bit]) {
            Some(Extent::All) => coverage.all.set(bit),
            Some(Extent::Named) => coverage.named.set(bit),
            None => {}
        };
        for resource in &rule.resources {
            if resource.starts_with('*') {
                (0..self.grants.len()).for_each(&mut hold);
            } else {
                self.by_resource.get(&**resource).into_iter().flatten().copied().for_each(&mut hold);
            }
        }
    }

    /// Whether a rule covers any grant of any risk.
    pub(crate) fn is_risky(&self, rule: &Rule) -> bool {
        let mut coverage = Coverage::default();
        self.add(rule, &mut coverage);
        !coverage.is_empty()
    }

    /// Whether `coverage` has any grant of the risk of number `risk`.
    pub(crate) fn touches(&self, risk: usize, coverage: &Coverage) -> bool {
        let mut bits = self.first[risk]..self.first[risk] + self.risks[risk].grants.len();
        bits.any(|bit| coverage.all.has(bit) || coverage.named.has(bit))
    }

    /// How far the risk of number `risk` is made by what is covered `here`, of which `cluster` is the part that is
    /// covered in the whole cluster.
    pub(crate) fn held(&self, risk: usize, here: &Coverage, cluster: &Coverage) -> Option<Extent> {
        let mut extent = Extent::All;
        for (bit, grant) in (self.first[risk]..).zip(&self.risks[risk].grants) {
            let coverage = if grant.cluster_wide { cluster } else { here };
            if coverage.all.has(bit) {
                continue;
            }
            if !coverage.named.has(bit) {
                return None;
            }
            extent = Extent::Named;
        }
        Some(extent)
    }
}

/// How far a rule covers a grant, as the API server reads it.
pub(crate) fn covers(rule: &Rule, grant: &Grant) -> Option<Extent> {
    let named = !rule.names.is_empty();
    let any_verb = |subresource: bool| {
        grant.verbs.iter().any(|verb| {
            // A request that makes an object, or deletes many, has no name that could match; one that makes a
            // subresource has.
            let nameless = matches!(verb.as_str(), "create" | "deletecollection") && !subresource;
            !(named && nameless) && rule.verbs.iter().any(|of| verb_matches(of, verb))
        })
    };
    let any_group = || grant.groups.iter().any(|group| rule.groups.iter().any(|of| verb_matches(of, group)));
    let any_resource = grant.resources.iter().any(|asked| {
        let (resource, subresource) = asked.split_once('/').unwrap_or((asked, ""));
        let matches = if asked == "*" {
            rule.resources.iter().any(|of| &**of == "*")
        } else {
            rule.resources.iter().any(|of| resource_matches(of, resource, subresource))
        };
        matches && any_verb(!subresource.is_empty())
    });
    if !any_resource || !any_group() {
        return None;
    }
    if !named {
        return Some(Extent::All);
    }
    if grant.names.is_empty() {
        return Some(Extent::Named);
    }
    // The names that matter are given by the risk: to have one of them is to have what matters.
    grant.names.iter().any(|name| rule.names.iter().any(|of| **of == **name)).then_some(Extent::All)
}
