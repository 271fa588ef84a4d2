//! What an audit policy may have kept out of the logs: it counts as used.

use sundew_policy::{Level, Policy, Resources, Rule as PolicyRule, Stage};
use sundew_posture::{
    model::{Rule, Str},
    rbac::{Identity, resource_matches, url_matches, verb_matches},
};

use super::atoms::{Placed, apart};

/// The rules of a policy, with what each does to the logs.
#[derive(Debug)]
pub(crate) struct Hiding {
    rules: Vec<(PolicyRule, bool)>,
    /// Whether they are the policy's, and not what is guessed from the logs.
    pub(crate) is_given: bool,
}

/// Whose requests are looked for.
pub(crate) struct Asker<'a> {
    pub(crate) who: &'a Identity,
    /// Whether all its groups are known; of users from outside they are not.
    pub(crate) is_whole: bool,
}

impl Hiding {
    /// From the policy; where none is given, `left_out` is taken as hidden.
    pub(crate) fn of(policy: Option<&Policy>, left_out: Vec<(&str, &str)>) -> Self {
        let Some(policy) = policy else {
            let none = |(group, resource): (&str, &str)| {
                let mut rule = PolicyRule::new(Level::None);
                let (group, resources) = (group.to_owned(), vec![resource.to_owned()]);
                rule.resources = vec![Resources { group, resources, names: Vec::new() }];
                (rule, true)
            };
            return Self { rules: left_out.into_iter().map(none).collect(), is_given: false };
        };
        let hides = |at: Option<usize>, level: Level| {
            level == Level::None || !policy.logs_at(at, Stage::ResponseComplete)
        };
        let rules = policy.rules.iter().enumerate();
        let mut rules: Vec<_> = rules.map(|(at, rule)| (rule.clone(), hides(Some(at), rule.level))).collect();
        // What no rule fits is not logged.
        rules.push((PolicyRule::new(Level::None), true));
        Self { rules, is_given: true }
    }

    /// Whether the policy that is given may hide what a kubelet asks about others' rights.
    pub(crate) fn hides_kubelets(&self) -> bool {
        let who = Identity::user("system:node:", &["system:nodes", "system:authenticated"]);
        // A node's own name is not known, so that a rule for users may mean it.
        let named = |rule: &PolicyRule| rule.users.iter().any(|user| user.starts_with("system:node:"));
        let reviewing = reviewing();
        let is_hidden = |rule: &PolicyRule| !meet(rule, &"".into(), &reviewing).is_empty();
        let by_name = self.rules.iter().any(|(rule, hides)| *hides && named(rule) && is_hidden(rule));
        let asker = Asker { who: &who, is_whole: true };
        self.is_given && (by_name || !self.of_rule(&asker, &"".into(), &reviewing).is_empty())
    }

    /// What of a rule, which holds in `namespace` or where that is empty in the cluster, could have been used unseen.
    pub(crate) fn of_rule(&self, asker: &Asker<'_>, namespace: &Str, rule: &Rule) -> Vec<Placed> {
        let mut found = Vec::new();
        for (at, (hiding, hides)) in self.rules.iter().enumerate() {
            if !hides || !may_fit(hiding, asker) {
                continue;
            }
            let pieces = meet(hiding, namespace, rule);
            let shown = |piece: &Placed| {
                self.rules[..at].iter().any(|(shows, hides)| !hides && fits_all(shows, asker, piece))
            };
            let pieces = pieces
                .into_iter()
                .flat_map(|(place, rule)| apart(&rule).into_iter().map(move |piece| (place.clone(), piece)));
            found.extend(pieces.filter(|piece| !shown(piece)));
        }
        found
    }
}

/// What SubjectAccessReviews are made by.
fn reviewing() -> Rule {
    Rule {
        verbs: vec!["create".into()],
        groups: vec!["authorization.k8s.io".into()],
        resources: vec!["subjectaccessreviews".into()],
        ..Rule::default()
    }
}

/// Whether a rule may decide on requests of somebody.
fn may_fit(rule: &PolicyRule, asker: &Asker<'_>) -> bool {
    let user = rule.users.is_empty() || rule.users.iter().any(|user| **user == **asker.who.name());
    let group = rule.groups.is_empty() || !asker.is_whole || is_in(rule, asker);
    user && group
}

fn is_in(rule: &PolicyRule, asker: &Asker<'_>) -> bool {
    asker.who.groups().iter().any(|group| rule.groups.iter().any(|of| **of == **group))
}

