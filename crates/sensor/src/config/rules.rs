//! The rules and habits that a configuration asks for, read from their files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use sundew_decoy::yaml;
use sundew_detect::Rulebook;
use sundew_habits::Settings;
use sundew_sigma::{LoadError, Source};

use super::Config;

/// How many rule files are read at most: a folder with more holds something else.
const MOST_FILES: usize = 20_000;
/// How deep folders are looked into.
const MOST_DEPTH: usize = 16;

/// The rules that a configuration asks for, and what is wrong with them. What is not wrong is used.
pub fn rulebook(config: &Config) -> (Rulebook, Vec<LoadError>) {
    let (own, mut errors) = read_rules(&config.rules.paths);
    let (mut book, wrong) = Rulebook::new(&own, config.rules.settings());
    errors.extend(wrong);
    let now = Timestamp::now();
    for exception in &book.settings.exceptions {
        if let Some(until) = exception.until.filter(|until| *until < now) {
            let reason = &exception.reason;
            let ended = until.strftime("%Y-%m-%d %H:%M UTC");
            book.notes.push(format!(
                "the exception for «{reason}» ended on {ended}; what it excepted is told again"
            ));
        }
    }
    (book, errors)
}

/// How habits are learnt; none where they are switched off.
pub fn habits_settings(config: &Config) -> Option<Settings> {
    config.habits.settings()
}

/// The texts of rule files, as [`read_rules`], where all of them must be there.
///
/// # Errors
///
/// The first file or folder that cannot be read.
pub fn rule_sources(paths: &[PathBuf]) -> Result<Vec<Source>, LoadError> {
    let (sources, errors) = read_rules(paths);
    errors.into_iter().next().map_or(Ok(sources), Err)
}

/// The texts of rule files: those that are named, and of folders all that end in .yml or .yaml, by name. What cannot be
/// read is told, and the rest read.
pub fn read_rules(paths: &[PathBuf]) -> (Vec<Source>, Vec<LoadError>) {
    let mut sources = Vec::new();
    let (files, mut errors) = rule_files(paths);
    for file in files {
        match text(&file) {
            Ok(text) => sources.push(Source { name: file.display().to_string(), text }),
            Err(what) => errors.push(error(&file, what)),
        }
    }
    (sources, errors)
}

/// The files that rules are read from. What is named twice is read once.
pub fn rule_files(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<LoadError>) {
    let mut files = Vec::new();
    let mut errors = Vec::new();
    for path in paths {
        let before = files.len();
        let found = match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => walk(path, MOST_DEPTH, &mut files),
            Ok(_) => {
                files.push(path.clone());
                Ok(())
            }
            Err(error) => Err(error),
        };
        match found {
            Err(why) => errors.push(error(path, format!("the rules cannot be read: {why}"))),
            Ok(()) if files.len() == before => {
                errors.push(error(path, "this folder has no rules: no .yml or .yaml".to_owned()));
            }
            Ok(()) => {}
        }
    }
    let mut seen = std::collections::HashSet::new();
    files.retain(|file| seen.insert(file.clone()));
    (files, errors)
}

/// The rule files of a folder and of those in it, in order. What begins with a dot is passed over: beside a mounted
/// ConfigMap's files there are their older versions.
fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if depth == 0 {
        return Err(io::Error::other(format!("its folders are more than {MOST_DEPTH} deep")));
    }
    let mut entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    for path in entries {
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden {
            continue;
        }
        if path.is_dir() {
            walk(&path, depth - 1, files)?;
        } else if path.extension().is_some_and(|of| of == "yml" || of == "yaml") {
            files.push(path);
        }
        if files.len() > MOST_FILES {
            return Err(io::Error::other(format!("there are more than {MOST_FILES} files")));
        }
    }
    Ok(())
}

fn text(file: &Path) -> Result<String, String> {
    let cannot = |error| format!("it cannot be read: {error}");
    let size = fs::metadata(file).map_err(cannot)?.len();
    if size > yaml::MAX_BYTES {
        return Err(format!("{size} bytes are more than a rule file has"));
    }
    fs::read_to_string(file).map_err(cannot)
}

fn error(path: &Path, what: String) -> LoadError {
    let advice = "correct the path, or take it out".to_owned();
    LoadError { file: path.display().to_string(), line: None, rule: None, what, advice }
}
