//! `sundew rules lint`.

use std::collections::{BTreeMap, HashSet};

use anyhow::Result;
use serde_json::{Value, json};
use sundew_detect::rules::with_pack;
use sundew_sigma::{Remark, RuleSet, lint, lint::Weight};

use super::sources;
use crate::{
    args::{self, Output},
    exit::Exit,
    page::{Page, print_json},
    table::counted,
};

pub(super) fn run(args: &args::RulesLint) -> Result<Exit> {
    let (own, all_read) = sources(&args.paths);
    let names: HashSet<&str> = own.iter().map(|source| source.name.as_str()).collect();
    let mut all = own.clone();
    let mut remarks = lint(&all);
    if remarks.iter().any(|remark| remark.weight == Weight::Broken) {
        // A correlation of one's own may be of a built-in rule.
        all = with_pack(&own);
        remarks = lint(&all);
        remarks.retain(|remark| names.contains(remark.file.as_str()));
    }
    let rules =
        RuleSet::load(&all).set.rules().iter().filter(|rule| names.contains(rule.file.as_str())).count();
    if own.is_empty() && !all_read && args.output == Output::Table {
        return Ok(Exit::Failed);
    }
    if args.output == Output::Json {
        print_json(&remarks.iter().map(as_json).collect::<Vec<_>>())?;
    } else {
        let mut page = Page::new(None);
        remarks.iter().for_each(|remark| print(&mut page, remark));
        page.gap();
        page.line(&summary(rules, own.len(), &remarks));
        page.finish(None)?;
    }
    if !all_read {
        return Ok(Exit::Failed);
    }
    let bad = remarks.iter().any(|remark| remark.weight >= Weight::Dead);
    Ok(if bad { Exit::Found } else { Exit::Clean })
}

fn word(weight: Weight) -> &'static str {
    match weight {
        Weight::Advice => "advice",
        Weight::Doubt => "doubt",
        Weight::Dead => "dead",
        Weight::Broken => "broken",
    }
}

fn as_json(remark: &Remark) -> Value {
    json!({
        "file": remark.file,
        "line": remark.line,
        "rule": remark.rule,
        "weight": word(remark.weight),
        "what": remark.what,
        "fix": remark.fix,
    })
}

fn print(page: &mut Page, remark: &Remark) {
    let line = remark.line.map(|line| format!(":{line}")).unwrap_or_default();
    let rule = if remark.rule.is_empty() { String::new() } else { format!(" ({})", remark.rule) };
    page.entry(0, word(remark.weight), 6, &format!("{}{line}{rule}", remark.file));
    page.indented(8, &remark.what);
    if !remark.fix.is_empty() {
        page.faint(8, &remark.fix);
    }
}

/// How many rules have which remark as their worst.
fn summary(rules: usize, files: usize, remarks: &[Remark]) -> String {
    let mut worst: BTreeMap<(&str, &str), Weight> = BTreeMap::new();
    for remark in remarks {
        let of = worst.entry((&remark.file, &remark.rule)).or_insert(remark.weight);
        *of = remark.weight.max(*of);
    }
    let said: Vec<String> = [
        (Weight::Broken, "cannot be loaded"),
        (Weight::Dead, "can never match"),
        (Weight::Doubt, "may not do what was meant"),
        (Weight::Advice, "could be better"),
    ]
    .into_iter()
    .map(|(weight, what)| (worst.values().filter(|of| **of == weight).count(), what))
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    let said = if said.is_empty() { "nothing to remark".to_owned() } else { said.join(", ") };
    format!("{} loaded of {}: {said}", counted(rules as u64, "rule"), counted(files as u64, "file"))
}
