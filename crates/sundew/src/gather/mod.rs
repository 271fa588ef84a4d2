//! The objects of a cluster, from files or from the cluster itself.

mod files;
pub(crate) mod live;
pub(crate) mod logs;

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use sundew_posture::Cluster;

use crate::{args::Source, table};

/// What was gathered.
#[derive(Debug)]
pub(crate) struct Gathered {
    /// The objects.
    pub(crate) cluster: Cluster,
    /// What the cluster is called; empty for files.
    pub(crate) name: String,
    /// Whether a file could not be read. It is said on standard error and in the cluster's absences.
    pub(crate) damaged: bool,
}

/// Reads the files or asks the cluster that the arguments name.
pub(crate) fn gather(source: &Source, secrets: bool) -> Result<Gathered> {
    let mut gathered =
        if source.from.is_empty() { live::gather(source, secrets)? } else { files::gather(source)? };
    if source.kubernetes_version.is_some() {
        gathered.cluster.version = source.kubernetes_version;
    }
    if is_empty(&gathered.cluster) {
        let from = match &gathered.name {
            name if !name.is_empty() => name.clone(),
            _ => source.from.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "),
        };
        bail!(
            "nothing in {from} is an object that a scan looks at; dump them with `kubectl get \
             clusterroles,clusterrolebindings,roles,rolebindings,serviceaccounts,pods,nodes,namespaces -A -o yaml`"
        );
    }
    Ok(gathered)
}

fn is_empty(cluster: &Cluster) -> bool {
    cluster.roles.is_empty()
        && cluster.bindings.is_empty()
        && cluster.accounts.is_empty()
        && cluster.workloads.is_empty()
        && cluster.nodes.is_empty()
        && cluster.namespaces.is_empty()
        && cluster.secrets.is_empty()
}

/// Says something on standard error. Where that is closed there is nobody to tell.
pub(crate) fn say(what: &str) {
    let _ = writeln!(io::stderr(), "sundew: {}", table::cell(what, 1000));
}

/// A bar for `bytes`, or a spinner where that is not known; nothing where nobody looks.
pub(crate) fn progress(bytes: Option<u64>) -> Option<ProgressBar> {
    if !io::stderr().is_terminal() {
        return None;
    }
    let (bar, template) = match bytes {
        Some(bytes) => (ProgressBar::new(bytes), "{bytes} of {total_bytes} [{wide_bar}] {bytes_per_sec}"),
        None => (ProgressBar::new_spinner(), "{spinner} {msg}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    Some(bar)
}
