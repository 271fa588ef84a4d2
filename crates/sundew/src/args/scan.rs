//! The arguments of `sundew scan` and `sundew who-can`.

use std::path::PathBuf;

use clap::{
    Args, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use jiff::Span;
use sundew_posture::{Severity, model::Version, report::View};

/// Where the objects of the cluster come from.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Where from")]
pub(crate) struct Source {
    /// Read files, not a cluster: what `kubectl get -o yaml` or `-o json` prints, manifests, folders of
    /// them, - for standard input; plain, gzip or zstd
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with_all = ["kubeconfig", "context", "only_namespace"])]
    pub(crate) from: Vec<PathBuf>,
    /// The most bytes that one file may have, unpacked
    #[arg(long, value_name = "BYTES", default_value_t = 2 << 30, hide = true)]
    pub(crate) max_file_bytes: u64,
    /// The kubeconfig; else that of KUBECONFIG, ~/.kube/config, or of the pod that this runs in
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context; else its current one
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Ask the cluster for this namespace only, and for what is in none; can be given several times. What is
    /// elsewhere is then not known, and said to be so
    #[arg(long, value_name = "NAMESPACE")]
    pub(crate) only_namespace: Vec<String>,
    /// Take this for the API server's version, as 1.35
    #[arg(long, value_name = "VERSION")]
    pub(crate) kubernetes_version: Option<Version>,
}

#[derive(Debug, Args)]
pub(crate) struct Scan {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Do not ask the cluster for Secrets' metadata: their values are never asked for, but RBAC has one right for both
    #[arg(long, help_heading = "Where from", conflicts_with = "from")]
    pub(crate) no_secrets: bool,
    /// Print the account and the read-only role that a scan of a cluster takes, and end
    #[arg(long, help_heading = "Where from", conflicts_with = "from")]
    pub(crate) collector_role: bool,
    #[command(flatten)]
    pub(crate) rules: Rules,
    #[command(flatten)]
    pub(crate) filters: Filters,
    #[command(flatten)]
    pub(crate) questions: Questions,
    #[command(flatten)]
    pub(crate) shown: Shown,
}

/// What counts as a risk.
#[derive(Debug, Args)]
#[command(next_help_heading = "What counts")]
pub(crate) struct Rules {
    /// Further risks: files, or folders of them; one with the id of a built-in risk takes its place
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) risks: Vec<PathBuf>,
    /// What was looked at and accepted, with reasons and last days; and risks that are turned off
    #[arg(long, value_name = "FILE")]
    pub(crate) exceptions: Option<PathBuf>,
    /// A report to compare with, as --save or -o json wrote it: only what changed is printed
    #[arg(long, value_name = "FILE")]
    pub(crate) compare: Option<PathBuf>,
    /// Audit logs: files, folders, - for standard input. Says which risks were used, and which rules nothing needed
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) logs: Vec<PathBuf>,
    /// End with exit code 1 if anything at this severity or over it is found; with --compare, anything new or worse
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<Severity>,
}

/// Which of the findings are printed and counted.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which")]
pub(crate) struct Filters {
    /// Only these: subjects, pods, nodes, privileged, tokens, everyone, bindings, roles, unused, paths
    #[arg(long, value_name = "VIEW", value_delimiter = ',', value_parser = show(), hide_possible_values = true)]
    pub(crate) show: Vec<Show>,
    /// Only what is in this namespace; can be given several times
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(crate) namespace: Vec<String>,
    /// Only objects of this kind, as ServiceAccount or Pod; can be given several times
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Vec<String>,
    /// Only objects of this name; a * stands for any characters
    #[arg(long, value_name = "GLOB")]
    pub(crate) name: Option<String>,
    /// Only findings at this severity or over it
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) severity: Option<Severity>,
    /// Only objects made within this time, as 30d
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(crate) younger_than: Option<Span>,
    /// Only objects made before this time, as 1y
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(crate) older_than: Option<Span>,
}

