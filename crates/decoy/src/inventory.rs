//! The inventory: which accounts are decoys, and where each copy of their credentials lies.
//!
//! It is a secret: whoever reads it can step around the bait.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::yaml::{self, YamlError};

/// The value of `version` in the files that this program writes and reads.
pub const VERSION: u32 = 1;

/// Decoys, their placements and what walks past them by duty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Inventory {
    /// The version of this format: 1.
    pub version: u32,
    /// The cluster that decoys belong to where they name none.
    #[serde(default = "default_cluster")]
    pub cluster: String,
    /// The decoys.
    #[serde(default)]
    pub decoys: Vec<Decoy>,
    /// Namespaces that are bait as a whole: any request into one is a touch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<Namespace>,
    /// Users that walk every namespace by duty, such as a backup or a policy engine, by their full user name. Their
    /// reading in bait namespaces, and of decoys' Secrets, is counted and not told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub walkers: Vec<String>,
}

fn default_cluster() -> String {
    "default".into()
}

/// A ServiceAccount that no workload uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Decoy {
    /// The cluster, where it is not the inventory's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The account's namespace.
    pub namespace: String,
    /// The account's name.
    pub account: String,
    /// The account's uid, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The story it tells, such as `argocd-manager`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// How far it has come from planting to removal; absent for a decoy that was made by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// When its planting began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub planted: Option<Timestamp>,
    /// What was made for it in the cluster, in the order of making.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Object>,
    /// The copies of its credentials.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub placements: Vec<Placement>,
}

/// How far a decoy has come. Each step is written before it is begun, so that one that was interrupted is finished or
/// taken back by the next run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Being made: some of its objects may not be there yet.
    Planting,
    /// Made and verified.
    Planted,
    /// Its placements are gone or being taken away; account and Secrets stay, so that an old copy still tells.
    Retired,
    /// Its tokens are refused from now on; their use is still told by the API server's own note.
    Tombstoned,
    /// Everything is being taken away.
    Removing,
}

impl State {
    /// How it is written in the inventory.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planting => "planting",
            Self::Planted => "planted",
            Self::Retired => "retired",
            Self::Tombstoned => "tombstoned",
            Self::Removing => "removing",
        }
    }
}

/// An object that was made for a decoy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Object {
    /// `v1`, `apps/v1` and so on.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; absent for what belongs to the cluster as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its uid; absent while it is not known to be made. Nothing with another uid is ever changed or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// What it is for.
    pub part: Part,
    /// A digest of what was made, without what the cluster adds by itself: tells whether somebody changed it since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// What an object of a decoy is for: decides when it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The ServiceAccount. Stays until the decoy is removed.
    Account,
    /// A Secret with a token. Stays until the decoy is removed.
    Token,
    /// A place where a copy of a token lies, such as a workload or a ConfigMap. Goes when the decoy is retired.
    Placement,
    /// A role or a binding. Goes when the decoy is retired.
    Rights,
}

/// One place where a copy of a decoy's credential lies. Each has a credential of its own: a Secret, or the id of a
/// token from TokenRequest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Placement {
    /// A name for this place; the Secret's name where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The Secret of type `kubernetes.io/service-account-token` in the decoy's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The credential id of a token from TokenRequest, `JTI=…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<String>,
    /// Where the copy lies, in words for those who are woken: "kubeconfig in the deploy repository".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Whether the copy left the cluster, so that no request to it takes the copy away.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub outside: bool,
    /// The pod or workload that exposes it, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mounted_by: Option<MountedBy>,
}

/// A pod that exposes a decoy's credential: a decoy itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct MountedBy {
    /// The name of a pod that stands alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// The name of a Deployment, DaemonSet, StatefulSet, Job or CronJob: pods whose names begin with it and a
    /// hyphen are decoys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// The nodes where it runs. Their kubelets read the Secret by duty; where none is named, any kubelet that is
    /// allowed to read it does so by duty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<String>,
}

/// A namespace that is bait as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Namespace {
    /// The cluster, where it is not the inventory's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The namespace.
    pub name: String,
}

