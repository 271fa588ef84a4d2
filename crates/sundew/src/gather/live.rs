//! A cluster itself, asked read-only.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use sundew_cluster::{
    Absence, CollectOptions, Collected, ConnectOptions, Connection, Page, RESOURCES, SERVICE_ACCOUNT_TOKEN,
    collect,
};
use sundew_posture::{
    Cluster, ReadError, Reader,
    model::{Meta, Notice, Place},
    read::{Assume, Batch, parse},
};

use super::{Gathered, progress, say};
use crate::{
    args::Source,
    logging,
    table::{count, counted},
};

/// The type that is noted of Secrets of which only is known that they hold no token.
const NO_TOKEN: &str = "other";

pub(super) fn gather(source: &Source, secrets: bool) -> Result<Gathered> {
    logging::start("warn");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    runtime.block_on(ask(source, secrets))
}

async fn ask(source: &Source, secrets: bool) -> Result<Gathered> {
    let options = ConnectOptions {
        kubeconfig: source.kubeconfig.clone(),
        context: source.context.clone(),
        ..ConnectOptions::default()
    };
    let connection = Connection::open(options).await?;
    let name = match &connection.place().context {
        Some(context) => format!("{context} ({})", connection.place().server),
        None => connection.place().server.clone(),
    };
    let cluster = everything(&connection, &source.only_namespace, secrets, &mut |_| {}).await?;
    Ok(Gathered { cluster, name, damaged: false })
}

/// Reads a cluster, or these namespaces of it; `also` sees each page too.
pub(crate) async fn everything(
    connection: &Connection,
    namespaces: &[String],
    secrets: bool,
    also: &mut (dyn FnMut(&Page) + Send),
) -> Result<Cluster> {
    let options = CollectOptions { namespaces: namespaces.to_vec(), secrets, ..CollectOptions::default() };
    let mut pages = Pages { bar: progress(None), ..Pages::default() };
    let collected = collect(connection, &options, |page| {
        also(&page);
        pages.take(&page);
    })
    .await;
    if let Some(bar) = pages.bar.take() {
        bar.finish_and_clear();
    }
    pages.finish(&collected?, namespaces, secrets)
}

/// What the pages described, by list.
#[derive(Debug, Default)]
struct Pages {
    /// For each list the attempt that counts, and what its pages described.
    lists: BTreeMap<usize, (u32, Vec<Batch>)>,
    damaged: Option<ReadError>,
    objects: u64,
    bar: Option<ProgressBar>,
}

impl Pages {
    fn take(&mut self, page: &Page) {
        let secret_type = match (page.resource.name, page.secret_type) {
            (_, Some(of)) => Some(of.into()),
            ("secrets", None) => Some(NO_TOKEN.into()),
            _ => None,
        };
        let assume = Assume { kind: Some(page.resource.kind.into()), secret_type };
        let batch = match parse(page.resource.name, &page.bytes, &assume) {
            Ok(batch) => batch,
            // The pages are well-formed JSON: this cannot be, and must not be silent if it is.
            Err(error) => {
                self.damaged = Some(error);
                return;
            }
        };
        self.objects += batch.len() as u64;
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{} ({})", page.resource.name, counted(self.objects, "object")));
        }
        let list = self.lists.entry(page.list).or_default();
        if list.0 < page.attempt {
            *list = (page.attempt, Vec::new());
        }
        list.1.push(batch);
    }

    fn finish(self, collected: &Collected, namespaces: &[String], secrets: bool) -> Result<Cluster> {
        if let Some(error) = self.damaged {
            return Err(error.into());
        }
        let mut reader = Reader::new();
        for batch in self.lists.into_values().flat_map(|(_, batches)| batches) {
            reader.take(batch);
        }
        match &collected.version {
            Ok(version) => _ = reader.add("version", version, &Assume::default())?,
            Err(why) => {
                say(&format!("the server's version is not known: {why}; --kubernetes-version says it"));
            }
        }
        for absence in &collected.absent {
            reader.absent(absence.resource.name, words(absence));
        }
        if !secrets {
            reader.absent("secrets", "they were not asked for");
        }
        if !namespaces.is_empty() {
            let why = format!("only namespace {} was asked for", namespaces.join(", "));
            for resource in RESOURCES.iter().filter(|resource| resource.namespaced) {
                if secrets || resource.name != "secrets" {
                    reader.absent(resource.name, why.clone());
                }
            }
        }
        let mut cluster = reader.finish();
        forget_places(&mut cluster);
        for list in collected.lists.iter().filter(|list| list.mixed) {
            let what = format!(
                "{} changed while they were read: what was made anew under another name meanwhile may be missing",
                list.resource.name
            );
            cluster.notices.push(Notice { place: Place::default(), what });
        }
        Ok(cluster)
    }
}

fn words(absence: &Absence) -> String {
    let mut said = String::new();
    if let Some(namespace) = &absence.namespace {
        said.push_str(&format!("in {namespace}: "));
    }
    match absence.secret_type {
        Some(SERVICE_ACCOUNT_TOKEN) => said.push_str("those with tokens: "),
        _ if absence.resource.name == "secrets" => said.push_str("those without tokens: "),
        _ => {}
    }
    said.push_str(&absence.reason.to_string());
    if absence.pages > 0 {
        said.push_str(&format!(" (the first {} pages were read)", count(absence.pages.into())));
    }
    said
}

/// A server's answer has no lines that anybody could look up.
fn forget_places(cluster: &mut Cluster) {
    fn forget<'m>(metas: impl Iterator<Item = &'m mut Meta>) {
        metas.for_each(|meta| meta.place = Place::default());
    }
    cluster.files.clear();
    forget(cluster.roles.iter_mut().map(|o| &mut o.meta));
    forget(cluster.bindings.iter_mut().map(|o| &mut o.meta));
    forget(cluster.accounts.iter_mut().map(|o| &mut o.meta));
    forget(cluster.workloads.iter_mut().map(|o| &mut o.meta));
    forget(cluster.nodes.iter_mut().map(|o| &mut o.meta));
    forget(cluster.namespaces.iter_mut().map(|o| &mut o.meta));
    forget(cluster.secrets.iter_mut().map(|o| &mut o.meta));
    forget(cluster.admission.iter_mut().map(|o| &mut o.meta));
    cluster.notices.iter_mut().for_each(|notice| notice.place = Place::default());
}
