//! From what was used to a role that holds no more.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Usage, Used, What, implied};
use crate::{
    assess::words,
    model::{Rule, Str, Subject},
    rbac::{Allowed, Identity, Rbac, Request},
    report::Object,
};

/// What one identity has, what it used of it, and what would be enough.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Narrowed {
    /// The identity.
    pub subject: Object,
    /// How many requests it made.
    pub requests: u64,
    /// The first event of the logs: what was used before is not known.
    #[schemars(with = "Option<String>")]
    pub from: Option<Timestamp>,
    /// The last event of the logs.
    #[schemars(with = "Option<String>")]
    pub to: Option<Timestamp>,
    /// Each rule that it has by bindings of its own, and whether it used it.
    pub grants: Vec<GrantUse>,
    /// Roles and bindings that hold what was used and no more, as YAML; nothing where nothing was used.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub manifest: String,
    /// Whether there was more in the logs than is remembered: then an unused rule may have been used.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub incomplete: bool,
}

/// A rule and whether it was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GrantUse {
    /// The binding, as `RoleBinding shop/orders`.
    pub binding: String,
    /// The role, as `Role shop/orders`.
    pub role: String,
    /// The rule, as `get, list pods`.
    pub rule: String,
    /// Whether any request needed it.
    pub used: bool,
}

/// What would be enough for a subject. A group has no requests of its own, and nothing is said of it.
pub fn narrow(rbac: &Rbac<'_>, usage: &Usage, subject: &Subject) -> Option<Narrowed> {
    if let Subject::Group(_) = subject {
        return None;
    }
    let who = Identity::of(subject);
    let nothing = Used::default();
    let used = usage.of(who.name()).unwrap_or(&nothing);
    let mut needed: BTreeMap<(usize, usize), bool> = BTreeMap::new();
    let cluster = rbac.cluster();
    let own = who.subjects().into_iter().filter(|of| !matches!(of, Subject::Group(_)));
    let bindings: BTreeSet<usize> = own.flat_map(|of| rbac.bindings_of(&of).to_vec()).collect();
    for &binding in &bindings {
        let Some(role) = rbac.role_of(binding) else { continue };
        for rule in 0..cluster.roles[role].rules.len() {
            needed.insert((binding, rule), false);
        }
    }
    let mut own = Own { rbac, needed };
    let mut enough = Enough::default();
    for (what, names) in &used.uses {
        let each = names.some.iter().map(|name| &**name).chain(names.any.then_some(""));
        let mut kept: BTreeSet<&str> = BTreeSet::new();
        for name in each {
            let why = rbac.why(&who, &what.request(name));
            if !why.is_empty() && why.iter().all(is_own) {
                own.need(&what.request(name));
                kept.insert(name);
            }
        }
        let of_more = if names.more { own.need_any_name(what) } else { Vec::new() };
        if kept.is_empty() && of_more.is_empty() {
            continue;
        }
        for implied in implied::by(what) {
            for names in own.need_any_name(&implied) {
                enough.add(&implied, names.iter().map(ToString::to_string).collect());
            }
        }
        // Names of what comes and goes, such as pods, would stop the workload tomorrow. Those of Secrets and
        // configuration stay, and so do those that the rule names itself: no more is handed out than there was.
        let every = own.has_every_name(what);
        if every && (!what.is_lasting() || names.more || kept.contains("")) {
            enough.add(what, Vec::new());
            continue;
        }
        kept.remove("");
        let given = of_more.into_iter().flatten().map(|name| &**name);
        let names: BTreeSet<&str> = kept.into_iter().chain(given).collect();
        enough.add(what, names.into_iter().map(ToOwned::to_owned).collect());
    }
    let grants = own.needed.into_iter().filter_map(|((binding, rule), used)| {
        let role = &cluster.roles[rbac.role_of(binding)?];
        let binding = cluster.bindings[binding].to_string();
        Some(GrantUse { binding, role: role.to_string(), rule: words::rule(&role.rules[rule]), used })
    });
    Some(Narrowed {
        subject: words::subject(subject),
        requests: used.requests,
        from: usage.first,
        to: usage.last,
        grants: grants.collect(),
        manifest: enough.manifest(subject),
        incomplete: used.overflowed,
    })
}

/// The rules that a subject has by bindings of its own.
struct Own<'o, 'c> {
    rbac: &'o Rbac<'c>,
    /// By binding and rule, whether a request needed it.
    needed: BTreeMap<(usize, usize), bool>,
}

