//! Brings the built-in pack and the user's own rules together.

use std::collections::HashSet;

use sundew_decoy::yaml::nearest;
use sundew_sigma::{LoadError, RuleSet, Source};

use super::pack::{self, Entry};

/// The rules of both.
pub(super) struct Together {
    pub(super) set: RuleSet,
    pub(super) errors: Vec<LoadError>,
    /// Which built-in rules gave way.
    pub(super) notes: Vec<String>,
}

/// Loads `own` rules, and those of the pack whose names and ids are not taken by them.
pub(super) fn together(builtin: &[Entry], own: &[Source]) -> Together {
    let mut taken: HashSet<&str> = own.iter().flat_map(|source| pack::names(&source.text)).collect();
    let mut loaded = RuleSet::load(&sources(builtin, own, &taken).0);
    // A name in a rule that cannot be loaded takes nobody's place.
    let before = taken.len();
    taken.retain(|name| loaded.set.find(name).is_some());
    let (sources, gave_way) = sources(builtin, own, &taken);
    if taken.len() < before {
        loaded = RuleSet::load(&sources);
    }
    let note = |(name, entry): (&str, &Entry)| {
        let by = own.iter().find(|source| pack::names(&source.text).any(|own| own == name));
        let by = by.map_or("a rule of your own", |source| &source.name);
        format!("`{name}` of {by} takes the place of the {} rule", entry.name())
    };
    Together { set: loaded.set, errors: loaded.errors, notes: gave_way.into_iter().map(note).collect() }
}

/// `own` rules, and the built-in ones whose names and ids are not taken by them: all that a correlation of one's own can
/// refer to.
pub fn with_pack(own: &[Source]) -> Vec<Source> {
    let taken = own.iter().flat_map(|source| pack::names(&source.text)).collect();
    sources(pack::entries(), own, &taken).0
}

/// The texts to load, and which names the built-in rules had that gave way.
fn sources<'e>(
    builtin: &'e [Entry],
    own: &[Source],
    taken: &HashSet<&str>,
) -> (Vec<Source>, Vec<(&'e str, &'e Entry)>) {
    let mut gave_way = Vec::new();
    let mut sources = Vec::new();
    for entry in builtin {
        let source = |text: &str| Source { name: entry.name(), text: text.to_owned() };
        if !pack::names(entry.text).any(|name| taken.contains(name)) {
            sources.push(source(entry.text));
            continue;
        }
        for document in pack::documents(entry.text) {
            match pack::names(document).find(|name| taken.contains(name)) {
                Some(name) => gave_way.push((name, entry)),
                None => sources.push(source(document)),
            }
        }
    }
    sources.extend_from_slice(own);
    (sources, gave_way)
}

/// That a setting names a rule which there is not.
pub(super) fn unknown(setting: &str, name: &str, set: &RuleSet) -> LoadError {
    let known = set.rules().iter().map(|rule| rule.name.as_str());
    let advice = match nearest(name, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "`sundew rules list` lists the names".to_owned(),
    };
    LoadError {
        file: setting.to_owned(),
        line: None,
        rule: None,
        what: format!("no rule is named `{name}`"),
        advice,
    }
}
