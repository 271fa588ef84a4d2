//! The file of one risk, read from YAML.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sundew_decoy::yaml::{self, YamlError};
use thiserror::Error;

use crate::{Severity, model::Version};

/// What is wrong with a risk's file.
#[derive(Debug, Error)]
pub enum RiskError {
    /// It is not YAML of this shape.
    #[error("{file}: {source}")]
    Shape {
        /// Which file.
        file: String,
        /// What and where.
        source: YamlError,
    },
    /// It says something that cannot be.
    #[error("{file}: {problem}")]
    Sense {
        /// Which file.
        file: String,
        /// What, and what to do.
        problem: String,
    },
}

/// Grants that let their holder become more than they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Risk {
    /// A stable name, as `secrets-read`.
    pub id: String,
    /// A few words for a column, as `reads Secrets`: a verb and its object, with the holder understood before it.
    pub title: String,
    /// What the holder gets, in a sentence.
    pub gives: String,
    /// What makes it: all of these, each from any role of the holder.
    pub grants: Vec<Grant>,
    /// Where it must be granted.
    pub scope: Scope,
    /// The only namespaces where it matters, for what matters in some only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// The versions of Kubernetes in which it holds; all where nothing is said.
    #[serde(default, skip_serializing_if = "Range::is_all")]
    pub kubernetes: Range,
    /// How bad it is, by where it is granted.
    pub severity: Severities,
    /// What the holder becomes, as a step to more; nothing where it is bad in itself only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub becomes: Option<Becomes>,
    /// Technique ids of MITRE ATT&CK.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attack: Vec<String>,
    /// What to do instead, in a sentence or two.
    pub fix: String,
    /// Where to read more.
    pub reference: String,
}

/// One of the grants that make a risk: any of the verbs on any of the resources in any of the groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Grant {
    /// Any of these verbs. `*` asks for a grant of all verbs.
    pub verbs: Vec<String>,
    /// Any of these resources, as `pods` or `pods/exec`. `*` asks for a grant of all resources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Any of these API groups; the core group is empty. `*` asks for a grant of all groups.
    #[serde(default = "core", skip_serializing_if = "is_core")]
    pub groups: Vec<String>,
    /// It matters for objects of these names only; a grant of all names is one of these too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// It must be granted in the whole cluster, also where the others of the risk may be granted in one namespace.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cluster_wide: bool,
}

fn core() -> Vec<String> {
    vec![String::new()]
}

fn is_core(groups: &[String]) -> bool {
    groups == [""]
}

/// Where a risk must be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// In the whole cluster: in one namespace it gives nothing.
    Cluster,
    /// In one namespace, or the cluster.
    Namespace,
}

/// Versions from one, up to but without another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The first version in which it holds, as `"1.36"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub from: Option<Version>,
    /// The first version in which it holds no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub before: Option<Version>,
}

impl Range {
    fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it holds in `version`. Of an unknown version the worse is taken: it holds.
    pub fn holds(&self, version: Option<Version>) -> bool {
        version.is_none_or(|v| {
            self.from.is_none_or(|from| v >= from) && self.before.is_none_or(|before| v < before)
        })
    }
}

/// How bad a risk is, by where it is granted. Where one is not given, the next wider one less a step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Severities {
    /// In the whole cluster.
    pub cluster: Severity,
    /// In `kube-system`; as in the cluster where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kube_system: Option<Severity>,
    /// In one other namespace; not used where the scope is the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Severity>,
    /// For objects of given names only (`resourceNames`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<Severity>,
}

impl Severities {
    /// The severity of a grant in `namespace` (empty for the cluster), for given names only or for all.
    pub fn at(&self, namespace: &str, named: bool) -> Severity {
        let wide = match namespace {
            "" => self.cluster,
            "kube-system" => self.kube_system.unwrap_or(self.cluster),
            _ => self.namespace.unwrap_or_else(|| less(self.cluster)),
        };
        if named { self.named.unwrap_or_else(|| less(wide)).min(wide) } else { wide }
    }
}

fn less(severity: Severity) -> Severity {
    let at = Severity::ALL.iter().position(|s| *s == severity).unwrap_or_default();
    Severity::ALL[at.saturating_sub(1)]
}

/// What the holder of a risk becomes: the step that a path takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Becomes {
    /// The whole cluster's, where it is granted in the cluster; the whole namespace's, where in one.
    Admin,
    /// Any account in the scope whose long-lived token lies in a Secret.
    SecretTokens,
    /// Any account in the scope, by asking for its token.
    Accounts,
    /// Any account in the scope, by running a pod as it; and any node, where Pod Security lets a pod take it.
    NewPods,
    /// Whatever the running pods in the scope hold.
    Pods,
    /// Any user.
    Users,
    /// Any group, `system:masters` among them.
    Groups,
    /// Any node, as its kubelet.
    Nodes,
    /// Able to run any pod: takes Pod Security out of the way in the scope.
    UnguardedPods,
    /// The accounts of these names, in any namespace: controllers that do what the holder tells them.
    Controllers(Vec<String>),
}

/// Reads the file of one risk.
///
/// # Errors
///
/// Where it has another shape, or says something that cannot be.
pub fn parse(file: &str, text: &str) -> Result<Risk, RiskError> {
    let risk: Risk = yaml::read(text).map_err(|source| RiskError::Shape { file: file.to_owned(), source })?;
    check(&risk).map_err(|problem| RiskError::Sense { file: file.to_owned(), problem })?;
    Ok(risk)
}

fn check(risk: &Risk) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if risk.id.is_empty() || !risk.id.chars().all(plain) {
        return Err(format!(
            "`id: {}` may have small letters, digits and dashes, and must not be empty",
            risk.id
        ));
    }
    if risk.grants.is_empty() {
        return Err("`grants` is empty: then everybody would hold it".into());
    }
    for (number, grant) in risk.grants.iter().enumerate() {
        if grant.verbs.is_empty() || grant.resources.is_empty() || grant.groups.is_empty() {
            return Err(format!("grant {} needs at least one verb, one resource and one group", number + 1));
        }
    }
    if let (Some(from), Some(before)) = (risk.kubernetes.from, risk.kubernetes.before)
        && from >= before
    {
        return Err(format!("it holds from {from} and before {before}, which is never"));
    }
    if risk.scope == Scope::Cluster && !risk.namespaces.is_empty() {
        return Err("`namespaces` says nothing where the scope is the cluster".into());
    }
    let unknown: BTreeSet<&str> =
        risk.attack.iter().map(String::as_str).filter(|id| !is_technique(id)).collect();
    if let Some(id) = unknown.first() {
        return Err(format!("`{id}` is no technique id; write it as T1552 or T1552.007"));
    }
    Ok(())
}

fn is_technique(id: &str) -> bool {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    let Some(rest) = id.strip_prefix('T') else { return false };
    rest.split_once('.').map_or(digits(rest, 4), |(main, sub)| digits(main, 4) && digits(sub, 3))
}
