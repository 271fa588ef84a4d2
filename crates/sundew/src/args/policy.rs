//! The arguments of `sundew policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Book, DetectorKind, Output};

#[derive(Debug, Args)]
pub(crate) struct Policy {
    #[command(subcommand)]
    pub(crate) command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Print an audit policy with which every chosen detection sees what it needs, at the least volume
    Generate(PolicyGenerate),
    /// Say which detections a policy blinds, which of its rules log credentials, and which can never decide anything
    Lint(PolicyLint),
}

/// Which detections the policy is for.
#[derive(Debug, Args)]
#[command(next_help_heading = "For which detections")]
pub(crate) struct Wanted {
    /// The detectors that must see what they need; separated by commas
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "DETECTOR",
        default_value = "tripwire,rules,habits"
    )]
    pub(crate) detectors: Vec<DetectorKind>,
    #[command(flatten)]
    pub(crate) book: Book,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyGenerate {
    /// What runs the API server: where the files go, and which settings take the place of a policy where there is none
    #[arg(long = "for", value_enum, value_name = "PLATFORM", default_value_t = Platform::Kubeadm)]
    pub(crate) platform: Platform,
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// Leave out the loudest ordinary requests of this cluster's own identities too, as these audit logs show them.
    /// Each is named with its cost; decoys and Secrets are never left out
    #[arg(long, value_name = "PATH", num_args = 1.., help_heading = "Volume")]
    pub(crate) quiet: Vec<PathBuf>,
    /// The inventory, so that no decoy is ever among what --quiet leaves out. Nothing of it is printed
    #[arg(long, value_name = "FILE", help_heading = "Volume")]
    pub(crate) inventory: Option<PathBuf>,
    /// Say how many bytes a day the policy would save or cost, by this cluster's own audit logs
    #[arg(long, value_name = "PATH", num_args = 1.., help_heading = "Volume")]
    pub(crate) estimate: Vec<PathBuf>,
    /// Write the policy to this file instead of standard output; only its owner may read it
    #[arg(long, value_name = "FILE", help_heading = "How")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Platform {
    /// A static pod on each control plane machine
    Kubeadm,
    /// k3s
    K3s,
    /// RKE2
    Rke2,
    /// Talos Linux: a patch of the machine configuration
    Talos,
    /// OpenShift: a profile of the cluster's APIServer object
    Openshift,
    /// Amazon EKS: no policy of one's own; what to turn on
    Eks,
    /// Google GKE: no policy of one's own; what to turn on
    Gke,
    /// Azure AKS: no policy of one's own; what to turn on
    Aks,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyLint {
    /// The audit policy, or - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// Look at the API server's flags as well: its static pod's manifest, or a file with one flag a line. Says what
    /// loses events
    #[arg(long, value_name = "FILE")]
    pub(crate) apiserver: Option<PathBuf>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}
