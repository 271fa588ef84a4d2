//! `sundew status` and `sundew redeliver`: the decoys, what the store holds, and messages that were given up.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use anyhow::{Context, Error, Result, bail};
use serde_json::json;
use sundew_sensor::{Config, config::SourceConfig};
use sundew_store::{OutboxSummary, RejectCount, Revive, Store, StoredIncident, Suppressed};

use crate::{
    args::{self, StatusFormat},
    bait::{self, Decoys},
    config,
    exit::Exit,
    page::Page,
    table::{cell, count, counted},
};

/// How many of each list are shown.
const SHOWN: usize = 20;
/// How much of a title or an error is shown, in characters.
const TITLE: usize = 100;

pub(crate) fn show(args: &args::Status) -> Result<Exit> {
    if args.search.search {
        return bait::search(args);
    }
    if args.output == StatusFormat::Yaml {
        bail!("--output yaml prints an inventory, with --search; leave it out, or use --output json");
    }
    let config = config::load(&args.config)?;
    let store = open(&config.store)?;
    let decoys = bait::decoys(&args.into(), Some(&config))?;
    if args.output == StatusFormat::Json {
        let mut said = json!({"decoys": decoys.as_ref().map(Decoys::as_json), "store": config.store});
        if let Some(store) = &store {
            let held = held(store, &config)?;
            said.as_object_mut().into_iter().for_each(|said| said.extend(held.clone()));
        }
        writeln!(io::stdout().lock(), "{said:#}")?;
        return Ok(Exit::Clean);
    }
    let mut page = Page::new(None);
    match decoys {
        Some(decoys) => decoys.show(&mut page),
        None => no_inventory(&mut page, &config),
    }
    match store {
        Some(store) => Shown { store: &store, config: &config, page: &mut page }.all()?,
        None => {
            page.gap();
            page.line(&format!(
                "There is no store {} yet: `sundew watch` has not run.",
                config.store.display()
            ));
        }
    }
    page.finish(None)?;
    Ok(Exit::Clean)
}

/// The store; none where no sensor has made it yet.
pub(crate) fn open(path: &Path) -> Result<Option<Store>> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let why = format!(
                "the store {} cannot be read; run this as the user that the sensor runs as",
                path.display()
            );
            return Err(Error::new(error).context(why));
        }
        Ok(_) => {}
    }
    Ok(Some(Store::open_reading(path)?))
}

fn no_inventory(page: &mut Page, config: &Config) {
    page.heading("DECOYS", "");
    let said = match &config.inventory {
        Some(file) => format!(
            "there is no inventory {}: `sundew plant` writes it; one that was lost is found again with `sundew status --search`",
            file.display()
        ),
        None => "the configuration names no inventory".to_owned(),
    };
    page.indented(2, &said);
}