/// Questions that are no findings.
#[derive(Debug, Args)]
#[command(next_help_heading = "Questions")]
pub(crate) struct Questions {
    /// Everything about one object: role/NAMESPACE/NAME, clusterrole/NAME, sa/NAMESPACE/NAME, user/NAME,
    /// group/NAME, rolebinding/NAMESPACE/NAME, clusterrolebinding/NAME, pod/NAMESPACE/NAME, node/NAME
    #[arg(long, value_name = "OBJECT", conflicts_with_all = ["list", "compare", "fail_on", "show"])]
    pub(crate) of: Option<String>,
    /// A list of what is there, risky or not
    #[arg(long, value_enum, value_name = "LIST", conflicts_with_all = ["compare", "fail_on", "show", "severity", "save"])]
    pub(crate) list: Option<List>,
}

/// How it is printed.
#[derive(Debug, Args)]
#[command(next_help_heading = "How")]
pub(crate) struct Shown {
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// Write to this file instead of standard output; only its owner may read it
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Keep the whole report as JSON too, to compare with later
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
    /// How many objects each part of a table lists, and findings of each, 0 for all; 10 on a terminal, else all
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
    /// List what Kubernetes itself made too
    #[arg(long)]
    pub(crate) system: bool,
    /// List what exceptions accept too
    #[arg(long)]
    pub(crate) accepted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned text for people
    Table,
    /// The whole report; its shape is printed by `sundew schema report`
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// One page that needs nothing else
    Html,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum List {
    /// Accounts, users and groups with their bindings
    Subjects,
    /// Tokens that pods hold, with where they lie
    TokensInPods,
    /// Secrets that pods read, from volumes and into the environment
    SecretsInPods,
}

/// A part of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// Findings of a view.
    View(View),
    /// Ways to the whole cluster, and the bindings whose removal cuts most.
    Paths,
}

fn show() -> impl TypedValueParser<Value = Show> {
    let words = View::ALL.map(View::as_str).into_iter().chain(["paths"]);
    PossibleValuesParser::new(words)
        .map(|word| View::ALL.into_iter().find(|view| view.as_str() == word).map_or(Show::Paths, Show::View))
}

/// An age: days, weeks, months and years too.
pub(super) fn age(text: &str) -> Result<Span, String> {
    let span: Span = text.parse().map_err(|_| "write it as 12h, 30d, 6w or 1y".to_owned())?;
    if span.is_negative() { Err("an age is not negative; write it as 30d".into()) } else { Ok(span) }
}

#[derive(Debug, Args)]
pub(crate) struct WhoCan {
    /// As get, list, create, escalate, impersonate; * for all
    #[arg(value_name = "VERB")]
    pub(crate) verb: String,
    /// As pods, po, deployments.apps, secrets/NAME, or a path such as /metrics
    #[arg(value_name = "RESOURCE[/NAME]")]
    pub(crate) resource: String,
    /// In this namespace; in all of them at once where it is not given
    #[arg(short, long, value_name = "NAMESPACE", conflicts_with = "all_namespaces")]
    pub(crate) namespace: Option<String>,
    /// In any namespace, be it one
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
    /// As exec, log, token, status
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(crate) subresource: String,
    /// The resource's API group, where it is not one of Kubernetes' own
    #[arg(long, value_name = "GROUP")]
    pub(crate) group: Option<String>,
    /// Whether this one can: sa/NAMESPACE/NAME, user/NAME, group/NAME, node/NAME. Ends with 0 for yes, 1 for no
    #[arg(long = "as", value_name = "SUBJECT")]
    pub(crate) subject: Option<String>,
    /// A group that the user of --as is in; can be given several times
    #[arg(long, value_name = "GROUP", requires = "subject")]
    pub(crate) as_group: Vec<String>,
    /// List the rules one by one, with those that come near
    #[arg(long)]
    pub(crate) explain: bool,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = super::Output::Table)]
    pub(crate) output: super::Output,
    #[command(flatten)]
    pub(crate) source: Source,
}
