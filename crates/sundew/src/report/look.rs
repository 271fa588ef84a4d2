//! What a report is made of: the store, the inventory, the cluster, each as far as it can be looked at.

use std::collections::HashSet;

use anyhow::Result;
use jiff::Timestamp;
use sundew_bait::standing::Standing;
use sundew_decoy::State;
use sundew_posture::{
    Settings,
    report::{Object, Report},
    scan,
};
use sundew_report::{Concern, Decoy, Held, Looked, Sensor};
use sundew_sensor::Config;
use sundew_store::Store;

use crate::{
    args::{self, Reach},
    bait::{self, Asked},
    decoys as inventories, exit,
    gather::{gather, say},
    rules::CONFIG,
    scan::settings::baseline,
    status,
};

/// How many incidents are asked of the store.
const INCIDENTS: usize = 200;

/// What was seen of the cluster.
pub(super) struct Seen {
    /// What it is called.
    pub(super) name: String,
    pub(super) posture: Looked<Report>,
    /// How many findings about decoys were left out of it.
    pub(super) spared: usize,
    pub(super) settings: Looked<Vec<Concern>>,
}

fn no_config<T>() -> Looked<T> {
    Looked::Not(format!("there is no {CONFIG} here; name the sensor's configuration with -c FILE"))
}

/// The cluster's posture and settings.
pub(super) fn cluster(args: &args::Report, config: Option<&Config>) -> Result<Seen> {
    let called = config.map_or_else(|| "cluster".to_owned(), |config| config.cluster.clone());
    let saved = args.posture.as_deref().map(baseline).transpose()?;
    let bait = bait(args, config)?;
    let seen = |name: String, posture: Looked<Report>, settings| {
        let (posture, spared) = match posture {
            Looked::At(mut report) => {
                let spared = spare(&mut report, &bait);
                (Looked::At(report), spared)
            }
            Looked::Not(why) => (Looked::Not(why), 0),
        };
        Ok(Seen { name, posture, spared, settings })
    };
    if args.no_cluster {
        let why = || "--no-cluster was given".to_owned();
        let posture =
            saved.map_or_else(|| Looked::Not(format!("{}; give --posture FILE", why())), Looked::At);
        return seen(called, posture, Looked::Not(why()));
    }
    let gathered = match gather(&args.source, !args.no_secrets) {
        Ok(gathered) => gathered,
        // Files that were named and cannot be read are a mistake; a cluster that does not answer is part of the report.
        Err(error) if !args.source.from.is_empty() => return Err(error),
        Err(error) => {
            let why = exit::sentence(&error);
            say(&why);
            let posture = saved.map_or_else(|| Looked::Not(why.clone()), Looked::At);
            return seen(called, posture, Looked::Not(why));
        }
    };
    let name = if gathered.name.is_empty() { called } else { gathered.name.clone() };
    let settings = Settings { name: gathered.name.clone(), ..Settings::new(Timestamp::now()) };
    let report = scan(&gathered.cluster, &settings);
    let settings = Looked::At(super::blind::settings(args, &gathered.cluster, &report)?);
    seen(name, Looked::At(saved.unwrap_or(report)), settings)
}

/// The decoys as they stand.
pub(super) fn decoys(args: &args::Report, config: Option<&Config>) -> Result<Looked<Vec<Decoy>>> {
    let live = !args.no_cluster && args.source.from.is_empty();
    let reach = Reach { kubeconfig: args.source.kubeconfig.clone(), context: args.source.context.clone() };
    let asked = Asked { inventory: args.inventory.clone(), cluster: None, reach: live.then_some(reach) };
    if let Some(decoys) = bait::decoys(&asked, config)? {
        return Ok(Looked::At(decoys.standings.into_iter().map(|one| decoy(one, decoys.asked)).collect()));
    }
    Ok(match config.map(|config| &config.inventory) {
        None => no_config(),
        Some(None) => Looked::Not("the configuration names no inventory".to_owned()),
        // An inventory that is not there yet: nothing was planted.
        Some(Some(_)) => Looked::At(Vec::new()),
    })
}

