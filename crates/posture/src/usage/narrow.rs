//! From what was used to a role that holds no more.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Least, Usage,
    least::{Margin, Purpose, least},
    manifest::{binding_yaml, role_yaml},
};
use crate::{
    assess::words,
    model::{Rule, Subject},
    rbac::Rbac,
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
    let least = least(rbac, usage, subject, Margin::None, Purpose::Show)?;
    let documents = least.objects(subject, &role_name(subject));
    let documents: Vec<String> =
        documents.iter().flat_map(|(role, binding)| [role_yaml(role), binding_yaml(binding)]).collect();
    Some(Narrowed {
        subject: words::subject(subject),
        requests: least.requests,
        from: usage.first,
        to: usage.last,
        grants: least.grants(rbac),
        manifest: documents.join("---\n"),
        incomplete: least.is_incomplete,
    })
}

impl Least {
    /// Each rule that the identity has by bindings of its own, in words, and whether a request needed it.
    pub fn grants(&self, rbac: &Rbac<'_>) -> Vec<GrantUse> {
        let cluster = rbac.cluster();
        let grants = self.needed.iter().filter_map(|(&(binding, rule), &used)| {
            let role = &cluster.roles[rbac.role_of(binding)?];
            let binding = cluster.bindings[binding].to_string();
            Some(GrantUse { binding, role: role.to_string(), rule: words::rule(&role.rules[rule]), used })
        });
        grants.collect()
    }
}

/// A rule in words: `get, list pods`, `* deployments of apps, only web`.
pub fn rule_in_words(rule: &Rule) -> String {
    words::rule(rule)
}

/// A name for roles of a subject, which no other subject has.
pub fn role_name(subject: &Subject) -> String {
    // All else may stand in the name of a role.
    let name = subject.name().replace(['/', '%'], "-");
    match subject {
        // Accounts of two namespaces may have one name, and their roles must not.
        Subject::Account { namespace, .. } => format!("{namespace}:{name}:least"),
        _ => format!("{name}:least"),
    }
}
