//! What stolen identities could do, from the report of `sundew scan`: read from its file, said of incidents.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use sundew_audit::decompress;
use sundew_detect::Incident;
use sundew_posture::report::{Could, FORMAT, MOST_LINES, Report};
use thiserror::Error;

use crate::config::Config;

/// The most bytes that a report may have, unpacked.
const MOST_BYTES: u64 = 2 << 30;
/// A report further from an incident than this says of when it is.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Of the lines, those that are kept for the identity that the actor put on.
const LINES_PUT_ON: usize = 2;

/// Why a report cannot be taken.
#[derive(Debug, Error)]
pub enum PostureError {
    /// The file cannot be read.
    #[error(
        "cannot read the posture report {}: {source}; `sundew scan --save FILE` writes one", path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is larger than any report.
    #[error("the posture report {} has more than {MOST_BYTES} bytes, unpacked; is it another file?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file holds something else.
    #[error("{} is no posture report: {source}; `sundew scan --save FILE` writes one", path.display())]
    NoReport {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    /// It would never be asked.
    #[error(
        "the posture report is of cluster `{cluster}`, and no source is of it; set `cluster` to the one that was scanned"
    )]
    Cluster {
        /// The cluster that nothing watches.
        cluster: String,
    },
    /// A newer version wrote it.
    #[error(
        "the posture report {} is of format {format}, and this program knows up to {FORMAT}; update this program, or scan with this version",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
}

/// What tells whether the rest can be understood.
#[derive(Deserialize)]
struct Head {
    format: u32,
}

/// The report of a scan, as far as incidents need it.
#[derive(Debug)]
pub struct Posture(Could);

impl Posture {
    /// Reads a report: JSON, plain or compressed.
    ///
    /// # Errors
    ///
    /// Names the file and what to do.
    pub fn load(path: &Path) -> Result<Self, PostureError> {
        let cannot = |source| PostureError::Read { path: path.to_owned(), source };
        let mut text = Vec::new();
        let (_, unpacked) = decompress::reader(File::open(path).map_err(cannot)?).map_err(cannot)?;
        unpacked.take(MOST_BYTES + 1).read_to_end(&mut text).map_err(cannot)?;
        if text.len() as u64 > MOST_BYTES {
            return Err(PostureError::TooLarge { path: path.to_owned() });
        }
        let no_report = |source| PostureError::NoReport { path: path.to_owned(), source };
        let Head { format } = serde_json::from_slice(&text).map_err(no_report)?;
        if format > FORMAT {
            return Err(PostureError::Newer { path: path.to_owned(), format });
        }
        let report: Report = serde_json::from_slice(&text).map_err(no_report)?;
        Ok(Self(Could::new(&report)))
    }

    /// Reads the report that a configuration names.
    ///
    /// # Errors
    ///
    /// As [`Posture::load`], and where no source is of the report's cluster.
    pub fn of(config: &Config) -> Result<Option<Self>, PostureError> {
        let Some(path) = &config.posture else { return Ok(None) };
        let cluster = config.posture_cluster();
        if !config.sources.iter().any(|source| config.cluster_of(source) == cluster) {
            return Err(PostureError::Cluster { cluster: cluster.to_owned() });
        }
        Self::load(path).map(Some)
    }

    /// When the scan was made.
    pub fn time(&self) -> Timestamp {
        self.0.time()
    }

    /// What the identities of an incident could do, worst first, the actor's before that which the actor put on. Empty
    /// where the report knows none of them.
    pub fn could(&self, incident: &Incident) -> Vec<String> {
        let identities = incident.identities();
        let mut lines = Vec::new();
        for (number, (user, groups)) in identities.iter().enumerate() {
            let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
            if number > 0 {
                let own = self.0.at_most(MOST_LINES - lines.len(), user, &groups);
                lines.extend(own.into_iter().map(|line| format!("as {}: {line}", shown(user))));
                continue;
            }
            let kept = if identities.len() > 1 { LINES_PUT_ON } else { 0 };
            lines = self.0.at_most(MOST_LINES - kept, user, &groups);
        }
        let apart = incident.last_seen.duration_since(self.time()).abs();
        if !lines.is_empty() && apart > RECENT {
            lines.push(format!("as of {}, when the cluster was scanned", self.time().strftime("%Y-%m-%d")));
        }
        lines
    }
}

/// An account as people write it.
fn shown(user: &str) -> String {
    user.strip_prefix("system:serviceaccount:")
        .map_or_else(|| user.to_owned(), |user| user.replacen(':', "/", 1))
}
