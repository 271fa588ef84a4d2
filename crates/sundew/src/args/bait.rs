//! The arguments of the commands about bait: `personas`, `plant`, `status`, `drill`, `retire` and `remove`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use super::Output;

/// Which cluster, found as kubectl finds it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which cluster")]
pub(crate) struct Reach {
    /// The kubeconfig; else that of KUBECONFIG, ~/.kube/config, or of the pod that this runs in
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context; else its current one
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
}

/// Where the decoys are written down.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Where it is written down")]
pub(crate) struct Books {
    /// The configuration of `sundew watch`, which names the store and the inventory; sundew.yaml where there is one
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The inventory of decoys; else the configuration's, else inventory.yaml
    #[arg(long, value_name = "FILE")]
    pub(crate) inventory: Option<PathBuf>,
    /// What the cluster is called in the inventory; else as the configuration or the inventory calls it
    #[arg(long, value_name = "NAME")]
    pub(crate) cluster: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Personas {
    /// Show everything about this one
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Further personas: files, or folders of them; one with the id of a built-in persona takes its place
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) personas: Vec<PathBuf>,
    /// Ask the cluster of the kubeconfig which ones fit it
    #[arg(long)]
    pub(crate) here: bool,
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

impl Personas {
    /// Whether a cluster is to be asked.
    pub(crate) fn asks(&self) -> bool {
        self.here || self.reach.kubeconfig.is_some() || self.reach.context.is_some()
    }
}

#[derive(Debug, Args)]
pub(crate) struct Plant {
    #[command(flatten)]
    pub(crate) what: What,
    #[command(flatten)]
    pub(crate) outside: Outside,
    #[command(flatten)]
    pub(crate) reach: Reach,
    #[command(flatten)]
    pub(crate) books: Books,
    #[command(flatten)]
    pub(crate) how: How,
}

/// What is planted.
#[derive(Debug, Args)]
#[command(next_help_heading = "What")]
pub(crate) struct What {
    /// The persona; without one, those that fit the cluster are listed and nothing is made
    #[arg(long, value_name = "ID")]
    pub(crate) persona: Option<String>,
    /// Further personas: files, or folders of them; one with the id of a built-in persona takes its place
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) personas: Vec<PathBuf>,
    /// The namespace; else the first of the persona's that exists
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// Sets a word of the persona, as account=ci-runner; can be given several times
    #[arg(long, value_name = "WORD=VALUE", value_parser = word, requires = "persona")]
    pub(crate) set: Vec<(String, String)>,
    /// Only this placement of the persona; can be given several times
    #[arg(long, value_name = "NAME", requires = "persona")]
    pub(crate) placement: Vec<String>,
}

/// A copy that leaves the cluster.
#[derive(Debug, Args)]
#[command(next_help_heading = "A further copy, as a kubeconfig outside the cluster")]
pub(crate) struct Outside {
    /// Add a placement of this name to a decoy that stands, and write its kubeconfig
    #[arg(long, value_name = "NAME", conflicts_with = "persona")]
    pub(crate) outside: Option<String>,
    /// To which decoy; needed where the inventory has several
    #[arg(long, value_name = "NAMESPACE/ACCOUNT", requires = "outside")]
    pub(crate) decoy: Option<String>,
    /// Where the copy will lie, in words for those who are woken
    #[arg(long, value_name = "TEXT", requires = "outside")]
    pub(crate) location: Option<String>,
    /// The file that the kubeconfig is written to; NAME.kubeconfig where it is not given. Never written over
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
}

/// How it is done.
#[derive(Debug, Args)]
#[command(next_help_heading = "How")]
pub(crate) struct How {
    /// Show the plan and ask the server whether it would take it; make nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask before it is made
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Plant although rights of the account could be hidden in what could not be read
    #[arg(long)]
    pub(crate) despite_unread: bool,
    /// Plant although every account of the cluster may do more than discovery, as on OpenShift; not where that is a risk
    #[arg(long)]
    pub(crate) despite_shared_rights: bool,
    /// How long a Secret may take to be filled with a token
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    pub(crate) patience: Duration,
    /// How to print it; yaml and inventory are for who applies the objects by other means, and make nothing
    #[arg(short, long, value_enum, default_value_t = PlanFormat::Text)]
    pub(crate) output: PlanFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    /// For people
    Text,
    /// The objects as manifests
    Yaml,
    /// What the inventory must then list
    Inventory,
    /// One JSON object: the plan, its checks, and what was made
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The configuration whose store is read
    #[arg(short, long, value_name = "FILE", default_value = "sundew.yaml")]
    pub(crate) config: PathBuf,
    /// The inventory of decoys; else the configuration's
    #[arg(long, value_name = "FILE")]
    pub(crate) inventory: Option<PathBuf>,
    /// How to print it; yaml only with --search
    #[arg(short, long, value_enum, default_value_t = StatusFormat::Table)]
    pub(crate) output: StatusFormat,
    /// Look at the decoys in the cluster of the kubeconfig too
    #[arg(long)]
    pub(crate) here: bool,
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// What the cluster is called in the inventory; else as the configuration calls it
    #[arg(long, value_name = "NAME", help_heading = "Which cluster")]
    pub(crate) cluster: Option<String>,
    #[command(flatten)]
    pub(crate) search: Search,
}

