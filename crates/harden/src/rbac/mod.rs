//! Narrower rights from what was used: a plan, what each identity would lose by it, and the proof that nothing that
//! was done would be refused.
//!
//! ```text
//! Evidence, Cluster ─ narrow ─ Narrowing ─┬─ after ─ Cluster ─ Proof: the logs once more
//!                                         └─ plan ─ Plan
//! ```

mod atoms;
mod change;
mod elsewhere;
mod hidden;
mod identity;
mod lost;
mod proof;
mod report;
mod steps;

use hashbrown::HashMap;
use jiff::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sundew_decoy::Inventory;
use sundew_policy::Policy;
use sundew_posture::{
    Cluster,
    model::{Meta, Subject, WorkloadKind},
    rbac::Rbac,
    report::Object,
    usage::Margin,
};

pub use proof::{Proof, Proved, Refused, binding_of, is_reason};
pub use report::{LostRisk, Report, Row};

use self::{change::Change, elsewhere::Elsewhere, identity::Judged};
pub(crate) use self::{
    hidden::{Asker, Hiding},
    identity::is_system_namespace,
};
use crate::{
    evidence::{Evidence, Shortage, Window, minute},
    spared::Spared,
};

/// What is asked for.
#[derive(Debug)]
pub struct Settings<'s> {
    /// The stretch before the logs' end that they must cover.
    pub window: Span,
    /// How much more than was used is left.
    pub margin: Margin,
    /// Only these; all where there are none.
    pub subjects: &'s [Subject],
    /// Only accounts of these namespaces; all but those of the system where there are none.
    pub namespaces: &'s [String],
    /// The audit policy that the logs were written under.
    pub policy: Option<&'s Policy>,
    /// Whose rights are bait.
    pub decoys: Option<&'s Inventory>,
}

/// What could be taken away.
#[derive(Debug)]
pub struct Narrowing {
    /// What the logs cover.
    pub window: Window,
    /// How much more than was used is left.
    pub margin: Margin,
    /// Each identity that would lose something, those that lose most first.
    pub identities: Vec<Narrowed>,
    /// Each identity that was left alone, and why.
    pub left: Vec<Left>,
    /// How many identities hold nothing that they do not need.
    pub tight: usize,
    /// What to know before anything is changed, a sentence each.
    pub notes: Vec<String>,
    /// Roles that something binds now, and nothing would afterwards.
    pub idle: Vec<String>,
    changes: Vec<Change>,
}

/// An identity that would lose something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Narrowed {
    /// The identity.
    pub subject: Object,
    /// How many of its requests were allowed.
    pub requests: u64,
    /// How many of the rules that it has by bindings of its own a request needed.
    pub rules_used: usize,
    /// How many rules it has by bindings of its own.
    pub rules: usize,
    /// What it would lose, in words, as `get, list secrets in the whole cluster`.
    pub loses: Vec<String>,
    /// What it keeps although no request of the logs needed it, in words, with the reason.
    pub keeps: Vec<Kept>,
    /// The bindings that it would be taken out of.
    pub out_of: Vec<String>,
    /// The roles that it would be given.
    pub given: Vec<String>,
    /// What to know about it, a sentence each.
    pub notes: Vec<String>,
}

/// What is kept although no request of the logs needed it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// What, in words.
    pub what: String,
    /// Why.
    pub why: String,
}

/// An identity that is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// The identity.
    pub subject: Object,
    /// Why, in a clause.
    pub why: String,
}

/// Looks at every identity.
///
/// # Errors
///
/// Where the logs do not cover the window.
pub fn narrow(
    cluster: &Cluster,
    evidence: &Evidence,
    settings: &Settings<'_>,
) -> Result<Narrowing, Shortage> {
    let window = evidence.coverage.window(settings.window, servers(cluster))?;
    let rbac = Rbac::new(cluster);
    let spared = Spared::of(settings.decoys);
    let hiding = Hiding::of(settings.policy, evidence.coverage.left_out().collect());
    let look = Look {
        rbac: &rbac,
        evidence,
        settings,
        window,
        spared: &spared,
        accounts: cluster
            .accounts
            .iter()
            .map(|account| ((&*account.meta.namespace, &*account.meta.name), &account.meta))
            .collect(),
        crons: cluster
            .workloads
            .iter()
            .filter(|workload| workload.kind == WorkloadKind::CronJob && !spared.workload(workload))
            .map(|job| ((&*job.meta.namespace, &*job.spec.account), &*job.meta.name))
            .collect(),
        elsewhere: Elsewhere::of(cluster, evidence.coverage.reviews(), &hiding, &spared),
        hiding,
    };
    let mut subjects: Vec<Subject> = rbac.subjects().map(identity::plain).collect();
    subjects.retain(|subject| look.is_asked(subject));
    subjects.sort_unstable();
    subjects.dedup();
    let mut found = Narrowing {
        window,
        margin: settings.margin,
        identities: Vec::new(),
        left: Vec::new(),
        tight: 0,
        notes: Vec::new(),
        idle: Vec::new(),
        changes: Vec::new(),
    };
    let mut names = change::Names::of(cluster);
    let mut told = Vec::new();
    for subject in &subjects {
        match look.judge(subject, &mut names) {
            Judged::Passed => {}
            Judged::Tight => found.tight += 1,
            Judged::Left(left) => found.left.push(left),
            Judged::Narrowed(both) => told.push(*both),
        }
    }
    told.sort_by_key(|(narrowed, _)| std::cmp::Reverse(narrowed.rules - narrowed.rules_used));
    (found.identities, found.changes) = told.into_iter().unzip();
    found.notes = look.notes();
    found.idle = look.idle(&found);
    Ok(found)
}

