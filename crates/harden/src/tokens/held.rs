//! Each long-lived token of the cluster, with everything that is known of it.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sundew_posture::{
    Cluster,
    model::{Secret, VolumeKind, Workload, WorkloadKind},
    rbac::user_of,
};

use super::{Question, Verdict, is_decoy, is_decoys, verdict};
use crate::evidence::{self, Tally};

/// The most addresses, clients and requests that are told of one token, of each.
const MOST: usize = 8;

/// A token that never expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LongLived {
    /// The namespace of both.
    pub namespace: String,
    /// The Secret that holds it.
    pub secret: String,
    /// The account that it is for.
    pub account: String,
    /// Whether the account is there; none where the accounts of the namespace could not be read.
    pub account_exists: Option<bool>,
    /// When the Secret was made.
    #[schemars(with = "Option<String>")]
    pub created: Option<Timestamp>,
    /// How many days ago that was.
    pub days: Option<i64>,
    /// The day of its last use, as the API server noted it.
    pub last_used: Option<String>,
    /// The day from which on it is declared invalid.
    pub invalid_since: Option<String>,
    /// Whether the account lists the Secret: Kubernetes made it before 1.24, and its clean-up takes it away after a
    /// year without use.
    pub listed: bool,
    /// Who made it, where that is in the logs.
    pub made_by: Option<String>,
    /// What runs as the account, as `Deployment ci`.
    pub runs: Vec<String>,
    /// What reads the Secret.
    pub readers: Vec<Reader>,
    /// What the account could do, worst first.
    pub could: Vec<String>,
    /// Where the token was used from, as the audit logs tell.
    pub used: Option<Uses>,
    /// Where the account is used from: this is of the account, whichever token it used.
    pub habits: Option<Habits>,
    /// What is to be done with it.
    pub verdict: Verdict,
    /// Why, a sentence each.
    pub why: Vec<String>,
    /// The next step, in one sentence.
    pub next: String,
}

/// A pod, or what makes pods, that reads a Secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reader {
    /// `Deployment`, `Pod` and so on: of the object that a person edits.
    pub kind: String,
    /// Its name, in the Secret's namespace.
    pub name: String,
    /// The account that it runs as.
    pub account: String,
    /// The volume that mounts the Secret; none where the environment reads it.
    pub volume: Option<String>,
    /// Whether the volume is a projected one, with the Secret as one source among others.
    pub projected: bool,
    /// Where the containers see it, as `main: /var/run/token`.
    pub seen: Vec<String>,
}

impl Reader {
    /// `Deployment ci`.
    pub fn object(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }
}

/// Where a token was used from, as audit logs tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Uses {
    /// Whether the API server named this Secret. Before 1.29 it names only the account: then this is about all of the
    /// account's long-lived tokens together.
    pub exact: bool,
    /// How many requests.
    pub requests: u64,
    /// The first one's time.
    #[schemars(with = "Option<String>")]
    pub first: Option<Timestamp>,
    /// The last one's time.
    #[schemars(with = "Option<String>")]
    pub last: Option<Timestamp>,
    /// The addresses.
    pub peers: Vec<Counted>,
    /// The clients, as they call themselves.
    pub clients: Vec<Counted>,
    /// What was asked for, as `list pods`.
    pub asked: Vec<Counted>,
}

/// Something with the number of requests that had it; the most frequent are listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counted {
    /// What.
    pub what: String,
    /// How many requests.
    pub times: u64,
}

/// Where an account is used from, as was learnt of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Habits {
    /// How many requests.
    pub requests: u64,
    /// Networks, most frequent first.
    pub networks: Vec<String>,
    /// Clients, most frequent first.
    pub clients: Vec<String>,
    /// The last request's time.
    #[schemars(with = "String")]
    pub last: Timestamp,
}

/// The most frequent of what was counted.
pub(super) fn counted(tally: &Tally) -> Vec<Counted> {
    tally.most().take(MOST).map(|(what, times)| Counted { what: what.to_owned(), times }).collect()
}