/// What the store holds, as JSON.
fn held(store: &Store, config: &Config) -> Result<serde_json::Map<String, serde_json::Value>> {
    let mut positions = serde_json::Map::new();
    for source in &config.sources {
        let position = store.position(config.cluster_of(source), source.name())?;
        positions.insert(source.name().into(), position.unwrap_or_default());
    }
    let incidents: Vec<_> = store
        .recent_incidents(SHOWN)?
        .into_iter()
        .map(|i| json!({"open": !i.closed, "incident": i.incident}))
        .collect();
    let sinks: Vec<_> = store
        .outbox_summary()?
        .into_iter()
        .map(|s| json!({"sink": s.sink, "waiting": s.waiting, "dead": s.dead, "oldestWaiting": s.oldest_waiting, "lastError": s.last_error}))
        .collect();
    let dead: Vec<_> = store
        .dead_letters(SHOWN)?
        .into_iter()
        .map(|d| json!({"number": d.id, "sink": d.sink, "incident": d.incident_id, "revision": d.revision, "attempts": d.attempts, "error": d.error}))
        .collect();
    let suppressed: Vec<_> = store
        .suppressions()?
        .into_iter()
        .map(|s| json!({"reason": s.reason, "cluster": s.cluster, "decoy": s.decoy, "actor": s.actor, "peer": s.peer, "count": s.count, "first": s.first, "last": s.last}))
        .collect();
    let rejects: Vec<_> = store
        .reject_counts()?
        .into_iter()
        .map(|r| json!({"source": r.source, "cluster": r.cluster, "reason": r.reason, "count": r.count, "bytes": r.bytes}))
        .collect();
    let said = [
        ("positions", serde_json::Value::Object(positions)),
        ("incidents", incidents.into()),
        ("sinks", sinks.into()),
        ("deadLetters", dead.into()),
        ("suppressed", suppressed.into()),
        ("rejects", rejects.into()),
    ];
    Ok(said.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// The store on a page.
struct Shown<'s> {
    store: &'s Store,
    config: &'s Config,
    page: &'s mut Page,
}

impl Shown<'_> {
    fn all(mut self) -> Result<()> {
        self.sources()?;
        self.incidents()?;
        self.sinks()?;
        self.suppressed()?;
        self.rejects()
    }

    fn list(&mut self, title: &str, rest: &str, headers: &[&str], rows: &[Vec<String>]) {
        self.page.heading(title, rest);
        match rows {
            [] => self.page.indented(2, "none"),
            rows => self.page.columns(headers, rows),
        }
    }

    fn sources(&mut self) -> Result<()> {
        let mut rows = Vec::new();
        for source in &self.config.sources {
            let cluster = self.config.cluster_of(source);
            let position = self.store.position(cluster, source.name())?;
            rows.push(vec![source.name().to_owned(), cluster.to_owned(), came_to(source, position.as_ref())]);
        }
        self.list("SOURCES", "", &["SOURCE", "CLUSTER", "HAS COME TO"], &rows);
        Ok(())
    }

    fn incidents(&mut self) -> Result<()> {
        let recent = self.store.recent_incidents(SHOWN)?;
        let row = |stored: StoredIncident| {
            let i = stored.incident;
            let drill = if i.drill { "drill: " } else { "" };
            vec![
                i.last_seen.strftime("%Y-%m-%d %H:%M:%S").to_string(),
                i.severity.to_string(),
                if stored.closed { "closed" } else { "open" }.to_owned(),
                i.id,
                counted(i.findings, "finding"),
                format!("{drill}{}", cell(&i.title, TITLE)),
            ]
        };
        let rows: Vec<_> = recent.into_iter().map(row).collect();
        let headers = ["LATEST", "SEVERITY", "STATE", "INCIDENT", "FINDINGS", "WHAT"];
        self.list("INCIDENTS", ", latest first", &headers, &rows);
        Ok(())
    }

    fn sinks(&mut self) -> Result<()> {
        let summary = self.store.outbox_summary()?;
        let row = |s: OutboxSummary| {
            let error = s.last_error.map_or_else(|| "-".to_owned(), |error| cell(&error, TITLE));
            vec![s.sink, count(s.waiting), count(s.dead), error]
        };
        let rows: Vec<_> = summary.into_iter().map(row).collect();
        self.list("SINKS", "", &["SINK", "WAITING", "GIVEN UP", "LAST ERROR"], &rows);
        for d in self.store.dead_letters(SHOWN)? {
            let (id, sink, incident, revision) = (d.id, d.sink, d.incident_id, d.revision);
            let (attempts, error) = (d.attempts, cell(&d.error, TITLE));
            self.page.indented(
                2,
                &format!("given up: number {id} for {sink}: {incident} revision {revision}, {attempts} attempts: {error}"),
            );
        }
        Ok(())
    }

    fn suppressed(&mut self) -> Result<()> {
        let text = |text: &Option<String>| cell(text.as_deref().unwrap_or("-"), 60);
        let row =
            |s: Suppressed| vec![count(s.count), s.reason, text(&s.decoy), text(&s.actor), text(&s.peer)];
        let rows: Vec<_> = self.store.suppressions()?.into_iter().map(row).collect();
        let headers = ["TIMES", "WHY", "DECOY OR RULE", "BY", "FROM"];
        self.list(
            "NOT TOLD",
            ", because it is somebody's duty, excepted, or was told too often",
            &headers,
            &rows,
        );
        Ok(())
    }

    fn rejects(&mut self) -> Result<()> {
        let row = |r: RejectCount| vec![count(r.count), r.reason, r.source];
        let rows: Vec<_> = self.store.reject_counts()?.into_iter().map(row).collect();
        self.list("INPUT THAT IS NO EVENT", "", &["TIMES", "REASON", "SOURCE"], &rows);
        Ok(())
    }
}

/// How far a source has been read, in words.
pub(crate) fn came_to(source: &SourceConfig, position: Option<&serde_json::Value>) -> String {
    let offset = position.and_then(|p| p.get("offset")).and_then(serde_json::Value::as_u64);
    match (source, offset) {
        (_, Some(offset)) => format!("byte {}", count(offset)),
        (SourceConfig::File(_), None) => "nothing read yet".to_owned(),
        (SourceConfig::Cluster(_), None) => {
            "watches the decoys' Secrets and who has which address".to_owned()
        }
        (SourceConfig::Webhook(_) | SourceConfig::Stdin(_), None) => "keeps no position".to_owned(),
    }
}

pub(crate) fn redeliver(args: &args::Redeliver) -> Result<Exit> {
    let config = config::load(&args.config)?;
    let mut store = Store::open_beside(&config.store).with_context(|| {
        format!("the store of {} cannot be opened; has `sundew watch` run?", args.config.display())
    })?;
    let which = args.id.map_or(Revive::All, Revive::One);
    let revived = store.revive(which, jiff::Timestamp::now())?;
    if let (Some(number), 0) = (args.id, revived) {
        bail!(
            "no message that was given up has the number {number}; `sundew status` lists them with their numbers"
        );
    }
    let messages = counted(revived as u64, "message");
    writeln!(
        io::stdout().lock(),
        "{messages} will be sent within half a minute, or when the sensor runs again"
    )?;
    Ok(Exit::Clean)
}
