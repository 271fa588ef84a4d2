//! What an identity would lose, in words.

use std::collections::BTreeMap;

use sundew_posture::{
    model::{Rule, Str},
    usage::{Least, rule_in_words},
};

use super::{
    atoms::{Placed, apart, is_held, together},
    identity::Bound,
};

/// The most rights that are listed one by one of one identity.
const MOST_LOST: usize = 50;

/// The most names that one of them is said with.
const MOST_WORDS: usize = 4;

/// What would be lost, in words; nothing where that is nothing.
pub(super) fn lost(bound: &[Bound<'_>], stays: &[bool], enough: &Least) -> Option<Vec<String>> {
    let mut left = placed(&enough.rules());
    for (bound, _) in bound.iter().zip(stays).filter(|(_, stays)| **stays) {
        left.extend(bound.placed());
    }
    let mut said = Vec::new();
    for (bound, _) in bound.iter().zip(stays).filter(|(_, stays)| !**stays) {
        let place = &bound.binding.meta.namespace;
        for rule in bound.role.rules.iter() {
            let mut gone = apart(rule);
            gone.retain(|atom| !is_held(left.iter(), place, atom));
            said.extend(
                together(gone)
                    .iter()
                    .map(|rule| format!("{}{}", in_place(rule, place), but(rule, place, &left))),
            );
        }
    }
    let empty = bound.iter().zip(stays).any(|(bound, stays)| !stays && bound.role.rules.is_empty());
    said.sort_unstable();
    said.dedup();
    if said.len() > MOST_LOST {
        let more = said.len() - MOST_LOST;
        said.truncate(MOST_LOST);
        said.push(format!("and {more} more"));
    }
    (!said.is_empty() || empty).then_some(said)
}

/// What of a rule that is lost is left after all: for some names, or in some namespaces.
fn but(rule: &Rule, place: &Str, left: &[Placed]) -> String {
    let whole = [(place.clone(), rule.clone())];
    let within = |(at, of): &&Placed| apart(of).iter().any(|atom| is_held(whole.iter(), at, atom));
    let within: Vec<&Placed> = left.iter().filter(within).collect();
    if within.is_empty() {
        return String::new();
    }
    let is_wild = rule.verbs.iter().chain(&rule.resources).chain(&rule.groups).any(|of| &**of == "*");
    if is_wild {
        return ", but for what it keeps".to_owned();
    }
    let mut names: Vec<&str> = Vec::new();
    let mut places: Vec<&str> = Vec::new();
    for (at, of) in within {
        if at == place {
            names.extend(of.names.iter().map(|name| &**name));
        } else {
            places.push(at);
        }
    }
    let mut but: Vec<String> = Vec::new();
    for (what, mut words) in [("", names), ("what is in ", places)] {
        words.sort_unstable();
        words.dedup();
        if !words.is_empty() {
            let more = words.len().saturating_sub(MOST_WORDS);
            let shown = words[..words.len() - more].join(", ");
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            but.push(format!("{what}{shown}{more}"));
        }
    }
    if but.is_empty() { String::new() } else { format!(", but for {}", but.join(" and ")) }
}

pub(super) fn placed(rules: &BTreeMap<String, Vec<Rule>>) -> Vec<Placed> {
    let each = rules
        .iter()
        .flat_map(|(place, rules)| rules.iter().map(move |rule| (Str::from(place.as_str()), rule.clone())));
    each.collect()
}

/// `get, list secrets in namespace shop`.
pub(super) fn in_place(rule: &Rule, place: &str) -> String {
    match place {
        _ if !rule.urls.is_empty() => rule_in_words(rule),
        "" => format!("{} in the whole cluster", rule_in_words(rule)),
        place => format!("{} in namespace {place}", rule_in_words(rule)),
    }
}
