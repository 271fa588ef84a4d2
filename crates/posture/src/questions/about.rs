//! Everything about one object: a role, a binding, a subject, a pod or a node.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AskError, Asked, Grant, SecretRead, TokenRead, accounts,
    lists::{Bound, bound, pods, read, secrets_of, token_secrets},
    members, named, object, subject_object,
};
use crate::{
    assess::tokens_of,
    model::{Binding, Cluster, Role, RoleRef, Str, Subject, Workload, WorkloadKind},
    rbac::{Identity, Rbac, account_of},
    report::{Finding, Object, Path, Report},
};

/// Everything that is known of one object. What does not belong to its kind is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// The object.
    pub object: Object,
    /// What it is, in a few words, where that is more than its kind: who the members of a group are, that a role comes
    /// with Kubernetes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub is: Vec<String>,
    /// Of a subject: the groups that it is in, as authentication gives them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Of a role: the bindings that grant it. Of a subject: those that name it itself. Of a binding: itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bindings: Vec<Bound>,
    /// Of a role or a binding: who has it. Of a pod: whom it runs as. Of a node: whom its pods run as.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<Object>,
    /// The rules: of a role its own, of a binding those of its role, of a subject all that it has, through its groups
    /// too, of a pod those of its account, of a node those of its own identity.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Grant>,
    /// Of an account: the pods and templates that run as it. Of a node: the pods on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<Object>,
    /// Of a pod and a node: the tokens that lie in it. Of an account: the tokens for it that lie in pods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<TokenRead>,
    /// Of a pod: the Secrets that it reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretRead>,
    /// Of an account: the Secrets that hold a long-lived token of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_secrets: Vec<Object>,
    /// What the scan found about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Its shortest way to the whole cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Path>,
}

/// Everything about the object that is asked for. `report` is the scan of the same cluster.
///
/// # Errors
///
/// Where there is no such object. A user or a group is there where a binding names it, an account also where it was
/// read or a pod runs as it.
pub fn about(rbac: &Rbac<'_>, report: &Report, asked: &Asked) -> Result<About, AskError> {
    let mut about = match asked {
        Asked::Role(namespace, name) => of_role(rbac, namespace, name),
        Asked::Binding(namespace, name) => of_binding(rbac, namespace, name),
        Asked::Subject(subject) => of_subject(rbac, subject),
        Asked::Workload(kind, namespace, name) => of_workload(rbac, *kind, namespace, name),
        Asked::Node(name) => of_node(rbac, name),
    }
    .ok_or_else(|| asked.unknown(rbac))?;
    let names = names_of(rbac.cluster(), asked, &about.object);
    let is_it = |object: &Object| {
        object.namespace == about.object.namespace
            && names.iter().any(|(kind, name)| *kind == object.kind && *name == object.name)
    };
    let findings = report.findings.iter().filter(|finding| is_it(&finding.object)).cloned().collect();
    let path = report.paths.iter().find(|path| is_it(&path.from)).cloned();
    (about.findings, about.path) = (findings, path);
    Ok(about)
}

/// Kinds and names under which a report speaks of an object: its own, and of a pod those of what made it.
fn names_of(cluster: &Cluster, asked: &Asked, object: &Object) -> Vec<(String, String)> {
    let mut names = vec![(object.kind.clone(), object.name.clone())];
    let Asked::Workload(_, namespace, _) = asked else { return names };
    // A pod, its ReplicaSet, its Deployment; a chain that does not end is not Kubernetes'.
    for _ in 0..4 {
        let Some((kind, name)) = names.last() else { break };
        let is_it = |w: &&Workload| {
            w.kind.as_str() == kind && w.meta.namespace == *namespace && *w.meta.name == **name
        };
        let Some(owner) = cluster.workloads.iter().find(is_it).and_then(|w| w.owner.as_ref()) else { break };
        names.push((owner.kind.to_string(), owner.name.to_string()));
    }
    names
}

impl About {
    fn of(object: Object) -> Self {
        Self {
            object,
            is: Vec::new(),
            groups: Vec::new(),
            bindings: Vec::new(),
            subjects: Vec::new(),
            rules: Vec::new(),
            pods: Vec::new(),
            tokens: Vec::new(),
            secrets: Vec::new(),
            token_secrets: Vec::new(),
            findings: Vec::new(),
            path: None,
        }
    }
}

fn rules(cluster: &Cluster, binding: Option<&Binding>, role: &Role) -> Vec<Grant> {
    role.rules.iter().map(|rule| Grant::new(cluster, binding, role, rule)).collect()
}

