//! `sundew drill`: uses decoys for real, and says how long it took until people were told.

use anyhow::{Result, bail};
use serde_json::json;
use sundew_bait::{
    announce,
    drill::{Drill, Use},
};

use super::{Books, Doing, cluster, print_json, runtime};
use crate::{
    args::{self, Client, Output},
    exit::Exit,
    page::Page,
    table::counted,
};

pub(crate) fn run(args: &args::Drill) -> Result<Exit> {
    let books = Books::open(&args.books)?;
    if books.config.is_none() {
        bail!(
            "a drill waits for the alert in the sensor's store and at its sinks, and no configuration names them; write \
             sundew.yaml (docs/watch.md shows the smallest), or name it with -c FILE"
        );
    }
    runtime()?.block_on(Box::pin(drill(args, &books)))
}

async fn drill(args: &args::Drill, books: &Books) -> Result<Exit> {
    let inventory = books.read()?;
    let Some((path, config)) = &books.config else { return Ok(Exit::Clean) };
    if !config.store.exists() {
        bail!(
            "there is no store {} yet: start `sundew watch -c {}` first, then drill",
            config.store.display(),
            path.display()
        );
    }
    let connection = cluster::connect(&args.reach).await?;
    let drill = Drill {
        connection: &connection,
        cluster: &books.cluster,
        inventory: &inventory,
        store: &config.store,
        decoys: args.decoys.clone(),
        placements: args.placement.clone(),
        clients: clients(&args.client),
        sinks: config.sinks.iter().map(|sink| sink.name().to_owned()).collect(),
        patience: args.patience,
    };
    let sinks = drill.sinks.clone();
    let doing = Doing::new();
    doing.now("using decoys, and waiting for the alerts");
    let mut progress = |used: &Use| doing.done(&line(used));
    let uses = drill.run(&mut progress).await?;
    drop(doing);
    let failed = uses.iter().filter(|used| used.problem.is_some()).count();
    let done = uses.iter().filter(|used| used.problem.is_none() && used.skipped.is_none()).count();
    if args.output == Output::Json {
        print_json(&json!({"uses": uses, "arrived": done, "failed": failed}))?;
    } else {
        table(&uses, &sinks, done, failed)?;
    }
    Ok(if failed > 0 || done == 0 { Exit::Found } else { Exit::Clean })
}

/// Each once, in the order given.
fn clients(asked: &[Client]) -> Vec<announce::Client> {
    let mut clients = Vec::new();
    for client in asked {
        let client = match client {
            Client::Kubectl => announce::Client::Kubectl,
            Client::Curl => announce::Client::Curl,
            Client::Python => announce::Client::Python,
        };
        if !clients.contains(&client) {
            clients.push(client);
        }
    }
    clients
}

fn line(used: &Use) -> String {
    let what = match (&used.problem, &used.skipped) {
        (Some(problem), _) => problem.clone(),
        (None, Some(why)) => format!("not used: {why}"),
        (None, None) => "the alert arrived".to_owned(),
    };
    format!("{} {} {}: {what}", used.decoy, used.placement, used.client)
}

fn table(uses: &[Use], sinks: &[String], done: usize, failed: usize) -> Result<()> {
    let mut page = Page::new(None);
    let mut headers = vec!["DECOY", "PLACEMENT", "CLIENT", "STATUS", "ANSWERED", "FOUND"];
    headers.extend(sinks.iter().map(String::as_str));
    headers.push("INCIDENT");
    let row = |used: &Use| {
        let seconds = |at: Option<f64>| at.map_or_else(|| "-".to_owned(), |at| format!("{at:.2} s"));
        let status = if used.status == 0 { "-".to_owned() } else { used.status.to_string() };
        let mut row = vec![used.decoy.clone(), used.placement.clone(), used.client.to_owned(), status];
        row.push(seconds(used.seconds.answered));
        row.push(seconds(used.seconds.found));
        let at = |sink: &String| used.seconds.delivered.get(sink).copied().flatten();
        row.extend(sinks.iter().map(|sink| seconds(at(sink))));
        row.push(used.incident.clone().unwrap_or_else(|| "-".to_owned()));
        row
    };
    page.columns(&headers, &uses.iter().map(row).collect::<Vec<_>>());
    let troubled: Vec<&Use> =
        uses.iter().filter(|used| used.problem.is_some() || used.skipped.is_some()).collect();
    if !troubled.is_empty() {
        page.gap();
        troubled.iter().for_each(|used| page.line(&line(used)));
    }
    page.gap();
    let arrived = counted(done as u64, "alert");
    match (done, failed) {
        (0, 0) => page.line("Nothing could be used, so the alarm was not tried."),
        (_, 0) => {
            page.line(&format!("{arrived} arrived, seconds from sending the request; marked as a drill."));
        }
        _ => page.line(&format!("{arrived} arrived, {failed} did not.")),
    }
    page.finish(None)
}
