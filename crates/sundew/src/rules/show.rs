//! `sundew rules show`.

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use sundew_decoy::yaml::nearest;
use sundew_detect::{Exception, Rulebook};
use sundew_sigma::{Kind, Rule, RuleId};

use super::{as_json, book, built_in, origin, state};
use crate::{
    args::{self, Output},
    exit::Exit,
    page::{self, Page, print_json},
};

/// How wide the column of keys is.
const KEY: usize = 10;

pub(super) fn run(args: &args::RulesShow) -> Result<Exit> {
    let book = book(&args.book)?;
    let id = find(&book, &args.name)?;
    let rule = book.set.rule(id);
    if args.source {
        page::deliver(source(rule)?.as_bytes(), None)?;
        return Ok(Exit::Clean);
    }
    if args.output == Output::Json {
        print_json(&as_json(&book, id))?;
        return Ok(Exit::Clean);
    }
    let mut page = Page::new(None);
    show(&mut page, &book, id);
    page.finish(None)?;
    Ok(Exit::Clean)
}

/// The rule of this name, which may be as findings say it.
fn find(book: &Rulebook, name: &str) -> Result<RuleId> {
    let short = name.strip_prefix("rules.").unwrap_or(name);
    if let Some(id) = book.set.find(name).or_else(|| book.set.find(short)) {
        return Ok(id);
    }
    let meant = nearest(short, book.set.rules().iter().map(|rule| rule.name.as_str()));
    let meant = meant.map_or(String::new(), |name| format!(" (did you mean `{name}`?)"));
    bail!("there is no rule `{name}`{meant}; `sundew rules list` lists them");
}

fn source(rule: &Rule) -> Result<String> {
    match built_in(rule) {
        Some(entry) => Ok(entry.text.to_owned()),
        None => std::fs::read_to_string(&rule.file).with_context(|| format!("cannot read {}", rule.file)),
    }
}

fn show(page: &mut Page, book: &Rulebook, id: RuleId) {
    let rule = book.set.rule(id);
    page.severity(rule.level.severity(), &rule.title, &rule.name);
    page.gap();
    paragraph(page, &rule.description);
    list(page, "Who does this rightly", &rule.false_positives);
    for (title, text) in [("What to do", &rule.fix), ("What it does not see", &rule.unseen)] {
        if let Some(text) = text {
            page.heading(title, "");
            paragraph(page, text);
        }
    }
    page.heading("About", "");
    let kind = match rule.kind {
        Kind::Detection => "of one event",
        Kind::Correlation => "of several events together",
    };
    page.entry(2, "Kind", KEY, kind);
    page.entry(2, "ATT&CK", KEY, &rule.attack.join(", "));
    page.entry(2, "Logged at", KEY, &format!("{}, in the audit policy", rule.audit_level.as_str()));
    page.entry(2, "State", KEY, said(state(book, id)));
    page.entry(2, "From", KEY, &origin(rule));
    for (key, value) in [("Id", &rule.id), ("Status", &rule.status)] {
        value.iter().for_each(|value| page.entry(2, key, KEY, value));
    }
    list(page, "References", &rule.references);
    exceptions(page, book, rule);
    page.gap();
    page.faint(0, &format!("`sundew rules show {} --source` prints the Sigma file.", rule.name));
}

fn said(state: &str) -> &'static str {
    match state {
        "off" => "off, by `rules.off` in the configuration",
        "part" => "a part of other rules, and not told by itself",
        _ => "on",
    }
}

/// A text of several lines, as the file breaks it for its own width.
fn paragraph(page: &mut Page, text: &str) {
    for part in text.trim().split("\n\n") {
        page.paragraph(2, &part.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}

fn list(page: &mut Page, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    page.heading(title, "");
    lines.iter().for_each(|line| page.indented(2, &format!("- {}", line.trim())));
}

/// Who is excepted, and how somebody is.
fn exceptions(page: &mut Page, book: &Rulebook, rule: &Rule) {
    let now = Timestamp::now();
    let of = |exception: &&Exception| {
        exception.rule.as_ref().is_none_or(|named| *named == rule.name || Some(named) == rule.id.as_ref())
    };
    page.heading("Exceptions", "");
    for exception in book.settings.exceptions.iter().filter(of) {
        let who = exception.actor.as_deref().unwrap_or("everybody");
        let place =
            exception.namespace.as_ref().map(|name| format!(" in namespace {name}")).unwrap_or_default();
        let until = match exception.until {
            Some(until) if until < now => format!(", ended {}", until.strftime("%F %H:%M UTC")),
            Some(until) => format!(", until {}", until.strftime("%F %H:%M UTC")),
            None => String::new(),
        };
        page.indented(2, &format!("- {who}{place}{until}: {}", exception.reason));
    }
    page.faint(2, "To except somebody, in the configuration:");
    page.faint(4, "rules:");
    page.faint(6, &format!("exceptions: [{{rule: {}, actor: USER, reason: WHY, until: DATE}}]", rule.name));
}
