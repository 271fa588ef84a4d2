//! `sundew rules list`.

use anyhow::{Result, bail};
use sundew_decoy::yaml::nearest;
use sundew_detect::{Rulebook, rules::pack};
use sundew_sigma::{Rule, RuleId};

use super::{as_json, book, built_in, each, origin, state};
use crate::{
    args::{self, Output},
    exit::Exit,
    page::{Page, print_json},
    table::counted,
};

pub(super) fn run(args: &args::RulesList) -> Result<Exit> {
    let book = book(&args.book)?;
    check_topic(args)?;
    let mut rules: Vec<(RuleId, &Rule)> = each(&book).filter(|(_, rule)| is_asked(args, rule)).collect();
    rules.sort_by_key(|(_, rule)| (topic(rule), std::cmp::Reverse(rule.level), rule.name.clone()));
    if args.output == Output::Json {
        print_json(&rules.iter().map(|(id, _)| as_json(&book, *id)).collect::<Vec<_>>())?;
        return Ok(Exit::Clean);
    }
    let mut page = Page::new(None);
    if rules.is_empty() {
        page.line("No rule is like this; `sundew rules list` lists all.");
        page.finish(None)?;
        return Ok(Exit::Clean);
    }
    print(&mut page, &book, &rules);
    page.finish(None)?;
    Ok(Exit::Clean)
}

/// Own rules come first.
fn topic(rule: &Rule) -> &'static str {
    built_in(rule).map_or("", |entry| entry.topic())
}

fn check_topic(args: &args::RulesList) -> Result<()> {
    let Some(asked) = &args.topic else { return Ok(()) };
    let mut topics: Vec<&str> = pack::entries().iter().map(|entry| entry.topic()).collect();
    topics.dedup();
    if topics.contains(&asked.as_str()) {
        return Ok(());
    }
    let meant = nearest(asked, topics.iter().copied());
    let meant = meant.map_or(String::new(), |topic| format!(" (did you mean `{topic}`?)"));
    bail!("there is no topic `{asked}`{meant}; there is {}", topics.join(", "));
}

fn is_asked(args: &args::RulesList, rule: &Rule) -> bool {
    let of = |technique: &String| {
        let (asked, has) = (technique.to_uppercase(), &rule.attack);
        has.iter()
            .any(|id| id.strip_prefix(&asked).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    };
    let says = |text: &String| {
        let text = text.to_lowercase();
        [&rule.name, &rule.title, &rule.description].iter().any(|has| has.to_lowercase().contains(&text))
    };
    args.level.is_none_or(|least| rule.level.severity() >= least)
        && args.technique.as_ref().is_none_or(of)
        && args.topic.as_ref().is_none_or(|asked| topic(rule) == asked)
        && args.search.as_ref().is_none_or(says)
}

/// The columns, and in which order they go where a terminal is too narrow for all: 0 stays, else the greatest first.
const COLUMNS: [(&str, u8); 7] = [
    ("RULE", 0),
    ("LEVEL", 0),
    ("STATE", 1),
    ("LOGGED AT", 2),
    ("ATT&CK", 3),
    ("FROM", 4),
    ("WHAT IT TELLS", 0),
];
const STATE: usize = 2;
/// As much of what a rule tells stays in one line.
const TITLE: usize = 36;

fn print(page: &mut Page, book: &Rulebook, rules: &[(RuleId, &Rule)]) {
    let row = |(id, rule): &(RuleId, &Rule)| {
        vec![
            rule.name.clone(),
            rule.level.severity().to_string(),
            state(book, *id).to_owned(),
            rule.audit_level.as_str().to_owned(),
            rule.attack.join(" "),
            origin(rule),
            rule.title.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = rules.iter().map(row).collect();
    let kept = kept(&rows, page.width());
    let only = |row: &Vec<String>| {
        let mut only: Vec<String> = kept.iter().map(|at| row[*at].clone()).collect();
        if !kept.contains(&STATE) && row[STATE] == "off" {
            only.last_mut().into_iter().for_each(|title| title.insert_str(0, "Off: "));
        }
        only
    };
    let headers: Vec<&str> = kept.iter().map(|at| COLUMNS[*at].0).collect();
    page.columns(&headers, &rows.iter().map(only).collect::<Vec<_>>());
    page.gap();
    let parts = rules.iter().filter(|(id, _)| state(book, *id) == "part").count();
    let parts = match parts {
        0 => String::new(),
        _ => format!(", {parts} of them parts of others and not told by themselves"),
    };
    let rest = if kept.len() < COLUMNS.len() {
        "; a wider terminal, a pipe or -o json has more columns"
    } else {
        ""
    };
    page.line(&format!(
        "{}{parts}. `sundew rules show RULE` says what to do{rest}.",
        counted(rules.len() as u64, "rule")
    ));
}

/// Which columns there is room for.
fn kept(rows: &[Vec<String>], width: Option<usize>) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..COLUMNS.len()).collect();
    let wide = |at: usize| {
        let longest = rows.iter().map(|row| row[at].chars().count()).max().unwrap_or_default();
        let longest = longest.max(COLUMNS[at].0.len());
        if at == COLUMNS.len() - 1 { longest.min(TITLE) } else { longest + 2 }
    };
    let mut least = 4;
    while width.is_some_and(|width| kept.iter().map(|at| wide(*at)).sum::<usize>() > width) && least > 0 {
        kept.retain(|at| COLUMNS[*at].1 < least);
        least -= 1;
    }
    kept
}
