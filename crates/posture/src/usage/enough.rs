//! Rules as they grow: what is enough, by namespace.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
};

use super::What;
use crate::model::{Rule, Str};

/// A group and a resource, with the names it is limited to; no names for all.
type Resource = (String, String, Vec<String>);

/// Resources of one group with the same names and verbs, which one rule says together.
type Alike<'e> = (&'e str, &'e [String], &'e BTreeSet<String>);

/// What is enough, by namespace: the empty one is the cluster.
#[derive(Debug, Clone, Default)]
pub(super) struct Enough {
    resources: BTreeMap<String, BTreeMap<Resource, BTreeSet<String>>>,
    urls: BTreeMap<String, BTreeSet<String>>,
}

impl Enough {
    /// A verb on a resource or a path, limited to names or not.
    pub(super) fn add(&mut self, what: &What, names: Vec<String>) {
        match what {
            What::Url { path, verb } => {
                _ = self.urls.entry(path.to_string()).or_default().insert(verb.to_string());
            }
            What::Resource { group, resource, subresource, namespace, verb } => {
                let full = if subresource.is_empty() {
                    resource.to_string()
                } else {
                    format!("{resource}/{subresource}")
                };
                let here = self.resources.entry(namespace.to_string()).or_default();
                here.entry((group.to_string(), full, names)).or_default().insert(verb.to_string());
            }
        }
    }

    /// A rule as it stands.
    pub(super) fn add_rule(&mut self, namespace: &str, rule: &Rule) {
        for url in rule.urls.iter().filter(|_| namespace.is_empty()) {
            self.urls.entry(url.to_string()).or_default().extend(rule.verbs.iter().map(ToString::to_string));
        }
        let mut names: Vec<String> = rule.names.iter().map(ToString::to_string).collect();
        names.sort_unstable();
        for group in &rule.groups {
            for resource in &rule.resources {
                let here = self.resources.entry(namespace.to_owned()).or_default();
                let key = (group.to_string(), resource.to_string(), names.clone());
                here.entry(key).or_default().extend(rule.verbs.iter().map(ToString::to_string));
            }
        }
    }

    /// Takes away each verb on a resource or path for which `keeps` answers false.
    pub(super) fn retain(&mut self, keeps: &mut dyn FnMut(&str, &Rule) -> bool) {
        for (namespace, here) in &mut self.resources {
            for ((group, resource, names), verbs) in here.iter_mut() {
                verbs.retain(|verb| {
                    let rule = Rule {
                        verbs: strs([verb]),
                        groups: strs([&group]),
                        resources: strs([&resource]),
                        names: strs(names),
                        urls: Vec::new(),
                    };
                    keeps(namespace, &rule)
                });
            }
            here.retain(|_, verbs| !verbs.is_empty());
        }
        self.resources.retain(|_, here| !here.is_empty());
        for (path, verbs) in &mut self.urls {
            verbs.retain(|verb| {
                keeps("", &Rule { verbs: strs([verb]), urls: strs([path]), ..Rule::default() })
            });
        }
        self.urls.retain(|_, verbs| !verbs.is_empty());
    }

    /// Takes away what something else in it says already: with all names, or for the whole cluster.
    pub(super) fn tidy(&mut self) {
        let whole = self.resources.get("").cloned().unwrap_or_default();
        for (namespace, here) in &mut self.resources {
            let before = here.clone();
            for ((group, resource, names), verbs) in here.iter_mut() {
                let every = (group.clone(), resource.clone(), Vec::new());
                let mut said: Vec<&BTreeSet<String>> = Vec::new();
                if !names.is_empty() {
                    said.extend(before.get(&every));
                }
                if !namespace.is_empty() {
                    said.extend(whole.get(&every));
                    let same = (group.clone(), resource.clone(), names.clone());
                    said.extend(whole.get(&same));
                }
                verbs.retain(|verb| !said.iter().any(|said| said.contains(verb) || said.contains("*")));
                if verbs.contains("*") {
                    verbs.retain(|verb| verb == "*");
                }
            }
            here.retain(|_, verbs| !verbs.is_empty());
        }
        self.resources.retain(|_, here| !here.is_empty());
    }

    /// The rules, by namespace.
    pub(super) fn rules(&self) -> BTreeMap<String, Vec<Rule>> {
        let mut found: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
        for (namespace, here) in &self.resources {
            // Resources of one group with the same verbs and names are one rule.
            let mut alike: BTreeMap<Alike<'_>, Vec<&str>> = BTreeMap::new();
            for ((group, resource, names), verbs) in here {
                alike.entry((group, names, verbs)).or_default().push(resource);
            }
            let rules = alike.into_iter().map(|((group, names, verbs), resources)| Rule {
                verbs: strs(verbs),
                groups: strs([group]),
                resources: strs(resources),
                names: strs(names),
                urls: Vec::new(),
            });
            found.entry(namespace.clone()).or_default().extend(rules);
        }
        for (path, verbs) in &self.urls {
            let rule = Rule { verbs: strs(verbs), urls: strs(iter::once(path)), ..Rule::default() };
            found.entry(String::new()).or_default().push(rule);
        }
        found
    }
}

fn strs<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Vec<Str> {
    texts.into_iter().map(|text| Str::from(text.as_ref())).collect()
}
