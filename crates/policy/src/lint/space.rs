//! The requests that rules fit, as sets: whether earlier rules together take everything that one fits.
//!
//! The answer "yes" is always right. A "no" can be wrong where it would take several rules that cut a request's
//! attributes in ways that no list says, and where the question would take too long.

mod words;

use std::cell::{Cell, RefCell};

use hashbrown::HashMap;

use self::words::Words;
use crate::model::{Resources, Rule};

/// How many comparisons one question may take, and all of one kind together: a policy is looked at in a tenth of a
/// second.
const MOST_EACH: u64 = 20_000;
const MOST: u64 = 1_500_000;

/// Which resources a pattern means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pattern {
    /// `*`.
    All,
    /// `pods` or `pods/exec`.
    One(u32, u32),
    /// `pods/*`, which means `pods` too.
    Of(u32),
    /// `*/scale`.
    Sub(u32),
}

impl Pattern {
    fn contains(self, other: Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Of(main), Self::One(other, _)) => main == other,
            (Self::Sub(sub), Self::One(_, other)) => sub == other,
            _ => self == other,
        }
    }
}

/// Resources of one group, or of every, by one pattern.
#[derive(Debug, Clone)]
struct Atom {
    group: Option<u32>,
    pattern: Pattern,
    names: Words,
}

impl Atom {
    fn is_everything(&self) -> bool {
        self.group.is_none() && self.pattern == Pattern::All && matches!(self.names, Words::Any)
    }

    fn contains(&self, other: &Self) -> bool {
        (self.group.is_none() || self.group == other.group)
            && self.pattern.contains(other.pattern)
            && self.names.contains(&other.names)
    }
}

/// What requests are about.
#[derive(Debug, Clone)]
enum What<'p> {
    /// Objects: of these namespaces, and these resources; none stands for every.
    Objects(Words, Option<Vec<Atom>>, u64),
    /// Paths that are no resources.
    Urls(Vec<&'p str>),
}

impl What<'_> {
    fn may_help(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Objects(namespaces, mine, groups), Self::Objects(others, theirs, other_groups)) => {
                groups & other_groups != 0
                    && (mine.is_none() || theirs.is_some())
                    && namespaces.may_help(others)
            }
            (Self::Urls(_), Self::Urls(_)) => true,
            _ => false,
        }
    }

    fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Objects(namespaces, mine, _), Self::Objects(others, theirs, _)) => {
                namespaces.contains(others)
                    && match (mine, theirs) {
                        (None, _) => true,
                        (Some(_), None) => false,
                        (Some(mine), Some(theirs)) => {
                            theirs.iter().all(|theirs| mine.iter().any(|mine| mine.contains(theirs)))
                        }
                    }
            }
            (Self::Urls(mine), Self::Urls(theirs)) => {
                theirs.iter().all(|theirs| mine.iter().any(|mine| path_contains(mine, theirs)))
            }
            _ => false,
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Objects(_, atoms, _) => atoms.as_ref().map_or(1, Vec::len),
            Self::Urls(urls) => urls.len(),
        }
    }

    fn singly(&self) -> Option<Vec<Self>> {
        match self {
            Self::Objects(namespaces, Some(atoms), _) if atoms.len() > 1 => {
                Some(atoms.iter().map(|atom| objects(namespaces.clone(), Some(vec![atom.clone()]))).collect())
            }
            Self::Objects(namespaces, atoms, _) => {
                if let Some(singly) = namespaces.singly() {
                    return Some(singly.into_iter().map(|one| objects(one, atoms.clone())).collect());
                }
                let [atom] = atoms.as_deref()? else { return None };
                let by_name = |names| objects(namespaces.clone(), Some(vec![Atom { names, ..atom.clone() }]));
                Some(atom.names.singly()?.into_iter().map(by_name).collect())
            }
            Self::Urls(urls) if urls.len() > 1 => {
                Some(urls.iter().map(|url| Self::Urls(vec![url])).collect())
            }
            Self::Urls(_) => None,
        }
    }
}

fn objects<'p>(namespaces: Words, atoms: Option<Vec<Atom>>) -> What<'p> {
    let bits = atoms.as_ref().map_or(u64::MAX, |atoms| {
        atoms.iter().fold(0, |bits, atom| bits | atom.group.map_or(u64::MAX, |group| 1 << (group % 64)))
    });
    What::Objects(namespaces, atoms, bits)
}

