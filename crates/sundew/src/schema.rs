//! `sundew schema`: prints the JSON Schema of a file or of an output.

use std::io::{self, Write};

use anyhow::Result;
use sundew_decoy::Inventory;
use sundew_detect::{Finding, Incident};

use crate::{
    args::{self, SchemaOf},
    exit::Exit,
};

pub(crate) fn run(args: &args::Schema) -> Result<Exit> {
    let schema = match args.of {
        SchemaOf::Inventory => Inventory::schema(),
        SchemaOf::Config => sundew_sensor::Config::schema(),
        SchemaOf::Finding => schemars::schema_for!(Finding).to_value(),
        SchemaOf::Incident => schemars::schema_for!(Incident).to_value(),
    };
    writeln!(io::stdout().lock(), "{schema:#}")?;
    Ok(Exit::Clean)
}
