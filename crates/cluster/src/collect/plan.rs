//! Which lists to ask for: made from the table, the options, and what the server says that it serves.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, de::DeserializeOwned};

use super::CollectOptions;
use crate::{
    ask::{Asker, JSON, Refusal},
    resource::{ADMISSION, RESOURCES, Resource, SERVICE_ACCOUNT_TOKEN},
};

/// The most bytes that a discovery document may have.
const DISCOVERY_BYTES: usize = 4 << 20;

/// A list to ask for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) resource: &'static Resource,
    /// The versions to try, the best first: the one that is served, or all that are known where that is not known.
    /// Empty where none is served.
    pub(super) versions: Vec<&'static str>,
    pub(super) namespace: Option<Arc<str>>,
    pub(super) secret_type: Option<&'static str>,
    pub(super) field_selector: Option<String>,
    /// Whether an empty list means that the namespace is not there.
    pub(super) must_exist: bool,
}

/// What the server serves of the admission group: for each resource the best version. None where it does not say.
pub(super) type Served = Option<HashMap<&'static str, &'static str>>;

#[derive(Deserialize)]
struct Group {
    versions: Vec<GroupVersion>,
}

#[derive(Deserialize)]
struct GroupVersion {
    version: String,
}

#[derive(Deserialize)]
struct Resources {
    resources: Vec<Name>,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

/// Asks for the versions in which the server has the resources of the admission group
/// (`/apis/GROUP` and `/apis/GROUP/VERSION`: meta/v1 `APIGroup`, `APIResourceList`).
pub(super) async fn served(asker: &Asker) -> Served {
    let group: Group = match ask(asker, &format!("/apis/{ADMISSION}")).await {
        Ok(group) => group,
        Err(Refusal::NotFound { .. }) => return Some(HashMap::new()),
        Err(_) => return None,
    };
    let mut served: HashMap<&'static str, &'static str> = HashMap::new();
    for version in ["v1", "v1beta1", "v1alpha1"] {
        if !group.versions.iter().any(|served| served.version == version) {
            continue;
        }
        let path = format!("/apis/{ADMISSION}/{version}");
        let there: Resources = ask(asker, &path).await.ok()?;
        for resource in RESOURCES.iter().filter(|resource| resource.group == ADMISSION) {
            let here = there.resources.iter().any(|name| name.name == resource.name);
            if here && resource.versions.contains(&version) {
                served.entry(resource.name).or_insert(version);
            }
        }
    }
    Some(served)
}

async fn ask<T: DeserializeOwned>(asker: &Asker, path: &str) -> Result<T, Refusal> {
    let body = asker.get(path, JSON, DISCOVERY_BYTES).await?;
    // What cannot be read says as little as an answer that did not come.
    serde_json::from_slice(&body).map_err(|_| Refusal::TooLarge)
}

/// The lists, in the order of the table.
pub(super) fn plan(options: &CollectOptions, served: &Served) -> Vec<Wanted> {
    let mut namespaces: Vec<Arc<str>> = options.namespaces.iter().map(|name| name.as_str().into()).collect();
    namespaces.sort();
    namespaces.dedup();
    let mut lists = Vec::new();
    for resource in RESOURCES.iter().filter(|resource| options.secrets || !resource.metadata_only()) {
        let versions = versions(resource, served);
        let mut want = |namespace: Option<Arc<str>>, secret_type, field_selector, must_exist| {
            let versions = versions.clone();
            lists.push(Wanted { resource, versions, namespace, secret_type, field_selector, must_exist });
        };
        let places: Vec<_> = match (namespaces.is_empty(), resource.namespaced) {
            (false, true) => namespaces.iter().cloned().map(Some).collect(),
            _ => vec![None],
        };
        if resource.metadata_only() {
            for place in places {
                // A Secret's type is not in its metadata, but it can be selected by, and never changes.
                let of_type = format!("type={SERVICE_ACCOUNT_TOKEN}");
                want(place.clone(), Some(SERVICE_ACCOUNT_TOKEN), Some(of_type), false);
                want(place, None, Some(format!("type!={SERVICE_ACCOUNT_TOKEN}")), false);
            }
        } else if resource.name == "namespaces" && !namespaces.is_empty() {
            for name in &namespaces {
                want(Some(name.clone()), None, Some(format!("metadata.name={name}")), true);
            }
        } else {
            places.into_iter().for_each(|place| want(place, None, None, false));
        }
    }
    lists
}

fn versions(resource: &'static Resource, served: &Served) -> Vec<&'static str> {
    match served {
        Some(served) if resource.group == ADMISSION => {
            served.get(resource.name).copied().into_iter().collect()
        }
        _ => resource.versions.to_vec(),
    }
}
