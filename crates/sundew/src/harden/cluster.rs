//! `sundew harden cluster`: what can be seen from outside of the cluster's settings, each with its evidence.

use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sundew_cluster::{ConnectOptions, Connection, HandError, ObjectKey, Reason};
use sundew_harden::settings::{
    self, Answered, Declared, Fact, Heard, Kubelet, Seen, SettingsError, State, apiserver, encryption,
    kubelet, kubelet_config_map, look,
};
use sundew_posture::{Cluster, Settings, model::Version, scan};
use zeroize::Zeroizing;

use super::{seen, write::write};
use crate::{
    args::{self, Output},
    exit::Exit,
    gather::{self, live, logs, say},
    logging,
    page::{self, Page},
    table::counted,
};

/// The most bytes that a file of settings may have.
const MOST: u64 = 4 << 20;
/// How many lines of evidence are shown on a terminal.
const LINES: usize = 10;
/// The client that asks for the kubelets' configuration.
const AGENT: &str = concat!("sundew/", env!("CARGO_PKG_VERSION"));
/// Where kubeadm keeps the kubelets' configuration: namespace, name, key.
const KUBELETS: (&str, &str, &str) = ("kube-system", "kubelet-config", "kubelet");

/// What `--output json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Told<'t> {
    /// The cluster; empty for files.
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'t str,
    /// The API server's version, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    version: Option<Version>,
    /// Whose Kubernetes it is, where anything tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    /// What is bad first, the worst before the rest, then what could not be seen, then what is good.
    facts: &'t [Fact],
}

/// What was asked of a cluster, or read from files.
#[derive(Debug)]
struct Gathered {
    cluster: Cluster,
    name: String,
    damaged: bool,
    answers: Vec<(String, Answered)>,
    kubelet: Option<Result<Kubelet, String>>,
}

pub(super) fn run(args: &args::HardenCluster) -> Result<Exit> {
    // Whatever is wrong in these is said before a large cluster is read.
    let declared = declared(args)?;
    let encryption = args.encryption.as_deref().map(|path| read(path, encryption)).transpose()?;
    let mut kubelets: Vec<Kubelet> =
        args.kubelet.iter().map(|path| read(path, kubelet)).collect::<Result<_>>()?;
    let heard = heard(&args.seen)?;
    // Where logs name who uses a right, bait is not to be among them.
    let decoys = seen::inventory(None, seen::config(&args.seen)?.as_ref())?;

    let Gathered { cluster, name, damaged, answers, kubelet } = gather(args)?;
    super::say_notices(&cluster);
    let mut kubelets_unread = None;
    match kubelet {
        Some(Ok(kubelet)) => kubelets.push(kubelet),
        Some(Err(why)) => kubelets_unread = Some(why),
        None => {}
    }
    let report = scan(&cluster, &Settings::new(Timestamp::now()));
    let heard_enough = heard.as_ref().is_some_and(|heard| heard.covers(args.seen.window));
    let all = Seen {
        cluster: &cluster,
        report: &report,
        declared,
        kubelets,
        kubelets_unread,
        encryption,
        answers,
        heard,
        heard_enough,
        decoys: decoys.as_ref(),
    };
    let facts = look(&all);
    match args.made.output {
        Output::Table => print(&name, &cluster, &facts)?,
        Output::Json => {
            let platform = cluster.platform().map(|platform| platform.to_string());
            page::print_json(&Told { name: &name, version: cluster.version, platform, facts: &facts })?;
        }
    }
    if let Some(folder) = &args.made.out {
        write(&settings::plan(&all, &facts), &name, folder)?;
        say(&format!("the changes are in {}: read README.md in it first", folder.display()));
    }
    let found = facts.iter().filter_map(|fact| fact.state.severity()).max();
    Ok(match args.fail_on {
        _ if damaged => Exit::Failed,
        Some(least) if found.is_some_and(|worst| worst >= least) => Exit::Found,
        _ => Exit::Clean,
    })
}

