//! Tokens that are mounted and serve nobody: which accounts and workloads do not use the API, and the patches that take
//! their token away.

mod kustomize;
mod look;
mod notes;
mod plan;
mod top;

use hashbrown::HashMap;
use jiff::{Span, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sundew_decoy::Inventory;
use sundew_policy::Policy;
use sundew_posture::{Cluster, report::Object};
use thiserror::Error;

use crate::{
    evidence::{Evidence, Shortage, Window, minute},
    plan::Plan,
};

/// What is asked for, and with what it is answered. One of `evidence` and `habits` must be there.
pub struct Question<'q> {
    /// The objects.
    pub cluster: &'q Cluster,
    /// What audit logs tell.
    pub evidence: Option<&'q Evidence>,
    /// What was learnt of each identity.
    pub habits: Option<&'q Habits>,
    /// The stretch of time before the end of what was seen that must have been seen.
    pub window: Span,
    /// Only these namespaces; all but those of the system where there are none.
    pub namespaces: &'q [String],
    /// The audit policy that the logs were written under.
    pub policy: Option<&'q Policy>,
    /// Whose tokens are bait.
    pub decoys: Option<&'q Inventory>,
    /// How the changes are written.
    pub form: Form,
}

/// How the changes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Patches for `kubectl patch`, one workload after the other.
    Patch,
    /// Components for kustomize.
    Kustomize,
}

/// What was learnt of each identity: when it was last seen, and since when anybody was.
#[derive(Debug, Clone, Default)]
pub struct Habits {
    /// When the first request of anybody was seen.
    pub from: Option<Timestamp>,
    /// When the last was.
    pub to: Option<Timestamp>,
    /// The last request of each, by user name.
    pub last: HashMap<String, Timestamp>,
}

/// Why nothing is concluded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AutomountError {
    /// The logs do not cover the window.
    #[error(transparent)]
    Logs(#[from] Shortage),
    /// The habits do not.
    #[error(
        "the habits were learnt from {} to {} UTC and do not cover the window of {window} before their end, so nothing is \
         concluded from them; wait, give --logs of that time, or give a shorter --window", minute(*.from), minute(*.to)
    )]
    Habits {
        /// The first request that they know of.
        from: Timestamp,
        /// The last.
        to: Timestamp,
        /// What was asked for, in words.
        window: String,
    },
    /// A namespace was asked for that nothing is in.
    #[error(
        "there is no namespace {0:?} in what was read; see how it is written, or whether it was left out of the dump"
    )]
    Namespace(String),
    /// There is nothing that says who used the API.
    #[error(
        "nothing says who used the API: give --logs audit logs, or --state or --config the habits that were learnt"
    )]
    Nothing,
}

/// Which accounts and workloads do not use the API, and how their token is taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The stretch of time that was looked at.
    pub window: Window,
    /// Each workload that holds a token by default, and each account, in the order of the plan.
    pub rows: Vec<Row>,
    /// How many workloads have no token mounted by default.
    pub off: usize,
    /// How many workloads use theirs.
    pub used: usize,
    /// What to know before anything is changed, a sentence each.
    pub notes: Vec<String>,
    /// What to apply; nothing where nothing is to be changed.
    pub plan: Option<Plan>,
}

/// A workload that holds a token by default, or an account as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The account.
    pub account: Object,
    /// The workload; none where it is about the account as a whole.
    pub workload: Option<Object>,
    /// The last time that a token of it was used; of the account as a whole, that any of the account was.
    #[schemars(with = "Option<String>")]
    pub last: Option<Timestamp>,
    /// What is to be done.
    pub step: Do,
    /// Why, a clause each.
    pub why: Vec<String>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Do {
    /// The workload's pod template is patched.
    PatchWorkload,
    /// The account is patched.
    PatchAccount,
    /// The account is patched, and this workload has no token when its pods are made again.
    WithAccount,
    /// It cannot be patched and must be made again with the setting.
    Recreate,
    /// It is left alone.
    Leave,
    /// It uses its token.
    Uses,
}

impl Do {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PatchWorkload => "patch the workload",
            Self::PatchAccount => "patch the account",
            Self::WithAccount => "by the account",
            Self::Recreate => "make it again",
            Self::Leave => "leave alone",
            Self::Uses => "uses it",
        }
    }
}

/// Looks at every account and workload.
///
/// # Errors
///
/// Where what was seen does not cover the window, or a namespace is asked for that is not there.
pub fn look(question: &Question<'_>) -> Result<Report, AutomountError> {
    let cluster = question.cluster;
    let is_there = |name: &str| {
        cluster.namespaces.iter().any(|namespace| *namespace.meta.name == *name)
            || cluster.accounts.iter().any(|account| *account.meta.namespace == *name)
            || cluster.workloads.iter().any(|workload| *workload.meta.namespace == *name)
    };
    if let Some(missing) = question.namespaces.iter().find(|name| !is_there(name)) {
        return Err(AutomountError::Namespace(missing.clone()));
    }
    let window = window(question)?;
    let look = look::Look::new(question, window);
    let (rows, counts) = look.rows();
    let notes = look.notes(&rows);
    let plan = plan::plan(&look, &rows, &notes);
    Ok(Report { window, rows, off: counts.off, used: counts.used, notes, plan })
}

fn window(question: &Question<'_>) -> Result<Window, AutomountError> {
    if let Some(evidence) = question.evidence {
        let servers = crate::rbac::servers(question.cluster);
        return Ok(evidence.coverage.window(question.window, servers)?);
    }
    let habits = question.habits.ok_or(AutomountError::Nothing)?;
    let (from, to) = habits.from.zip(habits.to).ok_or(AutomountError::Nothing)?;
    let words = format!("{:#}", question.window);
    let begin = to.to_zoned(jiff::tz::TimeZone::UTC).checked_sub(question.window);
    let begin = begin.map_err(|_| Shortage::Window(words.clone()))?.timestamp();
    if from > begin {
        return Err(AutomountError::Habits { from, to, window: words });
    }
    Ok(Window { from: begin, to })
}
