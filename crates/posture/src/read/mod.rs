//! Bytes to objects: JSON or YAML, one object or lists of them, one document or many.
//!
//! [`parse`] reads one text and can run on many threads; [`Reader`] puts what came of it together, and notes what was
//! described twice, what could not be understood, and which kinds nobody described.

mod convert;
mod object;
mod text;
mod wire;

use std::{cell::RefCell, collections::BTreeSet};

use hashbrown::{HashMap, HashSet};
use jiff::Timestamp;
use thiserror::Error;

pub use object::Assume;
use object::{Class, Parsed};

use self::convert::Names;
use crate::model::{
    Absent, Account, Admission, Binding, Cluster, Meta, Namespace, Node, Notice, Place, PodSecurity, Role,
    RoleRef, Secret, Str, Subject, Workload,
};

/// Why a text could not be read at all.
#[derive(Debug, Error)]
pub enum ReadError {
    /// It is not UTF-8.
    #[error("{file}: byte {offset} (line {line}) is not UTF-8 text; a dump of kubectl always is")]
    NotText {
        /// Which text.
        file: String,
        /// The first byte that is wrong, from 0.
        offset: usize,
        /// Its line, from 1.
        line: u32,
    },
    /// It is neither JSON nor YAML.
    #[error("{file}:{line}: {problem}")]
    Syntax {
        /// Which text.
        file: String,
        /// Where, from 1.
        line: u32,
        /// What is wrong, in the parser's words.
        problem: String,
    },
}

/// What one text described.
#[derive(Debug, Default)]
pub struct Batch {
    file: String,
    objects: Vec<Described>,
    /// Kinds of lists that were seen, also empty ones.
    lists: Vec<Str>,
    notices: Vec<(u32, String)>,
}

impl Batch {
    /// How many objects it holds, of kinds that matter and others.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether it holds no object.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }
}

/// An object with the line of its name.
#[derive(Debug)]
struct Described {
    line: u32,
    api_version: Str,
    kind: Str,
    name: Str,
    namespace: Str,
    thing: Thing,
}

#[derive(Debug)]
enum Thing {
    Role(Role),
    Binding(Binding),
    Account(Account),
    Workload(Box<Workload>),
    Node(Node),
    Namespace(Namespace),
    Secret(Secret),
    Admission(Admission),
    Version(Str),
    Other,
}

/// Reads one text. `file` names it in messages and places.
///
/// # Errors
///
/// Where it is not UTF-8, or neither JSON nor YAML. An object whose fields have other types than Kubernetes gives them
/// is left out with a notice, and the rest is read.
pub fn parse(file: &str, bytes: &[u8], assume: &Assume) -> Result<Batch, ReadError> {
    let text = text::decode(file, bytes)?;
    let names = Names::default();
    let mut batch = Batch { file: file.to_owned(), ..Batch::default() };
    let mut lines = text::Lines::new(text);
    for document in text::documents(text) {
        let out = RefCell::new(Vec::new());
        let lists = RefCell::new(Vec::new());
        let reading = text::Reading { file, names: &names, assume, out: &out, lists: &lists };
        let notices = reading.read(document)?;
        batch.notices.extend(notices.into_iter().map(|(offset, what)| (lines.at(offset), what)));
        batch.lists.append(&mut lists.into_inner());
        batch.objects.extend(out.into_inner().into_iter().map(|parsed| {
            let line = text::offset_in(text, &parsed.meta.name.0).map_or(0, |offset| lines.at(offset));
            describe(&names, assume, line, parsed, &mut batch.notices)
        }));
    }
    Ok(batch)
}

