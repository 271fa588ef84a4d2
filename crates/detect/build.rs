//! Lists the built-in rules: every file of `rules/` in the checkout's root, with the events beside it.

use std::{
    env,
    error::Error,
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../rules");
    let mut rules = Vec::new();
    gather(&root, &mut rules)
        .map_err(|error| format!("cannot read the rules in {}: {error}", root.display()))?;
    rules.sort();
    let mut list = String::from("&[\n");
    for rule in rules {
        let name = rule.strip_prefix(&root)?.to_str().ok_or("the name of a rule file is no UTF-8")?;
        let (matching, passing) = (beside(&rule, "match.jsonl"), beside(&rule, "pass.jsonl"));
        writeln!(
            list,
            "Entry {{ path: {name:?}, text: include_str!({rule:?}), matching: {matching}, passing: {passing} }},"
        )?;
    }
    list.push(']');
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("rules.rs"), list)?;
    Ok(())
}

/// All rule files under `folder`. Cargo is told to look at every folder: one that grows has a new file.
fn gather(folder: &Path, rules: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            gather(&path, rules)?;
        } else if path.extension().is_some_and(|of| of == "yml") {
            rules.push(path);
        }
    }
    Ok(())
}

/// The file of events beside a rule, as an expression; empty where there is none.
fn beside(rule: &Path, suffix: &str) -> String {
    let events = rule.with_extension(suffix);
    if events.is_file() { format!("include_str!({events:?})") } else { "\"\"".to_owned() }
}