impl<'c> Own<'_, 'c> {
    /// The rules that allow a request, or would for some name where `any_name`.
    fn allowing(&self, request: &Request<'_>, any_name: bool) -> Vec<((usize, usize), &'c Rule)> {
        let cluster = self.rbac.cluster();
        let allows = |rule: &Rule| {
            let name = rule.names.first().filter(|_| any_name);
            name.map_or(*request, |name| request.named(name)).is_allowed_by(rule)
        };
        let rules = self.needed.keys().filter_map(|&(binding, rule)| {
            let of = &cluster.bindings[binding];
            let here = of.cluster || *of.meta.namespace == *request.namespace();
            let role = self.rbac.role_of(binding).filter(|_| here)?;
            Some(((binding, rule), &cluster.roles[role].rules[rule]))
        });
        rules.filter(|(_, rule)| allows(rule)).collect()
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
}

/// Whether it is allowed by something of the subject's own, and not by what everybody has.
fn is_own(allowed: &Allowed<'_>) -> bool {
    matches!(allowed, Allowed::Rule { subject, .. } if !matches!(subject, Subject::Group(_)))
}

/// Resources with the names they are limited to; no names for all.
type Resource = (String, String, Vec<String>);

/// Resources of one group with the same names and verbs, which one rule says together.
type Alike<'e> = (&'e str, &'e [String], &'e BTreeSet<String>);

/// What is enough, by namespace: the empty one is the cluster.
#[derive(Default)]
struct Enough {
    resources: BTreeMap<String, BTreeMap<Resource, BTreeSet<String>>>,
    urls: BTreeMap<String, BTreeSet<String>>,
}

impl Enough {
    fn add(&mut self, what: &What, names: Vec<String>) {
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

    fn manifest(&self, subject: &Subject) -> String {
        let mut text = String::new();
        let name: String = subject
            .name()
            .chars()
            .map(|c| {
                // All else may stand in the name of a role.
                if matches!(c, '/' | '%') { '-' } else { c }
            })
            .collect();
        // Accounts of two namespaces may have one name, and their roles must not.
        let name = match subject {
            Subject::Account { namespace, .. } => format!("{namespace}:{name}:least"),
            _ => format!("{name}:least"),
        };
        let mut namespaces: BTreeSet<&str> = self.resources.keys().map(String::as_str).collect();
        if !self.urls.is_empty() {
            namespaces.insert("");
        }
        for namespace in namespaces {
            // Resources of one group with the same verbs and names are one rule.
            let mut rules: BTreeMap<Alike<'_>, Vec<&str>> = BTreeMap::new();
            for ((group, resource, names), verbs) in self.resources.get(namespace).into_iter().flatten() {
                rules.entry((group, names, verbs)).or_default().push(resource);
            }
            let kind = if namespace.is_empty() { "ClusterRole" } else { "Role" };
            head(&mut text, kind, &name, namespace);
            text.push_str("rules:\n");
            for ((group, names, verbs), resources) in rules {
                _ = writeln!(text, "  - apiGroups: {}", quoted([group]));
                _ = writeln!(text, "    resources: {}", quoted(resources));
                if !names.is_empty() {
                    _ = writeln!(text, "    resourceNames: {}", quoted(names));
                }
                _ = writeln!(text, "    verbs: {}", quoted(verbs));
            }
            if namespace.is_empty() {
                for (path, verbs) in &self.urls {
                    _ = writeln!(
                        text,
                        "  - nonResourceURLs: {}\n    verbs: {}",
                        quoted([path]),
                        quoted(verbs)
                    );
                }
            }
            head(&mut text, &format!("{kind}Binding"), &name, namespace);
            _ = writeln!(
                text,
                "roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {kind}\n  name: {}",
                quote(&name)
            );
            _ = writeln!(
                text,
                "subjects:\n  - kind: {}\n    name: {}",
                subject.kind(),
                quote(subject.name())
            );
            match subject {
                Subject::Account { namespace, .. } => {
                    _ = writeln!(text, "    namespace: {}", quote(namespace));
                }
                _ => text.push_str("    apiGroup: rbac.authorization.k8s.io\n"),
            }
        }
        text
    }
}

fn head(text: &mut String, kind: &str, name: &str, namespace: &str) {
    if !text.is_empty() {
        text.push_str("---\n");
    }
    _ = writeln!(
        text,
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: {}",
        quote(name)
    );
    if !namespace.is_empty() {
        _ = writeln!(text, "  namespace: {}", quote(namespace));
    }
}

/// A JSON string, which is a YAML one too, whatever is in it.
fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn quoted<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = texts.into_iter().map(|text| quote(text.as_ref())).collect();
    format!("[{}]", texts.join(", "))
}
