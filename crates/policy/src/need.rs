//! What each detection needs of an audit policy: of which requests, by whom, and at which least level.
//!
//! A rule says so itself (`rules`): the same compiled test that judges events is asked what it could say of a request
//! of which only verb, resource and user are known. The tripwire's rows, habits and token checks are code, and stand in
//! tables (`tripwire`, `habits`) of which a test proves each row.

mod habits;
mod hand;
mod rules;
pub mod shapes;
mod tripwire;
pub mod who;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hashbrown::HashMap;
use sundew_detect::{Rulebook, Severity};
use sundew_sigma::{Kind, RuleId, RuleSet, Who};

use self::{
    hand::Row,
    shapes::{Shape, Thing},
    who::By,
};
use crate::model::Level;

/// Which detections there are needs of.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The tripwire.
    pub tripwire: bool,
    /// Rules.
    pub rules: Option<Arc<Rulebook>>,
    /// Habits and token checks.
    pub habits: bool,
}

/// What is told of, and what it needs.
#[derive(Debug, Clone)]
pub struct Detection {
    /// The finding's rule, as `tripwire.token_used` or `rules.shell_opened`.
    pub name: String,
    /// How bad a finding is.
    pub severity: Severity,
    /// Whether it follows from several events, of which none says it by itself.
    pub counts: bool,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    /// Rows of a table.
    Hand(Vec<Row>),
    /// Detections of the rule set: of a correlation several.
    Rules(Vec<RuleId>),
}

/// That a detection needs a level of some kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Which: a place in [`Needs::detections`].
    pub detection: usize,
    /// The least level at which it sees what it is about.
    pub level: Level,
    /// Whether it is about who asks, and how, whatever is asked for: it needs the same of any other resource.
    pub anywhere: bool,
}

/// What all wanted detections need.
#[derive(Debug)]
pub struct Needs {
    shapes: Vec<Shape>,
    first: HashMap<Thing, usize>,
    detections: Vec<Detection>,
    asks: Vec<Vec<Ask>>,
    book: Option<Arc<Rulebook>>,
    known: Mutex<Known>,
}

/// What was found once, as it is asked again and again.
#[derive(Debug, Default)]
struct Known {
    /// One of those of whom the same is needed.
    alike: HashMap<(By, bool, u64), Arc<str>>,
    /// Which of those by name.
    names: HashMap<String, Arc<str>>,
    /// By user and verb.
    anywhere: HashMap<(Arc<str>, &'static str), Arc<Anywhere>>,
    /// By user and shape.
    asks: HashMap<(Arc<str>, usize), Arc<Vec<Ask>>>,
    special: HashMap<(Arc<str>, usize), Arc<Vec<Ask>>>,
}

/// What is needed of all requests of a user: by rows of a detection, and by rules, with the level.
#[derive(Debug, Default)]
struct Anywhere {
    rows: HashMap<usize, Level>,
    rules: HashMap<RuleId, Level>,
}

impl Needs {
    /// The needs of the wanted detections. Some milliseconds: each rule is asked about each kind of request.
    pub fn new(wanted: &Wanted) -> Self {
        let none = RuleSet::default();
        let set = wanted.rules.as_ref().map_or(&none, |book| &book.set);
        let shapes = Shape::all(set);
        let mut needs = Self {
            first: first(&shapes),
            asks: vec![Vec::new(); shapes.len()],
            shapes,
            detections: Vec::new(),
            book: wanted.rules.clone(),
            known: Mutex::default(),
        };
        let rows = [(wanted.tripwire, tripwire::rows()), (wanted.habits, habits::rows())];
        for (_, rows) in rows.into_iter().filter(|(wanted, _)| *wanted) {
            needs.add_rows(rows);
        }
        if let Some(book) = &wanted.rules {
            needs.add_rules(book);
        }
        needs
    }

    /// What is told of.
    pub fn detections(&self) -> &[Detection] {
        &self.detections
    }

    /// The kinds of requests.
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// What is needed of a kind of request, whoever makes it: one ask for each detection.
    pub fn asks(&self, shape: usize) -> &[Ask] {
        &self.asks[shape]
    }

    /// The kind that a request is of; that of any other resource, or path, for what no rule names.
    pub fn shape_of(&self, thing: &Thing, verb: &str) -> Option<usize> {
        let at = |thing: &Thing| {
            let first = *self.first.get(thing)?;
            let verbs = thing.verbs();
            Some(first + verbs.iter().position(|one| *one == verb)?)
        };
        at(thing).or_else(|| thing.unnamed().iter().find_map(at))
    }