impl Uses {
    pub(super) fn of(uses: &evidence::Uses, exact: bool) -> Self {
        Self {
            exact,
            requests: uses.requests,
            first: uses.first,
            last: uses.last,
            peers: counted(&uses.peers),
            clients: counted(&uses.clients),
            asked: counted(&uses.asked),
        }
    }
}

/// Every long-lived token but those of decoys, and how many those are.
pub(super) fn tokens(question: &Question<'_>) -> (Vec<LongLived>, usize) {
    let cluster = question.cluster;
    let readers = readers(cluster);
    let runs = runs(cluster);
    let mut found = Vec::new();
    let mut left_out = 0;
    for secret in cluster.secrets.iter().filter(|secret| secret.is_token()) {
        let Some(account) = &secret.account else { continue };
        let (namespace, name) = (&*secret.meta.namespace, &*secret.meta.name);
        if is_decoy(question.decoys, &user_of(namespace, account))
            || is_decoys(question.decoys, namespace, name)
        {
            left_out += 1;
            continue;
        }
        let readers = readers.get(&(namespace, name)).cloned().unwrap_or_default();
        let runs = runs.get(&(namespace, &**account)).cloned().unwrap_or_default();
        found.push(token(question, secret, account, readers, runs.into_iter().collect()));
    }
    (found, left_out)
}

fn token(
    question: &Question<'_>,
    secret: &Secret,
    account: &str,
    readers: BTreeSet<Reader>,
    runs: Vec<String>,
) -> LongLived {
    let (namespace, name) = (&*secret.meta.namespace, &*secret.meta.name);
    let user = user_of(namespace, account);
    let logs = question.evidence.map(|evidence| &evidence.secrets);
    let exact = logs.and_then(|logs| logs.of(namespace, name)).map(|found| Uses::of(&found.uses, true));
    let used =
        exact.or_else(|| logs.and_then(|logs| logs.of_unnamed(&user)).map(|found| Uses::of(found, false)));
    let owner = of_account(question.cluster, namespace, account);
    let habits = (question.habits)(&user).map(|shown| {
        let of = |aspect: &str| {
            let habits = shown.habits.iter().filter(|habit| habit.aspect == aspect);
            habits.take(MOST).map(|habit| habit.what.clone()).collect()
        };
        Habits { requests: shown.requests, networks: of("network"), clients: of("client"), last: shown.last }
    });
    let mut token = LongLived {
        namespace: namespace.to_owned(),
        secret: name.to_owned(),
        account: account.to_owned(),
        account_exists: owner.map(|owner| owner.is_some()),
        created: secret.meta.created,
        days: secret
            .meta
            .created
            .and_then(|made| days_since(made.to_zoned(TimeZone::UTC).date(), question.now)),
        last_used: secret.last_used.as_deref().map(str::to_owned),
        invalid_since: secret.invalid_since.as_deref().map(str::to_owned),
        listed: owner.flatten().is_some_and(|owner| owner.secrets.iter().any(|of| **of == *name)),
        made_by: logs.and_then(|logs| logs.maker(namespace, name)).map(|maker| maker.user.clone()),
        runs,
        readers: readers.into_iter().collect(),
        could: (question.could)(&user),
        used,
        habits,
        verdict: Verdict::Unknown,
        why: Vec::new(),
        next: String::new(),
    };
    verdict::judge(question, &mut token);
    token
}

/// The account, where it is there; none at all where that cannot be known.
fn of_account<'c>(
    cluster: &'c Cluster,
    namespace: &str,
    name: &str,
) -> Option<Option<&'c sundew_posture::model::Account>> {
    let mut of_namespace =
        cluster.accounts.iter().filter(|account| &*account.meta.namespace == namespace).peekable();
    // Every namespace has the account `default`: where there is none, accounts were not read.
    if cluster.lacks("serviceaccounts") || of_namespace.peek().is_none() {
        return None;
    }
    Some(of_namespace.find(|account| &*account.meta.name == name))
}