/// How many API servers the cluster has, as far as their pods say; 0 where they do not.
pub(crate) fn servers(cluster: &Cluster) -> usize {
    let is_server = |name: &str| name.starts_with("kube-apiserver-") && !name.contains("guard");
    let pods = cluster.workloads.iter().filter(|w| w.kind == WorkloadKind::Pod && !w.ended);
    let is_home = |namespace: &str| matches!(namespace, "kube-system" | "openshift-kube-apiserver");
    pods.filter(|w| is_home(&w.meta.namespace) && is_server(&w.meta.name)).count()
}

impl Narrowing {
    /// The cluster as it would be after the plan.
    pub fn after(&self, cluster: &Cluster) -> Cluster {
        change::after(cluster, &self.changes)
    }
}

/// What is looked with.
struct Look<'l> {
    rbac: &'l Rbac<'l>,
    evidence: &'l Evidence,
    settings: &'l Settings<'l>,
    window: Window,
    spared: &'l Spared,
    /// Accounts by namespace and name.
    accounts: HashMap<(&'l str, &'l str), &'l Meta>,
    /// A CronJob that runs as an account, by the account's namespace and name.
    crons: HashMap<(&'l str, &'l str), &'l str>,
    elsewhere: Elsewhere,
    hiding: Hiding,
}

impl Look<'_> {
    /// What to know before anything is changed.
    fn notes(&self) -> Vec<String> {
        let mut notes = vec![format!(
            "What was used is known from {} to {} UTC. What runs more seldom, such as a monthly backup, a restore or a move \
             of a leader, is not seen, and is refused afterwards if nothing else allows it.",
            minute(self.window.from),
            minute(self.window.to)
        )];
        if self.settings.policy.is_none() {
            let mut note = "What the audit policy leaves out of the logs is not known; give it as --audit-policy, and what \
                            it hides counts as used."
                .to_owned();
            let hidden: Vec<String> =
                self.evidence.coverage.left_out().map(|(group, resource)| dotted(group, resource)).collect();
            if !hidden.is_empty() {
                note.push_str(&format!(
                    " The logs hold no request at all about {}, as if it left these out: rights on them stay.",
                    hidden.join(", ")
                ));
            }
            notes.push(note);
        }
        notes.extend(self.elsewhere.note());
        let groups = self.groups();
        if groups > 0 {
            notes.push(format!(
                "{groups} {} rights to groups. Whose requests use them is not decided by one member: they stay as they are.",
                if groups == 1 { "binding gives" } else { "bindings give" }
            ));
        }
        notes
    }

    /// How many bindings name a group, without those of Kubernetes itself.
    fn groups(&self) -> usize {
        let bindings = self.rbac.cluster().bindings.iter().filter(|b| !identity::is_systems(b));
        let bindings = bindings.filter(|b| !self.spared.binding(b));
        bindings.filter(|b| b.subjects.iter().any(|s| matches!(s, Subject::Group(_)))).count()
    }

    /// Roles that are bound now and would be by nothing afterwards.
    fn idle(&self, found: &Narrowing) -> Vec<String> {
        let cluster = self.rbac.cluster();
        let after = found.after(cluster);
        let bound = |cluster: &Cluster| -> Vec<bool> {
            let rbac = Rbac::new(cluster);
            let mut bound = vec![false; cluster.roles.len()];
            for (index, _) in cluster.bindings.iter().enumerate().filter(|(_, b)| !b.subjects.is_empty()) {
                if let Some(role) = rbac.role_of(index) {
                    bound[role] = true;
                }
            }
            bound
        };
        let (before, after) = (bound(cluster), bound(&after));
        let idle = cluster.roles.iter().enumerate().filter(|(at, role)| {
            let joins =
                |(key, _): &(sundew_posture::model::Str, _)| key.starts_with("rbac.authorization.k8s.io/");
            before[*at] && !after[*at] && !role.built_in && !role.labels.iter().any(joins)
        });
        idle.map(|(_, role)| role.to_string()).collect()
    }
}

/// `leases.coordination.k8s.io`.
fn dotted(group: &str, resource: &str) -> String {
    if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") }
}
