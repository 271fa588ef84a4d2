//! `sundew habits`: what was learnt of identities.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Error, Result, bail};
use jiff::Timestamp;
use serde_json::json;
use sundew_decoy::yaml::nearest;
use sundew_habits::{Memory, Settings, Shown, shown::ShownHabit};
use sundew_sensor::config::habits_settings;
use sundew_sensor::learnt;
use sundew_store::{Opened, Store, StoreError};

use crate::{
    args::{self, HabitsCommand, Output},
    exit::Exit,
    gather::say,
    page::{Page, print_json},
    replay::STATE_FILE,
    rules::{CONFIG, config},
    table::count,
};

/// How many identities are listed on a terminal where nothing else is said.
const ROWS: usize = 40;
/// On a terminal narrower than this, the list has fewer columns.
const NARROW: usize = 100;
/// On a terminal narrower than this, a habit's first time is not shown.
const WIDE: usize = 120;
/// How wide the column of keys is.
const KEY: usize = 8;

pub(crate) fn run(args: &args::Habits) -> Result<Exit> {
    match &args.command {
        HabitsCommand::List(args) => list(args),
        HabitsCommand::Show(args) => show(args),
        HabitsCommand::Reset(args) => reset(args),
    }
}

/// Where what was learnt is kept, and how it is learnt there.
struct Place {
    store: PathBuf,
    settings: Settings,
}

impl Place {
    fn of(args: &args::Kept) -> Result<Self> {
        if let Some(folder) = &args.state {
            return Ok(Self { store: folder.join(STATE_FILE), settings: Settings::default() });
        }
        let Some(config) = config(args.config.as_ref())? else {
            bail!(
                "there is no {CONFIG} here; name the configuration with -c FILE, or give the folder of a replay with --state DIR"
            );
        };
        Ok(Self { settings: habits_settings(&config).unwrap_or_default(), store: config.store })
    }

    /// Says what to do where there is no store, or it may not be read.
    fn check(&self) -> Result<()> {
        let Err(error) = File::open(&self.store) else { return Ok(()) };
        let shown = self.store.display();
        let why = match error.kind() {
            io::ErrorKind::NotFound => format!(
                "there is no store {shown}: nothing was learnt yet; `sundew watch` learns while it runs, and `sundew replay --learn --state DIR LOGS…` from old logs"
            ),
            _ => format!("the store {shown} cannot be read; run this as the user that the sensor runs as"),
        };
        Err(Error::new(error).context(why))
    }

    /// What is remembered.
    fn memory(&self, store: &Store) -> Result<Memory> {
        // However many there are, looking at them forgets none.
        let mut memory = Memory::new(Settings { identities: u32::MAX as usize, ..self.settings });
        // What is kept of correlations is no habit, and not taken.
        learnt::recall(store, &mut memory)?;
        Ok(memory)
    }

    fn read(&self) -> Result<Memory> {
        self.check()?;
        self.memory(&Store::open_reading(&self.store)?)
    }
}

/// Everybody who is known in the clusters that are asked for: cluster, identity and number of requests.
fn known(memory: &Memory, args: &args::Kept) -> Result<Vec<(String, String, u64)>> {
    let mut known = memory.identities();
    if let Some(asked) = &args.cluster {
        let clusters: BTreeSet<String> = known.iter().map(|(cluster, ..)| cluster.clone()).collect();
        if !clusters.is_empty() && !clusters.contains(asked) {
            let has = clusters.into_iter().collect::<Vec<_>>().join(", ");
            bail!("nothing was learnt of a cluster `{asked}`; there is {has}");
        }
        known.retain(|(cluster, ..)| cluster == asked);
    }
    known.sort_by(|a, b| (std::cmp::Reverse(a.2), &a.0, &a.1).cmp(&(std::cmp::Reverse(b.2), &b.0, &b.1)));
    Ok(known)
}

