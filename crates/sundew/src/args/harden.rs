//! The arguments of `sundew harden`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Span;

use super::{Output, Source, scan::age};

#[derive(Debug, Args)]
pub(crate) struct Harden {
    #[command(subcommand)]
    pub(crate) command: HardenCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HardenCommand {
    /// List every long-lived token with its owner, age and uses, and make the policies that deny new ones
    Tokens(Box<HardenTokens>),
    /// Find accounts and pods that hold a token and use no API, and make the patches that take it away
    Automount(Box<HardenAutomount>),
    /// Make narrower roles from what was used, with a proof that every request of the logs would still be allowed
    Rbac(Box<HardenRbac>),
    /// Look at the cluster's settings from outside: anonymous access, kubelets, encryption, Pod Security, tokens
    Cluster(Box<HardenCluster>),
}

/// What was seen of the cluster's identities.
#[derive(Debug, Args)]
#[command(next_help_heading = "What was seen")]
pub(crate) struct Seen {
    /// Audit logs: files or folders; plain, gzip or zstd, in any known envelope
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) logs: Vec<PathBuf>,
    /// The stretch of time before the logs' end that they must cover, as 12h or 30d. Nothing is concluded from less
    #[arg(long, value_name = "TIME", default_value = "14d", value_parser = age)]
    pub(crate) window: Span,
    /// The audit policy that the logs were written under: what it leaves out counts as used
    #[arg(long, value_name = "FILE")]
    pub(crate) audit_policy: Option<PathBuf>,
    /// The configuration of `sundew watch`, whose store says what each identity normally does
    #[arg(short, long, value_name = "FILE", conflicts_with = "state")]
    pub(crate) config: Option<PathBuf>,
    /// The folder of `sundew replay --learn`, which says the same
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

/// How it is told.
#[derive(Debug, Args)]
#[command(next_help_heading = "How")]
pub(crate) struct Made {
    /// Write the files, and a page that says in which order they are applied and undone, to this new or empty folder
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct HardenTokens {
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) seen: Seen,
    /// Who may make long-lived tokens all the same, as a user name; can be given several times. Name here who plants
    /// decoys: it says nothing about which
    #[arg(long, value_name = "USER", help_heading = "The policies")]
    pub(crate) allow_user: Vec<String>,
    /// The same for members of a group
    #[arg(long, value_name = "GROUP", help_heading = "The policies")]
    pub(crate) allow_group: Vec<String>,
    /// A namespace in which they may be made; can be given several times
    #[arg(long, value_name = "NAMESPACE", help_heading = "The policies")]
    pub(crate) allow_namespace: Vec<String>,
    /// Deny at once. Without this the policies only warn and note in the audit log what they would deny
    #[arg(long, help_heading = "The policies")]
    pub(crate) deny: bool,
    /// Deny tokens from TokenRequest that live longer than this too, as 24h
    #[arg(long, value_name = "TIME", value_parser = age, help_heading = "The policies")]
    pub(crate) longest: Option<Span>,
    /// The inventory: its decoys' Secrets are no tokens to replace. Nothing of it is printed or written
    #[arg(long, value_name = "FILE", help_heading = "The policies")]
    pub(crate) inventory: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) made: Made,
}

#[derive(Debug, Args)]
pub(crate) struct HardenAutomount {
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) seen: Seen,
    /// How the changes are written
    #[arg(long = "as", value_enum, value_name = "FORM", default_value_t = PatchForm::Patch, help_heading = "How")]
    pub(crate) form: PatchForm,
    /// Only these namespaces; can be given several times
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(crate) namespace: Vec<String>,
    /// The inventory: a decoy's pod keeps its token. Nothing of it is printed or written
    #[arg(long, value_name = "FILE")]
    pub(crate) inventory: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) made: Made,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PatchForm {
    /// Patches for `kubectl patch`
    Patch,
    /// Patches for kustomize
    Kustomize,
}

#[derive(Debug, Args)]
pub(crate) struct HardenRbac {
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) seen: Seen,
    /// How much more than was used is left, never more than there was
    #[arg(long, value_enum, value_name = "MARGIN", default_value_t = Margin::Kin)]
    pub(crate) margin: Margin,
    /// Only these identities: sa/NAMESPACE/NAME, user/NAME; can be given several times
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) of: Vec<String>,
    /// Only accounts of these namespaces; can be given several times
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(crate) namespace: Vec<String>,
    /// The inventory: a decoy's rights are bait and stay. Nothing of it is printed or written
    #[arg(long, value_name = "FILE")]
    pub(crate) inventory: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) made: Made,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Margin {
    /// What was used, and no more
    None,
    /// With each verb those of its kind: get, list, watch; create, update, patch; delete, deletecollection
    Kin,
    /// Every verb that it had on each resource that it used
    Resource,
}

#[derive(Debug, Args)]
pub(crate) struct HardenCluster {
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) seen: Seen,
    /// The API server's static pod's manifest, or a file with one flag a line, where the cluster does not show it
    #[arg(long, value_name = "FILE", help_heading = "Declared settings")]
    pub(crate) apiserver: Option<PathBuf>,
    /// A kubelet's configuration file; can be given several times
    #[arg(long, value_name = "FILE", help_heading = "Declared settings")]
    pub(crate) kubelet: Vec<PathBuf>,
    /// The API server's file for encryption at rest. Keys in it are neither kept nor printed
    #[arg(long, value_name = "FILE", help_heading = "Declared settings")]
    pub(crate) encryption: Option<PathBuf>,
    /// Ask the API server without any credential what it answers to anybody: four read-only requests
    #[arg(long, conflicts_with = "from")]
    pub(crate) probe: bool,
    #[command(flatten)]
    pub(crate) made: Made,
    /// End with exit code 1 if anything at this severity or over it is found
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<sundew_posture::Severity>,
}