/// The object that a person edits: the workload, or what makes it, and so on.
fn top<'w>(of: &HashMap<(&str, &str, &str), &'w Workload>, workload: &'w Workload) -> (String, String) {
    let mut workload = workload;
    // Owners of owners: a Deployment has ReplicaSets, a CronJob has Jobs. A circle would be a lie.
    for _ in 0..4 {
        let Some(owner) = &workload.owner else { break };
        match of.get(&(&*workload.meta.namespace, &*owner.kind, &*owner.name)) {
            Some(found) => workload = found,
            None => return (owner.kind.to_string(), owner.name.to_string()),
        }
    }
    (workload.kind.as_str().to_owned(), workload.meta.name.to_string())
}

fn by_name(cluster: &Cluster) -> HashMap<(&str, &str, &str), &Workload> {
    cluster
        .workloads
        .iter()
        .map(|workload| ((&*workload.meta.namespace, workload.kind.as_str(), &*workload.meta.name), workload))
        .collect()
}

/// What counts of a cluster's workloads: pods that run, and what people write. Of a Deployment's earlier ReplicaSets
/// nothing runs any more.
pub(super) fn current(cluster: &Cluster) -> impl Iterator<Item = &Workload> {
    let names = by_name(cluster);
    let is_made = move |workload: &&Workload| {
        let owner = workload.owner.as_ref();
        let found = owner.and_then(|of| names.get(&(&*workload.meta.namespace, &*of.kind, &*of.name)));
        workload.kind == WorkloadKind::Pod || found.is_none()
    };
    cluster.workloads.iter().filter(|workload| !workload.ended).filter(is_made)
}

/// What reads each Secret, by namespace and name.
fn readers(cluster: &Cluster) -> HashMap<(&str, &str), BTreeSet<Reader>> {
    let names = by_name(cluster);
    let mut readers: HashMap<(&str, &str), BTreeSet<Reader>> = HashMap::new();
    for workload in current(cluster) {
        let namespace = &*workload.meta.namespace;
        let (kind, name) = top(&names, workload);
        let reader = |volume: Option<&str>, projected: bool, seen: Vec<String>| Reader {
            kind: kind.clone(),
            name: name.clone(),
            account: workload.spec.account.to_string(),
            volume: volume.map(str::to_owned),
            projected,
            seen,
        };
        for volume in &workload.spec.volumes {
            let mounts = workload.spec.containers.iter().flat_map(|c| c.mounts.iter().map(move |m| (c, m)));
            let seen: Vec<String> = mounts
                .filter(|(_, mount)| mount.volume == volume.name)
                .map(|(container, mount)| format!("{}: {}", container.name, mount.path))
                .collect();
            let (secrets, projected) = match &volume.kind {
                VolumeKind::Secret(secret) => (std::slice::from_ref(secret), false),
                VolumeKind::Projected { secrets, .. } => (secrets.as_slice(), true),
                VolumeKind::HostPath(_) => continue,
            };
            for secret in secrets {
                let of = readers.entry((namespace, secret)).or_default();
                of.insert(reader(Some(&volume.name), projected, seen.clone()));
            }
        }
        for container in &workload.spec.containers {
            for used in &container.env {
                let of = readers.entry((namespace, &used.secret)).or_default();
                of.insert(reader(None, false, vec![format!("{}: in the environment", container.name)]));
            }
        }
    }
    readers
}

/// What runs as each account, by namespace and name.
fn runs(cluster: &Cluster) -> HashMap<(&str, &str), BTreeSet<String>> {
    let names = by_name(cluster);
    let mut runs: HashMap<(&str, &str), BTreeSet<String>> = HashMap::new();
    for workload in current(cluster).filter(|workload| workload.kind != WorkloadKind::PodTemplate) {
        let (kind, name) = top(&names, workload);
        let of = runs.entry((&*workload.meta.namespace, &*workload.spec.account)).or_default();
        of.insert(format!("{kind} {name}"));
    }
    runs
}

/// How many days have passed since a day, in UTC; none where it lies so far away that it is an error.
pub(super) fn days_since(day: Date, now: Timestamp) -> Option<i64> {
    let span = now.to_zoned(TimeZone::UTC).date().since((jiff::Unit::Day, day)).ok()?;
    Some(i64::from(span.get_days()).max(0))
}
