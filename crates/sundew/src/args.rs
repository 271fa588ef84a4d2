//! The command line: what can be asked for, in the words of the help.

mod bait;
mod detect;
mod harden;
mod policy;
mod report;
mod scan;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sundew_detect::Severity;

pub(crate) use self::{
    bait::{
        Away, Books, Client, Drill, Outside, Personas, PlanFormat, Plant, Reach, Retire, Status, StatusFormat,
    },
    detect::{
        Book, Habits, HabitsCommand, HabitsList, HabitsReset, HabitsShow, Kept, RuleArgs, RulesCommand,
        RulesLint, RulesList, RulesShow, RulesTest,
    },
    harden::{
        Harden, HardenAutomount, HardenCluster, HardenCommand, HardenRbac, HardenTokens, Margin, PatchForm,
        Seen,
    },
    policy::{Platform, Policy, PolicyCommand, PolicyGenerate, PolicyLint, Wanted},
    report::{Report, ReportFormat},
    scan::{Filters, Format, List, Rules, Scan, Show, Source, WhoCan},
};

/// Catches the use of stolen Kubernetes identities.
#[derive(Debug, Parser)]
#[command(name = "sundew", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See it work, with no cluster: a recorded theft played to the real sensor
    Demo(Demo),
    /// Watch the audit trail and tell people when a decoy is touched
    Watch(Watch),
    /// Search audit logs of the past: the same detection at the speed of the disk
    Replay(Replay),
    /// Find what each identity, pod and node could do if it were stolen
    Scan(Box<Scan>),
    /// List everybody who can do one thing, and through which binding and role
    WhoCan(WhoCan),
    /// Print the audit policy that detection needs, or say what a given one blinds
    Policy(Policy),
    /// Work out the changes that close the hole: long-lived and mounted tokens, unused rights, settings
    Harden(Harden),
    /// Write one page about decoys, incidents, posture and settings, with what to do first
    Report(Box<Report>),
    /// List the stories that decoys can tell, and show what each would make
    Personas(Personas),
    /// Plant a decoy: show what would be made and whether it is harmless, ask, make it
    Plant(Box<Plant>),
    /// Use decoys for real, and say how long it took until the alert reached each sink
    Drill(Drill),
    /// Show the decoys, and what the sensor's store holds: positions, incidents, messages not delivered
    Status(Box<Status>),
    /// Take a decoy's placements away, so that an old copy of its token still tells
    Retire(Retire),
    /// Take everything of a decoy away, with no trace
    Remove(Away),
    /// Look at the rules: list them, show one, say what is wrong with your own, try them on events
    Rules(RuleArgs),
    /// Look at what was learnt of identities: what each normally does
    Habits(Habits),
    /// Try again to deliver messages that were given up
    Redeliver(Redeliver),
    /// Check an inventory or a configuration without starting anything
    Check(Check),
    /// Print the JSON Schema of a file or of an output
    Schema(Schema),
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// End when the last alert has come, and fail if one is missing
    #[arg(long)]
    pub(crate) once: bool,
    /// How many times faster than usual to play
    #[arg(long, value_name = "TIMES", default_value_t = 1.0, value_parser = positive)]
    pub(crate) speed: f64,
}

fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "give a number such as 2 or 0.5".to_owned())?;
    let usual = number.is_finite() && (0.01..=1000.0).contains(&number);
    if usual { Ok(number) } else { Err("give a number from 0.01 to 1000".into()) }
}

