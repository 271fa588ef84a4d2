//! What can keep a cluster from being read at all.

use std::{fmt, path::PathBuf};

use crate::trouble::Reason;

/// Which cluster is meant, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The server's URL, with no user and password. Empty where it is not known yet.
    pub server: String,
    /// The kubeconfig's context. None inside a pod.
    pub context: Option<String>,
    /// The kubeconfig, or several joined as in `KUBECONFIG`. None inside a pod.
    pub file: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.context, &self.file) {
            (Some(context), Some(file)) => write!(f, "{} (context `{context}` of {file})", self.server),
            _ => write!(f, "{} (the cluster of this pod)", self.server),
        }
    }
}

/// Why there is no cluster to read from. Names the file, the context and the server; holds no credential.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// Nothing says where the cluster is.
    #[error("{looked}; name a kubeconfig with --kubeconfig or KUBECONFIG")]
    NoKubeconfig {
        /// Where it was looked for.
        looked: String,
    },
    /// A kubeconfig cannot be read.
    #[error("cannot read the kubeconfig {}: {why}; name another with --kubeconfig", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// A kubeconfig is not what it should be.
    #[error("the kubeconfig {file}{} is not valid: {why}; `kubectl config view` shows it", place_of(*line, *column))]
    Invalid {
        /// The file or files.
        file: String,
        /// The line, from 1, where known.
        line: Option<u64>,
        /// The column, from 1, where known.
        column: Option<u64>,
        /// What is wrong.
        why: String,
    },
    /// No context was named, and the kubeconfig has no current one.
    #[error("{file} has no current context; name one of {known} with --context")]
    NoContext {
        /// The file or files.
        file: String,
        /// The contexts there are.
        known: Known,
    },
    /// The kubeconfig has no such context.
    #[error("{file} has no context `{context}`; it has {known}")]
    UnknownContext {
        /// The file or files.
        file: String,
        /// The context that was asked for.
        context: String,
        /// The contexts there are.
        known: Known,
    },
    /// A context names what the kubeconfig has not.
    #[error(
        "context `{context}` of {file} names the {what} `{name}`, which is not there; correct the kubeconfig"
    )]
    Dangling {
        /// The file or files.
        file: String,
        /// The context.
        context: String,
        /// `cluster` or `user`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A context was named where there is no kubeconfig.
    #[error("context `{context}` needs a kubeconfig, and none was found; name one with --kubeconfig")]
    ContextInPod {
        /// The context.
        context: String,
    },
    /// A context's cluster or user cannot be used.
    #[error("cannot connect to {place}: {why}")]
    Unusable {
        /// The cluster.
        place: Box<Place>,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The server cannot be reached, or answers nobody.
    #[error("cannot reach {place}: {why}")]
    Unreachable {
        /// The cluster.
        place: Box<Place>,
        /// How it failed.
        why: Reason,
    },
    /// The server does not accept the credential.
    #[error("{place} does not accept the credential (401); sign in again, or use another context")]
    Unauthorized {
        /// The cluster.
        place: Box<Place>,
    },
    /// Not one list could be read.
    #[error("nothing could be read from {place}; the first of {lists} lists, {resource}: {why}")]
    NothingRead {
        /// The cluster.
        place: Box<Place>,
        /// How many lists were asked for.
        lists: usize,
        /// The first that failed.
        resource: &'static str,
        /// Why it did.
        why: Reason,
    },
    /// A name that no object can have.
    #[error("`{name}` is no name for a {what}; use small letters, digits and `-`, at most 63")]
    BadName {
        /// The name.
        name: String,
        /// What it should name.
        what: &'static str,
    },
}

/// The contexts of a kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known(pub Vec<String>);

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// More than this nobody reads.
        const SHOWN: usize = 20;
        if self.0.is_empty() {
            return write!(f, "no contexts at all");
        }
        for (index, name) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}`{name}`", if index == 0 { "" } else { ", " })?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

fn place_of(line: Option<u64>, column: Option<u64>) -> String {
    match (line, column) {
        (Some(line), Some(column)) => format!(", line {line} column {column},"),
        _ => String::new(),
    }
}

/// Errs unless `name` is a DNS label, as namespaces and accounts are named here (RFC 1123). It goes into a path.
pub(crate) fn must_be_label(name: &str, what: &'static str) -> Result<(), ClusterError> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let dashed = name.starts_with('-') || name.ends_with('-');
    if (1..=63).contains(&name.len()) && name.bytes().all(inner) && !dashed {
        return Ok(());
    }
    Err(ClusterError::BadName { name: crate::trouble::cut(name), what })
}
