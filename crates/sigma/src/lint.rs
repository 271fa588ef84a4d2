//! What is worth saying about rules that can be loaded: above all, why one can never match.
//!
//! ```text
//! Document ─┬─ branches of the condition ─┬─ each of them never ─ Dead
//!           │                             └─ what they also match, or miss ─ Doubt
//!           └─ what it says about itself ─ Advice
//! ```

mod advice;
mod ask;
mod branch;
mod count;
mod dead;
mod doubt;
mod find;
mod names;
mod words;

use std::collections::HashSet;

use rsigma_parser::{Detections, FilterRule, SigmaRule};

use self::branch::{Branch, Line};
use crate::{
    LoadError, RuleSet, Source,
    load::{self, Ast, Document},
};

/// How much a remark matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Could be better.
    Advice,
    /// Matches what it does not mean, or misses what it means.
    Doubt,
    /// Can never match.
    Dead,
    /// Cannot be loaded.
    Broken,
}

/// One remark about one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The file.
    pub file: String,
    /// The line in it, from 1, where it can be told.
    pub line: Option<usize>,
    /// The rule's title.
    pub rule: String,
    /// How much it matters.
    pub weight: Weight,
    /// What is wrong, in one sentence.
    pub what: String,
    /// What to write instead; may be empty.
    pub fix: String,
}

/// Something that is wrong at one place of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Flaw {
    line: Option<usize>,
    what: String,
    fix: String,
}

/// Looks at `sources`, worst first within each file.
pub fn lint(sources: &[Source]) -> Vec<Remark> {
    let loaded = RuleSet::load(sources);
    let (documents, _) = load::read(sources);
    let broken = |document: &&Document| {
        loaded
            .errors
            .iter()
            .any(|error| error.file == document.file && error.rule.as_deref() == Some(document.title()))
    };
    let usable: Vec<&Document> = documents.iter().filter(|document| !broken(document)).collect();
    let mut remarks: Vec<Remark> = loaded.errors.iter().map(of_error).collect();
    let mut dead = HashSet::new();
    for document in &usable {
        let found = match &document.ast {
            Ast::Detection(rule) => of_rule(document, rule),
            Ast::Filter(filter) => of_filter(document, filter),
            Ast::Correlation(_) => continue,
        };
        if found.iter().any(|remark| remark.weight == Weight::Dead) {
            dead.extend(document.id().map(str::to_owned));
            dead.insert(document.name());
        }
        remarks.extend(found);
    }
    remarks.extend(usable.iter().flat_map(|document| of_correlation(document, &dead)));
    sort(&mut remarks, sources);
    remarks
}

fn sort(remarks: &mut Vec<Remark>, sources: &[Source]) {
    let place = |file: &str| sources.iter().position(|source| source.name == file);
    remarks.sort_by_cached_key(|remark| {
        (place(&remark.file), std::cmp::Reverse(remark.weight), remark.line, remark.what.clone())
    });
    remarks.dedup();
}

fn of_error(error: &LoadError) -> Remark {
    Remark {
        file: error.file.clone(),
        line: error.line,
        rule: error.rule.clone().unwrap_or_default(),
        weight: Weight::Broken,
        what: error.what.clone(),
        fix: error.advice.clone(),
    }
}

fn remark(document: &Document, weight: Weight, flaw: Flaw) -> Remark {
    Remark {
        file: document.file.clone(),
        line: flaw.line,
        rule: document.title().to_owned(),
        weight,
        what: flaw.what,
        fix: flaw.fix,
    }
}

fn of_rule(document: &Document, rule: &SigmaRule) -> Vec<Remark> {
    let branches = branch::all(&rule.detection).unwrap_or_default();
    let mut remarks = never(document, &branches);
    let alive = remarks.is_empty();
    let mut add = |weight, flaws: Vec<Flaw>| {
        remarks.extend(flaws.into_iter().map(|flaw| remark(document, weight, flaw)));
    };
    if alive {
        add(Weight::Doubt, idle(document, &rule.detection));
        add(Weight::Doubt, doubt::of_rule(document, rule, &branches));
    }
    add(Weight::Doubt, doubt::of_selections(document, &rule.detection));
    add(Weight::Advice, idle_values(document, &rule.detection));
    add(Weight::Advice, advice::of(document, &rule.into()));
    remarks
}

/// Why none of the ways to meet the condition can be gone; nothing where one can.
fn never(document: &Document, branches: &[Branch<'_>]) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for branch in branches {
        let lines: Vec<Flaw> = branch.asked.iter().filter_map(|part| dead::line(document, part)).collect();
        let whole = if lines.is_empty() { dead::branch(document, branch) } else { None };
        if lines.is_empty() && whole.is_none() {
            return Vec::new();
        }
        remarks.extend(lines.into_iter().chain(whole).map(|flaw| remark(document, Weight::Dead, flaw)));
    }
    remarks
}

/// The lines that are never met, in a rule that can match all the same.
fn idle(document: &Document, detections: &Detections) -> Vec<Flaw> {
    branch::parts(detections).iter().filter_map(|part| doubt::idle_line(document, part)).collect()
}

/// The values that a field never has, beside others that it has.
fn idle_values(document: &Document, detections: &Detections) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    for part in branch::parts(detections) {
        if let (Line::Item(item), Some(name)) = (part.line, part.field())
            && dead::line(document, &part).is_none()
        {
            flaws.extend(dead::values(document, &part, name, item));
        }
    }
    flaws
}

fn of_filter(document: &Document, filter: &FilterRule) -> Vec<Remark> {
    let flaws = doubt::of_selections(document, &filter.detection)
        .into_iter()
        .chain(idle(document, &filter.detection));
    flaws.map(|flaw| remark(document, Weight::Doubt, flaw)).collect()
}

fn of_correlation(document: &Document, dead: &HashSet<String>) -> Vec<Remark> {
    let Ast::Correlation(rule) = &document.ast else { return Vec::new() };
    let never = count::dead(document, rule, &|name| dead.contains(name));
    let doubts = count::doubts(document, rule);
    let advice = advice::of(document, &(&**rule).into());
    let weighed = never.into_iter().map(|flaw| (Weight::Dead, flaw));
    let weighed = weighed.chain(doubts.into_iter().map(|flaw| (Weight::Doubt, flaw)));
    let weighed = weighed.chain(advice.into_iter().map(|flaw| (Weight::Advice, flaw)));
    weighed.map(|(weight, flaw)| remark(document, weight, flaw)).collect()
}
