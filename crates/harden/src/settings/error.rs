//! What is wrong with a file that declares settings.

use thiserror::Error;

/// Why a file that declares settings could not be read. Holds nothing of what stands in the file but kinds, versions
/// and places.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// No YAML, or a value of another type than it should be.
    #[error("{file}: {place}{problem}; see how {wanted} is written")]
    Broken {
        /// The file.
        file: String,
        /// `line 3, column 4: `, or nothing.
        place: String,
        /// What is wrong.
        problem: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// Another kind than is meant.
    #[error("{file}: this is {found} and not {wanted}; give {instead}")]
    Kind {
        /// The file.
        file: String,
        /// What it is.
        found: String,
        /// What it should be.
        wanted: &'static str,
        /// What to give.
        instead: &'static str,
    },
    /// A version that is not known.
    #[error("{file}: apiVersion `{found}` of {kind} is not known; those that are: {known}")]
    Version {
        /// The file.
        file: String,
        /// The kind.
        kind: &'static str,
        /// What stands there.
        found: String,
        /// What could.
        known: &'static str,
    },
    /// A line that is no flag.
    #[error(
        "{file}: line {line} is no flag of the API server; give its static pod's manifest, or a file with one flag a \
         line, as --profiling=false"
    )]
    Line {
        /// The file.
        file: String,
        /// Which line, from 1.
        line: usize,
    },
    /// No flag that settings are read from.
    #[error(
        "{file}: no flag of an API server is in it; give /etc/kubernetes/manifests/kube-apiserver.yaml of a control \
         plane node, or what `ps -o args= -C kube-apiserver` prints there"
    )]
    NoFlags {
        /// The file.
        file: String,
    },
}