fn of_role(rbac: &Rbac<'_>, namespace: &Str, name: &Str) -> Option<About> {
    let cluster = rbac.cluster();
    let accounts = accounts(cluster);
    let wide = namespace.is_empty();
    let wanted = |r: &Role| r.cluster == wide && r.meta.namespace == *namespace && r.meta.name == *name;
    let number = cluster.roles.iter().position(wanted)?;
    let role = &cluster.roles[number];
    let mut about = About::of(object(cluster, role.kind(), &role.meta));
    if role.built_in {
        about.is.push("Kubernetes itself made it".into());
    }
    if !role.aggregates.is_empty() {
        about.is.push("aggregated: its rules are joined from other ClusterRoles".into());
    }
    about.rules = rules(cluster, None, role);
    for (index, binding) in cluster.bindings.iter().enumerate() {
        if rbac.role_of(index) != Some(number) {
            continue;
        }
        about.bindings.push(Bound {
            binding: binding.to_string(),
            place: cluster.place(binding.meta.place),
            role: role.to_string(),
            dangling: false,
        });
        about
            .subjects
            .extend(binding.subjects.iter().map(|subject| subject_object(cluster, &accounts, subject)));
    }
    about.subjects.sort();
    about.subjects.dedup();
    Some(about)
}

fn of_binding(rbac: &Rbac<'_>, namespace: &Str, name: &Str) -> Option<About> {
    let cluster = rbac.cluster();
    let accounts = accounts(cluster);
    let wide = namespace.is_empty();
    let wanted = |b: &Binding| b.cluster == wide && b.meta.namespace == *namespace && b.meta.name == *name;
    let index = cluster.bindings.iter().position(wanted)?;
    let binding = &cluster.bindings[index];
    let mut about = About::of(object(cluster, binding.kind(), &binding.meta));
    if binding.built_in {
        about.is.push("Kubernetes itself made it".into());
    }
    let RoleRef { cluster: of_cluster, name } = &binding.role;
    let kind = if *of_cluster { "ClusterRole" } else { "Role" };
    match rbac.role_of(index).map(|role| &cluster.roles[role]) {
        Some(role) => {
            let place = if wide { "the whole cluster".to_owned() } else { super::scope(binding) };
            about.is.push(format!("grants {role} in {place}"));
            about.rules = rules(cluster, Some(binding), role);
        }
        None => about.is.push(format!("grants {kind} {name}, which does not exist")),
    }
    about.subjects =
        binding.subjects.iter().map(|subject| subject_object(cluster, &accounts, subject)).collect();
    Some(about)
}

/// Every rule that an identity has, by itself and through its groups, with the binding and the role of each. Whether it
/// stands in the cluster does not matter: bindings may name it before it is made.
pub fn granted(rbac: &Rbac<'_>, identity: &Identity) -> Vec<Grant> {
    let own = account_of(identity.name())
        .map(|(namespace, name)| Subject::Account { namespace: namespace.into(), name: name.into() });
    rules_of(rbac, identity, own.as_ref())
}

/// Every rule of an identity, through its groups too, with the binding of each.
fn rules_of(rbac: &Rbac<'_>, identity: &Identity, own: Option<&Subject>) -> Vec<Grant> {
    let cluster = rbac.cluster();
    let mut found = Vec::new();
    for subject in identity.subjects() {
        for &index in rbac.bindings_of(&subject) {
            let Some(role) = rbac.role_of(index) else { continue };
            let through = if own == Some(&subject) { String::new() } else { subject.to_string() };
            let grants = rules(cluster, Some(&cluster.bindings[index]), &cluster.roles[role]);
            found.extend(grants.into_iter().map(|grant| Grant { through: through.clone(), ..grant }));
        }
    }
    found
}