/// Those who are meant by `named`: cluster and identity.
fn named(known: &[(String, String, u64)], named: &str) -> Result<Vec<(String, String)>> {
    let account = match named.split_once('/') {
        Some((namespace, name)) => format!("system:serviceaccount:{namespace}:{name}"),
        None => named.to_owned(),
    };
    let is = |name: &str| {
        known.iter().filter(|(_, user, _)| user == name).map(|(c, u, _)| (c.clone(), u.clone())).collect()
    };
    let found: Vec<(String, String)> = is(named);
    let found = if found.is_empty() { is(&account) } else { found };
    if !found.is_empty() {
        return Ok(found);
    }
    // What all ServiceAccounts have in common would make any of them look near.
    let (prefix, asked) = brief(&account);
    let near = known.iter().map(|(_, user, _)| brief(user)).filter(|(other, _)| *other == prefix);
    let meant = nearest(asked, near.map(|(_, user)| user));
    let meant = meant.map_or(String::new(), |user| format!(" (did you mean `{prefix}{user}`?)"));
    bail!("nothing was learnt of `{named}`{meant}; `sundew habits list` lists who is known");
}

/// A user name in two: what all users of its kind begin with, and what tells them apart.
fn brief(user: &str) -> (&str, &str) {
    let common = ["system:serviceaccount:", "system:node:"].iter().find(|common| user.starts_with(**common));
    user.split_at(common.map_or(0, |common| common.len()))
}

fn list(args: &args::HabitsList) -> Result<Exit> {
    let memory = Place::of(&args.kept)?.read()?;
    let mut all = known(&memory, &args.kept)?;
    let nothing = all.is_empty();
    if let Some(text) = &args.search {
        all.retain(|(_, user, _)| user.to_lowercase().contains(&text.to_lowercase()));
    }
    let mut page = Page::new(None);
    let rows = match args.limit {
        Some(0) => usize::MAX,
        Some(limit) => limit,
        None if page.is_terminal() && args.output == Output::Table => ROWS,
        None => usize::MAX,
    };
    let shown = all.iter().take(rows).filter_map(|(cluster, user, _)| memory.show(cluster, user));
    if args.output == Output::Json {
        let brief = |s: Shown| {
            json!({"cluster": s.cluster, "identity": s.identity, "class": s.class, "requests": s.requests,
                "refused": s.refused, "first": s.first, "last": s.last, "known": s.known, "missing": s.missing})
        };
        print_json(&shown.map(brief).collect::<Vec<_>>())?;
        return Ok(Exit::Clean);
    }
    if all.is_empty() {
        page.line(if nothing {
            "Nothing was learnt yet; a sensor that runs writes what is new within a minute or two."
        } else {
            "Nobody is known who is like this."
        });
        page.finish(None)?;
        return Ok(Exit::Clean);
    }
    let several = all.iter().any(|(cluster, ..)| *cluster != all[0].0);
    // What people look at has short names; what is searched has those of the audit log.
    let short = page.is_terminal();
    let narrow = page.width().is_some_and(|width| width < NARROW);
    let columns = ["IDENTITY", "CLUSTER", "KIND", "REQUESTS", "REFUSED", "LATEST", "KNOWN WELL"];
    let kept = |column: &&str| match *column {
        "CLUSTER" => several,
        "REFUSED" | "LATEST" => !narrow,
        _ => true,
    };
    let row = |s: Shown| {
        let cell = |column| match column {
            "IDENTITY" if short => account(&s.identity),
            "IDENTITY" => s.identity.clone(),
            "CLUSTER" => s.cluster.clone(),
            "KIND" => s.class.clone(),
            "REQUESTS" => count(s.requests),
            "REFUSED" => count(s.refused),
            "LATEST" => minute(s.last),
            _ => if s.known { "yes" } else { "not yet" }.to_owned(),
        };
        columns.iter().filter(|column| kept(column)).map(|column| cell(column)).collect()
    };
    let headers: Vec<&str> = columns.iter().filter(|column| kept(column)).copied().collect();
    page.columns(&headers, &shown.map(row).collect::<Vec<_>>());
    if all.len() > rows {
        page.faint(2, &format!("… {} more; --limit 0 lists all", count((all.len() - rows) as u64)));
    }
    page.finish(None)?;
    Ok(Exit::Clean)
}

