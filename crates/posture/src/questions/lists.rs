//! Lists that are no findings: every subject with its bindings, and every Secret and token that a pod reads.

use hashbrown::{HashMap, HashSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{members, object};
use crate::{
    assess::{HeldToken, Way, tokens_of},
    model::{Cluster, Secret, Str, Subject, VolumeKind, Workload, WorkloadKind},
    rbac::Rbac,
    report::{Filter, Object},
};

/// A row of a list: the object that it is about, which filters look at.
pub trait Listed {
    /// The object.
    fn object(&self) -> &Object;

    /// Whether a filter shows it; views and severities are of findings only.
    fn is_shown(&self, filter: &Filter) -> bool {
        filter.shows_object(self.object())
    }
}

/// A subject with what binds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubjectRow {
    /// The subject.
    pub subject: Object,
    /// Who the members of a group are, where Kubernetes itself fills it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub members: String,
    /// Each binding that names it, with the role it grants.
    pub bindings: Vec<Bound>,
    /// The pods and templates that run as it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<String>,
}

/// A binding with its role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bound {
    /// The binding, as `RoleBinding shop/orders`.
    pub binding: String,
    /// Where it was read, as `FILE:LINE`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// The role, as `Role shop/orders`.
    pub role: String,
    /// Whether there is no such role.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dangling: bool,
}

/// A token that a pod holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenRead {
    /// The pod, or the template that pods are made from.
    pub pod: Object,
    /// The account that the token is for, as `shop/orders`.
    pub account: String,
    /// How the pod comes by it: `mounted by default`, `projected`, `Secret as a volume`, `Secret in the environment`.
    pub way: String,
    /// The Secret that a long-lived token lies in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// For whom a projected token is good; the API server where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// How long each projected token is good, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i64>,
    /// Whether the API server takes it.
    pub for_api: bool,
    /// Whether it has no end.
    pub long_lived: bool,
    /// Where the containers see it.
    pub seen: Vec<Seen>,
}

/// What a container sees, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// The container.
    pub container: String,
    /// The file, or `in the environment`.
    pub at: String,
}

/// A Secret that a pod reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretRead {
    /// The pod, or the template that pods are made from.
    pub pod: Object,
    /// The Secret's name, in the pod's namespace.
    pub secret: String,
    /// How: `volume`, `env` or `envFrom`.
    pub how: String,
    /// The key that `env` reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The account whose long-lived token it holds, as `shop/orders`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_of: Option<String>,
    /// Where the containers see it.
    pub seen: Vec<Seen>,
}

impl Listed for SubjectRow {
    fn object(&self) -> &Object {
        &self.subject
    }
}

impl Listed for TokenRead {
    fn object(&self) -> &Object {
        &self.pod
    }
}

impl Listed for SecretRead {
    fn object(&self) -> &Object {
        &self.pod
    }
}

/// Every account, and every user and group that a binding names.
pub fn subjects(rbac: &Rbac<'_>) -> Vec<SubjectRow> {
    let cluster = rbac.cluster();
    let mut pods: HashMap<(&str, &str), Vec<String>> = HashMap::new();
    for workload in shown(cluster) {
        let runs_as = (&*workload.meta.namespace, &*workload.spec.account);
        pods.entry(runs_as).or_default().push(format!("{} {}", workload.kind.as_str(), workload.meta));
    }
    let mut rows = Vec::new();
    let mut row = |subject: &Subject, of: Object| {
        let pods = match subject {
            Subject::Account { namespace, name } => {
                pods.get(&(&**namespace, &**name)).cloned().unwrap_or_default()
            }
            _ => Vec::new(),
        };
        rows.push(SubjectRow {
            subject: of,
            members: members(subject),
            bindings: bound(rbac, subject),
            pods,
        });
    };
    let mut seen: HashSet<Subject> = HashSet::new();
    for account in &cluster.accounts {
        let meta = &account.meta;
        let subject = Subject::Account { namespace: meta.namespace.clone(), name: meta.name.clone() };
        row(&subject, object(cluster, subject.kind(), meta));
        seen.insert(subject);
    }
    for subject in rbac.subjects().filter(|subject| !seen.contains(*subject)) {
        row(subject, super::named(subject.kind(), subject.namespace(), subject.name(), String::new(), None));
    }
    rows.sort_by(|a, b| a.subject.cmp(&b.subject));
    rows
}

/// The bindings that name a subject itself.
pub(super) fn bound(rbac: &Rbac<'_>, subject: &Subject) -> Vec<Bound> {
    let cluster = rbac.cluster();
    let of = |&index: &usize| {
        let binding = &cluster.bindings[index];
        let role = &binding.role;
        let named = match (role.cluster, &*binding.meta.namespace) {
            (true, _) => format!("ClusterRole {}", role.name),
            (false, "") => format!("Role {}", role.name),
            (false, namespace) => format!("Role {namespace}/{}", role.name),
        };
        Bound {
            binding: binding.to_string(),
            place: cluster.place(binding.meta.place),
            role: named,
            dangling: rbac.role_of(index).is_none(),
        }
    };
    rbac.bindings_of(subject).iter().map(of).collect()
}