fn of_subject(rbac: &Rbac<'_>, subject: &Subject) -> Option<About> {
    let cluster = rbac.cluster();
    let accounts = accounts(cluster);
    let mut about = About::of(subject_object(cluster, &accounts, subject));
    let identity = Identity::of(subject);
    about.bindings = bound(rbac, subject);
    if let Subject::Account { namespace, name } = subject {
        about.pods = pods(cluster, |w| w.meta.namespace == *namespace && w.spec.account == *name);
        let read = cluster.accounts.iter().find(|a| a.meta.namespace == *namespace && a.meta.name == *name);
        if read.is_none() {
            about.is.push("no such account was read".into());
        }
        if let Some(cloud) = read.and_then(|account| account.cloud.as_ref()) {
            about.is.push(format!("its token is the cloud identity {cloud}"));
        }
        if read.and_then(|account| account.automount) == Some(false) {
            about.is.push("its token is not mounted where a pod does not ask for it".into());
        }
        let tokens = cluster.secrets.iter().filter(|s| s.is_token() && s.meta.namespace == *namespace);
        let tokens = tokens.filter(|secret| secret.account.as_ref() == Some(name));
        about.token_secrets = tokens.map(|secret| object(cluster, "Secret", &secret.meta)).collect();
        let of = format!("{namespace}/{name}");
        about.tokens =
            super::tokens_in_pods(cluster).into_iter().filter(|token| token.account == of).collect();
        let is_there = read.is_some() || !about.pods.is_empty() || !about.bindings.is_empty();
        if !is_there {
            return None;
        }
    } else if about.bindings.is_empty() {
        // Nothing but a binding, or a pod's place, says that a user or a group is there.
        let is_node = |node: &str| cluster.nodes.iter().any(|of| *of.meta.name == *node);
        let known = subject.name().strip_prefix("system:node:").is_some_and(is_node);
        if !known && members(subject).is_empty() {
            return None;
        }
    }
    let who = members(subject);
    if !who.is_empty() {
        about.is.push(who);
    }
    about.groups = identity.groups().iter().map(ToString::to_string).collect();
    if let Subject::Group(own) = subject {
        about.groups.retain(|group| **group != **own);
    }
    about.rules = rules_of(rbac, &identity, Some(subject));
    Some(about)
}

fn of_workload(rbac: &Rbac<'_>, kind: WorkloadKind, namespace: &Str, name: &Str) -> Option<About> {
    let cluster = rbac.cluster();
    let accounts = accounts(cluster);
    let wanted = |w: &&Workload| w.kind == kind && w.meta.namespace == *namespace && w.meta.name == *name;
    let workload = cluster.workloads.iter().find(wanted)?;
    let mut about = About::of(object(cluster, kind.as_str(), &workload.meta));
    if let Some(owner) = &workload.owner {
        about.is.push(format!("made by {} {namespace}/{}", owner.kind, owner.name));
    }
    if let Some(node) = &workload.spec.node {
        about.is.push(format!("on node {node}"));
    }
    if workload.ended {
        about.is.push("it has ended".into());
    }
    about.is.extend(crate::assess::escape::weaknesses(workload).into_iter().map(|weakness| weakness.what));
    let account = Subject::Account { namespace: namespace.clone(), name: workload.spec.account.clone() };
    about.rules = rules_of(rbac, &Identity::of(&account), Some(&account));
    about.subjects = vec![subject_object(cluster, &accounts, &account)];
    let held = tokens_of(cluster).into_iter().find(|(of, _)| std::ptr::eq(*of, workload));
    about.tokens = held.map(|(_, held)| read(cluster, workload, &held)).unwrap_or_default();
    about.secrets = secrets_of(cluster, workload, &token_secrets(cluster));
    Some(about)
}

fn of_node(rbac: &Rbac<'_>, name: &Str) -> Option<About> {
    let cluster = rbac.cluster();
    let accounts = accounts(cluster);
    let on_it: Vec<Object> =
        pods(cluster, |w| w.kind == WorkloadKind::Pod && w.spec.node.as_ref() == Some(name) && !w.ended);
    let node = cluster.nodes.iter().find(|node| node.meta.name == *name);
    let mut about = match node {
        Some(node) => About::of(object(cluster, "Node", &node.meta)),
        None if on_it.is_empty() => return None,
        None => About::of(named("Node", "", name, String::new(), None)),
    };
    if let Some(node) = node {
        if node.control_plane {
            about.is.push("the control plane runs on it".into());
        }
        about.is.extend(node.version.map(|version| format!("its kubelet is of Kubernetes {version}")));
    }
    about.is.push(
        "besides its rules it reads the Secrets and asks for the tokens that its pods use (Node authorizer)"
            .into(),
    );
    let own = Subject::User(format!("system:node:{name}").into());
    about.rules = rules_of(rbac, &Identity::node(name), Some(&own));
    let is_here =
        |w: &Workload| w.kind == WorkloadKind::Pod && w.spec.node.as_ref() == Some(name) && !w.ended;
    for (workload, held) in tokens_of(cluster).into_iter().filter(|(workload, _)| is_here(workload)) {
        about.tokens.extend(read(cluster, workload, &held));
        let account = Subject::Account {
            namespace: workload.meta.namespace.clone(),
            name: workload.spec.account.clone(),
        };
        about.subjects.push(subject_object(cluster, &accounts, &account));
    }
    about.subjects.sort();
    about.subjects.dedup();
    about.pods = on_it;
    Some(about)
}