fn declared(args: &args::HardenCluster) -> Result<Declared> {
    let mut all = Declared::default();
    for path in args.apiserver.iter() {
        let one = read(path, apiserver)?;
        all.servers.extend(one.servers);
        all.authentication = one.authentication.or(all.authentication);
        all.authorization = one.authorization.or(all.authorization);
    }
    Ok(all)
}

/// Reads a file of settings. What it held is overwritten: some hold keys.
fn read<T>(path: &Path, parse: impl Fn(&str, &str) -> Result<T, SettingsError>) -> Result<T> {
    let shown = path.display().to_string();
    let mut bytes = Zeroizing::new(Vec::new());
    let file = File::open(path).with_context(|| format!("cannot read {shown}"))?;
    file.take(MOST + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {shown}"))?;
    if bytes.len() as u64 > MOST {
        bail!(
            "{shown} has more than {MOST} bytes, and no file of settings has; see whether it is the right one"
        );
    }
    let Ok(text) = std::str::from_utf8(&bytes) else {
        bail!("{shown} is no text in UTF-8; see whether it is the right file");
    };
    Ok(parse(&shown, text.trim_start_matches('\u{feff}'))?)
}

fn heard(args: &args::Seen) -> Result<Option<Heard>> {
    if args.state.is_some() || args.audit_policy.is_some() {
        say("--state and --audit-policy say nothing about settings and are not read here");
    }
    if args.logs.is_empty() {
        return Ok(None);
    }
    let mut heard = Heard::default();
    logs::read(&args.logs, &mut |event, _| heard.record(event))?;
    if !heard.covers(args.window) {
        say(&format!(
            "the audit logs cover {}, which is less than --window: nothing is concluded from what they lack",
            heard.span()
        ));
    }
    Ok(Some(heard))
}

fn gather(args: &args::HardenCluster) -> Result<Gathered> {
    if !args.source.from.is_empty() {
        let gather::Gathered { cluster, name, damaged } = gather::gather(&args.source, false)?;
        return Ok(Gathered { cluster, name, damaged, answers: Vec::new(), kubelet: None });
    }
    logging::start("warn");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    runtime.block_on(ask(args))
}

async fn ask(args: &args::HardenCluster) -> Result<Gathered> {
    let source = &args.source;
    let options = ConnectOptions {
        kubeconfig: source.kubeconfig.clone(),
        context: source.context.clone(),
        ..ConnectOptions::default()
    };
    let connection = Connection::open(options).await?;
    let name = match &connection.place().context {
        Some(context) => format!("{context} ({})", connection.place().server),
        None => connection.place().server.clone(),
    };
    let mut cluster = live::everything(&connection, &source.only_namespace, false, &mut |_| {}).await?;
    cluster.version = source.kubernetes_version.or(cluster.version);
    let mut answers = Vec::new();
    if args.probe {
        for (path, answer) in connection.ask_as_anybody().await? {
            answers.push((path.to_owned(), answered(answer)));
        }
    }
    let kubelet = kubelets(&connection).await;
    Ok(Gathered { cluster, name, damaged: false, answers, kubelet: Some(kubelet) })
}

fn answered(answer: Result<(), Reason>) -> Answered {
    match answer {
        Ok(()) => Answered::Allowed,
        Err(Reason::Unauthorized) => Answered::Unauthorized,
        Err(Reason::Forbidden { message }) => Answered::Forbidden(message),
        Err(other) => Answered::Other(other.to_string()),
    }
}

/// The kubelets' configuration as kubeadm keeps it, or why it is not known.
async fn kubelets(connection: &Connection) -> Result<Kubelet, String> {
    let (namespace, name, key) = KUBELETS;
    let object = ObjectKey {
        api_version: "v1".into(),
        kind: "ConfigMap".into(),
        namespace: namespace.into(),
        name: name.into(),
    };
    let seen = object.to_string();
    let map: Value = match connection.hand(AGENT).get(&object).await {
        Ok(Some(map)) => map,
        Ok(None) => return Err(format!("{seen} is not there: the cluster is not kubeadm's")),
        Err(HandError::Forbidden { .. }) => {
            return Err(format!(
                "this account may not get {seen}; a Role in {namespace} with `get` on configmaps, resourceNames [{name}], \
                 would let it"
            ));
        }
        Err(other) => return Err(other.to_string()),
    };
    let Some(text) = map["data"][key].as_str() else {
        return Err(format!("{seen} has no key `{key}`"));
    };
    kubelet_config_map(&seen, text).map_err(|error| error.to_string())
}

fn print(name: &str, cluster: &Cluster, facts: &[Fact]) -> Result<()> {
    let mut page = Page::new(None);
    let of =
        |wanted: fn(State) -> bool| facts.iter().filter(move |fact| wanted(fact.state)).collect::<Vec<_>>();
    let bad = of(|state| matches!(state, State::Bad { .. }));
    let unknown = of(|state| state == State::Unknown);
    let good = of(|state| state == State::Good);
    let name = if name.is_empty() { "Files" } else { name };
    let version = match cluster.version {
        Some(version) => format!("Kubernetes {version}"),
        None => "version of Kubernetes not known".into(),
    };
    let platform = cluster.platform().map_or(String::new(), |platform| format!(" ({platform})"));
    page.indented(
        0,
        &format!(
            "{name}, {version}{platform}: {} bad, {} not seen, {} good",
            bad.len(),
            unknown.len(),
            good.len()
        ),
    );
    if !bad.is_empty() {
        page.heading("To change", "");
        bad.iter().for_each(|fact| told(&mut page, fact));
    }
    not_seen(&mut page, &unknown);
    if page.is_terminal() && !good.is_empty() {
        page.heading("As it should be", "");
        good.iter().for_each(|fact| page.indented(2, &fact.title));
    } else if !good.is_empty() {
        page.gap();
        page.line(&format!(
            "{} as they should be: --output json lists them",
            counted(good.len() as u64, "setting")
        ));
    }
    page.finish(None)
}

/// Something bad: what, where it was seen, what to do.
fn told(page: &mut Page, fact: &Fact) {
    let Some(severity) = fact.state.severity() else { return };
    page.severity(severity, &fact.title, "");
    let lines = if page.is_terminal() { LINES } else { usize::MAX };
    fact.evidence.iter().take(lines).for_each(|line| page.faint(10, line));
    if let Some(more @ 1..) = fact.evidence.len().checked_sub(lines) {
        page.faint(10, &format!("… and {more} more: --output json lists them"));
    }
    if !fact.fix.is_empty() {
        page.indented(10, &format!("Do: {}", fact.fix));
    }
    fact.commands.iter().take(lines).for_each(|command| page.indented(12, command));
    if let Some(more @ 1..) = fact.commands.len().checked_sub(lines) {
        page.faint(12, &format!("… and {more} more: --out DIR writes them"));
    }
}

/// What could not be seen, by how it can be.
fn not_seen(page: &mut Page, unknown: &[&Fact]) {
    if unknown.is_empty() {
        return;
    }
    page.heading("Could not be seen", "");
    let mut order: Vec<&str> = Vec::new();
    let mut by_how: BTreeMap<&str, Vec<&Fact>> = BTreeMap::new();
    for fact in unknown {
        if !order.contains(&fact.how_to_see.as_str()) {
            order.push(&fact.how_to_see);
        }
        by_how.entry(&fact.how_to_see).or_default().push(fact);
    }
    for how in order {
        let facts = by_how.get(how).map(Vec::as_slice).unwrap_or_default();
        for fact in facts {
            // The heading says it.
            page.indented(2, &fact.title.replacen(" could not be seen", "", 1));
        }
        let mut said: Vec<&str> = Vec::new();
        for line in facts.iter().flat_map(|fact| &fact.evidence) {
            if !said.contains(&line.as_str()) {
                said.push(line);
                page.faint(4, line);
            }
        }
        page.indented(4, &format!("To see it: {how}"));
        facts.iter().flat_map(|fact| &fact.commands).for_each(|command| page.indented(6, command));
    }
}
