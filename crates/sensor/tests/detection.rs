//! What the configuration says of rules and habits, and the rule files that it names.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use std::{fs, path::Path};

use jiff::{SignedDuration, Timestamp};
use sundew_sensor::{
    Config,
    config::{habits_settings, read_rules, rule_files, rule_sources, rulebook},
};
use tempfile::TempDir;

const SOURCES: &str = "version: 1\nsources: [{type: stdin, name: in}]\n";

fn config(text: &str) -> Config {
    read(text, Path::new("/etc/sundew/watch.yaml")).unwrap()
}

fn read(text: &str, path: &Path) -> Result<Config, String> {
    Config::read(&format!("{SOURCES}{text}\n"), path).map_err(|error| error.to_string())
}

/// The error of a configuration with this from line 3 on.
#[track_caller]
fn assert_refused(text: &str, parts: &[&str]) {
    let said = read(text, Path::new("sundew.yaml")).unwrap_err();
    assert!(said.starts_with("sundew.yaml: line "), "names file and place: {said}");
    assert!(parts.iter().all(|part| said.contains(part)), "{said}\nshould say {parts:?}");
}

/// The text of a rule.
fn rule(name: &str) -> String {
    format!(
        "title: {name}\nname: {name}\nlogsource: {{product: kubernetes, service: audit}}\n\
         detection: {{sel: {{verb: get}}, condition: sel}}\nlevel: low\n"
    )
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// The names of the files that rules are read from, below `folder`.
fn files(folder: &Path, paths: &[&str]) -> Vec<String> {
    let paths: Vec<_> = paths.iter().map(|path| folder.join(path)).collect();
    let (files, errors) = rule_files(&paths);
    assert_eq!(errors, []);
    files.iter().map(|file| file.strip_prefix(folder).unwrap().display().to_string()).collect()
}

#[test]
fn what_is_not_said_is_as_it_usually_is() {
    let config = config("");
    let rules = config.rules.settings();
    assert!(rules.builtin && rules.off.is_empty() && rules.exceptions.is_empty() && rules.hourly == 100);
    assert!(config.rules.paths.is_empty());
    let habits = habits_settings(&config).unwrap();
    assert_eq!(habits.learn_for, SignedDuration::from_hours(24));
    assert_eq!((habits.least_requests, habits.identities, habits.teaching), (20, 100_000, false));
}

#[test]
fn everything_can_be_set() {
    let config = config(
        "
rules:
  builtin: false
  paths: [own.yml, /srv/rules]
  off: [a, b]
  hourly: 7
  exceptions:
  - {rule: shell, actor: 'system:serviceaccount:ci:*', namespace: ci, reason: the runners do, until: 2027-03-31}
  - {actor: jane, reason: on call, until: '2027-03-31T18:00:00+02:00'}
habits: {learn: 168h, requests: 500, identities: 1000}
",
    );
    let names = config.rules.paths.iter().map(|path| path.to_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(names, ["/etc/sundew/own.yml", "/srv/rules"]);
    let rules = config.rules.settings();
    assert_eq!((rules.builtin, rules.hourly), (false, 7));
    assert_eq!(rules.off, ["a", "b"]);
    let [ci, jane] = rules.exceptions.as_slice() else { panic!("{rules:?}") };
    assert_eq!((ci.rule.as_deref(), ci.namespace.as_deref()), (Some("shell"), Some("ci")));
    assert_eq!(
        (ci.actor.as_deref(), ci.reason.as_str()),
        (Some("system:serviceaccount:ci:*"), "the runners do")
    );
    assert_eq!(jane.until, Some("2027-03-31T16:00:00Z".parse().unwrap()));
    let until: Timestamp = "2027-03-31T23:59:59.999999999Z".parse().unwrap();
    assert_eq!(ci.until, Some(until), "the whole of the last day");
    let habits = habits_settings(&config).unwrap();
    assert_eq!(habits.learn_for, SignedDuration::from_hours(7 * 24));
    assert_eq!((habits.least_requests, habits.identities), (500, 1000));
}

#[test]
fn habits_can_be_switched_off() {
    assert_eq!(habits_settings(&config("habits: {enabled: false}")), None);
}

#[test]
fn what_is_wrong_is_refused_with_its_place() {
    assert_refused("rulez: {}", &["line 3, column 1", "did you mean `rules`?"]);
    assert_refused("rules:\n  path: [a]", &["line 4, column 3", "did you mean `paths`?"]);
    assert_refused("rules: {hourly: 0}", &["line 3, column 17"]);
    assert_refused("rules: {hourly: lots}", &["line 3, column 17"]);
    assert_refused("habits: {lern: 24h}", &["line 3, column 10", "did you mean `learn`?"]);
    assert_refused("habits: {learn: tomorrow}", &["line 3, column 17", "`tomorrow` is no time", "72h"]);
    assert_refused("habits: {learn: 0s}", &["line 3, column 17", "`0s` is no time"]);
    assert_refused("habits: {identities: 0}", &["line 3, column 22"]);
    assert_refused("habits: {requests: -1}", &["line 3, column 20"]);
}

#[test]
fn an_exception_says_of_what_and_why_and_its_end_is_a_day_or_a_moment() {
    let exception = |text: &str| format!("rules:\n  exceptions:\n  - {text}");
    let refused = |text: &str, parts: &[&str]| assert_refused(&exception(text), parts);
    refused("{rule: shell}", &["line 5, column 6", "missing field `reason`"]);
    refused("{rule: shell, reason: ' '}", &["line 5, column 27", "the `reason` is empty"]);
    refused("{reason: because}", &["line 5, column 5", "everybody from every rule", "`namespace`"]);
    refused("{actr: jane, reason: because}", &["line 5, column 6", "did you mean `actor`?"]);
    refused("{actor: 'a*b', reason: because}", &["line 5, column 13", "`a*b` does not stand at its end"]);
    refused("{actor: '**', reason: because}", &["line 5, column 13", "`**`"]);
    for wrong in ["soon", "2027-02-30", "31.3.2027", "2027-03-31T18:00:00"] {
        let text = format!("{{rule: shell, reason: because, until: {wrong}}}");
        refused(
            &text,
            &["line 5, column 43", &format!("`{wrong}` is no day or moment"), "2027-03-31T18:00:00Z"],
        );
    }
}

#[test]
fn the_schema_takes_what_is_read() {
    let schema = Config::schema();
    let properties = &schema["properties"];
    assert!(properties["rules"].is_object() && properties["habits"].is_object());
    let exception = &schema["$defs"]["ExceptionConfig"];
    assert_eq!(exception["required"], serde_json::json!(["reason"]));
    assert_eq!(exception["additionalProperties"], false);
    assert_eq!(schema["required"], serde_json::json!(["version", "sources"]));
}

#[test]
fn rules_are_read_from_files_and_from_folders_with_all_that_is_below_in_order() {
    let folder = folder(&[
        ("rules/b.yml", ""),
        ("rules/a.yaml", ""),
        ("rules/deep/er/c.yml", ""),
        ("rules/b.match.jsonl", ""),
        ("rules/README.md", ""),
        ("rules/.git/d.yml", ""),
        ("one.sigma", ""),
    ]);
    let paths = ["rules", "one.sigma", "rules/b.yml"];
    assert_eq!(
        files(folder.path(), &paths),
        ["rules/a.yaml", "rules/b.yml", "rules/deep/er/c.yml", "one.sigma"]
    );
}

#[test]
fn a_mounted_config_map_is_read_once() {
    let folder = folder(&[("..2026_11_21/own.yml", "")]);
    let at = |name: &str| folder.path().join(name);
    std::os::unix::fs::symlink("..2026_11_21", at("..data")).unwrap();
    std::os::unix::fs::symlink("..data/own.yml", at("own.yml")).unwrap();
    assert_eq!(files(folder.path(), &[""]), ["own.yml"]);
}

#[test]
fn a_folder_in_itself_is_an_error_and_no_endless_search() {
    let folder = folder(&[("rules/a.yml", "")]);
    std::os::unix::fs::symlink(".", folder.path().join("rules/again")).unwrap();
    let (_, errors) = rule_files(&[folder.path().join("rules")]);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].to_string().contains("more than 16 deep"), "{}", errors[0]);
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_read() {
    let folder = folder(&[("rules/a.yml", "text"), ("empty/README.md", "")]);
    fs::write(folder.path().join("rules/b.yml"), [0xff, 0xfe]).unwrap();
    let paths = ["rules", "empty", "missing.yml"].map(|name| folder.path().join(name));
    let (sources, errors) = read_rules(&paths);
    assert_eq!(sources.len(), 1);
    assert_eq!(
        (sources[0].name.as_str(), sources[0].text.as_str()),
        (paths[0].join("a.yml").to_str().unwrap(), "text")
    );
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].contains("empty: this folder has no rules"), "{said:?}");
    assert!(said[1].contains("missing.yml: the rules cannot be read"), "{said:?}");
    assert!(said[2].contains("b.yml: it cannot be read") && said[2].contains("UTF-8"), "{said:?}");
    assert!(rule_sources(&paths).is_err());
    assert_eq!(rule_sources(&[paths[0].join("a.yml")]).unwrap().len(), 1);
}

#[test]
fn the_rules_of_a_configuration_are_used_and_what_is_wrong_with_them_is_told() {
    let folder = folder(&[("rules/good.yml", &rule("good")), ("rules/bad.yml", "title: [")]);
    let path = folder.path().join("sundew.yaml");
    let text = "rules: {builtin: false, paths: [rules], off: [god], exceptions: [{rule: good, reason: over, until: 2020-01-01}]}";
    let (book, errors) = rulebook(&read(text, &path).unwrap());
    let names: Vec<&str> = book.set.rules().iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["good"]);
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("bad.yml"), "{said:?}");
    assert_eq!(said[1], "rules.off: no rule is named `god`; did you mean `good`?");
    assert_eq!(
        book.notes,
        ["the exception for «over» ended on 2020-01-01 23:59 UTC; what it excepted is told again"]
    );
}