/// Whether a pattern of paths means every path that another does.
fn path_contains(mine: &str, theirs: &str) -> bool {
    mine == "*"
        || mine == theirs
        || mine
            .strip_suffix('*')
            .is_some_and(|prefix| theirs.strip_suffix('*').unwrap_or(theirs).starts_with(prefix))
}

/// Requests that one rule fits, all about objects or all about paths.
#[derive(Debug, Clone)]
pub(super) struct Piece<'p> {
    /// The rule, counted from 0.
    pub(super) rule: usize,
    users: Words,
    groups: Words,
    verbs: Words,
    what: What<'p>,
}

/// Resources that somebody asks about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    /// The group.
    pub(super) group: &'static str,
    /// `secrets` or `serviceaccounts/token`; every one where it is empty.
    pub(super) resource: &'static str,
    /// With which verbs.
    pub(super) verbs: &'static [&'static str],
}

/// The rules of a policy as sets of requests.
#[derive(Debug)]
pub(super) struct Space<'p> {
    words: RefCell<HashMap<&'p str, u32>>,
    /// In order of their rules.
    pieces: Vec<Piece<'p>>,
    /// Places of those that name each user, and of those that name none.
    by_user: HashMap<u32, Vec<usize>>,
    for_all: Vec<usize>,
    authenticated: u32,
    anonymous: u32,
    unauthenticated: u32,
    left: Cell<u64>,
}

impl<'p> Space<'p> {
    pub(super) fn new(rules: &'p [Rule]) -> Self {
        let mut space = Self {
            words: RefCell::default(),
            pieces: Vec::new(),
            by_user: HashMap::new(),
            for_all: Vec::new(),
            authenticated: 0,
            anonymous: 0,
            unauthenticated: 0,
            left: Cell::new(MOST),
        };
        space.authenticated = space.id("system:authenticated");
        space.anonymous = space.id("system:anonymous");
        space.unauthenticated = space.id("system:unauthenticated");
        for (at, rule) in rules.iter().enumerate() {
            let pieces = space.pieces_of(at, rule);
            space.pieces.extend(pieces);
        }
        for (at, piece) in space.pieces.iter().enumerate() {
            match &piece.users {
                Words::Any => space.for_all.push(at),
                Words::Of(users, _) => {
                    users.iter().for_each(|user| space.by_user.entry(*user).or_default().push(at));
                }
            }
        }
        space
    }

    /// What a rule fits: nothing where it fits no request at all.
    pub(super) fn of_rule(&self, rule: usize) -> &[Piece<'p>] {
        let start = self.pieces.partition_point(|piece| piece.rule < rule);
        let end = self.pieces.partition_point(|piece| piece.rule <= rule);
        &self.pieces[start..end]
    }