    /// What is needed of a kind of request where this user makes it.
    pub fn asks_of(&self, user: &str, shape: usize) -> Arc<Vec<Ask>> {
        let user = self.alike(user);
        let key = (Arc::clone(&user), shape);
        if let Some(known) = self.known().asks.get(&key) {
            return Arc::clone(known);
        }
        let anywhere = self.anywhere_of(&user, self.shapes[shape].verb);
        let asks = self.asks[shape].iter().filter_map(|ask| self.ask_of(&user, shape, ask, &anywhere));
        let asks = Arc::new(asks.collect());
        Arc::clone(self.known().asks.entry(key).or_insert(asks))
    }

    /// What is needed of a kind of request of this user, but for what is needed of all their requests: that is still
    /// seen in the others.
    pub fn special_asks_of(&self, user: &str, shape: usize) -> Arc<Vec<Ask>> {
        let key = (self.alike(user), shape);
        if let Some(known) = self.known().special.get(&key) {
            return Arc::clone(known);
        }
        let asks = self.asks_of(user, shape);
        let special = asks.iter().filter(|ask| ask.level > Level::Metadata || !ask.anywhere);
        let special = Arc::new(special.copied().collect());
        Arc::clone(self.known().special.entry(key).or_insert(special))
    }

    /// What a detection needs of a request of this user. Of several rules that it counts, one that needs more of this
    /// request than of any other is enough to make it more than what is needed anywhere.
    fn ask_of(&self, user: &str, shape: usize, ask: &Ask, anywhere: &Anywhere) -> Option<Ask> {
        let Shape { thing, verb } = &self.shapes[shape];
        match &self.detections[ask.detection].source {
            Source::Hand(rows) => {
                let level = least_of_rows(rows, thing, verb, user)?;
                Some(Ask { level, anywhere: anywhere.rows.get(&ask.detection) == Some(&level), ..*ask })
            }
            Source::Rules(parts) => {
                let parts = parts.iter().filter_map(|part| {
                    // Nothing is less than Metadata, and so this is not asked again for each resource.
                    let there = anywhere.rules.get(part).copied();
                    let level = match there {
                        Some(Level::Metadata) => Level::Metadata,
                        _ => self.least_of_rule(*part, thing, verb, user)?,
                    };
                    Some((level, there == Some(level)))
                });
                let parts: Vec<(Level, bool)> = parts.collect();
                let level = parts.iter().map(|(level, _)| *level).max()?.min(ask.level);
                Some(Ask { level, anywhere: parts.iter().all(|(_, anywhere)| *anywhere), ..*ask })
            }
        }
    }

    /// What is needed of any request of this user with this verb.
    fn anywhere_of(&self, user: &Arc<str>, verb: &'static str) -> Arc<Anywhere> {
        let key = (Arc::clone(user), verb);
        if let Some(known) = self.known().anywhere.get(&key) {
            return Arc::clone(known);
        }
        let (other, verb) = (Thing::other(), shapes::like(verb));
        let mut anywhere = Anywhere::default();
        let asks = self.shape_of(&other, verb).map_or(&[][..], |shape| &self.asks[shape]);
        for ask in asks {
            match &self.detections[ask.detection].source {
                Source::Hand(rows) => {
                    let level = least_of_rows(rows, &other, verb, user);
                    anywhere.rows.extend(level.map(|level| (ask.detection, level)));
                }
                Source::Rules(parts) => {
                    let new: Vec<_> =
                        parts.iter().filter(|part| !anywhere.rules.contains_key(*part)).collect();
                    let level = |part: &RuleId| Some((*part, self.least_of_rule(*part, &other, verb, user)?));
                    anywhere.rules.extend(new.into_iter().filter_map(level));
                }
            }
        }
        let anywhere = Arc::new(anywhere);
        Arc::clone(self.known().anywhere.entry(key).or_insert(anywhere))
    }

