//! The gate: what a planned account could do through every group it belongs to, before it is made.

mod rule;
mod shared;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sundew_decoy::plan::{Plan, Planned};
use sundew_posture::{
    Cluster, Reader,
    model::Absent,
    questions::{Grant, granted},
    rbac::{Identity, Rbac},
    read::Assume,
};

pub(crate) use rule::Said;

/// The kinds that rights come from, with the resource that each is.
const RIGHTS: [(&str, &str); 4] = [
    ("Role", "roles"),
    ("ClusterRole", "clusterroles"),
    ("RoleBinding", "rolebindings"),
    ("ClusterRoleBinding", "clusterrolebindings"),
];
const ACCOUNT: &str = "ServiceAccount";
/// How a grant that comes through a group begins to say so.
const GROUP: &str = "Group ";

/// What the account of a plan could do besides discovery and asking about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// What the persona declares and the plan gives it.
    pub declared: Vec<Grant>,
    /// Everything else: one entry here refuses the plan.
    pub undeclared: Vec<Grant>,
    /// What could not be read and could hide more, in words; nothing may be planted then without the user's word.
    pub unread: Vec<String>,
}

impl Rights {
    /// Whether the plan is harmless as far as could be seen: nothing undeclared.
    pub fn passes(&self) -> bool {
        self.undeclared.is_empty()
    }

    /// Whether everything undeclared is what every account of the cluster has too, through a group, and is harmless as
    /// far as that can be told: as on OpenShift, where whoever is known may ask for a project. An intruder with any token
    /// has it already, and the user may say that it matters to nobody.
    pub fn is_shared(&self) -> bool {
        self.objection().is_none()
    }

    /// Why the user may not call what is undeclared shared and harmless: the first grant that speaks against it.
    /// Grants of one namespace's group count as not shared, and so do wildcards, everything about Secrets, and every risk
    /// that a scan knows.
    pub fn objection(&self) -> Option<String> {
        shared::objection(&self.undeclared, &self.declared)
    }
}

/// What the account of `plan` could do in `cluster`, its planned roles and bindings among the others.
///
/// Not counted is what Kubernetes lets every account do: discovery, health, version, and asking about itself. That is
/// told by the rules and not by the names of the roles, which anybody may have edited. A right counts as declared where
/// a binding of the plan gives it and the persona declares each part of its rule; one with a wildcard never does, for
/// nobody can say how much it is tomorrow.
pub fn rights(cluster: &Cluster, plan: &Plan) -> Rights {
    let mut unread: Vec<String> = unread(cluster);
    let with = with_plan(cluster, plan, &mut unread);
    let (namespace, account) = (&plan.decoy.namespace, &plan.decoy.account);
    let planned = bindings(plan);
    let rbac = Rbac::new(&with);
    let (mut declared, mut undeclared) = (Vec::new(), Vec::new());
    for grant in granted(&rbac, &Identity::account(namespace, account)) {
        let said = Said::of(&grant);
        if said.is_nothing() || said.is_discovery() {
            continue;
        }
        let is_declared = planned.contains(&grant.binding) && said.is_within(&plan.rights);
        if is_declared { &mut declared } else { &mut undeclared }.push(grant);
    }
    let of_cloud = with
        .accounts
        .iter()
        .find(|a| *a.meta.namespace == **namespace && *a.meta.name == **account)
        .and_then(|account| account.cloud.as_ref());
    unread.extend(of_cloud.map(|cloud| {
        format!("the account's annotations make its token the cloud identity {cloud}: what that may do, only the cloud knows")
    }));
    Rights { declared, undeclared, unread }
}

/// What an account of `cluster` could do besides discovery, and not through a group: what others share says nothing
/// about this one.
pub(crate) fn own_rights(rbac: &Rbac<'_>, namespace: &str, account: &str) -> Vec<Grant> {
    let mut grants = granted(rbac, &Identity::account(namespace, account));
    grants.retain(|grant| {
        let said = Said::of(grant);
        !grant.through.starts_with(GROUP) && !said.is_nothing() && !said.is_discovery()
    });
    grants
}

/// One line for each right and each thing that could not be read; one line where there is neither.
pub fn in_words(rights: &Rights) -> Vec<String> {
    let line = |what: &str, grant: &Grant| {
        let Grant { rule, scope, binding, role, through, .. } = grant;
        let through = if through.is_empty() { String::new() } else { format!("through {through}, ") };
        let scope = if scope == "cluster" { "the whole cluster" } else { scope };
        format!("{what}: {rule} in {scope}, {through}by {binding} of {role}")
    };
    let undeclared = rights.undeclared.iter().map(|grant| line("not declared", grant));
    let declared = rights.declared.iter().map(|grant| line("declared", grant));
    let unread = rights.unread.iter().map(|what| format!("not known: {what}"));
    let mut lines: Vec<String> = undeclared.chain(declared).chain(unread).collect();
    if lines.is_empty() {
        lines.push("nothing but discovery and asking about itself".into());
    }
    lines
}

/// What of the cluster's roles and bindings could not be read.
fn unread(cluster: &Cluster) -> Vec<String> {
    let from_rights = |absent: &&Absent| RIGHTS.iter().any(|(_, resource)| *resource == &*absent.resource);
    cluster
        .absent
        .iter()
        .filter(from_rights)
        .map(|absent| format!("{}: {}", absent.resource, absent.reason))
        .collect()
}

/// The cluster as it would be with the plan's account, roles and bindings.
fn with_plan(cluster: &Cluster, plan: &Plan, unread: &mut Vec<String>) -> Cluster {
    let manifests: Vec<&Value> = deciding(plan).map(|planned| &planned.manifest).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests}).to_string();
    let mut reader = Reader::onto(cluster.clone());
    if let Err(error) = reader.add("the plan", list.as_bytes(), &Assume::default()) {
        unread.push(error.to_string());
    }
    let with = reader.finish();
    for planned in deciding(plan).filter(|planned| !is_there(&with, planned)) {
        let name = named(planned);
        unread.push(format!(
            "the planned {name} cannot be understood: a field is of another type than Kubernetes gives it"
        ));
    }
    with
}

/// The objects of a plan that decide what its account may do.
fn deciding(plan: &Plan) -> impl Iterator<Item = &Planned> {
    plan.objects.iter().filter(|planned| {
        let kind = planned.object.kind.as_str();
        kind == ACCOUNT || RIGHTS.iter().any(|(name, _)| *name == kind)
    })
}

fn is_there(cluster: &Cluster, planned: &Planned) -> bool {
    let name = named(planned);
    match planned.object.kind.as_str() {
        "Role" | "ClusterRole" => cluster.roles.iter().any(|role| role.to_string() == name),
        ACCOUNT => cluster.accounts.iter().any(|account| format!("{ACCOUNT} {}", account.meta) == name),
        _ => cluster.bindings.iter().any(|binding| binding.to_string() == name),
    }
}

/// The plan's bindings, as grants name them.
fn bindings(plan: &Plan) -> BTreeSet<String> {
    deciding(plan).filter(|planned| planned.object.kind.ends_with("Binding")).map(named).collect()
}

/// `KIND NAMESPACE/NAME`, or `KIND NAME` for what belongs to the cluster as a whole.
fn named(planned: &Planned) -> String {
    let object = &planned.object;
    match &object.namespace {
        Some(namespace) => format!("{} {namespace}/{}", object.kind, object.name),
        None => format!("{} {}", object.kind, object.name),
    }
}
