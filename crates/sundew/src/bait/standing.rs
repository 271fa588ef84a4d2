//! How decoys stand, for `sundew status`; and the search for those whose inventory was lost.

use std::path::PathBuf;

use anyhow::{Result, bail};
use jiff::Timestamp;
use serde_json::{Value, json};
use sundew_bait::{
    search::{self as lost, Candidate, Remembered},
    standing::{Standing, standings},
};
use sundew_decoy::{Decoy, Inventory, State};
use sundew_sensor::{Config, config::SourceConfig};

use super::{CONFIG, Doing, cluster, known_personas, print_json, runtime, yaml_text};
use crate::{
    args::{self, Reach, StatusFormat},
    decoys as inventories, exit,
    exit::Exit,
    gather::say,
    page::{self, Page},
    table::counted,
};

/// The decoys of one cluster as they stand.
pub(crate) struct Decoys {
    cluster: String,
    pub(crate) standings: Vec<Standing>,
    /// Whether the cluster itself was looked at.
    pub(crate) asked: bool,
}

/// Which decoys are looked at, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// The inventory; else the configuration's.
    pub(crate) inventory: Option<PathBuf>,
    /// The cluster; else the configuration's.
    pub(crate) cluster: Option<String>,
    /// The way to the cluster, where it is to be asked; else that of the sensor, where it asks it too.
    pub(crate) reach: Option<Reach>,
}

impl From<&args::Status> for Asked {
    fn from(args: &args::Status) -> Self {
        Self {
            inventory: args.inventory.clone(),
            cluster: args.cluster.clone(),
            reach: args.asks().then(|| args.reach.clone()),
        }
    }
}

/// Looks at the decoys of the inventory; none where nothing names one.
pub(crate) fn decoys(args: &Asked, config: Option<&Config>) -> Result<Option<Decoys>> {
    let of_config = config.and_then(|config| config.inventory.as_ref());
    let Some(path) = args.inventory.as_ref().or(of_config) else { return Ok(None) };
    if !path.exists() && args.inventory.is_none() {
        return Ok(None);
    }
    let inventory = inventories::read(path)?;
    let called = args.cluster.clone().or_else(|| config.map(|config| config.cluster.clone()));
    let cluster = called.unwrap_or_else(|| inventory.cluster.clone());
    let doing = Doing::new();
    doing.now("looking at the decoys");
    let (standings, asked) = runtime()?.block_on(Box::pin(look(args, config, &inventory, &cluster)))?;
    Ok(Some(Decoys { cluster, standings, asked }))
}

async fn look(
    args: &Asked,
    config: Option<&Config>,
    inventory: &Inventory,
    cluster: &str,
) -> Result<(Vec<Standing>, bool)> {
    let connection = match reach(args, config, cluster) {
        // What the store knows is worth telling without it.
        Some(reach) => cluster::connect(&reach).await.inspect_err(|error| say(&exit::sentence(error))).ok(),
        None => None,
    };
    let standings =
        standings(connection.as_ref(), inventory, cluster, config.map(|config| &*config.store)).await?;
    Ok((standings, connection.is_some()))
}

/// The way to the cluster, where the arguments say that it may be asked, or where the sensor asks it too.
fn reach(args: &Asked, config: Option<&Config>, cluster: &str) -> Option<Reach> {
    if let Some(reach) = &args.reach {
        return Some(reach.clone());
    }
    let config = config?;
    config.sources.iter().find_map(|source| match source {
        SourceConfig::Cluster(asked) if config.cluster_of(source) == cluster => {
            Some(Reach { kubeconfig: asked.kubeconfig.clone(), context: asked.context.clone() })
        }
        _ => None,
    })
}

impl Decoys {
    pub(crate) fn as_json(&self) -> Value {
        json!({"cluster": self.cluster, "clusterAsked": self.asked, "standings": self.standings})
    }

    pub(crate) fn show(&self, page: &mut Page) {
        let how = if self.asked {
            String::new()
        } else {
            ", by the inventory and the store alone: the cluster was not asked (--here asks it)".to_owned()
        };
        page.heading("DECOYS", &format!(" of cluster {}{how}", self.cluster));
        if self.standings.is_empty() {
            page.indented(2, "none; `sundew plant` makes one");
            return;
        }
        let rows: Vec<Vec<String>> = self.standings.iter().map(|one| row(one, self.asked)).collect();
        let headers =
            ["DECOY", "PERSONA", "STATE", "AGE", "OBJECTS", "LAST USED", "LAST TOUCHED", "LAST DRILL"];
        page.columns(&headers, &rows);
        for one in &self.standings {
            each(page, &one.decoy, "is missing", &one.missing);
            each(page, &one.decoy, "was changed", &one.drifted);
            if self.asked {
                each(page, &one.decoy, "could not be looked at", &one.unread);
            }
        }
    }
}