    /// A user of whom the same is needed: of many accounts of controllers one.
    fn alike(&self, user: &str) -> Arc<str> {
        if let Some(known) = self.known().names.get(user) {
            return Arc::clone(known);
        }
        let told = self.book.as_ref().map_or(0, |book| book.set.told_of(who_of(user)));
        let own = user == who::API_SERVER;
        let mut known = self.known();
        let alike =
            Arc::clone(known.alike.entry((who::kind(user), own, told)).or_insert_with(|| user.into()));
        known.names.insert(user.to_owned(), Arc::clone(&alike));
        alike
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // What is in there is right whoever panicked.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a detection is about 401s, which name nobody and have stage ResponseStarted alone.
    pub fn is_about_nobody(&self, detection: usize) -> bool {
        match (&self.detections[detection].source, &self.book) {
            (Source::Hand(rows), _) => rows.iter().all(|row| row.by == [By::Nobody]),
            (Source::Rules(parts), Some(book)) => {
                let other = Thing::other();
                parts.iter().any(|part| rules::is_about_nobody(&book.set, *part, &other))
            }
            (Source::Rules(_), None) => false,
        }
    }

    fn least_of_rule(&self, rule: RuleId, thing: &Thing, verb: &str, user: &str) -> Option<Level> {
        // Nobody can steal what never leaves a process: what rules say of thieves is not said of it.
        let set = &self.book.as_ref().filter(|_| user != who::API_SERVER)?.set;
        rules::least(set, rule, thing, verb, who_of(user))
    }

    fn add_rows(&mut self, rows: Vec<Row>) {
        let mut named: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
        for row in rows {
            named.entry(row.name).or_default().push(row);
        }
        let other = Thing::other();
        for (name, rows) in named {
            let detection = self.detections.len();
            for (shape, asks) in self.shapes.iter().zip(&mut self.asks) {
                let most = |thing: &Thing| {
                    let fits = rows.iter().filter(|row| (row.fits)(thing, shapes::like(shape.verb)));
                    fits.map(|row| row.level).max()
                };
                if let Some(level) = most(&shape.thing) {
                    let anywhere = rows.iter().any(|row| row.anywhere && row.level == level)
                        || most(&other) == Some(level);
                    asks.push(Ask { detection, level, anywhere });
                }
            }
            let severity = rows.first().map_or(Severity::Info, |row| row.severity);
            self.detections.push(Detection {
                name: name.to_owned(),
                severity,
                counts: false,
                source: Source::Hand(rows),
            });
        }
    }

    fn add_rules(&mut self, book: &Rulebook) {
        let mut known: HashMap<RuleId, Vec<(u32, Level)>> = HashMap::new();
        let other = Thing::other();
        for (rule, parts) in rules::told(book) {
            let detection = self.detections.len();
            // For each shape the level, and whether that is so of any other resource, too.
            let mut levels: BTreeMap<u32, (Level, bool)> = BTreeMap::new();
            for part in &parts {
                let asks = known.entry(*part).or_insert_with(|| rules::asks(&book.set, *part, &self.shapes));
                for (shape, level) in asks.iter() {
                    let there = self.shape_of(&other, shapes::like(self.shapes[*shape as usize].verb));
                    let there = there.and_then(|there| asks.iter().find(|(at, _)| *at as usize == there));
                    let anywhere = there.is_some_and(|(_, there)| there == level);
                    let of = levels.entry(*shape).or_insert((*level, true));
                    *of = (of.0.max(*level), of.1 && anywhere);
                }
            }
            for (shape, (level, anywhere)) in levels {
                self.asks[shape as usize].push(Ask { detection, level, anywhere });
            }
            let of = book.set.rule(rule);
            self.detections.push(Detection {
                name: format!("rules.{}", of.name),
                severity: of.level.severity(),
                counts: of.kind == Kind::Correlation,
                source: Source::Rules(parts),
            });
        }
    }
}

impl Detection {
    /// Whether it is about decoys.
    pub fn is_of_tripwire(&self) -> bool {
        self.name.starts_with("tripwire.")
    }
}

/// What rows need of a request of this user. All that the API server's own requests tell of is what others did: nobody can
/// steal what never leaves a process.
fn least_of_rows(rows: &[Row], thing: &Thing, verb: &str, user: &str) -> Option<Level> {
    let (by, own) = (who::kind(user), user == who::API_SERVER);
    let counts = |row: &&Row| row.by.contains(&by) && (!own || row.anywhere || row.tells_of_others());
    let fits = rows.iter().filter(|row| counts(row) && (row.fits)(thing, shapes::like_any(verb)));
    fits.map(|row| row.level).max()
}

fn who_of(user: &str) -> Who<'_> {
    if user.is_empty() { Who::Nobody } else { Who::Named(user) }
}

/// Where each thing's first shape stands.
fn first(shapes: &[Shape]) -> HashMap<Thing, usize> {
    let mut first = HashMap::new();
    for (at, shape) in shapes.iter().enumerate() {
        first.entry((*shape.thing).clone()).or_insert(at);
    }
    first
}