/// What is bait, so that nobody is told to take it away.
pub(super) fn bait(
    args: &args::Report,
    config: Option<&Config>,
) -> Result<HashSet<(String, String, String)>> {
    let of_config = config.and_then(|config| config.inventory.as_ref()).filter(|path| path.exists());
    let Some(path) = args.inventory.as_ref().or(of_config) else { return Ok(HashSet::new()) };
    let mut bait = HashSet::new();
    for decoy in inventories::read(path)?.decoys {
        let mounted = decoy.placements.iter().filter_map(|placement| placement.mounted_by.clone());
        for (kind, name) in mounted.flat_map(|by| [("Pod", by.pod), ("Deployment", by.workload)]) {
            bait.extend(name.map(|name| (kind.to_owned(), decoy.namespace.clone(), name)));
        }
        for object in decoy.by_names().into_iter().chain(decoy.objects) {
            bait.insert((object.kind, object.namespace.unwrap_or_default(), object.name));
        }
    }
    Ok(bait)
}

/// Takes out of a report what it says of bait: what gives bait its rights is no mistake. Answers how much that was.
fn spare(report: &mut Report, bait: &HashSet<(String, String, String)>) -> usize {
    let is_bait = |object: &Object| {
        bait.contains(&(object.kind.clone(), object.namespace.clone(), object.name.clone()))
    };
    let before = report.findings.len();
    report.findings.retain(|finding| !is_bait(&finding.object));
    report.paths.retain(|path| !is_bait(&path.from));
    report.cuts.retain(|cut| !is_bait(&cut.binding));
    report.summarise();
    before - report.findings.len()
}

fn decoy(one: Standing, asked: bool) -> Decoy {
    let missing = one.missing.into_iter().chain(one.drifted);
    let unread =
        one.unread.into_iter().filter(|_| asked).map(|what| format!("could not be looked at: {what}"));
    Decoy {
        name: one.decoy,
        persona: one.persona.unwrap_or_default(),
        state: one.state.map_or("by hand", State::as_str).to_owned(),
        planted: one.planted,
        wrong: missing.chain(unread).collect(),
        asked,
        touched: one.touched.map(|touch| (touch.incident, touch.time)),
        drilled: one.last_drill,
    }
}

/// What the store holds.
pub(super) fn sensor(config: Option<&Config>) -> Result<Looked<Sensor>> {
    let Some(config) = config else { return Ok(no_config()) };
    let Some(store) = status::open(&config.store)? else {
        return Ok(Looked::Not(format!(
            "there is no store {} yet: `sundew watch` has not run",
            config.store.display()
        )));
    };
    Ok(Looked::At(held(&store, config)?))
}

fn held(store: &Store, config: &Config) -> Result<Sensor> {
    let incidents = store.recent_incidents(INCIDENTS)?;
    let mut sources = Vec::new();
    for source in &config.sources {
        let position = store.position(config.cluster_of(source), source.name())?;
        sources.push((source.name().to_owned(), status::came_to(source, position.as_ref())));
    }
    let summary = store.outbox_summary()?;
    // A sink to which nothing was ever owed is one all the same.
    let sinks = config.sinks.iter().map(|sink| {
        let of = summary.iter().find(|of| of.sink == sink.name());
        (sink.name().to_owned(), of.map_or(0, |of| of.waiting), of.map_or(0, |of| of.dead))
    });
    let mut suppressed: Vec<(String, u64)> = Vec::new();
    for one in store.suppressions()? {
        match suppressed.iter_mut().find(|(reason, _)| *reason == one.reason) {
            Some((_, count)) => *count += one.count,
            None => suppressed.push((one.reason, one.count)),
        }
    }
    Ok(Sensor {
        incidents: incidents.into_iter().map(|i| Held { open: !i.closed, incident: i.incident }).collect(),
        sources,
        sinks: sinks.collect(),
        rejects: store.reject_counts()?.iter().map(|of| of.count).sum(),
        suppressed,
    })
}
