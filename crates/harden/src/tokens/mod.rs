//! Long-lived tokens: every one with its owner, age and uses, the step that replaces it, and the policies that deny new ones.

mod held;
pub mod kyverno;
mod notes;
mod others;
mod plan;
pub mod policies;
mod replace;
mod verdict;

use jiff::{Span, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sundew_decoy::Inventory;
use sundew_habits::Shown;
use sundew_posture::{Cluster, model::Version, rbac::account_of};
use thiserror::Error;

pub use held::{Counted, Habits, LongLived, Reader, Uses};
pub use others::{AsGood, Other};
pub use policies::{Availability, Exceptions, Kyverno, Rules};
pub use verdict::{FORGOTTEN_DAYS, QUIET_DAYS, Verdict};

use crate::{
    Evidence, Plan,
    evidence::{Shortage, Window},
};

/// What is known, and what is wanted.
#[derive(Clone, Copy)]
pub struct Question<'q> {
    /// The objects.
    pub cluster: &'q Cluster,
    /// What audit logs tell, where there are any.
    pub evidence: Option<&'q Evidence>,
    /// The stretch of time before the logs' end that they must cover, or their silence says nothing.
    pub window: Span,
    /// What is known of an account's habits, by its user name.
    pub habits: &'q dyn Fn(&str) -> Option<Shown>,
    /// What an account could do, worst first, by its user name.
    pub could: &'q dyn Fn(&str) -> Vec<String>,
    /// The decoys, which are neither told of nor changed.
    pub decoys: Option<&'q Inventory>,
    /// Ages are judged by it.
    pub now: Timestamp,
    /// What the policies are made with.
    pub rules: &'q Rules,
}

/// Every long-lived token, and what to do about each.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenReport {
    /// When it was made.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// The API server's version, where it is known.
    #[schemars(with = "Option<String>")]
    pub version: Option<Version>,
    /// Whether the Secrets could be read. Where not, there being no token in the list says nothing.
    pub secrets_read: bool,
    /// What the audit logs cover, where there are any: the first and the last event's time.
    #[schemars(with = "Option<(String, String)>")]
    pub logs: Option<(Timestamp, Timestamp)>,
    /// Whether they cover the window: that they hold no use of a token says nothing where not.
    #[serde(default)]
    pub window_covered: bool,
    /// The tokens that never expire, in the order of the plan.
    pub tokens: Vec<LongLived>,
    /// Tokens that expire, and live as long.
    pub others: Vec<AsGood>,
    /// What the policies, where they are in force already, noted of whom.
    pub noted: Vec<Noted>,
    /// Whether the cluster has ValidatingAdmissionPolicy.
    pub admission_policies: Availability,
    /// Whether Kyverno runs in it.
    pub kyverno: Kyverno,
    /// What to do, in order.
    pub plan: Plan,
    /// How many Secrets were left out because they belong to decoys: for the operator's own screen only.
    #[serde(skip)]
    pub left_out: usize,
}

/// What a policy noted of one user's requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Noted {
    /// The policy.
    pub policy: String,
    /// The user.
    pub user: String,
    /// How many requests it would refuse.
    pub requests: u64,
    /// How many of them were refused already.
    pub refused: u64,
    /// The objects, as `NAMESPACE/NAME`, most frequent first.
    pub objects: Vec<Counted>,
    /// The clients.
    pub clients: Vec<Counted>,
    /// The last one's time.
    #[schemars(with = "Option<String>")]
    pub last: Option<Timestamp>,
}

/// What cannot be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokensError {
    /// An exception that is no name.
    #[error("{flag} `{value}` {why}")]
    Exception {
        /// The flag that it was given with.
        flag: &'static str,
        /// What was given.
        value: String,
        /// What is wrong, and what to do.
        why: &'static str,
    },
    /// A life shorter than TokenRequest gives.
    #[error("--longest is {0} s, and no token of TokenRequest lives less than 10 minutes; give 10m or more")]
    TooShort(i64),
}

