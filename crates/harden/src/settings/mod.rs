//! What can be seen from outside of a cluster's settings, each fact with its evidence.
//!
//! ```text
//! objects ────── pods of API servers, labels, bindings ─┐
//! files ──────── declared flags and configurations ─────┼─ look ─ Fact: good, bad or not seen ─ plan ─ Plan
//! the server ─── what it answers to anybody ────────────┤
//! audit logs ─── Heard ─────────────────────────────────┘
//! ```
//!
//! What could not be seen is a fact too, with the way to see it: nothing is called good because nobody looked.

mod anonymous;
mod checks;
mod declared;
mod encryption;
mod error;
mod heard;
mod how;
mod kubelet;
mod namespaces;
mod rights;
mod server;
mod steps;
mod tokens;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sundew_decoy::Inventory;
use sundew_posture::{Cluster, Severity, report::Report};

pub use anonymous::{Answered, Authentication};
pub use declared::{Authorization, Declared, apiserver};
pub use encryption::{Encryption, encryption};
pub use error::SettingsError;
pub use heard::Heard;
pub use kubelet::{Kubelet, kubelet, kubelet_config_map};
pub use server::Server;

use crate::plan::{Plan, Step};

/// Something about a cluster's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fact {
    /// What it is about, as `anonymous-requests`: the same in every version.
    pub id: String,
    /// What is so, in one sentence without a full stop.
    pub title: String,
    /// Whether that is good.
    #[serde(flatten)]
    pub state: State,
    /// Where it was seen, or why it was not, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// The change to make, where it is bad.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fix: String,
    /// The commands that make it, where it is made by commands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// How it can be seen, where it was not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub how_to_see: String,
    /// The changes that are safe to write down for whoever applies them.
    #[serde(skip)]
    steps: Vec<Step>,
    /// Flags of the API server that can be set without a look at anything else.
    #[serde(skip)]
    set: Vec<(String, String)>,
}

/// Whether a setting is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum State {
    /// It is.
    Good,
    /// It is not.
    Bad {
        /// How bad that is.
        severity: Severity,
    },
    /// It could not be seen.
    Unknown,
}

impl State {
    /// How bad it is; nothing for what is good or not seen.
    pub fn severity(self) -> Option<Severity> {
        if let Self::Bad { severity } = self { Some(severity) } else { None }
    }

    /// Bad before unknown before good, the worst first.
    fn rank(self) -> u8 {
        match self {
            Self::Bad { severity } => Severity::Critical as u8 - severity as u8,
            Self::Unknown => 10,
            Self::Good => 11,
        }
    }
}

impl Fact {
    fn new(id: &str, title: impl Into<String>, state: State) -> Self {
        let (id, title) = (id.to_owned(), title.into());
        let (fix, how_to_see) = (String::new(), String::new());
        let (evidence, commands, steps, set) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { id, title, state, evidence, fix, commands, how_to_see, steps, set }
    }

    fn good(id: &str, title: impl Into<String>) -> Self {
        Self::new(id, title, State::Good)
    }

    fn bad(id: &str, severity: Severity, title: impl Into<String>) -> Self {
        Self::new(id, title, State::Bad { severity })
    }

    fn unknown(id: &str, title: impl Into<String>, how_to_see: impl Into<String>) -> Self {
        Self { how_to_see: how_to_see.into(), ..Self::new(id, title, State::Unknown) }
    }

    fn seen(mut self, evidence: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }
}

/// All that facts are made from.
#[derive(Debug)]
pub struct Seen<'s> {
    /// The cluster's objects.
    pub cluster: &'s Cluster,
    /// What a scan of them found.
    pub report: &'s Report,
    /// What was given of the API server by file.
    pub declared: Declared,
    /// The kubelets' configurations.
    pub kubelets: Vec<Kubelet>,
    /// Why the ConfigMap of kubelets could not be read, where it was asked for.
    pub kubelets_unread: Option<String>,
    /// The configuration of encryption at rest.
    pub encryption: Option<Encryption>,
    /// What the server answered to anybody, by path, where it was asked.
    pub answers: Vec<(String, Answered)>,
    /// What audit logs tell, where some were read.
    pub heard: Option<Heard>,
    /// Whether they reach as far back as was asked for: nothing follows from what they lack, where they do not.
    pub heard_enough: bool,
    /// Who is bait, and not named among those who use a right.
    pub decoys: Option<&'s Inventory>,
}

impl Seen<'_> {
    /// The API servers whose flags are known: those given by file, else those whose pods were seen.
    fn servers(&self) -> Vec<Server> {
        if self.declared.servers.is_empty() {
            Server::of_cluster(self.cluster)
        } else {
            self.declared.servers.clone()
        }
    }
}

/// Everything that can be said of a cluster's settings: what is bad first, the worst before the rest, then what could
/// not be seen, then what is good.
pub fn look(seen: &Seen<'_>) -> Vec<Fact> {
    let servers = seen.servers();
    let mut facts = vec![anonymous::fact(seen, &servers)];
    facts.extend(rights::facts(seen));
    facts.extend(checks::facts(seen, &servers));
    facts.push(encryption::fact(seen, &servers));
    facts.extend(kubelet::facts(seen, &servers));
    facts.extend(namespaces::facts(seen, &servers));
    facts.extend(tokens::facts(seen, &servers));
    facts.extend(heard::facts(seen));
    facts.sort_by_key(|fact| fact.state.rank());
    facts
}

/// The changes of `facts` that are safe to apply as they are written.
pub fn plan(seen: &Seen<'_>, facts: &[Fact]) -> Plan {
    steps::plan(seen, facts)
}
