//! Rules taken apart: one verb on one resource or path, for one name or all, where it holds.

use sundew_posture::{
    model::{Rule, Str},
    rbac::{resource_matches, url_matches, verb_matches},
};

/// A rule and where it holds: in a namespace, or where that is empty, in the cluster.
pub(super) type Placed = (Str, Rule);

/// Each verb on each resource and path of a rule, as rules that hold nothing else.
pub(super) fn apart(rule: &Rule) -> Vec<Rule> {
    let mut found = Vec::new();
    for verb in &rule.verbs {
        let verbs = vec![verb.clone()];
        for group in &rule.groups {
            for resource in &rule.resources {
                // A rule without names is one for all.
                let each: Vec<Vec<Str>> = match rule.names.as_slice() {
                    [] => vec![Vec::new()],
                    names => names.iter().map(|name| vec![name.clone()]).collect(),
                };
                found.extend(each.into_iter().map(|names| Rule {
                    verbs: verbs.clone(),
                    groups: vec![group.clone()],
                    resources: vec![resource.clone()],
                    names,
                    urls: Vec::new(),
                }));
            }
        }
        found.extend(rule.urls.iter().map(|url| Rule {
            verbs: verbs.clone(),
            urls: vec![url.clone()],
            ..Rule::default()
        }));
    }
    found
}

/// Whether something that was taken apart is held by one of these rules, whatever the cluster has.
pub(super) fn is_held<'p>(mut by: impl Iterator<Item = &'p Placed>, namespace: &str, atom: &Rule) -> bool {
    by.any(|(place, rule)| (place.is_empty() || **place == *namespace) && holds(rule, atom))
}

/// Whether a rule holds something that was taken apart.
pub(super) fn holds(rule: &Rule, atom: &Rule) -> bool {
    let all = |atoms: &[Str], is: &dyn Fn(&str) -> bool| atoms.iter().all(|of| is(of));
    let verbs = all(&atom.verbs, &|verb| rule.verbs.iter().any(|of| verb_matches(of, verb)));
    if !atom.urls.is_empty() {
        return verbs && all(&atom.urls, &|url| rule.urls.iter().any(|of| url_matches(of, url)));
    }
    let resources = all(&atom.resources, &|resource| {
        let (main, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        rule.resources.iter().any(|of| resource_matches(of, main, subresource))
    });
    let names = rule.names.is_empty()
        || (!atom.names.is_empty() && all(&atom.names, &|name| rule.names.iter().any(|of| **of == *name)));
    verbs
        && resources
        && names
        && all(&atom.groups, &|group| rule.groups.iter().any(|of| verb_matches(of, group)))
}

/// Those that differ in their verbs alone as one, and then those that differ in their resources or names alone.
pub(super) fn together(atoms: Vec<Rule>) -> Vec<Rule> {
    let mut found: Vec<Rule> = Vec::new();
    for atom in atoms {
        let same = |rule: &&mut Rule| {
            rule.groups == atom.groups
                && rule.resources == atom.resources
                && rule.names == atom.names
                && rule.urls == atom.urls
        };
        match found.iter_mut().find(same) {
            Some(rule) => rule
                .verbs
                .extend(atom.verbs.into_iter().filter(|v| !rule.verbs.contains(v)).collect::<Vec<_>>()),
            None => found.push(atom),
        }
    }
    let mut joined: Vec<Rule> = Vec::new();
    for rule in found {
        let alike = |of: &&mut Rule| {
            of.verbs == rule.verbs && of.groups == rule.groups && of.urls.is_empty() == rule.urls.is_empty()
        };
        match joined
            .iter_mut()
            .filter(alike)
            .find(|of| of.names == rule.names || of.resources == rule.resources)
        {
            Some(of) if of.names == rule.names => {
                of.resources.extend(rule.resources);
                of.urls.extend(rule.urls);
            }
            Some(of) => of.names.extend(rule.names),
            None => joined.push(rule),
        }
    }
    joined
}
