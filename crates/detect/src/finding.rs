//! A finding: one detector's word on one event.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use sundew_audit::Severity;

/// Which detector spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Detector {
    /// A decoy was touched.
    Tripwire,
    /// A Sigma rule matched.
    Rules,
    /// An identity did what it never did before.
    Habits,
    /// The sensor itself: it lost sight of a source.
    Sensor,
}

impl Detector {
    /// The word used in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tripwire => "tripwire",
            Self::Rules => "rules",
            Self::Habits => "habits",
            Self::Sensor => "sensor",
        }
    }
}

/// Who did it, as far as the event says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Actor {
    /// `user.username`; absent where the request was not authenticated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `user.groups`, at most 16, without those that everybody or every ServiceAccount is in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// `impersonatedUser.username`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impersonated: Option<String>,
    /// The peer: the last entry of `sourceIPs`, the only one that the client cannot choose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The user agent, as the client gave it. Free text from outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

/// The decoy that was touched, and the copy of its credential where that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct DecoyRef {
    /// `NAMESPACE/ACCOUNT`, or `NAMESPACE` alone where a whole namespace is bait.
    pub name: String,
    /// The name of the placement that leaked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<String>,
    /// The Secret that holds the placement's token, in the decoy's namespace; none for one from TokenRequest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Where the inventory says that this copy lies, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

impl DecoyRef {
    /// The user name of the decoy's account; none for a namespace.
    pub fn user(&self) -> Option<String> {
        let (namespace, account) = self.name.split_once('/')?;
        Some(format!("system:serviceaccount:{namespace}:{account}"))
    }
}

/// What was asked of the API server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Request {
    /// The verb of the request: `get`, `list`, `create` and so on.
    pub verb: String,
    /// Path and query, at most 512 characters; text from outside.
    pub uri: String,
    /// `RESOURCE[.GROUP][/SUBRESOURCE]`, empty for a request that names no resource.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource: String,
    /// The namespace of the object, empty for the whole cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The name of the object, where the request names one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The HTTP status of the answer; absent while the request is still running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
}

/// One detector's word on one event. Serialised, it is one line of `sundew replay --output json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// When the API server received the request (`requestReceivedTimestamp`).
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// The cluster the event came from.
    pub cluster: String,
    /// How bad it is.
    pub severity: Severity,
    /// Which detector spoke.
    pub detector: Detector,
    /// The rule's stable id, such as `tripwire.token_used`.
    pub rule: String,
    /// One sentence for people.
    pub title: String,
    /// The audit ids of the events behind this; chosen by the client, so no key to trust.
    #[serde(rename = "auditIDs")]
    pub audit_ids: Vec<String>,
    /// Who did it.
    pub actor: Actor,
    /// The decoy, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoy: Option<DecoyRef>,
    /// Technique ids of MITRE ATT&CK.
    pub attack: Vec<String>,
    /// What was asked.
    pub request: Request,
    /// What else a reader needs, a sentence each: the habit that this breaks, what to do, what could not be seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Set where this was a rehearsed use of a decoy.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drill: bool,
    /// Of which drill ([`crate::Rehearsal::id`]). Stays in the sensor.
    #[serde(skip)]
    pub rehearsal: Option<String>,
    /// The stage of the event (`ResponseComplete` and so on), with `stage_time` the key that tells a repeat from news.
    pub stage: String,
    /// When that stage was reached, as the event has it.
    #[serde(rename = "stageTime")]
    pub stage_time: String,
}
