//! The arguments of the commands about detection: `rules` and `habits`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use sundew_detect::Severity;

use super::Output;

#[derive(Debug, Args)]
pub(crate) struct RuleArgs {
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// List the rules, with what each needs of the audit policy and whether it is told
    List(RulesList),
    /// Show everything about one rule: what it means, who does it rightly, what to do
    Show(RulesShow),
    /// Say what is wrong with rules, above all why one can never match
    Lint(RulesLint),
    /// Try rules on the events beside them: NAME.match.jsonl and NAME.pass.jsonl
    Test(RulesTest),
}

/// Which rules there are.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which rules")]
pub(crate) struct Book {
    /// The configuration of `sundew watch`, whose rules, exceptions and switches are taken; sundew.yaml where there is one
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Further rules of your own: Sigma files, or folders of them; one with the name of a built-in rule takes its place
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) rules: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RulesList {
    /// Only rules at this level or over it
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) level: Option<Severity>,
    /// Only rules of this technique of MITRE ATT&CK, as T1552 or T1552.007
    #[arg(long, value_name = "ID")]
    pub(crate) technique: Option<String>,
    /// Only built-in rules of this topic, as exec or secrets
    #[arg(long, value_name = "TOPIC")]
    pub(crate) topic: Option<String>,
    /// Only rules with this in their name, title or description
    #[arg(long, value_name = "TEXT")]
    pub(crate) search: Option<String>,
    #[command(flatten)]
    pub(crate) book: Book,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct RulesShow {
    /// The rule's name, as findings say it with `rules.` before it, or its id
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Print the Sigma file that it comes from, and nothing else
    #[arg(long, conflicts_with = "output")]
    pub(crate) source: bool,
    #[command(flatten)]
    pub(crate) book: Book,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct RulesLint {
    /// Sigma files, or folders of them; the built-in rules where none is given
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct RulesTest {
    /// Sigma files with events beside them, or folders of them; the built-in rules where none is given
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Habits {
    #[command(subcommand)]
    pub(crate) command: HabitsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HabitsCommand {
    /// List the identities that are remembered, those with most requests first
    List(HabitsList),
    /// Show what one identity normally does, in numbers
    Show(HabitsShow),
    /// Forget what was learnt of identities; what they do is then learnt anew
    Reset(HabitsReset),
}

/// Where what was learnt is kept.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where it is kept")]
pub(crate) struct Kept {
    /// The configuration of `sundew watch`, whose store is taken; sundew.yaml where there is one
    #[arg(short, long, value_name = "FILE", conflicts_with = "state")]
    pub(crate) config: Option<PathBuf>,
    /// The folder that `sundew replay --state` was given
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Only identities of this cluster
    #[arg(long, value_name = "NAME")]
    pub(crate) cluster: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct HabitsList {
    /// Only identities with this in their name
    #[arg(long, value_name = "TEXT")]
    pub(crate) search: Option<String>,
    /// How many are listed, 0 for all; 40 on a terminal, else all
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) kept: Kept,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct HabitsShow {
    /// The user name, as the audit log has it; of a ServiceAccount NAMESPACE/NAME does too
    #[arg(value_name = "IDENTITY")]
    pub(crate) identity: String,
    #[command(flatten)]
    pub(crate) kept: Kept,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct HabitsReset {
    /// The user name, as the audit log has it; of a ServiceAccount NAMESPACE/NAME does too
    #[arg(value_name = "IDENTITY", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) identity: Option<String>,
    /// All identities; with --cluster, all of that cluster
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) kept: Kept,
}
