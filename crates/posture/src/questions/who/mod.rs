//! Who can do one thing, and whether one identity can, each with the rules that say so.

mod question;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use question::{Question, Reach, Target};

use super::{Grant, accounts, members, subject_object};
use crate::{
    model::{Binding, Rule, Subject},
    rbac::{Allowed, Identity, Rbac, Request},
    report::{Object, Unread},
};

/// Who can do one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WhoCan {
    /// What was asked, as `get secrets in shop`.
    pub question: String,
    /// Who can, with the grants that let them. Members of a group are not listed one by one: the group stands for them.
    pub who: Vec<Holder>,
    /// Who can a part of it only: in single namespaces where all were asked for, or for given names where any was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partly: Vec<Holder>,
    /// How the question was taken, where it could mean something else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
    /// What to know beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What could not be read: more may be able to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
}

/// A subject that can, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    /// The subject.
    pub subject: Object,
    /// Who the members of a group are, where Kubernetes itself fills it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub members: String,
    /// The rules that let it.
    pub because: Vec<Grant>,
}

/// Whether one identity can do one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct May {
    /// What was asked.
    pub question: String,
    /// Who would do it.
    pub who: String,
    /// Whether it may.
    pub allowed: bool,
    /// The rules that let it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<Grant>,
    /// What lets it beside RBAC.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
    /// Where it may not: the rules that come nearest, with what each lacks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub near: Vec<Near>,
    /// How the question was taken, where it could mean something else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
    /// What to know beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What could not be read: it may be able to all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
}

/// A rule that nearly allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Near {
    /// The rule.
    pub grant: Grant,
    /// What keeps it from allowing, as `the verb list is missing`.
    pub lacks: String,
}

/// The most near misses that are told.
const MOST_NEAR: usize = 3;

/// Who can do what is asked.
pub fn who_can(rbac: &Rbac<'_>, question: &Question) -> WhoCan {
    let cluster = rbac.cluster();
    let request = question.request();
    let mut full: BTreeMap<&Subject, Vec<Grant>> = BTreeMap::new();
    let mut partly: BTreeMap<&Subject, Vec<Grant>> = BTreeMap::new();
    // Many bindings grant one role.
    let mut fits: Vec<Option<Vec<(usize, bool)>>> = vec![None; cluster.roles.len()];
    for (index, binding) in cluster.bindings.iter().enumerate() {
        let Some(number) = rbac.role_of(index) else { continue };
        let role = &cluster.roles[number];
        let rules = fits[number].get_or_insert_with(|| {
            let fit = |(rule, of): (usize, &Rule)| fits_rule(&request, of).map(|whole| (rule, whole));
            role.rules.iter().enumerate().filter_map(fit).collect()
        });
        if rules.is_empty() {
            continue;
        }
        let Some(there) = question.reaches(binding) else { continue };
        for &(rule, whole) in &*rules {
            let list = if whole && there { &mut full } else { &mut partly };
            for subject in &binding.subjects {
                list.entry(subject).or_default().push(Grant::new(
                    cluster,
                    Some(binding),
                    role,
                    &role.rules[rule],
                ));
            }
        }
    }
    let accounts = accounts(cluster);
    let holders = |found: BTreeMap<&Subject, Vec<Grant>>| {
        let holder = |(subject, because): (&Subject, Vec<Grant>)| Holder {
            subject: subject_object(cluster, &accounts, subject),
            members: members(subject),
            because,
        };
        found.into_iter().map(holder).collect()
    };
    partly.retain(|subject, _| !full.contains_key(subject));
    WhoCan {
        question: question.to_string(),
        who: holders(full),
        partly: holders(partly),
        doubts: question.doubts(),
        notes: question.notes_for_all(cluster.version),
        unread: unread(rbac),
    }
}

/// Whether a rule allows the request: wholly, or for the names that it lists where the request is about any.
fn fits_rule(request: &Request<'_>, rule: &Rule) -> Option<bool> {
    if request.is_allowed_by(rule) {
        return Some(true);
    }
    let crate::rbac::Target::Resource { subresource, name: "", .. } = request.target else { return None };
    // What is made, or deleted in a heap, has no name that could match.
    if subresource.is_empty() && matches!(request.verb, "create" | "deletecollection") {
        return None;
    }
    let name = rule.names.first()?;
    request.named(name).is_allowed_by(rule).then_some(false)
}