    /// The requests of each rule that are about `probe`, in order of the rules.
    pub(super) fn about(&self, probe: Probe) -> Vec<Piece<'p>> {
        self.pieces.iter().filter_map(|piece| self.restrict(piece, probe)).collect()
    }

    /// From here on as many comparisons are allowed again as at the start.
    pub(super) fn refill(&self) {
        self.left.set(MOST);
    }

    /// The rules before that of `piece` that together take all of it; none where they do not.
    pub(super) fn taken_before(&self, piece: &Piece<'p>) -> Option<Vec<usize>> {
        let users = if let Words::Of(users, _) = &piece.users { users.as_slice() } else { &[] };
        let by_user = users.iter().filter_map(|user| self.by_user.get(user)).flatten();
        self.taken(piece, self.for_all.iter().chain(by_user).map(|at| &self.pieces[*at]))
    }

    /// The rules among these, and before that of `piece`, that together take all of it; none where they do not.
    pub(super) fn taken_by(&self, piece: &Piece<'p>, among: &[Piece<'p>]) -> Option<Vec<usize>> {
        self.taken(piece, among.iter())
    }

    fn taken<'s>(&self, piece: &Piece<'p>, among: impl Iterator<Item = &'s Piece<'p>>) -> Option<Vec<usize>>
    where
        'p: 's,
    {
        let mut looked_at = 0;
        let helps = |other: &&Piece<'p>| other.rule < piece.rule && may_help(other, piece);
        let near: Vec<&Piece<'p>> = among.inspect(|_| looked_at += 1).filter(helps).collect();
        // A look at one costs less than to hold it against another.
        let each = Cell::new(MOST_EACH);
        let mut by = Vec::new();
        let taken = self.afford(looked_at / 4, &each) && self.covered(piece, &near, &each, &mut by);
        taken.then(|| {
            by.sort_unstable();
            by.dedup();
            by
        })
    }

    /// Whether so many comparisons may still be made.
    fn afford(&self, cost: u64, each: &Cell<u64>) -> bool {
        let affordable = each.get() >= cost && self.left.get() >= cost;
        each.set(each.get().saturating_sub(cost));
        self.left.set(self.left.get().saturating_sub(cost));
        affordable
    }

    /// Whether the rules together take every request.
    pub(super) fn takes_everything(&self) -> bool {
        let all: Vec<&Piece<'p>> = self.pieces.iter().collect();
        let every = |what| Piece { rule: 0, users: Words::Any, groups: Words::Any, verbs: Words::Any, what };
        [objects(Words::Any, None), What::Urls(vec!["*"])]
            .into_iter()
            .all(|what| all.iter().any(|piece| self.contains(piece, &every(what.clone()))))
    }

    fn id(&self, word: &'p str) -> u32 {
        let mut words = self.words.borrow_mut();
        // Not more words than bytes of a file.
        let next = u32::try_from(words.len()).unwrap_or(u32::MAX);
        *words.entry(word).or_insert(next)
    }

    fn words(&self, list: &'p [String]) -> Words {
        if list.is_empty() { Words::Any } else { Words::of(list.iter().map(|word| self.id(word)).collect()) }
    }

    fn pieces_of(&self, at: usize, rule: &'p Rule) -> Vec<Piece<'p>> {
        let for_objects = !rule.namespaces.is_empty() || !rule.resources.is_empty();
        let mut whats = Vec::new();
        if for_objects || rule.urls.is_empty() {
            let atoms: Option<Vec<Atom>> = (!rule.resources.is_empty())
                .then(|| rule.resources.iter().flat_map(|one| self.atoms(one)).collect());
            // Every resource of every group is what a rule has that does not ask.
            let atoms = atoms.filter(|atoms| !atoms.iter().any(Atom::is_everything));
            if atoms.as_ref().is_none_or(|atoms| !atoms.is_empty()) {
                whats.push(objects(self.words(&rule.namespaces), atoms));
            }
        }
        if !for_objects {
            let urls: Vec<&str> = rule.urls.iter().map(String::as_str).collect();
            whats.push(What::Urls(if urls.is_empty() { vec!["*"] } else { urls }));
        }
        let piece = |what| Piece {
            rule: at,
            users: self.words(&rule.users),
            groups: self.words(&rule.groups),
            verbs: self.words(&rule.verbs),
            what,
        };
        whats.into_iter().map(piece).collect()
    }

    fn atoms(&self, of: &'p Resources) -> Vec<Atom> {
        let group = (of.group != "*").then(|| self.id(&of.group));
        if of.resources.is_empty() {
            return vec![Atom { group, pattern: Pattern::All, names: Words::Any }];
        }
        let names = self.words(&of.names);
        let pattern = |word: &'p str| {
            Some(match word.split_once('/') {
                _ if word == "*" => Pattern::All,
                None => Pattern::One(self.id(word), self.id("")),
                Some(("*", "*")) | Some((_, "")) => return None,
                Some(("*", sub)) => Pattern::Sub(self.id(sub)),
                Some((main, "*")) => Pattern::Of(self.id(main)),
                Some((main, sub)) => Pattern::One(self.id(main), self.id(sub)),
            })
        };
        let patterns = of.resources.iter().filter_map(|word| pattern(word));
        patterns.map(|pattern| Atom { group, pattern, names: names.clone() }).collect()
    }

    fn restrict(&self, piece: &Piece<'p>, probe: Probe) -> Option<Piece<'p>> {
        let What::Objects(namespaces, atoms, _) = &piece.what else { return None };
        let asked: Vec<u32> = probe.verbs.iter().map(|verb| self.id(verb)).collect();
        let verbs: Vec<u32> = match &piece.verbs {
            Words::Any => asked,
            of @ Words::Of(..) => asked.into_iter().filter(|verb| of.has(*verb)).collect(),
        };
        if verbs.is_empty() {
            return None;
        }
        let what = if probe.resource.is_empty() {
            piece.what.clone()
        } else {
            let (main, sub) = probe.resource.split_once('/').unwrap_or((probe.resource, ""));
            let wanted = Atom {
                group: Some(self.id(probe.group)),
                pattern: Pattern::One(self.id(main), self.id(sub)),
                names: Words::Any,
            };
            objects(namespaces.clone(), Some(vec![narrowed(atoms.as_deref(), wanted)?]))
        };
        Some(Piece { verbs: Words::of(verbs), what, ..piece.clone() })
    }

    /// Whether these, of which each may help, together contain a piece.
    fn covered(&self, piece: &Piece<'p>, near: &[&Piece<'p>], each: &Cell<u64>, by: &mut Vec<usize>) -> bool {
        let sizes = near.iter().map(|other| 1 + (piece.what.size() * other.what.size()) as u64 / 8);
        if near.is_empty() || !self.afford(sizes.sum(), each) {
            return false;
        }
        if let Some(whole) = near.iter().find(|other| self.contains(other, piece)) {
            by.push(whole.rule);
            return true;
        }
        let Some(parts) = parts(piece) else { return false };
        parts.iter().all(|part| {
            let near: Vec<&Piece<'p>> = near.iter().copied().filter(|other| may_help(other, part)).collect();
            self.covered(part, &near, each, by)
        })
    }

    fn contains(&self, mine: &Piece<'p>, theirs: &Piece<'p>) -> bool {
        mine.verbs.contains(&theirs.verbs)
            && mine.users.contains(&theirs.users)
            && (mine.groups.contains(&theirs.groups) || self.all_authenticated(mine, theirs))
            && mine.what.contains(&theirs.what)
    }

    /// Whether `mine` is for `system:authenticated`, and `theirs` for users who are all of it: everybody is who is not
    /// anonymous (`apiserver/pkg/authentication/group/authenticated_group_adder.go`).
    fn all_authenticated(&self, mine: &Piece<'p>, theirs: &Piece<'p>) -> bool {
        if !mine.groups.has(self.authenticated) {
            return false;
        }
        let known = |words: &Words, word| matches!(words, Words::Of(..)) && !words.has(word);
        known(&theirs.users, self.anonymous) || known(&theirs.groups, self.unauthenticated)
    }
}