fn describe(
    names: &Names,
    assume: &Assume,
    line: u32,
    parsed: Parsed<'_>,
    notices: &mut Vec<(u32, String)>,
) -> Described {
    let Parsed { api_version, kind, meta: wire, body } = parsed;
    let class = Class::of(&kind);
    // A Namespace or a ClusterRole with a namespace written in is still the cluster's.
    let wide = matches!(class, Class::Node | Class::Namespace | Class::Webhooks | Class::Policy)
        || kind.starts_with("ClusterRole");
    let namespace = match &*wire.namespace.0 {
        _ if wide => "",
        // What kubectl would do with a manifest that names none.
        "" if !matches!(class, Class::Other) => "default",
        namespace => namespace,
    };
    let namespace = names.get(namespace);
    let name = names.get(&wire.name.0);
    let created: Option<Timestamp> = wire.creation_timestamp.0.parse().ok();
    let meta =
        Meta { name: name.clone(), namespace: namespace.clone(), created, place: Place { file: 0, line } };
    let label = |key: &str| wire.labels.get(key).map(|value| names.get(value));
    let note = |key: &str| wire.annotations.get(key).map(|value| names.get(value));
    let built_in = wire.labels.get("kubernetes.io/bootstrapping") == Some("rbac-defaults");
    if body.odd_subjects > 0 {
        notices.push((
            line,
            format!("{kind} {meta} has {} subjects of a kind that RBAC does not know", body.odd_subjects),
        ));
    }
    let thing = match class {
        Class::Role => Thing::Role(Role {
            meta,
            cluster: &*kind == "ClusterRole",
            rules: body.rules.into(),
            aggregates: body.aggregates,
            labels: if &*kind == "ClusterRole" { convert::labels(names, &wire.labels) } else { Vec::new() },
            built_in,
        }),
        Class::Binding => {
            let (of, role) = body.role_ref.unwrap_or_else(|| (names.get(""), names.get("")));
            let role = RoleRef { cluster: &*of == "ClusterRole", name: role };
            let cluster = &*kind == "ClusterRoleBinding";
            let mut subjects = body.subjects;
            for subject in &mut subjects {
                // RBAC takes an account without a namespace from the RoleBinding's own (rbac.go, `appliesToUser`).
                if let (Subject::Account { namespace, .. }, false) = (subject, cluster)
                    && namespace.is_empty()
                {
                    namespace.clone_from(&meta.namespace);
                }
            }
            Thing::Binding(Binding { meta, cluster, role, subjects, built_in })
        }
        Class::Account => Thing::Account(Account {
            meta,
            automount: body.automount,
            secrets: body.secrets,
            cloud: CLOUD_ANNOTATIONS.iter().find_map(|key| note(key)),
        }),
        Class::Workload(kind) => {
            let Some(mut spec) = body.pod else {
                notices.push((line, format!("{} {meta} describes no pod", kind.as_str())));
                return Described {
                    line,
                    api_version,
                    kind: names.get(kind.as_str()),
                    name,
                    namespace,
                    thing: Thing::Other,
                };
            };
            spec.containers.shrink_to_fit();
            let owner = convert::owner(names, &wire.owner_references);
            Thing::Workload(Box::new(Workload { meta, kind, owner, spec, ended: body.ended }))
        }
        Class::Node => Thing::Node(Node {
            meta,
            control_plane: CONTROL_PLANE_LABELS.iter().any(|label| wire.labels.get(label).is_some()),
            version: body.version.and_then(|version| version.parse().ok()),
        }),
        Class::Namespace => {
            let enforces = match wire.labels.get("pod-security.kubernetes.io/enforce") {
                Some("restricted") => PodSecurity::Restricted,
                Some("baseline") => PodSecurity::Baseline,
                _ => PodSecurity::Privileged,
            };
            Thing::Namespace(Namespace { meta, enforces })
        }
        Class::Secret => Thing::Secret(Secret {
            meta,
            kind: body.secret_type.or_else(|| assume.secret_type.clone()).unwrap_or_else(|| names.get("")),
            account: note("kubernetes.io/service-account.name"),
            last_used: label("kubernetes.io/legacy-token-last-used"),
            invalid_since: label("kubernetes.io/legacy-token-invalid-since"),
        }),
        Class::Webhooks | Class::Policy => {
            Thing::Admission(Admission { meta, kind: kind.clone(), sees_pods: body.sees_pods })
        }
        Class::Other => body.version.map_or(Thing::Other, Thing::Version),
    };
    Described { line, api_version, kind, name, namespace, thing }
}

/// Labels that say that the control plane runs on a node; the second is the older one.
const CONTROL_PLANE_LABELS: [&str; 2] =
    ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

/// Annotations of accounts by which clouds give them an identity: EKS, GKE, AKS.
const CLOUD_ANNOTATIONS: [&str; 3] =
    ["eks.amazonaws.com/role-arn", "iam.gke.io/gcp-service-account", "azure.workload.identity/client-id"];

/// Kinds whose absence from what was read is worth saying, with the resource that they are.
const RESOURCES: [(&str, &str); 9] = [
    ("Role", "roles"),
    ("ClusterRole", "clusterroles"),
    ("RoleBinding", "rolebindings"),
    ("ClusterRoleBinding", "clusterrolebindings"),
    ("ServiceAccount", "serviceaccounts"),
    ("Pod", "pods"),
    ("Node", "nodes"),
    ("Namespace", "namespaces"),
    ("Secret", "secrets"),
];

/// Puts together what many texts described.
#[derive(Debug, Default)]
pub struct Reader {
    cluster: Cluster,
    seen: HashMap<(Str, Str, Str), usize>,
    kinds: HashSet<Str>,
    twice: usize,
    others: usize,
    unknown: BTreeSet<(Str, Str)>,
}

impl Reader {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses one text and takes what it describes: [`parse`] and [`Reader::take`].
    ///
    /// # Errors
    ///
    /// As [`parse`].
    pub fn add(&mut self, file: &str, bytes: &[u8], assume: &Assume) -> Result<usize, ReadError> {
        let batch = parse(file, bytes, assume)?;
        let count = batch.len();
        self.take(batch);
        Ok(count)
    }

