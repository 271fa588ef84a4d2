//! A cluster, as the commands about bait look at it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use jiff::Timestamp;
use serde::Deserialize;
use sundew_bait::survey;
use sundew_cluster::{ConnectOptions, Connection, Page};
use sundew_decoy::{Inventory, Object, State, persona::SignKind, surroundings::Surroundings};
use sundew_posture::Cluster;

use crate::{args::Reach, gather::live};

/// The images of each namespace.
type Images = BTreeMap<String, BTreeSet<String>>;

/// What was seen.
pub(super) struct Looked {
    pub(super) cluster: Cluster,
    pub(super) around: Surroundings,
}

pub(super) async fn connect(reach: &Reach) -> Result<Connection> {
    let options = ConnectOptions {
        kubeconfig: reach.kubeconfig.clone(),
        context: reach.context.clone(),
        ..ConnectOptions::default()
    };
    Ok(Connection::open(options).await?)
}

/// Reads the whole cluster; `name` is what the inventory calls it.
pub(super) async fn look(connection: &Connection, name: &str) -> Result<Looked> {
    let mut images = Images::new();
    let cluster = live::everything(connection, &[], true, &mut |page| note_images(page, &mut images)).await?;
    let now = connection.now().unwrap_or_else(Timestamp::now);
    let images = images.into_iter().map(|(namespace, of)| (namespace, of.into_iter().collect())).collect();
    let around = survey::surroundings(name, &cluster, &images, now);
    Ok(Looked { cluster, around })
}

/// As much of a pod, or of what makes pods, as says what it runs.
#[derive(Debug, Deserialize)]
struct Items {
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
struct Item {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    #[serde(default)]
    namespace: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    containers: Vec<Container>,
    template: Option<Box<Template>>,
    job_template: Option<Box<Template>>,
}

#[derive(Debug, Deserialize)]
struct Template {
    #[serde(default)]
    spec: Spec,
}

#[derive(Debug, Deserialize)]
struct Container {
    #[serde(default)]
    image: String,
}

fn note_images(page: &Page, images: &mut Images) {
    const RUN: [&str; 6] = ["pods", "deployments", "daemonsets", "statefulsets", "jobs", "cronjobs"];
    if !RUN.contains(&page.resource.name) {
        return;
    }
    // What cannot be read here is told where the objects themselves are read.
    let Ok(Items { items }) = serde_json::from_slice(&page.bytes) else { return };
    for item in items {
        let of = images.entry(item.metadata.namespace).or_default();
        note(item.spec, of);
    }
}

fn note(spec: Spec, images: &mut BTreeSet<String>) {
    images.extend(spec.containers.into_iter().map(|container| container.image).filter(|i| !i.is_empty()));
    for template in [spec.template, spec.job_template].into_iter().flatten() {
        note(template.spec, images);
    }
}

/// Leaves out what an interrupted run made, or was making when it ended: the next run takes it back before it begins.
pub(super) fn without_half_planted(around: &mut Surroundings, inventory: &Inventory) {
    let half: Vec<_> = inventory.decoys.iter().filter(|decoy| decoy.state == Some(State::Planting)).collect();
    // With a digest and no uid, nobody knows whether it was made.
    let begun = |object: &&Object| object.uid.is_some() || object.digest.is_some();
    let made = half.iter().flat_map(|decoy| &decoy.objects).filter(begun);
    let made: BTreeSet<(SignKind, &str, &str)> = made
        .map(|object| {
            (sign_kind(&object.kind), object.namespace.as_deref().unwrap_or_default(), &*object.name)
        })
        .collect();
    around.things.retain(|thing| !made.contains(&(thing.kind, &*thing.namespace, &*thing.name)));
}

fn sign_kind(kind: &str) -> SignKind {
    match kind {
        "Namespace" => SignKind::Namespace,
        "ServiceAccount" => SignKind::Account,
        "Role" | "ClusterRole" => SignKind::Role,
        "Secret" => SignKind::Secret,
        _ => SignKind::Workload,
    }
}
