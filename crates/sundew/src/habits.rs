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
use sundew_habits::{Kept, Memory, Settings, Shown};
use sundew_sensor::config::habits_settings;
use sundew_store::{Commit, Remembered, Store, StoreError};

use crate::{
    args::{self, HabitsCommand, Output},
    exit::Exit,
    page::{Page, print_json},
    rules::{CONFIG, config},
    table::count,
};

/// How many identities are listed on a terminal where nothing else is said.
const ROWS: usize = 40;
/// How many pieces are written at a time.
const AT_ONCE: usize = 10_000;
/// The store in the folder of `sundew replay --state`.
const STATE: &str = "sundew.db";
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
            return Ok(Self { store: folder.join(STATE), settings: Settings::default() });
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
        for piece in store.remembered(None) {
            let Remembered { cluster, kind, key, body } = piece?;
            // What is kept of correlations is no habit, and not taken.
            memory.restore(&Kept { cluster, kind, key, body });
        }
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
    let meant = nearest(&account, known.iter().map(|(_, user, _)| user.as_str()));
    let meant = meant.map_or(String::new(), |user| format!(" (did you mean `{user}`?)"));
    bail!("nothing was learnt of `{named}`{meant}; `sundew habits list` lists who is known");
}

fn list(args: &args::HabitsList) -> Result<Exit> {
    let memory = Place::of(&args.kept)?.read()?;
    let mut all = known(&memory, &args.kept)?;
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
        page.line("Nobody is known who is like this.");
        page.finish(None)?;
        return Ok(Exit::Clean);
    }
    let several = all.iter().any(|(cluster, ..)| *cluster != all[0].0);
    let row = |s: Shown| {
        let mut row = vec![s.identity, s.class, count(s.requests), count(s.refused), minute(s.last)];
        if several {
            row.insert(1, s.cluster);
        }
        row.push(if s.known { "yes".to_owned() } else { s.missing.unwrap_or_else(|| "no".to_owned()) });
        row
    };
    let mut headers = vec!["IDENTITY", "KIND", "REQUESTS", "REFUSED", "LATEST", "KNOWN WELL"];
    if several {
        headers.insert(1, "CLUSTER");
    }
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
    let mut rest = shown.habits.as_slice();
    while let Some(first) = rest.first() {
        let end = rest.iter().position(|habit| habit.aspect != first.aspect).unwrap_or(rest.len());
        let (habits, others) = rest.split_at(end);
        rest = others;
        page.heading(&title(&first.aspect), "");
        let row = |habit: &sundew_habits::shown::ShownHabit| {
            vec![
                count(habit.allowed),
                count(habit.refused),
                minute(habit.first),
                minute(habit.last),
                habit.what.clone(),
            ]
        };
        page.columns(
            &["ALLOWED", "REFUSED", "FIRST", "LATEST", "WHAT"],
            &habits.iter().map(row).collect::<Vec<_>>(),
        );
    }
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
    loop {
        let pieces = memory.take_changed(AT_ONCE);
        if pieces.is_empty() {
            break;
        }
        let piece = |Kept { cluster, kind, key, body }| Remembered { cluster, kind, key, body };
        let memory = pieces.into_iter().map(piece).collect();
        store.commit(&Commit { memory, ..Commit::default() })?;
    }
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
        Ok((store, _)) => Ok(store),
        Err(error @ StoreError::Owned { .. }) => {
            let why = "a sensor runs with this store, and would write back what is forgotten; stop it first";
            Err(Error::new(error).context(why))
        }
        Err(error) => Err(error).with_context(|| format!("cannot open {}", path.display())),
    }
}
