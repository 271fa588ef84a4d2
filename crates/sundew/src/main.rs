//! Sundew's command line: arguments, output, exit codes.

mod args;
mod bait;
mod check;
mod config;
mod decoys;
mod demo;
mod exit;
mod extra;
mod gather;
mod habits;
mod harden;
mod logging;
mod page;
mod policy;
mod replay;
mod report;
mod rules;
mod scan;
mod schema;
mod status;
mod table;
mod watch;
mod who_can;

use std::process::ExitCode;

use args::{Cli, Command};
use clap::Parser;
use exit::Exit;
use mimalloc::MiMalloc;

/// A scan of a large cluster makes millions of small objects on several threads.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Watch(args) => watch::run(args),
        Command::Replay(args) => replay::run(&args),
        Command::Scan(args) => scan::run(&args),
        Command::WhoCan(args) => who_can::run(&args),
        Command::Policy(args) => policy::run(&args),
        Command::Harden(args) => harden::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Personas(args) => bait::personas(&args),
        Command::Plant(args) => bait::plant(&args),
        Command::Drill(args) => bait::drill(&args),
        Command::Retire(args) => bait::retire(&args),
        Command::Remove(args) => bait::remove(&args),
        Command::Status(args) => status::show(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Habits(args) => habits::run(&args),
        Command::Redeliver(args) => status::redeliver(&args),
        Command::Check(args) => check::run(&args),
        Command::Schema(args) => schema::run(&args),
    };
    match result {
        Ok(exit) => exit.into(),
        // The reader of our output has seen enough: that is no error.
        Err(error) if exit::is_broken_pipe(&error) => Exit::Clean.into(),
        Err(error) => {
            exit::explain(&error);
            Exit::Failed.into()
        }
    }
}
