//! `sundew status` and `sundew redeliver`: the decoys, what the store holds, and messages that were given up.

use std::io::{self, Write};

use anyhow::{Context, Result, bail};
use serde_json::json;
use sundew_sensor::Config;
use sundew_store::{Revive, Store};

use crate::{
    args::{self, StatusFormat},
    bait::{self, Decoys},
    exit::Exit,
    page::Page,
    table::{self, cell, count, counted},
};

/// How many of each list are shown.
const SHOWN: usize = 20;

pub(crate) fn show(args: &args::Status) -> Result<Exit> {
    if args.search.search {
        return bait::search(args);
    }
    if args.output == StatusFormat::Yaml {
        bail!("--output yaml prints an inventory, with --search; leave it out, or use --output json");
    }
    let config = Config::load(&args.config)?;
    let store = Store::open_reading(&config.store).with_context(|| {
        format!("the store of {} cannot be read; has `sundew watch` run?", args.config.display())
    })?;
    let decoys = bait::decoys(args, &config)?;
    if args.output == StatusFormat::Json {
        let said = as_json(&store, &config, decoys.as_ref())?;
        writeln!(io::stdout().lock(), "{said:#}")?;
        return Ok(Exit::Clean);
    }
    if let Some(decoys) = decoys {
        let mut page = Page::new(None);
        decoys.show(&mut page);
        page.line("");
        page.finish(None)?;
    }
    as_table(&store, &config, &mut io::stdout().lock())?;
    Ok(Exit::Clean)
}

fn as_json(store: &Store, config: &Config, decoys: Option<&Decoys>) -> Result<serde_json::Value> {
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
    Ok(
        json!({"decoys": decoys.map(Decoys::as_json), "store": config.store, "positions": positions, "incidents": incidents, "sinks": sinks,
        "deadLetters": dead, "suppressed": suppressed, "rejects": rejects}),
    )
}

fn as_table(store: &Store, config: &Config, out: &mut impl Write) -> Result<()> {
    let colour = table::colour();
    writeln!(out, "SOURCES")?;
    for source in &config.sources {
        let position = store.position(config.cluster_of(source), source.name())?;
        let offset = position.as_ref().and_then(|p| p.get("offset")).and_then(serde_json::Value::as_u64);
        let read = offset.map_or("nothing read yet, or keeps no position".into(), |o| {
            format!("read to byte {}", count(o))
        });
        writeln!(out, "  {:<20} {:<16} {read}", source.name(), config.cluster_of(source))?;
    }
    writeln!(out, "\nINCIDENTS, latest first")?;
    for stored in store.recent_incidents(SHOWN)? {
        let i = stored.incident;
        let state = if stored.closed { "closed" } else { "open" };
        let drill = if i.drill { "drill: " } else { "" };
        writeln!(
            out,
            "  {}  {}  {:<6}  {:<20}  {}  {drill}{}",
            i.last_seen.strftime("%Y-%m-%d %H:%M:%S"),
            table::severity(i.severity, colour),
            state,
            i.id,
            counted(i.findings, "finding"),
            cell(&i.title, 80)
        )?;
    }
    writeln!(out, "\nSINKS")?;
    for s in store.outbox_summary()? {
        let error = s.last_error.map(|e| format!("; last error: {}", cell(&e, 100))).unwrap_or_default();
        writeln!(out, "  {:<20} {} waiting, {} given up{error}", s.sink, count(s.waiting), count(s.dead))?;
    }
    for d in store.dead_letters(SHOWN)? {
        writeln!(
            out,
            "  given up: number {} for {}: {} revision {}, {} attempts: {}",
            d.id,
            d.sink,
            d.incident_id,
            d.revision,
            d.attempts,
            cell(&d.error, 100)
        )?;
    }
    writeln!(out, "\nNOT TOLD, because it is somebody's duty")?;
    for s in store.suppressions()? {
        let text = |t: &Option<String>| cell(t.as_deref().unwrap_or("-"), 60);
        writeln!(
            out,
            "  {:>8}  {:<19} {} by {} from {}",
            count(s.count),
            s.reason,
            text(&s.decoy),
            text(&s.actor),
            text(&s.peer)
        )?;
    }
    writeln!(out, "\nINPUT THAT IS NO EVENT")?;
    for r in store.reject_counts()? {
        writeln!(out, "  {:>8}  {:<14} {}", count(r.count), r.reason, r.source)?;
    }
    Ok(())
}

pub(crate) fn redeliver(args: &args::Redeliver) -> Result<Exit> {
    let config = Config::load(&args.config)?;
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
