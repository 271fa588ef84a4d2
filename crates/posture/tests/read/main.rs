//! What is read, from every form that kubectl and people write it in, and what becomes of what cannot be read.
#![allow(clippy::unwrap_used, reason = "a test")]

mod bad;
mod broken;
mod dump;
mod forms;
mod lines;
mod same;
mod settings;

use sundew_posture::{
    Cluster, ReadError, Reader,
    read::{Assume, parse},
};

fn read(file: &str, bytes: impl AsRef<[u8]>) -> Cluster {
    read_as(file, bytes, &Assume::default())
}

fn read_as(file: &str, bytes: impl AsRef<[u8]>, assume: &Assume) -> Cluster {
    let mut reader = Reader::new();
    reader.add(file, bytes.as_ref(), assume).unwrap();
    reader.finish()
}

fn error(file: &str, bytes: impl AsRef<[u8]>) -> String {
    let error: ReadError = parse(file, bytes.as_ref(), &Assume::default()).unwrap_err();
    error.to_string()
}

/// Kind, namespace and name of each role, binding, account and workload, in order.
fn names(cluster: &Cluster) -> Vec<String> {
    let roles = cluster.roles.iter().map(ToString::to_string);
    let bindings = cluster.bindings.iter().map(ToString::to_string);
    let accounts = cluster.accounts.iter().map(|account| format!("ServiceAccount {}", account.meta));
    let workloads = cluster.workloads.iter().map(|w| format!("{} {}", w.kind.as_str(), w.meta));
    roles.chain(bindings).chain(accounts).chain(workloads).collect()
}

/// `FILE:LINE WHAT` of each notice.
fn notices(cluster: &Cluster) -> Vec<String> {
    cluster.notices.iter().map(|notice| format!("{} {}", cluster.place(notice.place), notice.what)).collect()
}