fn each(page: &mut Page, decoy: &str, what: &str, all: &[String]) {
    all.iter().for_each(|one| page.warning(&format!("{decoy}: {what}: {one}")));
}

fn row(one: &Standing, asked: bool) -> Vec<String> {
    let none = || "-".to_owned();
    let minute = |time: &Timestamp| time.strftime("%F %H:%M").to_string();
    let objects = if asked { objects(one) } else { none() };
    vec![
        one.decoy.clone(),
        one.persona.clone().unwrap_or_else(none),
        one.state.map_or("by hand", State::as_str).to_owned(),
        one.planted.map_or_else(none, age),
        objects,
        one.last_used.as_ref().map_or_else(none, |used| format!("{} ({})", used.day, used.placement)),
        one.touched
            .as_ref()
            .map_or_else(none, |touch| format!("{} ({})", minute(&touch.time), touch.incident)),
        one.last_drill.as_ref().map_or_else(none, minute),
    ]
}

fn objects(one: &Standing) -> String {
    let parts = [
        (one.intact, "intact"),
        (one.missing.len(), "missing"),
        (one.drifted.len(), "changed"),
        (one.unread.len(), "not read"),
    ];
    let said: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if said.is_empty() { "-".to_owned() } else { said.join(", ") }
}

pub(super) fn age(since: Timestamp) -> String {
    let minutes = Timestamp::now().duration_since(since).as_mins().max(0);
    match minutes {
        0..120 => format!("{minutes} min"),
        120..2880 => format!("{} h", minutes / 60),
        _ => format!("{} d", minutes / 1440),
    }
}

/// `sundew status --search`: accounts that could be decoys whose inventory was lost.
pub(crate) fn search(args: &args::Status) -> Result<Exit> {
    let personas = known_personas(&args.search.personas)?;
    let name = cluster_name(args)?;
    let remembered = Remembered {
        namespace: args.search.namespace.clone(),
        account: args.search.account.clone(),
        after: args.search.planted_after,
        before: args.search.planted_before,
    };
    let runtime = runtime()?;
    let looked = runtime.block_on(Box::pin(async {
        let connection = cluster::connect(&args.reach).await?;
        cluster::look(&connection, &name).await
    }))?;
    for absent in looked.cluster.absent.iter().filter(|absent| &*absent.resource == "secrets") {
        say(&format!("Secrets could not all be read, so decoys may be missing: {}", absent.reason));
    }
    let found = lost::search(&looked.cluster, &personas, &remembered);
    match args.output {
        StatusFormat::Table => table(&found)?,
        StatusFormat::Json => print_json(&inventory(&name, &found)?)?,
        StatusFormat::Yaml => page::deliver(yaml_text(&inventory(&name, &found)?)?.as_bytes(), None)?,
    }
    Ok(Exit::Clean)
}

/// As the configuration calls the cluster, where there is one: with a lost inventory it may be lost too.
fn cluster_name(args: &args::Status) -> Result<String> {
    if let Some(name) = &args.cluster {
        return Ok(name.clone());
    }
    if *args.config == *CONFIG && !args.config.exists() {
        return Ok("default".into());
    }
    Ok(Config::load(&args.config)?.cluster)
}

fn inventory(cluster: &str, found: &[Candidate]) -> Result<Inventory> {
    let decoys: Vec<Decoy> = found.iter().map(|candidate| candidate.decoy.clone()).collect();
    if decoys.is_empty() {
        bail!(
            "nothing in the cluster looks like a decoy that you remember so; leave out what you are not sure of"
        );
    }
    Ok(Inventory::of(cluster, decoys, Vec::new())?)
}

fn table(found: &[Candidate]) -> Result<()> {
    let mut page = Page::new(None);
    if found.is_empty() {
        page.line("Nothing in the cluster looks like a decoy that you remember so. Leave out what you are not sure of.");
        return page.finish(None);
    }
    let row = |candidate: &Candidate| {
        let decoy = &candidate.decoy;
        let secrets = decoy.placements.iter().filter_map(|placement| placement.secret.clone());
        let secrets = secrets.collect::<Vec<_>>().join(", ");
        vec![decoy.name(), decoy.persona.clone().unwrap_or_default(), secrets, candidate.because.join("; ")]
    };
    page.columns(&["ACCOUNT", "LIKE", "SECRETS", "BECAUSE"], &found.iter().map(row).collect::<Vec<_>>());
    page.gap();
    let many = counted(found.len() as u64, "account");
    page.line(&format!(
        "{many} could be a decoy. Take from `--output yaml` those that are, and keep them as your inventory."
    ));
    page.finish(None)
}
