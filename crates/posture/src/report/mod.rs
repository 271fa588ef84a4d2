//! The report: what the assessment found, in words, ready to be shown, stored, compared and searched.

mod compare;
mod could;
mod filter;

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use compare::{Change, Worse, compare};
pub use could::{Could, MOST_LINES};
pub use filter::Filter;

use crate::{Severity, usage::Narrowed};

/// The version of the report's shape. Readers refuse a greater one.
pub const FORMAT: u32 = 1;

/// Everything that a scan found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The version of this shape: 1.
    pub format: u32,
    /// When the scan was made.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// What was scanned.
    pub cluster: Scanned,
    /// How many findings there are of each severity, without those of Kubernetes' own roles and those accepted.
    pub summary: BTreeMap<Severity, usize>,
    /// What was found, worst first.
    pub findings: Vec<Finding>,
    /// What each risk that a finding names is, by its id.
    #[serde(default)]
    pub risks: BTreeMap<String, About>,
    /// Ways to the whole cluster, shortest first.
    pub paths: Vec<Path>,
    /// The grants whose removal cuts most ways, each on top of those before it.
    pub cuts: Vec<Cut>,
    /// What identities used of what they have, where audit logs were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageReport>,
}

/// What identities used of what they have, as audit logs tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageReport {
    /// The first event of the logs: what was used before is not known.
    #[schemars(with = "Option<String>")]
    pub from: Option<Timestamp>,
    /// The last event of the logs.
    #[schemars(with = "Option<String>")]
    pub to: Option<Timestamp>,
    /// Each identity that a binding names, with what it used and what would be enough; those with most unused rules first.
    pub identities: Vec<Narrowed>,
}

/// What was scanned, and what could not be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Scanned {
    /// The name that the scan was given, or the server's address; empty for files.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The version of Kubernetes, as 1.35; nothing where it is not known.
    pub version: Option<String>,
    /// How many objects of each kind were read, by resource.
    pub counts: BTreeMap<String, usize>,
    /// What could not be read: nothing follows from its absence.
    pub unread: Vec<Unread>,
    /// What was odd in what was read.
    pub notices: Vec<String>,
}

/// A kind of object that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unread {
    /// The resource, as `secrets`.
    pub resource: String,
    /// Why.
    pub reason: String,
}

/// Which question a finding answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// Who holds a risk.
    Subjects,
    /// Roles that make a risk.
    Roles,
    /// Bindings that hand one out.
    Bindings,
    /// Pods whose tokens hold one.
    Pods,
    /// Nodes, by what their pods hold together.
    Nodes,
    /// Pods that could take their node.
    Privileged,
    /// Tokens that are where they need not be.
    Tokens,
    /// What everybody can do.
    Everyone,
    /// Roles and bindings that serve nobody.
    Unused,
}

impl View {
    /// All views, in the order in which they are shown.
    pub const ALL: [Self; 9] = [
        Self::Subjects,
        Self::Pods,
        Self::Nodes,
        Self::Privileged,
        Self::Tokens,
        Self::Everyone,
        Self::Bindings,
        Self::Roles,
        Self::Unused,
    ];

    /// The word that asks for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subjects => "subjects",
            Self::Roles => "roles",
            Self::Bindings => "bindings",
            Self::Pods => "pods",
            Self::Nodes => "nodes",
            Self::Privileged => "privileged",
            Self::Tokens => "tokens",
            Self::Everyone => "everyone",
            Self::Unused => "unused",
        }
    }

    /// A heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Subjects => "Risky subjects",
            Self::Roles => "Risky roles",
            Self::Bindings => "Risky bindings",
            Self::Pods => "Hot pods: a risk through a token they hold",
            Self::Nodes => "Nodes: what all their pods hold together",
            Self::Privileged => "Privileged pods: ways to the node",
            Self::Tokens => "Tokens",
            Self::Everyone => "What everybody can do",
            Self::Unused => "Unused and dangling",
        }
    }
}