/// `wanted` with the names that the atoms which fit it ask for; none where none fits.
fn narrowed(atoms: Option<&[Atom]>, wanted: Atom) -> Option<Atom> {
    let Some(atoms) = atoms else { return Some(wanted) };
    let mut names: Option<Vec<u32>> = None;
    for atom in atoms {
        if !(atom.group.is_none() || atom.group == wanted.group) || !atom.pattern.contains(wanted.pattern) {
            continue;
        }
        match &atom.names {
            Words::Any => return Some(wanted),
            Words::Of(list, _) => names.get_or_insert_default().extend(list),
        }
    }
    names.map(|names| Atom { names: Words::of(names), ..wanted })
}

/// False where `one` can contain nothing of `other`. Groups are not looked at: `system:authenticated` contains others.
fn may_help(one: &Piece<'_>, other: &Piece<'_>) -> bool {
    one.verbs.may_help(&other.verbs) && one.users.may_help(&other.users) && one.what.may_help(&other.what)
}

/// The requests of a piece in several, by what it lists.
fn parts<'p>(piece: &Piece<'p>) -> Option<Vec<Piece<'p>>> {
    if let Some(parts) = piece.what.singly() {
        return Some(parts.into_iter().map(|what| Piece { what, ..piece.clone() }).collect());
    }
    if let Some(parts) = piece.verbs.singly() {
        return Some(parts.into_iter().map(|verbs| Piece { verbs, ..piece.clone() }).collect());
    }
    if let Some(parts) = piece.users.singly() {
        return Some(parts.into_iter().map(|users| Piece { users, ..piece.clone() }).collect());
    }
    let parts = piece.groups.singly()?;
    Some(parts.into_iter().map(|groups| Piece { groups, ..piece.clone() }).collect())
}
