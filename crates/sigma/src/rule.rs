//! What a rule says about itself.

use sundew_audit::Severity;

/// How bad a match is, in Sigma's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// A building block of correlations and stories: never told by itself.
    Informational,
    /// Adds to a picture.
    Low,
    /// Unusual enough to look at in working hours.
    Medium,
    /// Very likely an intruder.
    High,
    /// Certain.
    Critical,
}

impl Level {
    /// The same on the scale of findings.
    pub fn severity(self) -> Severity {
        match self {
            Self::Informational => Severity::Info,
            Self::Low => Severity::Low,
            Self::Medium => Severity::Medium,
            Self::High => Severity::High,
            Self::Critical => Severity::Critical,
        }
    }
}

/// How much the audit policy must log for a rule to see what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuditLevel {
    /// Who asked for what.
    Metadata,
    /// The request's body as well.
    Request,
    /// The answer's body as well.
    RequestResponse,
}

impl AuditLevel {
    /// The word that audit policies use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Metadata => "Metadata",
            Self::Request => "Request",
            Self::RequestResponse => "RequestResponse",
        }
    }
}

/// Which kind of rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of one event.
    Detection,
    /// Of several hits of other rules.
    Correlation,
}

/// A rule's place in its [`crate::RuleSet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u32);

/// What a rule says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The short name that findings, configuration and commands use: the rule's `name`, else its `id`, else its title
    /// in lower case with `_` for what is no letter or digit.
    pub name: String,
    /// The rule's `id`, a UUID by custom.
    pub id: Option<String>,
    /// One sentence.
    pub title: String,
    /// What happened and why it matters.
    pub description: String,
    /// How bad a match is; `medium` where the rule does not say.
    pub level: Level,
    /// The technique ids of MITRE ATT&CK among its tags, as `T1609` or `T1552.007`.
    pub attack: Vec<String>,
    /// Who does the same without being an intruder.
    pub false_positives: Vec<String>,
    /// What to do, from the key `fix`.
    pub fix: Option<String>,
    /// What the audit policy must log, from the key `audit_level`, else by the fields that are read.
    pub audit_level: AuditLevel,
    /// What this rule cannot see at its audit level and a better policy would show, from the key `unseen`.
    pub unseen: Option<String>,
    /// Links.
    pub references: Vec<String>,
    /// `stable`, `test`, `experimental` …
    pub status: Option<String>,
    /// The file it came from.
    pub file: String,
    /// Which kind.
    pub kind: Kind,
    /// True where only correlations hear of its matches: one refers to it and does not say `generate: true`.
    pub silent: bool,
}
