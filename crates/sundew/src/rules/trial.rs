//! `sundew rules test`: tries each rule file on the events beside it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Result;
use serde_json::{Value, json};
use sundew_detect::rules::{
    pack,
    proof::{self, Proof},
    with_pack,
};
use sundew_sigma::{RuleSet, Source};

use super::sources;
use crate::{
    args::{self, Output},
    exit::Exit,
    gather::say,
    page::{Page, print_json},
    table::counted,
};

/// A rule file, with how it did.
struct Tried {
    file: String,
    /// The rules of it that could be loaded.
    rules: usize,
    proof: Proof,
}

impl Tried {
    /// Whether there was nothing to try it on.
    fn is_untried(&self) -> bool {
        self.proof.matching == 0 && self.proof.passing == 0 && self.proof.problems.is_empty()
    }
}

pub(super) fn run(args: &args::RulesTest) -> Result<Exit> {
    let (own, mut whole) = sources(&args.paths);
    let loaded = RuleSet::load(&with_pack(&own));
    let broken = loaded.errors.iter().filter(|error| own.iter().any(|source| source.name == error.file));
    for error in broken {
        say(&error.to_string());
        whole = false;
    }
    let mut tried = Vec::new();
    for source in &own {
        let [matching, passing] = events(source, &mut whole);
        tried.push(Tried {
            file: source.name.clone(),
            rules: proof::rules_of(&loaded.set, &source.name).len(),
            proof: proof::prove(&loaded.set, &source.name, &matching, &passing),
        });
    }
    if own.is_empty() && !whole && args.output == Output::Table {
        return Ok(Exit::Failed);
    }
    if args.output == Output::Json {
        print_json(&tried.iter().map(as_json).collect::<Vec<_>>())?;
    } else {
        print(&tried)?;
    }
    if !whole {
        return Ok(Exit::Failed);
    }
    let failed = tried.iter().any(|tried| !tried.proof.problems.is_empty());
    Ok(if failed { Exit::Found } else { Exit::Clean })
}

/// The events beside a rule file that must match, and those that must not.
fn events(source: &Source, whole: &mut bool) -> [String; 2] {
    if let Some(entry) = pack::entries().iter().find(|entry| entry.name() == source.name) {
        return [entry.matching.to_owned(), entry.passing.to_owned()];
    }
    [proof::MATCHING, proof::PASSING].map(|ending| {
        let path = beside(Path::new(&source.name), ending);
        match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                say(&format!("cannot read {}: {error}", path.display()));
                *whole = false;
                String::new()
            }
        }
    })
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    file.with_extension(ending)
}

/// Where events of a file lie, as people write it.
fn place(file: &str, ending: &str, line: Option<usize>) -> String {
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    format!("{}{line}", beside(Path::new(file), ending).display())
}

fn as_json(tried: &Tried) -> Value {
    let Tried { file, rules, proof } = tried;
    let problems: Vec<Value> = proof
        .problems
        .iter()
        .map(|p| json!({"file": place(file, p.file, None), "line": p.line, "what": p.what}))
        .collect();
    json!({"file": file, "rules": rules, "matching": proof.matching, "passing": proof.passing, "problems": problems})
}

fn print(tried: &[Tried]) -> Result<()> {
    let mut page = Page::new(None);
    for Tried { file, proof, .. } in tried {
        for problem in &proof.problems {
            page.entry(0, "failed", 6, &place(file, problem.file, problem.line));
            page.indented(8, &problem.what);
        }
    }
    for without in tried.iter().filter(|tried| tried.rules > 0 && tried.is_untried()) {
        page.entry(
            0,
            "untried",
            7,
            &format!("{}: no events beside it, {}", without.file, names(&without.file)),
        );
    }
    let sum = |of: fn(&Proof) -> usize| tried.iter().map(|tried| of(&tried.proof)).sum::<usize>() as u64;
    let problems = sum(|proof| proof.problems.len());
    let events = sum(|proof| proof.matching + proof.passing);
    let unloaded = tried.iter().filter(|tried| tried.rules == 0).count() as u64;
    let tail = match (problems, events) {
        (0, 0) => "nothing was tried".to_owned(),
        (0, _) => "all as they should".to_owned(),
        _ => counted(problems, "failure"),
    };
    let unloaded = match unloaded {
        0 => String::new(),
        some => format!("; {} without a rule that could be loaded", counted(some, "file")),
    };
    page.gap();
    page.line(&format!(
        "{}, {} that must match and {} that must not; {tail}{unloaded}",
        counted(tried.len() as u64, "file"),
        counted(sum(|proof| proof.matching), "event"),
        counted(sum(|proof| proof.passing), "event"),
    ));
    page.finish(None)
}

/// Under which names events would be found.
fn names(file: &str) -> String {
    let name = |ending| {
        let path = beside(Path::new(file), ending);
        path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    format!("neither {} nor {}", name(proof::MATCHING), name(proof::PASSING))
}
