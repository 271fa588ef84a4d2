//! From what was used to rules that hold no more than that, and a margin that somebody chooses.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::{HashMap, HashSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Names, Usage, Used, What, enough::Enough, implied};
use crate::{
    model::{Binding, Meta, Role, RoleRef, Rule, Str, Subject},
    rbac::{Allowed, Identity, Rbac, Request, verb_matches},
};

/// How much more than was used is left. Never more than there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Margin {
    /// Nothing more.
    None,
    /// With each verb those of its kind, and all namespaces for what is looked at in all of them.
    Kin,
    /// Every verb on each resource that was used, and all namespaces as above.
    Resource,
}

/// What somebody wants to know it for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To show what needs a right of the identity's own and nothing else gives.
    Show,
    /// To take away what is not needed. Then what a group may do as well counts as needed by the identity itself, but
    /// for what Kubernetes gives everybody: the group's binding may go next. What a PUT or PATCH made needs `create`,
    /// and names that it makes itself stand in no rule.
    Take,
}

/// Verbs of one kind: whoever needs one may need the others tomorrow.
const KINDS: [&[&str]; 3] =
    [&["get", "list", "watch"], &["create", "update", "patch"], &["delete", "deletecollection"]];

/// What would be enough for one identity.
#[derive(Debug, Clone)]
pub struct Least {
    /// How many requests it made.
    pub requests: u64,
    /// Whether there was more in the logs than is remembered: then nothing may be called unused.
    pub is_incomplete: bool,
    /// Whether it made roles or bindings without the right to hand out more than it holds: then it may need anything
    /// that it holds, to hand it out.
    pub hands_out: bool,
    /// Each rule that it has by bindings of its own, as a binding's index and a rule's in its role, and whether a
    /// request needed it.
    pub needed: BTreeMap<(usize, usize), bool>,
    enough: Enough,
}

impl Least {
    /// The rules that are enough, by namespace; the empty one is the cluster.
    pub fn rules(&self) -> BTreeMap<String, Vec<Rule>> {
        self.enough.rules()
    }

    /// Leaves this too, in a namespace or, where it is empty, in the cluster.
    pub fn keep(&mut self, namespace: &str, rule: &Rule) {
        self.enough.add_rule(namespace, rule);
    }

    /// Takes away each verb on a resource or path for which `keeps` answers false: it is asked with a rule that holds
    /// nothing else, and the namespace.
    pub fn retain(&mut self, keeps: &mut dyn FnMut(&str, &Rule) -> bool) {
        self.enough.retain(keeps);
    }

    /// Takes away what is said twice.
    pub fn tidy(&mut self) {
        self.enough.tidy();
    }

    /// Roles of the name that hold what is enough, each with a binding of its name.
    pub fn objects(&self, subject: &Subject, name: &str) -> Vec<(Role, Binding)> {
        let make = |(namespace, rules): (String, Vec<Rule>)| {
            let meta = Meta::new(&namespace, name);
            let cluster = namespace.is_empty();
            let role = Role {
                meta: meta.clone(),
                cluster,
                rules: rules.into(),
                aggregates: Vec::new(),
                labels: Vec::new(),
                built_in: false,
            };
            let of = RoleRef { cluster, name: name.into() };
            let subjects = vec![subject.clone()];
            (role, Binding { meta, cluster, role: of, subjects, built_in: false })
        };
        self.rules().into_iter().map(make).collect()
    }
}

/// What would be enough for a subject. A group has no requests of its own, and nothing is said of it.
pub fn least(
    rbac: &Rbac<'_>,
    usage: &Usage,
    subject: &Subject,
    margin: Margin,
    purpose: Purpose,
) -> Option<Least> {
    if let Subject::Group(_) = subject {
        return None;
    }
    let who = Identity::of(subject);
    let nothing = Used::default();
    let used = usage.of(who.name()).unwrap_or(&nothing);
    let mut own = Own::of(rbac, who, purpose);
    let wide = if margin == Margin::None { HashSet::new() } else { own.everywhere(used) };
    let takes = purpose == Purpose::Take;
    let made = takes.then_some(&used.made);
    let mut found = Finding { margin, wide, made, enough: Enough::default(), hands_out: false };
    for (what, names) in used.uses.iter().chain(used.puts.iter().filter(|_| takes)) {
        found.take(&mut own, what, names);
    }
    Some(Least {
        requests: used.requests,
        is_incomplete: used.overflowed,
        hands_out: found.hands_out,
        needed: own.needed,
        enough: found.enough,
    })
}

