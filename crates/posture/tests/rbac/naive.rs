//! The second implementation. It never matches anything: each rule is written out as all that it grants, word for
//! word over a closed vocabulary, and a question is looked up in the set. An account is its user name and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Value, json};

pub(crate) const VERBS: &[&str] = &["get", "list", "create", "*"];
pub(crate) const GROUPS: &[&str] = &["", "apps", "*"];
pub(crate) const RESOURCES: &[&str] = &["pods", "secrets", "*"];
pub(crate) const SUBRESOURCES: &[&str] = &["", "exec", "log", "*"];
pub(crate) const NAMES: &[&str] = &["", "a", "b"];
pub(crate) const NAMESPACES: &[&str] = &["", "x", "y"];
pub(crate) const URLS: &[&str] =
    &["/", "/metrics", "/metrics/a", "/a/z/b", "/a/*/b", "/a/", "/metrics*", "*", ""];

const RULE_VERBS: &[&str] = &["get", "list", "create", "*", "Get", ""];
const RULE_GROUPS: &[&str] = &["", "apps", "*", "app"];
const RULE_RESOURCES: &[&str] = &[
    "pods",
    "secrets",
    "*",
    "pods/exec",
    "pods/log",
    "*/exec",
    "*/log",
    "pods/*",
    "*/*",
    "*/",
    "/exec",
    "pod",
    "",
];
const RULE_NAMES: &[&str] = &["", "a", "b", "*"];
const RULE_URLS: &[&str] =
    &["*", "/metrics", "/metrics*", "/metrics/*", "/a/*/b", "/a/*", "/*", "/metrics**", "/m*s", "", "/"];
const SCOPES: &[&str] = &["x", "y"];
const ROLES: &[&str] = &["r", "s", "t"];
const USERS: &[&str] = &["ann", "system:serviceaccount:x:a", "system:serviceaccount:y:b", "system:anonymous"];
const TEAMS: &[&str] = &[
    "dev",
    "system:serviceaccounts",
    "system:serviceaccounts:x",
    "system:serviceaccounts:y",
    "system:authenticated",
    "system:unauthenticated",
];

#[derive(Debug, Clone)]
pub(crate) struct Rule {
    verbs: Vec<&'static str>,
    groups: Vec<&'static str>,
    resources: Vec<&'static str>,
    names: Vec<&'static str>,
    urls: Vec<&'static str>,
}

#[derive(Debug, Clone)]
pub(crate) struct Role {
    /// None is a ClusterRole.
    namespace: Option<&'static str>,
    name: &'static str,
    rules: Rules,
}

#[derive(Debug, Clone)]
enum Rules {
    Listed(Vec<Rule>),
    Null,
    Missing,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Subject {
    Account(Option<&'static str>, &'static str),
    User(&'static str),
    Group(&'static str),
}

#[derive(Debug, Clone)]
pub(crate) struct Binding {
    /// None is a ClusterRoleBinding.
    namespace: Option<&'static str>,
    to_cluster_role: bool,
    role: &'static str,
    subjects: Vec<Subject>,
}

#[derive(Debug, Clone)]
pub(crate) struct Described {
    roles: Vec<Role>,
    bindings: Vec<Binding>,
}

fn some(of: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<&'static str>> + Clone {
    vec(select(of), 0..=most)
}

fn rule() -> impl Strategy<Value = Rule> {
    let names = prop_oneof![3 => Just(Vec::new()), 2 => some(RULE_NAMES, 2)];
    let urls = prop_oneof![2 => Just(Vec::new()), 1 => some(RULE_URLS, 2)];
    let words = (some(RULE_VERBS, 3), some(RULE_GROUPS, 2), some(RULE_RESOURCES, 3), names, urls);
    words.prop_map(|(verbs, groups, resources, names, urls)| Rule { verbs, groups, resources, names, urls })
}

fn role() -> impl Strategy<Value = Role> {
    let rules = prop_oneof![
        8 => vec(rule(), 0..4).prop_map(Rules::Listed),
        1 => Just(Rules::Null),
        1 => Just(Rules::Missing),
    ];
    (option::of(select(SCOPES)), select(ROLES), rules).prop_map(|(namespace, name, rules)| Role {
        namespace,
        name,
        rules,
    })
}

fn subject() -> impl Strategy<Value = Subject> {
    prop_oneof![
        (option::of(select(SCOPES)), select(&["a", "b"][..]))
            .prop_map(|(of, name)| Subject::Account(of, name)),
        select(USERS).prop_map(Subject::User),
        select(TEAMS).prop_map(Subject::Group),
    ]
}

fn binding() -> impl Strategy<Value = Binding> {
    let parts = (option::of(select(SCOPES)), any::<bool>(), select(ROLES), vec(subject(), 0..4));
    parts.prop_map(|(namespace, to_cluster_role, role, subjects)| Binding {
        namespace,
        to_cluster_role,
        role,
        subjects,
    })
}

pub(crate) fn described() -> impl Strategy<Value = Described> {
    (vec(role(), 0..6), vec(binding(), 0..7)).prop_map(|(roles, bindings)| Described { roles, bindings })
}

impl Described {
    /// As `kubectl get … -o json` would print it.
    pub(crate) fn list(&self) -> Value {
        let roles = self.roles.iter().map(|role| {
            let kind = if role.namespace.is_some() { "Role" } else { "ClusterRole" };
            let mut value = json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
                "metadata": {"name": role.name, "namespace": role.namespace},
            });
            match &role.rules {
                Rules::Listed(rules) => value["rules"] = rules.iter().map(written).collect(),
                Rules::Null => value["rules"] = Value::Null,
                Rules::Missing => {}
            }
            value
        });
        let bindings = self.bindings.iter().enumerate().map(|(number, binding)| {
            let kind = if binding.namespace.is_some() { "RoleBinding" } else { "ClusterRoleBinding" };
            let of = if binding.to_cluster_role { "ClusterRole" } else { "Role" };
            let subjects = binding.subjects.iter().map(|subject| match subject {
                Subject::Account(Some(namespace), name) => {
                    json!({"kind": "ServiceAccount", "name": name, "namespace": namespace})
                }
                Subject::Account(None, name) => json!({"kind": "ServiceAccount", "name": name}),
                Subject::User(name) => json!({"kind": "User", "name": name}),
                Subject::Group(name) => json!({"kind": "Group", "name": name}),
            });
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
                "metadata": {"name": format!("b{number}"), "namespace": binding.namespace},
                "roleRef": {"kind": of, "name": binding.role},
                "subjects": subjects.collect::<Value>(),
            })
        });
        json!({"apiVersion": "v1", "kind": "List", "items": roles.chain(bindings).collect::<Value>()})
    }

    /// All that anybody may do: a subject, the namespace it may in (`None` for everywhere), and what, in words.
    pub(crate) fn granted(&self) -> BTreeSet<(String, Option<&'static str>, String)> {
        // Where two have the same name, the later counts.
        let roles: BTreeMap<_, _> =
            self.roles.iter().map(|role| ((role.namespace, role.name), role)).collect();
        let mut granted = BTreeSet::new();
        for binding in &self.bindings {
            let lies_in = if binding.to_cluster_role { Some(None) } else { binding.namespace.map(Some) };
            let Some(role) = lies_in.and_then(|place| roles.get(&(place, binding.role))) else { continue };
            let Rules::Listed(rules) = &role.rules else { continue };
            for what in rules.iter().flat_map(written_out) {
                for name in binding.subjects.iter().filter_map(|subject| subject.known_as(binding.namespace))
                {
                    // A path lies in no namespace, so a RoleBinding never grants one.
                    granted.insert((name, binding.namespace, what.clone()));
                }
            }
        }
        granted
    }
}

