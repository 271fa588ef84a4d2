//! The arguments of `sundew report`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Source;

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The configuration of `sundew watch`, whose store and inventory are read; sundew.yaml where there is one
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The inventory of decoys; else the configuration's
    #[arg(long, value_name = "FILE")]
    pub(crate) inventory: Option<PathBuf>,
    /// The report of `sundew scan --save`, instead of a scan of the cluster
    #[arg(long, value_name = "FILE")]
    pub(crate) posture: Option<PathBuf>,
    /// Do not ask the cluster: only what the store and the files say
    #[arg(long, conflicts_with_all = ["from", "kubeconfig", "context", "only_namespace"])]
    pub(crate) no_cluster: bool,
    /// Do not ask the cluster for Secrets' metadata
    #[arg(long)]
    pub(crate) no_secrets: bool,
    /// The API server's audit policy, to say which detections it blinds
    #[arg(long, value_name = "FILE", help_heading = "Declared settings")]
    pub(crate) audit_policy: Option<PathBuf>,
    /// The API server's static pod's manifest, or a file with one flag a line, where the cluster does not show it
    #[arg(long, value_name = "FILE", help_heading = "Declared settings")]
    pub(crate) apiserver: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) source: Source,
    /// How it is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = ReportFormat::Html, help_heading = "How")]
    pub(crate) format: ReportFormat,
    /// Write to this file instead of standard output; only its owner may read it
    #[arg(long, value_name = "FILE", help_heading = "How")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// One page that needs nothing else
    Html,
    /// For a ticket or a wiki
    Markdown,
}