fn show(args: &args::HabitsShow) -> Result<Exit> {
    let memory = Place::of(&args.kept)?.read()?;
    let found = named(&known(&memory, &args.kept)?, &args.identity)?;
    let all: Vec<Shown> = found.iter().filter_map(|(cluster, user)| memory.show(cluster, user)).collect();
    if args.output == Output::Json {
        print_json(&all)?;
        return Ok(Exit::Clean);
    }
    let mut page = Page::new(None);
    all.iter().for_each(|one| print(&mut page, one));
    page.finish(None)?;
    Ok(Exit::Clean)
}

fn print(page: &mut Page, shown: &Shown) {
    page.heading(&shown.identity, &format!(", cluster {}", shown.cluster));
    page.entry(2, "Kind", KEY, &shown.class);
    page.entry(2, "Requests", KEY, &format!("{}, {} refused", count(shown.requests), count(shown.refused)));
    page.entry(2, "Seen", KEY, &format!("from {} to {} UTC", minute(shown.first), minute(shown.last)));
    let known = match (shown.known, &shown.missing) {
        (true, _) => "well: what is new is told".to_owned(),
        (false, Some(missing)) => format!("not well enough, so nothing new is told: {missing}"),
        (false, None) => "not well enough, so nothing new is told".to_owned(),
    };
    page.entry(2, "Known", KEY, &known);
    let with_first = page.width().is_none_or(|width| width >= WIDE);
    for habits in shown.habits.chunk_by(|one, next| one.aspect == next.aspect) {
        page.heading(&title(&habits[0].aspect), "");
        let row = |habit: &ShownHabit| {
            let mut row = vec![count(habit.allowed), count(habit.refused)];
            if with_first {
                row.push(minute(habit.first));
            }
            row.extend([minute(habit.last), habit.what.clone()]);
            row
        };
        let headers = ["ALLOWED", "REFUSED", "FIRST", "LATEST", "WHAT"].into_iter();
        let headers: Vec<&str> = headers.filter(|header| with_first || *header != "FIRST").collect();
        page.columns(&headers, &habits.iter().map(row).collect::<Vec<_>>());
    }
}

/// `shop/orders` for a ServiceAccount.
fn account(user: &str) -> String {
    let account = user.strip_prefix("system:serviceaccount:");
    account.map_or_else(|| user.to_owned(), |account| account.replacen(':', "/", 1))
}

/// The heading of an aspect: `client` is `Clients`.
fn title(aspect: &str) -> String {
    let mut letters = aspect.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let plural = if aspect.ends_with('s') { "" } else { "s" };
    format!("{first}{}{plural}", letters.as_str())
}

fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M").to_string()
}

fn reset(args: &args::HabitsReset) -> Result<Exit> {
    let place = Place::of(&args.kept)?;
    place.check()?;
    let mut store = own(&place.store)?;
    let mut memory = place.memory(&store)?;
    let known = known(&memory, &args.kept)?;
    let forgotten: usize = match &args.identity {
        Some(identity) => {
            let found = named(&known, identity)?;
            found.iter().map(|(cluster, user)| memory.reset(cluster, Some(user))).sum()
        }
        None => {
            let clusters: BTreeSet<&String> = known.iter().map(|(cluster, ..)| cluster).collect();
            clusters.into_iter().map(|cluster| memory.reset(cluster, None)).sum()
        }
    };
    learnt::keep(&mut store, &mut memory)?;
    let identities = match forgotten {
        1 => "1 identity".to_owned(),
        many => format!("{} identities", count(many as u64)),
    };
    writeln!(io::stdout().lock(), "forgot {identities}; what they normally do is learnt anew")?;
    Ok(Exit::Clean)
}

/// The store as its only writer: a sensor that runs would write back what it knows.
fn own(path: &Path) -> Result<Store> {
    match Store::open(path) {
        Ok((store, opened)) => {
            if let Opened::StartedAnew { kept_aside, why } = opened {
                let (path, kept) = (path.display(), kept_aside.display());
                say(&format!("{path} was damaged ({why}); it was kept aside as {kept}, and a new one begun"));
            }
            Ok(store)
        }
        // What the error itself advises is for who wants to start a second sensor.
        Err(StoreError::Owned { .. }) => bail!(
            "a sensor runs with this store, {}, and would write back what is forgotten; stop it first",
            path.display()
        ),
        Err(error) => Err(error).with_context(|| format!("cannot open {}", path.display())),
    }
}