/// What grows use by use.
struct Finding<'u> {
    margin: Margin,
    /// Group and resource of what was used in all namespaces at once.
    wide: HashSet<(&'u str, &'u str)>,
    /// What it made itself, where that matters.
    made: Option<&'u HashMap<What, Names>>,
    enough: Enough,
    hands_out: bool,
}

impl Finding<'_> {
    /// Leaves what one use needs.
    fn take(&mut self, own: &mut Own<'_, '_>, what: &What, names: &Names) {
        let each = names.some.iter().map(|name| &**name).chain(names.any.then_some(""));
        let mut kept: BTreeSet<&str> = BTreeSet::new();
        for name in each {
            if own.is_alone(&what.request(name)) {
                own.need(&what.request(name));
                kept.insert(name);
            }
        }
        let of_more = if names.more { own.need_any_name(what) } else { Vec::new() };
        if kept.is_empty() && of_more.is_empty() {
            return;
        }
        for implied in implied::by(what) {
            for names in own.need_any_name(&implied) {
                self.enough.add(&implied, texts(names));
            }
        }
        if let Some(rights) = implied::handing_out(what) {
            self.hands_out |= !rights.iter().all(|right| own.has_every_name(right));
        }
        let passes = self.passes(what, &kept);
        // Who looks at all of them works where there is nothing yet.
        let whole = match what {
            What::Resource { group, resource, namespace, .. }
                if !namespace.is_empty() && self.wide.contains(&(&**group, &**resource)) =>
            {
                Some(what.in_namespace("")).filter(|whole| !own.allowing(&whole.request(""), true).is_empty())
            }
            _ => None,
        };
        let what = whole.as_ref().unwrap_or(what);
        // Names of what comes and goes, such as pods, would stop the workload tomorrow. Those of Secrets and
        // configuration stay, and so do those that the rule names itself: no more is handed out than there was.
        let every = own.has_every_name(what);
        let names = if every && (passes || !what.is_lasting() || names.more || kept.contains("")) {
            Vec::new()
        } else {
            kept.remove("");
            let given = of_more.into_iter().flatten().map(|name| &**name);
            let names: BTreeSet<&str> = kept.into_iter().chain(given).collect();
            names.into_iter().map(ToOwned::to_owned).collect()
        };
        self.widen(own, what, &names);
        self.enough.add(what, names);
    }

    /// Whether one of these objects was made by the identity itself, so that there are others tomorrow.
    fn passes(&self, what: &What, names: &BTreeSet<&str>) -> bool {
        let Some(made) = self.made.and_then(|made| made.get(&what.making())) else { return false };
        made.any || made.more || names.iter().any(|name| made.some.contains(*name))
    }

    /// Leaves what the margin adds to a use.
    fn widen(&mut self, own: &Own<'_, '_>, what: &What, names: &[String]) {
        match self.margin {
            Margin::None => {}
            Margin::Kin => {
                let kind = KINDS.into_iter().find(|kind| kind.contains(&what.verb())).unwrap_or_default();
                for kin in kind.iter().filter(|kin| **kin != what.verb()) {
                    self.add_kin(own, &what.with_verb(kin), names);
                }
            }
            Margin::Resource => {
                for rule in own.about(what) {
                    for verb in &rule.verbs {
                        self.enough.add(&what.with_verb(verb), texts(&rule.names));
                    }
                }
            }
        }
    }

    fn add_kin(&mut self, own: &Own<'_, '_>, kin: &What, names: &[String]) {
        let is_nameless = match kin {
            What::Url { .. } => return,
            // Rules with names never allow these.
            What::Resource { verb, subresource, .. } => {
                &**verb == "deletecollection" || (&**verb == "create" && subresource.is_empty())
            }
        };
        if own.has_every_name(kin) {
            self.enough.add(kin, if is_nameless { Vec::new() } else { names.to_vec() });
            return;
        }
        let of_rules = own.allowing(&kin.request(""), true);
        let held: BTreeSet<&str> = of_rules.iter().flat_map(|(_, rule)| &rule.names).map(|n| &**n).collect();
        let both = held.into_iter().filter(|name| names.is_empty() || names.iter().any(|n| n == name));
        let both: Vec<String> = both.map(ToOwned::to_owned).collect();
        if !both.is_empty() && !is_nameless {
            self.enough.add(kin, both);
        }
    }
}

/// The rules that a subject has by bindings of its own.
struct Own<'o, 'c> {
    rbac: &'o Rbac<'c>,
    who: Identity,
    /// By binding and rule, whether a request needed it.
    needed: BTreeMap<(usize, usize), bool>,
    purpose: Purpose,
}