impl Status {
    /// Whether the arguments say that a cluster is to be asked.
    pub(crate) fn asks(&self) -> bool {
        let Reach { kubeconfig, context } = &self.reach;
        self.here || kubeconfig.is_some() || context.is_some() || self.cluster.is_some()
    }
}

/// Decoys whose inventory was lost.
#[derive(Debug, Args)]
#[command(next_help_heading = "An inventory that was lost")]
pub(crate) struct Search {
    /// Look through the cluster for accounts that could be decoys, by what you remember of them
    #[arg(long)]
    pub(crate) search: bool,
    /// Only in this namespace
    #[arg(short, long, value_name = "NAMESPACE", requires = "search")]
    pub(crate) namespace: Option<String>,
    /// Only accounts with this in their name
    #[arg(long, value_name = "TEXT", requires = "search")]
    pub(crate) account: Option<String>,
    /// Only those planted on this day (UTC) or after it, as 2026-11-21
    #[arg(long, value_name = "DATE", value_parser = start_of_day, requires = "search")]
    pub(crate) planted_after: Option<Timestamp>,
    /// Only those planted on this day (UTC) or before it
    #[arg(long, value_name = "DATE", value_parser = end_of_day, requires = "search")]
    pub(crate) planted_before: Option<Timestamp>,
    /// Further personas that they could be of: files, or folders of them
    #[arg(long, value_name = "PATH", num_args = 1.., requires = "search")]
    pub(crate) personas: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatusFormat {
    /// Aligned columns for people
    Table,
    /// One JSON object; with --search an inventory
    Json,
    /// An inventory; with --search
    Yaml,
}

#[derive(Debug, Args)]
pub(crate) struct Drill {
    /// Only these decoys; all of the cluster where none is given
    #[arg(value_name = "NAMESPACE/ACCOUNT")]
    pub(crate) decoys: Vec<String>,
    /// Only this placement; can be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) placement: Vec<String>,
    /// The client that the use looks like; can be given several times
    #[arg(long, value_enum, value_name = "CLIENT", default_values = ["kubectl"])]
    pub(crate) client: Vec<Client>,
    /// How long each alert may take until every sink has it
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    pub(crate) patience: Duration,
    #[command(flatten)]
    pub(crate) reach: Reach,
    #[command(flatten)]
    pub(crate) books: Books,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    /// As kubectl calls itself
    Kubectl,
    /// As curl does
    Curl,
    /// As a Python script does
    Python,
}

/// Which decoys go.
#[derive(Debug, Args)]
pub(crate) struct Away {
    /// The decoys
    #[arg(value_name = "NAMESPACE/ACCOUNT", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) decoys: Vec<String>,
    /// All decoys of the cluster
    #[arg(long)]
    pub(crate) all: bool,
    /// Do not ask before it is done
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Take away what the inventory knows by its name alone too; see first what is there under these names
    #[arg(long)]
    pub(crate) by_name: bool,
    #[command(flatten)]
    pub(crate) reach: Reach,
    #[command(flatten)]
    pub(crate) books: Books,
    /// How to print what was done
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Retire {
    #[command(flatten)]
    pub(crate) away: Away,
    /// Refuse the tokens from now on too; their use is still told by the API server's own note
    #[arg(long)]
    pub(crate) tombstone: bool,
}

fn word(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((word, value)) if !word.is_empty() && !value.is_empty() => {
            Ok((word.to_owned(), value.to_owned()))
        }
        _ => Err("write it as WORD=VALUE, such as account=ci-runner".into()),
    }
}

fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "write it like 30s or 2m".to_owned();
    let time: SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(time).ok().filter(|time| !time.is_zero()).ok_or_else(wrong)
}

fn day(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| "write the day as 2026-11-21".to_owned())
}

fn start_of_day(text: &str) -> Result<Timestamp, String> {
    let day = day(text)?.to_zoned(TimeZone::UTC).map_err(|error| error.to_string())?;
    Ok(day.timestamp())
}

fn end_of_day(text: &str) -> Result<Timestamp, String> {
    let next = day(text)?.tomorrow().map_err(|error| error.to_string())?;
    Ok(next.to_zoned(TimeZone::UTC).map_err(|error| error.to_string())?.timestamp())
}
