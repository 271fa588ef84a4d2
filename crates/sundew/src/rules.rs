//! `sundew rules`: the rules that are used, what is wrong with them, and whether they do what they should.

mod lint;
mod list;
mod show;
mod trial;

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};
use sundew_detect::{
    RuleSettings, Rulebook,
    rules::pack::{self, Entry},
};
use sundew_sensor::config::{Config, read_rules, rulebook};
use sundew_sigma::{Kind, Level, LoadError, Rule, RuleId, Source};

use crate::{
    args::{self, RulesCommand},
    exit::Exit,
    gather::say,
};

/// The configuration that is taken where none is named and this one is there.
pub(crate) const CONFIG: &str = "sundew.yaml";

pub(crate) fn run(args: &args::RuleArgs) -> Result<Exit> {
    match &args.command {
        RulesCommand::List(args) => list::run(args),
        RulesCommand::Show(args) => show::run(args),
        RulesCommand::Lint(args) => lint::run(args),
        RulesCommand::Test(args) => trial::run(args),
    }
}

/// The configuration that is named, or that lies here.
pub(crate) fn config(named: Option<&PathBuf>) -> Result<Option<Config>> {
    match named {
        Some(path) => Ok(Some(Config::load(path)?)),
        None if Path::new(CONFIG).exists() => Ok(Some(Config::load(Path::new(CONFIG))?)),
        None => Ok(None),
    }
}

/// The rules that `args` ask for. What is wrong with some of them is said, and the rest taken.
pub(crate) fn book(args: &args::Book) -> Result<Rulebook> {
    let config = config(args.config.as_ref())?;
    let (book, errors) = match config {
        Some(mut config) => {
            config.rules.paths.extend(args.rules.iter().cloned());
            rulebook(&config)
        }
        None => {
            let (own, mut errors) = read_rules(&args.rules);
            let (book, wrong) = Rulebook::new(&own, RuleSettings::default());
            errors.extend(wrong);
            (book, errors)
        }
    };
    say_errors(&errors);
    book.notes.iter().for_each(|note| say(note));
    Ok(book)
}

fn say_errors(errors: &[LoadError]) {
    errors.iter().for_each(|error| say(&error.to_string()));
}

/// The built-in file that a rule comes from.
fn built_in(rule: &Rule) -> Option<&'static Entry> {
    pack::entries().iter().find(|entry| entry.name() == rule.file)
}

/// Where a rule comes from, in words.
fn origin(rule: &Rule) -> String {
    match built_in(rule) {
        Some(entry) => format!("built-in, {}", entry.topic()),
        None => rule.file.clone(),
    }
}

/// Whether a rule is told.
fn state(book: &Rulebook, id: RuleId) -> &'static str {
    match book.set.rule(id) {
        _ if book.is_off(id) => "off",
        rule if rule.silent || rule.level == Level::Informational => "part",
        _ => "on",
    }
}

/// Rules with their ids.
fn each(book: &Rulebook) -> impl Iterator<Item = (RuleId, &Rule)> {
    (0..).map(RuleId).zip(book.set.rules())
}

/// Everything about a rule.
fn as_json(book: &Rulebook, id: RuleId) -> Value {
    let rule = book.set.rule(id);
    json!({
        "name": rule.name,
        "id": rule.id,
        "title": rule.title,
        "level": rule.level.severity().as_str(),
        "state": state(book, id),
        "auditLevel": rule.audit_level.as_str(),
        "attack": rule.attack,
        "kind": match rule.kind {
            Kind::Detection => "detection",
            Kind::Correlation => "correlation",
        },
        "builtIn": built_in(rule).is_some(),
        "topic": built_in(rule).map(Entry::topic),
        "file": rule.file,
        "description": rule.description.trim(),
        "falsePositives": rule.false_positives,
        "fix": rule.fix.as_deref().map(str::trim),
        "unseen": rule.unseen.as_deref().map(str::trim),
        "references": rule.references,
        "status": rule.status,
    })
}

/// The sources at these paths; the built-in ones where there are none. False where some could not be read, which is
/// said.
fn sources(paths: &[PathBuf]) -> (Vec<Source>, bool) {
    if paths.is_empty() {
        return (pack::sources(), true);
    }
    let (own, errors) = read_rules(paths);
    say_errors(&errors);
    (own, errors.is_empty())
}
