//! `sundew harden`: the changes that close the hole, each with its reason, its order and its way back.

mod asked;
mod automount;
mod cluster;
mod rbac;
mod seen;
mod tokens;
mod write;

use anyhow::Result;
use sundew_posture::{Cluster, model::Notice};

use crate::{
    args::{self, HardenCommand},
    exit::Exit,
    gather::say,
};

/// The most notices about what was read that are said.
const MOST_NOTICES: usize = 10;

/// The shape of what `sundew harden cluster --output json` prints.
pub(crate) fn settings_schema() -> serde_json::Value {
    schemars::schema_for!(cluster::Told<'static>).to_value()
}

/// Says what was odd in files, such as an object that is described twice; `sundew scan` lists what is odd besides.
fn say_notices(cluster: &Cluster) {
    let placed = |notice: &Notice| {
        let file = cluster.files.get(notice.place.file as usize).filter(|_| notice.place.line > 0)?;
        Some(format!("{file}:{}: {}", notice.place.line, notice.what))
    };
    let said: Vec<String> = cluster.notices.iter().filter_map(placed).collect();
    said.iter().take(MOST_NOTICES).for_each(|notice| say(notice));
    if let Some(more @ 1..) = said.len().checked_sub(MOST_NOTICES) {
        say(&format!("{more} more like these: `sundew scan --limit 0` lists them"));
    }
}

pub(crate) fn run(args: &args::Harden) -> Result<Exit> {
    match &args.command {
        HardenCommand::Tokens(args) => tokens::run(args),
        HardenCommand::Automount(args) => automount::run(args),
        HardenCommand::Rbac(args) => rbac::run(args),
        HardenCommand::Cluster(args) => cluster::run(args),
    }
}
