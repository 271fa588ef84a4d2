//! Bait: personas, planting, drills, and taking decoys away.

mod away;
mod cluster;
mod drill;
mod outside;
mod page;
mod personas;
mod plant;
mod probe;
mod standing;

use std::{
    fs,
    io::{self, BufRead, IsTerminal, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use serde::Serialize;
use sundew_decoy::{
    Decoy, Inventory,
    persona::{self, Persona},
    yaml,
};
use sundew_sensor::Config;
use tokio::runtime::Runtime;

pub(crate) use self::{
    away::{remove, retire},
    drill::run as drill,
    personas::run as personas,
    plant::run as plant,
    standing::{Asked, Decoys, decoys, search},
};
use crate::{args, decoys as inventories, extra, gather, logging, page::print_json, table::cell};

/// The configuration that is taken where none is named and this one is there.
const CONFIG: &str = "sundew.yaml";
/// The inventory that is taken where nothing names one.
const INVENTORY: &str = "inventory.yaml";

/// Where decoys are written down, and under which name of the cluster.
#[derive(Debug)]
struct Books {
    /// The configuration, and where it was found.
    config: Option<(PathBuf, Config)>,
    inventory: PathBuf,
    cluster: String,
}

impl Books {
    fn open(args: &args::Books) -> Result<Self> {
        let config = match &args.config {
            Some(path) => Some((path.clone(), Config::load(path)?)),
            None if Path::new(CONFIG).exists() => Some((CONFIG.into(), Config::load(Path::new(CONFIG))?)),
            None => None,
        };
        let of_config = config.as_ref().and_then(|(_, config)| config.inventory.clone());
        let inventory = args.inventory.clone().or(of_config).unwrap_or_else(|| INVENTORY.into());
        let cluster = match (&args.cluster, &config) {
            (Some(name), _) => name.clone(),
            (None, Some((_, config))) => config.cluster.clone(),
            // As a configuration that names none calls it.
            (None, None) if !inventory.exists() => "default".into(),
            (None, None) => inventories::read(&inventory)?.cluster,
        };
        Ok(Self { config, inventory, cluster })
    }

    /// The sensor's store; none where no sensor is configured.
    fn store(&self) -> Option<&Path> {
        self.config.as_ref().map(|(_, config)| &*config.store)
    }

    /// The inventory, which must be there.
    fn read(&self) -> Result<Inventory> {
        if !self.inventory.exists() {
            bail!(
                "there is no inventory {}: no decoy is known; `sundew plant` makes one, --inventory FILE names another, \
                 and `sundew status --search` finds decoys whose inventory was lost",
                self.inventory.display()
            );
        }
        inventories::read(&self.inventory)
    }

    /// The arguments that name the same books again, for a command to be pasted.
    fn as_arguments(&self) -> String {
        let mut said = String::new();
        let config = self.config.as_ref();
        if let Some((path, _)) = config.filter(|(path, _)| path != Path::new(CONFIG)) {
            said.push_str(&format!(" -c {}", path.display()));
        }
        let known = config.and_then(|(_, config)| config.inventory.clone());
        if known.unwrap_or_else(|| INVENTORY.into()) != self.inventory {
            said.push_str(&format!(" --inventory {}", self.inventory.display()));
        }
        said
    }
}

/// The decoys of `cluster` with these names; all where `all` is said.
fn chosen<'i>(
    inventory: &'i Inventory,
    cluster: &str,
    names: &[String],
    all: bool,
) -> Result<Vec<&'i Decoy>> {
    let here: Vec<&Decoy> =
        inventory.decoys.iter().filter(|decoy| inventory.cluster_of(decoy) == cluster).collect();
    if all {
        return Ok(here);
    }
    let mut chosen: Vec<&Decoy> = Vec::new();
    for name in names {
        let Some(decoy) = here.iter().find(|decoy| decoy.name() == *name) else {
            let known: Vec<String> = here.iter().map(|decoy| decoy.name()).collect();
            let has = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let meant = yaml::nearest(name, known.iter().map(String::as_str));
            let meant = meant.map_or(String::new(), |name| format!("; did you mean `{name}`?"));
            bail!("the inventory has no decoy `{name}` in cluster `{cluster}`; it has {has}{meant}");
        };
        if !chosen.contains(decoy) {
            chosen.push(decoy);
        }
    }
    Ok(chosen)
}

/// The built-in personas and those of the user.
fn known_personas(paths: &[PathBuf]) -> Result<Vec<Persona>> {
    let mut all: Vec<Persona> = persona::built_in().to_vec();
    let mut own: Vec<(String, PathBuf)> = Vec::new();
    for path in extra::files(paths, "personas")? {
        let read = Persona::read(&extra::text(&path)?).with_context(|| path.display().to_string())?;
        if let Some((_, other)) = own.iter().find(|(id, _)| *id == read.id) {
            bail!("{} and {} both have the id `{}`; rename one", other.display(), path.display(), read.id);
        }
        own.push((read.id.clone(), path));
        match all.iter_mut().find(|known| known.id == read.id) {
            Some(known) => *known = read,
            None => all.push(read),
        }
    }
    Ok(all)
}

/// The persona with this id.
fn persona_of<'p>(all: &'p [Persona], id: &str) -> Result<&'p Persona> {
    if let Some(found) = all.iter().find(|persona| persona.id == id) {
        return Ok(found);
    }
    let meant = yaml::nearest(id, all.iter().map(|persona| &*persona.id));
    let meant = meant.map_or(String::new(), |id| format!(" (did you mean `{id}`?)"));
    bail!("there is no persona `{id}`{meant}; `sundew personas` lists them")
}

fn runtime() -> Result<Runtime> {
    logging::start("warn");
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")
}

/// Refuses to begin what will have to be asked where nobody can answer.
fn can_answer(yes: bool) -> Result<()> {
    if yes || io::stdin().is_terminal() {
        return Ok(());
    }
    bail!(
        "this would ask before anything is done, and standard input is no terminal; give --yes to go on without being asked"
    )
}

/// Asks on standard error; yes where the arguments said it already.
fn confirm(question: &str, yes: bool) -> Result<bool> {
    if yes {
        return Ok(true);
    }
    can_answer(yes)?;
    let mut stderr = io::stderr();
    write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush()).context("cannot ask")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// What is being done, on a terminal's standard error.
struct Doing {
    bar: Option<ProgressBar>,
}

impl Doing {
    fn new() -> Self {
        Self { bar: gather::progress(None) }
    }

    fn now(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(cell(what, 200));
        }
    }

    /// For what is printed meanwhile.
    fn done(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.println(format!("  {}", cell(what, 400)));
        }
    }
}

impl Drop for Doing {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Writes a new file that only its owner may read.
fn write_secret(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let cannot = || format!("cannot write {}", path.display());
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).with_context(cannot)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(cannot)
}

/// A text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// As a YAML document.
fn yaml_text(value: &impl Serialize) -> Result<String> {
    let options = serde_saphyr::ser_options! { folded_wrap_chars: 1 << 20 };
    let text = serde_saphyr::to_string_with_options(value, options).context("cannot write this as YAML")?;
    Ok(if text.ends_with('\n') { text } else { format!("{text}\n") })
}