impl<'o, 'c> Own<'o, 'c> {
    fn of(rbac: &'o Rbac<'c>, who: Identity, purpose: Purpose) -> Self {
        let cluster = rbac.cluster();
        let mut needed = BTreeMap::new();
        for binding in rbac.own_bindings(&who) {
            let Some(role) = rbac.role_of(binding) else { continue };
            for rule in 0..cluster.roles[role].rules.len() {
                needed.insert((binding, rule), false);
            }
        }
        Self { rbac, who, needed, purpose }
    }

    /// Whether a request is allowed by something of the subject's own, and by nothing that it has with others and will
    /// surely keep.
    fn is_alone(&self, request: &Request<'_>) -> bool {
        let why = self.rbac.why(&self.who, request);
        let is_covering = |allowed: &Allowed<'_>| match self.purpose {
            Purpose::Show => !is_own(allowed),
            Purpose::Take => !is_own(allowed) && is_kubernetes(allowed),
        };
        why.iter().any(is_own) && !why.iter().any(is_covering)
    }

    /// The rules with what they hang on, that hold in the namespace of a request.
    fn rules_for(&self, request: &Request<'_>) -> impl Iterator<Item = ((usize, usize), &'c Rule)> {
        let cluster = self.rbac.cluster();
        let namespace = request.namespace();
        self.needed.keys().filter_map(move |&(binding, rule)| {
            let of = &cluster.bindings[binding];
            let here = of.cluster || *of.meta.namespace == *namespace;
            let role = self.rbac.role_of(binding).filter(|_| here)?;
            Some(((binding, rule), &cluster.roles[role].rules[rule]))
        })
    }

    /// The rules that allow a request, or would for some name where `any_name`.
    fn allowing(&self, request: &Request<'_>, any_name: bool) -> Vec<((usize, usize), &'c Rule)> {
        let allows = |rule: &Rule| {
            let name = rule.names.first().filter(|_| any_name);
            name.map_or(*request, |name| request.named(name)).is_allowed_by(rule)
        };
        self.rules_for(request).filter(|(_, rule)| allows(rule)).collect()
    }

    /// The rules about what was used, whatever their verbs.
    fn about(&self, what: &What) -> Vec<&'c Rule> {
        let request = what.request("");
        let fits = |rule: &&Rule| {
            rule.verbs.iter().any(|verb| {
                let mut request = request;
                // Any verb of the rule's own will do to ask whether the rest fits.
                request.verb = verb;
                rule.names.first().map_or(request, |name| request.named(name)).is_allowed_by(rule)
            })
        };
        self.rules_for(&request).map(|(_, rule)| rule).filter(fits).collect()
    }

    /// Notes that a request needed the rules that allow it.
    fn need(&mut self, request: &Request<'_>) {
        for (at, _) in self.allowing(request, false) {
            self.needed.insert(at, true);
        }
    }

    /// Notes that something needed the rules that allow it, whatever its name was; answers the names of each.
    fn need_any_name(&mut self, what: &What) -> Vec<&'c [Str]> {
        let rules = self.allowing(&what.request(""), true);
        for (at, _) in &rules {
            self.needed.insert(*at, true);
        }
        rules.into_iter().map(|(_, rule)| rule.names.as_slice()).collect()
    }

    /// Whether it is allowed for every name.
    fn has_every_name(&self, what: &What) -> bool {
        self.allowing(&what.request(""), false).iter().any(|(_, rule)| rule.names.is_empty())
    }

    /// Group and resource of what was used in all namespaces at once, by a right for that.
    fn everywhere<'u>(&self, used: &'u Used) -> HashSet<(&'u str, &'u str)> {
        let wide = used.uses.keys().filter_map(|what| match what {
            What::Resource { group, resource, namespace, verb, .. } if namespace.is_empty() => {
                let looks = KINDS[0].iter().any(|kin| verb_matches(kin, verb));
                looks.then_some((&**group, &**resource))
            }
            _ => None,
        });
        wide.collect()
    }
}

/// Whether it is allowed by something of the subject's own, and not by what everybody has.
fn is_own(allowed: &Allowed<'_>) -> bool {
    matches!(allowed, Allowed::Rule { subject, .. } if !matches!(subject, Subject::Group(_)))
}

/// Whether Kubernetes itself gives it and brings it back: no plan takes it away.
fn is_kubernetes(allowed: &Allowed<'_>) -> bool {
    match allowed {
        Allowed::Rule { binding, .. } => binding.built_in && binding.meta.name.starts_with("system:"),
        Allowed::Masters | Allowed::Node(_) => true,
    }
}

fn texts(names: &[Str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}