/// Whether a rule of the policy surely decides on every request that a piece of a role allows, if none before it does.
fn fits_all(rule: &PolicyRule, asker: &Asker<'_>, (namespace, piece): &Placed) -> bool {
    let user = rule.users.is_empty() || rule.users.iter().any(|user| **user == **asker.who.name());
    let group = rule.groups.is_empty() || is_in(rule, asker);
    let verbs = rule.verbs.is_empty() || piece.verbs.iter().all(|v| rule.verbs.iter().any(|of| **of == **v));
    if !(user && group && verbs) {
        return false;
    }
    if !piece.urls.is_empty() {
        let any = rule.resources.is_empty() && rule.namespaces.is_empty();
        let covers = |url: &Str| rule.urls.iter().any(|of| url_matches(of, url));
        return any && (rule.urls.is_empty() || piece.urls.iter().all(covers));
    }
    if !rule.urls.is_empty() && rule.resources.is_empty() && rule.namespaces.is_empty() {
        return false;
    }
    let here = rule.namespaces.is_empty()
        || (!namespace.is_empty() && rule.namespaces.iter().any(|of| **of == **namespace));
    let covers = |group: &Str, resource: &Str| {
        rule.resources.iter().any(|of| {
            let group = *of.group == **group || of.group == "*";
            let wide = of.resources.is_empty() || of.resources.iter().any(|r| r == "*" || **r == **resource);
            group && of.names.is_empty() && wide
        })
    };
    here && (rule.resources.is_empty()
        || piece.groups.iter().all(|group| piece.resources.iter().all(|resource| covers(group, resource))))
}

/// What a rule of the policy and a rule of a role have in common.
fn meet(hiding: &PolicyRule, namespace: &Str, rule: &Rule) -> Vec<Placed> {
    let verbs: Vec<Str> = if hiding.verbs.is_empty() {
        rule.verbs.clone()
    } else {
        let held = |verb: &&String| rule.verbs.iter().any(|of| verb_matches(of, verb));
        hiding.verbs.iter().filter(held).map(|verb| verb.as_str().into()).collect()
    };
    let mut found = Vec::new();
    if verbs.is_empty() {
        return found;
    }
    if hiding.resources.is_empty() && hiding.namespaces.is_empty() {
        let urls = urls(hiding, rule);
        if !urls.is_empty() {
            found.push(("".into(), Rule { verbs: verbs.clone(), urls, ..Rule::default() }));
        }
        if !hiding.urls.is_empty() {
            return found;
        }
    }
    let places: Vec<Str> = match (hiding.namespaces.as_slice(), &**namespace) {
        ([], _) => vec![namespace.clone()],
        (of, "") => of.iter().map(|namespace| namespace.as_str().into()).collect(),
        (of, here) => of.iter().filter(|of| *of == here).map(|_| namespace.clone()).collect(),
    };
    for place in places {
        for (group, resources, names) in objects(hiding, rule) {
            let groups = vec![group];
            found.push((
                place.clone(),
                Rule { verbs: verbs.clone(), groups, resources, names, urls: Vec::new() },
            ));
        }
    }
    found
}

fn urls(hiding: &PolicyRule, rule: &Rule) -> Vec<Str> {
    if hiding.urls.is_empty() {
        return rule.urls.clone();
    }
    let mut found: Vec<Str> = Vec::new();
    for of in &rule.urls {
        for hidden in &hiding.urls {
            // The narrower one of two that lie in one another; `*` at the end of a text is a text as well here.
            if url_matches(of, hidden) {
                found.push(hidden.as_str().into());
            } else if url_matches(hidden, of) {
                found.push(of.clone());
            }
        }
    }
    found
}

/// Group, resources and names that both have.
fn objects(hiding: &PolicyRule, rule: &Rule) -> Vec<(Str, Vec<Str>, Vec<Str>)> {
    let mut found = Vec::new();
    for group in &rule.groups {
        if hiding.resources.is_empty() {
            found.push((group.clone(), rule.resources.clone(), rule.names.clone()));
        }
        for of in &hiding.resources {
            let both: Str = match (of.group.as_str(), &**group) {
                ("*", _) => group.clone(),
                (of, group) if verb_matches(group, of) => of.into(),
                _ => continue,
            };
            let names: Vec<Str> = match (of.names.as_slice(), rule.names.as_slice()) {
                ([], names) => names.to_vec(),
                (names, []) => names.iter().map(|name| name.as_str().into()).collect(),
                (names, held) => {
                    held.iter().filter(|n| names.iter().any(|of| **of == ***n)).cloned().collect()
                }
            };
            if names.is_empty() && !of.names.is_empty() {
                continue;
            }
            let resources: Vec<Str> = if of.resources.is_empty() {
                rule.resources.clone()
            } else {
                rule.resources
                    .iter()
                    .flat_map(|held| of.resources.iter().filter_map(|of| common(held, of)))
                    .collect()
            };
            if !resources.is_empty() {
                found.push((both, resources, names));
            }
        }
    }
    found
}

/// What a resource of a role and one of a policy have in common; where no rule could say it, the role's.
fn common(held: &Str, of: &str) -> Option<Str> {
    if of == "*" || **held == *of {
        return Some(held.clone());
    }
    let (main, subresource) = of.split_once('/').unwrap_or((of, ""));
    if resource_matches(held, main, subresource) && subresource != "*" {
        return Some(of.into());
    }
    let (own, own_sub) = held.split_once('/').unwrap_or((held, ""));
    let overlaps = match (main, subresource) {
        // `*/scale` of a policy.
        ("*", sub) => own_sub == sub,
        // `pods/*` of a policy: every subresource, and pods as well.
        (main, "*") => &**held == "*" || own == main || own == "*",
        _ => false,
    };
    overlaps.then(|| held.clone())
}