impl Subject {
    /// The name that a request would come with, if there is one that it could.
    fn known_as(&self, namespace: Option<&str>) -> Option<String> {
        match self {
            Self::Account(own, name) => {
                let namespace = own.or(namespace)?;
                Some(format!("user system:serviceaccount:{namespace}:{name}"))
            }
            Self::User(name) => Some(format!("user {name}")),
            Self::Group(name) => Some(format!("group {name}")),
        }
    }
}

fn written(rule: &Rule) -> Value {
    json!({
        "verbs": rule.verbs, "apiGroups": rule.groups, "resources": rule.resources,
        "resourceNames": rule.names, "nonResourceURLs": rule.urls,
    })
}

/// The words that a word of a rule stands for.
fn meant(word: &str, vocabulary: &[&str]) -> Vec<String> {
    if word == "*" { vocabulary.iter().map(|&w| w.to_owned()).collect() } else { vec![word.to_owned()] }
}

fn resources_meant(word: &str) -> Vec<String> {
    let all = RESOURCES.iter().flat_map(|resource| {
        SUBRESOURCES.iter().map(move |sub| match *sub {
            "" => (*resource).to_owned(),
            sub => format!("{resource}/{sub}"),
        })
    });
    match word.split('/').collect::<Vec<_>>()[..] {
        ["*"] => all.collect(),
        ["*", sub] if !sub.is_empty() => {
            RESOURCES.iter().map(|resource| format!("{resource}/{sub}")).collect()
        }
        _ => vec![word.to_owned()],
    }
}

fn written_out(rule: &Rule) -> Vec<String> {
    let mut all = Vec::new();
    for verb in rule.verbs.iter().flat_map(|verb| meant(verb, VERBS)) {
        for group in rule.groups.iter().flat_map(|group| meant(group, GROUPS)) {
            for resource in rule.resources.iter().flat_map(|resource| resources_meant(resource)) {
                let names = if rule.names.is_empty() { NAMES } else { &rule.names };
                all.extend(names.iter().map(|name| in_words(&verb, &group, &resource, name)));
            }
        }
        for path in URLS {
            let fits = |url: &&str| match url.find(|_| url.ends_with('*')) {
                Some(_) => path.get(..url.trim_end_matches('*').len()) == Some(url.trim_end_matches('*')),
                None => url == path,
            };
            if rule.urls.iter().any(fits) {
                all.push(path_in_words(&verb, path));
            }
        }
    }
    all
}

pub(crate) fn in_words(verb: &str, group: &str, resource: &str, name: &str) -> String {
    format!("{verb} {group}:{resource} '{name}'")
}

pub(crate) fn path_in_words(verb: &str, path: &str) -> String {
    format!("{verb} path {path}")
}