/// What is wrong with an inventory.
#[derive(Debug, Error)]
pub enum InventoryError {
    /// The text is no inventory.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// A version of the format that this program does not know.
    #[error(
        "`version` is {0}, and this program reads version {VERSION}; use a newer program, or set `version: 1`"
    )]
    Version(u32),
    /// The same decoy, Secret or credential twice.
    #[error("{what} stands twice, as {first} and as {second}; remove one, or merge their placements")]
    Twice {
        /// What stands twice.
        what: String,
        /// Where it stands first, as a path of keys.
        first: String,
        /// Where it stands again.
        second: String,
    },
    /// A name that Kubernetes would not accept.
    #[error("{at}: `{name}` is no name that Kubernetes accepts ({rule})")]
    Name {
        /// Where it stands.
        at: String,
        /// The name.
        name: String,
        /// What it should look like.
        rule: &'static str,
    },
    /// A value of the wrong form.
    #[error("{at}: {problem}")]
    Value {
        /// Where it stands.
        at: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Decoy {
    /// `NAMESPACE/ACCOUNT`, as in alerts.
    pub fn name(&self) -> String {
        format!("{}/{}", self.namespace, self.account)
    }

    /// The name that the API server knows the account by.
    pub fn username(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.account)
    }

    /// What every decoy has, by names alone: the account, and the Secrets of its placements.
    pub fn by_names(&self) -> Vec<Object> {
        let object = |kind: &str, name: &str, part| Object {
            api_version: "v1".into(),
            kind: kind.into(),
            namespace: Some(self.namespace.clone()),
            name: name.into(),
            uid: None,
            part,
            digest: None,
        };
        let account =
            Object { uid: self.uid.clone(), ..object("ServiceAccount", &self.account, Part::Account) };
        let secrets = self.placements.iter().filter_map(|placement| placement.secret.as_ref());
        let secrets = secrets.map(|name| object("Secret", name, Part::Token));
        std::iter::once(account).chain(secrets).collect()
    }

    /// A decoy from `NAMESPACE/ACCOUNT[:SECRET]`, for a first try with no file.
    ///
    /// # Errors
    ///
    /// Where the text is not of that form, or a name is none.
    pub fn from_argument(text: &str) -> Result<Self, InventoryError> {
        let problem = |problem: &str| InventoryError::Value {
            at: format!("--decoy {text}"),
            problem: format!("{problem}; write NAMESPACE/ACCOUNT or NAMESPACE/ACCOUNT:SECRET"),
        };
        let (namespace, rest) = text.split_once('/').ok_or_else(|| problem("there is no `/`"))?;
        let (account, secret) = match rest.split_once(':') {
            Some((account, secret)) => (account, Some(secret)),
            None => (rest, None),
        };
        if rest.contains('/') {
            return Err(problem("there is more than one `/`"));
        }
        // Where nothing says which pod mounts the Secret, any kubelet may.
        let placement = |secret: &str| Placement {
            secret: Some(secret.into()),
            mounted_by: Some(MountedBy::default()),
            ..Placement::default()
        };
        let decoy = Self {
            cluster: None,
            namespace: namespace.into(),
            account: account.into(),
            uid: None,
            persona: None,
            state: None,
            planted: None,
            objects: Vec::new(),
            placements: secret.map(placement).into_iter().collect(),
        };
        decoy.check(&format!("--decoy {text}"))?;
        Ok(decoy)
    }

    fn check(&self, at: &str) -> Result<(), InventoryError> {
        label(&self.namespace, &format!("{at}.namespace"))?;
        subdomain(&self.account, &format!("{at}.account"))?;
        for (i, object) in self.objects.iter().enumerate() {
            object.check(&format!("{at}.objects[{i}]"))?;
        }
        for (i, placement) in self.placements.iter().enumerate() {
            placement.check(&format!("{at}.placements[{i}]"))?;
        }
        Ok(())
    }
}

impl Object {
    fn check(&self, at: &str) -> Result<(), InventoryError> {
        if let Some(namespace) = &self.namespace {
            label(namespace, &format!("{at}.namespace"))?;
        }
        // Names of roles are freer than others, but none is more than one step of a path (`ValidatePathSegmentName`).
        if matches!(self.name.as_str(), "" | "." | "..") || self.name.contains(['/', '%', '?', '#']) {
            let (at, rule) = (format!("{at}.name"), "no `/`, `%`, `?` or `#`");
            return Err(InventoryError::Name { at, name: self.name.clone(), rule });
        }
        Ok(())
    }

    /// Its kind, namespace and name.
    fn named(&self) -> String {
        let namespace = self.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        format!("{} {namespace}{}", self.kind, self.name)
    }
}

impl Placement {
    /// The name that alerts give this place.
    pub fn label(&self) -> String {
        let mounted = self.mounted_by.as_ref().and_then(|m| m.pod.as_ref().or(m.workload.as_ref()));
        let names = [self.name.as_ref(), self.secret.as_ref(), self.credential_id.as_ref(), mounted];
        names.into_iter().flatten().next().cloned().unwrap_or_default()
    }

