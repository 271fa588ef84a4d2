//! What the configuration says where it is wrong: the place, the problem and what was probably meant.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use sundew_sensor::{Config, config::SourceConfig};

const FILE: &str = "- {type: file, name: log, path: audit.log}";

fn error(text: &str) -> String {
    let said = Config::read(text, Path::new("/etc/sundew.yaml")).unwrap_err().to_string();
    said.strip_prefix("/etc/sundew.yaml: ").unwrap_or_else(|| panic!("names the file: {said}")).to_owned()
}

/// The error of a configuration with these sources, from line 3 on.
fn sources(entries: &str) -> String {
    error(&format!("version: 1\nsources:\n{entries}\n"))
}

/// The error of a configuration with these sinks, from line 5 on.
fn sinks(entries: &str) -> String {
    error(&format!("version: 1\nsources:\n{FILE}\nsinks:\n{entries}\n"))
}

fn assert_says(said: &str, parts: &[&str]) {
    assert!(parts.iter().all(|part| said.contains(part)), "{said}\nshould say {parts:?}");
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_the_nearest_known_one_wherever_it_stands() {
    let top = error(&format!("version: 1\nsource:\n{FILE}\n"));
    assert_says(&top, &["line 2, column 1", "`source`", "did you mean `sources`?"]);

    let source = sources("- type: file\n  name: log\n  path: audit.log\n  strat: end");
    assert_says(&source, &["line 6, column 3", "`strat`", "did you mean `start`?"]);

    let behind_others = sources(&format!("{FILE}\n- name: other\n  paht: x\n  type: file"));
    assert_says(&behind_others, &["line 5, column 3", "`paht`", "did you mean `path`?"]);

    let in_a_row = sources("- {type: webhook, name: hook, listn: '0.0.0.0:9443'}");
    assert_says(&in_a_row, &["line 3, column 31", "`listn`", "did you mean `listen`?"]);

    let sink = sinks("- type: slack\n  name: ops\n  urlFiel: /run/secrets/slack");
    assert_says(&sink, &["line 7, column 3", "`urlFiel`", "did you mean `urlFile`?"]);

    let header = sinks(
        "- type: webhook\n  name: hook\n  url: https://example.org/\n  headers:\n  - name: Authorization\n    valeuFile: token",
    );
    assert_says(&header, &["line 10, column 5", "`valeuFile`", "did you mean `valueFile`?"]);

    let times = error(&format!("version: 1\nsources:\n{FILE}\nincidents: {{quite: 30s}}\n"));
    assert_says(&times, &["line 4, column 13", "`quite`", "did you mean `quiet`?"]);
}

#[test]
fn a_key_of_another_type_is_unknown_here() {
    assert_says(
        &sources("- {type: file, name: log, path: a, listen: '0.0.0.0:1'}"),
        &["line 3, column 36", "`listen`"],
    );
    assert_says(&sinks("- {type: terminal, name: t, path: a}"), &["line 5, column 29", "`path`"]);
}

#[test]
fn a_type_that_is_unknown_or_missing_is_named_with_its_place() {
    let unknown = sources("- type: flie\n  name: log");
    assert_says(&unknown, &["line 3, column 9", "`flie`", "did you mean `file`?"]);
    let unknown = sinks("- name: ops\n  type: slak");
    assert_says(&unknown, &["line 6, column 9", "`slak`", "did you mean `slack`?"]);
    assert_says(
        &sources(&format!("{FILE}\n- name: log\n  path: a")),
        &["line 5, column 3", "missing field `type`"],
    );
}

#[test]
fn a_missing_key_and_a_value_of_another_type_are_named_with_their_place() {
    assert_says(&sources("- type: file\n  name: log"), &["line 4, column 3", "missing field `path`"]);
    let wrong = sources("- type: webhook\n  name: hook\n  listen: nowhere\n  certFile: c\n  keyFile: k");
    assert_says(&wrong, &["line 5, column 11", "invalid socket address"]);
    let wrong = sinks("- type: file\n  minSeverity: severe\n  name: f\n  path: a");
    assert_says(&wrong, &["line 6, column 16", "`severe`"]);
    assert_says(&error("version: 1\n"), &["missing field `sources`"]);
    assert_says(&error("version: 1\nsources: none\n"), &["line 2, column 10"]);
    assert_says(&error("version: 1\nsources:\n- none\n"), &["line 3, column 3"]);
    assert_says(&error("version: [1\n"), &["line "]);
}

#[test]
fn the_same_key_twice_is_refused() {
    let twice = sources("- type: file\n  name: log\n  path: a\n  path: b");
    assert_says(&twice, &["line 6, column 3", "path"]);
}

#[test]
fn the_type_can_stand_anywhere_in_an_entry() {
    for entry in ["{type: stdin, name: in}", "{name: in, type: stdin}"] {
        let text = format!("version: 1\nsources: [{entry}]\n");
        let config = Config::read(&text, Path::new("sundew.yaml")).unwrap();
        assert!(matches!(config.sources[..], [SourceConfig::Stdin(_)]), "{entry}");
        assert_eq!(config.sources[0].name(), "in");
    }
}

#[test]
fn every_type_that_the_schema_has_is_read() {
    let schema = Config::schema();
    let types = |list: &str| -> Vec<String> {
        let kinds = schema["$defs"][list]["oneOf"].as_array().unwrap();
        kinds.iter().map(|kind| kind["properties"]["type"]["const"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((types("SourceConfig").len(), types("SinkConfig").len()), (4, 4));
    for kind in types("SourceConfig") {
        assert_says(&sources(&format!("- {{type: {kind}}}")), &["missing field `name`"]);
    }
    for kind in types("SinkConfig") {
        assert_says(&sinks(&format!("- {{type: {kind}}}")), &["missing field `name`"]);
    }
}

#[test]
fn anchors_and_merges_can_be_used() {
    let text = "
version: 1
sources:
- &log {type: file, name: one, path: one.log, cluster: prod}
- {<<: *log, name: two, path: two.log}
";
    let config = Config::read(text, Path::new("sundew.yaml")).unwrap();
    assert_eq!(config.sources[1].name(), "two");
    assert_eq!(config.cluster_of(&config.sources[1]), "prod");
}

#[test]
fn a_webhook_that_would_take_events_from_anybody_is_refused() {
    let said =
        sources("- {type: webhook, name: hook, listen: '0.0.0.0:9443', certFile: c.pem, keyFile: k.pem}");
    assert_says(&said, &["source `hook`", "from anybody", "`tokenFile`", "`clientCaFile`"]);
}

#[test]
fn names_of_sources_and_sinks_are_unique() {
    let said = sources(&format!("{FILE}\n{FILE}"));
    assert_says(&said, &["two sources are named `log`"]);
    let sink = "- {type: terminal, name: out}";
    assert_says(&sinks(&format!("{sink}\n{sink}")), &["`out`"]);
    let said = sources("- {type: stdin, name: a}\n- {type: stdin, name: b}");
    assert_says(&said, &["standard input can be read by one source only"]);
}

#[test]
fn there_must_be_something_to_watch() {
    assert_says(&error("version: 1\nsources: []\n"), &["`sources` is empty", "add a source"]);
}

#[test]
fn times_need_a_unit_and_must_be_more_than_nothing() {
    for wrong in ["15", "soon", "-5m", "0s", "''", "1 fortnight"] {
        let said = error(&format!("version: 1\nsources:\n{FILE}\nincidents:\n  window: {wrong}\n"));
        assert_says(&said, &["line 5, column 11", "is no time", "15m"]);
    }
    let text =
        format!("version: 1\nsources:\n{FILE}\nincidents: {{window: 1h 30m, quiet: 5s, giveUpAfter: 24h}}\n");
    let config = Config::read(&text, Path::new("sundew.yaml")).unwrap();
    assert_eq!(config.incidents.window, jiff::SignedDuration::from_mins(90));
}

#[test]
fn another_version_is_named_before_its_keys_are_looked_at() {
    let said = error("version: 2\nwatch:\n- everything\n");
    assert_says(&said, &["`version` is 2", "reads version 1"]);
    assert_says(&error(&format!("sources:\n{FILE}\n")), &["missing field `version`"]);
}

#[test]
fn a_slack_url_in_the_configuration_is_refused_with_its_place_and_not_shown() {
    let said = sinks("- type: slack\n  name: ops\n  url: https://hooks.slack.com/services/hush");
    assert_says(&said, &["line 7", "urlFile", "urlEnv"]);
    assert!(!said.contains("hush"), "{said}");
}

#[test]
fn relative_paths_start_at_the_folder_of_the_file() {
    let text = "
version: 1
inventory: decoys.yaml
posture: scans/posture.json
sources:
- {type: file, name: log, path: /var/log/audit.log}
- {type: webhook, name: hook, listen: '[::1]:9443', certFile: tls/c.pem, keyFile: tls/k.pem, tokenFile: token}
- {type: cluster, name: prod, kubeconfig: kube/config}
sinks:
- {type: file, name: out, path: out.json}
";
    let config = Config::read(text, Path::new("/etc/sundew/watch.yaml")).unwrap();
    assert_eq!(config.store, Path::new("/etc/sundew/sundew.db"));
    assert_eq!(config.inventory.as_deref(), Some(Path::new("/etc/sundew/decoys.yaml")));
    assert_eq!(config.posture.as_deref(), Some(Path::new("/etc/sundew/scans/posture.json")));
    let [SourceConfig::File(file), SourceConfig::Webhook(hook), SourceConfig::Cluster(cluster)] =
        &config.sources[..]
    else {
        panic!()
    };
    assert_eq!(cluster.kubeconfig.as_deref(), Some(Path::new("/etc/sundew/kube/config")));
    assert!(cluster.pods && cluster.secrets && cluster.context.is_none());
    assert_eq!(file.path, Path::new("/var/log/audit.log"));
    assert_eq!(hook.token_file.as_deref(), Some(Path::new("/etc/sundew/token")));
}

#[test]
fn a_cluster_source_watches_something_and_each_cluster_has_one() {
    let said = sources("- {type: cluster, name: prod, pods: false, secrets: false}");
    assert_says(&said, &["source `prod`", "would watch nothing", "`pods` or `secrets`"]);
    let said = sources("- {type: cluster, name: a}\n- {type: cluster, name: b}");
    assert_says(&said, &["source `b`", "second of type cluster", "cluster `default`"]);
    let two =
        "version: 1\nsources:\n- {type: cluster, name: a}\n- {type: cluster, name: b, cluster: other}\n";
    assert_eq!(Config::read(two, Path::new("sundew.yaml")).unwrap().sources.len(), 2);
}

#[test]
fn drills_need_a_cluster_whose_decoys_can_be_used() {
    let drill = "drill: {every: 24h}";
    for source in [FILE, "- {type: cluster, name: prod, secrets: false}"] {
        let said = error(&format!("version: 1\nsources:\n{source}\n{drill}\n"));
        assert_says(&said, &["`drill` needs a source of type cluster"]);
    }
    let text = format!("version: 1\nsources: [{{type: cluster, name: prod}}]\n{drill}\n");
    let config = Config::read(&text, Path::new("sundew.yaml")).unwrap();
    let read = config.drill.unwrap();
    assert_eq!(
        (read.every, read.patience),
        (jiff::SignedDuration::from_hours(24), std::time::Duration::from_secs(60))
    );
    let wrong = text.replace("24h", "daily");
    assert_says(&error(&wrong), &["line 3, column 16", "`daily` is no time"]);
}

#[test]
fn silence_is_a_time_or_never_and_half_an_hour_where_nothing_is_said() {
    let silence = |text: &str| {
        let text = format!("version: 1\nsources:\n- {{type: file, name: log, path: a{text}}}\n");
        Config::read(&text, Path::new("sundew.yaml")).unwrap().sources[0].silence().longest()
    };
    assert_eq!(silence(""), Some(jiff::SignedDuration::from_mins(30)));
    assert_eq!(silence(", silence: 2h"), Some(jiff::SignedDuration::from_hours(2)));
    assert_eq!(silence(", silence: never"), None);
    let said = sources("- {type: file, name: log, path: a, silence: sometimes}");
    assert_says(&said, &["line 3", "`sometimes` is no time", "`never`"]);
    let said = sources("- {type: stdin, name: in, silence: 1h}");
    assert_says(&said, &["`silence`"]);
}
