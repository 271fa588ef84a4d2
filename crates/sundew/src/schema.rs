//! `sundew schema`: prints the JSON Schema of a file or of an output.

use std::io::{self, Write};

use anyhow::Result;
use sundew_decoy::{Inventory, persona::Persona};
use sundew_detect::{Finding, Incident};
use sundew_harden::{automount, rbac, tokens::TokenReport};
use sundew_posture::{
    questions::{About, May, WhoCan},
    report::{Change, Report},
    risk::{ExceptionFile, Risk},
};

use crate::{
    args::{self, SchemaOf},
    exit::Exit,
    harden, policy,
};

pub(crate) fn run(args: &args::Schema) -> Result<Exit> {
    let schema = match args.of {
        SchemaOf::Inventory => Inventory::schema(),
        SchemaOf::Config => sundew_sensor::Config::schema(),
        SchemaOf::Persona => Persona::schema(),
        SchemaOf::Finding => schemars::schema_for!(Finding).to_value(),
        SchemaOf::Incident => schemars::schema_for!(Incident).to_value(),
        SchemaOf::Report => schemars::schema_for!(Report).to_value(),
        SchemaOf::Change => schemars::schema_for!(Change).to_value(),
        SchemaOf::Risk => schemars::schema_for!(Risk).to_value(),
        SchemaOf::Exceptions => schemars::schema_for!(ExceptionFile).to_value(),
        SchemaOf::Object => schemars::schema_for!(About).to_value(),
        SchemaOf::WhoCan => schemars::schema_for!(WhoCan).to_value(),
        SchemaOf::May => schemars::schema_for!(May).to_value(),
        SchemaOf::PolicyLint => policy::schema(),
        SchemaOf::HardenTokens => schemars::schema_for!(TokenReport).to_value(),
        SchemaOf::HardenAutomount => schemars::schema_for!(automount::Report).to_value(),
        SchemaOf::HardenRbac => schemars::schema_for!(rbac::Report).to_value(),
        SchemaOf::HardenCluster => harden::settings_schema(),
    };
    writeln!(io::stdout().lock(), "{schema:#}")?;
    Ok(Exit::Clean)
}