/// Whether an identity can do what is asked. Where any namespace is meant, in which it can.
pub fn may(rbac: &Rbac<'_>, question: &Question, identity: &Identity) -> May {
    let cluster = rbac.cluster();
    let request = question.request();
    let mut found = May {
        question: question.to_string(),
        who: identity.to_string(),
        allowed: false,
        because: Vec::new(),
        beside: Vec::new(),
        near: Vec::new(),
        doubts: question.doubts(),
        notes: question.notes(cluster.version),
        unread: unread(rbac),
    };
    for allowed in rbac.why(identity, &request) {
        match allowed {
            Allowed::Masters => {
                found.beside.push("it is in system:masters, for which no authorizer is asked".into());
            }
            Allowed::Node(why) => {
                found.beside.push(format!("the Node authorizer lets it: {why}"));
            }
            // These come below, in every namespace that is meant.
            Allowed::Rule { .. } => {}
        }
    }
    let own = identity.subjects();
    let mut near: Vec<(usize, Near)> = Vec::new();
    for subject in &own {
        for &index in rbac.bindings_of(subject) {
            let Some(number) = rbac.role_of(index) else { continue };
            let (binding, role) = (&cluster.bindings[index], &cluster.roles[number]);
            for rule in role.rules.iter() {
                let lacks = lacks(question, &request, binding, rule);
                if lacks.len() > 1 {
                    continue;
                }
                let through = if Some(subject) == own.first() { String::new() } else { subject.to_string() };
                let grant = Grant { through, ..Grant::new(cluster, Some(binding), role, rule) };
                match lacks.into_iter().next() {
                    None => found.because.push(grant),
                    Some((rank, lacks)) => near.push((rank, Near { grant, lacks })),
                }
            }
        }
    }
    found.allowed = !found.because.is_empty() || !found.beside.is_empty();
    if !found.allowed {
        near.sort_by_key(|(rank, _)| *rank);
        found.near = near.into_iter().map(|(_, near)| near).take(MOST_NEAR).collect();
    }
    found
}

/// What keeps a rule from allowing the request, each with how far off that is: nothing where it does allow it.
fn lacks(question: &Question, request: &Request<'_>, binding: &Binding, rule: &Rule) -> Vec<(usize, String)> {
    let mut lacks = Vec::new();
    match question.reaches(binding) {
        Some(true) => {}
        Some(false) => lacks.push((1, format!("it holds in namespace {} only", binding.meta.namespace))),
        None if question.is_wide() => {
            lacks.push((
                1,
                format!(
                    "{} belongs to no namespace, and a RoleBinding gives nothing on such",
                    question.target
                ),
            ));
        }
        None => lacks.push((1, format!("it holds in namespace {}", binding.meta.namespace))),
    }
    let is_word =
        |words: &[crate::model::Str], asked: &str| words.iter().any(|w| **w == *"*" || **w == *asked);
    if !is_word(&rule.verbs, request.verb) {
        lacks.push((3, format!("the verb {} is missing", request.verb)));
    }
    match request.target {
        crate::rbac::Target::Url(path) => {
            if !rule.urls.iter().any(|url| crate::rbac::url_matches(url, path)) {
                // A rule about other things is not near.
                lacks.extend([(9, String::new()), (9, String::new())]);
            }
        }
        crate::rbac::Target::Resource { group, resource, subresource, name, .. } => {
            if !is_word(&rule.groups, group) {
                let said = if group.is_empty() { "the core API group (\"\")" } else { group };
                lacks.push((2, format!("the API group {said} is missing")));
            }
            let matches = |of: &crate::model::Str| crate::rbac::resource_matches(of, resource, subresource);
            if !rule.resources.iter().any(matches) {
                if !subresource.is_empty() && rule.resources.iter().any(|of| **of == *resource) {
                    lacks.push((2, format!("{resource} does not cover {resource}/{subresource}")));
                } else {
                    lacks.extend([(9, String::new()), (9, String::new())]);
                }
            }
            if !rule.names.is_empty() && !is_name(&rule.names, name) {
                lacks.push((
                    0,
                    match name {
                        "" => format!("it is for {} only, not for any", rule.names.join(", ")),
                        name => format!("it is for {} only, not for {name}", rule.names.join(", ")),
                    },
                ));
            }
        }
    }
    lacks
}

fn is_name(names: &[crate::model::Str], name: &str) -> bool {
    names.iter().any(|of| **of == *name)
}

/// The kinds without which nobody can tell who can do what.
fn unread(rbac: &Rbac<'_>) -> Vec<Unread> {
    let absent = rbac.cluster().absent.iter().filter(|absent| {
        matches!(&*absent.resource, "roles" | "clusterroles" | "rolebindings" | "clusterrolebindings")
            // A file that could not be read may have held any of them.
            || absent.resource.contains(['.', '/'])
    });
    absent.map(|a| Unread { resource: a.resource.to_string(), reason: a.reason.clone() }).collect()
}
