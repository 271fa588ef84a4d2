//! `sundew check`: reads an inventory or a configuration and says whether it would do.

use std::io::{self, Write};

use anyhow::{Result, bail};
use sundew_decoy::Inventory;
use sundew_sensor::{Config, Posture, config::rulebook};

use crate::{args, decoys, exit::Exit, gather::say, table::counted};

pub(crate) fn run(args: &args::Check) -> Result<Exit> {
    if args.inventory.is_none() && args.config.is_none() {
        bail!("nothing to check; give --inventory FILE, --config FILE or both");
    }
    let mut out = io::stdout().lock();
    if let Some(path) = &args.inventory {
        let inventory = decoys::read(path)?;
        writeln!(out, "{}: {}", path.display(), describe(&inventory))?;
    }
    if let Some(path) = &args.config {
        let config = Config::load(path)?;
        let env = |name: &str| std::env::var(name).ok();
        for sink in &config.sinks {
            sundew_notify::build(sink, &env)?;
        }
        let sources = counted(config.sources.len() as u64, "source");
        let sinks = counted(config.sinks.len() as u64, "sink");
        writeln!(out, "{}: {sources}, {sinks}", path.display())?;
        if let (Some(path), Some(posture)) = (&config.posture, Posture::of(&config)?) {
            let (path, time) = (path.display(), posture.time().strftime("%F %H:%M UTC"));
            writeln!(out, "{path}: scan of {time}, cluster {}", config.posture_cluster())?;
        }
        if let Some(path) = &config.inventory {
            let inventory = decoys::read(path)?;
            writeln!(out, "{}: {}", path.display(), describe(&inventory))?;
        }
        return rules(&config, &mut out);
    }
    Ok(Exit::Clean)
}

/// Says which rules would be used, and what is wrong with the others.
fn rules(config: &Config, out: &mut impl Write) -> Result<Exit> {
    let (book, errors) = rulebook(config);
    let used = book.set.rules().len() as u64;
    let exceptions = counted(config.rules.exceptions.len() as u64, "exception");
    writeln!(out, "rules: {}, {} off, {exceptions}", counted(used, "rule"), config.rules.off.len())?;
    for note in &book.notes {
        writeln!(out, "rules: {note}")?;
    }
    errors.iter().for_each(|error| say(&error.to_string()));
    Ok(if errors.is_empty() { Exit::Clean } else { Exit::Failed })
}

fn describe(inventory: &Inventory) -> String {
    let placements: usize = inventory.decoys.iter().map(|d| d.placements.len()).sum();
    let counts = [
        (inventory.decoys.len(), "decoy"),
        (placements, "placement"),
        (inventory.namespaces.len(), "bait namespace"),
    ];
    let [decoys, placements, bait] = counts.map(|(n, what)| counted(n as u64, what));
    let clusters: Vec<&str> = inventory.clusters().into_iter().collect();
    format!("{decoys} with {placements}, {bait}, cluster {}", clusters.join(", "))
}
