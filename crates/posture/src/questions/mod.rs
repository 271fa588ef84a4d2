//! Answers to single questions: everything about one object, lists that are no findings, and who can do what.

mod about;
mod asked;
mod lists;
mod resources;
mod who;

use hashbrown::HashMap;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use about::{About, about, granted};
pub use asked::{AskError, Asked};
pub use lists::{
    Bound, Listed, SecretRead, Seen, SubjectRow, TokenRead, secrets_in_pods, subjects, tokens_in_pods,
};
pub use resources::{Known, RESOURCES, known};
pub use who::{Holder, May, Near, Question, Reach, Target, WhoCan, may, who_can};

use crate::{
    model::{Account, Binding, Cluster, Meta, Role, Rule, Subject},
    rbac::{ANONYMOUS, AUTHENTICATED, MASTERS, UNAUTHENTICATED},
    report::Object,
};

/// One rule that somebody has, with the binding and the role it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// The rule in words, as `get, list secrets`.
    pub rule: String,
    /// The verbs.
    pub verbs: Vec<String>,
    /// The API groups; the core group is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// The resources, as `pods` or `pods/exec`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// The names that it is limited to; all where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Paths that are no resources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Where it holds: `cluster` or `namespace shop`; empty for a role that is not looked at through a binding.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// The binding, as `RoleBinding shop/orders`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub binding: String,
    /// Where the binding was read, as `FILE:LINE`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub binding_place: String,
    /// The role, as `Role shop/orders`.
    pub role: String,
    /// Where the role was read, as `FILE:LINE`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role_place: String,
    /// The subject of the binding that the holder is, where it is another: a group that it belongs to.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub through: String,
}

impl Grant {
    fn new(cluster: &Cluster, binding: Option<&Binding>, role: &Role, rule: &Rule) -> Self {
        let texts = |words: &[crate::model::Str]| words.iter().map(ToString::to_string).collect();
        Self {
            rule: in_words(rule),
            verbs: texts(&rule.verbs),
            groups: texts(&rule.groups),
            resources: texts(&rule.resources),
            names: texts(&rule.names),
            urls: texts(&rule.urls),
            scope: binding.map(scope).unwrap_or_default(),
            binding: binding.map(ToString::to_string).unwrap_or_default(),
            binding_place: binding.map(|b| cluster.place(b.meta.place)).unwrap_or_default(),
            role: role.to_string(),
            role_place: cluster.place(role.meta.place),
            through: String::new(),
        }
    }
}

/// Where what a binding hands out holds.
fn scope(binding: &Binding) -> String {
    if binding.cluster { "cluster".to_owned() } else { format!("namespace {}", binding.meta.namespace) }
}

/// A rule in words: `get, list secrets`, `get deployments of apps, only web`, `get /metrics`.
pub fn in_words(rule: &Rule) -> String {
    let verbs = rule.verbs.join(", ");
    let mut targets = Vec::new();
    if !rule.resources.is_empty() {
        let mut said = rule.resources.join(", ");
        match &rule.groups[..] {
            [] => said.push_str(" of no group"),
            [core] if core.is_empty() => {}
            [all] if **all == *"*" => said.push_str(" of all groups"),
            groups => {
                let names: Vec<&str> = groups.iter().map(|g| if g.is_empty() { "core" } else { g }).collect();
                said.push_str(" of ");
                said.push_str(&names.join(", "));
            }
        }
        if !rule.names.is_empty() {
            said.push_str(", only ");
            said.push_str(&rule.names.join(", "));
        }
        targets.push(said);
    }
    if !rule.urls.is_empty() {
        targets.push(rule.urls.join(", "));
    }
    match (verbs.is_empty(), targets.is_empty()) {
        (true, _) => format!("no verb on {}", targets.join(" and ")),
        (false, true) => format!("{verbs} on nothing"),
        (false, false) => format!("{verbs} {}", targets.join(" and ")),
    }
}

/// Who the members of a group are, for the groups that Kubernetes itself fills; empty for others and for no groups.
pub fn members(subject: &Subject) -> String {
    match subject {
        Subject::User(name) if **name == *ANONYMOUS => "every request without a credential".into(),
        Subject::Group(name) => match &**name {
            AUTHENTICATED => "every authenticated identity".into(),
            UNAUTHENTICATED => "every request without a credential".into(),
            MASTERS => "members may do everything anyway".into(),
            "system:nodes" => "every node".into(),
            "system:serviceaccounts" => "every account".into(),
            name => match name.strip_prefix("system:serviceaccounts:") {
                Some(namespace) => format!("every account in {namespace}"),
                None => String::new(),
            },
        },
        _ => String::new(),
    }
}

fn object(cluster: &Cluster, kind: &str, meta: &Meta) -> Object {
    let place = cluster.place(meta.place);
    named(kind, &meta.namespace, &meta.name, place, meta.created)
}

fn named(kind: &str, namespace: &str, name: &str, place: String, created: Option<Timestamp>) -> Object {
    Object { kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.to_owned(), place, created }
}

/// The accounts that were read, by namespace and name.
type Accounts<'c> = HashMap<(&'c str, &'c str), &'c Account>;

fn accounts(cluster: &Cluster) -> Accounts<'_> {
    cluster
        .accounts
        .iter()
        .map(|account| ((&*account.meta.namespace, &*account.meta.name), account))
        .collect()
}

/// A subject as an object: an account with its place and age, where it was read.
fn subject_object(cluster: &Cluster, accounts: &Accounts<'_>, subject: &Subject) -> Object {
    let known = match subject {
        Subject::Account { namespace, name } => accounts.get(&(&**namespace, &**name)),
        _ => None,
    };
    match known {
        Some(account) => object(cluster, subject.kind(), &account.meta),
        None => named(subject.kind(), subject.namespace(), subject.name(), String::new(), None),
    }
}
