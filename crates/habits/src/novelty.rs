//! What an identity, or a token, did that it never did before.

use sundew_audit::Severity;

/// All rules that findings of habits and token checks have.
pub const RULES: [&str; 13] = [
    "habits.new_client",
    "habits.new_network",
    "habits.new_request",
    "habits.new_namespace",
    "habits.new_secret",
    "habits.secrets_listed",
    "habits.pod_made",
    "habits.refused",
    "habits.several",
    "tokens.second_address",
    "tokens.other_node",
    "tokens.after_deletion",
    "tokens.two_networks",
];

/// Something new, worth a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Novelty {
    /// The finding's rule, such as `habits.new_client` or `tokens.second_address`.
    pub rule: &'static str,
    /// How bad, by how well the identity is known and how much is new at once.
    pub severity: Severity,
    /// Technique ids of MITRE ATT&CK.
    pub attack: Vec<&'static str>,
    /// One sentence: who did what that is new.
    pub title: String,
    /// The habit that it breaks, in numbers, a sentence each; what else a reader needs.
    pub notes: Vec<String>,
}