    /// Takes what one text described. Of an object that is described twice, the later description counts.
    pub fn take(&mut self, batch: Batch) {
        let file = u32::try_from(self.cluster.files.len()).unwrap_or(u32::MAX);
        self.cluster.files.push(batch.file);
        self.kinds.extend(batch.lists);
        for (line, what) in batch.notices {
            self.cluster.notices.push(Notice { place: Place { file, line }, what });
        }
        for object in batch.objects {
            self.put(file, object);
        }
    }

    /// Notes that objects of `resource` (as `secrets`) could not be read.
    pub fn absent(&mut self, resource: &str, reason: impl Into<String>) {
        self.cluster.absent.push(Absent { resource: resource.into(), reason: reason.into() });
    }

    fn put(&mut self, file: u32, object: Described) {
        let Described { line, api_version, kind, name, namespace, thing } = object;
        let place = Place { file, line };
        if let Thing::Version(version) = thing {
            self.cluster.version = version.parse().ok().or(self.cluster.version);
            return;
        }
        if matches!(thing, Thing::Other) {
            self.others += 1;
            return;
        }
        if name.is_empty() {
            let what = format!("a {kind} without a name is left out");
            self.cluster.notices.push(Notice { place, what });
            return;
        }
        if !is_known(&kind, &api_version) {
            // Read all the same: what it grants in another version it most likely grants in this one.
            self.unknown.insert((kind.clone(), api_version));
        }
        self.kinds.insert(kind.clone());
        let cluster = &mut self.cluster;
        let again = self.seen.get(&(kind.clone(), namespace.clone(), name.clone())).copied();
        /// Puts `new` where the same object stood, or at the end; answers where it stands and whether it changed.
        fn put<T: PartialEq>(
            list: &mut Vec<T>,
            again: Option<usize>,
            new: T,
            place: impl Fn(&mut T) -> &mut Place,
        ) -> (usize, bool) {
            let Some(slot) = again.and_then(|index| list.get_mut(index)) else {
                list.push(new);
                return (list.len() - 1, false);
            };
            let mut new = new;
            let at = *place(&mut new);
            *place(&mut new) = *place(slot);
            let differs = new != *slot;
            *place(&mut new) = at;
            *slot = new;
            (again.unwrap_or_default(), differs)
        }
        macro_rules! put {
            ($list:ident, $new:expr) => {{
                let mut new = $new;
                new.meta.place = place;
                put(&mut cluster.$list, again, new, |t| &mut t.meta.place)
            }};
        }
        let (index, differs) = match thing {
            Thing::Role(role) => put!(roles, role),
            Thing::Binding(binding) => put!(bindings, binding),
            Thing::Account(account) => put!(accounts, account),
            Thing::Workload(workload) => put!(workloads, *workload),
            Thing::Node(node) => put!(nodes, node),
            Thing::Namespace(namespace) => put!(namespaces, namespace),
            Thing::Secret(secret) => put!(secrets, secret),
            Thing::Admission(admission) => put!(admission, admission),
            Thing::Version(_) | Thing::Other => return,
        };
        if again.is_none() {
            self.seen.insert((kind, namespace, name), index);
        } else if differs {
            let what =
                format!("{kind} {namespace}/{name} is described twice and differently; this one counts");
            cluster.notices.push(Notice { place, what });
        } else {
            self.twice += 1;
        }
    }

    /// How many objects were described more than once in the same words.
    pub fn twice(&self) -> usize {
        self.twice
    }

    /// How many objects were of kinds that do not matter here.
    pub fn others(&self) -> usize {
        self.others
    }

    /// The cluster: aggregated roles joined, and what nobody described noted.
    pub fn finish(mut self) -> Cluster {
        for (kind, api_version) in &self.unknown {
            let what = format!(
                "apiVersion `{api_version}` of {kind} is unknown; it is read as the version that is known"
            );
            self.cluster.notices.push(Notice { place: Place::default(), what });
        }
        for (kind, resource) in RESOURCES {
            if !self.kinds.contains(kind) && !self.cluster.lacks(resource) {
                self.absent(resource, "nothing that was read describes any");
            }
        }
        if self.cluster.version.is_none() {
            // A kubelet is never newer than its API server, so this is the least that the server can be.
            self.cluster.version = self.cluster.nodes.iter().filter_map(|node| node.version).max();
        }
        crate::rbac::aggregate(&mut self.cluster);
        self.cluster
    }
}

/// Whether the version of a kind is one that this was written for.
fn is_known(kind: &str, api_version: &str) -> bool {
    let known: &[&str] = match Class::of(kind) {
        Class::Role | Class::Binding => &["rbac.authorization.k8s.io/v1"],
        Class::Account | Class::Node | Class::Namespace | Class::Secret => &["v1"],
        Class::Workload(_) => &["v1", "apps/v1", "batch/v1"],
        Class::Webhooks => &["admissionregistration.k8s.io/v1"],
        Class::Policy => &["admissionregistration.k8s.io/v1", "admissionregistration.k8s.io/v1beta1"],
        Class::Other => return true,
    };
    // Items of an API server's list and descriptions alone do not say it.
    api_version.is_empty() || api_version.starts_with("meta.k8s.io/") || known.contains(&api_version)
}
