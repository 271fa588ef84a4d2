//! Personas: the stories that decoys tell, each a file that says what is made and why somebody would believe it.

mod builtin;
pub(crate) mod check;

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    surroundings::{Surroundings, Thing},
    yaml::{self, YamlError},
};

pub use builtin::built_in;

/// The value of `version` in persona files that this program reads.
pub const VERSION: u32 = 1;

/// A persona file.
///
/// Texts in `words`, `placements` and `objects` may hold words in braces: `{namespace}`, `{cluster}` (the cluster's
/// name, as far as it fits into a name), `{image}` (an image that the namespace runs already), the persona's own
/// `words`, and in objects `{kubeconfig PLACEMENT}` (a whole kubeconfig with the token of that placement), `{token
/// PLACEMENT}` and `{secret PLACEMENT}` (the name of its Secret). `{random5}` and `{random10}` are letters and digits as
/// Kubernetes makes them, `{hex6}` digits as of a UUID, other ones at each place: what must be the same at two places is
/// a word of `words`, which has one value for the whole plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Persona {
    /// The version of this format: 1.
    pub version: u32,
    /// Its short name, such as `argocd-manager`.
    pub id: String,
    /// Its story in one line.
    pub title: String,
    /// What tempts an intruder.
    pub tempts: String,
    /// What a wary intruder would check.
    pub wary: Vec<String>,
    /// What it needs to be believable.
    pub believable: Vec<String>,
    /// In which clusters it must not be used.
    pub avoid: Vec<String>,
    /// Signs that the imitated product is really there: any one of them refuses the persona.
    #[serde(default)]
    pub collides: Vec<Sign>,
    /// Signs that it fits. Where some are given and none is found, the persona is not suggested.
    #[serde(default)]
    pub fits: Vec<Sign>,
    /// The namespaces where it belongs: the first that exists is taken. Where there are none, one must be chosen.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// The field manager that its objects show, as the tool that usually makes them.
    #[serde(default = "default_manager")]
    pub field_manager: String,
    /// Names and texts of its own, which a user can set otherwise. `account` is always one of them.
    pub words: BTreeMap<String, String>,
    /// What the account may do besides what every account may. Nothing where there are none.
    #[serde(default)]
    pub rights: Vec<Right>,
    /// The places where copies of its credential lie, each with a Secret of its own.
    pub placements: Vec<PlacementDraft>,
    /// What is made besides the account and the Secrets of the placements, in order. Those are made by themselves,
    /// unless an object here of that kind and name says more about them.
    #[serde(default)]
    pub objects: Vec<Draft>,
}

fn default_manager() -> String {
    "kubectl-create".into()
}

/// What is wrong with a persona's file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PersonaError {
    /// The text is no persona.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// A version of the format that this program does not know.
    #[error(
        "`version` is {0}, and this program reads version {VERSION}; use a newer program, or set `version: 1`"
    )]
    Version(u32),
    /// Something that cannot be.
    #[error("{at}: {problem}")]
    Value {
        /// Where it stands, as a path of keys.
        at: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },
}

impl Persona {
    /// Reads a persona file's text and checks it.
    ///
    /// # Errors
    ///
    /// Where the text is no persona, or does not fit together.
    pub fn read(text: &str) -> Result<Self, PersonaError> {
        let persona: Self = yaml::read(text)?;
        check::check(&persona)?;
        Ok(persona)
    }

    /// The JSON Schema of the file.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Persona).to_value()
    }
}

/// Something in a cluster that speaks for or against a persona.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Sign {
    /// What it is.
    pub kind: SignKind,
    /// Its namespace; any where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name; `*` stands for any letters.
    pub name: String,
}

impl Sign {
    /// Whether `thing` is what the sign speaks of.
    pub fn is(&self, thing: &Thing) -> bool {
        self.kind == thing.kind
            && self.namespace.as_ref().is_none_or(|namespace| *namespace == thing.namespace)
            && matches(&self.name, &thing.name)
    }

    /// The first thing of `around` that it speaks of.
    pub fn find<'a>(&self, around: &'a Surroundings) -> Option<&'a Thing> {
        around.things.iter().find(|thing| self.is(thing))
    }
}

/// Whether `name` is of the form of `pattern`, where `*` stands for any letters.
pub fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    // Each part where it comes first leaves the most for those after it.
    for part in parts {
        let Some(at) = name.find(part) else { return false };
        name = &name[at + part.len()..];
    }
    name.ends_with(end)
}

/// Kinds of things that signs are looked for among.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SignKind {
    /// A namespace.
    Namespace,
    /// A ServiceAccount.
    Account,
    /// A pod, or what pods are made from.
    Workload,
    /// A Role or ClusterRole.
    Role,
    /// A Secret.
    Secret,
}

impl fmt::Display for SignKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Namespace => "namespace",
            Self::Account => "ServiceAccount",
            Self::Workload => "workload",
            Self::Role => "role",
            Self::Secret => "Secret",
        })
    }
}

/// A right that the persona gives its account, as a rule of RBAC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Right {
    /// The verbs.
    pub verbs: Vec<String>,
    /// The API groups; the core group is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<String>,
    /// The resources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// The names that it is limited to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    /// Paths that are no resources.
    #[serde(default, skip_serializing_if = "Vec::is_empty", rename = "nonResourceURLs")]
    pub non_resource_urls: Vec<String>,
}

/// A place where a copy of the credential will lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PlacementDraft {
    /// Its name within the persona, which alerts show.
    pub name: String,
    /// The name of its Secret.
    pub secret: String,
    /// Where the copy lies, in words for those who are woken.
    pub location: String,
    /// The workload or pod among the objects that exposes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mounted_by: Option<String>,
    /// Whether the copy leaves the cluster, as a kubeconfig file that the user puts somewhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outside: bool,
}

/// An object to be made, with words in braces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Draft {
    /// What it is for.
    pub part: crate::Part,
    /// The placements that it serves: without any of them it is not made. Where there are none, it is always made, but
    /// for what holds a token or names a Secret of placements that were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub serves: Vec<String>,
    /// The object, as for `kubectl create -f`.
    pub manifest: serde_json::Value,
}