/// Which accounts are decoys.
#[derive(Debug, Clone, Args)]
pub(crate) struct Decoys {
    /// The inventory of decoys
    #[arg(long, value_name = "FILE")]
    pub(crate) inventory: Option<PathBuf>,
    /// A decoy, for a first try with no inventory; can be given several times
    #[arg(long = "decoy", value_name = "NAMESPACE/ACCOUNT[:SECRET]")]
    pub(crate) decoys: Vec<String>,
    /// A namespace that is bait as a whole; can be given several times
    #[arg(long = "bait-namespace", value_name = "NAMESPACE")]
    pub(crate) bait: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The configuration
    #[arg(short, long, value_name = "FILE", default_value = "sundew.yaml")]
    pub(crate) config: PathBuf,
    #[command(flatten)]
    pub(crate) decoys: Decoys,
    /// The report of `sundew scan --save`, so that alerts say what the identity could do
    #[arg(long, value_name = "FILE")]
    pub(crate) posture: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Audit logs: files, folders, or - for standard input; plain, gzip or zstd
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) decoys: Decoys,
    /// The cluster that the logs are from, where the inventory has several
    #[arg(long, value_name = "NAME")]
    pub(crate) cluster: Option<String>,
    /// What looks at the events; separated by commas
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "DETECTOR",
        default_value = "tripwire,rules,habits"
    )]
    pub(crate) detectors: Vec<DetectorKind>,
    /// Rules of your own, files or folders of Sigma files, besides the built-in ones
    #[arg(long, value_name = "PATH")]
    pub(crate) rules: Vec<PathBuf>,
    /// Where what was learnt of the cluster's identities is kept or found: a folder
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Take these logs as ordinary work, and learn from them into --state; nothing is searched for
    #[arg(long, requires = "state")]
    pub(crate) learn: bool,
    /// How to print what was found
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
    /// Print incidents instead of single findings
    #[arg(long)]
    pub(crate) incidents: bool,
    /// The report of `sundew scan --save`, so that incidents say what the identity could do
    #[arg(long, value_name = "FILE", requires = "incidents")]
    pub(crate) posture: Option<PathBuf>,
    /// List the touches that are somebody's duty and were not told
    #[arg(long)]
    pub(crate) suppressed: bool,
    /// End with exit code 1 if anything at this severity or over it is found
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<Severity>,
    /// How many threads read; all processors where it is not given
    #[arg(long, value_name = "COUNT")]
    pub(crate) threads: Option<std::num::NonZeroUsize>,
    /// How events are read; all find the same
    #[arg(long, value_enum, default_value_t = Reading::Skim)]
    pub(crate) reading: Reading,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Aligned columns for people
    Table,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DetectorKind {
    /// Decoys that are touched
    Tripwire,
    /// Sigma rules
    Rules,
    /// What an identity never did before, and tokens used from where they do not belong
    Habits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reading {
    /// Pass over lines that name no decoy, or that repeat an earlier one
    Skim,
    /// Read and check every field of every event
    Full,
    /// Read every event with a general JSON library, to compare with
    Plain,
}

#[derive(Debug, Args)]
pub(crate) struct Redeliver {
    /// The configuration whose store is changed; the sensor may run
    #[arg(short, long, value_name = "FILE", default_value = "sundew.yaml")]
    pub(crate) config: PathBuf,
    /// The number of one message, as `sundew status` lists it; all of them where it is not given
    #[arg(value_name = "NUMBER")]
    pub(crate) id: Option<i64>,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// An inventory
    #[arg(long, value_name = "FILE")]
    pub(crate) inventory: Option<PathBuf>,
    /// A configuration
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// Of what
    #[arg(value_enum)]
    pub(crate) of: SchemaOf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// The inventory of decoys
    Inventory,
    /// The configuration of `sundew watch`
    Config,
    /// A persona
    Persona,
    /// A line of `sundew replay --output json`
    Finding,
    /// A line of `sundew replay --incidents --output json`
    Incident,
    /// What `sundew scan --output json` prints
    Report,
    /// What `sundew scan --compare FILE --output json` prints
    Change,
    /// A file of `sundew scan --risks`
    Risk,
    /// The file of `sundew scan --exceptions`
    Exceptions,
    /// What `sundew scan --of OBJECT --output json` prints
    Object,
    /// What `sundew who-can --output json` prints
    WhoCan,
    /// What `sundew who-can --as SUBJECT --output json` prints
    May,
    /// What `sundew policy lint --output json` prints
    PolicyLint,
    /// What `sundew harden tokens --output json` prints
    HardenTokens,
    /// What `sundew harden automount --output json` prints
    HardenAutomount,
    /// What `sundew harden rbac --output json` prints
    HardenRbac,
    /// What `sundew harden cluster --output json` prints
    HardenCluster,
}