/// One thing that was found about one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The same for the same finding in every scan of the cluster: 16 hexadecimal digits.
    pub id: String,
    /// Which question it answers.
    pub view: View,
    /// The id of the worst risk, or the name of the check, as `token-never-used`.
    pub rule: String,
    /// All risks that the object holds or hands out in this scope, worst first; none where it is about something else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risks: Vec<RiskHeld>,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub object: Object,
    /// A few words with the object understood before them, as `reads Secrets, creates pods, and 3 more`.
    pub title: String,
    /// Where it holds: `cluster`, `namespace shop`, `namespace shop, names a and b`; empty where that says nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// What the holder gets by the worst risk, or what the trouble is.
    pub gives: String,
    /// The grants, tokens or settings that make it.
    pub because: Vec<Because>,
    /// What to do.
    pub fix: String,
    /// Technique ids of MITRE ATT&CK.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attack: Vec<String>,
    /// Where to read more.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// Whether it is about what Kubernetes itself made: shown folded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub system: bool,
    /// Why it is accepted, where an exception says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Accepted>,
    /// The day on which an exception for it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub exception_ended: Option<Date>,
}

/// A risk that a finding's object holds or hands out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RiskHeld {
    /// Its id: more of it is in the report's `risks`.
    pub id: String,
    /// How bad it is here.
    pub severity: Severity,
    /// Why it is accepted, where an exception says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Accepted>,
    /// Whether it was used, where audit logs were given that tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<bool>,
}

/// What a risk is, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct About {
    /// A few words with the holder understood before them, as `reads Secrets`.
    pub title: String,
    /// What the holder gets.
    pub gives: String,
    /// What to do.
    pub fix: String,
    /// Technique ids of MITRE ATT&CK.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attack: Vec<String>,
    /// Where to read more.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reference: String,
}

/// An object of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// Its kind, as `ServiceAccount`.
    pub kind: String,
    /// Its namespace; empty for what belongs to the cluster.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `FILE:LINE`, where it was read from a file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub created: Option<Timestamp>,
}

impl Object {
    /// `NAMESPACE/NAME`, or the name alone.
    pub fn path(&self) -> String {
        if self.namespace.is_empty() {
            self.name.clone()
        } else {
            format!("{}/{}", self.namespace, self.name)
        }
    }
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.path())
    }
}

/// One reason for a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Because {
    /// In words, as `get, list secrets` or `token of ServiceAccount shop/orders, mounted by default`.
    pub what: String,
    /// The binding that hands it out, as `RoleBinding shop/orders`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub binding: String,
    /// Where the binding was read, as `FILE:LINE`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub binding_place: String,
    /// The role at fault, as `Role shop/orders`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role: String,
    /// Where the role was read, as `FILE:LINE`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role_place: String,
}

/// Why a finding is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// The exception's reason.
    pub reason: String,
    /// Its last day.
    #[schemars(with = "String")]
    pub until: Date,
}

/// The shortest way of one identity, pod or node to the whole cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Path {
    /// Where it begins.
    pub from: Object,
    /// How many pods of the same workload have the same way; 1 for all else.
    pub count: usize,
    /// What an intruder does, in order; the last step ends with the whole cluster.
    pub steps: Vec<Step>,
    /// Whether it is about what Kubernetes itself made: shown folded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub system: bool,
}

/// One act on a way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What is done, as `reads the Secret kube-system/deployer-token`.
    pub act: String,
    /// Whom or what the intruder is afterwards; kind `Cluster` at the end.
    pub becomes: Object,
    /// The grants that allow it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<Because>,
}

/// A binding whose removal cuts ways to the whole cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cut {
    /// The binding.
    pub binding: Object,
    /// The role it hands out.
    pub role: String,
    /// How many subjects, pods and nodes lose their last way by it, after the cuts before it.
    pub cuts: usize,
    /// How many still have one.
    pub left: usize,
}

impl Report {
    /// The greatest severity among findings that count: not accepted, and not of Kubernetes' own.
    pub fn worst(&self) -> Option<Severity> {
        self.counting().map(|finding| finding.severity).max()
    }

    /// Findings that count: not accepted, and not of Kubernetes' own.
    pub fn counting(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.counts())
    }

    /// Counts the findings of each severity anew.
    pub fn summarise(&mut self) {
        let mut summary: BTreeMap<Severity, usize> = Severity::ALL.into_iter().map(|s| (s, 0)).collect();
        for finding in self.counting() {
            *summary.entry(finding.severity).or_default() += 1;
        }
        self.summary = summary;
    }
}

impl Finding {
    /// Whether it counts: it is not accepted, and not of Kubernetes' own.
    pub fn counts(&self) -> bool {
        !self.system && self.accepted.is_none()
    }
}