/// Pods that run, and templates of which no pod was read.
fn shown(cluster: &Cluster) -> impl Iterator<Item = &Workload> {
    type Key<'c> = (&'c str, &'c str, &'c str);
    let mut owners: HashMap<Key<'_>, Key<'_>> = HashMap::new();
    let mut made: HashSet<Key<'_>> = HashSet::new();
    for workload in &cluster.workloads {
        let Some(owner) = &workload.owner else { continue };
        let namespace = &*workload.meta.namespace;
        let key = (namespace, workload.kind.as_str(), &*workload.meta.name);
        let by = (namespace, &*owner.kind, &*owner.name);
        owners.insert(key, by);
        if workload.kind == WorkloadKind::Pod {
            made.insert(by);
        }
    }
    // A pod's ReplicaSet, its Deployment; a CronJob's Job.
    for _ in 0..3 {
        let further: Vec<Key<'_>> = made.iter().filter_map(|key| owners.get(key).copied()).collect();
        made.extend(further);
    }
    cluster.workloads.iter().filter(move |w| {
        if w.kind == WorkloadKind::Pod {
            return !w.ended;
        }
        w.owner.is_none() && !made.contains(&(&*w.meta.namespace, w.kind.as_str(), &*w.meta.name))
    })
}

/// Every token that a pod holds: those of running pods, and of templates of which no pod was read.
pub fn tokens_in_pods(cluster: &Cluster) -> Vec<TokenRead> {
    let shown: HashSet<*const Workload> = shown(cluster).map(std::ptr::from_ref).collect();
    let held =
        tokens_of(cluster).into_iter().filter(|(workload, _)| shown.contains(&std::ptr::from_ref(*workload)));
    let mut rows: Vec<TokenRead> = held.flat_map(|(workload, held)| read(cluster, workload, &held)).collect();
    rows.sort_by(|a, b| a.pod.cmp(&b.pod));
    rows
}

pub(super) fn read(cluster: &Cluster, workload: &Workload, held: &[HeldToken]) -> Vec<TokenRead> {
    let pod = object(cluster, workload.kind.as_str(), &workload.meta);
    let row = |token: &HeldToken| {
        let (way, secret, audience, seconds) = match &token.way {
            Way::Automounted => ("mounted by default", None, None, None),
            Way::Projected { audience, seconds } => ("projected", None, audience.as_ref(), Some(*seconds)),
            Way::SecretVolume(secret) => ("Secret as a volume", Some(secret), None, None),
            Way::SecretEnv(secret) => ("Secret in the environment", Some(secret), None, None),
        };
        let seen =
            |(container, at): &(Str, String)| Seen { container: container.to_string(), at: at.clone() };
        TokenRead {
            pod: pod.clone(),
            account: format!("{}/{}", workload.meta.namespace, token.account),
            way: way.to_owned(),
            secret: secret.map(ToString::to_string),
            audience: audience.map(ToString::to_string),
            seconds,
            for_api: token.is_for_api(),
            long_lived: secret.is_some(),
            seen: token.containers.iter().map(seen).collect(),
        }
    };
    held.iter().map(row).collect()
}

/// Every Secret that a pod reads, from a volume or into the environment.
pub fn secrets_in_pods(cluster: &Cluster) -> Vec<SecretRead> {
    let tokens = token_secrets(cluster);
    let mut rows: Vec<SecretRead> =
        shown(cluster).flat_map(|workload| secrets_of(cluster, workload, &tokens)).collect();
    rows.sort_by(|a, b| (&a.pod, &a.secret, &a.how).cmp(&(&b.pod, &b.secret, &b.how)));
    rows
}

/// Secrets with long-lived tokens, by namespace and name.
pub(super) fn token_secrets(cluster: &Cluster) -> HashMap<(&str, &str), &Secret> {
    let tokens = cluster.secrets.iter().filter(|secret| secret.is_token());
    tokens.map(|secret| ((&*secret.meta.namespace, &*secret.meta.name), secret)).collect()
}

pub(super) fn secrets_of(
    cluster: &Cluster,
    workload: &Workload,
    tokens: &HashMap<(&str, &str), &Secret>,
) -> Vec<SecretRead> {
    let pod = object(cluster, workload.kind.as_str(), &workload.meta);
    let namespace = &*workload.meta.namespace;
    let row = |secret: &Str, how: &str, key: Option<&Str>, seen| {
        let token = tokens.get(&(namespace, &**secret)).and_then(|secret| secret.account.as_ref());
        SecretRead {
            pod: pod.clone(),
            secret: secret.to_string(),
            how: how.to_owned(),
            key: key.map(ToString::to_string),
            token_of: token.map(|account| format!("{namespace}/{account}")),
            seen,
        }
    };
    let mut rows = Vec::new();
    for volume in &workload.spec.volumes {
        let secrets = match &volume.kind {
            VolumeKind::Secret(secret) => std::slice::from_ref(secret),
            VolumeKind::Projected { secrets, .. } => secrets,
            VolumeKind::HostPath(_) => continue,
        };
        for secret in secrets {
            let containers = workload.spec.containers.iter();
            let seen = containers
                .flat_map(|c| c.mounts.iter().filter(|m| m.volume == volume.name).map(move |m| (c, m)));
            let seen = seen.map(|(c, m)| Seen { container: c.name.to_string(), at: m.path.to_string() });
            rows.push(row(secret, "volume", None, seen.collect()));
        }
    }
    for container in &workload.spec.containers {
        for used in &container.env {
            let how = if used.key.is_some() { "env" } else { "envFrom" };
            let seen =
                vec![Seen { container: container.name.to_string(), at: "in the environment".to_owned() }];
            rows.push(row(&used.secret, how, used.key.as_ref(), seen));
        }
    }
    rows
}

/// The pods and templates that `is_it` chooses, as objects.
pub(super) fn pods(cluster: &Cluster, is_it: impl Fn(&Workload) -> bool) -> Vec<Object> {
    let pods = shown(cluster).filter(|workload| is_it(workload));
    let mut pods: Vec<Object> = pods.map(|w| object(cluster, w.kind.as_str(), &w.meta)).collect();
    pods.sort();
    pods
}