    fn check(&self, at: &str) -> Result<(), InventoryError> {
        if self.secret.is_none() && self.credential_id.is_none() && self.mounted_by.is_none() {
            let problem = "a placement needs `secret`, `credentialId` or `mountedBy`".into();
            return Err(InventoryError::Value { at: at.into(), problem });
        }
        if let Some(secret) = &self.secret {
            subdomain(secret, &format!("{at}.secret"))?;
        }
        match &self.credential_id {
            Some(id) if !id.starts_with("JTI=") || id.len() < 8 => {
                let problem = format!("`{id}` is no credential id; write `JTI=` and the token's jti");
                Err(InventoryError::Value { at: format!("{at}.credentialId"), problem })
            }
            _ => Ok(()),
        }
    }
}

impl Inventory {
    /// An inventory of the decoys given on the command line.
    ///
    /// # Errors
    ///
    /// Where the same decoy is given twice.
    pub fn of(cluster: &str, decoys: Vec<Decoy>, bait: Vec<String>) -> Result<Self, InventoryError> {
        let namespaces = bait.into_iter().map(|name| Namespace { cluster: None, name }).collect();
        let inventory =
            Self { version: VERSION, cluster: cluster.into(), decoys, namespaces, walkers: Vec::new() };
        inventory.check()?;
        Ok(inventory)
    }

    /// Reads an inventory file's text and checks it.
    ///
    /// # Errors
    ///
    /// Where the text is no inventory, or contradicts itself.
    pub fn read(text: &str) -> Result<Self, InventoryError> {
        let inventory: Self = yaml::read(text)?;
        inventory.check()?;
        Ok(inventory)
    }

    /// The JSON Schema of the file.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Inventory).to_value()
    }

    /// The cluster of a decoy.
    pub fn cluster_of<'i>(&'i self, decoy: &'i Decoy) -> &'i str {
        decoy.cluster.as_deref().unwrap_or(&self.cluster)
    }

    /// Every cluster that is named.
    pub fn clusters(&self) -> BTreeSet<&str> {
        let decoys = self.decoys.iter().filter_map(|d| d.cluster.as_deref());
        let bait = self.namespaces.iter().filter_map(|n| n.cluster.as_deref());
        decoys.chain(bait).chain([self.cluster.as_str()]).collect()
    }

    fn check(&self) -> Result<(), InventoryError> {
        if self.version != VERSION {
            return Err(InventoryError::Version(self.version));
        }
        let mut seen = BTreeMap::new();
        let mut once = |what: String, at: String| match seen.insert(what.clone(), at.clone()) {
            Some(first) => Err(InventoryError::Twice { what, first, second: at }),
            None => Ok(()),
        };
        for (i, decoy) in self.decoys.iter().enumerate() {
            let at = format!("decoys[{i}]");
            decoy.check(&at)?;
            let cluster = self.cluster_of(decoy);
            once(format!("decoy {} of cluster {cluster}", decoy.name()), at.clone())?;
            for (j, object) in decoy.objects.iter().enumerate() {
                once(
                    format!("object {} of cluster {cluster}", object.named()),
                    format!("{at}.objects[{j}]"),
                )?;
            }
            for (j, placement) in decoy.placements.iter().enumerate() {
                let at = format!("{at}.placements[{j}]");
                if let Some(secret) = &placement.secret {
                    once(format!("Secret {}/{secret} of cluster {cluster}", decoy.namespace), at.clone())?;
                }
                if let Some(id) = &placement.credential_id {
                    once(format!("credential {id}"), at)?;
                }
            }
        }
        for (i, namespace) in self.namespaces.iter().enumerate() {
            let at = format!("namespaces[{i}]");
            label(&namespace.name, &format!("{at}.name"))?;
            let cluster = namespace.cluster.as_deref().unwrap_or(&self.cluster);
            once(format!("namespace {} of cluster {cluster}", namespace.name), at)?;
        }
        Ok(())
    }
}

/// A DNS label (RFC 1123), as namespaces are named.
fn label(name: &str, at: &str) -> Result<(), InventoryError> {
    let ok = is_label(name);
    let rule = "lower-case letters, digits and hyphens, at most 63";
    if ok { Ok(()) } else { Err(InventoryError::Name { at: at.into(), name: name.into(), rule }) }
}

/// A DNS subdomain (RFC 1123), as accounts and Secrets are named.
fn subdomain(name: &str, at: &str) -> Result<(), InventoryError> {
    let rule = "lower-case letters, digits, hyphens and dots, at most 253";
    if is_subdomain(name) {
        Ok(())
    } else {
        Err(InventoryError::Name { at: at.into(), name: name.into(), rule })
    }
}

pub(crate) fn is_label(name: &str) -> bool {
    name.len() <= 63 && !name.contains('.') && is_subdomain(name)
}

pub(crate) fn is_subdomain(name: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'.';
    let edge = |c: Option<&u8>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let bytes = name.as_bytes();
    bytes.len() <= 253 && bytes.iter().all(|c| inner(*c)) && edge(bytes.first()) && edge(bytes.last())
}
