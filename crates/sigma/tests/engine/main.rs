//! Rules on events: what a rule file says is what is met, and what cannot be used is told with its place.

mod arrays;
mod bodies;
mod conditions;
mod extensions;
mod fields;
mod filters;
mod loading;
mod many;
mod values;

use sundew_audit::parse;
use sundew_sigma::{Loaded, RuleSet, Source};

/// Loads one file.
fn load(text: &str) -> Loaded {
    RuleSet::load(&[Source { name: "rules.yml".into(), text: text.into() }])
}

/// One rule with this selection.
fn rule(selection: &str) -> String {
    format!("title: Rule\ndetection:\n  selection: {selection}\n  condition: selection\n")
}

/// Whether the event meets the one rule in `text`.
fn meets(text: &str, event: &str) -> bool {
    let loaded = load(text);
    assert_eq!(loaded.errors, [], "{text}");
    let event = parse::event(event).unwrap_or_else(|error| panic!("{error}: {event}"));
    let mut hits = Vec::new();
    loaded.set.judge(&event, &mut hits);
    !hits.is_empty()
}

/// Whether the event meets this selection.
fn selects(selection: &str, event: &str) -> bool {
    meets(&rule(selection), event)
}

/// What loading one rule with this selection complains of.
fn complaint(selection: &str) -> String {
    let loaded = load(&rule(selection));
    assert!(loaded.set.rules().is_empty(), "{selection} loads");
    loaded.errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
