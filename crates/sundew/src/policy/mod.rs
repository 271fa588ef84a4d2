//! `sundew policy`: an audit policy that sees what it must, and what a given one does not see.

mod generate;
mod lint;
mod needs;

use anyhow::Result;

use crate::{
    args::{self, PolicyCommand},
    exit::Exit,
};

/// The shape of what `sundew policy lint --output json` prints.
pub(crate) fn schema() -> serde_json::Value {
    schemars::schema_for!(Vec<lint::Told>).to_value()
}

pub(crate) fn run(args: &args::Policy) -> Result<Exit> {
    match &args.command {
        PolicyCommand::Generate(args) => generate::run(args),
        PolicyCommand::Lint(args) => lint::run(args),
    }
}