/// Finds every long-lived token, and makes the plan.
///
/// # Errors
///
/// Where the exceptions or the longest life cannot be put into a policy.
pub fn assess(question: &Question<'_>) -> Result<TokenReport, TokensError> {
    question.rules.check()?;
    let (mut tokens, left_out) = held::tokens(question);
    tokens.sort_by(|a, b| {
        (a.verdict, &a.namespace, &a.account, &a.secret).cmp(&(
            b.verdict,
            &b.namespace,
            &b.account,
            &b.secret,
        ))
    });
    let others = others::others(question);
    let mut report = TokenReport {
        time: question.now,
        version: question.cluster.version,
        secrets_read: !question.cluster.lacks("secrets"),
        logs: question.evidence.and_then(|evidence| evidence.secrets.span()),
        window_covered: matches!(question.covered(), Some(Ok(_))),
        tokens,
        others,
        noted: noted(question),
        admission_policies: Availability::of(question.cluster.version),
        kyverno: Kyverno::of(question.cluster),
        plan: Plan::default(),
        left_out,
    };
    report.plan = plan::plan(question, &report);
    Ok(report)
}

impl Question<'_> {
    /// The window that the logs cover; none where there are no logs.
    fn covered(&self) -> Option<Result<Window, Shortage>> {
        self.evidence.map(|evidence| evidence.coverage.window(self.window, 0))
    }
}

/// What the policies noted, should they be in force already.
fn noted(question: &Question<'_>) -> Vec<Noted> {
    let Some(evidence) = question.evidence else { return Vec::new() };
    let mut noted = Vec::new();
    for policy in [policies::SECRETS, policies::REQUESTS] {
        for (user, failure) in evidence.secrets.failures(policy) {
            // Who touches a decoy is told by alerts, which are read by fewer.
            let of_decoy = |object: &str| {
                object
                    .split_once('/')
                    .is_some_and(|(namespace, name)| is_decoys(question.decoys, namespace, name))
            };
            let objects: Vec<Counted> = held::counted(&failure.objects)
                .into_iter()
                .filter(|object| !of_decoy(&object.what))
                .collect();
            if objects.is_empty() && !failure.objects.is_empty() {
                continue;
            }
            noted.push(Noted {
                policy: policy.to_owned(),
                user: user.to_owned(),
                requests: failure.uses.requests,
                refused: failure.refused,
                objects,
                clients: held::counted(&failure.uses.clients),
                last: failure.uses.last,
            });
        }
    }
    noted.sort_by(|a, b| {
        (std::cmp::Reverse(a.requests), &a.user).cmp(&(std::cmp::Reverse(b.requests), &b.user))
    });
    noted
}

/// Whether a decoy has an account or a Secret of this name.
fn is_decoys(decoys: Option<&Inventory>, namespace: &str, name: &str) -> bool {
    let Some(inventory) = decoys else { return false };
    if inventory.namespaces.iter().any(|bait| bait.name == namespace) {
        return true;
    }
    inventory.decoys.iter().filter(|decoy| decoy.namespace == namespace).any(|decoy| {
        let secrets = decoy.placements.iter().filter_map(|placement| placement.secret.as_deref());
        let made = decoy.objects.iter().map(|object| object.name.as_str());
        decoy.account == name || secrets.chain(made).any(|of| of == name)
    })
}

/// Whether a user is a decoy.
fn is_decoy(decoys: Option<&Inventory>, user: &str) -> bool {
    account_of(user).is_some_and(|(namespace, name)| is_decoys(decoys, namespace, name))
}

/// Whether a text is a name that Kubernetes gives to such objects, and so harmless in a command and as a file's name.
fn is_name(text: &str) -> bool {
    let of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    !text.is_empty()
        && text.len() <= 253
        && text.chars().all(of_name)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && !text.contains("..")
}
